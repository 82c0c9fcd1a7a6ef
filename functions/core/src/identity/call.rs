//! A request to `/api`, and its session.

use std::sync::Arc;

use http::request::Parts;
use protocol::GrantKind;
use storage_adapter::ObjectStore;

use crate::identity::Identity;
use crate::identity::grants::VerifiedGrant;
use crate::kernel::guard::ClientAddress;
use crate::kernel::host::Host;
use crate::kernel::problem::Failure;
use crate::kernel::records::AccountRecord;

/// A request to `/api` that has been routed to its handler.
pub(crate) struct Call<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) client: ClientAddress,
    /// Its session, if the table of routes requires one.
    pub(crate) session: Option<Arc<VerifiedGrant>>,
}

impl Call<'_> {
    /// Returns the session of the request.
    pub(crate) fn session(&self) -> Result<&Arc<VerifiedGrant>, Failure> {
        // The route table decides who is admitted; a handler that requires more finds no session.
        self.session
            .as_ref()
            .ok_or_else(|| Failure::unauthorized("this requires a session; sign in", false))
    }
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Returns the session whose token the request carries.
    pub(crate) async fn find_session(
        &self,
        parts: &Parts,
        client: ClientAddress,
    ) -> Result<Arc<VerifiedGrant>, Failure> {
        let held = self.bearer(&parts.headers, client).await?;
        if held.grant.kind == GrantKind::Session {
            return Ok(held);
        }
        Err(Failure::forbidden(
            "this token is for the storage or IRC only; sign in to use the API",
        ))
    }

    /// Returns the session of the request, and the record of its account.
    pub(crate) async fn session_account<'a>(
        &self,
        call: &'a Call<'_>,
    ) -> Result<(&'a VerifiedGrant, AccountRecord), Failure> {
        let held = call.session()?;
        Ok((held, self.account_of(held).await?))
    }

    /// Returns the record of a session's account.
    pub(crate) async fn account_of(&self, held: &VerifiedGrant) -> Result<AccountRecord, Failure> {
        match self.account(&held.account).await? {
            Some((record, _)) => Ok(record),
            None => Err(Failure::unauthorized("the account no longer exists", true)),
        }
    }
}
