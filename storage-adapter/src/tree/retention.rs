//! Overwritten and deleted documents: listed, restored, and finally swept.

use std::collections::{HashMap, HashSet};

use protocol::{AccountName, Timestamp};

use super::draft::OVERHEAD;
use super::heads::Found;
use super::index::{Index, Superseded};
use super::pages::page_key;
use super::path::{DocumentPath, FolderPath};
use super::shard::{self, Shard};
use super::table::{Loaded, Seen};
use super::types::{Host, TreeError, Version, WriteCondition, Written};
use super::{Storage, format, version};
use crate::store::{BodyError, Entry, GetOptions, ObjectStore, StoreError};

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SweepReport {
    /// Documents whose retention time was over.
    pub expired: usize,
    /// Unreferenced bytes, left behind by interrupted writes.
    pub orphans: usize,
    /// Pages that are no longer referenced, or never were.
    pub pages: usize,
    /// Superseded documents that were removed early, to stay within the limit.
    pub trimmed: usize,
}

/// The retained overwritten and deleted documents.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Kept {
    /// The number of versions.
    pub versions: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// The objects of an account, listed before the heads that refer to them.
pub(super) struct Survey {
    pub(super) data: Vec<Entry>,
    index_pages: Vec<Entry>,
    /// The keys of bytes and pages that heads refer to.
    pub(super) live: HashSet<String>,
    /// By the keys of their bytes.
    pub(super) kept: HashMap<String, Superseded>,
    pages: Vec<Page>,
}

