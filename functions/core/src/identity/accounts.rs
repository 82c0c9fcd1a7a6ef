//! Accounts: creating them, checking passwords, and quotas.

use std::sync::atomic::Ordering;

use crate::kernel::host::Host;
use crate::kernel::records::AccountRecord;
use futures_util::future::try_join_all;
use protocol::{AccountName, InvalidName, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ETag, GetOptions, ObjectStore, PutMode, StoreError};

use crate::identity::Identity;
use crate::kernel::guard::{ClientAddress, Subject};
use crate::kernel::keys;
use crate::kernel::password;
use crate::kernel::problem::Failure;
use crate::kernel::records::Edit;

/// The shortest password, in characters.
pub const MIN_PASSWORD_LENGTH: usize = 10;
/// The longest password, in bytes; hashing time must not depend on the input's length.
const MAX_PASSWORD_BYTES: usize = 1024;
/// Names that have another meaning.
const RESERVED: [&str; 5] = ["call", "invite", "nickserv", "chanserv", "root"];
/// After this many milliseconds without an account, a claim of the set-up may be taken over.
const SETUP_CLAIM_MS: i64 = 60_000;
/// The error for a closed account, shown only to its proven owner.
pub(crate) const DISABLED: &str = "this account is disabled; ask an admin of this installation";

