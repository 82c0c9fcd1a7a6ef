//! An account's quota over all of its modules.
//!
//! Every module has its own head, so a limit over all of them needs one more object: the ledger contains each module's
//! allowance, and the allowances never add up to more than the quota. A head contains its own allowance and may grow up
//! to it freely. Only a write that needs more uses the ledger:
//!
//! - *more*: read the head, swap the ledger with a larger allowance, then swap that same head;
//! - *taking back*: read the ledger, swap the other heads with what they really use, then swap that same ledger.
//!
//! Each of the two invalidates what the other one has read, so an allowance is never used after it was taken back. A
//! write is refused only if it exceeds the quota in a snapshot of all heads.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::AccountName;
use serde::{Deserialize, Serialize};

use super::format::{self, FORMAT};
use super::heads::{Found, mode, whole};
use super::index::{Allowance, Fence, Head};
use super::shard::{self, Shard};
use super::types::{Host, TreeError};
use super::{Storage, version};
use crate::store::{ETag, ObjectStore, PutMode, StoreError};

/// How often the ledger is read again because of concurrent changes.
const ATTEMPTS: u32 = 20;
/// A module gets this many bytes more than it needs, if there is enough left.
const SLACK: u64 = 1 << 20;

/// What a write needs of the quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// The account's quota, in bytes.
    pub(super) limit: u64,
    /// The module's size afterwards, in bytes.
    pub(super) bytes: u64,
    /// By how many bytes the module grows.
    pub(super) grows: u64,
    /// Bytes that other waiting writes would need.
    pub(super) wish: u64,
}

/// Whether there is room within the quota.
pub(super) enum Room {
    /// The module may grow to this, if its head is unchanged.
    Allowed(Allowance),
    /// The account is full.
    Full { limit: u64, used: u64 },
    /// The module was changed; decide again.
    HeadChanged,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Ledger {
    format: u32,
    /// Makes every ledger different from the previous one.
    id: String,
    /// The quota that is divided.
    limit: u64,
    /// Each module's allowance in bytes, by its name in the key of its head.
    modules: BTreeMap<String, u64>,
}

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Gets the allowance that a module needs.
    pub(super) async fn make_room(
        &self,
        account: &AccountName,
        shard: &Shard,
        head: &Arc<Head>,
        need: Need,
    ) -> Result<Room, TreeError> {
        let key = shard::ledger_key(account);
        let name = shard.path();
        for attempt in 1..=ATTEMPTS {
            let (etag, ledger) = match self.object(&key, None).await? {
                Found::New(etag, bytes) => {
                    (Some(etag), Some(format::parse::<Ledger>(&key, &bytes)?))
                }
                _ => (None, None),
            };
            let promises = ledger.as_ref().map_or_else(Vec::new, |ledger| {
                ledger
                    .modules
                    .keys()
                    .filter_map(|name| Shard::of_name(name))
                    .collect()
            });
            let ledger = ledger.filter(|ledger| ledger.limit == need.limit);
            let modules = ledger.map(|ledger| ledger.modules);
            // The module's existing allowance stays: another instance may already be using it.
            let own = modules
                .as_ref()
                .and_then(|modules| modules.get(&name))
                .copied();
            let promised = modules.as_ref().map(|modules| {
                modules
                    .iter()
                    .filter(|(other, _)| **other != name)
                    .map(|(_, bytes)| bytes)
                    .sum::<u64>()
            });
            let (mut modules, others) = match (modules, promised) {
                (Some(modules), Some(others))
                    if others.saturating_add(need.bytes) <= need.limit =>
                {
                    (modules, others)
                }
                _ => match self.take_back(account, shard, head, need, promises).await? {
                    Ok(modules) => {
                        let others = modules.iter().filter(|(other, _)| **other != name);
                        let others = others.map(|(_, bytes)| bytes).sum::<u64>();
                        (modules, others)
                    }
                    Err(Some(room)) => return Ok(room),
                    Err(None) => {
                        self.back_off(attempt).await;
                        continue;
                    }
                },
            };
            let free = need.limit.saturating_sub(others).saturating_sub(need.bytes);
            let wish = need.wish.saturating_add(need.bytes).max(SLACK);
            let more = need.bytes + wish.min(free / 4);
            let bytes = own.filter(|&own| own >= need.bytes).unwrap_or(more);
            modules.insert(name.clone(), bytes);
            if self
                .swap_ledger(&key, etag.as_ref(), need.limit, modules)
                .await?
            {
                return Ok(Room::Allowed(Allowance {
                    limit: need.limit,
                    bytes,
                }));
            }
            self.back_off(attempt).await;
        }
        Err(TreeError::Busy)
    }

