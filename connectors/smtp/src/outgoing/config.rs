//! Where outgoing mail goes.

use std::fmt;
use std::path::PathBuf;

use protocol::EmailAddress;

use super::dkim::Dkim;
use crate::Options;

/// Port for submission with STARTTLS (RFC 6409).
const SUBMISSION: u16 = 587;
/// Port for submission with TLS from the first byte (RFC 8314).
const SUBMISSIONS: u16 = 465;
/// Port of mail servers.
pub(super) const SMTP: u16 = 25;

/// How outgoing mail is sent.
#[derive(Clone, Debug)]
pub struct OutgoingConfig {
    /// Where it is sent.
    pub route: Route,
    /// The sender address; replies are read only if someone has set up that mailbox.
    pub from: EmailAddress,
    /// The DKIM key; `None` if mail is not signed.
    pub dkim: Option<Dkim>,
}

/// The route of outgoing mail.
#[derive(Clone, Debug)]
pub enum Route {
    /// To one server that relays it.
    Smarthost(Smarthost),
    /// To the mail servers of each recipient's domain, by its `MX` records.
    Direct {
        /// Their port, 25.
        port: u16,
        /// Whether servers outside the public internet may be reached.
        private: bool,
    },
}

/// A server that relays mail to everywhere.
#[derive(Clone)]
pub struct Smarthost {
    /// Its name, which its certificate must be for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The protection of the connection.
    pub tls: Protection,
    /// User and password.
    pub login: Option<(String, String)>,
    /// PEM file with a certificate that is trusted in addition to the system's.
    pub authority: Option<PathBuf>,
}

impl fmt::Debug for Smarthost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smarthost")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// The protection of the connection to a smarthost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protection {
    /// STARTTLS; nothing is sent to a server that does not offer it.
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// None: for a server on the same machine.
    None,
}

impl OutgoingConfig {
    /// Parses the operator's options; returns `None` if no mail is sent.
    ///
    /// # Errors
    /// One sentence: which key is wrong and what is expected, or that a key file cannot be read; it never contains a
    /// password.
    pub(crate) fn read(options: &Options, domain: &str) -> Result<Option<Self>, String> {
        let route = match options.out.as_str() {
            "off" => return Ok(None),
            "direct" => Route::Direct {
                port: options.out_port.unwrap_or(SMTP),
                private: options.out_private,
            },
            server => Route::Smarthost(smarthost(server, options)?),
        };
        let from = options.from.clone();
        let from = from.unwrap_or_else(|| format!("subspace@{domain}"));
        let from: EmailAddress = from
            .parse()
            .map_err(|_| wrong("mail_from", &from, "an e-mail address"))?;
        let dkim = match (&options.dkim_key, options.dkim_selector.as_deref()) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err(
                    "mail-dkim-selector: there is no key for it; set mail-dkim-key".to_owned(),
                );
            }
            (Some(path), selector) => {
                let pem = std::fs::read(path).map_err(|error| {
                    format!("mail-dkim-key: cannot read {}: {error}", path.display())
                })?;
                Some(Dkim::new(&pem, selector, from.domain())?)
            }
        };
        Ok(Some(Self { route, from, dkim }))
    }
}

/// One sentence: which key is wrong and what is expected.
fn wrong(key: &str, found: &str, expected: &'static str) -> String {
    options::Invalid::new(key, Some(found.to_owned()), expected).to_string()
}

