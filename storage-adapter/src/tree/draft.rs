//! The next state of an index: intents applied in order, and what they leave behind.

use protocol::Timestamp;

use super::index::{Allowance, Index, RECENT_COMMITS, Superseded};
use super::path::DocumentPath;
use super::queue::{Intent, Op, Outcome};
use super::quota::Need;
use super::shard::names_below;
use super::table::{Loaded, State};
use super::types::{DocumentInfo, TreeError, Version, Written};
use super::version;

/// What a retained version counts besides its bytes: its file, and its entry in a list.
pub(super) const OVERHEAD: u64 = 4096;

/// The next state of an index.
pub(super) struct Draft {
    pub(super) index: Index,
    /// All pages on the paths being written.
    pub(super) loaded: Loaded,
    pub(super) commit: Version,
    pub(super) now: Timestamp,
    pub(super) slot: i64,
    pub(super) left: Left,
}

/// What a draft leaves behind.
#[derive(Default)]
pub(super) struct Left {
    /// Versions that can no longer be reached.
    pub(super) discarded: Vec<(DocumentPath, DocumentInfo)>,
    /// How many more bytes are retained.
    pub(super) retained: u64,
}

impl Draft {
    /// Applies an intent or changes nothing. Fails if the module needs a larger allowance first.
    pub(super) fn apply_all(
        &mut self,
        intent: &Intent,
        too_old: Timestamp,
    ) -> Result<Outcome, Need> {
        if let ([op], Some(limit)) = (intent.ops.as_slice(), intent.quota)
            && let Some(put) = &op.put
        {
            let refusal = self.check(op, put, too_old);
            let old = self.state(op).ok().and_then(|state| state.document);
            let old = old.map_or(0, |info| info.length);
            let after = (self.index.bytes - old).saturating_add(put.length);
            // A refusal for another reason takes precedence.
            return match refusal {
                Err(error) => Ok(Err(error)),
                Ok(()) => {
                    self.check_room(self.index.bytes, after, limit)?;
                    Ok(self.apply(op, too_old).map(|written| vec![written]))
                }
            };
        }
        let before = (intent.ops.len() > 1).then(|| self.index.clone());
        let (discarded, retained) = (self.left.discarded.len(), self.left.retained);
        let written = intent
            .ops
            .iter()
            .map(|op| self.apply(op, too_old))
            .collect();
        if let Some(before) = before {
            let room = match (&written, intent.quota) {
                (Ok(_), Some(limit)) => self.check_room(before.bytes, self.index.bytes, limit),
                _ => Ok(()),
            };
            if written.is_err() || room.is_err() {
                self.index = before;
                self.left.discarded.truncate(discarded);
                self.left.retained = retained;
            }
            room?;
        }
        Ok(written)
    }

    /// A write that does not grow is never refused.
    fn check_room(&self, before: u64, after: u64, limit: u64) -> Result<(), Need> {
        let Allowance {
            limit: known,
            bytes: allowed,
        } = self.index.allowance;
        if after <= before || (known == limit && after <= allowed) {
            Ok(())
        } else {
            Err(Need {
                limit,
                bytes: after,
                grows: after - before,
                wish: 0,
            })
        }
    }

    fn state(&self, op: &Op) -> Result<State, TreeError> {
        let found = self.index.state(names_below(&op.path), &self.loaded);
        // Unreachable: all pages were read, and earlier changes of the draft need no others.
        found.map_err(|_| TreeError::Busy)
    }

    fn check(&self, op: &Op, put: &DocumentInfo, too_old: Timestamp) -> Result<(), TreeError> {
        let state = self.state(op)?;
        state.check(&op.condition)?;
        state.check_clash(&op.path, names_below(&op.path).len())?;
        if version::time(&put.version.0).is_some_and(|made| made < too_old) {
            return Err(TreeError::Late);
        }
        Ok(())
    }

    /// Applies one change, unless it is refused.
    fn apply(&mut self, op: &Op, too_old: Timestamp) -> Result<Written, TreeError> {
        let names = names_below(&op.path);
        let Some(put) = &op.put else {
            let state = self.state(op)?;
            state.check(&op.condition)?;
            state.document.ok_or(TreeError::NotFound)?;
            let old = self
                .index
                .remove(names, &self.commit, &self.loaded)
                .ok_or(TreeError::NotFound)?;
            let version = old.version.clone();
            self.supersede(op, old);
            return Ok(Written {
                version,
                created: false,
            });
        };
        self.check(op, put, too_old)?;
        let info = DocumentInfo {
            modified: self.now,
            ..put.clone()
        };
        let version = info.version.clone();
        let old = self.index.insert(names, info, &self.commit, &self.loaded);
        let created = old.is_none();
        if let Some(old) = old {
            self.supersede(op, old);
        }
        Ok(Written { version, created })
    }

    /// Retains a version that was replaced or deleted, unless it is useless: the writer states that the new one
    /// contains all of it, or it only existed within one slot and is not the last one of it.
    fn supersede(&mut self, op: &Op, info: DocumentInfo) {
        let (path, since, slot) = (op.path.clone(), self.now, self.slot);
        let is_brief = |info: &DocumentInfo, since: Timestamp| {
            let of = |time: Timestamp| time.millis().div_euclid(slot);
            slot > 0 && of(info.modified) == of(since)
        };
        if !op.keeps || (op.put.is_some() && is_brief(&info, since)) {
            self.left.discarded.push((path, info));
            return;
        }
        if is_brief(&info, since) {
            // Of several that were written and deleted in one slot the last one stays.
            let discarded = &mut self.left.discarded;
            self.index.superseded.retain(|entry| {
                let stays = entry.path != path
                    || !is_brief(&entry.info, entry.since)
                    || !is_brief(&entry.info, since);
                if !stays {
                    discarded.push((entry.path.clone(), entry.info.clone()));
                }
                stays
            });
        }
        self.left.retained += info.length + OVERHEAD;
        self.index.superseded.push(Superseded { path, info, since });
    }

    pub(super) fn finish(self, keep_millis: i64) -> (Index, Loaded, Left) {
        let mut index = self.index;
        let expired = self.now.plus_millis(-keep_millis);
        index.superseded.retain(|entry| entry.since >= expired);
        index.serial += 1;
        index.fence = None;
        index.recent.push(self.commit.clone());
        let forgotten = index.recent.len().saturating_sub(RECENT_COMMITS);
        index.recent.drain(..forgotten);
        index.commit = self.commit;
        (index, self.loaded, self.left)
    }
}
