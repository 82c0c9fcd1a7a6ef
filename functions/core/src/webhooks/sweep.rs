//! Removes old deliveries.

use std::collections::{HashMap, HashSet};

use protocol::AccountName;
use storage_adapter::{ObjectStore, StoreError};

use super::{Delivery, key};
use crate::kernel::host::Host;
use crate::webhooks::Webhooks;

/// How long a delivery is remembered, so that a repeat of it is recognised: 7 days.
const KEEP_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// The most deliveries that are remembered per hook.
const MAX_KEPT: usize = 1_000;

impl<S: ObjectStore, H: Host> Webhooks<S, H> {
    /// Deletes the deliveries of an account's hooks that are old or too many, and those of deleted hooks; returns how
    /// many. Queued tasks are not touched.
    ///
    /// # Errors
    /// If the store fails; the next run tries again.
    pub(crate) async fn sweep_hooks(&self, account: &AccountName) -> Result<usize, StoreError> {
        let marks = self.kernel.list_keys(&key::all_recent(account)).await?;
        let records = self.kernel.list_keys(&key::all_deliveries(account)).await?;
        let rates = self.kernel.list_keys(&key::all_rates(account)).await?;
        if marks.is_empty() && records.is_empty() && rates.is_empty() {
            return Ok(0);
        }
        // The keys show which hooks exist, so a damaged one blocks nothing.
        let hooks = self.kernel.list_keys(&key::hooks(account)).await?;
        let hooks: HashSet<String> = hooks
            .iter()
            .filter_map(|name| name.rsplit('/').next()?.strip_suffix(".json"))
            .map(str::to_owned)
            .collect();
        let oldest = self.kernel.now().plus_millis(-KEEP_MS);
        let mut kept: HashMap<String, usize> = HashMap::new();
        let mut marked: HashSet<(String, String)> = HashSet::new();
        let mut forgotten = 0;
        for mark in marks {
            let (Some(hook), Some(id)) = (hook_in(&mark), key::marked(&mark)) else {
                continue;
            };
            let last = key::mark(account, hook, oldest, "");
            // Keys of marks sort by time, the latest first.
            let old = mark.as_str() > last.as_str();
            let count = kept.entry(hook.to_owned()).or_default();
            if hooks.contains(hook) && !old && *count < MAX_KEPT {
                *count += 1;
                marked.insert((hook.to_owned(), id.to_owned()));
                continue;
            }
            let record = key::delivery(account, hook, id);
            self.kernel.storage().store().delete(&record).await?;
            self.kernel.storage().store().delete(&mark).await?;
            forgotten += 1;
        }
        for rate in rates {
            if hook_in(&rate).is_some_and(|hook| !hooks.contains(hook)) {
                self.kernel.storage().store().delete(&rate).await?;
            }
        }
        forgotten += self
            .sweep_unmarked(account, &records, &hooks, &marked)
            .await?;
        Ok(forgotten)
    }

    /// Records whose mark was never written: their delivery was interrupted and not repeated.
    async fn sweep_unmarked(
        &self,
        account: &AccountName,
        records: &[String],
        hooks: &HashSet<String>,
        marked: &HashSet<(String, String)>,
    ) -> Result<usize, StoreError> {
        let oldest = self.kernel.now().plus_millis(-KEEP_MS);
        let mut forgotten = 0;
        for record in records {
            let id = record
                .rsplit('/')
                .next()
                .and_then(|name| name.strip_suffix(".json"));
            let (Some(hook), Some(id)) = (hook_in(record), id) else {
                continue;
            };
            if marked.contains(&(hook.to_owned(), id.to_owned())) {
                continue;
            }
            let name = key::delivery(account, hook, id);
            let old = match self.kernel.load::<Delivery>(&name).await {
                Ok(Some((delivery, _))) => delivery.time < oldest,
                Ok(None) => continue,
                // Damaged, and nothing refers to it.
                Err(StoreError::Damaged(_)) => true,
                Err(error) => return Err(error),
            };
            if !hooks.contains(hook) || old {
                self.kernel.storage().store().delete(&name).await?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}

/// Returns the hook in the key of a record or mark: the second-last segment.
fn hook_in(name: &str) -> Option<&str> {
    name.rsplit('/').nth(1)
}
