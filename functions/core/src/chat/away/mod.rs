//! Archives on an external remoteStorage server.
//!
//! The account's record contains the location, the encrypted token that the user granted, and the current state
//! ([`ArchiveState`]). Nothing but chat archives is written there.

mod discover;
mod probe;
mod remote;
mod retry_after;

use std::sync::Mutex;

use crate::kernel::records::{AccountRecord, ArchivePlace};
use mutex::lock;
use protocol::{AccountName, ArchiveState, Bounded, Timestamp};
use storage_adapter::{ObjectStore, StoreError};

use crate::chat::Chat;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::records::Edit;

pub(crate) use discover::{DiscoveryError, discover, storage_root};
pub(crate) use probe::probe;
pub(crate) use remote::{AwayError, Document, Remote};

/// What the token's encryption is bound to, in place of a connection.
const SEALED_FOR: &str = "archive";
/// How long a server that refused the token is left alone, in milliseconds: only the user can change that.
const RENEW_PAUSE: i64 = 600_000;
/// How long a server without free space is left alone, in milliseconds.
const FULL_PAUSE: i64 = 60_000;
/// The longest wait that a connector is given, in seconds; it is woken when the user changes something.
const MAX_WAIT: i64 = 300;
/// The most storages remembered as paused.
const MAX_PAUSES: usize = 10_000;

/// Storages that are paused for a while, keyed by their encrypted token, so that another token is tried at once.
#[derive(Debug)]
pub(crate) struct Pauses(Mutex<Bounded<String, Pause>>);

impl Default for Pauses {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MAX_PAUSES)))
    }
}

#[derive(Clone, Debug)]
struct Pause {
    until: Timestamp,
    reason: String,
}

/// Archives cannot be written at present.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NotNow {
    /// One sentence.
    pub(crate) reason: String,
    /// Seconds.
    pub(crate) retry_after: u64,
}

impl Pauses {
    fn with<T>(&self, act: impl FnOnce(&mut Bounded<String, Pause>) -> T) -> T {
        act(&mut lock(&self.0))
    }
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// Encrypts the token of a storage.
    pub(crate) fn seal_archive_token(
        &self,
        account: &AccountName,
        token: &str,
    ) -> Result<String, crate::kernel::problem::Failure> {
        self.seal(account, SEALED_FOR, token)
    }

    /// Decrypts it; `None` if it was encrypted with another master key.
    pub(crate) fn archive_token(
        &self,
        account: &AccountName,
        place: &ArchivePlace,
    ) -> Option<String> {
        self.kernel
            .keys()
            .open(account, SEALED_FOR, &place.token)
            .ok()
    }

    /// Returns the remaining pause of a storage, if any.
    pub(crate) fn archive_pause(&self, place: &ArchivePlace) -> Option<NotNow> {
        let now = self.kernel.now();
        self.pauses.with(|pauses| {
            let pause = pauses.get(&place.token)?;
            let left = pause.until.millis() - now.millis();
            // No pause is longer; if it seems so, the clock was set back.
            (1..=MAX_WAIT * 1_000).contains(&left).then(|| NotNow {
                reason: pause.reason.clone(),
                retry_after: left
                    .saturating_add(999)
                    .div_euclid(1_000)
                    .min(MAX_WAIT)
                    .unsigned_abs(),
            })
        })
    }

    /// Records that archives were written, or why not; returns what to report to the connector.
    pub(crate) async fn note_archive(
        &self,
        account: &AccountName,
        place: &ArchivePlace,
        result: Result<(), AwayError>,
    ) -> Result<Option<NotNow>, StoreError> {
        let Err(error) = result else {
            self.pauses.with(|pauses| pauses.remove(&place.token));
            if place.state != ArchiveState::Ok {
                self.set_archive_state(account, place, ArchiveState::Ok, None)
                    .await?;
            }
            return Ok(None);
        };
        let (state, pause) = match &error {
            AwayError::Renew(..) => (ArchiveState::Renew, RENEW_PAUSE),
            AwayError::Full(..) => (ArchiveState::Full, FULL_PAUSE),
            AwayError::Unreachable { retry_after, .. } => (
                ArchiveState::Unreachable,
                i64::try_from(*retry_after)
                    .unwrap_or(MAX_WAIT)
                    .saturating_mul(1_000),
            ),
            // The server works; writing continues at once.
            AwayError::Unfinished(_) | AwayError::Conflict(_) | AwayError::Precondition => {
                return Ok(Some(NotNow {
                    reason: error.to_string(),
                    retry_after: 1,
                }));
            }
        };
        let reason = error.to_string();
        let until = self.kernel.now().plus_millis(pause);
        self.pauses.with(|pauses| {
            let reason = reason.clone();
            pauses.insert(place.token.clone(), Pause { until, reason });
        });
        if place.state != state || place.reason.as_deref() != Some(&reason) {
            self.set_archive_state(account, place, state, Some(reason.clone()))
                .await?;
        }
        Ok(Some(NotNow {
            reason,
            retry_after: (pause / 1_000).clamp(1, MAX_WAIT).unsigned_abs(),
        }))
    }

    /// Writes the state into the account's record, unless the user has connected another storage in the meantime.
    async fn set_archive_state(
        &self,
        account: &AccountName,
        place: &ArchivePlace,
        state: ArchiveState,
        reason: Option<String>,
    ) -> Result<(), StoreError> {
        let now = self.kernel.now();
        self.kernel
            .edit::<AccountRecord, ()>(&keys::account(account), |record| {
                match record.archive.as_mut() {
                    Some(current) if current.token == place.token => {
                        if current.state != state {
                            current.since = now;
                        }
                        current.state = state;
                        current.reason.clone_from(&reason);
                        Edit::Write(())
                    }
                    _ => Edit::Keep(()),
                }
            })
            .await?;
        Ok(())
    }
}
