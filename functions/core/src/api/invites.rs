//! `/api/invites`: every member may invite.

use crate::Host;
use http::StatusCode;
use model::{AccountName, Invite, Timestamp};
use serde::Serialize;
use storage_adapter::ObjectStore;

use super::{Call, is_id};
use crate::guard::Subject;
use crate::problem::{Answer, Failure};
use crate::request::{answer, empty};
use crate::{Functions, keys};

/// An invite as the API shows it.
#[derive(Serialize)]
struct InviteView {
    id: String,
    inviter: AccountName,
    created: Timestamp,
    expires: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_by: Option<AccountName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<Invite> for InviteView {
    fn from(invite: Invite) -> Self {
        Self {
            id: invite.id,
            inviter: invite.inviter,
            created: invite.created,
            expires: invite.expires,
            used_by: invite.used_by,
            token: None,
        }
    }
}

fn missing() -> Failure {
    Failure::not_found("the invite is not valid (any more); ask for a new one")
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// `GET /api/invites`.
    pub(super) async fn get_invites(&self, call: &Call<'_>) -> Answer {
        let (held, record) = self.session_account(call).await?;
        let invites: Vec<Invite> = self.load_all(keys::INVITES).await?;
        let mut views: Vec<InviteView> = invites
            .into_iter()
            .filter(|invite| record.admin || invite.inviter == held.account)
            .map(InviteView::from)
            .collect();
        views.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(answer(
            StatusCode::OK,
            &serde_json::json!({"invites": views}),
        ))
    }

    /// `POST /api/invites`.
    pub(super) async fn post_invite(&self, call: &Call<'_>) -> Answer {
        let held = self.session(call).await?;
        let (invite, token) = self.invite(&held.account).await?;
        let mut view = InviteView::from(invite);
        view.token = Some(token);
        Ok(answer(StatusCode::CREATED, &view))
    }

    /// `GET /api/invites/<token>`, without a session.
    pub(super) async fn get_invite(&self, call: &Call<'_>, token: &str) -> Answer {
        let guesses = Subject::Client(call.client);
        self.check_guesses(&guesses)?;
        let Some(invite) = self.open_invite(token, None).await? else {
            self.guard.attempt(guesses, self.now());
            return Err(missing());
        };
        let view = serde_json::json!({"inviter": invite.inviter, "expires": invite.expires});
        Ok(answer(StatusCode::OK, &view))
    }

    /// `DELETE /api/invites/<id>`.
    pub(super) async fn delete_invite(&self, call: &Call<'_>, id: &str) -> Answer {
        let (held, record) = self.session_account(call).await?;
        if !is_id(id) {
            return Err(missing());
        }
        let key = keys::invite(id);
        let found = self.load::<Invite>(&key).await?;
        found
            .filter(|(invite, _)| record.admin || invite.inviter == held.account)
            .ok_or_else(missing)?;
        self.storage.store().delete(&key).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
