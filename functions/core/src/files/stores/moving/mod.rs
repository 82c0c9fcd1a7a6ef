//! Moves an account to another store, step by step: it can be interrupted anywhere, and resumes from there.

mod steps;
mod target;

use protocol::AccountName;
use storage_adapter::{
    AnyStore, Copied, ETag, ObjectStore, PutMode, Storage, StoreError, TreeError,
};

use self::steps::Step;
use super::NewStoreLocation;
use super::record::{Move, Phase, StoreLocation, StoreRecord};
use crate::files::Files;
use crate::kernel::bucket::BucketError;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;

/// How often a step is retried because of concurrent changes to the record.
const MAX_ROUNDS: u32 = 50;
/// The most locations remembered for data of the account left behind.
const MAX_LEFT: usize = 16;
/// How much a move caches of heads and pages, in bytes.
const CACHE: usize = 4 << 20;

/// Why an account is not moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// No such account.
    #[error("there is no account \"{0}\"")]
    NoAccount(AccountName),
    /// A field of the new location is not valid, or the account does not fit there.
    #[error("{0}")]
    Refused(String),
    /// Something is in the way: another move, or data left behind by an earlier one.
    #[error("{0}")]
    Conflict(String),
    /// The new location cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// One of the stores failed; the move resumes when it is retried.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for MoveError {
    fn from(error: StoreError) -> Self {
        Self::Store(format!("{error}; repeat it to continue"))
    }
}

impl From<TreeError> for MoveError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Conflict(detail) => Self::Conflict(detail),
            error => Self::Store(format!("{error}; repeat it to continue")),
        }
    }
}

impl From<MoveError> for Failure {
    fn from(error: MoveError) -> Self {
        let detail = error.to_string();
        match error {
            MoveError::NoAccount(_) => Self::not_found(detail),
            MoveError::Refused(_) | MoveError::Bucket(_) => Self::unprocessable(detail),
            MoveError::Conflict(_) => Self::conflict(detail),
            MoveError::Store(_) => Self::busy(detail),
        }
    }
}

/// The progress of a move.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MoveReport {
    /// Nothing is left to do.
    pub done: bool,
    /// Objects copied and verified by this move so far.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Documents compared at the end.
    pub documents: u64,
}

/// The record being worked on.
struct Session {
    record: StoreRecord,
    etag: Option<ETag>,
}

