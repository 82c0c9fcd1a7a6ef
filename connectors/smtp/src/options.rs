//! The operator's options, declared once: for the program on its own, and for programs that embed the connector.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use connector_kit::ConnectorOptions;
use options::{Kind, Listen, Secret, Value};
use settings::Renamed;

use crate::{OutgoingConfig, SmtpConfig, TlsFiles};

options::options! {
    /// Options of the connector. Their keys begin with `mail_` everywhere.
    #[derive(Clone, Debug)]
    pub struct Options {
        /// Listen address for mail, or `off`.
        listen: Listen = "127.0.0.1:2525", "ADDR", "an address like 127.0.0.1:2525, or off";
        /// Domain of the channels' addresses, as known to the functions; required by the standalone program.
        domain: Option<DomainName>, or "the origin's host if it is a domain name, else mail.localhost",
            "NAME", "a domain name like example.org";
        /// Name in the server's greeting.
        host: Option<DomainName>, or "the mail domain", "NAME", "a domain name like example.org";
        /// PEM file with the certificate for STARTTLS, its chain included.
        certificate: Option<PathBuf>, "FILE", "a PEM file";
        /// PEM file with the certificate's private key.
        key: Option<PathBuf>, "FILE", "a PEM file";
        /// Whether SPF, DKIM and DMARC are checked; if not, every mail is shown as unverified.
        checks: bool = "on", "BOOL", "on or off";
        /// DNS server, address and port.
        dns: Option<SocketAddr>, or "those of the system", "ADDR", "an address like 127.0.0.1:53";
        /// Where outgoing mail goes: `off`, `direct` (to the mail servers of the recipients, by their MX records), or
        /// `host:port` of a smarthost.
        out: String = "off", "WHERE", "off, direct, or a server like mail.example.org:587";
        /// How the connection to the smarthost is protected: `starttls`, `implicit` (TLS from the first byte), or `off`, only
        /// for a server on the same machine and without a password.
        out_tls: Option<String>, or "starttls; implicit on port 465", "HOW", "starttls, implicit or off";
        /// User name at the smarthost.
        out_user: Option<String>, "NAME", "a name";
        /// Password at the smarthost.
        out_password: Option<Secret>, "TEXT", "a password";
        /// PEM file with a certificate that is trusted for the smarthost, in addition to the system's.
        out_ca: Option<PathBuf>, "FILE", "a PEM file";
        /// Port of other mail servers for `direct`.
        out_port: Option<u16>, or "25", "PORT", "a port";
        /// Let `direct` reach mail servers that are not on the public internet.
        out_private: bool = "false", "BOOL", "true or false";
        /// Sender address of outgoing mail.
        from: Option<String>, or "subspace@ the mail domain", "ADDRESS", "a mail address";
        /// PEM file with the private key that signs outgoing mail with DKIM; the DNS record for it is logged at the start.
        dkim_key: Option<PathBuf>, or "not signed", "FILE", "a PEM file";
        /// Name of that key in the domain of mail-from.
        dkim_selector: Option<String>, or "subspace", "NAME", "a word";
        /// Seconds before the second attempt to send a mail; the delay doubles each time, up to an hour.
        retry: u64 = "60", "SECONDS", "a number of seconds";
        /// Seconds between polls for mail to send.
        poll: u64 = "10", "SECONDS", "a number of seconds";
    }
}

options::options! {
    /// Options of the program `subspace-smtp-connector`.
    #[derive(Clone, Debug)]
    pub struct ProgramOptions {
        /// Folder of the mail queues.
        spool: PathBuf, "DIR", "a folder";
        /// Address on which `/metrics` and `/healthz` are served, without a password.
        metrics: Option<SocketAddr>, or "not served", "ADDR", "an address like 127.0.0.1:9642";
    }
    with {
        /// The connector.
        mail: Options, "mail";
        /// How it reaches the functions, and signs.
        connector: ConnectorOptions, "";
    }
}

impl settings::Program for ProgramOptions {
    const NAME: &'static str = "subspace-smtp-connector";
    const RENAMED: &'static [Renamed] = &[
        Renamed::flag("functions", "functions_url"),
        Renamed::flag("connector", "connector_id"),
        Renamed::flag("key_file", "connector_key_file"),
        Renamed::flag("listen", "mail_listen"),
        Renamed::variable("smtp", "mail_listen"),
        Renamed::flag("dns", "mail_dns"),
        Renamed::flag("no_checks", "mail_checks").meaning(UNCHECKED),
        Renamed::variable("no_mail_checks", "mail_checks").meaning(UNCHECKED),
    ];
}

/// Values of `mail-checks` from when it was a switch that turned them off.
const UNCHECKED: &[(&str, &str)] = &[("true", "off"), ("false", "on")];

/// A domain name, in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DomainName(pub String);

