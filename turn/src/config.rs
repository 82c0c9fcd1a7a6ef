//! The configuration of a server.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use program::Share;

use crate::Options;
use crate::credentials::{MIN_SECRET, Secrets};
use crate::peers::Network;
use crate::relay::RelayAddress;

/// Maximum number of listeners.
const MAX_LISTENERS: usize = 64;

/// Configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses for UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Addresses for TLS over TCP; they need `tls`.
    pub tls_listen: Vec<SocketAddr>,
    /// Certificate and key.
    pub tls: Option<TlsFiles>,
    /// The realm of the credentials.
    pub realm: String,
    /// Secrets from which credentials are derived.
    pub secrets: Secrets,
    /// Relay addresses, at most one per family; if empty, those of the listeners.
    pub relays: Vec<RelayAddress>,
    /// Relay ports.
    pub ports: RangeInclusive<u16>,
    /// Peers that may be reached even though they are not on the public internet.
    pub allow: Vec<Network>,
    /// Peers that may not be reached even though they are on the public internet.
    pub deny: Vec<Network>,
    /// Concurrent allocations.
    pub max_allocations: usize,
    /// Concurrent allocations per user.
    pub max_user_allocations: usize,
    /// Maximum lifetime of an allocation between two refreshes.
    pub max_lifetime: Duration,
    /// Bytes per second per allocation in each direction; 0 means no limit.
    pub max_rate: u64,
    /// Responses per second to one address (IPv6: /64) without credentials, across all threads; 0 means no limit.
    pub max_unauthorized: u32,
    /// Concurrent TCP and TLS connections.
    pub max_connections: usize,
    /// Concurrent TCP and TLS connections per address.
    pub max_address_connections: usize,
    /// Threads; 0 means one per processor.
    pub threads: usize,
    /// Address of `/metrics` and `/healthz`.
    pub metrics: Option<SocketAddr>,
}

/// The certificate's files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with the key.
    pub key: PathBuf,
}

/// An invalid configuration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// No listener.
    #[error("listen: found nothing, expected an address like 0.0.0.0:3478")]
    NoListener,
    /// Too many listeners.
    #[error("listen: found {0} addresses, expected at most {MAX_LISTENERS}")]
    TooManyListeners(usize),
    /// TLS without a certificate.
    #[error("tls-listen: found an address, but tls-certificate and tls-key are not given")]
    NoCertificate,
    /// No secret, or one that is too short.
    #[error(
        "secret: found {0} bytes, expected at least {MIN_SECRET}; openssl rand -hex 32 makes one"
    )]
    Secret(usize),
    /// A realm that does not fit into an attribute.
    #[error("realm: found {0:?}, expected 1 to 127 bytes on one line")]
    Realm(String),
    /// Invalid relay ports.
    #[error(
        "relay-ports: found {0}-{1}, expected a range like 49152-65535 above 1023 with at least two ports"
    )]
    Ports(u16, u16),
    /// Two relay addresses of the same family.
    #[error("relay-ip: found two addresses of one family, {0} and {1}, expected one at most")]
    Relays(IpAddr, IpAddr),
    /// An invalid relay address.
    #[error("relay-ip: found {0}, expected an address of this machine")]
    Relay(IpAddr),
    /// The public address of a relay address is of the other family.
    #[error("public-ip: found {0}, expected an address of the same family as relay-ip {1}")]
    Public(IpAddr, IpAddr),
    /// The relay address is unknown.
    #[error(
        "relay-ip: found nothing, and this machine's address could not be determined; configure it"
    )]
    NoRelay,
    /// Metrics would be public.
    #[error(
        "metrics: found {0}, expected an address on loopback like 127.0.0.1:9641: there is no password"
    )]
    Metrics(SocketAddr),
}

impl Config {
    /// Defaults for everything except listeners and secrets.
    #[must_use]
    pub fn new(listen: Vec<SocketAddr>, secrets: Secrets) -> Self {
        let options: Options = options::defaults();
        Self {
            listen,
            tls_listen: Vec::new(),
            tls: None,
            realm: options.realm,
            secrets,
            relays: Vec::new(),
            ports: options.relay_ports.0,
            allow: Vec::new(),
            deny: Vec::new(),
            max_allocations: options.max_allocations,
            max_user_allocations: options.max_user_allocations,
            max_lifetime: Duration::from_secs(options.max_lifetime),
            max_rate: options.max_rate,
            max_unauthorized: options.max_unauthorized,
            max_connections: options.max_connections,
            max_address_connections: options.max_address_connections,
            threads: options.threads,
            metrics: None,
        }
    }