type Raw<H> = Storage<AnyStore, H>;

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Starts to move an account, after testing the new location. If the account is already there, replaces the
    /// credentials.
    ///
    /// # Errors
    /// One sentence: what is wrong with the location, or in the way.
    pub async fn begin_move(
        &self,
        account: &AccountName,
        to: NewStoreLocation,
    ) -> Result<(), MoveError> {
        if self.identity.account(account).await?.is_none() {
            return Err(MoveError::NoAccount(account.clone()));
        }
        let known = self.places.known(account, true).await?;
        let mut session = Session {
            record: known.record.clone(),
            etag: known.etag.clone(),
        };
        if session.record.moving.is_some() {
            return Err(MoveError::Conflict(
                "the account is already being moved; continue or cancel that move".to_owned(),
            ));
        }
        let to = self.new_place(account, to, &session.record).await?;
        if to.is_same(&session.record.place) {
            if to == StoreLocation::Installation {
                return Err(MoveError::Refused(
                    "the account is in the installation's store already".to_owned(),
                ));
            }
            session.record.place = to;
            return self.must_save(account, &mut session).await;
        }
        let (from, there) = (
            self.raw(account, &session.record.place).await?,
            self.raw(account, &to).await?,
        );
        if !there.is_vacant(account).await? {
            return Err(MoveError::Conflict(
                "data of an account with this name is there already; remove it, or choose \
                 another prefix"
                    .to_owned(),
            ));
        }
        if !from.is_apart(account, &there).await? {
            return Err(MoveError::Refused(
                "that is where the account is already, by another name".to_owned(),
            ));
        }
        self.check_room(account, &from, &to).await?;
        session.record.left.retain(|left| !left.is_same(&to));
        session.record.moving = Some(Move {
            id: self.mark(),
            to,
            phase: Phase::Copying,
            started: self.kernel.now(),
            objects: 0,
            bytes: 0,
            pending: Vec::new(),
        });
        self.must_save(account, &mut session).await
    }

    /// Continues the move of an account until it is done, or for about this many milliseconds.
    ///
    /// # Errors
    /// One sentence; repeating it resumes.
    pub async fn move_on(
        &self,
        account: &AccountName,
        millis: Option<u64>,
    ) -> Result<MoveReport, MoveError> {
        let millis = i64::try_from(millis.unwrap_or(u64::MAX)).unwrap_or(i64::MAX);
        let until = self.kernel.now().millis().saturating_add(millis);
        for round in 0..MAX_ROUNDS {
            match self.step(account, until).await? {
                Step::Done(report) => return Ok(report),
                Step::Later(report) => return Ok(report),
                Step::Again => self.kernel.back_off(round.min(4)).await,
            }
        }
        Err(MoveError::Store(
            "others are moving the account at the same time; repeat it to continue".to_owned(),
        ))
    }

    /// Cancels a move; the account stays where it is.
    ///
    /// # Errors
    /// One sentence.
    pub async fn cancel_move(&self, account: &AccountName) -> Result<(), MoveError> {
        let known = self.places.known(account, true).await?;
        let mut session = Session {
            record: known.record.clone(),
            etag: known.etag.clone(),
        };
        let Some(moving) = session.record.moving.take() else {
            return Err(MoveError::Conflict(
                "the account is not being moved".to_owned(),
            ));
        };
        session.leave(moving.to);
        self.must_save(account, &mut session).await
    }

    /// Removes what is left of the account in its previous location. This cannot be undone.
    ///
    /// # Errors
    /// One sentence; repeating it resumes.
    pub async fn remove_left(&self, account: &AccountName) -> Result<usize, MoveError> {
        let known = self.places.known(account, true).await?;
        let mut session = Session {
            record: known.record.clone(),
            etag: known.etag.clone(),
        };
        let mut removed = 0;
        while let Some(left) = session.record.left.first().cloned() {
            let moving = session.record.moving.as_ref();
            let used = left.is_same(&session.record.place)
                || moving.is_some_and(|moving| left.is_same(&moving.to));
            if !used {
                let old = self.raw(account, &left).await?;
                let current = self.raw(account, &session.record.place).await?;
                if old.is_apart(account, &current).await? {
                    removed += old.remove_tree(account).await?;
                }
            }
            session.record.left.remove(0);
            self.must_save(account, &mut session).await?;
        }
        Ok(removed)
    }

    /// Removes an account's documents from all its own buckets, including those left behind by moves; returns how many
    /// objects. What is in the installation's store stays.
    ///
    /// # Errors
    /// If a bucket cannot be reached; repeating it resumes.
    pub(crate) async fn remove_own_buckets(
        &self,
        account: &AccountName,
    ) -> Result<usize, MoveError> {
        let known = self.places.known(account, true).await?;
        let record = &known.record;
        let moving = record.moving.iter().map(|moving| &moving.to);
        let places = std::iter::once(&record.place)
            .chain(&record.left)
            .chain(moving);
        let mut removed = 0;
        for place in places.filter(|place| **place != StoreLocation::Installation) {
            removed += self.raw(account, place).await?.remove_tree(account).await?;
        }
        Ok(removed)
    }

    /// Writes the record; false if there was a concurrent change, or the outcome is unknown.
    async fn save(&self, account: &AccountName, session: &mut Session) -> Result<bool, MoveError> {
        let mode = session
            .etag
            .clone()
            .map_or(PutMode::IfAbsent, PutMode::IfMatch);
        let saved = self
            .kernel
            .store(&keys::store(account), &session.record, mode)
            .await;
        self.places.forget(account);
        match saved {
            Ok(etag) => {
                session.etag = Some(etag);
                Ok(true)
            }
            Err(
                StoreError::Precondition
                | StoreError::NotFound
                | StoreError::Unavailable(_)
                | StoreError::AccountUnavailable(_),
            ) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn must_save(
        &self,
        account: &AccountName,
        session: &mut Session,
    ) -> Result<(), MoveError> {
        if self.save(account, session).await? {
            return Ok(());
        }
        Err(MoveError::Conflict(
            "the account's store was changed at the same time; reload and try again".to_owned(),
        ))
    }

    async fn raw(&self, account: &AccountName, place: &StoreLocation) -> Result<Raw<H>, MoveError> {
        let store = self.open_place(account, place).await?;
        let mut options = self.kernel.storage().options();
        options.cache_bytes = options.cache_bytes.min(CACHE);
        options.page_cache_bytes = options.page_cache_bytes.min(CACHE);
        let host = self.kernel.storage().shared_host();
        Ok(Storage::with_options(
            std::sync::Arc::new(store),
            host,
            options,
        ))
    }

    /// A unique id.
    fn mark(&self) -> String {
        let bytes: [u8; 16] = self.kernel.random();
        format!("{:032x}", u128::from_be_bytes(bytes))
    }
}

impl Session {
    fn objects(&self) -> u64 {
        self.record
            .moving
            .as_ref()
            .map_or(0, |moving| moving.objects)
    }

    fn report(&self) -> MoveReport {
        let moving = self.record.moving.as_ref();
        moving.map_or_else(MoveReport::default, |moving| MoveReport {
            objects: moving.objects,
            bytes: moving.bytes,
            ..MoveReport::default()
        })
    }

    fn pending(&self) -> Vec<String> {
        let moving = self.record.moving.as_ref();
        moving.map_or_else(Vec::new, |moving| moving.pending.clone())
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(moving) = &mut self.record.moving {
            moving.phase = phase;
        }
    }

    fn note(&mut self, keys: Vec<String>) {
        if let Some(moving) = &mut self.record.moving {
            moving.pending = keys;
        }
    }

    fn count(&mut self, copied: &[Copied]) {
        let Some(moving) = &mut self.record.moving else {
            return;
        };
        for copied in copied {
            if let Copied::Verified(bytes) = copied {
                moving.objects += 1;
                moving.bytes += bytes;
            }
        }
    }

    fn leave(&mut self, place: StoreLocation) {
        self.record.left.retain(|left| !left.is_same(&place));
        self.record.left.push(place);
        if self.record.left.len() > MAX_LEFT {
            self.record.left.remove(0);
        }
    }
}
