//! Writing archives into a storage on an external server: document by document, since nobody offers more.
//!
//! Every document is merged by the ids of its messages and written under a condition; whoever loses the
//! race reads again. So repeats, lost answers and other writers neither lose nor double a message. Links and `meta` are
//! written before a new day: what is interrupted in between is planned, and linked, again.
//!
//! There are servers that write in place and let others look on: for a moment a document is not there, is half of one under
//! its old version, or a folder is empty. A document that seems absent is created only where there is none
//! (`If-None-Match: *`), and what does not go together is looked at again before anything rests on it.

use crate::kernel::records::ArchivePlace;
use futures_util::future::join_all;
use protocol::{AccountName, Event, RefusedEvent, Timestamp};
use storage_adapter::{Change, ObjectStore, WriteCondition};

use super::day_store::There;
use super::links::Doubt;
use super::plan::{Plan, plan};
use super::{Group, MAX_ATTEMPTS, group};
use crate::chat::Chat;
use crate::chat::away::{AwayError, NotNow, Remote};
use crate::chat::events::Trouble;
use crate::kernel::config::Connector;
use crate::kernel::host::Host;

/// Archives that are written at the same time: more would only wait for each other there.
const MAX_AT_ONCE: usize = 4;
/// How often in a row something doubtful is to be seen before it is believed.
const LOOKS: u32 = 3;
/// How much longer than at home is waited before the next look, in doublings of the pause: requests take longer.
const SLOWER: u32 = 3;

impl From<NotNow> for Trouble {
    fn from(wait: NotNow) -> Self {
        Self::Account {
            reason: wait.reason,
            retry_after: wait.retry_after,
        }
    }
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// Archives messages of one account at another server, until an instant at the latest.
    pub(in crate::chat) async fn archive_away(
        &self,
        account: &AccountName,
        place: &ArchivePlace,
        events: Vec<Event>,
        connector: &Connector,
        refused: &mut Vec<RefusedEvent>,
        until: Timestamp,
    ) -> Result<(), Trouble> {
        if let Some(wait) = self.archive_pause(place) {
            return Err(wait.into());
        }
        let groups = group(events, refused);
        let result = match self.archive_token(account, place) {
            Some(token) => {
                let remote = Remote::new(self.kernel.storage().host(), &place.root, &token, until);
                let there = There {
                    chat: self,
                    account,
                    connector,
                    remote: &remote,
                };
                self.write_away(&there, &groups, refused).await
            }
            // Sealed with a master key that is lost: as good as revoked.
            None => Err(AwayError::Renew(place.user_address.clone(), 401)),
        };
        match self.note_archive(account, place, result).await? {
            Some(wait) => Err(wait.into()),
            None => Ok(()),
        }
    }

    async fn write_away(
        &self,
        there: &There<'_, S, H>,
        groups: &[Group],
        refused: &mut Vec<RefusedEvent>,
    ) -> Result<(), AwayError> {
        for some in groups.chunks(MAX_AT_ONCE) {
            let writes = some.iter().map(|group| self.write_group_away(there, group));
            for (group, result) in some.iter().zip(join_all(writes).await) {
                match result {
                    Err(AwayError::Conflict(_)) => {}
                    result => {
                        result?;
                        continue;
                    }
                }
                // Something is in the way of this archive.
                match put(there.remote, group.recovered()?).await {
                    Err(AwayError::Conflict(reason)) => {
                        refused.extend(group.events.iter().map(|id| RefusedEvent {
                            id: id.clone(),
                            reason: reason.clone(),
                        }));
                    }
                    result => result?,
                }
            }
        }
        Ok(())
    }

    async fn write_group_away(
        &self,
        there: &There<'_, S, H>,
        group: &Group,
    ) -> Result<(), AwayError> {
        let (mut broke, mut refused) = (false, false);
        let mut doubted = Doubted::default();
        for attempt in 0..MAX_ATTEMPTS {
            match write_once(there, group, &mut doubted).await {
                Err(AwayError::Precondition) => {}
                // A connection that was kept may have been closed meanwhile; what was written is found.
                Err(AwayError::Unreachable { again: true, .. }) if !broke => broke = true,
                // Tokens are in a file too that is written in place.
                Err(AwayError::Renew(..)) if !refused => refused = true,
                result => return result,
            }
            self.kernel.back_off(attempt + SLOWER).await;
        }
        Err(AwayError::Precondition)
    }
}

/// What was doubtful at the last look, and how often in a row.
#[derive(Default)]
struct Doubted {
    what: Vec<Doubt>,
    looks: u32,
}

impl Doubted {
    /// Returns whether to look again before this is believed.
    fn look_again(&mut self, doubts: Vec<Doubt>) -> bool {
        if doubts.is_empty() {
            return false;
        }
        self.looks = if self.what == doubts {
            self.looks + 1
        } else {
            1
        };
        self.what = doubts;
        self.looks < LOOKS
    }
}

async fn write_once<S: ObjectStore, H: Host>(
    there: &There<'_, S, H>,
    group: &Group,
    doubted: &mut Doubted,
) -> Result<(), AwayError> {
    let mut planned = Plan::default();
    plan(there, group, &mut planned).await?;
    if doubted.look_again(planned.doubts) {
        return Err(AwayError::Precondition);
    }
    // New days last.
    planned.changes.sort_by_key(is_new_day);
    for change in planned.changes {
        put(there.remote, change).await?;
    }
    Ok(())
}

fn is_new_day(change: &Change) -> bool {
    matches!(change, Change::Put { path, condition: WriteCondition::IfAbsent, .. }
        if path.segments().last().is_some_and(|name| name != "meta"))
}

async fn put<H: Host>(remote: &Remote<'_, H>, change: Change) -> Result<(), AwayError> {
    match change {
        Change::Put {
            path,
            content_type,
            body,
            condition,
        } => remote
            .put(path.segments(), &content_type, body, &condition)
            .await
            .map(drop),
        Change::Delete { path, condition } => remote.delete(path.segments(), &condition).await,
    }
}
