//! The operator's options, declared once: for the program on its own, and for programs that embed the server.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use connector_kit::ConnectorOptions;
use options::{Kind, List, Listen, Secret, Value};
use program::AddressRange;
use protocol::AccountName;
use settings::Renamed;

use crate::{DefaultChannel, Guests, IrcdConfig, Limits, TlsConfig};

options::options! {
    /// Options of the server.
    #[derive(Clone, Debug)]
    pub struct Options {
        /// Address for clients without TLS.
        listen: Listen = "127.0.0.1:6667", "ADDR", "an address like 127.0.0.1:6667, or off";
        /// The server's name in ids and archives, a host name with a dot.
        name: Option<String>, or "irc.subspace.local; in `subspace` the origin's host if it is a domain name, else irc.localhost",
            "NAME", "a host name with a dot, like irc.example.org";
        /// Message of the day, any number of lines.
        motd: String = "", "TEXT", "a text";
        /// Link to the icon of the network, for clients that show it.
        icon: Option<String>, "URL", "a link that begins with https://";
        /// Where clients upload files, with the account's name and password (soju.im/FILEHOST).
        file_host: Option<String>, "URL", "a link that begins with https://";
        /// Accounts that are administrators of the server and operators of the initial channels.
        operators: List<AccountName>, or "none", "ACCOUNTS", "names of accounts";
        /// Who may connect without an account: `loopback`, `on` or `off`.
        guests: Guests = "loopback", "WHO", "loopback, on or off";
        /// Addresses of connectors, which the per-address limit does not apply to. Loopback is always included.
        trusted: List<IpAddr>, or "none", "IPS", "addresses like 192.0.2.7";
        /// Reverse proxies that forward the client's address (PROXY protocol), and WEBIRC gateways.
        proxies: List<AddressRange>, or "none", "ADDRS", "addresses like 192.0.2.7 or 10.0.0.0/8";
        /// The password of WEBIRC; without it WEBIRC is refused. Only the first line of a file is used.
        webirc_password: Option<Secret>, "TEXT", "a password without blanks";
        /// Address for clients with TLS; it needs a certificate and a key.
        tls_listen: Option<SocketAddr>, "ADDR", "an address like 0.0.0.0:6697";
        /// PEM file with the certificate chain.
        tls_certificate: Option<PathBuf>, "FILE", "a PEM file";
        /// PEM file with the certificate's private key.
        tls_key: Option<PathBuf>, "FILE", "a PEM file";
    }
    with {
        /// The bounds.
        limits: Limits, "limits";
    }
}

options::options! {
    /// Options of the program `subspace-ircd`.
    #[derive(Clone, Debug)]
    pub struct ProgramOptions {
        /// Folder of the log and the channels; one server each.
        ircd_data: PathBuf = "ircd", "DIR", "a folder";
        /// Display name of the network, one word.
        ircd_network: String = "Subspace", "NAME", "a word";
        /// Channels that exist from the first start: names, or a list of tables with `name` and `topic`.
        ircd_channels: Channels = r##"[{"name":"#general","topic":"Welcome! Everybody is here."}]"##,
            "JSON", "names like #general, or a list of {\"name\",\"topic\"}";
        /// Where connectors reach this server, `irc://host:port` or `ircs://host:port` (TLS); with it the server registers
        /// itself at the functions as the private network of the space.
        ircd_public_url: Option<String>, "URL", "irc://host:port or ircs://host:port";
    }
    with {
        /// The server.
        ircd: Options, "ircd";
        /// How it signs; without functions there are only guests.
        connector: ConnectorOptions, "";
    }
}

impl settings::Program for ProgramOptions {
    const NAME: &'static str = "subspace-ircd";
    const OWN: &'static str = "ircd";
    const RENAMED: &'static [Renamed] = &[
        Renamed::flag("functions", "functions_url"),
        Renamed::flag("connector", "connector_id"),
        Renamed::flag("key_file", "connector_key_file"),
        Renamed::flag("proxy", "ircd_proxies"),
    ];
}