/// Why an account was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateAccountError {
    /// The name is not valid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The name would be confusing.
    #[error("the name \"{0}\" is reserved; choose another one")]
    Reserved(AccountName),
    /// The password is not valid.
    #[error("{0}")]
    Password(&'static str),
    /// The name is already taken.
    #[error("the name \"{0}\" is taken; choose another one")]
    Taken(AccountName),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CreateAccountError> for Failure {
    fn from(error: CreateAccountError) -> Self {
        match error {
            CreateAccountError::Store(error) => error.into(),
            CreateAccountError::Taken(_) => Self::conflict(error.to_string()),
            other => Self::unprocessable(other.to_string()),
        }
    }
}

/// Why signing in with a name and password failed.
pub(crate) enum SignInError {
    /// There is no such account, or the password is wrong.
    Wrong,
    /// The password is right, but the account is disabled.
    Disabled,
    /// Anything else.
    Other(Failure),
}

impl From<StoreError> for SignInError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl From<Failure> for SignInError {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<SignInError> for Failure {
    fn from(refusal: SignInError) -> Self {
        match refusal {
            SignInError::Wrong => {
                Self::unauthorized("the account's name or the password is wrong", false)
            }
            SignInError::Disabled => Self::forbidden(DISABLED),
            SignInError::Other(failure) => failure,
        }
    }
}

/// `setup.json`: who creates the first account.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct SetupClaim {
    version: u32,
    account: AccountName,
    claimed: Timestamp,
}

/// Checks the name and password for a new account.
pub(crate) fn check_new(name: &str, password: &str) -> Result<AccountName, CreateAccountError> {
    let name: AccountName = name.parse()?;
    if RESERVED.contains(&name.as_str()) {
        return Err(CreateAccountError::Reserved(name));
    }
    check_password_of(&name, password)?;
    Ok(name)
}

/// Checks a new password for an account.
pub(crate) fn check_password_of(
    name: &AccountName,
    password: &str,
) -> Result<(), CreateAccountError> {
    let problem = if password.chars().count() < MIN_PASSWORD_LENGTH {
        "the password is too short; it takes at least 10 characters"
    } else if password.len() > MAX_PASSWORD_BYTES {
        "the password is too long; it takes at most 1024 bytes"
    } else if password.contains(['\0', '\r', '\n']) {
        "the password must not contain line breaks or NUL"
    } else if password.to_lowercase() == name.as_str() {
        "the password is the account's name; choose another one"
    } else {
        return Ok(());
    };
    Err(CreateAccountError::Password(problem))
}

/// Why an account has no record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Missing {
    /// It was removed, or is being removed.
    Removed,
    /// Its name is registered: only the record is missing, and it can be restored from a copy.
    Lost,
    /// Nothing is known of it.
    Unknown,
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Reads the record of an account.
    pub(crate) async fn account(
        &self,
        name: &AccountName,
    ) -> Result<Option<(AccountRecord, ETag)>, StoreError> {
        self.kernel.load(&keys::account(name)).await
    }

    /// Creates an account without an invite (`subspace account add NAME`). An admin's account closes the set-up.
    ///
    /// # Errors
    /// If the name or the password is not valid, the name is taken, or the store fails.
    pub async fn create_account(
        &self,
        name: &str,
        password: &str,
        admin: bool,
    ) -> Result<AccountName, CreateAccountError> {
        let name = check_new(name, password)?;
        if self.is_taken(&name).await? {
            return Err(CreateAccountError::Taken(name));
        }
        if admin {
            match self
                .kernel
                .store(keys::SETUP, &self.claim(&name), PutMode::IfAbsent)
                .await
            {
                Ok(_) | Err(StoreError::Precondition) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.write_account(&name, password, admin).await?;
        Ok(name)
    }

    /// Returns why an account has no record.
    pub(crate) async fn missing(&self, name: &AccountName) -> Result<Missing, StoreError> {
        if self.is_tombstone(name).await? {
            return Ok(Missing::Removed);
        }
        let key = keys::name(name);
        let store = self.kernel.storage().store();
        match store.get(&key, GetOptions::default()).await {
            Ok(_) => Ok(Missing::Lost),
            Err(StoreError::NotFound) => Ok(Missing::Unknown),
            Err(error) => Err(self.kernel.whose(&key, error).await),
        }
    }

    /// Returns whether a name is, or was, an account's.
    pub(crate) async fn is_taken(&self, name: &AccountName) -> Result<bool, StoreError> {
        Ok(self.is_closed(name).await? || self.account(name).await?.is_some())
    }

    /// Writes another password, if the current one is still `old`; otherwise returns false.
    pub(crate) async fn write_password(
        &self,
        account: &AccountName,
        password: &str,
        old: Option<&str>,
    ) -> Result<bool, StoreError> {
        let hash = password::hash(
            self.kernel.config().password_cost,
            password,
            self.kernel.random(),
        )
        .map_err(|error| {
            StoreError::refused(format_args!("hashing the password failed: {error}"))
        })?;
        let now = self.kernel.now();
        let written = self
            .kernel
            .edit::<AccountRecord, bool>(&keys::account(account), |record| {
                if old.is_some_and(|old| old != record.password) {
                    return Edit::Keep(false);
                }
                record.password.clone_from(&hash);
                record.password_changed = Some(now);
                Edit::Write(true)
            })
            .await?;
        Ok(written.unwrap_or_default())
    }

    /// Writes a new account's record and its defaults.
    pub(crate) async fn write_account(
        &self,
        name: &AccountName,
        password: &str,
        admin: bool,
    ) -> Result<AccountRecord, CreateAccountError> {
        let hash = password::hash(
            self.kernel.config().password_cost,
            password,
            self.kernel.random(),
        )
        .map_err(|error| {
            StoreError::refused(format_args!("hashing the password failed: {error}"))
        })?;
        let record = AccountRecord {
            version: 1,
            name: name.clone(),
            password: hash,
            admin,
            quota: None,
            archive: None,
            created: self.kernel.now(),
            password_changed: None,
        };
        // The name first: a name without an account does no harm, but an unlisted account would.
        self.kernel
            .store(
                &keys::name(name),
                &serde_json::json!({}),
                PutMode::Overwrite,
            )
            .await?;
        match self
            .kernel
            .store(&keys::account(name), &record, PutMode::IfAbsent)
            .await
        {
            Ok(_) => {}
            Err(StoreError::Precondition) => return Err(CreateAccountError::Taken(name.clone())),
            Err(error) => return Err(error.into()),
        }
        self.provision(name).await?;
        Ok(record)
    }

    /// Returns whether the first account has yet to be created.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn needs_setup(&self) -> Result<bool, StoreError> {
        if self.set_up.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let claim = match self.kernel.load::<SetupClaim>(keys::SETUP).await {
            // It has been claimed. By whom cannot be read; what matters is that nobody else may.
            Err(error) if error.is_own() => return Ok(false),
            claim => claim?,
        };
        let Some((claim, _)) = claim else {
            return Ok(true);
        };
        // The first account may since have been removed: the set-up does not come back.
        let done = match self.is_taken(&claim.account).await {
            Err(error) if error.is_own() => true,
            taken => taken?,
        };
        self.set_up.store(done, Ordering::Relaxed);
        Ok(!done)
    }

    /// Reserves the set-up for one name. A claim whose account was never created (the process died in between) can be
    /// renewed by the same name at once, and taken over by another after a minute.
    pub(crate) async fn claim_setup(&self, name: &AccountName) -> Result<(), Failure> {
        let done = || {
            Failure::forbidden(
                "the first account has already been created; ask somebody here for an invite",
            )
        };
        let claim = self.claim(name);
        match self
            .kernel
            .store(keys::SETUP, &claim, PutMode::IfAbsent)
            .await
        {
            Ok(_) => return Ok(()),
            Err(StoreError::Precondition) => {}
            Err(error) => return Err(error.into()),
        }
        let Some((held, etag)) = self.kernel.load::<SetupClaim>(keys::SETUP).await? else {
            return Err(Failure::busy(
                "the set-up is being changed; please try again",
            ));
        };
        if self.account(&held.account).await?.is_some() {
            return Err(done());
        }
        let age = claim.claimed.millis() - held.claimed.millis();
        if held.account != *name && (0..SETUP_CLAIM_MS).contains(&age) {
            return Err(Failure::busy(
                "somebody is creating the first account right now; try again in a minute",
            ));
        }
        match self
            .kernel
            .store(keys::SETUP, &claim, PutMode::IfMatch(etag))
            .await
        {
            Ok(_) => Ok(()),
            Err(StoreError::Precondition) => Err(done()),
            Err(error) => Err(error.into()),
        }
    }

    fn claim(&self, name: &AccountName) -> SetupClaim {
        SetupClaim {
            version: 1,
            account: name.clone(),
            claimed: self.kernel.now(),
        }
    }

    /// Checks a password. Unknown names take the same work and give the same answer as wrong passwords. Somebody who
    /// recently proved the password from the same address does not wait because strangers guess;
    /// [`crate::kernel::guard`] gives the number of guesses.
    ///
    /// # Errors
    /// 401 if it is wrong, 429 after too many wrong ones.
    pub(crate) async fn check_password(
        &self,
        name: &str,
        password: &str,
        client: ClientAddress,
    ) -> Result<AccountRecord, SignInError> {
        let Ok(name) = name.trim().to_ascii_lowercase().parse::<AccountName>() else {
            return Err(SignInError::Wrong);
        };
        let mut subjects = vec![Subject::Account(name.clone())];
        if client != ClientAddress::SHARED {
            subjects.push(Subject::Password(name.clone(), client));
            subjects.push(Subject::Client(client));
        }
        let mut waits = try_join_all(subjects.iter().map(|s| self.kernel.must_wait(s))).await?;
        if let Some(Some(strangers)) = waits.first().copied()
            && self.is_known(&name, client).await?
        {
            let known = Subject::Known(name.clone());
            let wait = self.kernel.must_wait(&known).await?;
            if let Some(first) = waits.first_mut() {
                *first = wait.map(|seconds| seconds.min(strangers));
            }
            subjects.push(known);
        }
        if let Some(seconds) = waits.into_iter().flatten().max() {
            return Err(SignInError::Other(Failure::too_many(
                format!("too many wrong passwords; try again in {seconds} seconds"),
                seconds,
            )));
        }
        try_join_all(subjects.iter().map(|s| self.kernel.count_attempt(s))).await?;
        let record = self.account(&name).await?.map(|(record, _)| record);
        let hash = record.as_ref().map(|record| record.password.as_str());
        let fits = password.len() <= MAX_PASSWORD_BYTES
            && password::verify(self.kernel.config().password_cost, password, hash);
        let Some(record) = record.filter(|_| fits) else {
            return Err(SignInError::Wrong);
        };
        try_join_all(subjects.iter().map(|subject| async move {
            match subject {
                Subject::Password(..) => self.kernel.forget_attempts(subject).await,
                _ => self.kernel.take_back_attempt(subject).await,
            }
        }))
        .await?;
        // Only now: nobody without the password learns this.
        if self.is_closed(&name).await? {
            return Err(SignInError::Disabled);
        }
        self.note_network(&name, client).await?;
        Ok(record)
    }

    /// Lists all accounts.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn account_names(&self) -> Result<Vec<AccountName>, StoreError> {
        let names = self.kernel.list_keys(keys::NAMES).await?;
        Ok(names
            .iter()
            .filter_map(|key| key.strip_prefix(keys::NAMES)?.parse().ok())
            .collect())
    }
}
