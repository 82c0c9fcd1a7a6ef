//! Moving an account to another store, step by step: it can be stopped anywhere, and goes on where it was.

use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::AccountName;
use storage_adapter::{
    AnyStore, Copied, ETag, ObjectStore, PutMode, Storage, StoreError, TreeError,
};

use super::record::{Bucket, Move, Phase, Place, StoreRecord};
use super::{NewPlace, SETTLE_MS};
use crate::files::Files;
use crate::kernel::bucket::{BucketError, BucketSettings};
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;

/// Objects that are copied between two notes in the record.
const BATCH: usize = 128;
/// Objects that are copied at the same time.
const AT_ONCE: usize = 8;
/// Once a pass over everything has found no more than this, the account is closed for the rest.
const FEW: u64 = 256;
/// Passes at most, however much is written meanwhile.
const MAX_PASSES: u32 = 5;
/// How often a step is begun again because others changed the record.
const MAX_ROUNDS: u32 = 50;
/// Places that are remembered because something is left there.
const MAX_LEFT: usize = 16;
/// What a move remembers of heads and pages, in bytes.
const CACHE: usize = 4 << 20;

/// Why an account is not moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// No such account.
    #[error("there is no account \"{0}\"")]
    NoAccount(AccountName),
    /// A field of the new place is not valid, or the account does not fit there.
    #[error("{0}")]
    Refused(String),
    /// Something is in the way: another move, or what is left of an earlier one.
    #[error("{0}")]
    Conflict(String),
    /// The new place cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// One of the stores failed; the move goes on when it is tried again.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for MoveError {
    fn from(error: StoreError) -> Self {
        Self::Store(format!("{error}; repeat it to go on"))
    }
}

impl From<TreeError> for MoveError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Conflict(detail) => Self::Conflict(detail),
            error => Self::Store(format!("{error}; repeat it to go on")),
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

/// How far a move is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MoveReport {
    /// Nothing is left to do.
    pub done: bool,
    /// Objects copied and verified by this move so far.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Documents that were compared in the end.
    pub documents: u64,
}

/// The record while it is worked with.
struct Session {
    record: StoreRecord,
    etag: Option<ETag>,
}

/// What became of a step.
enum Step {
    Done(MoveReport),
    /// There is more to do, but the time is over.
    Later(MoveReport),
    /// Go on with the record as it is now.
    Again,
}

