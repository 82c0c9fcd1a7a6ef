//! Invites: each for one person, for seven days.

use crate::kernel::host::Host;
use crate::kernel::records::Invite;
use protocol::{AccountName, BearerToken, EmailAddress};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::identity::Identity;
use crate::kernel::keys;
use crate::kernel::problem::Failure;
use crate::kernel::records::Edit;

/// The owner in the token of an invite; no account can have this name.
const OWNER: &str = "invite";
/// How long an invite lasts: 7 days.
const INVITE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// The most open invites of one account.
const MAX_OPEN: usize = 100;

fn unusable() -> Failure {
    Failure::forbidden("the invite is invalid or has expired; ask for a new one")
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Creates an invite with its token.
    pub(crate) async fn invite(
        &self,
        inviter: &AccountName,
        email: Option<EmailAddress>,
    ) -> Result<(Invite, String), Failure> {
        let now = self.kernel.now();
        let full = || {
            Failure::conflict(format!(
                "you already have {MAX_OPEN} open invites; delete some first"
            ))
        };
        if self.open_invites(inviter).await? >= MAX_OPEN {
            return Err(full());
        }
        #[allow(clippy::expect_used, reason = "the constant is a valid name")]
        let owner = OWNER.parse().expect("the constant is a valid name");
        let token = BearerToken::new(owner, &self.kernel.random());
        let invite = Invite {
            version: 1,
            id: token.id.clone(),
            secret_hash: token.secret_hash(),
            inviter: inviter.clone(),
            created: now,
            expires: now.plus_millis(INVITE_MS),
            used_by: None,
            email,
            mail: None,
            mail_problem: None,
        };
        let key = keys::invite(&invite.id);
        self.kernel.store(&key, &invite, PutMode::IfAbsent).await?;
        // Counted again now that it exists: of several created at once, each sees the earlier ones.
        if self.open_invites(inviter).await? > MAX_OPEN {
            self.kernel.storage().store().delete(&key).await?;
            return Err(full());
        }
        Ok((invite, token.to_string()))
    }

    async fn open_invites(&self, inviter: &AccountName) -> Result<usize, StoreError> {
        let now = self.kernel.now();
        let all = self.kernel.load_readable::<Invite>(keys::INVITES).await?;
        let open = all.iter().filter(|invite| {
            invite.inviter == *inviter && invite.used_by.is_none() && invite.expires > now
        });
        Ok(open.count())
    }

    /// Returns the invite of a token if it can be used now, by anyone or by `name`.
    pub(crate) async fn open_invite(
        &self,
        token: &str,
        name: Option<&AccountName>,
    ) -> Result<Option<Invite>, StoreError> {
        let Ok(token) = token.parse::<BearerToken>() else {
            return Ok(None);
        };
        if token.owner.as_str() != OWNER {
            return Ok(None);
        }
        let invite = self.kernel.load::<Invite>(&keys::invite(&token.id)).await?;
        let now = self.kernel.now();
        let invite = invite.map(|(invite, _)| invite).filter(|invite| {
            let unused = invite.used_by.is_none() || invite.used_by.as_ref() == name;
            token.matches(&invite.secret_hash) && invite.expires > now && unused
        });
        match invite {
            // Nobody vouches for people invited by an account that is now closed.
            Some(invite) if self.is_closed(&invite.inviter).await? => Ok(None),
            invite => Ok(invite),
        }
    }

    /// Uses an invite for a name, atomically: of two concurrent sign-ups exactly one succeeds. The same name may use it
    /// again, so that an interrupted sign-up can be repeated; then the account's name decides.
    pub(crate) async fn use_invite(
        &self,
        token: &str,
        name: &AccountName,
    ) -> Result<Invite, Failure> {
        let invite = self.open_invite(token, Some(name)).await?;
        let invite = invite.ok_or_else(unusable)?;
        let used = self
            .kernel
            .edit::<Invite, bool>(&keys::invite(&invite.id), |invite| match &invite.used_by {
                Some(by) if by == name => Edit::Keep(true),
                Some(_) => Edit::Keep(false),
                None => {
                    invite.used_by = Some(name.clone());
                    Edit::Write(true)
                }
            })
            .await?;
        match used {
            Some(true) => Ok(invite),
            _ => Err(unusable()),
        }
    }

    /// Makes a used invite available again: somebody else took the name in the meantime.
    pub(crate) async fn release_invite(
        &self,
        id: &str,
        name: &AccountName,
    ) -> Result<(), StoreError> {
        self.kernel
            .edit::<Invite, ()>(&keys::invite(id), |invite| {
                if invite.used_by.as_ref() == Some(name) {
                    invite.used_by = None;
                    Edit::Write(())
                } else {
                    Edit::Keep(())
                }
            })
            .await?;
        Ok(())
    }
}
