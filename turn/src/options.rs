//! The operator's options, declared once: for the program on its own, and for programs that embed the server.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use options::{Addresses, Kind, List, Listen, Secret, Value};

use crate::credentials::Secrets;
use crate::relay::RelayAddress;
use crate::{Config, Network, TlsFiles};

options::options! {
    /// Options of the server.
    #[derive(Clone, Debug)]
    pub struct Options {
        /// Addresses for UDP and TCP.
        listen: Addresses = "127.0.0.1:3478", "ADDRS", "addresses like 0.0.0.0:3478";
        /// Addresses for TLS.
        tls_listen: List<std::net::SocketAddr>, or "none", "ADDRS", "addresses like 0.0.0.0:5349";
        /// PEM file with the certificate chain.
        tls_certificate: Option<PathBuf>, "FILE", "a PEM file";
        /// PEM file with the certificate's key.
        tls_key: Option<PathBuf>, "FILE", "a PEM file";
        /// Secrets for credentials, one per line, the newest first, each at least 16 bytes.
        secret: Option<Secret>, "TEXT", "secrets, one a line";
        /// Realm of the credentials.
        realm: String = "subspace", "NAME", "a name";
        /// Addresses to relay on, at most one IPv4 and one IPv6.
        relay_ip: List<IpAddr>, or "those listened on", "IPS", "addresses like 192.0.2.1";
        /// Public addresses of the relay addresses, behind a NAT.
        public_ip: List<IpAddr>, or "the same", "IPS", "addresses like 192.0.2.1";
        /// UDP ports to relay on.
        relay_ports: Ports = "49152-65535", "FIRST-LAST", "a range like 49152-65535";
        /// Private peers that may be reached.
        allow_peers: List<Network>, or "none", "NETWORKS", "networks like 10.0.0.0/8";
        /// Public peers that may not be reached.
        deny_peers: List<Network>, or "none", "NETWORKS", "networks like 10.0.0.0/8";
        /// Concurrent allocations.
        max_allocations: usize = "4000", "COUNT", "a number";
        /// Concurrent allocations per user.
        max_user_allocations: usize = "50", "COUNT", "a number";
        /// Maximum lifetime of an allocation between two refreshes.
        max_lifetime: u64 = "3600", "SECONDS", "a number of seconds";
        /// Bytes per second per allocation in each direction; 0 means no limit.
        max_rate: u64 = "2000000", "BYTES", "a number of bytes";
        /// Responses per second to an address without credentials; 0 means no limit.
        max_unauthorized: u32 = "100", "COUNT", "a number";
        /// Concurrent TCP and TLS connections.
        max_connections: usize = "4000", "COUNT", "a number";
        /// Concurrent TCP and TLS connections per address.
        max_address_connections: usize = "200", "COUNT", "a number";
        /// Threads; 0 means one per processor.
        threads: usize = "0", "COUNT", "a number";
    }
}

options::options! {
    /// Options of the program `subspace-turn`.
    #[derive(Clone, Debug)]
    pub struct ProgramOptions {
        /// Address of `/metrics` and `/healthz` on loopback, or `off`.
        turn_metrics: Listen = "127.0.0.1:9641", "ADDR", "an address like 127.0.0.1:9641, or off";
        /// How long calls may continue after SIGTERM.
        turn_drain_seconds: u64 = "300", "SECONDS", "a number of seconds";
    }
    with {
        /// The server.
        turn: Options, "turn";
    }
}

impl settings::Program for ProgramOptions {
    const NAME: &'static str = "subspace-turn";
    const OWN: &'static str = "turn";
}

/// Two options that contradict each other: one sentence with the names of the keys.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(String);

/// UDP ports to relay on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ports(pub RangeInclusive<u16>);

impl Value for Ports {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        Some(Self(first.trim().parse().ok()?..=last.trim().parse().ok()?))
    }
}

impl Options {
    /// Creates the server's configuration, without secrets. Key names in errors begin with `prefix`.
    ///
    /// # Errors
    /// Two options contradict each other.
    pub fn config(&self, prefix: &str) -> Result<Config, Contradiction> {
        let tls = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            (None, None) => None,
            (Some(_), None) => {
                return contradiction(format_args!(
                    "{prefix}tls-key: found nothing, expected the file with the key of {prefix}tls-certificate"
                ));
            }
            (None, Some(_)) => {
                return contradiction(format_args!(
                    "{prefix}tls-certificate: found nothing, expected the file that {prefix}tls-key belongs to"
                ));
            }
        };
        Ok(Config {
            listen: self.listen.0.clone(),
            tls_listen: self.tls_listen.0.clone(),
            tls,
            realm: self.realm.clone(),
            secrets: Secrets::new(Vec::new()),
            relays: self.relays(prefix)?,
            ports: self.relay_ports.0.clone(),
            allow: self.allow_peers.0.clone(),
            deny: self.deny_peers.0.clone(),
            max_allocations: self.max_allocations,
            max_user_allocations: self.max_user_allocations,
            max_lifetime: Duration::from_secs(self.max_lifetime),
            max_rate: self.max_rate,
            max_unauthorized: self.max_unauthorized,
            max_connections: self.max_connections,
            max_address_connections: self.max_address_connections,
            threads: self.threads,
            metrics: None,
        })
    }

    /// Pairs each relay address with the public address of its family.
    fn relays(&self, prefix: &str) -> Result<Vec<RelayAddress>, Contradiction> {
        let (locals, publics) = (&self.relay_ip.0, &self.public_ip.0);
        let same = |one: &IpAddr, other: &IpAddr| one.is_ipv4() == other.is_ipv4();
        if let Some(lonely) = publics
            .iter()
            .find(|ip| !locals.iter().any(|local| same(local, ip)))
        {
            return contradiction(format_args!(
                "{prefix}public-ip: found {lonely}, but {prefix}relay-ip has no address of its family; name the \
                 one of this machine"
            ));
        }
        let public = |local: &IpAddr| publics.iter().find(|ip| same(ip, local)).copied();
        let pair = |local: &IpAddr| RelayAddress {
            local: *local,
            public: public(local).unwrap_or(*local),
        };
        Ok(locals.iter().map(pair).collect())
    }
}

