//! `/api/password` and `/api/sessions`: changing the password and ending sessions.

use http::StatusCode;
use protocol::NewPassword;
use storage_adapter::ObjectStore;

use crate::identity::Identity;
use crate::identity::accounts::{SignInError, check_password_of};
use crate::identity::call::Call;
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{empty, json, query};

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// `PUT /api/password`: requires the old one, so that somebody who finds a browser open cannot lock the owner out;
    /// ends all other sessions.
    pub(crate) async fn put_password(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let held = call.session()?;
        let wanted: NewPassword = json(body).await?;
        let account = &held.account;
        check_password_of(account, &wanted.new)?;
        let record = self
            .check_password(account.as_str(), &wanted.old, call.client)
            .await
            .map_err(|refusal| match refusal {
                // The session is valid; a 401 would end it in the client.
                SignInError::Wrong => Failure::forbidden("the current password is wrong"),
                other => other.into(),
            })?;
        if wanted.old == wanted.new {
            return Err(Failure::unprocessable(
                "the new password is the old one; choose another one",
            ));
        }
        let written = self
            .write_password(account, &wanted.new, Some(&record.password))
            .await?;
        if !written {
            return Err(Failure::conflict(
                "the password was changed a moment ago, elsewhere; sign in again",
            ));
        }
        self.end_sessions(account, Some(&held.grant.id)).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// `DELETE /api/sessions`: ends all other sessions; with `?all=true` this one too.
    pub(crate) async fn delete_sessions(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let all = match query(call.parts, "all").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Failure::unprocessable("all must be true or false")),
        };
        let but = (!all).then_some(held.grant.id.as_str());
        self.end_sessions(&held.account, but).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
