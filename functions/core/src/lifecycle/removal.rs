//! Removes an account and all its data.

use crate::kernel::records::Invite;
use protocol::{AccountName, MailAddress, MailAddressOwner};
use storage_adapter::{ObjectStore, StoreError};

use crate::identity::closed::{ChangeAccountError, State};
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::lifecycle::Lifecycle;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Removed {
    /// Objects in the installation's store.
    pub objects: usize,
    /// Objects in the account's own buckets.
    pub in_buckets: usize,
}

impl<S: ObjectStore, H: Host> Lifecycle<S, H> {
    /// Removes an account permanently (`subspace account remove NAME`): its documents and archives here and in its own
    /// buckets, grants, connections, hooks, addresses, calls and open invites. Its name stays taken. Archives on
    /// external remoteStorage servers stay there; only their token is deleted. If it is interrupted, repeating it
    /// resumes.
    ///
    /// # Errors
    /// If there is no such account, nobody else could administer the installation, or a store fails.
    pub async fn remove_account(
        &self,
        account: &AccountName,
        leave_bucket: bool,
    ) -> Result<Removed, ChangeAccountError> {
        match self.identity.closed(account).await? {
            Some(State::Removing) => {}
            Some(State::Removed) => return Err(ChangeAccountError::NoAccount(account.clone())),
            _ => {
                self.identity.must_be_open_to_change(account).await?;
                self.identity.must_not_be_the_only_admin(account).await?;
                self.identity.close(account, State::Removing).await?;
            }
        }
        let mut removed = Removed::default();
        // First everything that grants access.
        removed.objects += self.remove_below(&keys::grants(account)).await?;
        removed.objects += self.remove_below(&keys::codes(account)).await?;
        self.connectors.sessions_ended(account).await?;
        removed.objects += self.remove_calls(account).await?;
        removed.objects += self.remove_addresses(account).await?;
        removed.objects += self.remove_invites(account).await?;
        removed.objects += self.remove_notifications(account).await?;
        if !leave_bucket {
            let found = self.files.remove_own_buckets(account).await;
            removed.in_buckets =
                found.map_err(|error| ChangeAccountError::Bucket(error.to_string()))?;
        }
        self.kernel
            .storage()
            .store()
            .delete(&keys::name(account))
            .await?;
        removed.objects += self.remove_below(&keys::all_of(account)).await?;
        self.files.forget_place(account);
        self.identity.close(account, State::Removed).await?;
        Ok(removed)
    }

    async fn remove_below(&self, prefix: &str) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let entries = self.kernel.storage().store().list(prefix, None).await?;
            if entries.is_empty() {
                return Ok(removed);
            }
            for entry in entries {
                self.kernel.storage().store().delete(&entry.key).await?;
                removed += 1;
            }
        }
    }

    async fn remove_calls(&self, account: &AccountName) -> Result<usize, StoreError> {
        let calls = self.chat.open_calls(account).await?;
        for id in &calls {
            self.kernel
                .storage()
                .store()
                .delete(&keys::call(id))
                .await?;
            self.connectors.call_ended(id).await?;
        }
        Ok(calls.len())
    }

    async fn remove_addresses(&self, account: &AccountName) -> Result<usize, StoreError> {
        let addresses: Vec<MailAddress> =
            self.kernel.load_all(&keys::mail_addresses(account)).await?;
        for address in &addresses {
            let owner = keys::mail_owner(&address.local);
            self.kernel.storage().store().delete(&owner).await?;
        }
        // A shared address that led to this account.
        let postmaster = keys::mail_owner(crate::mail::addresses::POSTMASTER);
        let owner = match self.kernel.load::<MailAddressOwner>(&postmaster).await {
            Err(StoreError::Damaged(_)) => None,
            found => found?,
        };
        if owner.is_some_and(|(owner, _)| owner.account == *account) {
            self.kernel.storage().store().delete(&postmaster).await?;
        }
        Ok(addresses.len())
    }

    async fn remove_invites(&self, account: &AccountName) -> Result<usize, StoreError> {
        let mut removed = 0;
        for invite in self.kernel.load_all::<Invite>(keys::INVITES).await? {
            if invite.inviter == *account && invite.used_by.is_none() {
                let key = keys::invite(&invite.id);
                self.kernel.storage().store().delete(&key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn remove_notifications(&self, account: &AccountName) -> Result<usize, StoreError> {
        let mut removed = 0;
        for mark in self.kernel.list_keys(keys::NOTIFICATIONS_DUE).await? {
            let of = keys::parse_notifications_due(&mark).map(|(_, of)| of);
            if of.as_ref() == Some(account) {
                self.kernel.storage().store().delete(&mark).await?;
                removed += 1;
            }
        }
        self.kernel
            .storage()
            .store()
            .delete(&keys::mailed_by(account))
            .await?;
        Ok(removed)
    }
}
