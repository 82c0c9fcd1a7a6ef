//! What cannot be read: whom it concerns, telling the operator, and counting it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use protocol::Timestamp;
use storage_adapter::{GetOptions, ObjectStore, StoreError};

use crate::kernel::Kernel;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;

/// For how long a record that cannot be read is not spoken of again, in milliseconds: an hour.
const SAID_MS: i64 = 60 * 60 * 1000;
/// Records that cannot be read and are remembered.
const MAX_UNREAD: usize = 1_000;
/// For how long it is not said again what the store said, in milliseconds: a minute.
const TROUBLE_SAID_MS: i64 = 60 * 1000;

/// Says that a record is damaged.
pub(crate) fn damaged(key: &str, error: &dyn Display) -> String {
    format!("the record {key} is damaged and waits for the operator to repair it: {error}")
}

/// Says what is wrong with a record that is larger than any that was written.
pub(crate) fn too_large(limit: u64) -> String {
    format!("it is larger than the {limit} bytes that a record has at most")
}

/// What could not be read when it was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// By key, when it was said.
    records: Mutex<BTreeMap<String, Timestamp>>,
    /// When it was last said that the store itself fails or refuses.
    trouble_said: Mutex<Option<Timestamp>>,
}

impl Unread {
    /// Notes one; true if it is to be said.
    fn note(&self, key: &str, now: Timestamp) -> bool {
        let mut known = self.records.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Notes trouble with the store; true if it is to be said.
    fn note_trouble(&self, now: Timestamp) -> bool {
        let said = self.trouble_said.lock();
        let mut said = said.unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| is_within(TROUBLE_SAID_MS, said, now)) {
            return false;
        }
        *said = Some(now);
        true
    }
}

/// Not after a clock was set back, either.
fn is_within(millis: i64, since: Timestamp, now: Timestamp) -> bool {
    (0..millis).contains(&(now.millis() - since.millis()))
}

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Tells whom an error of a read concerns: everybody if the store does not answer on another key either, or else
    /// those only whom this key belongs to, which is noted. A read that the store refuses stands for a damaged record.
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

    /// As [`Self::whose`], of a listing: nobody is concerned but the account whose folder it is, if the store lists another
    /// one. What is in it is not known, so it is never taken for damaged, which could be left out.
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
            &format!("what is below {prefix} cannot be listed: {error}"),
        );
        StoreError::AccountUnavailable(format!(
            "what is below {prefix} cannot be listed now; the operator finds the reason in the log"
        ))
    }

    /// Notes that a record is damaged: the host says so, and metrics count it. Returns the error that it is.
    pub(crate) fn note_damage(&self, key: &str, error: &dyn Display) -> StoreError {
        let sentence = damaged(key, error);
        self.note_unread(key, &sentence);
        StoreError::Damaged(sentence)
    }

    /// Notes that something cannot be read, as a sentence says that names it: the host says so, and metrics count it.
    pub(crate) fn note_unread(&self, key: &str, sentence: &str) {
        if self.unread.note(key, self.now()) {
            self.storage().host().tell_damaged(sentence);
        }
    }

    /// Notes that a record can be read (again).
    pub(crate) fn note_mended(&self, key: &str) {
        let known = self.unread.records.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if !known.is_empty() {
            known.remove(key);
        }
    }

    /// Returns how many records could not be read when they were looked at last.
    pub(crate) fn damaged_records(&self) -> usize {
        let known = self.unread.records.lock();
        known.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Reports what the store said to the operator, if it is why a request fails: whoever sent it is not told.
    pub(crate) fn tell_trouble(&self, failure: &Failure) {
        if let Some(words) = &failure.store
            && self.unread.note_trouble(self.now())
        {
            self.storage().host().tell_store(words);
        }
    }
}