fn smarthost(text: &str, options: &Options) -> Result<Smarthost, String> {
    let expected = || {
        wrong(
            "mail_out",
            text,
            "off, direct, or a server like mail.example.org:587",
        )
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| expected())?),
        None => (text, SUBMISSION),
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(fits) {
        return Err(expected());
    }
    let tls = match options.out_tls.as_deref() {
        Some("starttls") => Protection::StartTls,
        Some("implicit") => Protection::Implicit,
        Some("off") => Protection::None,
        None if port == SUBMISSIONS => Protection::Implicit,
        None => Protection::StartTls,
        Some(other) => {
            return Err(wrong("mail_out_tls", other, "starttls, implicit or off"));
        }
    };
    let login = match (&options.out_user, &options.out_password) {
        (None, None) => None,
        (Some(user), Some(password)) => Some((user.clone(), password.0.clone())),
        (Some(_), None) => {
            return Err("mail-out-user: there is no password for it; set mail-out-password-file or SUBSPACE_MAIL_OUT_PASSWORD".to_owned());
        }
        (None, Some(_)) => {
            return Err(
                "mail-out-user: found nothing, expected the user of the password".to_owned(),
            );
        }
    };
    if login.is_some() && tls == Protection::None {
        return Err(
            "mail-out-tls: off would expose the password in transit; expected starttls or implicit"
                .to_owned(),
        );
    }
    Ok(Smarthost {
        host: host.to_owned(),
        port,
        tls,
        login,
        authority: options.out_ca.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(
        out: &str,
        tls: Option<&str>,
        login: (Option<&str>, Option<&str>),
    ) -> Result<Option<OutgoingConfig>, String> {
        let mut options: Options = options::defaults();
        options.out = out.to_owned();
        options.out_tls = tls.map(str::to_owned);
        options.out_user = login.0.map(str::to_owned);
        options.out_password = login.1.map(|text| options::Secret(text.to_owned()));
        OutgoingConfig::read(&options, "chat.example.org")
    }

    #[test]
    fn a_server_is_reached_safely_unless_said_otherwise() {
        let server = |out: &str, tls| match parse(out, tls, (None, None)).unwrap().unwrap() {
            OutgoingConfig {
                route: Route::Smarthost(server),
                from,
                ..
            } => {
                assert_eq!(from.as_str(), "subspace@chat.example.org");
                (server.host, server.port, server.tls)
            }
            other => panic!("{other:?}"),
        };
        let host = || "mail.example.org".to_owned();
        assert_eq!(
            server("mail.example.org", None),
            (host(), 587, Protection::StartTls)
        );
        assert_eq!(
            server("mail.example.org:465", None),
            (host(), 465, Protection::Implicit)
        );
        assert_eq!(
            server("mail.example.org:25", Some("off")),
            (host(), 25, Protection::None)
        );
        assert!(parse("off", None, (None, None)).unwrap().is_none());
        assert!(matches!(
            parse("direct", None, (None, None)).unwrap().unwrap().route,
            Route::Direct {
                port: 25,
                private: false
            }
        ));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_shown() {
        for (out, tls, login, key) in [
            ("mail example", None, (None, None), "mail-out:"),
            ("mail:x", None, (None, None), "mail-out:"),
            ("u:s3cret@a", None, (None, None), "mail-out:"),
            ("u:s3cret@a:587", None, (None, None), "mail-out:"),
            ("smtp://u:s3cret@a", None, (None, None), "mail-out:"),
            ("", None, (None, None), "mail-out:"),
            ("a:1", Some("ssl"), (None, None), "mail-out-tls:"),
            ("a:1", Some("s3cret"), (None, None), "mail-out-tls:"),
            ("s3cret word", None, (None, None), "mail-out:"),
            (
                "a:1",
                Some("off"),
                (Some("u"), Some("s3cret")),
                "mail-out-tls:",
            ),
            ("a:1", None, (Some("u"), None), "mail-out-user:"),
            ("a:1", None, (None, Some("s3cret")), "mail-out-user:"),
        ] {
            let error = parse(out, tls, login).unwrap_err();
            assert!(
                error.starts_with(key) && !error.contains("s3cret"),
                "{error}"
            );
        }
        let shown = parse("a:1", None, (Some("u"), Some("s3cret"))).unwrap();
        assert!(!format!("{shown:?}").contains("s3cret"));
    }
}
