//! Strict transport security, <https://ircv3.net/specs/extensions/sts>: a server that has TLS is connected to with it, also
//! if the connection's settings say nothing of it.

use std::net::IpAddr;
use std::time::Duration;

use protocol::PRIVATE_CONNECTION;

use super::Session;
use super::sasl::is_loopback;
use crate::record::Record as _;

/// The capability, which is never asked for.
const STS: &str = "sts";

/// What the server has said of TLS. It is remembered while the connector runs and the settings stay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sts {
    port: u16,
    /// Until when that holds, as [`super::Clock::elapsed`]; absent before the server has said it over TLS.
    until: Option<Duration>,
}

impl Session {
    /// The port that is dialled, and whether with TLS.
    pub(super) fn way(&self) -> (u16, bool) {
        let connection = &self.assignment.connection;
        let holds = |sts: &Sts| sts.until.is_none_or(|until| until > self.now.elapsed);
        match self.sts.filter(holds) {
            Some(sts) if !connection.secure() => (sts.port, true),
            _ => (connection.port(), connection.secure()),
        }
    }

    /// Looks for the policy in what the server lists. Returns whether the connection is left for one with TLS.
    pub(super) fn obeys_sts(&mut self, list: &str) -> bool {
        let mut items = list.split_ascii_whitespace();
        let policy = items.find_map(|item| item.strip_prefix(STS)?.strip_prefix('='));
        let Some(policy) = policy.filter(|_| self.may_have_policy()) else {
            return false;
        };
        let value = |key: &str| {
            let mut pairs = policy.split(',').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        if self.link.secure {
            let seconds = value("duration").and_then(|seconds| seconds.parse::<u32>().ok());
            match (&mut self.sts, seconds) {
                (sts, Some(0)) => *sts = None,
                (Some(sts), Some(seconds)) => {
                    let end = self.now.elapsed + Duration::from_secs(seconds.into());
                    sts.until = Some(end);
                }
                _ => {}
            }
            return false;
        }
        let port = value("port").and_then(|port| port.parse().ok());
        let Some(port) = port.filter(|port| *port > 0) else {
            return false;
        };
        self.sts = Some(Sts { port, until: None });
        let sentence = format!("{} wants to be connected to with TLS", self.server());
        self.go_elsewhere(&sentence);
        true
    }

    /// Certificates are for names, and what does not leave the installation needs none.
    fn may_have_policy(&self) -> bool {
        let connection = &self.assignment.connection;
        let host = connection.host();
        !connection.secure()
            && connection.id != PRIVATE_CONNECTION
            && host.parse::<IpAddr>().is_err()
            && !is_loopback(host)
    }
}
