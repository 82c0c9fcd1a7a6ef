//! When connections may be made: hosts treat a burst of connections as an attack.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mutex::lock;
use tokio::sync::Mutex as Queue;
use tokio::time::{Instant, sleep_until};

use crate::address::is_named;

/// Hosts that are remembered; above this, hosts that nobody waits for are forgotten.
const MAX_HOSTS: usize = 1024;

/// The rate at which all accounts together connect to one host.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Connections that may be made at once.
    pub burst: u32,
    /// The interval at which further connections may be made.
    pub interval: Duration,
    /// Maximum random addition to each delay.
    pub jitter: Duration,
}

impl Default for Pace {
    /// Public networks refuse or ban addresses that connect more often than about three times in ten seconds.
    fn default() -> Self {
        Self {
            burst: 3,
            interval: Duration::from_secs(5),
            jitter: Duration::from_secs(3),
        }
    }
}

/// One queue per host; a connection that gives up leaves it.
#[derive(Debug)]
pub(crate) struct Gate {
    pace: Pace,
    own: Vec<String>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug, Default)]
struct Host {
    /// Fair: first come, first served. Holds the time at which the bucket will have drained.
    queue: Queue<Option<Instant>>,
}

impl Gate {
    /// `own`: servers, as `host:port`, that are exempt from waiting.
    pub(crate) fn new(pace: Pace, own: Vec<String>) -> Self {
        Self {
            pace,
            own,
            hosts: Mutex::default(),
        }
    }

    /// Returns whether a server is the operator's own.
    pub(crate) fn is_own(&self, host: &str, port: u16) -> bool {
        is_named(&self.own, host, port)
    }

    /// Estimates how long a new connection would have to wait.
    pub(crate) fn estimate(&self, host: &str) -> Duration {
        let hosts = lock(&self.hosts);
        let Some(host) = hosts.get(&key(host)) else {
            return Duration::ZERO;
        };
        // The map holds one reference.
        let ahead = u32::try_from(Arc::strong_count(host) - 1).unwrap_or(u32::MAX);
        let first = match host.queue.try_lock() {
            Ok(through) => self.due(*through).saturating_duration_since(Instant::now()),
            Err(_) => Duration::ZERO,
        };
        first + self.pace.interval.saturating_mul(ahead)
    }

    /// When the next connection may be made. A leaky bucket: each connection fills it by one interval, and a burst
    /// fits into it.
    fn due(&self, through: Option<Instant>) -> Instant {
        let now = Instant::now();
        let burst = self.pace.burst.saturating_sub(1);
        let room = self.pace.interval.saturating_mul(burst);
        through
            .and_then(|filled| filled.checked_sub(room))
            .map_or(now, |due| due.max(now))
    }

    /// Waits until a connection to a host may be made. `random` is a random number for this connection only.
    pub(crate) async fn pass(&self, host: &str, random: u64) {
        let host = self.host(host);
        let mut through = host.queue.lock().await;
        let Pace {
            interval, jitter, ..
        } = self.pace;
        let due = self.due(*through);
        if due > Instant::now() {
            let millis = u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX - 1);
            sleep_until(due + Duration::from_millis(random % (millis + 1))).await;
        }
        let now = Instant::now();
        *through = Some(through.map_or(now, |filled| filled.max(now)) + interval);
    }

    fn host(&self, host: &str) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        if hosts.len() >= MAX_HOSTS {
            let now = Instant::now();
            let counts = |host: &Arc<Host>| match host.queue.try_lock() {
                Ok(through) => through.is_some_and(|filled| filled > now),
                Err(_) => true,
            };
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || counts(host));
        }
        Arc::clone(hosts.entry(key(host)).or_default())
    }
}

/// Host names are case-insensitive and may end with a dot.
fn key(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn times(gate: &Arc<Gate>, host: &'static str, count: u64) -> Vec<Duration> {
        let start = Instant::now();
        let waits: Vec<_> = (0..count)
            .map(|number| {
                let gate = Arc::clone(gate);
                tokio::spawn(async move {
                    gate.pass(host, number * 7919).await;
                    Instant::now() - start
                })
            })
            .collect();
        let mut times = Vec::new();
        for wait in waits {
            times.push(wait.await.unwrap());
        }
        times.sort_unstable();
        times
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_spread() {
        let gate = Arc::new(Gate::new(Pace::default(), vec![]));
        let found = times(&gate, "irc.test", 200).await;
        let Pace {
            burst, interval, ..
        } = Pace::default();
        for window in found.windows(burst as usize + 1) {
            let (first, last) = (window[0], window[burst as usize]);
            assert!(last - first >= interval, "{first:?} {last:?}");
        }
        let gate = Arc::new(Gate {
            own: vec!["irc.here:6667".to_owned()],
            ..Gate::new(Pace::default(), vec![])
        });
        assert!(gate.is_own("IRC.here", 6667) && !gate.is_own("irc.here", 6697));
        times(&gate, "irc.test", 4).await;
        // Another host is not delayed, and after a quiet time a few connections are possible again.
        assert_eq!(times(&gate, "other.test", 1).await, [Duration::ZERO]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(times(&gate, "IRC.test.", 3).await, [Duration::ZERO; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_no_turn() {
        let gate = Arc::new(Gate::new(Pace::default(), vec![]));
        times(&gate, "irc.test", 3).await;
        for number in 0..50 {
            let pass = gate.pass("irc.test", number);
            assert!(tokio::time::timeout(Duration::ZERO, pass).await.is_err());
        }
        // And none is counted as waiting.
        assert!(gate.estimate("irc.test") <= Pace::default().interval);
        let next = times(&gate, "irc.test", 1).await;
        let Pace {
            interval, jitter, ..
        } = Pace::default();
        assert!(next[0] <= interval + jitter, "{next:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_are_forgotten() {
        let gate = Gate::new(Pace::default(), vec![]);
        for number in 0..MAX_HOSTS * 2 {
            gate.pass(&format!("h{number}.test"), 0).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(gate.hosts.lock().unwrap().len() <= MAX_HOSTS);
    }
}
