//! The operator's configuration. It is passed in, never read from an environment here.

use std::collections::BTreeMap;

pub use protocol::ConnectorKind;
use url::Url;

use crate::kernel::password::PasswordCost;

/// The largest document, in bytes, unless configured otherwise: 100 MiB.
pub const DEFAULT_MAX_DOCUMENT_SIZE: u64 = 100 * 1024 * 1024;
/// The quota of an account, in bytes, unless configured otherwise: 10 GiB.
pub const DEFAULT_QUOTA: u64 = 10 * 1024 * 1024 * 1024;

/// Configuration of the functions.
#[derive(Clone)]
pub struct Config {
    /// Name of the installation, shown to people.
    pub name: String,
    /// Origin of `/api`, `/oauth` and WebFinger, `https://chat.example.org`.
    pub origin: String,
    /// Origin of `/storage`, if it is another one (safer: stored pages then run elsewhere).
    pub storage_origin: Option<String>,
    /// The installation's secret: encrypts connection secrets and signs forms. If it is lost, so are those secrets.
    pub master_key: [u8; 32],
    /// Allows creating the first account; if absent, nobody can over HTTP.
    pub setup_token: Option<String>,
    /// The connectors of this installation.
    pub connectors: Vec<Connector>,
    /// Origins at which the functions reach connectors (by id), where they differ from those that browsers use.
    pub internal: BTreeMap<String, String>,
    /// The private IRC server that every new account is connected to.
    pub network: Option<DefaultNetwork>,
    /// The TURN servers that relay calls.
    pub turn: Option<TurnConfig>,
    /// Mail for channels, if the installation accepts mail.
    pub mail: Option<MailService>,
    /// Quota of an account in bytes, unless its record has its own; `None` means unlimited.
    pub default_quota: Option<u64>,
    /// The largest document in bytes.
    pub max_document_size: u64,
    /// The cost of hashing a password.
    pub password_cost: PasswordCost,
    /// Whether failed guesses are counted in the store, for hosts with many or short-lived instances: a few more
    /// requests to the store per sign-in and per wrong token, one per event of a hook.
    pub shared_counters: bool,
}

/// A program that signs its requests.
#[derive(Clone)]
pub struct Connector {
    /// Its id, as in its signatures and tickets.
    pub id: String,
    /// Its role.
    pub kind: ConnectorKind,
    /// Origin of its Sockethub server as browsers reach it.
    pub url: String,
    /// Platforms it serves, `irc`.
    pub platforms: Vec<String>,
    /// The key shared with it, which signs its requests and its tickets.
    pub key: Vec<u8>,
}

/// TURN servers that share a secret with the functions.
#[derive(Clone)]
pub struct TurnConfig {
    /// Where browsers reach them, `turn:turn.example.org:3478?transport=udp` (RFC 7065).
    pub urls: Vec<String>,
    /// The secret that credentials are derived from.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for TurnConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TurnConfig")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

/// The IRC server that belongs to the installation.
#[derive(Clone, Debug)]
pub struct DefaultNetwork {
    /// Its name for people.
    pub name: String,
    /// The server's name in ids and archives.
    pub server: String,
    /// Host that connectors dial.
    pub host: String,
    /// Port that connectors dial.
    pub port: u16,
    /// Whether to use TLS.
    pub secure: bool,
    /// Channels that new accounts join.
    pub channels: Vec<String>,
    /// Other ports on which the same server listens, as far as known.
    pub other_ports: Vec<u16>,
}

/// Mail for channels.
#[derive(Clone, Debug)]
pub struct MailService {
    /// The mail domain of channels' addresses, lower case.
    pub domain: String,
    /// Id of the connector that receives mail.
    pub connector: String,
    /// Whether it also sends mail.
    pub sends: bool,
}

/// A configuration that cannot work.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Not an origin.
    #[error(
        "origin \"{0}\" is not valid: expected one like https://chat.example.org or http://127.0.0.1:6700, \
         without a path"
    )]
    Origin(String),
    /// A required variable is missing.
    #[error("{name} is not set; expected {expected}")]
    Missing {
        /// Its name.
        name: &'static str,
        /// What is expected.
        expected: &'static str,
    },
    /// An option has an invalid value; not shown, since it may be secret.
    #[error("{} is not what it must be: {}", options::variable(&.0.name), .0.expected)]
    Option(options::Invalid),
    /// A variable has an invalid value; not shown, since it may be secret.
    #[error("{name} is not what it must be: {expected}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is expected.
        expected: &'static str,
    },
}

