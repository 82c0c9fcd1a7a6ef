//! `/api/…`: the API for signed-in browsers. JSON, with bearer tokens of sessions, never cookies.

use crate::kernel::host::Host;
use http::request::Parts;
use storage_adapter::ObjectStore;

use crate::Functions;
use crate::identity::call::Call;
use crate::kernel::guard::ClientAddress;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};
use crate::routes::{Api, Who};

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Admits the callers that the route table admits.
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
            call.session = Some(self.identity.find_session(parts, client).await?);
        }
        if who == Who::Admin && !self.identity.session_account(&call).await?.1.admin {
            return Err(Failure::forbidden(
                "only an admin may see and change connectors",
            ));
        }
        Ok(call)
    }

    /// Handles a request below `/api`; `id` and `delivery` are the variable parts of the path.
    pub(crate) async fn answer_api(
        &self,
        route: Api,
        call: &Call<'_>,
        [id, delivery]: [&str; 2],
        body: Incoming,
    ) -> Answer {
        match route {
            Api::About => self.about().await,
            Api::PostAccount => self.identity.post_account(call, body).await,
            Api::GetSession => self.identity.get_session(call).await,
            Api::PostSession => self.identity.post_session(call, body).await,
            Api::DeleteSession => self.identity.delete_session(call).await,
            Api::DeleteSessions => self.identity.delete_sessions(call).await,
            Api::PutPassword => self.identity.put_password(call, body).await,
            Api::GetGrants => self.identity.get_grants(call).await,
            Api::PostGrant => self.identity.post_grant(call, body).await,
            Api::DeleteGrant => self.identity.delete_grant(call, id).await,
            Api::GetInvites => self.identity.get_invites(call).await,
            Api::PostInvite => self.identity.post_invite(call, body).await,
            Api::GetInvite => self.identity.get_invite(call, id).await,
            Api::DeleteInvite => self.identity.delete_invite(call, id).await,
            Api::GetConnections => self.chat.get_connections(call).await,
            Api::PostConnection => self.chat.post_connection(call, body).await,
            Api::GetConnection => self.chat.get_connection(call, id).await,
            Api::PatchConnection => self.chat.patch_connection(call, id, body).await,
            Api::DeleteConnection => self.chat.delete_connection(call, id).await,
            Api::PostCall => self.chat.post_call(call, body).await,
            Api::GetCall => self.chat.get_call(call, id).await,
            Api::JoinCall => self.chat.join_call(call, id, body).await,
            Api::DeleteCall => self.chat.delete_call(call, id).await,
            Api::GetConnectors => self.connectors.get_connectors().await,
            Api::PostConnector => self.connectors.post_connector(body).await,
            Api::PatchConnector => self.connectors.patch_connector(id, body).await,
            Api::DeleteConnector => self.connectors.delete_connector(id).await,
            Api::GetAddresses => self.mail.get_addresses(call).await,
            Api::PostAddress => self.mail.post_address(call, body).await,
            Api::RotateAddress => self.mail.rotate_address(call, id).await,
            Api::DeleteAddress => self.mail.delete_address(call, id).await,
            Api::GetNotifications => self.notify.get_notifications(call).await,
            Api::PutNotifications => self.notify.put_notifications(call, body).await,
            Api::PostNotifications => self.notify.post_notifications(call).await,
            Api::GetArchive => self.chat.get_archive(call).await,
            Api::PutArchive => self.chat.put_archive(call, body).await,
            Api::DeleteArchive => self.chat.delete_archive(call).await,
            Api::GetArchiveDiscovery => self.chat.get_archive_discovery(call).await,
            Api::GetArchiveToken => self.chat.get_archive_token(call).await,
            Api::PostTicket => self.chat.post_ticket(call).await,
            Api::GetTurn => self.chat.get_turn(call),
            Api::GetStore => self.files.get_store(call).await,
            Api::PutStore => self.files.put_store(call, body).await,
            Api::TestStore => self.files.test_store(call, body).await,
            Api::ContinueMove => self.files.continue_move(call).await,
            Api::CancelMove => self.files.give_up_move(call).await,
            Api::GetKept => self.files.get_kept(call).await,
            Api::DeleteKept => self.files.delete_kept(call).await,
            Api::DeleteLeft => self.files.delete_left(call).await,
            Api::GetHooks => self.webhooks.get_hooks(call).await,
            Api::PostHook => self.webhooks.post_hook(call, body).await,
            Api::GetHook => self.webhooks.get_hook(call, id).await,
            Api::PatchHook => self.webhooks.patch_hook(call, id, body).await,
            Api::DeleteHook => self.webhooks.delete_hook(call, id).await,
            Api::RenewHookToken => self.webhooks.renew_token(call, id).await,
            Api::RenewHookSecret => self.webhooks.renew_secret(call, id).await,
            Api::DeliverAgain => self.webhooks.deliver_again(call, id, delivery).await,
        }
    }
}
