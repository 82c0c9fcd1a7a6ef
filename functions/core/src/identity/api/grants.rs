//! `/api/grants`: which apps and programs may use the account.

use crate::kernel::host::Host;
use crate::kernel::records::Grant;
use http::StatusCode;
use protocol::{GrantKind, GrantList, GrantView, NewGrant, readable_name};
use storage_adapter::ObjectStore;

use crate::identity::Identity;
use crate::identity::call::Call;
use crate::identity::grants::{Lasts, MAX_CLIENT};
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::keys::is_id;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, empty, json};

fn view(grant: Grant, current: &str) -> GrantView {
    GrantView {
        current: grant.id == current,
        managed: false,
        id: grant.id,
        kind: grant.kind,
        client: grant.client,
        scopes: grant.scopes,
        created: grant.created,
        expires: grant.expires,
        token: None,
    }
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// `GET /api/grants`.
    pub(crate) async fn get_grants(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let now = self.kernel.now();
        let grants: Vec<Grant> = self.kernel.load_all(&keys::grants(&held.account)).await?;
        // A token that ends with its session is a part of that.
        let is_part = |grant: &Grant| {
            let session = grant.session.as_deref();
            session.is_some() && grants.iter().any(|other| session == Some(&*other.id))
        };
        let mut views: Vec<GrantView> = grants
            .iter()
            .filter(|grant| grant.expires.is_none_or(|expires| expires > now) && !is_part(grant))
            .map(|grant| view(grant.clone(), &held.grant.id))
            .collect();
        if let Some(own) = self.private_grant(&held.account).await? {
            for view in &mut views {
                view.managed = view.id == own;
            }
        }
        protocol::sort_by(&mut views, |a, b| {
            (a.created, &a.id).cmp(&(b.created, &b.id))
        });
        Ok(answer(StatusCode::OK, &GrantList { grants: views }))
    }

    /// `POST /api/grants`.
    pub(crate) async fn post_grant(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let held = call.session()?;
        let wanted: NewGrant = json(body).await?;
        let client = readable_name(&wanted.client, MAX_CLIENT).map_err(|error| {
            Failure::unprocessable(format!(
                "client must say in 1 to {MAX_CLIENT} characters who will hold the token; {error}"
            ))
        })?;
        match (wanted.kind, &wanted.scopes) {
            (GrantKind::App, Some(_)) | (GrantKind::Irc, None) => {}
            (GrantKind::App, None) => {
                return Err(Failure::unprocessable(
                    "a grant of kind app needs scopes, for instance \"notes:rw\"",
                ));
            }
            (GrantKind::Irc, Some(_)) => {
                return Err(Failure::unprocessable(
                    "a grant of kind irc takes no scopes",
                ));
            }
            (GrantKind::Session | GrantKind::Consent, _) => {
                return Err(Failure::unprocessable(
                    "kind must be app or irc; sessions begin by signing in",
                ));
            }
        }
        let lasts = if wanted.with_session {
            Lasts::With(&held.grant)
        } else {
            Lasts::UntilRevoked
        };
        let (grant, token) = self
            .issue(&held.account, wanted.kind, &client, wanted.scopes, lasts)
            .await?;
        let mut view = view(grant, &held.grant.id);
        view.token = Some(token.to_string());
        Ok(answer(StatusCode::CREATED, &view))
    }

    /// `DELETE /api/grants/<id>`.
    pub(crate) async fn delete_grant(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        let missing =
            || Failure::not_found("there is no such grant; perhaps it was revoked already");
        if !is_id(id) {
            return Err(missing());
        }
        let found = self
            .kernel
            .load::<Grant>(&keys::grant(&held.account, id))
            .await?;
        let (grant, _) = found.ok_or_else(missing)?;
        let private = match grant.kind {
            GrantKind::Irc => self.private_connection(&held.account).await?,
            _ => None,
        };
        let mut private = private.filter(|(_, token)| token.id == id);
        // The successor is created first, so that any interruption leaves a working token.
        if let Some((connection, _)) = &mut private
            && self.renew_token(&held.account, connection).await?
        {
            private = None;
        }
        match grant.kind {
            GrantKind::Session => self.end_session(&held.account, id).await?,
            _ => self.revoke(&held.account, id).await?,
        }
        if let Some((mut connection, _)) = private {
            // There was no room for another one.
            self.renew_token(&held.account, &mut connection).await?;
        }
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