impl Config {
    /// Creates a configuration with defaults for everything but the origin and the key.
    ///
    /// # Errors
    /// If `origin` is not an http or https origin.
    pub fn new(origin: &str, master_key: [u8; 32]) -> Result<Self, ConfigError> {
        Ok(Self {
            name: "Subspace".to_owned(),
            origin: Self::parse_origin(origin)?,
            storage_origin: None,
            master_key,
            setup_token: None,
            connectors: Vec::new(),
            internal: BTreeMap::new(),
            network: None,
            turn: None,
            mail: None,
            default_quota: Some(DEFAULT_QUOTA),
            max_document_size: DEFAULT_MAX_DOCUMENT_SIZE,
            password_cost: PasswordCost::default(),
            shared_counters: false,
        })
    }

    /// Normalises an origin: lower case, no default port, no trailing slash.
    ///
    /// # Errors
    /// If the text is not an http or https origin.
    pub fn parse_origin(text: &str) -> Result<String, ConfigError> {
        let invalid = || ConfigError::Origin(options::shown(text));
        let url = Url::parse(text).map_err(|_| invalid())?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(invalid());
        }
        Ok(url.origin().ascii_serialization())
    }

    /// Returns the host and port of the origin as in user addresses, `chat.example.org` or `127.0.0.1:6700`.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.origin
            .split_once("://")
            .map_or(self.origin.as_str(), |(_, authority)| authority)
    }

    /// Returns the storage root of an account, without a trailing slash.
    #[must_use]
    pub fn storage_root(&self, account: &protocol::AccountName) -> String {
        format!("{}/storage/{account}", self.storage_origin())
    }

    /// Returns the origin of `/storage`.
    #[must_use]
    pub fn storage_origin(&self) -> &str {
        self.storage_origin.as_deref().unwrap_or(&self.origin)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("origin", &self.origin)
            .field("storage_origin", &self.storage_origin)
            .field("connectors", &self.connectors)
            .field("network", &self.network)
            .field("mail", &self.mail)
            .field("default_quota", &self.default_quota)
            .field("max_document_size", &self.max_document_size)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("url", &self.url)
            .field("platforms", &self.platforms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_normalised_or_refused() {
        let config = Config::new("https://Chat.Example.org:443/", [0; 32]).unwrap();
        assert_eq!(config.origin, "https://chat.example.org");
        assert_eq!(config.authority(), "chat.example.org");
        let config = Config::new("http://127.0.0.1:6700", [0; 32]).unwrap();
        assert_eq!(config.authority(), "127.0.0.1:6700");
        for bad in [
            "",
            "chat.example.org",
            "ftp://x",
            "https://x/path",
            "https://u@x",
            "https://x/?q",
        ] {
            assert!(Config::new(bad, [0; 32]).is_err(), "{bad}");
        }
        let refused = Config::new("https://u:hunter2@x", [0; 32]).unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }

    #[test]
    fn secrets_do_not_show() {
        let mut config = Config::new("https://x", [77; 32]).unwrap();
        config.setup_token = Some("set-up-token".into());
        config.connectors.push(Connector {
            id: "irc".into(),
            kind: ConnectorKind::Gateway,
            url: "https://irc".into(),
            platforms: vec![],
            key: b"connector-key".to_vec(),
        });
        let shown = format!("{config:?}");
        assert!(!shown.contains("77, 77") && !shown.contains("set-up-token"));
        assert!(!shown.contains("99, 111, 110"), "{shown}");
    }
}
