//! Configuration: flags, environment, one TOML file, defaults, in this order.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Deserialize;
use turn_server::credentials::Secrets;
use turn_server::relay::RelayAddress;
use turn_server::{Config, Network, TlsFiles};

/// Every key as it may be given: as a flag, as `SUBSPACE_TURN_…`, or in the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Keys {
    /// TOML file with the same keys.
    #[arg(long, env = "SUBSPACE_TURN_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Addresses for UDP and TCP, separated by commas [default: 127.0.0.1:3478].
    #[arg(long, env = "SUBSPACE_TURN_LISTEN", value_name = "ADDRS")]
    listen: Option<String>,
    /// Addresses for TLS, separated by commas [default: none].
    #[arg(long, env = "SUBSPACE_TURN_TLS_LISTEN", value_name = "ADDRS")]
    tls_listen: Option<String>,
    /// PEM file with the certificate and those up to the root.
    #[arg(long, env = "SUBSPACE_TURN_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// PEM file with the certificate's key.
    #[arg(long, env = "SUBSPACE_TURN_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// File with the secrets that credentials are made with, one a line, the newest first.
    #[arg(long, env = "SUBSPACE_TURN_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Realm of the credentials [default: subspace].
    #[arg(long, env = "SUBSPACE_TURN_REALM", value_name = "NAME")]
    realm: Option<String>,
    /// Addresses to relay on, at most one IPv4 and one IPv6, separated by commas [default: those listened on].
    #[arg(long, env = "SUBSPACE_TURN_RELAY_IP", value_name = "IPS")]
    relay_ip: Option<String>,
    /// Addresses under which those are reached from outside, if a NAT stands between, separated by commas.
    #[arg(long, env = "SUBSPACE_TURN_PUBLIC_IP", value_name = "IPS")]
    public_ip: Option<String>,
    /// UDP ports to relay on [default: 49152-65535].
    #[arg(long, env = "SUBSPACE_TURN_RELAY_PORTS", value_name = "FIRST-LAST")]
    relay_ports: Option<String>,
    /// Peers that may be reached though they are not on the public internet: networks, separated by commas.
    #[arg(long, env = "SUBSPACE_TURN_ALLOW_PEERS", value_name = "NETWORKS")]
    allow_peers: Option<String>,
    /// Peers that may not be reached though they are: networks, separated by commas.
    #[arg(long, env = "SUBSPACE_TURN_DENY_PEERS", value_name = "NETWORKS")]
    deny_peers: Option<String>,
    /// Allocations at once [default: 4000].
    #[arg(long, env = "SUBSPACE_TURN_MAX_ALLOCATIONS", value_name = "COUNT")]
    max_allocations: Option<usize>,
    /// Allocations at once of one user [default: 50].
    #[arg(long, env = "SUBSPACE_TURN_MAX_USER_ALLOCATIONS", value_name = "COUNT")]
    max_user_allocations: Option<usize>,
    /// The longest lifetime of an allocation between two refreshes, in seconds [default: 3600].
    #[arg(long, env = "SUBSPACE_TURN_MAX_LIFETIME", value_name = "SECONDS")]
    max_lifetime: Option<u64>,
    /// Bytes a second of one allocation in each direction; 0 is no limit [default: 2000000].
    #[arg(long, env = "SUBSPACE_TURN_MAX_RATE", value_name = "BYTES")]
    max_rate: Option<u64>,
    /// Answers a second to an address that has shown no credentials; 0 is no limit [default: 100].
    #[arg(long, env = "SUBSPACE_TURN_MAX_UNAUTHORIZED", value_name = "COUNT")]
    max_unauthorized: Option<u32>,
    /// TCP and TLS connections at once [default: 4000].
    #[arg(long, env = "SUBSPACE_TURN_MAX_CONNECTIONS", value_name = "COUNT")]
    max_connections: Option<usize>,
    /// TCP and TLS connections at once of one address [default: 200].
    #[arg(
        long,
        env = "SUBSPACE_TURN_MAX_ADDRESS_CONNECTIONS",
        value_name = "COUNT"
    )]
    max_address_connections: Option<usize>,
    /// Threads; 0 is one for each processor [default: 0].
    #[arg(long, env = "SUBSPACE_TURN_THREADS", value_name = "COUNT")]
    threads: Option<usize>,
    /// Address of /metrics and /healthz on loopback, or `off` [default: 127.0.0.1:9641].
    #[arg(long, env = "SUBSPACE_TURN_METRICS", value_name = "ADDR")]
    metrics: Option<String>,
    /// Seconds for which calls may go on after SIGTERM [default: 300].
    #[arg(long, env = "SUBSPACE_TURN_DRAIN_SECONDS", value_name = "SECONDS")]
    drain_seconds: Option<u64>,
    /// What is logged, `info` or a filter [default: info].
    #[arg(long, env = "SUBSPACE_TURN_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// The configuration, read; the server checks it when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Of the server.
    pub(crate) config: Config,
    /// How long calls may go on.
    pub(crate) drain: Duration,
    /// Log filter.
    pub(crate) log: String,
}