impl<S: ObjectStore, H: Host> Storage<S, H> {
    /// Lists overwritten and deleted documents below a folder that can still be restored, oldest first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list_superseded(
        &self,
        account: &AccountName,
        folder: &FolderPath,
    ) -> Result<Vec<Superseded>, TreeError> {
        let shards = match Shard::of_folder(folder) {
            Some((shard, _)) => vec![shard],
            None => self.shards(account).await?,
        };
        let expired = self
            .host
            .now()
            .plus_millis(-self.shared.options.keep_millis);
        let data = self.list_all(&shard::data_prefix(account)).await?;
        let there: HashSet<String> = data.into_iter().map(|entry| entry.key).collect();
        let mut found = Vec::new();
        for shard in shards {
            let (state, _) = self.shard_state(account, &shard).await?;
            // Heads and lists still refer to versions that were removed to stay within a limit.
            let superseded = state.superseded.into_iter();
            found.extend(superseded.filter_map(|(key, kept)| there.contains(&key).then_some(kept)));
        }
        let above = folder.segments();
        found.retain(|entry| {
            let names = entry.path.segments();
            entry.since >= expired && names.len() > above.len() && names.starts_with(above)
        });
        protocol::sort_by(&mut found, |a, b| {
            (a.since, &a.path, &a.info.version).cmp(&(b.since, &b.path, &b.info.version))
        });
        Ok(found)
    }

    /// Writes an overwritten or deleted version of a document again, as a new version.
    ///
    /// # Errors
    /// [`TreeError::NotFound`] if that version is not retained; otherwise like [`Self::put`].
    pub async fn restore(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        version: &Version,
        condition: &WriteCondition,
        quota: Option<u64>,
    ) -> Result<Written, TreeError> {
        let (shard, _) = Shard::of_document(path)?;
        let (mut state, _) = self.shard_state(account, &shard).await?;
        let key = shard::data_key(account, path, version);
        let kept = state.superseded.remove(&key).ok_or(TreeError::NotFound)?;
        let object = match self.store.get(&key, GetOptions::default()).await {
            // Already swept; the head drops it with its next commit.
            Err(StoreError::NotFound) => return Err(TreeError::NotFound),
            object => object?,
        };
        let (kind, bytes) = (&kept.info.content_type, object.body);
        let written = self.put(account, path, kind, bytes, condition, quota).await;
        written.map_err(|error| match error {
            // The body came from the store, not from the caller.
            TreeError::Body(BodyError::Broken(why)) => StoreError::Unavailable(why).into(),
            error => error,
        })
    }

    /// Removes the bytes of documents whose retention time is over, and unreferenced bytes and pages that are older
    /// than the grace period. Safe at any time, with any number of writers.
    ///
    /// # Errors
    /// If the store fails; what was removed so far stays removed.
    pub async fn sweep(
        &self,
        account: &AccountName,
        now: Timestamp,
    ) -> Result<SweepReport, TreeError> {
        self.sweep_to(account, now, None).await
    }

    /// The same, and removes the oldest superseded documents until the rest takes no more than `most` bytes; each
    /// version counts a little more than its bytes.
    ///
    /// # Errors
    /// Like [`Self::sweep`].
    pub async fn sweep_to(
        &self,
        account: &AccountName,
        now: Timestamp,
        most: Option<u64>,
    ) -> Result<SweepReport, TreeError> {
        let expired = now.plus_millis(-self.shared.options.keep_millis);
        let grace = now.plus_millis(-self.shared.options.grace_millis);
        let page_grace = now.plus_millis(-self.page_grace());
        self.delete_all(self.shared.garbage.take(account)).await;
        let Survey {
            data,
            index_pages,
            live,
            kept,
            pages,
        } = self.survey(account).await?;
        let mut report = SweepReport::default();
        let mut retained: Vec<(&Entry, &Superseded)> = Vec::new();
        for entry in data.iter().filter(|entry| !live.contains(&entry.key)) {
            if let Some(superseded) = kept.get(&entry.key) {
                retained.push((entry, superseded));
                continue;
            }
            let made = entry.key.rsplit('@').next().and_then(version::time);
            if made.is_some_and(|made| made < grace) {
                self.store.delete(&entry.key).await?;
                report.orphans += 1;
            }
        }
        // Newest first: everything beyond the limit is older.
        protocol::sort_by(&mut retained, |(_, a), (_, b)| b.since.cmp(&a.since));
        let mut there: HashSet<&str> = data.iter().map(|entry| entry.key.as_str()).collect();
        let mut sum = 0;
        for (entry, superseded) in retained {
            sum += entry.length + OVERHEAD;
            let over = most.is_some_and(|most| sum > most);
            if superseded.since >= expired && !over {
                continue;
            }
            self.store.delete(&entry.key).await?;
            there.remove(entry.key.as_str());
            if superseded.since < expired {
                report.expired += 1;
            } else {
                report.trimmed += 1;
            }
        }
        for entry in &index_pages {
            let made = entry.key.rsplit('/').next().and_then(version::time);
            if !live.contains(&entry.key) && made.is_some_and(|made| made < page_grace) {
                self.store.delete(&entry.key).await?;
                report.pages += 1;
            }
        }
        for page in &pages {
            // What a young list refers to may have been stored after the bytes were listed.
            let made = page.key.rsplit('/').next().and_then(version::time);
            let settled = made.is_some_and(|made| made < page_grace);
            let empty = settled && !page.names.iter().any(|name| there.contains(name.as_str()));
            if page.newest < expired || empty {
                self.store.delete(&page.key).await?;
            }
        }
        Ok(report)
    }

    /// Returns how much is retained of overwritten and deleted documents.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn kept(&self, account: &AccountName) -> Result<Kept, TreeError> {
        let Survey {
            data, live, kept, ..
        } = self.survey(account).await?;
        let mut found = Kept::default();
        for entry in data {
            if !live.contains(&entry.key) && kept.contains_key(&entry.key) {
                found.versions += 1;
                found.bytes += entry.length;
            }
        }
        Ok(found)
    }

    /// Returns how many bytes this process has added since the last sweep that only a sweep removes. The caller is
    /// expected to sweep when there are many.
    #[must_use]
    pub fn left_since_sweep(&self, account: &AccountName) -> u64 {
        self.shared.garbage.added(account)
    }

    /// First the existing objects, then the references: an object listed here that nothing refers to afterwards was
    /// never referenced, or no longer is, for good.
    pub(super) async fn survey(&self, account: &AccountName) -> Result<Survey, TreeError> {
        let data = self.list_all(&shard::data_prefix(account)).await?;
        let index_pages = self.list_all(&shard::pages_prefix(account)).await?;
        let (mut live, mut kept) = (HashSet::new(), HashMap::new());
        let mut pages = Vec::new();
        for shard in self.shards(account).await? {
            let (state, its_pages) = self.shard_state(account, &shard).await?;
            live.extend(state.live);
            kept.extend(state.superseded);
            pages.extend(its_pages);
        }
        Ok(Survey {
            data,
            index_pages,
            live,
            kept,
            pages,
        })
    }

    async fn shards(&self, account: &AccountName) -> Result<Vec<Shard>, TreeError> {
        let heads = self.list_heads(account).await?;
        Ok(heads
            .iter()
            .filter_map(|entry| Shard::of_head_key(account, &entry.key))
            .collect())
    }

    /// Reads the pages first and then the head, so that an entry that moves from the head to a page in between is in
    /// one of them; pages are listed again for entries that moved away.
    async fn shard_state(
        &self,
        account: &AccountName,
        shard: &Shard,
    ) -> Result<(ShardState, Vec<Page>), TreeError> {
        let mut state = ShardState::default();
        let mut pages = HashMap::new();
        let key = shard.head_key(account);
        loop {
            let before = self.head(&key).await?;
            for entry in self.list_all(&shard.superseded_prefix(account)).await? {
                if pages.contains_key(&entry.key) {
                    continue;
                }
                if let Found::New(_, bytes) = self.object(&entry.key, None).await? {
                    let entries = format::read_page(&entry.key, &bytes)?;
                    let newest = entries
                        .iter()
                        .map(|entry| entry.since)
                        .max()
                        .unwrap_or_default();
                    let name = |entry: &Superseded| {
                        shard::data_key(account, &entry.path, &entry.info.version)
                    };
                    let names = entries.iter().map(name).collect();
                    pages.insert(
                        entry.key.clone(),
                        Page {
                            key: entry.key,
                            newest,
                            names,
                        },
                    );
                    entries
                        .into_iter()
                        .for_each(|entry| state.add(account, entry));
                }
            }
            let head = self.head(&key).await?;
            for entry in before.index.superseded.iter().chain(&head.index.superseded) {
                state.add(account, entry.clone());
            }
            if before.etag != head.etag {
                continue;
            }
            let above: Vec<String> = shard.path().split('/').map(str::to_owned).collect();
            let pages_prefix = shard.pages_prefix(account);
            let all = |index: &Index, loaded: &Loaded| {
                let (mut live, mut path) = (HashSet::new(), above.clone());
                index.walk(loaded, &mut |names, seen| match seen {
                    Seen::Document(info) => {
                        path.truncate(above.len());
                        path.extend_from_slice(names);
                        if let Ok(path) = DocumentPath::from_segments(path.clone()) {
                            live.insert(shard::data_key(account, &path, &info.version));
                        }
                    }
                    Seen::Page(id) => {
                        live.insert(page_key(&pages_prefix, id));
                    }
                })?;
                Ok(live)
            };
            let etag = head.etag.clone();
            let (head, live) = self
                .look(account, shard, head, &mut Loaded::new(), all)
                .await?;
            if head.etag != etag {
                continue;
            }
            state.live = live;
            let ShardState { live, superseded } = &mut state;
            superseded.retain(|key, _| !live.contains(key));
            return Ok((state, pages.into_values().collect()));
        }
    }
}

struct Page {
    key: String,
    newest: Timestamp,
    /// The keys of the bytes that it refers to.
    names: Vec<String>,
}

/// By the key of the bytes; for pages, those that the head needs.
#[derive(Default)]
struct ShardState {
    live: HashSet<String>,
    superseded: HashMap<String, Superseded>,
}

impl ShardState {
    /// A commit that lost the race may have recorded an entry too early: the latest time counts.
    fn add(&mut self, account: &AccountName, entry: Superseded) {
        let key = shard::data_key(account, &entry.path, &entry.info.version);
        let since = self.superseded.get(&key).map(|known| known.since);
        if since.is_none_or(|since| since < entry.since) {
            self.superseded.insert(key, entry);
        }
    }
}
