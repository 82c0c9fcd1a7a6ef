//! What servers have said of TLS, remembered for all connections and over restarts.

use std::path::Path;
use std::time::Duration;

use durable::Disk;
use protocol::Timestamp;
use serde::{Deserialize, Serialize};

use crate::kept::Kept;
use crate::session::Policy;

/// The file.
const FILE: &str = "sts";

/// Hosts of which something is remembered; the one that said it longest ago is forgotten first.
const MAX_HOSTS: usize = 10_000;

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Entry {
    port: u16,
    until: Timestamp,
}

/// The policies by host.
#[derive(Debug)]
pub(crate) struct Policies(Kept<Entry>);

impl Policies {
    /// Reads them; without a folder, or if it cannot be read, they hold while the process runs. Blocking.
    pub(crate) fn open(folder: Option<&Path>) -> Self {
        let kept = folder.map(|folder| Kept::open(Disk::default(), folder, FILE, MAX_HOSTS));
        Self(match kept {
            Some(Ok(kept)) => kept,
            Some(Err(error)) => {
                tracing::error!(%error, "{FILE} cannot be read: servers may be connected to without TLS that were not");
                Kept::in_memory(FILE, MAX_HOSTS)
            }
            None => Kept::in_memory(FILE, MAX_HOSTS),
        })
    }

    /// What holds for a host.
    pub(crate) fn get(&self, host: &str, now: Timestamp) -> Option<Policy> {
        let Entry { port, until } = self.0.get(&key(host))?;
        let left = until.millis().saturating_sub(now.millis());
        let holds = Duration::from_millis(u64::try_from(left).ok()?);
        (!holds.is_zero()).then_some(Policy { port, holds })
    }

    /// Remembers what a host said. Blocking.
    pub(crate) fn put(&self, host: &str, policy: Policy, now: Timestamp) {
        let millis = i64::try_from(policy.holds.as_millis()).unwrap_or(i64::MAX);
        let entry = (millis > 0).then(|| Entry {
            port: policy.port,
            until: now.plus_millis(millis),
        });
        if entry.is_some() || self.0.get(&key(host)).is_some() {
            self.0.put_or_tell(&key(host), entry);
        }
    }
}

/// Host names are case-insensitive and may end with a dot.
fn key(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_said_holds_over_a_restart_until_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |seconds: i64| Timestamp::from_millis(1_767_225_600_000 + seconds * 1000);
        let policy = |seconds| Policy {
            port: 6697,
            holds: Duration::from_secs(seconds),
        };
        let policies = Policies::open(Some(folder.path()));
        policies.put("irc.test", policy(60), at(0));
        policies.put("gone.test", policy(60), at(0));
        policies.put("gone.test", policy(0), at(1));
        drop(policies);
        let policies = Policies::open(Some(folder.path()));
        assert_eq!(policies.get("IRC.test.", at(20)), Some(policy(40)));
        assert_eq!(policies.get("irc.test", at(60)), None);
        assert_eq!(policies.get("gone.test", at(2)), None);
        // Where nothing can be kept it holds as long as the process.
        let memory = Policies::open(Some(&folder.path().join("sts/x")));
        memory.put("irc.test", policy(60), at(0));
        assert!(memory.get("irc.test", at(1)).is_some());
    }
}
