//! Where a store is full, what is retained of overwritten and deleted documents gives way to new ones.

use protocol::{AccountName, Timestamp};

use super::Storage;
use super::index::Superseded;
use super::retention::{Kept, Survey};
use super::types::{Host, TreeError};
use crate::store::{Entry, ObjectStore};

/// Versions that one call removes at most.
const MOST: usize = 1_000;

/// How much of what is retained is to give way.
#[derive(Clone, Copy, Debug)]
pub struct GiveWay {
    /// Only what was superseded before that.
    pub before: Timestamp,
    /// Bytes of which nothing is removed if they do not come together: it would be lost for nothing.
    pub least: u64,
    /// Bytes at which there is an end.
    pub most: u64,
}

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Removes superseded documents, the oldest first and at most a thousand, until there is room for so many bytes more. Safe
    /// at any time, as a sweep is. Returns what was removed; bytes that nobody could get any more are removed as well and not counted.
    ///
    /// # Errors
    /// Those of the store; what was removed until then stays removed.
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
        oldest.sort_by(|(one, a), (other, b)| (one, &a.key).cmp(&(other, &b.key)));
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
