//! When a store is full, retained versions are removed to make space for new documents.

use protocol::{AccountName, Timestamp};

use super::Storage;
use super::index::Superseded;
use super::retention::{Kept, Survey};
use super::types::{Host, TreeError};
use crate::store::{Entry, ObjectStore};

/// The most versions that one call removes.
const MOST: usize = 1_000;

/// How much of the retained versions to remove.
#[derive(Clone, Copy, Debug)]
pub struct GiveWay {
    /// Only those superseded before this time.
    pub before: Timestamp,
    /// If the versions add up to fewer bytes than this, none is removed: it would be in vain.
    pub least: u64,
    /// Stop at this many bytes.
    pub most: u64,
}

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Removes superseded documents, the oldest first and at most a thousand, until there is space for this many more
    /// bytes. Safe at any time, like a sweep. Returns what was removed; unreachable bytes are removed as well and not
    /// counted.
    ///
    /// # Errors
    /// If the store fails; what was removed so far stays removed.
    pub async fn give_way(
        &self,
        account: &AccountName,
        wanted: GiveWay,
    ) -> Result<Kept, TreeError> {
        self.delete_all(self.shared.garbage.take_keys(account))
            .await;
        let Survey {
            data, live, kept, ..
        } = self.survey(account).await?;
        let old = |entry: &Entry| {
            let superseded: &Superseded = kept.get(&entry.key)?;
            let old = superseded.since < wanted.before && !live.contains(&entry.key);
            old.then_some(superseded.since)
        };
        let mut oldest: Vec<(Timestamp, &Entry)> = data
            .iter()
            .filter_map(|entry| Some((old(entry)?, entry)))
            .collect();
        protocol::sort_by(&mut oldest, |(one, a), (other, b)| {
            (one, &a.key).cmp(&(other, &b.key))
        });
        let mut found = Kept::default();
        for (_, entry) in oldest.iter().take(MOST) {
            if found.bytes >= wanted.most {
                break;
            }
            found.versions += 1;
            found.bytes += entry.length;
        }
        if found.versions == 0 || found.bytes < wanted.least {
            return Ok(Kept::default());
        }
        let keys: Vec<String> = oldest[..found.versions]
            .iter()
            .map(|(_, entry)| entry.key.clone())
            .collect();
        self.store.delete_many(&keys).await?;
        Ok(found)
    }
}