    async fn swap_ledger(
        &self,
        key: &str,
        etag: Option<&ETag>,
        limit: u64,
        modules: BTreeMap<String, u64>,
    ) -> Result<bool, TreeError> {
        let id = version::new(&*self.host).0;
        let ledger = Ledger {
            format: FORMAT,
            id,
            limit,
            modules,
        };
        let bytes =
            serde_json::to_vec_pretty(&ledger).map_err(|error| format::damaged(key, error))?;
        match self.store.put(key, whole(bytes.into()), mode(etag)).await {
            Ok(_) => Ok(true),
            // Whether it happened shows when the ledger is read again.
            Err(
                StoreError::Precondition
                | StoreError::NotFound
                | StoreError::Unavailable(_)
                | StoreError::AccountUnavailable(_),
            ) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the unused allowance of all other modules; those with an allowance but no head get an empty head, so that
    /// they cannot use the allowance either. Returns the new allowances; or the result; or `None` if something changed
    /// in between.
    async fn take_back(
        &self,
        account: &AccountName,
        shard: &Shard,
        head: &Arc<Head>,
        need: Need,
        promises: Vec<Shard>,
    ) -> Result<Result<BTreeMap<String, u64>, Option<Room>>, TreeError> {
        let own_key = shard.head_key(account);
        let mut heads = Vec::new();
        let (mut own, mut used) = (None, 0_u64);
        for entry in self.list_heads(account).await? {
            let Some(listed) = self.listed_head(&entry).await? else {
                return Ok(Err(None));
            };
            used = used.saturating_add(listed.index.bytes);
            if entry.key == own_key {
                own = listed.etag.clone();
            } else {
                heads.push((entry.key, listed));
            }
        }
        if own != head.etag {
            return Ok(Err(Some(Room::HeadChanged)));
        }
        if used.saturating_add(need.grows) > need.limit {
            return Ok(Err(Some(Room::Full {
                limit: need.limit,
                used,
            })));
        }
        for shard in promises {
            let key = shard.head_key(account);
            if key != own_key && !heads.iter().any(|(listed, _)| *listed == key) {
                heads.push((key, Arc::default()));
            }
        }
        let mut modules = BTreeMap::new();
        for (key, listed) in heads {
            let mut index = listed.index.clone();
            let bytes = index.bytes;
            if bytes > 0
                && let Some(other) = Shard::of_head_key(account, &key)
            {
                modules.insert(other.path(), bytes);
            }
            index.allowance = Allowance {
                limit: need.limit,
                bytes,
            };
            let held = index.version.clone();
            index.fence = Some(Fence {
                id: version::new(&*self.host),
                held,
            });
            let (body, page) = format::write(&mut index);
            if let Some(page) = page {
                let id = index
                    .fence
                    .as_ref()
                    .map_or(&index.commit, |fence| &fence.id);
                let prefix =
                    Shard::of_head_key(account, &key).map(|other| other.superseded_prefix(account));
                let page_key = format!("{}{}", prefix.unwrap_or_default(), id.0);
                self.store
                    .put(&page_key, whole(page), PutMode::Overwrite)
                    .await?;
            }
            let length = body.len();
            match self
                .store
                .put(&key, whole(body), mode(listed.etag.as_ref()))
                .await
            {
                Ok(etag) => {
                    index.set_etag(&etag);
                    let head = Head {
                        etag: Some(etag),
                        index,
                        length,
                    };
                    self.shared.cache.insert(&key, &Arc::new(head), length);
                }
                Err(
                    StoreError::Precondition
                    | StoreError::NotFound
                    | StoreError::Unavailable(_)
                    | StoreError::AccountUnavailable(_),
                ) => {
                    return Ok(Err(None));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Ok(modules))
    }
}
