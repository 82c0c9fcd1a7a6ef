//! Writes archives to a storage on an external server, one document at a time, because no server offers more.
//!
//! Every document is merged by message id and written conditionally; on a conflict it is read and merged again. So
//! repeats, lost responses and concurrent writers neither lose nor duplicate a message. Links and `meta` are written
//! before a new day, so an interrupted write is planned and linked again.
//!
//! Some servers write in place and expose the intermediate state: for a moment a document is missing, is truncated
//! under its old version, or a folder is empty. So a document that seems absent is only created with `If-None-Match:
//! *`, and inconsistent findings are read again before anything relies on them.

use crate::kernel::records::{ArchivePlace, Attempts};
use futures_util::future::join_all;
use protocol::{AccountName, Event, RefusedEvent, Timestamp};
use storage_adapter::{Change, ObjectStore, WriteCondition};

use super::day_store::There;
use super::links::Doubt;
use super::plan::{Plan, plan};
use super::{Group, group};
use crate::chat::Chat;
use crate::chat::away::{AwayError, NotNow, Remote};
use crate::chat::events::Trouble;
use crate::kernel::config::Connector;
use crate::kernel::host::Host;

/// Archives written concurrently. More would only wait for each other on that server.
const MAX_AT_ONCE: usize = 4;
/// How many times in a row a doubtful finding must be seen before it is believed.
const LOOKS: u32 = 3;
/// How much longer the pause before the next look is than for local storage, in doublings, because requests take
/// longer.
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
    /// Archives messages of one account on an external server, until a deadline.
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
            // Encrypted with a master key that is lost: the same as revoked.
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
                // An obstacle affects only this archive.
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
        let mut attempts = Attempts::slower(SLOWER);
        while self.kernel.attempt(&mut attempts).await {
            match write_once(there, group, &mut doubted).await {
                Err(AwayError::Precondition) => {}
                // A kept-alive connection may have been closed in the meantime; the retry detects what was already
                // written.
                Err(AwayError::Unreachable { again: true, .. }) if !broke => broke = true,
                // Some servers also write their token file in place.
                Err(AwayError::Renew(..)) if !refused => refused = true,
                result => return result,
            }
        }
        Err(AwayError::Precondition)
    }
}

/// The doubts from the last look, and how many times in a row they were seen.
#[derive(Default)]
struct Doubted {
    what: Vec<Doubt>,
    looks: u32,
}

impl Doubted {
    /// Returns whether to look again before believing this.
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
    // New days go last.
    protocol::sort_by(&mut planned.changes, |a, b| {
        is_new_day(a).cmp(&is_new_day(b))
    });
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
