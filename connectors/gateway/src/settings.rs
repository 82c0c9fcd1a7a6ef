//! Options of every gateway that runs as a program of its own, whatever its platform.

use std::net::SocketAddr;
use std::path::PathBuf;

use connector_kit::{ConnectorOptions, ConnectorOptionsError};
use options::List;

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

impl GatewayOptions {
    /// Creates the gateway's configuration; `usual_id` is the connector's id if none is configured.
    ///
    /// # Errors
    /// The functions' address or the key is missing.
    pub fn config(&self, usual_id: &str) -> Result<GatewayConfig, ConnectorOptionsError> {
        let (key, functions) = (self.connector.key()?, self.connector.functions()?);
        let id = self.connector.id(usual_id);
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
        let nowhere = GatewayOptions::read(&|name| set(name).filter(|_| name == "spool")).unwrap();
        assert!(nowhere.config("smoke").is_err());
    }
}
