//! Closed accounts: disabled until they are enabled again, or removed permanently.
//!
//! The state is in one record, `closed/<account>.json`, so that a list of all closed accounts is one listing, and a
//! removed name stays taken: nobody inherits its former owner's mail, links and trust. Tokens are checked far more
//! often than accounts are closed, so disabling an account marks its grants as suspended; no other record has to be
//! read.

use std::collections::BTreeSet;

use crate::kernel::records::Grant;
use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::identity::Identity;
use crate::identity::accounts::{CreateAccountError, check_password_of};
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;
use crate::kernel::records::Edit;

/// `closed/<account>.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Closed {
    version: u32,
    state: State,
    since: Timestamp,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// May be enabled again.
    Disabled,
    /// Its data is being removed.
    Removing,
    /// Nothing is left but its name, which nobody else gets.
    Removed,
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeAccountError {
    /// There is no such account.
    #[error("there is no account \"{0}\"")]
    NoAccount(AccountName),
    /// Nobody could administer the installation.
    #[error(
        "\"{0}\" is the only admin here; make another one first (`subspace account add NAME --admin`)"
    )]
    OnlyAdmin(AccountName),
    /// The password is not valid.
    #[error(transparent)]
    Password(#[from] CreateAccountError),
    /// The documents in the account's own bucket cannot be removed.
    #[error(
        "the documents in the account's own bucket cannot be removed: {0}; `--leave-bucket` leaves them there"
    )]
    Bucket(String),
    /// The store failed; repeating it resumes.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    pub(crate) async fn closed(&self, account: &AccountName) -> Result<Option<State>, StoreError> {
        let key = keys::closed(account);
        match self.kernel.load_certain::<Closed>(&key).await {
            Ok(found) => Ok(found.map(|(closed, _)| closed.state)),
            // It is there, so the account is closed; whether disabled or removed, the operator has to know who enables it again.
            Err(StoreError::Damaged(_)) => Ok(Some(State::Disabled)),
            Err(error) => Err(error),
        }
    }

    /// Returns whether an account is disabled or removed.
    pub(crate) async fn is_closed(&self, account: &AccountName) -> Result<bool, StoreError> {
        Ok(self.closed(account).await?.is_some())
    }

    /// Returns whether a name belonged to an account that was removed, or is being removed.
    pub(crate) async fn is_tombstone(&self, account: &AccountName) -> Result<bool, StoreError> {
        let state = self.closed(account).await?;
        Ok(matches!(state, Some(State::Removing | State::Removed)))
    }

    /// Returns all accounts that are disabled or removed.
    pub(crate) async fn closed_accounts(&self) -> Result<BTreeSet<AccountName>, StoreError> {
        let names = self.kernel.list_keys(keys::CLOSED).await?;
        let names = names.iter().filter_map(|key| {
            let name = key.strip_prefix(keys::CLOSED)?.strip_suffix(".json")?;
            name.parse().ok()
        });
        Ok(names.collect())
    }

    pub(crate) async fn close(
        &self,
        account: &AccountName,
        state: State,
    ) -> Result<(), StoreError> {
        let closed = Closed {
            version: 1,
            state,
            since: self.kernel.now(),
        };
        self.kernel
            .store(&keys::closed(account), &closed, PutMode::Overwrite)
            .await
            .map(drop)
    }

    /// Closes an account until [`Self::enable_account`] (`subspace account disable NAME`): nobody can sign in, none of
    /// its tokens work, it has no connections, and its addresses accept no mail. Sockets and IRC connections end within
    /// seconds. Its data stays. Repeating it does no harm.
    ///
    /// # Errors
    /// If there is no such account, it is the only one that can administer the installation, or the store fails.
    pub async fn disable_account(&self, account: &AccountName) -> Result<(), ChangeAccountError> {
        self.must_be_open_to_change(account).await?;
        self.must_not_be_the_only_admin(account).await?;
        // First, so that grants created from now on see it.
        self.close(account, State::Disabled).await?;
        self.suspend_grants(account, true).await?;
        self.connectors.sessions_ended(account).await?;
        Ok(())
    }

    /// Opens an account again (`subspace account enable NAME`), with its existing tokens. Repeating it does no harm.
    ///
    /// # Errors
    /// If there is no such account, or the store fails.
    pub async fn enable_account(&self, account: &AccountName) -> Result<(), ChangeAccountError> {
        self.must_be_open_to_change(account).await?;
        self.kernel
            .storage()
            .store()
            .delete(&keys::closed(account))
            .await?;
        self.suspend_grants(account, false).await?;
        // Gateways fetch its connections again.
        self.connectors.sessions_ended(account).await?;
        Ok(())
    }

    async fn suspend_grants(
        &self,
        account: &AccountName,
        suspended: bool,
    ) -> Result<(), StoreError> {
        for key in self.kernel.list_keys(&keys::grants(account)).await? {
            let edited = self.kernel.edit::<Grant, ()>(&key, |grant| {
                if grant.suspended == suspended {
                    return Edit::Keep(());
                }
                grant.suspended = suspended;
                Edit::Write(())
            });
            match edited.await {
                // An unreadable grant grants nothing.
                Ok(_) | Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sets an account's password (`subspace account password NAME`) and ends all its sessions, including those of IRC
    /// clients that used the old one. Tokens of apps and IRC passwords stay.
    ///
    /// # Errors
    /// If there is no such account, the password is not valid, or the store fails.
    pub async fn set_password(
        &self,
        account: &AccountName,
        password: &str,
    ) -> Result<(), ChangeAccountError> {
        self.must_be_open_to_change(account).await?;
        check_password_of(account, password)?;
        self.write_password(account, password, None).await?;
        self.end_sessions(account, None).await?;
        Ok(())
    }

    pub(crate) async fn must_be_open_to_change(
        &self,
        account: &AccountName,
    ) -> Result<(), ChangeAccountError> {
        let there = match self.account(account).await {
            // An account with a damaged record can still be closed.
            Err(StoreError::Damaged(_)) => true,
            found => found?.is_some(),
        };
        if there && !self.is_tombstone(account).await? {
            return Ok(());
        }
        Err(ChangeAccountError::NoAccount(account.clone()))
    }

    pub(crate) async fn must_not_be_the_only_admin(
        &self,
        account: &AccountName,
    ) -> Result<(), ChangeAccountError> {
        let is_admin = async |name: &AccountName| match self.account(name).await {
            Ok(found) => Ok(found.is_some_and(|(record, _)| record.admin)),
            Err(StoreError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        };
        if !is_admin(account).await? {
            return Ok(());
        }
        let closed = self.closed_accounts().await?;
        for name in self.account_names().await? {
            if name != *account && !closed.contains(&name) && is_admin(&name).await? {
                return Ok(());
            }
        }
        Err(ChangeAccountError::OnlyAdmin(account.clone()))
    }
}

impl From<ChangeAccountError> for Failure {
    fn from(error: ChangeAccountError) -> Self {
        match error {
            ChangeAccountError::Store(error) => error.into(),
            ChangeAccountError::Password(error) => error.into(),
            other => Self::conflict(other.to_string()),
        }
    }
}
