//! Ends sessions, and the tokens bound to them.

use std::collections::HashSet;

use protocol::{AccountName, GrantKind};
use storage_adapter::{ObjectStore, StoreError};

use crate::identity::Identity;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::records::Grant;

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Ends every session of an account except one, including those on the consent page, and the tokens bound to them;
    /// those of apps and IRC passwords stay.
    pub(crate) async fn end_sessions(
        &self,
        account: &AccountName,
        but: Option<&str>,
    ) -> Result<(), StoreError> {
        for grant in self.grants_of(account).await? {
            let session = matches!(grant.kind, GrantKind::Session | GrantKind::Consent);
            if session && Some(grant.id.as_str()) != but {
                self.remove_grant(account, &grant.id).await?;
            }
        }
        // Searched once the sessions are gone: no more tokens can be bound to them after that. This also finds tokens
        // whose session ended when the store failed between the two steps.
        let grants = self.grants_of(account).await?;
        let sessions = grants.iter().filter(|one| one.kind == GrantKind::Session);
        let sessions: HashSet<&str> = sessions.map(|one| one.id.as_str()).collect();
        for grant in &grants {
            let over = match &grant.session {
                Some(session) => !sessions.contains(session.as_str()),
                None => self.is_of_an_older_client(grant),
            };
            if over {
                self.remove_grant(account, &grant.id).await?;
            }
        }
        self.connectors.sessions_ended(account).await
    }

    /// Whether a web client created this token for itself, before such tokens were bound to their session. A browser
    /// that is still signed in requests another one.
    fn is_of_an_older_client(&self, grant: &Grant) -> bool {
        grant.kind == GrantKind::App && grant.client == self.kernel.config().origin
    }

    /// Ends one session, the tokens bound to it, and all access obtained with it; succeeds if it does not exist.
    pub(crate) async fn end_session(
        &self,
        account: &AccountName,
        id: &str,
    ) -> Result<(), StoreError> {
        // The bound tokens first, so that after a failure the session is still there to try again; and once more
        // afterwards, for those created in between.
        self.remove_those_with(account, id).await?;
        self.remove_grant(account, id).await?;
        self.remove_those_with(account, id).await?;
        self.connectors.sessions_ended(account).await
    }

    async fn remove_those_with(
        &self,
        account: &AccountName,
        session: &str,
    ) -> Result<(), StoreError> {
        for grant in self.grants_of(account).await? {
            if grant.session.as_deref() == Some(session) {
                self.remove_grant(account, &grant.id).await?;
            }
        }
        Ok(())
    }

    /// Ends a grant that is not a session, and all access obtained with it; succeeds if it does not exist.
    pub(crate) async fn revoke(&self, account: &AccountName, id: &str) -> Result<(), StoreError> {
        self.remove_grant(account, id).await?;
        self.connectors.sessions_ended(account).await
    }

    /// Removes a grant. If it could be in use, the caller must call [`crate::connectors::Connectors::sessions_ended`]
    /// afterwards, once for several.
    pub(crate) async fn remove_grant(
        &self,
        account: &AccountName,
        id: &str,
    ) -> Result<(), StoreError> {
        self.kernel
            .storage()
            .store()
            .delete(&keys::grant(account, id))
            .await
    }

    /// Returns whether a grant exists.
    pub(crate) async fn is_grant(
        &self,
        account: &AccountName,
        id: &str,
    ) -> Result<bool, StoreError> {
        let found = self.kernel.load::<Grant>(&keys::grant(account, id)).await?;
        Ok(found.is_some())
    }

    async fn grants_of(&self, account: &AccountName) -> Result<Vec<Grant>, StoreError> {
        self.kernel.load_all(&keys::grants(account)).await
    }
}
