//! Missed messages that have not been mailed yet: recorded when they are archived, dropped when a browser connects.
//!
//! While anything waits there is a mark `notifications/due/<when>-<account>`, so that one listing finds all due
//! digests. The mark is written first: a mark without waiting messages does no harm.

use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use super::settings::Notifications;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::records::Edit;
use crate::kernel::text::plain;
use crate::notify::Notify;

/// The most messages in a digest; others are only counted.
const MAX_ITEMS: usize = 50;
/// The most ids of sent messages that are remembered, so that a repeat is not sent again.
const MAX_SENT: usize = 200;
/// Older messages are not worth a mail: a day.
const MAX_AGE_MS: i64 = 24 * 60 * 60 * 1000;
/// The shortest time between two digests: an hour.
pub(super) const LEAST_PAUSE_MS: i64 = 60 * 60 * 1000;
/// Longest text of a message in a digest, in characters.
const MAX_TEXT: usize = 300;
/// Longest name of a sender or channel, in characters.
const MAX_NAME: usize = 80;
/// The shortest time between two records that a browser is connected: a minute.
const SEEN_EVERY_MS: i64 = 60 * 1000;

/// A message that somebody missed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Missed {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) connection: String,
    /// The channel, or the sender of a direct message.
    pub(crate) target: String,
    pub(crate) from: String,
    pub(crate) text: String,
}

/// A digest on its way into the queue.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Sending {
    pub(super) id: String,
    pub(super) items: Vec<Missed>,
    pub(super) more: u32,
}

/// `accounts/<account>/notifications/pending.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Pending {
    version: u32,
    /// When a browser last connected.
    seen: Timestamp,
    items: Vec<Missed>,
    /// Further messages that are only counted.
    more: u32,
    sent: Vec<String>,
    pub(super) sending: Option<Sending>,
    /// When the last digest was created.
    last: Option<Timestamp>,
}

impl Pending {
    fn knows(&self, id: &str) -> bool {
        let sending = self.sending.iter().flat_map(|sending| &sending.items);
        self.sent.iter().any(|sent| sent == id)
            || self.items.iter().chain(sending).any(|item| item.id == id)
    }

    /// Adds messages; true if this changed.
    fn add(&mut self, missed: &[Missed], now: Timestamp) -> bool {
        let mut changed = false;
        for item in missed {
            let old = item.at <= self.seen || now.millis() - item.at.millis() > MAX_AGE_MS;
            if old || self.knows(&item.id) {
                continue;
            }
            changed = true;
            if self.items.len() >= MAX_ITEMS {
                self.more = self.more.saturating_add(1);
                continue;
            }
            self.items.push(Missed {
                target: plain(&item.target, MAX_NAME),
                from: plain(&item.from, MAX_NAME),
                text: plain(&item.text, MAX_TEXT),
                ..item.clone()
            });
        }
        self.version = 1;
        changed
    }

    /// When a digest is due.
    pub(crate) fn due(&self, minutes: u32) -> Option<Timestamp> {
        let first = self.items.iter().map(|item| item.at).min()?;
        let read = first.plus_millis(i64::from(minutes) * 60_000);
        let pause = self.last.map(|last| last.plus_millis(LEAST_PAUSE_MS));
        Some(pause.map_or(read, |pause| pause.max(read)))
    }

    /// Moves the waiting messages into a digest.
    pub(crate) fn take(&mut self, id: String, now: Timestamp) -> Sending {
        let sending = Sending {
            id,
            items: std::mem::take(&mut self.items),
            more: std::mem::take(&mut self.more),
        };
        self.sent
            .extend(sending.items.iter().map(|item| item.id.clone()));
        let over = self.sent.len().saturating_sub(MAX_SENT);
        self.sent.drain(..over);
        self.last = Some(now);
        self.sending = Some(sending.clone());
        sending
    }

    /// Drops messages that were deleted, which are not told either if they are noted again; true if it changed.
    fn withdraw(&mut self, ids: &[&str]) -> bool {
        let before = self.items.len();
        let items = std::mem::take(&mut self.items);
        let (gone, kept) = items
            .into_iter()
            .partition::<Vec<_>, _>(|item| ids.contains(&item.id.as_str()));
        self.items = kept;
        self.sent.extend(gone.into_iter().map(|item| item.id));
        let over = self.sent.len().saturating_sub(MAX_SENT);
        self.sent.drain(..over);
        self.items.len() < before
    }

    fn forget(&mut self) {
        self.items.clear();
        self.more = 0;
    }
}

impl<S: ObjectStore, H: Host> Notify<S, H> {
    /// Records what an account missed, if it wants to be notified.
    pub(crate) async fn note_missed(
        &self,
        account: &AccountName,
        missed: &[Missed],
    ) -> Result<(), StoreError> {
        if missed.is_empty() {
            return Ok(());
        }
        let settings = self
            .kernel
            .load::<Notifications>(&keys::notifications(account))
            .await?;
        let Some((settings, _)) = settings.filter(|(settings, _)| settings.active().is_some())
        else {
            return Ok(());
        };
        let (key, now) = (keys::notifications_pending(account), self.kernel.now());
        // The resulting due time decides where the mark is, and the mark is written first.
        let (before, mode) = self.kernel.load_note::<Pending>(&key).await?;
        let mut pending = before.unwrap_or_default();
        if !pending.add(missed, now) {
            return Ok(());
        }
        if let Some(due) = pending.due(settings.minutes) {
            self.mark_due(account, due).await?;
        }
        match self.kernel.store(&key, &pending, mode).await {
            // Changed concurrently.
            Err(StoreError::Precondition) => {}
            stored => return stored.map(drop),
        }
        self.kernel
            .upsert::<Pending, ()>(&key, |pending| {
                if pending.add(missed, now) {
                    Edit::Write(())
                } else {
                    Edit::Keep(())
                }
            })
            .await
    }

    /// Nobody is mailed messages that were deleted.
    pub(crate) async fn withdraw_missed(
        &self,
        account: &AccountName,
        ids: &[&str],
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.kernel
            .upsert::<Pending, ()>(&keys::notifications_pending(account), |pending| {
                if pending.withdraw(ids) {
                    Edit::Write(())
                } else {
                    Edit::Keep(())
                }
            })
            .await
    }

    /// Sets a mark.
    pub(crate) async fn mark_due(
        &self,
        account: &AccountName,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::notifications_due(account, due);
        match self.kernel.store(&key, &(), PutMode::IfAbsent).await {
            Ok(_) | Err(StoreError::Precondition) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A browser of the account has connected: its user sees everything missed so far.
    pub(crate) async fn browser_came(&self, account: &AccountName) -> Result<(), StoreError> {
        let settings = self
            .kernel
            .load::<Notifications>(&keys::notifications(account))
            .await?;
        if settings.is_none_or(|(settings, _)| settings.active().is_none()) {
            return Ok(());
        }
        let now = self.kernel.now();
        self.kernel
            .upsert::<Pending, ()>(&keys::notifications_pending(account), |pending| {
                let since = now.millis() - pending.seen.millis();
                if pending.items.is_empty() && (0..SEEN_EVERY_MS).contains(&since) {
                    return Edit::Keep(());
                }
                pending.version = 1;
                pending.seen = now;
                pending.forget();
                Edit::Write(())
            })
            .await
    }
}