impl Value for DomainName {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str) -> Option<Self> {
        let fits = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let fits = text.len() <= 253 && text.split('.').all(fits);
        fits.then(|| Self(text.to_ascii_lowercase()))
    }
}

impl Options {
    /// Returns whether mail is sent at all.
    #[must_use]
    pub fn sends(&self) -> bool {
        self.out != "off"
    }

    /// Applies the options to a configuration.
    ///
    /// # Errors
    /// One sentence: which key is wrong and what is expected. It never contains a password.
    pub fn apply(&self, config: &mut SmtpConfig) -> Result<(), String> {
        if let Some(DomainName(host)) = &self.host {
            config.hostname.clone_from(host);
        }
        config.tls = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            (None, None) => None,
            (Some(_), None) => {
                return Err("mail-key: found nothing, expected the key of mail-certificate".into());
            }
            (None, Some(_)) => {
                return Err("mail-certificate: found nothing, expected one for mail-key".into());
            }
        };
        config.checks = self.checks;
        config.dns = self.dns;
        config.outgoing = OutgoingConfig::read(self, &config.mail_domain)?;
        config.limits.first_retry = Duration::from_secs(self.retry.max(1));
        config.limits.outbox = Duration::from_secs(self.poll.max(1));
        Ok(())
    }
}

impl ProgramOptions {
    /// Creates the configuration of a connector that runs on its own.
    ///
    /// # Errors
    /// One sentence: which key is missing or wrong. It never contains a password.
    pub fn config(&self) -> Result<SmtpConfig, String> {
        let text = |error: connector_kit::ConnectorOptionsError| error.to_string();
        let key = self.connector.key().map_err(text)?;
        let functions = self.connector.functions().map_err(text)?;
        let Some(DomainName(domain)) = &self.mail.domain else {
            return Err(
                "mail-domain: found nothing, expected a domain name like example.org; set SUBSPACE_MAIL_DOMAIN"
                    .to_owned(),
            );
        };
        let id = self.connector.id("smtp");
        let mut config = SmtpConfig::new(id, &key, functions, domain, &self.spool);
        self.mail.apply(&mut config)?;
        config.register = true;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use settings::Given;

    use super::*;
    use crate::Route;

    #[test]
    fn the_environment_of_before_says_what_it_said() {
        let key = "ab".repeat(32);
        let loaded = Given::<ProgramOptions>::load_pairs(
            &[],
            &[
                ("SUBSPACE_FUNCTIONS_URL", "https://chat.example.org"),
                ("SUBSPACE_CONNECTOR_ID", "mine"),
                ("SUBSPACE_CONNECTOR_KEY", &key),
                ("SUBSPACE_SMTP", "0.0.0.0:2525"),
                ("SUBSPACE_MAIL_DOMAIN", "Chat.example.org"),
                ("SUBSPACE_SPOOL", "spool"),
                ("SUBSPACE_NO_MAIL_CHECKS", "true"),
                ("SUBSPACE_MAIL_OUT", "mail.example.org:587"),
                ("SUBSPACE_MAIL_OUT_USER", "user"),
                ("SUBSPACE_MAIL_OUT_PASSWORD", "s3cret"),
                ("SUBSPACE_MAIL_RETRY", "5"),
            ],
        )
        .unwrap();
        assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
        let listen = loaded.options.mail.listen.0;
        assert_eq!(listen.unwrap().to_string(), "0.0.0.0:2525");
        let config = loaded.options.config().unwrap();
        assert_eq!((config.id.as_str(), config.checks), ("mine", false));
        assert_eq!(config.hostname, "chat.example.org");
        assert_eq!(config.data, PathBuf::from("spool"));
        assert_eq!(config.limits.first_retry, Duration::from_secs(5));
        assert_eq!(config.limits.outbox, Duration::from_secs(10));
        let Route::Smarthost(server) = config.outgoing.unwrap().route else {
            panic!("it is a smarthost");
        };
        assert_eq!(server.login.unwrap().1, "s3cret");
    }

    #[test]
    fn flags_of_before_are_taken() {
        let loaded = Given::<ProgramOptions>::load_pairs(
            &[
                ("functions", "https://a"),
                ("connector", "mine"),
                ("listen", "127.0.0.1:1"),
                ("dns", "127.0.0.1:53"),
                ("no-checks", "true"),
                ("spool", "s"),
            ],
            &[],
        )
        .unwrap();
        assert_eq!(loaded.warnings.len(), 5);
        let mail = loaded.options.mail;
        assert_eq!(mail.listen.0.unwrap().port(), 1);
        assert!(mail.dns.is_some() && !mail.checks);
    }

    #[test]
    fn domain_names_are_checked() {
        assert_eq!(DomainName::parse("A.b").unwrap().0, "a.b");
        for wrong in ["", "a b", "a..b", "a_b"] {
            assert!(DomainName::parse(wrong).is_none(), "{wrong}");
        }
    }
}
