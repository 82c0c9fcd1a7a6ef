//! The bouncer's configuration and limits.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use program::AddressRange;

/// Configuration of a [`crate::Bouncer`].
#[derive(Clone, Debug)]
pub struct BouncerConfig {
    /// The name under which the bouncer itself speaks.
    pub name: String,
    /// Address for clients without TLS.
    pub listen: Option<SocketAddr>,
    /// Address for clients with TLS.
    pub tls: Option<TlsConfig>,
    /// Addresses that many people share, such as those of gateways: nothing is counted against them. Loopback is always
    /// one.
    pub trusted: Vec<IpAddr>,
    /// Reverse proxies, which forward a client's address with the PROXY protocol (version 1 or 2).
    pub proxies: Vec<AddressRange>,
    /// Origins of web pages that may connect by WebSocket, besides those of the host that they connect to.
    pub origins: Vec<String>,
    /// Limits.
    pub limits: Limits,
}

impl BouncerConfig {
    /// Returns whether an address belongs to a proxy.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        program::is_within(address, &self.proxies)
    }

    /// Returns whether many people may share an address; nothing is counted against it.
    pub(crate) fn is_shared(&self, address: IpAddr) -> bool {
        program::is_shared(address, &self.trusted, &self.proxies)
    }
}

impl Default for BouncerConfig {
    fn default() -> Self {
        Self {
            name: "bouncer.subspace".to_owned(),
            listen: None,
            tls: None,
            trusted: Vec::new(),
            proxies: Vec::new(),
            origins: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// A port with TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsConfig {
    /// The address.
    pub listen: SocketAddr,
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
}

/// Limits of a [`crate::Bouncer`].
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections in total.
    pub clients: usize,
    /// Connections of one address that is neither loopback nor trusted.
    pub clients_per_address: usize,
    /// Connections that have not signed in, in total.
    pub strangers: usize,
    /// Connections of one such address that have not signed in.
    pub strangers_per_address: usize,
    /// How long a client may take to sign in.
    pub registration: Duration,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a password check may take.
    pub check: Duration,
    /// Concurrent password checks.
    pub checks: usize,
    /// Lines a client may send at once.
    pub line_burst: u32,
    /// Lines a client may send per second after that.
    pub lines_per_second: u32,
    /// Bytes queued for a client above which nothing more is taken for it from its network.
    pub output: usize,
    /// How long a client may take to accept a byte.
    pub write: Duration,
    /// How long a client may be silent before it is pinged, and again before it is gone.
    pub silence: Duration,
    /// Devices whose last session is remembered.
    pub devices: usize,
}

impl Limits {
    /// Limits the connections to an eighth of a process's file descriptors, for a program that has no other shares.
    #[must_use]
    pub fn within(mut self, descriptors: u64) -> Self {
        let most = usize::try_from(descriptors / 8).unwrap_or(usize::MAX);
        self.clients = self.clients.min(most.max(1));
        self.strangers = self.strangers.min(self.clients.div_ceil(2));
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 4_096,
            clients_per_address: 64,
            strangers: 512,
            strangers_per_address: 16,
            registration: Duration::from_secs(30),
            handshake: Duration::from_secs(15),
            check: Duration::from_secs(20),
            checks: 32,
            line_burst: 40,
            lines_per_second: 10,
            output: 256 << 10,
            write: Duration::from_secs(60),
            silence: Duration::from_secs(120),
            devices: 50_000,
        }
    }
}