type Raw<H> = Storage<AnyStore, H>;

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Begins to move an account, after the new place was tried out. Where it is already, credentials are replaced.
    ///
    /// # Errors
    /// One sentence: what is wrong with the place, or in the way.
    pub async fn begin_move(&self, account: &AccountName, to: NewPlace) -> Result<(), MoveError> {
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
                "the account is being moved already; go on with that or cancel it".to_owned(),
            ));
        }
        let to = self.new_place(account, to, &session.record).await?;
        if to.is_same(&session.record.place) {
            if to == Place::Installation {
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
                "something of an account with this name is there already; remove what is left there, or choose \
                 another prefix"
                    .to_owned(),
            ));
        }
        if !from.is_apart(account, &there).await? {
            return Err(MoveError::Refused(
                "that is the place where the account is already, by another name".to_owned(),
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

    /// Resumes the move of an account until it is done, or for about so many milliseconds.
    ///
    /// # Errors
    /// One sentence; repeating it goes on.
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
            "others move the account at the same time; repeat it to go on".to_owned(),
        ))
    }

    /// Gives up a move; the account stays where it is.
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

    /// Removes what is left of the account where it was before. There is no way back.
    ///
    /// # Errors
    /// One sentence; repeating it goes on.
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

    /// Removes an account's documents from all buckets of its own, those that moves have left too; returns how many
    /// objects. What is in the installation's store stays.
    ///
    /// # Errors
    /// If a bucket cannot be reached; repeating it goes on.
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
        for place in places.filter(|place| **place != Place::Installation) {
            removed += self.raw(account, place).await?.remove_tree(account).await?;
        }
        Ok(removed)
    }

    async fn step(&self, account: &AccountName, until: i64) -> Result<Step, MoveError> {
        let known = self.places.known(account, true).await?;
        let mut session = Session {
            record: known.record.clone(),
            etag: known.etag.clone(),
        };
        let Some(moving) = session.record.moving.clone() else {
            let done = true;
            return Ok(Step::Done(MoveReport {
                done,
                ..MoveReport::default()
            }));
        };
        let from = self.raw(account, &session.record.place).await?;
        let to = self.raw(account, &moving.to).await?;
        match moving.phase {
            Phase::Copying => {
                for _ in 0..MAX_PASSES {
                    let before = session.objects();
                    match self
                        .copy_all(account, &mut session, &from, &to, until)
                        .await?
                    {
                        Some(step) => return Ok(step),
                        None if session.objects() - before <= FEW => break,
                        None => {}
                    }
                }
                self.check_room(account, &from, &moving.to).await?;
                session.enter(Phase::Closed);
                self.save(account, &mut session).await?;
                Ok(Step::Again)
            }
            Phase::Closed => {
                // Until nobody remembers that the account was open.
                self.kernel.storage().host().sleep(SETTLE_MS).await;
                from.fence(account, &moving.id).await?;
                session.enter(Phase::Marked);
                self.save(account, &mut session).await?;
                Ok(Step::Again)
            }
            Phase::Marked => {
                if let Some(step) = self
                    .copy_all(account, &mut session, &from, &to, until)
                    .await?
                {
                    return Ok(step);
                }
                from.copy_heads(account, &to).await?;
                let compared = from.compare(account, &to).await?;
                let report = MoveReport {
                    done: true,
                    objects: session.objects(),
                    bytes: session
                        .record
                        .moving
                        .as_ref()
                        .map_or(0, |moving| moving.bytes),
                    documents: compared.documents,
                };
                let old = std::mem::replace(&mut session.record.place, moving.to);
                session.record.moving = None;
                session.leave(old);
                Ok(if self.save(account, &mut session).await? {
                    Step::Done(report)
                } else {
                    Step::Again
                })
            }
        }
    }

    /// Copies all that never changes and is not there yet. What is being copied is noted before, so whatever is there
    /// and not noted has been verified. Nothing if it has reached the end.
    async fn copy_all(
        &self,
        account: &AccountName,
        session: &mut Session,
        from: &Raw<H>,
        to: &Raw<H>,
        until: i64,
    ) -> Result<Option<Step>, MoveError> {
        let mut after = None;
        let mut batch = session.pending();
        loop {
            if !batch.is_empty() {
                let copy = |key: String| async move { from.copy_object(to, &key).await };
                let copies = stream::iter(batch).map(copy).buffer_unordered(AT_ONCE);
                let copied: Vec<Copied> = copies.try_collect().await?;
                session.count(&copied);
                session.note(Vec::new());
            }
            let late = self.kernel.now().millis() >= until;
            batch = Vec::new();
            while batch.is_empty() && !late {
                let missing = from.missing_in(account, to, after.as_deref()).await?;
                let more = missing.entries.len() > BATCH;
                let keys = missing.entries.into_iter().map(|entry| entry.key);
                batch = keys.take(BATCH).collect();
                if !more {
                    after = missing.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
            session.note(batch.clone());
            if !self.save(account, session).await? {
                return Ok(Some(Step::Again));
            }
            if late {
                return Ok(Some(Step::Later(session.report())));
            }
            if batch.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Writes the record; false if others were quicker, or nobody knows.
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
            "the account's place was changed at the same time; look at it and try again".to_owned(),
        ))
    }

    /// Checks a new place, and tries it out.
    async fn new_place(
        &self,
        account: &AccountName,
        to: NewPlace,
        record: &StoreRecord,
    ) -> Result<Place, MoveError> {
        let settings = match to {
            NewPlace::Installation => return Ok(Place::Installation),
            NewPlace::Bucket(settings) => settings,
        };
        let settings = self.fill_secret(account, settings, record)?;
        let settings = settings.check().map_err(MoveError::Refused)?;
        let opened = self
            .kernel
            .storage()
            .host()
            .open_bucket(&settings, None)
            .await?;
        let id = self.mark();
        let secret = self
            .kernel
            .keys()
            .seal(
                account,
                &id,
                &settings.secret_access_key,
                self.kernel.random(),
            )
            .map_err(|error| MoveError::Refused(error.to_string()))?;
        Ok(Place::Bucket(Bucket {
            id,
            region: settings.region.unwrap_or_default(),
            path_style: settings.path_style.unwrap_or_default(),
            endpoint: settings.endpoint,
            bucket: settings.bucket,
            prefix: settings.prefix,
            access_key_id: settings.access_key_id,
            secret,
            parts: opened.parts,
            trusted: settings.trusted,
        }))
    }

    /// Fills in the secret that is known for the same key at the same server, if none is given.
    fn fill_secret(
        &self,
        account: &AccountName,
        mut settings: BucketSettings,
        record: &StoreRecord,
    ) -> Result<BucketSettings, MoveError> {
        let endpoint = settings
            .endpoint
            .as_deref()
            .map(|text| text.trim().trim_end_matches('/'));
        if settings.secret_access_key.trim().is_empty()
            && let Place::Bucket(known) = &record.place
            && known.access_key_id == settings.access_key_id.trim()
            // A secret goes nowhere but where its owner wanted it.
            && known.endpoint.as_deref() == endpoint.filter(|text| !text.is_empty())
        {
            let secret = self.kernel.keys().open(account, &known.id, &known.secret);
            settings.secret_access_key =
                secret.map_err(|error| MoveError::Refused(error.to_string()))?;
        }
        Ok(settings)
    }

    /// The same with the record as it is.
    pub(super) async fn known_secret(
        &self,
        account: &AccountName,
        settings: BucketSettings,
    ) -> Result<BucketSettings, MoveError> {
        let known = self.places.known(account, true).await?;
        self.fill_secret(account, settings, &known.record)
    }

    /// The installation's store takes no more than the quota.
    async fn check_room(
        &self,
        account: &AccountName,
        from: &Raw<H>,
        to: &Place,
    ) -> Result<(), MoveError> {
        if *to != Place::Installation {
            return Ok(());
        }
        let record = self.identity.account(account).await?;
        let quota = record
            .and_then(|(record, _)| record.quota)
            .or_else(|| self.kernel.config().default_quota)
            .filter(|bytes| *bytes > 0);
        let used = from.used_bytes(account).await?;
        match quota {
            Some(quota) if used > quota => Err(MoveError::Refused(format!(
                "the account holds {used} bytes and may hold {quota} in the installation's store; delete something first"
            ))),
            _ => Ok(()),
        }
    }

    async fn raw(&self, account: &AccountName, place: &Place) -> Result<Raw<H>, MoveError> {
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

    /// An id that no other has.
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

    fn leave(&mut self, place: Place) {
        self.record.left.retain(|left| !left.is_same(&place));
        self.record.left.push(place);
        if self.record.left.len() > MAX_LEFT {
            self.record.left.remove(0);
        }
    }
}
