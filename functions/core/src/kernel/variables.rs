//! Builds the configuration from the operator's settings ([`Options`]), whatever their source: an environment, the
//! variables of a component, the settings of a Worker, or flags and files.
//!
//! An empty variable counts as unset.

use std::collections::BTreeMap;

use http::{Response, StatusCode};
use options::{Networks, Options as _};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::kernel::body::Body;
use crate::kernel::config::{
    Config, ConfigError, Connector, ConnectorKind, DefaultNetwork, MailService, TurnConfig,
};
use crate::kernel::cors;
use crate::kernel::options::Options;
use crate::kernel::problem::Failure;
use crate::kernel::request::protect;

/// The longest name of a space, in bytes.
const MAX_NAME: usize = 100;

/// The parsed variables.
#[derive(Clone, Debug)]
pub struct Variables {
    /// Configuration of the functions.
    pub config: Config,
    /// How many days superseded documents are kept.
    pub retention_days: u32,
    /// Whether the last entry of `x-forwarded-for` is the client's address.
    pub behind_proxy: bool,
    /// Whether the addresses that users enter (of storages and of buckets) may lead to private networks.
    pub any_network: bool,
}

impl Variables {
    /// Reads all variables; `get` returns the value of one.
    ///
    /// # Errors
    /// One sentence: which variable is missing or wrong, and what is expected. It reveals no secret.
    pub fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let options = Options::read(&|name| {
            get(&options::variable(name)).filter(|value| !value.trim().is_empty())
        });
        Self::new(options.map_err(ConfigError::Option)?)
    }

    /// Uses the options that are set.
    ///
    /// # Errors
    /// One sentence: which variable is missing or wrong, and what is expected. It reveals no secret.
    pub fn new(options: Options) -> Result<Self, ConfigError> {
        let origin = options.origin.as_ref().ok_or(ConfigError::Missing {
            name: "SUBSPACE_ORIGIN",
            expected: "the address under which browsers reach this server, like https://chat.example.org",
        })?;
        let key = options.master_key.as_ref().ok_or(ConfigError::Missing {
            name: "SUBSPACE_MASTER_KEY",
            expected: "64 hexadecimal digits (`openssl rand -hex 32` makes some)",
        })?;
        let mut config = Config::new(origin, master_key(&key.0)?)?;
        config.default_quota = options.quota();
        if options.name.len() > MAX_NAME || options.name.chars().any(char::is_control) {
            return Err(wrong("SUBSPACE_NAME", "at most 100 bytes on one line"));
        }
        config.name = options.name;
        config.storage_origin = options
            .storage_origin
            .map(|origin| Config::parse_origin(&origin))
            .transpose()?;
        config.setup_token = options.setup_token.map(|token| token.0.trim().to_owned());
        config.max_document_size = options.max_document_size;
        config.password_cost = options.password_cost;
        if let Some(text) = options.mail {
            config.mail = Some(mail(&text.0)?);
        }
        if let Some(text) = options.connectors {
            config.connectors = connectors(&text.0, config.mail.as_ref())?;
        }
        if let Some(text) = options.internal {
            config.internal = internal(&text.0)?;
        }
        if let Some(text) = options.network {
            config.network = Some(network(&text.0)?);
        }
        config.turn = turn(
            options.turn_urls,
            options.turn_secret.map(|secret| secret.0),
        )?;
        Ok(Self {
            config,
            retention_days: options.retention_days,
            behind_proxy: options.behind_proxy,
            any_network: options.networks == Some(Networks::Any),
        })
    }

    /// Returns how long superseded documents are kept, in milliseconds.
    #[must_use]
    pub const fn keep_millis(&self) -> i64 {
        // From<u32> is not const.
        self.retention_days as i64 * 24 * 60 * 60 * 1000
    }
}

/// Parses the internal addresses of connectors: JSON, `{"irc":"http://10.0.0.5:6701"}`.
///
/// # Errors
/// If it is anything else.
pub fn internal(json: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let refused = || {
        wrong(
            "SUBSPACE_INTERNAL",
            "{\"id\":\"http://host:port\"} with an origin for the id of each connector",
        )
    };
    let given: BTreeMap<String, String> =
        serde_json::from_slice(json.as_bytes()).map_err(|_| refused())?;
    let checked = given.into_iter().map(|(id, origin)| {
        let origin = Config::parse_origin(&origin).map_err(|_| refused())?;
        Ok((id, origin))
    });
    checked.collect()
}