impl Keys {
    /// Adds the file, the environment's secret and the defaults.
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected.
    pub(crate) fn resolve(self) -> anyhow::Result<Settings> {
        self.resolve_with(std::env::var("SUBSPACE_TURN_SECRET").ok())
    }

    fn resolve_with(self, secret: Option<String>) -> anyhow::Result<Settings> {
        let file = match &self.config {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("config: cannot read {}", path.display()))?;
                toml::from_str(&text).map_err(|error| {
                    let message = error.message().replace('\n', " ");
                    anyhow::anyhow!("config: {} is wrong: {message}", path.display())
                })?
            }
            None => Self::default(),
        };
        let listen = self
            .listen
            .or(file.listen)
            .unwrap_or_else(|| "127.0.0.1:3478".to_owned());
        let listen = list::<SocketAddr>("listen", &listen, "addresses like 0.0.0.0:3478")?;
        let secrets = secrets(self.secret_file.or(file.secret_file).as_deref(), secret)?;
        let mut config = Config::new(listen, secrets);
        let tls_listen = self.tls_listen.or(file.tls_listen).unwrap_or_default();
        config.tls_listen = list("tls-listen", &tls_listen, "addresses like 0.0.0.0:5349")?;
        config.tls = match (
            self.tls_certificate.or(file.tls_certificate),
            self.tls_key.or(file.tls_key),
        ) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                bail!("tls-key: found nothing, expected the file with the key of tls-certificate")
            }
            (None, Some(_)) => {
                bail!("tls-certificate: found nothing, expected the file that tls-key belongs to")
            }
        };
        if let Some(realm) = self.realm.or(file.realm) {
            config.realm = realm;
        }
        let relay = self.relay_ip.or(file.relay_ip).unwrap_or_default();
        let public = self.public_ip.or(file.public_ip).unwrap_or_default();
        config.relays = relays(&relay, &public)?;
        if let Some(ports) = self.relay_ports.or(file.relay_ports) {
            config.ports = range(&ports)?;
        }
        let networks = "networks like 10.0.0.0/8";
        let allow = self.allow_peers.or(file.allow_peers).unwrap_or_default();
        config.allow = list::<Network>("allow-peers", &allow, networks)?;
        let deny = self.deny_peers.or(file.deny_peers).unwrap_or_default();
        config.deny = list::<Network>("deny-peers", &deny, networks)?;
        set(
            &mut config.max_allocations,
            self.max_allocations.or(file.max_allocations),
        );
        set(
            &mut config.max_user_allocations,
            self.max_user_allocations.or(file.max_user_allocations),
        );
        let lifetime = self
            .max_lifetime
            .or(file.max_lifetime)
            .map(Duration::from_secs);
        set(&mut config.max_lifetime, lifetime);
        set(&mut config.max_rate, self.max_rate.or(file.max_rate));
        set(
            &mut config.max_unauthorized,
            self.max_unauthorized.or(file.max_unauthorized),
        );
        set(
            &mut config.max_connections,
            self.max_connections.or(file.max_connections),
        );
        let by_address = self
            .max_address_connections
            .or(file.max_address_connections);
        set(&mut config.max_address_connections, by_address);
        set(&mut config.threads, self.threads.or(file.threads));
        let metrics = self
            .metrics
            .or(file.metrics)
            .unwrap_or_else(|| "127.0.0.1:9641".to_owned());
        config.metrics = match metrics.as_str() {
            "off" => None,
            text => Some(parse(
                "metrics",
                text,
                "an address like 127.0.0.1:9641, or off",
            )?),
        };
        Ok(Settings {
            config,
            drain: Duration::from_secs(self.drain_seconds.or(file.drain_seconds).unwrap_or(300)),
            log: self.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
        })
    }
}

fn set<T>(into: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *into = value;
    }
}

fn parse<T: FromStr<Err: Display>>(key: &str, text: &str, expected: &str) -> anyhow::Result<T> {
    text.trim()
        .parse()
        .map_err(|_| anyhow::anyhow!("{key}: found \"{text}\", expected {expected}"))
}

