//! The operator's options.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use options::{List, Listen};
use program::AddressRange;

use crate::config::{BouncerConfig, TlsConfig};

options::options! {
    /// Options of the bouncer.
    #[derive(Clone, Debug)]
    pub struct BouncerOptions {
        /// Address for IRC clients without TLS, which use the networks of their account here.
        listen: Listen = "off", "ADDR", "an address like 127.0.0.1:6677, or off";
        /// Addresses that many people share, which the per-address limits do not apply to. Loopback is always included.
        trusted: List<IpAddr>, or "none", "IPS", "addresses like 192.0.2.7";
        /// Reverse proxies that forward the client's address (PROXY protocol).
        proxies: List<AddressRange>, or "none", "ADDRS", "addresses like 192.0.2.7 or 10.0.0.0/8";
        /// Origins of web pages with an IRC client that may connect by WebSocket, besides those of the host they connect to.
        origins: List<String>, or "none", "ORIGINS", "origins like https://irc.example.org";
        /// Address for IRC clients with TLS; it needs a certificate and a key.
        tls_listen: Option<SocketAddr>, "ADDR", "an address like 0.0.0.0:6698";
        /// PEM file with the certificate chain.
        tls_certificate: Option<PathBuf>, "FILE", "a PEM file";
        /// PEM file with the certificate's private key.
        tls_key: Option<PathBuf>, "FILE", "a PEM file";
    }
}

/// Two options that contradict each other: one sentence with the names of the keys.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(String);

impl BouncerOptions {
    /// Creates the configuration; `None` if no address is given. Key names in errors begin with `prefix`.
    ///
    /// # Errors
    /// Of the three TLS options, some are missing.
    pub fn config(&self, prefix: &str) -> Result<Option<BouncerConfig>, Contradiction> {
        let tls = match (self.tls_listen, &self.tls_certificate, &self.tls_key) {
            (None, None, None) => None,
            (Some(listen), Some(certificate), Some(key)) => Some(TlsConfig {
                listen,
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            _ => {
                return Err(Contradiction(format!(
                    "{prefix}tls-listen, {prefix}tls-certificate and {prefix}tls-key belong together; found only some of them"
                )));
            }
        };
        if self.listen.0.is_none() && tls.is_none() {
            return Ok(None);
        }
        Ok(Some(BouncerConfig {
            listen: self.listen.0,
            tls,
            trusted: self.trusted.0.clone(),
            proxies: self.proxies.0.clone(),
            origins: self.origins.0.clone(),
            ..BouncerConfig::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use options::Options as _;

    use super::*;

    #[test]
    fn tls_needs_all_three_and_nothing_is_on_by_default() {
        let read = |pairs: &[(&str, &str)]| {
            let get = |name: &str| {
                let found = pairs.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            BouncerOptions::read(&get).unwrap().config("bouncer-")
        };
        assert!(read(&[]).unwrap().is_none());
        let plain = read(&[("listen", "127.0.0.1:6677")]).unwrap().unwrap();
        assert_eq!(plain.listen.unwrap().port(), 6677);
        let behind = [("listen", "127.0.0.1:6677"), ("proxies", "10.0.0.0/8")];
        let behind = read(&behind).unwrap().unwrap();
        let proxy = "10.1.2.3".parse().unwrap();
        assert!(behind.is_proxy(proxy) && behind.is_shared(proxy) && !plain.is_shared(proxy));
        let some = [("tls_listen", "0.0.0.0:6698"), ("tls_key", "k")];
        let wrong = read(&some).unwrap_err().to_string();
        assert!(wrong.contains("bouncer-tls-certificate"), "{wrong}");
        let all = [some[0], some[1], ("tls_certificate", "c")];
        assert!(read(&all).unwrap().unwrap().tls.is_some());
    }
}
