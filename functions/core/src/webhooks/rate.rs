//! How often a hook may be called.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::{AccountName, Timestamp};
use storage_adapter::{ObjectStore, StoreError};

use super::key;
use crate::{Functions, Host};

/// Deliveries that may come at once.
pub(crate) const BURST: i64 = 120;
/// Milliseconds after which there is room for one more.
pub(crate) const INTERVAL_MS: i64 = 1_000;
/// Hooks that are counted at once.
const MAX_COUNTED: usize = 10_000;

/// For each hook the time at which it will have room for a full burst again (GCRA, as in ATM networks).
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<(AccountName, String), i64>>);

impl Rates {
    /// Counts a delivery; returns how many seconds to wait instead, if there were too many.
    pub(crate) fn take(&self, account: &AccountName, hook: &str, now: Timestamp) -> Option<u64> {
        let now = now.millis();
        let mut full = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if full.len() >= MAX_COUNTED {
            full.retain(|_, at| *at > now);
            if full.len() >= MAX_COUNTED {
                full.clear();
            }
        }
        let at = full
            .entry((account.clone(), hook.to_owned()))
            .or_insert(now);
        let next = (*at).max(now) + INTERVAL_MS;
        let over = next - now - BURST * INTERVAL_MS;
        if over > 0 {
            return Some(u64::try_from(over).unwrap_or_default().div_ceil(1_000));
        }
        *at = next;
        None
    }
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Counts a delivery; returns how many seconds to wait instead, if there were too many. Where instances share
    /// nothing but the store, those count that are in it: a burst, within as long as a burst takes to pass.
    pub(super) async fn over_rate(
        &self,
        account: &AccountName,
        hook: &str,
    ) -> Result<Option<u64>, StoreError> {
        let now = self.now();
        if !self.config.shared_counters {
            return Ok(self.hook_rates.take(account, hook, now));
        }
        let prefix = key::recent(account, hook);
        let marks = self.storage.store().list(&prefix, None).await?;
        // The latest are first.
        let burst = usize::try_from(BURST).unwrap_or(usize::MAX);
        let oldest = marks.get(burst - 1);
        let oldest = oldest.and_then(|mark| key::marked_time(&mark.key));
        let over = oldest.map_or(0, |at| at + BURST * INTERVAL_MS - now.millis());
        let seconds = u64::try_from(over).unwrap_or_default().div_ceil(1_000);
        // A clock elsewhere that is ahead must not close a hook for long.
        let longest = u64::try_from(BURST * INTERVAL_MS / 1_000).unwrap_or_default();
        Ok((seconds > 0).then_some(seconds.min(longest)))
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
        for n in 0..20_000 {
            take(&n.to_string(), 1_000_000);
        }
        assert!(rates.0.lock().unwrap().len() <= MAX_COUNTED);
    }
}