/// Channels, as an operator lists them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Channels(pub Vec<DefaultChannel>);

impl Value for Channels {
    const KIND: Kind = Kind::Json;

    fn parse(text: &str) -> Option<Self> {
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(text).ok().map(Self);
        }
        let names = List::<String>::parse(text)?.0.into_iter();
        let bare = |name| DefaultChannel {
            name,
            topic: String::new(),
        };
        Some(Self(names.map(bare).collect()))
    }
}

/// Two options that contradict each other: one sentence with the names of the keys.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(String);

impl Options {
    /// Creates the server's configuration. Key names in errors begin with `prefix`.
    ///
    /// # Errors
    /// Two options contradict each other.
    pub fn config(&self, prefix: &str) -> Result<IrcdConfig, Contradiction> {
        let mut config = IrcdConfig {
            motd: self.motd.clone(),
            icon: self.icon.clone(),
            file_host: self.file_host.clone(),
            operators: self.operators.0.clone(),
            guests: self.guests,
            trusted: self.trusted.0.clone(),
            proxies: self.proxies.0.clone(),
            webirc_password: self.webirc_password(prefix)?,
            tls: self.tls(prefix)?,
            limits: self.limits.clone(),
            ..IrcdConfig::default()
        };
        if let Some(name) = &self.name {
            config.name.clone_from(name);
        }
        Ok(config)
    }

    fn webirc_password(
        &self,
        prefix: &str,
    ) -> Result<Option<crate::secret::Secret>, Contradiction> {
        let Some(secret) = &self.webirc_password else {
            return Ok(None);
        };
        let password = secret.0.lines().next().unwrap_or_default().trim();
        if password.is_empty() || password.contains(' ') {
            return contradiction(format_args!(
                "{prefix}webirc-password: what is given does not begin with a password without blanks"
            ));
        }
        Ok(Some(crate::secret::Secret(password.to_owned())))
    }

    /// The three TLS keys: all or none.
    fn tls(&self, prefix: &str) -> Result<Option<TlsConfig>, Contradiction> {
        match (self.tls_listen, &self.tls_certificate, &self.tls_key) {
            (None, None, None) => Ok(None),
            (Some(listen), Some(certificate), Some(key)) => Ok(Some(TlsConfig {
                listen,
                certificate: certificate.clone(),
                key: key.clone(),
            })),
            (None, certificate, _) => {
                let key = if certificate.is_some() {
                    "certificate"
                } else {
                    "key"
                };
                contradiction(format_args!(
                    "{prefix}tls-{key}: found a file, but not {prefix}tls-listen, the address to use it at"
                ))
            }
            (Some(_), None, _) => contradiction(format_args!(
                "{prefix}tls-certificate: found nothing, expected a PEM file for {prefix}tls-listen"
            )),
            (Some(_), Some(_), None) => contradiction(format_args!(
                "{prefix}tls-key: found nothing, expected the key of {prefix}tls-certificate"
            )),
        }
    }
}

impl ProgramOptions {
    /// Creates the configuration of a server that runs on its own.
    ///
    /// # Errors
    /// Two options contradict each other.
    pub fn config(&self) -> Result<IrcdConfig, Contradiction> {
        Ok(IrcdConfig {
            data: self.ircd_data.clone(),
            network: self.ircd_network.clone(),
            channels: self.ircd_channels.0.clone(),
            ..self.ircd.config("")?
        })
    }
}

fn contradiction<T>(sentence: fmt::Arguments<'_>) -> Result<T, Contradiction> {
    Err(Contradiction(sentence.to_string()))
}

#[cfg(test)]
mod tests {
    use settings::{Given, Loaded};

    use super::*;

    fn load(flags: &[(&str, &str)]) -> Result<Loaded<ProgramOptions>, String> {
        Given::load_pairs(flags, &[]).map_err(|error| error.to_string())
    }

