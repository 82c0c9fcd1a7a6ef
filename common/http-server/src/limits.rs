//! What clients may take.

use std::time::Duration;

use program::{Share, share_out};

/// Limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more are closed as they come.
    pub connections: usize,
    /// Connections at once from one address: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub connections_of_address: usize,
    /// How long the head of a request may take from its first byte on, and a connection until its first byte.
    pub head_timeout: Duration,
    /// How long a connection may be idle between requests.
    pub idle_timeout: Duration,
    /// How long a sender may pause within the body of a request.
    pub body_timeout: Duration,
    /// How long a sender may be waited for in a whole body, and a second longer for every 2 KiB that have come.
    pub body_wait: Duration,
    /// How long a client may take no byte of what is there for it.
    pub write_timeout: Duration,
    /// How long requests that run may go on after the server was told to stop.
    pub shutdown_timeout: Duration,
    /// The largest head of a request, in bytes.
    pub max_head: usize,
    /// Take a client's address from the last entry of `x-forwarded-for`: set it only behind a reverse
    /// proxy that writes it, otherwise clients choose their address themselves. The connections of a proxy are
    /// everybody's, so they are not counted by address then.
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
    /// Leaves half of the process's descriptors to everything that is not a connection of this server, the only one of
    /// the process.
    #[must_use]
    pub fn within(self, descriptors: u64) -> Self {
        let [share] = share_out(descriptors, [self.share()]);
        self.with_share(share)
    }

    /// The connections that these limits allow.
    #[must_use]
    pub const fn share(&self) -> Share {
        Share {
            all: self.connections,
            of_address: self.connections_of_address,
        }
    }

    /// Allows so many connections.
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
