//! Strict transport security, <https://ircv3.net/specs/extensions/sts>: a server that has TLS is connected to with it, also
//! if the connection's settings say nothing of it.
//!
//! What a server says of itself over TLS is remembered for all connections to its host, also over a restart: see
//! [`Policy`]. It is never ended by what is said without TLS, nor by an attempt that fails.

use std::net::IpAddr;
use std::time::Duration;

use protocol::PRIVATE_CONNECTION;

use super::sasl::is_loopback;
use super::{Action, Session};
use crate::record::Record as _;

/// The capability, which is never asked for.
const STS: &str = "sts";

/// The longest time that a policy is believed: more says the same.
const LONGEST: Duration = Duration::from_secs(5 * 365 * 24 * 3600);

/// What a server has said of TLS, over TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The port that has TLS.
    pub port: u16,
    /// How long that holds from now on; zero ends it.
    pub holds: Duration,
}

/// The policy that this connection obeys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sts {
    port: u16,
    /// How long it holds from the last time that the server was connected to, and until when, as
    /// [`super::Clock::elapsed`]; absent before the server has said it over TLS.
    holds: Option<(Duration, Duration)>,
}

impl Session {
    /// The port that is dialled, and whether with TLS.
    pub(super) fn way(&self) -> (u16, bool) {
        let connection = &self.assignment.connection;
        let holds = |sts: &Sts| sts.holds.is_none_or(|(_, until)| until > self.now.elapsed);
        match self.sts.filter(holds) {
            Some(sts) if !connection.secure() => (sts.port, true),
            _ => (connection.port(), connection.secure()),
        }
    }

    /// Takes over what is remembered of the host, unless the server said something itself.
    pub(super) fn know_policy(&mut self, policy: Policy) {
        let known = self.sts.is_some_and(|sts| {
            let until = sts.holds.map(|(_, until)| until);
            until.is_none_or(|until| until > self.now.elapsed)
        });
        if !known && !policy.holds.is_zero() && self.may_have_policy() {
            let until = self.now.elapsed + policy.holds;
            self.sts = Some(Sts {
                port: policy.port,
                holds: Some((policy.holds, until)),
            });
        }
    }

    /// The connection ends: what the server said holds from now on.
    pub(super) fn renew_policy(&mut self) {
        if self.link.secure
            && let Some(Sts {
                port,
                holds: Some((holds, until)),
            }) = &mut self.sts
            && self.link.policy_said
        {
            *until = self.now.elapsed + *holds;
            let policy = Policy {
                port: *port,
                holds: *holds,
            };
            self.remember(policy);
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
            if let Some(seconds) = seconds {
                self.policy_said(Duration::from_secs(seconds.into()).min(LONGEST));
            }
            return false;
        }
        let port = value("port").and_then(|port| port.parse().ok());
        let Some(port) = port.filter(|port| *port > 0) else {
            return false;
        };
        self.sts = Some(Sts { port, holds: None });
        let sentence = format!("{} wants to be connected to with TLS", self.server());
        self.go_elsewhere(&sentence);
        true
    }

    /// The server said over TLS how long that is to be used.
    fn policy_said(&mut self, holds: Duration) {
        let (port, _) = self.way();
        self.sts = (!holds.is_zero()).then(|| Sts {
            port,
            holds: Some((holds, self.now.elapsed + holds)),
        });
        self.link.policy_said = true;
        self.remember(Policy { port, holds });
    }

    /// A certificate that a person accepted says nothing to others.
    fn remember(&mut self, policy: Policy) {
        let connection = &self.assignment.connection;
        if connection.certificate().is_none() {
            let host = connection.host().to_owned();
            self.actions.push_back(Action::Remember { host, policy });
        }
    }

    /// Certificates are for names, and what does not leave the installation needs none.
    fn may_have_policy(&self) -> bool {
        let connection = &self.assignment.connection;
        let host = connection.host();
        connection.id != PRIVATE_CONNECTION && host.parse::<IpAddr>().is_err() && !is_loopback(host)
    }
}
