//! How much an account may store.

use std::sync::Mutex;

use mutex::lock;
use protocol::{AccountName, Bounded, Timestamp};
use storage_adapter::{ObjectStore, StoreError};

use crate::files::Files;
use crate::kernel::host::Host;

/// How long a quota is cached, in milliseconds; usage is always counted exactly.
const QUOTA_MS: i64 = 30_000;
/// The most cached quotas.
const MAX_QUOTAS: usize = 10_000;

/// Accounts' quotas, and when they were read.
#[derive(Debug)]
pub(crate) struct QuotaCache {
    entries: Mutex<Bounded<AccountName, (Option<u64>, Timestamp)>>,
}

impl Default for QuotaCache {
    fn default() -> Self {
        Self {
            entries: Mutex::new(Bounded::new(MAX_QUOTAS)),
        }
    }
}

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Returns the quota of an account in bytes; `None` means unlimited.
    pub(crate) async fn quota(&self, account: &AccountName) -> Result<Option<u64>, StoreError> {
        if !self.is_at_home(account).await? {
            // Data in an account's own bucket takes no space of the installation's.
            return Ok(None);
        }
        let now = self.kernel.now();
        {
            let entries = lock(&self.quotas.entries);
            if let Some((quota, read)) = entries.get(account)
                && (0..QUOTA_MS).contains(&(now.millis() - read.millis()))
            {
                return Ok(*quota);
            }
        }
        let record = self.identity.account(account).await?;
        let quota = record
            .and_then(|(record, _)| record.quota)
            .or_else(|| self.kernel.config().default_quota)
            // Zero means unlimited wherever a quota is configured.
            .filter(|bytes| *bytes > 0);
        let mut entries = lock(&self.quotas.entries);
        entries.insert(account.clone(), (quota, now));
        Ok(quota)
    }
}
