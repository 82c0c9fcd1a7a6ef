//! Options of every gateway that runs as a program of its own, whatever its platform.

use std::net::SocketAddr;
use std::path::PathBuf;

use connector_kit::{ConnectorOptions, ConnectorOptionsError};
use options::{Invalid, List};

use crate::config::GatewayConfig;

options::options! {
    /// Options of a program that is a gateway.
    #[derive(Clone, Debug)]
    pub struct GatewayOptions {
        /// Listen address, for browsers.
        listen: SocketAddr = "127.0.0.1:6701", "ADDR", "an address like 127.0.0.1:6701";
        /// Origin at which browsers reach this connector; if set, the connector registers itself with the functions.
        public_url: Option<String>, "URL", "an origin like https://irc.example.org";
        /// Folder that keeps events until the functions have them.
        spool: PathBuf, "DIR", "a folder";
        /// Origins whose pages may use this connector.
        origins: List<String>, or "any", "ORIGINS", "origins like https://chat.example.org";
        /// Take client addresses from the last entry of x-forwarded-for; only behind a reverse proxy that writes it.
        behind_proxy: bool = "false", "BOOL", "true or false";
    }
    with {
        /// How it reaches the functions, and signs.
        connector: ConnectorOptions, "";
    }
}

/// What a public address looks like.
const ORIGIN: &str = "an origin like https://irc.example.org";

/// Whether it is scheme, host and port only; a path is left to who serves one.
fn is_origin(text: &str) -> bool {
    let uri = text.parse::<http::Uri>();
    uri.is_ok_and(|uri| {
        let authority = uri.authority().map(http::uri::Authority::as_str);
        matches!(uri.scheme_str(), Some("http" | "https"))
            && authority.is_some_and(|authority| !authority.contains('@'))
            && uri.query().is_none()
    })
}

impl GatewayOptions {
    /// Creates the gateway's configuration; `usual_id` is the connector's id if none is configured.
    ///
    /// # Errors
    /// The functions' address or the key is missing, or the public address is not an origin.
    pub fn config(&self, usual_id: &str) -> Result<GatewayConfig, ConnectorOptionsError> {
        let (key, functions) = (self.connector.key()?, self.connector.functions()?);
        let id = self.connector.id(usual_id);
        if let Some(url) = &self.public_url
            && !is_origin(url)
        {
            let invalid = Invalid::new("public_url", Some(url.clone()), ORIGIN);
            return Err(ConnectorOptionsError::NoOrigin(invalid));
        }
        Ok(GatewayConfig {
            origins: self.origins.0.clone(),
            public_url: self.public_url.clone(),
            behind_proxy: self.behind_proxy,
            ..GatewayConfig::new(id, &key, functions, &self.spool)
        })
    }
}

#[cfg(test)]
mod tests {
    use options::Options as _;

    use super::*;

    #[test]
    fn options_are_a_configuration() {
        let set = |name: &str| {
            let value = match name {
                "functions_url" => "https://chat.example.org",
                "connector_key" => "abababababababababababababababab",
                "spool" => "spool",
                "origins" => "https://a,https://b",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let options = GatewayOptions::read(&set).unwrap();
        let config = options.config("smoke").unwrap();
        assert_eq!((config.id.as_str(), config.key), ("smoke", vec![0xab; 16]));
        assert_eq!(config.functions, "https://chat.example.org");
        assert_eq!(config.origins, ["https://a", "https://b"]);
        assert!(!config.behind_proxy && config.public_url.is_none());
        for url in ["https://u:hunter2@x", "ftp://u:hunter2@x", "x y"] {
            let wrong = GatewayOptions {
                public_url: Some(url.to_owned()),
                ..options.clone()
            };
            let said = wrong.config("smoke").unwrap_err().to_string();
            assert!(said.starts_with("public-url: found "), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        let nowhere = GatewayOptions::read(&|name| set(name).filter(|_| name == "spool")).unwrap();
        assert!(nowhere.config("smoke").is_err());
    }
}