/// Parses the addresses of the TURN servers, with the secret: both or neither.
fn turn(urls: Option<String>, secret: Option<String>) -> Result<Option<TurnConfig>, ConfigError> {
    let (Some(urls), Some(secret)) = (&urls, &secret) else {
        return match (urls, secret) {
            (None, None) => Ok(None),
            (None, _) => Err(wrong(
                "SUBSPACE_TURN_URLS",
                "addresses that belong to SUBSPACE_TURN_SECRET",
            )),
            _ => Err(wrong(
                "SUBSPACE_TURN_SECRET",
                "the secret shared with SUBSPACE_TURN_URLS",
            )),
        };
    };
    let urls: Vec<String> = urls.split(',').map(|url| url.trim().to_owned()).collect();
    let fits = |url: &String| {
        (url.starts_with("turn:") || url.starts_with("turns:"))
            && url.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !urls.iter().all(fits) {
        return Err(wrong(
            "SUBSPACE_TURN_URLS",
            "addresses like turn:turn.example.org:3478, separated by commas",
        ));
    }
    let secret = secret.trim().as_bytes().to_vec();
    if secret.len() < 16 {
        return Err(wrong(
            "SUBSPACE_TURN_SECRET",
            "at least 16 bytes (`openssl rand -hex 32` makes some)",
        ));
    }
    Ok(Some(TurnConfig { urls, secret }))
}

/// Parses the mail service: JSON, `{"domain","connector","sends"}`; `sends` defaults to false.
///
/// # Errors
/// If it is anything else.
pub fn mail(json: &str) -> Result<MailService, ConfigError> {
    #[derive(Deserialize)]
    struct Entry {
        domain: String,
        connector: String,
        #[serde(default)]
        sends: bool,
    }
    let refused = || {
        wrong(
            "SUBSPACE_MAIL",
            "{\"domain\",\"connector\"} with a domain name",
        )
    };
    let entry: Entry = serde_json::from_slice(json.as_bytes()).map_err(|_| refused())?;
    let domain = entry.domain.to_ascii_lowercase();
    let fits = (1..=253).contains(&domain.len())
        && domain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    if !fits {
        return Err(refused());
    }
    Ok(MailService {
        domain,
        connector: entry.connector,
        sends: entry.sends,
    })
}

/// The shortest text accepted as a master key, in characters.
const MIN_KEY_TEXT: usize = 40;

/// Parses a master key: 64 hexadecimal digits, or a passphrase, such as from a password manager, which is hashed;
/// surrounding blanks are ignored.
///
/// # Errors
/// If it is anything else; the error does not show it.
pub fn master_key(text: &str) -> Result<[u8; 32], ConfigError> {
    let text = text.trim();
    let refused = || {
        let expected = "64 hexadecimal digits, or at least 40 characters of other text";
        wrong("SUBSPACE_MASTER_KEY", expected)
    };
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.chars().count() >= MIN_KEY_TEXT {
        return Ok(Sha256::digest(text.as_bytes()).into());
    }
    let key = protocol::from_hex(text).and_then(|key| key.try_into().ok());
    key.ok_or_else(refused)
}

/// Parses the list of connectors: JSON, `[{"id","kind","url","platforms","key"}]` with hexadecimal keys. If the kind is
/// missing, it follows from the platforms and from which one receives mail.
///
/// # Errors
/// If it is anything else; the error does not show keys.
pub fn connectors(json: &str, mail: Option<&MailService>) -> Result<Vec<Connector>, ConfigError> {
    #[derive(Deserialize)]
    struct Entry {
        id: String,
        #[serde(default)]
        kind: Option<String>,
        url: String,
        platforms: Vec<String>,
        key: String,
    }
    let expected = "[{\"id\",\"kind\",\"url\",\"platforms\",\"key\"}] with a kind of gateway, ircd or smtp, platforms only of gateways, and keys of at least 32 hexadecimal digits";
    let refused = || wrong("SUBSPACE_CONNECTORS", expected);
    let list: Vec<Entry> = serde_json::from_slice(json.as_bytes()).map_err(|_| refused())?;
    list.into_iter()
        .map(|entry| {
            let takes_mail = mail.is_some_and(|mail| mail.connector == entry.id);
            let kind = match entry.kind {
                Some(kind) => kind.parse().map_err(|()| refused())?,
                None => ConnectorKind::guess(&entry.platforms, takes_mail),
            };
            if kind != ConnectorKind::Gateway && !entry.platforms.is_empty() {
                return Err(refused());
            }
            Ok(Connector {
                id: entry.id,
                kind,
                url: Config::parse_origin(&entry.url)?,
                platforms: entry.platforms,
                key: protocol::connector_key(&entry.key).map_err(|_| refused())?,
            })
        })
        .collect()
}

/// Parses the space's own IRC server: JSON, `{"name","server","host","port","secure","channels"}`.
///
/// # Errors
/// If it is anything else.
pub fn network(json: &str) -> Result<DefaultNetwork, ConfigError> {
    #[derive(Deserialize)]
    struct Entry {
        name: String,
        server: String,
        host: String,
        port: u16,
        secure: bool,
        #[serde(default)]
        channels: Vec<String>,
    }
    let expected = "{\"name\",\"server\",\"host\",\"port\",\"secure\",\"channels\"}";
    let entry: Entry =
        serde_json::from_slice(json.as_bytes()).map_err(|_| wrong("SUBSPACE_NETWORK", expected))?;
    Ok(DefaultNetwork {
        name: entry.name,
        server: entry.server,
        host: entry.host,
        port: entry.port,
        secure: entry.secure,
        channels: entry.channels,
        other_ports: Vec::new(),
    })
}

/// The response to every request of a host with an invalid configuration: 500 with the reason.
#[must_use]
pub fn misconfigured(error: &dyn std::fmt::Display) -> Response<Body> {
    let detail = format!("this server is not configured: {error}");
    let mut response = Failure::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response();
    cors::open(None, response.headers_mut());
    protect(response.headers_mut());
    response
}

const fn wrong(name: &'static str, expected: &'static str) -> ConfigError {
    ConfigError::Variable { name, expected }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn turn_servers_come_with_their_secret() {
        const SECRET: &str = "0123456789abcdef";
        let read = |urls: &str, secret: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            turn(some(urls), some(secret))
        };
        assert!(read("", "").unwrap().is_none());
        let urls = "turn:a:3478, turns:b:443?transport=tcp";
        let config = read(urls, SECRET).unwrap().unwrap();
        assert_eq!(config.urls, ["turn:a:3478", "turns:b:443?transport=tcp"]);
        for (urls, secret) in [
            ("turn:a", ""),
            ("", SECRET),
            ("turn:a", "short"),
            ("https://a", SECRET),
        ] {
            let message = read(urls, secret).unwrap_err().to_string();
            assert!(message.contains("SUBSPACE_TURN_"), "{message}");
            assert!(!message.contains(SECRET), "{message}");
        }
    }
    use crate::testing::block_on;

    fn read(pairs: &[(&str, &str)]) -> Result<Variables, ConfigError> {
        let key = "0f".repeat(32);
        let usual = [
            ("SUBSPACE_ORIGIN", "https://chat.example.org"),
            ("SUBSPACE_MASTER_KEY", key.as_str()),
        ];
        Variables::read(&|name| {
            let known = |key: &&str| options::variable(key) == name;
            assert!(Options::NAMES.iter().any(known), "{name}");
            let found = pairs.iter().chain(&usual).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn two_variables_are_enough() {
        let all = read(&[("SUBSPACE_SETUP_TOKEN", "")]).unwrap();
        assert_eq!(all.config.origin, "https://chat.example.org");
        assert_eq!(all.config.master_key, [15; 32]);
        assert_eq!(all.config.setup_token, None, "an empty one is none");
        assert_eq!(
            all.config.default_quota,
            Some(crate::kernel::config::DEFAULT_QUOTA)
        );
        assert_eq!(all.keep_millis(), 30 * 86_400_000);
        assert!(!all.behind_proxy && !all.any_network);
    }

    #[test]
    fn everything_can_be_set() {
        let key = "ab".repeat(20);
        let connectors = format!(
            r#"[{{"id":"irc","url":"https://irc.example.org/","platforms":["irc"],"key":"{key}"}}]"#
        );
        let network = r##"{"name":"Home","server":"irc.example.org","host":"irc.example.org","port":6697,"secure":true,"channels":["#a"]}"##;
        let all = read(&[
            ("SUBSPACE_NAME", "Home"),
            ("SUBSPACE_STORAGE_ORIGIN", "https://storage.example.org"),
            ("SUBSPACE_SETUP_TOKEN", "token\n"),
            ("SUBSPACE_QUOTA", "0"),
            ("SUBSPACE_MAX_DOCUMENT_SIZE", "1000"),
            ("SUBSPACE_RETENTION_DAYS", "7"),
            ("SUBSPACE_PASSWORD_COST", "light"),
            ("SUBSPACE_BEHIND_PROXY", "true"),
            ("SUBSPACE_CONNECTORS", &connectors),
            ("SUBSPACE_NETWORK", network),
            ("SUBSPACE_NETWORKS", "any"),
            ("SUBSPACE_INTERNAL", r#"{"irc":"http://10.0.0.5:6701/"}"#),
        ])
        .unwrap();
        assert_eq!(all.config.name, "Home");
        assert_eq!(all.config.storage_origin(), "https://storage.example.org");
        assert_eq!(all.config.setup_token.as_deref(), Some("token"));
        assert_eq!(all.config.default_quota, None);
        assert_eq!(all.config.max_document_size, 1000);
        assert_eq!(all.config.connectors[0].url, "https://irc.example.org");
        assert_eq!(all.config.connectors[0].key, [0xab; 20]);
        assert_eq!(all.config.network.unwrap().port, 6697);
        assert_eq!(all.config.internal["irc"], "http://10.0.0.5:6701");
        assert_eq!(all.retention_days, 7);
        assert_eq!(
            all.config.password_cost,
            crate::kernel::password::PasswordCost::Light
        );
        assert!(all.behind_proxy && all.any_network);
    }

    #[test]
    fn a_long_text_is_a_master_key_too() {
        let text = "a passphrase that is long enough for everybody";
        let key = master_key(&format!(" {text}\n")).unwrap();
        assert_eq!(key, master_key(text).unwrap());
        assert_ne!(key, master_key(&text.to_uppercase()).unwrap());
        assert_eq!(master_key(&"0F".repeat(32)).unwrap(), [15; 32]);
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is_shown() {
        for (name, value) in [
            ("SUBSPACE_ORIGIN", ""),
            ("SUBSPACE_MASTER_KEY", ""),
            ("SUBSPACE_MASTER_KEY", "s3cret"),
            ("SUBSPACE_MASTER_KEY", &"0f".repeat(31)),
            ("SUBSPACE_QUOTA", "-1"),
            ("SUBSPACE_MAX_DOCUMENT_SIZE", "1 MB"),
            ("SUBSPACE_RETENTION_DAYS", "x"),
            ("SUBSPACE_PASSWORD_COST", "none"),
            ("SUBSPACE_BEHIND_PROXY", "yes"),
            (
                "SUBSPACE_CONNECTORS",
                "[{\"id\":\"a\",\"url\":\"https://a\",\"platforms\":[],\"key\":\"s3cret\"}]",
            ),
            ("SUBSPACE_NETWORK", "{}"),
            ("SUBSPACE_NETWORKS", "all"),
            ("SUBSPACE_INTERNAL", "{\"irc\":\"10.0.0.5\"}"),
            ("SUBSPACE_NAME", "a\nb"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn every_request_is_told() {
        let response = misconfigured(&read(&[("SUBSPACE_ORIGIN", "")]).unwrap_err());
        assert_eq!(response.status(), 500);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let body = block_on(response.into_body().collect()).unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("SUBSPACE_ORIGIN is not set"));
    }
}
