//! `/api/invites`: every member may invite.

use crate::kernel::host::Host;
use crate::kernel::records::Invite;
use http::StatusCode;
use protocol::{EmailAddress, InvalidEmail, InviteAbout, InviteList, InviteView, NewInvite};
use storage_adapter::ObjectStore;

use crate::identity::Identity;
use crate::identity::call::Call;
use crate::kernel::guard::Subject;
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::keys::is_id;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, empty, parse_json};

fn view(invite: Invite) -> InviteView {
    InviteView {
        id: invite.id,
        inviter: invite.inviter,
        created: invite.created,
        expires: invite.expires,
        used_by: invite.used_by,
        email: invite.email,
        mail: invite.mail,
        mail_problem: invite.mail_problem,
        token: None,
    }
}

fn missing() -> Failure {
    Failure::not_found("the invite is invalid or has expired; ask for a new one")
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// `GET /api/invites`.
    pub(crate) async fn get_invites(&self, call: &Call<'_>) -> Answer {
        let (held, record) = self.session_account(call).await?;
        let invites: Vec<Invite> = self.kernel.load_readable(keys::INVITES).await?;
        let mut views: Vec<InviteView> = invites
            .into_iter()
            .filter(|invite| record.admin || invite.inviter == held.account)
            .map(view)
            .collect();
        protocol::sort_by(&mut views, |a, b| {
            (a.created, &a.id).cmp(&(b.created, &b.id))
        });
        let list = InviteList {
            invites: views,
            mail: self.outgoing.mail_sender().await?.is_some(),
        };
        Ok(answer(StatusCode::OK, &list))
    }

    /// `POST /api/invites`.
    pub(crate) async fn post_invite(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let held = call.session()?;
        let bytes = body.whole().await?;
        let wanted: NewInvite = if bytes.is_empty() {
            NewInvite::default()
        } else {
            parse_json(&bytes)?
        };
        let email: Option<EmailAddress> = wanted
            .email
            .filter(|email| !email.trim().is_empty())
            .map(|email| email.parse())
            .transpose()
            .map_err(|error: InvalidEmail| Failure::unprocessable(format!("email: {error}")))?;
        let sender = match &email {
            Some(email) => {
                let sender = self.outgoing.must_send().await?;
                self.outgoing.may_mail(&held.account, email).await?;
                Some((sender, email))
            }
            None => None,
        };
        let (invite, token) = self.invite(&held.account, email.clone()).await?;
        if let Some((sender, email)) = sender {
            self.outgoing
                .mail_invite(&sender, &invite, email, &token)
                .await?;
        }
        let mut made = view(invite);
        made.token = Some(token);
        Ok(answer(StatusCode::CREATED, &made))
    }

    /// `GET /api/invites/<token>`, without a session.
    pub(crate) async fn get_invite(&self, call: &Call<'_>, token: &str) -> Answer {
        let guesses = Subject::Client(call.client);
        self.kernel.check_guesses(&guesses).await?;
        let Some(invite) = self.open_invite(token, None).await? else {
            self.kernel.count_attempt(&guesses).await?;
            return Err(missing());
        };
        let about = InviteAbout {
            inviter: invite.inviter,
            expires: invite.expires,
        };
        Ok(answer(StatusCode::OK, &about))
    }

    /// `DELETE /api/invites/<id>`.
    pub(crate) async fn delete_invite(&self, call: &Call<'_>, id: &str) -> Answer {
        let (held, record) = self.session_account(call).await?;
        if !is_id(id) {
            return Err(missing());
        }
        let key = keys::invite(id);
        let found = self.kernel.load::<Invite>(&key).await?;
        found
            .filter(|(invite, _)| record.admin || invite.inviter == held.account)
            .ok_or_else(missing)?;
        self.kernel.storage().store().delete(&key).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
