//! `/api/…`: what a signed-in browser uses. JSON, bearer tokens of sessions, never cookies.

use std::sync::Arc;

use crate::kernel::host::Host;
use crate::kernel::records::AccountRecord;
use http::request::Parts;
use protocol::GrantKind;
use storage_adapter::ObjectStore;

use crate::Functions;
use crate::identity::grants::Held;
use crate::kernel::body::Incoming;
use crate::kernel::guard::{ClientAddress, Subject};
use crate::kernel::problem::{Answer, Failure};
use crate::routes::{Api, Who};

/// A request to `/api` that has found its handler.
pub(crate) struct Call<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) client: ClientAddress,
    /// The session that it belongs to, where the table of routes wants one.
    session: Option<Arc<Held>>,
}

impl Call<'_> {
    /// Returns the session that the request belongs to.
    pub(crate) fn session(&self) -> Result<&Arc<Held>, Failure> {
        // The table decides who is let in; a handler that wants more than it finds nobody.
        self.session
            .as_ref()
            .ok_or_else(|| Failure::unauthorized("this takes a session; sign in", false))
    }
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Lets in whom the table of routes lets in.
    pub(crate) async fn admit<'a>(
        &self,
        parts: &'a Parts,
        client: ClientAddress,
        who: Who,
    ) -> Result<Call<'a>, Failure> {
        let mut call = Call {
            parts,
            client,
            session: None,
        };
        if matches!(who, Who::Session | Who::Admin) {
            call.session = Some(self.find_session(parts, client).await?);
        }
        if who == Who::Admin && !self.session_account(&call).await?.1.admin {
            return Err(Failure::forbidden(
                "only an admin may see and change connectors",
            ));
        }
        Ok(call)
    }

    /// Answers a request below `/api`; `id` and `delivery` are what stands in the address.
    pub(crate) async fn answer_api(
        &self,
        route: Api,
        call: &Call<'_>,
        [id, delivery]: [&str; 2],
        body: Incoming,
    ) -> Answer {
        match route {
            Api::About => self.about().await,
            Api::PostAccount => self.post_account(call, body).await,
            Api::GetSession => self.get_session(call).await,
            Api::PostSession => self.post_session(call, body).await,
            Api::DeleteSession => self.delete_session(call).await,
            Api::DeleteSessions => self.delete_sessions(call).await,
            Api::PutPassword => self.put_password(call, body).await,
            Api::GetGrants => self.get_grants(call).await,
            Api::PostGrant => self.post_grant(call, body).await,
            Api::DeleteGrant => self.delete_grant(call, id).await,
            Api::GetInvites => self.get_invites(call).await,
            Api::PostInvite => self.post_invite(call, body).await,
            Api::GetInvite => self.get_invite(call, id).await,
            Api::DeleteInvite => self.delete_invite(call, id).await,
            Api::GetConnections => self.get_connections(call).await,
            Api::PostConnection => self.post_connection(call, body).await,
            Api::GetConnection => self.get_connection(call, id).await,
            Api::PatchConnection => self.patch_connection(call, id, body).await,
            Api::DeleteConnection => self.delete_connection(call, id).await,
            Api::PostCall => self.post_call(call, body).await,
            Api::GetCall => self.get_call(call, id).await,
            Api::JoinCall => self.join_call(call, id, body).await,
            Api::DeleteCall => self.delete_call(call, id).await,
            Api::GetConnectors => self.get_connectors().await,
            Api::PostConnector => self.post_connector(body).await,
            Api::PatchConnector => self.patch_connector(id, body).await,
            Api::DeleteConnector => self.delete_connector(id).await,
            Api::GetAddresses => self.get_addresses(call).await,
            Api::PostAddress => self.post_address(call, body).await,
            Api::RotateAddress => self.rotate_address(call, id).await,
            Api::DeleteAddress => self.delete_address(call, id).await,
            Api::GetNotifications => self.get_notifications(call).await,
            Api::PutNotifications => self.put_notifications(call, body).await,
            Api::PostNotifications => self.post_notifications(call).await,
            Api::GetArchive => self.get_archive(call).await,
            Api::PutArchive => self.put_archive(call, body).await,
            Api::DeleteArchive => self.delete_archive(call).await,
            Api::GetArchiveDiscovery => self.get_archive_discovery(call).await,
            Api::GetArchiveToken => self.get_archive_token(call).await,
            Api::PostTicket => self.post_ticket(call).await,
            Api::GetTurn => self.get_turn(call),
            Api::GetStore => self.get_store(call).await,
            Api::PutStore => self.put_store(call, body).await,
            Api::TestStore => self.test_store(call, body).await,
            Api::ContinueMove => self.continue_move(call).await,
            Api::CancelMove => self.give_up_move(call).await,
            Api::GetKept => self.get_kept(call).await,
            Api::DeleteKept => self.delete_kept(call).await,
            Api::DeleteLeft => self.delete_left(call).await,
            Api::GetHooks => self.get_hooks(call).await,
            Api::PostHook => self.post_hook(call, body).await,
            Api::GetHook => self.get_hook(call, id).await,
            Api::PatchHook => self.patch_hook(call, id, body).await,
            Api::DeleteHook => self.delete_hook(call, id).await,
            Api::RenewHookToken => self.renew_token(call, id).await,
            Api::RenewHookSecret => self.renew_secret(call, id).await,
            Api::DeliverAgain => self.deliver_again(call, id, delivery).await,
        }
    }

    /// Refuses whoever has guessed too often for now; the caller counts the guess that follows.
    pub(crate) async fn check_guesses(&self, guesses: &Subject) -> Result<(), Failure> {
        let Some(seconds) = self.must_wait(guesses).await? else {
            return Ok(());
        };
        Err(Failure::too_many(
            format!("too many attempts came from this address; try again in {seconds} seconds"),
            seconds,
        ))
    }

    /// Returns the session whose token a request shows.
    pub(crate) async fn find_session(
        &self,
        parts: &Parts,
        client: ClientAddress,
    ) -> Result<Arc<Held>, Failure> {
        let held = self.bearer(&parts.headers, client).await?;
        if held.grant.kind == GrantKind::Session {
            return Ok(held);
        }
        Err(Failure::forbidden(
            "this token opens the storage or IRC only; sign in to use the API",
        ))
    }

    /// Returns the session that the request belongs to, and the record of its account.
    pub(crate) async fn session_account<'a>(
        &self,
        call: &'a Call<'_>,
    ) -> Result<(&'a Held, AccountRecord), Failure> {
        let held = call.session()?;
        Ok((held, self.account_of(held).await?))
    }

    /// Returns the record of a session's account.
    pub(crate) async fn account_of(&self, held: &Held) -> Result<AccountRecord, Failure> {
        match self.account(&held.account).await? {
            Some((record, _)) => Ok(record),
            None => Err(Failure::unauthorized(
                "the account does not exist any more",
                true,
            )),
        }
    }
}

/// Returns whether a text can be the id of a record: the characters of base64url.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