impl ProgramOptions {
    /// Creates the configuration of a server that runs on its own.
    ///
    /// # Errors
    /// Two options contradict each other, or there is no secret.
    pub fn config(&self) -> Result<Config, Contradiction> {
        let mut config = self.turn.config("")?;
        let Some(secret) = &self.turn.secret else {
            return contradiction(format_args!(
                "there is no secret: set SUBSPACE_TURN_SECRET or SUBSPACE_TURN_SECRET_FILE"
            ));
        };
        let lines = secret.0.lines();
        config.secrets = Secrets::new(lines.map(|line| line.trim().into()).collect());
        config.metrics = self.turn_metrics.0;
        Ok(config)
    }

    /// Returns how long calls may continue.
    #[must_use]
    pub const fn drain(&self) -> Duration {
        Duration::from_secs(self.turn_drain_seconds)
    }
}

fn contradiction<T>(sentence: fmt::Arguments<'_>) -> Result<T, Contradiction> {
    Err(Contradiction(sentence.to_string()))
}

#[cfg(test)]
mod tests {
    use settings::Given;

    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn read(flags: &[(&str, &str)], secret: Option<&str>) -> Result<ProgramOptions, String> {
        let secret = secret.map(|secret| ("SUBSPACE_TURN_SECRET", secret));
        let loaded = Given::load_pairs(flags, secret.as_slice());
        Ok(loaded.map_err(|error| error.to_string())?.options)
    }

    fn config(flags: &[(&str, &str)]) -> Result<Config, String> {
        let options = read(flags, Some(SECRET))?;
        options.config().map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_loopback() {
        let options = read(&[], Some(SECRET)).unwrap();
        let config = options.config().unwrap();
        assert!(config.is_local());
        config.check().unwrap();
        assert_eq!(options.drain(), Duration::from_secs(300));
        assert_eq!(config.metrics.unwrap().to_string(), "127.0.0.1:9641");
    }

    #[test]
    fn a_wrong_key_is_named_with_what_was_found_and_expected() {
        let wrong = |name, value| config(&[(name, value)]).unwrap_err();
        assert_eq!(
            wrong("listen", "3478"),
            "listen: found \"3478\", expected addresses like 0.0.0.0:3478 (from --listen)"
        );
        assert!(wrong("relay-ports", "50000").starts_with("relay-ports: found"));
        assert!(wrong("allow-peers", "lan").starts_with("allow-peers: found \"lan\""));
        assert!(wrong("tls-key", "k.pem").starts_with("tls-certificate: "));
        assert!(wrong("public-ip", "1.2.3.4").starts_with("public-ip: found 1.2.3.4"));
        assert!(wrong("metrics", "on").starts_with("metrics: found"));
        let none = read(&[], None).unwrap().config().unwrap_err().to_string();
        assert!(none.contains("SUBSPACE_TURN_SECRET"), "{none}");
    }

    #[test]
    fn the_file_stands_behind_the_flags_and_secrets_rotate() {
        let folder = tempfile::tempdir().unwrap();
        let (path, secret) = (
            folder.path().join("turn.toml"),
            folder.path().join("secret"),
        );
        std::fs::write(&secret, format!("{SECRET}\n{SECRET}-before\n\n")).unwrap();
        std::fs::write(
            &path,
            "listen = \"0.0.0.0:1,[::]:1\"\nthreads = 3\nmetrics = \"off\"\n",
        )
        .unwrap();
        let path_text = path.to_str().unwrap();
        let flags = [
            ("config", path_text),
            ("threads", "2"),
            ("secret-file", secret.to_str().unwrap()),
            ("relay-ip", "10.0.0.1"),
            ("public-ip", "192.0.2.1"),
        ];
        let config = read(&flags, None).unwrap().config().unwrap();
        assert_eq!(
            (config.listen.len(), config.threads, config.metrics),
            (2, 2, None)
        );
        assert_eq!(format!("{:?}", config.secrets), "Secrets(2)");
        assert_eq!(config.relays[0].public, IpAddr::from([192, 0, 2, 1]));
        std::fs::write(&path, "port = 3\n").unwrap();
        let message = read(&[("config", path_text)], Some(SECRET)).unwrap_err();
        assert!(
            message.contains("the key port") && message.contains("the nearest known one is"),
            "{message}"
        );
    }
}