    fn config(flags: &[(&str, &str)]) -> Result<IrcdConfig, String> {
        let options = load(flags)?.options;
        options.config().map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_of_before_says_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ircd.toml");
        std::fs::write(
            &path,
            r##"
            name = "irc.example.org"
            motd = "Hello\nyou"
            operators = ["alice"]
            trusted = ["192.0.2.7"]
            proxies = ["10.0.0.0/8"]
            webirc_password = "s3cret"
            guests = "off"
            [[channels]]
            name = "#team"
            topic = "Ours"
            [[channels]]
            name = "#else"
            [tls]
            listen = "0.0.0.0:6697"
            certificate = "chain.pem"
            key = "key.pem"
            [limits]
            nick = 20
            channel_name = 40
            "##,
        )
        .unwrap();
        let path = path.display().to_string();
        let loaded = load(&[("config", &path), ("guests", "on")]).unwrap();
        let config = loaded.options.config().unwrap();
        assert_eq!(config.name, "irc.example.org");
        assert_eq!(config.motd, "Hello\nyou");
        assert_eq!(config.operators[0].as_str(), "alice");
        assert_eq!(config.trusted, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
        assert_eq!(config.proxies[0].to_string(), "10.0.0.0/8");
        assert_eq!(config.webirc_password.unwrap().0, "s3cret");
        assert_eq!(config.guests, Guests::On);
        assert_eq!(config.channels[0].topic, "Ours");
        assert_eq!(config.channels[1].name, "#else");
        assert_eq!(config.tls.unwrap().listen.port(), 6697);
        assert_eq!((config.limits.nick, config.limits.channel_name), (20, 40));
        let warnings = loaded.warnings.join("\n");
        assert!(warnings.contains("limits.channel_name"), "{warnings}");
        assert!(
            warnings.contains("now called webirc-password"),
            "{warnings}"
        );
        assert_eq!(loaded.warnings.len(), 2, "{warnings}");
    }

    #[test]
    fn flags_of_before_are_taken() {
        let loaded = load(&[
            ("functions", "https://chat.example.org"),
            ("connector", "mine"),
            ("proxy", "10.0.0.0/8,192.0.2.1"),
        ])
        .unwrap();
        let connector = &loaded.options.connector;
        assert_eq!(
            connector.functions_url.as_deref(),
            Some("https://chat.example.org")
        );
        assert_eq!(connector.connector_id.as_deref(), Some("mine"));
        assert_eq!(loaded.options.ircd.proxies.0.len(), 2);
        assert_eq!(loaded.warnings.len(), 3);
        let none = load(&[]).unwrap().options.config().unwrap();
        assert_eq!(none, IrcdConfig::default());
    }

    #[test]
    fn wrong_keys_are_named() {
        let wrong = |flags: &[(&str, &str)]| config(flags).unwrap_err();
        let (listen, file) = (("tls-listen", "0.0.0.0:6697"), ("tls-certificate", "x.pem"));
        let key = ("tls-key", "x.pem");
        assert!(wrong(&[listen]).starts_with("tls-certificate: "));
        assert!(wrong(&[listen, file]).starts_with("tls-key: "));
        assert!(wrong(&[file, key]).contains("but not tls-listen"));
        assert!(wrong(&[key]).starts_with("tls-key: "));
        assert!(wrong(&[("tls-listen", "6697"), file, key]).contains("0.0.0.0:6697"));
        assert!(config(&[listen, file, key]).unwrap().tls.is_some());
        assert!(wrong(&[("proxies", "nginx")]).contains("10.0.0.0/8"));
        assert!(wrong(&[("guests", "maybe")]).contains("loopback, on or off"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let flag = [("webirc-password-file", path.to_str().unwrap())];
        assert!(wrong(&flag).contains("cannot read"));
        std::fs::write(&path, "two words\n").unwrap();
        assert!(config(&flag).is_err());
        std::fs::write(&path, "secret\nnote\n").unwrap();
        let password = config(&flag).unwrap().webirc_password.unwrap();
        assert_eq!(password.0, "secret");
    }
}
