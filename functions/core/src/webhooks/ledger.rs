//! Counts an account's hooks, including those being created concurrently.
//!
//! Existing hooks are listed from the store. Those being created are in one record, the ledger, which is changed by
//! compare-and-swap: each addition has seen all earlier ones, and no hook can be created without one.

use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use super::key;
use crate::kernel::host::Host;
use crate::kernel::problem::Failure;
use crate::kernel::records::{Attempts, Change, Edit};
use crate::webhooks::Webhooks;

/// The most hooks of one account.
const MAX_HOOKS: usize = 100;
/// How long creating a hook may take, in milliseconds; after that it was interrupted.
const MAKING_MS: i64 = 60_000;

/// `accounts/<account>/hook-ledger.json`.
#[derive(Debug, Deserialize, Serialize)]
struct Ledger {
    /// Version of this record's format: 1.
    version: u32,
    making: Vec<Making>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Making {
    id: String,
    since: Timestamp,
}

impl<S: ObjectStore, H: Host> Webhooks<S, H> {
    /// Reserves one of an account's hooks, to be written right after.
    pub(super) async fn claim_hook(&self, account: &AccountName, id: &str) -> Result<(), Failure> {
        let name = key::ledger(account);
        let mut attempts = Attempts::default();
        while self.kernel.attempt(&mut attempts).await {
            // In this order: what is made between the two is in the ledger, or the swap fails.
            let (mut ledger, mode) = self.ledger(&name).await?;
            let there = self.kernel.list_keys(&key::hooks(account)).await?;
            let now = self.kernel.now();
            ledger.making.retain(|making| {
                // One far in the future was recorded before the clock was set back.
                let recent = (now.millis() - making.since.millis()).abs() < MAKING_MS;
                recent && !there.contains(&key::hook(account, &making.id))
            });
            if there.len() + ledger.making.len() >= MAX_HOOKS {
                return Err(Failure::conflict(format!(
                    "an account can have at most {MAX_HOOKS} hooks; delete one first"
                )));
            }
            ledger.making.push(Making {
                id: id.to_owned(),
                since: now,
            });
            let change = Change::Write(ledger, ());
            if self.kernel.swap(&name, change, mode).await?.is_some() {
                return Ok(());
            }
        }
        Err(Failure::busy(
            "too many hooks are made at once; try again in a moment",
        ))
    }

    /// Records that a hook is gone, possibly so early that it is still in the ledger.
    pub(super) async fn release_hook(
        &self,
        account: &AccountName,
        id: &str,
    ) -> Result<(), StoreError> {
        let change = |ledger: &mut Ledger| {
            let before = ledger.making.len();
            ledger.making.retain(|making| making.id != id);
            if ledger.making.len() == before {
                Edit::Keep(())
            } else {
                Edit::Write(())
            }
        };
        self.kernel
            .edit::<Ledger, ()>(&key::ledger(account), change)
            .await
            .map(|_| ())
    }

    async fn ledger(&self, name: &str) -> Result<(Ledger, PutMode), StoreError> {
        Ok(match self.kernel.load::<Ledger>(name).await? {
            Some((ledger, etag)) => (ledger, PutMode::IfMatch(etag)),
            None => {
                let empty = Ledger {
                    version: 1,
                    making: Vec::new(),
                };
                (empty, PutMode::IfAbsent)
            }
        })
    }
}
