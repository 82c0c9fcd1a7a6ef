//! How many hooks an account has, counted so that many made at once are all counted.
//!
//! The hooks that are in the store are listed. Those that are being made are in one record, the ledger, which is changed by
//! compare and swap: who adds to it has seen all who added before, and none can be made without it.

use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use super::key;
use crate::kernel::host::Host;
use crate::kernel::problem::Failure;
use crate::kernel::records::Edit;
use crate::webhooks::Webhooks;

/// The most hooks of one account.
const MAX_HOOKS: usize = 100;
/// How long the making of a hook may take, in milliseconds; then it broke off.
const MAKING_MS: i64 = 60_000;
/// How often the ledger is changed again when others change it at the same time.
const ATTEMPTS: u32 = 12;

/// `accounts/<account>/hook-ledger.json`.
#[derive(Debug, Deserialize, Serialize)]
struct Ledger {
    /// Version of this record's format; 1.
    version: u32,
    making: Vec<Making>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Making {
    id: String,
    since: Timestamp,
}

impl<S: ObjectStore, H: Host> Webhooks<S, H> {
    /// Takes one of the places that an account has for hooks, for one that will be written right after.
    pub(super) async fn claim_hook(&self, account: &AccountName, id: &str) -> Result<(), Failure> {
        let name = key::ledger(account);
        for attempt in 0..ATTEMPTS {
            // In this order: what is made between the two is in the ledger, or the swap fails.
            let (mut ledger, mode) = self.ledger(&name).await?;
            let there = self.kernel.list_keys(&key::hooks(account)).await?;
            let now = self.kernel.now();
            ledger.making.retain(|making| {
                // One far ahead is of before the clock was set back.
                let recent = (now.millis() - making.since.millis()).abs() < MAKING_MS;
                recent && !there.contains(&key::hook(account, &making.id))
            });
            if there.len() + ledger.making.len() >= MAX_HOOKS {
                return Err(Failure::conflict(format!(
                    "an account takes at most {MAX_HOOKS} hooks; delete one first"
                )));
            }
            ledger.making.push(Making {
                id: id.to_owned(),
                since: now,
            });
            match self.kernel.store(&name, &ledger, mode).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Precondition) => self.kernel.back_off(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::busy(
            "too many hooks are made at once; try again in a moment",
        ))
    }

    /// Notes that a hook is gone, perhaps so soon that it is in the ledger still.
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
