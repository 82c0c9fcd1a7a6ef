//! The end of sessions, and of the tokens that end with them.

use std::collections::HashSet;

use protocol::{AccountName, GrantKind};
use storage_adapter::{ObjectStore, StoreError};

use crate::identity::Identity;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::records::Grant;

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Ends every session of an account, also on the consent page, but for one, and the tokens that end with them; those of
    /// apps and IRC passwords stay.
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
        // Looked for after the sessions are gone: from then on none is made with them. Those whose session ended
        // when the store failed between the two are found as well.
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

    /// Whether the web client made a token for itself when it did not yet say with which session it ends. A browser that is
    /// still signed in asks for another one.
    fn is_of_an_older_client(&self, grant: &Grant) -> bool {
        grant.kind == GrantKind::App && grant.client == self.kernel.config().origin
    }

    /// Ends one session, the tokens that end with it, and whatever somebody was let in for by it; one that does not exist
    /// is no error.
    pub(crate) async fn end_session(
        &self,
        account: &AccountName,
        id: &str,
    ) -> Result<(), StoreError> {
        // First what ends with it, so that whoever is told that this failed still has the session to try again; and once
        // more afterwards, for what was made in between.
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

    /// Ends a grant that is no session and whatever somebody was let in for by it; one that does not exist is no error.
    pub(crate) async fn revoke(&self, account: &AccountName, id: &str) -> Result<(), StoreError> {
        self.remove_grant(account, id).await?;
        self.connectors.sessions_ended(account).await
    }

    /// Removes a grant. Whoever removes one that could be in use calls [`crate::connectors::Connectors::sessions_ended`] afterwards, once
    /// for several.
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

    /// Returns whether a grant is there.
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
