//! Unreadable records: whom they affect, reporting and counting them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;

use mutex::lock;
use protocol::Timestamp;
use storage_adapter::{GetOptions, ObjectStore, StoreError};

use crate::kernel::Kernel;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;

/// How long an unreadable record is not reported again, in milliseconds: an hour.
const SAID_MS: i64 = 60 * 60 * 1000;
/// The most unreadable records that are remembered.
const MAX_UNREAD: usize = 1_000;
/// How long an error of the store is not reported again, in milliseconds: a minute.
const TROUBLE_SAID_MS: i64 = 60 * 1000;

/// Describes a damaged record.
pub(crate) fn damaged(key: &str, error: &dyn Display) -> String {
    format!("the record {key} is damaged and waits for the operator to repair it: {error}")
}

/// Describes a record that is larger than any that is written.
pub(crate) fn too_large(limit: u64) -> String {
    format!("it is larger than the {limit} bytes that a record has at most")
}

/// Records that could not be read at the last attempt.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// By key, when it was reported.
    records: Mutex<BTreeMap<String, Timestamp>>,
    /// When it was last reported that the store itself fails or refuses.
    trouble_said: Mutex<Option<Timestamp>>,
}

impl Unread {
    /// Remembers a record; true if it is to be reported.
    fn note(&self, key: &str, now: Timestamp) -> bool {
        let mut known = lock(&self.records);
        if known
            .get(key)
            .is_some_and(|said| is_within(SAID_MS, *said, now))
        {
            return false;
        }
        if known.len() < MAX_UNREAD || known.contains_key(key) {
            known.insert(key.to_owned(), now);
        }
        true
    }

    /// Remembers an error of the store; true if it is to be reported.
    fn note_trouble(&self, now: Timestamp) -> bool {
        let mut said = lock(&self.trouble_said);
        if said.is_some_and(|said| is_within(TROUBLE_SAID_MS, said, now)) {
            return false;
        }
        *said = Some(now);
        true
    }
}

/// Nor after a clock was set back.
fn is_within(millis: i64, since: Timestamp, now: Timestamp) -> bool {
    (0..millis).contains(&(now.millis() - since.millis()))
}

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Determines whom a read error affects: everyone if the store does not answer for another key either; otherwise
    /// only the key's owner, which is recorded. A read that the store refuses counts as a damaged record.
    pub(crate) async fn whose(&self, key: &str, error: StoreError) -> StoreError {
        let waits = match &error {
            StoreError::Denied(_) | StoreError::Refused(_) => false,
            StoreError::Unavailable(_) => true,
            _ => return error,
        };
        let other = match key {
            keys::SETUP => keys::CONNECTORS,
            _ => keys::SETUP,
        };
        let store = self.storage().store();
        match store.get(other, GetOptions::default()).await {
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(_) => return error,
        }
        self.note_unread(key, &format!("the record {key} cannot be read: {error}"));
        let sentence = format!(
            "the record {key} cannot be read now; the operator finds the reason in the log"
        );
        match waits {
            true => StoreError::AccountUnavailable(sentence),
            false => StoreError::Damaged(sentence),
        }
    }

    /// Like [`Self::whose`], for a listing: only the account of the folder is affected if the store can list another
    /// one. Its content is unknown, so it never counts as damaged, which could be left out.
    pub(crate) async fn whose_listing(&self, prefix: &str, error: StoreError) -> StoreError {
        let may_be_own = matches!(
            error,
            StoreError::Denied(_) | StoreError::Refused(_) | StoreError::Unavailable(_)
        );
        if !may_be_own || !keys::is_of_one_account(prefix) {
            return error;
        }
        let store = self.storage().store();
        if store.list(keys::CLOSED, None).await.is_err() {
            return error;
        }
        self.note_unread(
            prefix,
            &format!("the keys below {prefix} cannot be listed: {error}"),
        );
        StoreError::AccountUnavailable(format!(
            "the keys below {prefix} cannot be listed now; the operator finds the reason in the log"
        ))
    }

    /// Records that a record is damaged: the host reports it, and metrics count it. Returns the corresponding error.
    pub(crate) fn note_damage(&self, key: &str, error: &dyn Display) -> StoreError {
        let sentence = damaged(key, error);
        self.note_unread(key, &sentence);
        StoreError::Damaged(sentence)
    }

    /// Records that something cannot be read, with a sentence that names it: the host reports it, and metrics count it.
    pub(crate) fn note_unread(&self, key: &str, sentence: &str) {
        if self.unread.note(key, self.now()) {
            self.storage().host().tell_damaged(sentence);
        }
    }

    /// Records that a record can be read (again).
    pub(crate) fn note_mended(&self, key: &str) {
        let mut known = lock(&self.unread.records);
        if !known.is_empty() {
            known.remove(key);
        }
    }

    /// Returns how many records could not be read at the last attempt.
    pub(crate) fn damaged_records(&self) -> usize {
        lock(&self.unread.records).len()
    }

    /// Reports the store's error to the operator, if it is why a request failed: it is not sent to the client.
    pub(crate) fn tell_trouble(&self, failure: &Failure) {
        if let Some(words) = &failure.store
            && self.unread.note_trouble(self.now())
        {
            self.storage().host().tell_store(words);
        }
    }
}
