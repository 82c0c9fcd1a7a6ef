//! Limits on clients.

use std::time::Duration;

use program::{Share, share_out};

/// Limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Concurrent connections; further ones are closed immediately.
    pub connections: usize,
    /// Concurrent connections from one address: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub connections_of_address: usize,
    /// How long the head of a request may take from its first byte, and a connection until its first byte.
    pub head_timeout: Duration,
    /// How long a connection may be idle between requests.
    pub idle_timeout: Duration,
    /// How long a sender may pause within the body of a request.
    pub body_timeout: Duration,
    /// How long a whole body may be waited for, plus a second for every 2 KiB received.
    pub body_wait: Duration,
    /// How long a client may accept no bytes although there are some for it.
    pub write_timeout: Duration,
    /// How long running requests may continue after the server was told to stop.
    pub shutdown_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_head: usize,
    /// Take a client's address from the last entry of `x-forwarded-for`: set it only behind a reverse proxy that writes
    /// it, otherwise clients can forge their address. A proxy's connections belong to everyone, so they are not counted
    /// by address then.
    pub behind_proxy: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_of_address: 256,
            head_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(60),
            body_wait: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
            max_head: 64 * 1024,
            behind_proxy: false,
        }
    }
}

impl Limits {
    /// Leaves half of the process's file descriptors to everything but the connections of this server, which must be
    /// its only one.
    #[must_use]
    pub fn within(self, descriptors: u64) -> Self {
        let [share] = share_out(descriptors, [self.share()]);
        self.with_share(share)
    }

    /// The connections that these limits permit.
    #[must_use]
    pub const fn share(&self) -> Share {
        Share {
            all: self.connections,
            of_address: self.connections_of_address,
        }
    }

    /// Permits this many connections.
    #[must_use]
    pub const fn with_share(mut self, share: Share) -> Self {
        self.connections = share.all;
        self.connections_of_address = share.of_address;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_are_shared_out() {
        let limits = Limits::default().within(256);
        assert_eq!(limits.connections, 128);
        assert_eq!(limits.connections_of_address, 32);
        let limits = Limits::default().within(1 << 20);
        assert_eq!(limits.connections, 10_000);
        assert_eq!(limits.connections_of_address, 256);
    }
}