    /// The maximum number of connections, and of relay sockets, one per allocation; the latter are limited per user,
    /// not per address.
    #[must_use]
    pub const fn shares(&self) -> [Share; 2] {
        [
            Share {
                all: self.max_connections,
                of_address: self.max_address_connections,
            },
            Share {
                all: self.max_allocations,
                of_address: self.max_user_allocations,
            },
        ]
    }

    /// Sets these maximums.
    pub const fn set_shares(&mut self, [connections, relays]: [Share; 2]) {
        self.max_connections = connections.all;
        self.max_address_connections = connections.of_address;
        self.max_allocations = relays.all;
        self.max_user_allocations = relays.of_address;
    }

    /// Returns whether everything is on loopback: then peers there may be reached, since nobody else can request it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let mut all = self.listen.iter().chain(&self.tls_listen);
        all.all(|address| address.ip().is_loopback())
    }

    /// Checks everything that can be checked without opening sockets or files.
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected.
    pub fn check(&self) -> Result<(), ConfigError> {
        let listeners = self.listen.len() + self.tls_listen.len();
        if listeners == 0 {
            return Err(ConfigError::NoListener);
        }
        if listeners > MAX_LISTENERS {
            return Err(ConfigError::TooManyListeners(listeners));
        }
        if !self.tls_listen.is_empty() && self.tls.is_none() {
            return Err(ConfigError::NoCertificate);
        }
        if self.secrets.shortest() < MIN_SECRET {
            return Err(ConfigError::Secret(self.secrets.shortest()));
        }
        if self.realm.is_empty()
            || self.realm.len() > 127
            || self.realm.chars().any(char::is_control)
        {
            return Err(ConfigError::Realm(self.realm.clone()));
        }
        let (first, last) = (*self.ports.start(), *self.ports.end());
        if first < 1024 || last <= first {
            return Err(ConfigError::Ports(first, last));
        }
        for (index, relay) in self.relays.iter().enumerate() {
            if relay.local.is_unspecified() || relay.local.is_multicast() {
                return Err(ConfigError::Relay(relay.local));
            }
            if relay.public.is_ipv4() != relay.local.is_ipv4() {
                return Err(ConfigError::Public(relay.public, relay.local));
            }
            let same = |other: &&RelayAddress| other.local.is_ipv4() == relay.local.is_ipv4();
            if let Some(other) = self.relays[..index].iter().find(same) {
                return Err(ConfigError::Relays(other.local, relay.local));
            }
        }
        match self.metrics {
            Some(address) if !address.ip().is_loopback() => Err(ConfigError::Metrics(address)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let secrets = Secrets::new(vec![vec![1; 32]]);
        let mut config = Config::new(vec![SocketAddr::from(([127, 0, 0, 1], 3478))], secrets);
        assert_eq!(config.check(), Ok(()));
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_key() {
        let relay = |local: [u8; 4]| RelayAddress {
            local: local.into(),
            public: local.into(),
        };
        assert!(refused(|config| config.listen.clear()).starts_with("listen: "));
        assert!(
            refused(|config| config.tls_listen.push(([0, 0, 0, 0], 5349).into()))
                .starts_with("tls-listen: ")
        );
        assert!(
            refused(|config| config.secrets = Secrets::new(vec![b"short".to_vec()]))
                .contains("found 5 bytes")
        );
        assert!(refused(|config| config.secrets = Secrets::new(vec![])).starts_with("secret: "));
        assert!(refused(|config| config.realm = "a\nb".into()).starts_with("realm: "));
        assert!(refused(|config| config.ports = 80..=90).starts_with("relay-ports: found 80-90"));
        assert!(
            refused(|config| config.relays = vec![relay([0, 0, 0, 0])]).starts_with("relay-ip: ")
        );
        assert!(
            refused(|config| config.relays = vec![relay([1, 1, 1, 1]), relay([2, 2, 2, 2])])
                .contains("two")
        );
        assert!(
            refused(|config| config.metrics = Some(([0, 0, 0, 0], 1).into()))
                .starts_with("metrics: ")
        );
    }
}