fn list<T: FromStr<Err: Display>>(key: &str, text: &str, expected: &str) -> anyhow::Result<Vec<T>> {
    let items = text.split(',').filter(|item| !item.trim().is_empty());
    items.map(|item| parse(key, item, expected)).collect()
}

fn range(text: &str) -> anyhow::Result<std::ops::RangeInclusive<u16>> {
    let expected = "a range like 49152-65535";
    let (first, last) = text
        .split_once('-')
        .with_context(|| format!("relay-ports: found \"{text}\", expected {expected}"))?;
    Ok(parse("relay-ports", first, expected)?..=parse("relay-ports", last, expected)?)
}

/// Pairs each relay address with the public address of its family.
fn relays(relay: &str, public: &str) -> anyhow::Result<Vec<RelayAddress>> {
    let expected = "addresses like 192.0.2.1";
    let locals = list::<IpAddr>("relay-ip", relay, expected)?;
    let publics = list::<IpAddr>("public-ip", public, expected)?;
    if let Some(lonely) = publics
        .iter()
        .find(|ip| !locals.iter().any(|local| local.is_ipv4() == ip.is_ipv4()))
    {
        bail!(
            "public-ip: found {lonely}, but relay-ip has no address of its family; name the one of this machine"
        );
    }
    let of = |local: &IpAddr| {
        publics
            .iter()
            .find(|ip| ip.is_ipv4() == local.is_ipv4())
            .copied()
    };
    Ok(locals
        .iter()
        .map(|local| RelayAddress {
            local: *local,
            public: of(local).unwrap_or(*local),
        })
        .collect())
}

fn secrets(file: Option<&Path>, variable: Option<String>) -> anyhow::Result<Secrets> {
    let text = match (file, variable) {
        (Some(path), _) => std::fs::read_to_string(path)
            .with_context(|| format!("secret-file: cannot read {}", path.display()))?,
        (None, Some(text)) => text,
        (None, None) => {
            bail!("there is no secret: set SUBSPACE_TURN_SECRET or SUBSPACE_TURN_SECRET_FILE")
        }
    };
    Ok(Secrets::new(
        text.lines()
            .map(|line| line.trim().as_bytes().to_vec())
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn resolve(change: impl FnOnce(&mut Keys)) -> anyhow::Result<Settings> {
        let mut keys = Keys::default();
        change(&mut keys);
        keys.resolve_with(Some(SECRET.to_owned()))
    }

    #[test]
    fn defaults_are_loopback() {
        let settings = resolve(|_| {}).unwrap();
        assert!(settings.config.is_local());
        settings.config.check().unwrap();
        assert_eq!(settings.drain, Duration::from_secs(300));
    }

    #[test]
    fn a_wrong_key_is_named_with_what_was_found_and_expected() {
        let wrong = |change: fn(&mut Keys)| resolve(change).unwrap_err().to_string();
        assert_eq!(
            wrong(|keys| keys.listen = Some("3478".into())),
            "listen: found \"3478\", expected addresses like 0.0.0.0:3478"
        );
        assert!(
            wrong(|keys| keys.relay_ports = Some("50000".into())).starts_with("relay-ports: found")
        );
        assert!(
            wrong(|keys| keys.allow_peers = Some("lan".into()))
                .starts_with("allow-peers: found \"lan\"")
        );
        assert!(wrong(|keys| keys.tls_key = Some("k.pem".into())).starts_with("tls-certificate: "));
        assert!(
            wrong(|keys| keys.public_ip = Some("1.2.3.4".into()))
                .starts_with("public-ip: found 1.2.3.4")
        );
        assert!(wrong(|keys| keys.metrics = Some("on".into())).starts_with("metrics: found"));
        let none = Keys::default().resolve_with(None).unwrap_err().to_string();
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
        let keys = Keys {
            config: Some(path.clone()),
            threads: Some(2),
            secret_file: Some(secret),
            relay_ip: Some("10.0.0.1".into()),
            public_ip: Some("192.0.2.1".into()),
            ..Keys::default()
        };
        let config = keys.resolve_with(None).unwrap().config;
        assert_eq!(
            (config.listen.len(), config.threads, config.metrics),
            (2, 2, None)
        );
        assert_eq!(format!("{:?}", config.secrets), "Secrets(2)");
        assert_eq!(config.relays[0].public, IpAddr::from([192, 0, 2, 1]));
        std::fs::write(&path, "port = 3\n").unwrap();
        let message = resolve(|keys| keys.config = Some(path))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("port") && message.contains("expected one of"),
            "{message}"
        );
    }
}
