//! How often a hook may be called.

use std::collections::HashMap;
use std::sync::Mutex;

use mutex::lock;
use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, StoreError};

use super::key;
use crate::kernel::host::Host;
use crate::kernel::records::{Change, Edit};
use crate::webhooks::Webhooks;

/// Deliveries that may arrive in one burst.
pub(crate) const BURST: i64 = 120;
/// Milliseconds after which one more is allowed.
pub(crate) const INTERVAL_MS: i64 = 1_000;
/// The most hooks counted at once.
const MAX_COUNTED: usize = 10_000;
/// Counters of a hook in the store: each has its part of the burst, so that concurrent requests do not contend for one
/// object.
const SHARDS: u8 = 8;

/// Counts one more, if allowed: `burst` at once and one more each `interval` (GCRA, as in ATM networks). `full` is the
/// time at which a full burst will be allowed again. Otherwise returns the milliseconds to wait.
fn count(full: &mut i64, now: i64, burst: i64, interval: i64) -> Result<(), i64> {
    // Another instance's fast clock must not block a hook for long; a time that is later still was recorded before the
    // clock was set back, and is ignored.
    let most = now + burst * interval;
    let known = if *full > most + burst * interval {
        now
    } else {
        (*full).clamp(now, most)
    };
    let next = known + interval;
    let over = next - now - burst * interval;
    if over > 0 {
        return Err(over);
    }
    *full = next;
    Ok(())
}

fn seconds(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or_default().div_ceil(1_000)
}

/// The counters of this process.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<(AccountName, String), i64>>);

impl Rates {
    /// Counts a delivery; if there were too many, returns the seconds to wait instead.
    pub(crate) fn take(&self, account: &AccountName, hook: &str, now: Timestamp) -> Option<u64> {
        let now = now.millis();
        let mut full = lock(&self.0);
        if full.len() >= MAX_COUNTED {
            full.retain(|_, at| *at > now);
            if full.len() >= MAX_COUNTED {
                full.clear();
            }
        }
        let at = full
            .entry((account.clone(), hook.to_owned()))
            .or_insert(now);
        count(at, now, BURST, INTERVAL_MS).err().map(seconds)
    }
}

/// `accounts/<account>/hook-rates/<hook>/<shard>.json`: one of the counters of a hook.
#[derive(Debug, Deserialize, Serialize)]
struct Shard {
    /// Version of this record's format: 1.
    version: u32,
    /// When its full part is available again, in milliseconds.
    full: i64,
}

impl<S: ObjectStore, H: Host> Webhooks<S, H> {
    /// Counts a delivery; if there were too many, returns the seconds to wait instead. Where instances share only the
    /// store, the counters are there, and checking and counting is one compare-and-swap.
    pub(super) async fn over_rate(
        &self,
        account: &AccountName,
        hook: &str,
    ) -> Result<Option<u64>, StoreError> {
        if !self.kernel.config().shared_counters {
            return Ok(self.rates.take(account, hook, self.kernel.now()));
        }
        let [first] = self.kernel.random::<1>();
        let mut least = i64::MAX;
        for step in 0..SHARDS {
            let shard = (first % SHARDS + step) % SHARDS;
            match self.count_in(&key::rate(account, hook, shard)).await? {
                Ok(()) => return Ok(None),
                Err(wait) => least = least.min(wait),
            }
        }
        Ok(Some(seconds(least)))
    }

    async fn count_in(&self, name: &str) -> Result<Result<(), i64>, StoreError> {
        let (burst, interval) = (BURST / i64::from(SHARDS), INTERVAL_MS * i64::from(SHARDS));
        let counted = self.kernel.update(name, |shard: Option<Shard>| {
            let now = self.kernel.now().millis();
            let empty = Shard {
                version: 1,
                full: now,
            };
            Change::of(shard.unwrap_or(empty), |shard| {
                match count(&mut shard.full, now, burst, interval) {
                    Ok(()) => Edit::Write(Ok(())),
                    Err(wait) => Edit::Keep(Err(wait)),
                }
            })
        });
        counted.await.map_err(|error| match error {
            StoreError::Precondition => {
                StoreError::Unavailable("too many events of one hook at once".to_owned())
            }
            error => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_a_second() {
        let rates = Rates::default();
        let alice: AccountName = "alice".parse().unwrap();
        let take = |hook: &str, at: i64| rates.take(&alice, hook, Timestamp::from_millis(at));
        for _ in 0..BURST {
            assert_eq!(take("h", 0), None);
        }
        assert_eq!(take("h", 0), Some(1));
        assert_eq!(take("other", 0), None);
        assert_eq!(take("h", 1_000), None);
        assert_eq!(take("h", 1_500), Some(1));
        assert_eq!(take("h", 1_000_000), None);
        // The clock was set back.
        assert_eq!(take("h", 10_000), None);
        assert_eq!(take("h", 10_000), None);
        for n in 0..20_000 {
            take(&n.to_string(), 1_000_000);
        }
        assert!(rates.0.lock().unwrap().len() <= MAX_COUNTED);
    }
}
