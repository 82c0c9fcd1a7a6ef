//! `/api/…`: what a signed-in browser uses. JSON, bearer tokens of sessions, never cookies.

mod accounts;
mod addresses;
pub(crate) use addresses::POSTMASTER;
mod archive;
mod calls;
mod connections;
mod connectors;
pub(crate) mod fields;
mod grants;
mod invites;
mod open_calls;
mod password;
mod session;
#[cfg(test)]
mod tests;
mod tickets;
mod turn;

use std::sync::Arc;

use crate::Host;
use crate::records::AccountRecord;
use http::Method;
use http::request::Parts;
use protocol::GrantKind;
use storage_adapter::ObjectStore;

use crate::Functions;
use crate::body::Incoming;
use crate::grants::Held;
use crate::guard::{ClientAddress, Subject};
use crate::problem::{Answer, Failure};
use crate::router::discard;

/// A request to `/api` that has found its handler.
pub(crate) struct Call<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) client: ClientAddress,
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Answers everything below `/api`.
    pub(crate) async fn answer_api(
        &self,
        parts: &Parts,
        body: Incoming,
        client: ClientAddress,
    ) -> Answer {
        let call = Call { parts, client };
        let path = parts.uri.path();
        let path = path.strip_prefix("/api").unwrap_or(path);
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let (first, second, more) = (segments.next(), segments.next(), segments.next());
        if first == Some("hooks") {
            let rest: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).skip(1).collect();
            return self.answer_hooks_api(&call, &rest, body).await;
        }
        if first == Some("store") && more.is_none() {
            return self.answer_store_api(&call, second, body).await;
        }
        if more.is_some() {
            discard(body).await;
            return Err(nothing());
        }
        let method = match parts.method {
            Method::HEAD => Method::GET,
            ref other => other.clone(),
        };
        match (first, second, method) {
            (None, None, Method::GET) => self.about().await,
            (None, None, _) => refuse(body, "GET, HEAD, OPTIONS").await,
            (Some("accounts"), None, Method::POST) => self.post_account(&call, body).await,
            (Some("accounts"), None, _) => refuse(body, "POST, OPTIONS").await,
            (Some("session"), None, Method::POST) => self.post_session(&call, body).await,
            (Some("session"), None, Method::GET) => self.get_session(&call).await,
            (Some("session"), None, Method::DELETE) => self.delete_session(&call).await,
            (Some("session"), None, _) => refuse(body, "GET, HEAD, POST, DELETE, OPTIONS").await,
            (Some("sessions"), None, Method::DELETE) => self.delete_sessions(&call).await,
            (Some("sessions"), None, _) => refuse(body, "DELETE, OPTIONS").await,
            (Some("password"), None, Method::PUT) => self.put_password(&call, body).await,
            (Some("password"), None, _) => refuse(body, "PUT, OPTIONS").await,
            (Some("grants"), None, Method::GET) => self.get_grants(&call).await,
            (Some("grants"), None, Method::POST) => self.post_grant(&call, body).await,
            (Some("grants"), Some(id), Method::DELETE) => self.delete_grant(&call, id).await,
            (Some("invites"), None, Method::GET) => self.get_invites(&call).await,
            (Some("invites"), None, Method::POST) => self.post_invite(&call, body).await,
            (Some("invites"), Some(token), Method::GET) => self.get_invite(&call, token).await,
            (Some("invites"), Some(id), Method::DELETE) => self.delete_invite(&call, id).await,
            (Some("connections"), None, Method::GET) => self.get_connections(&call).await,
            (Some("connections"), None, Method::POST) => self.post_connection(&call, body).await,
            (Some("connections"), Some(id), Method::GET) => self.get_connection(&call, id).await,
            (Some("connections"), Some(id), Method::PATCH) => {
                self.patch_connection(&call, id, body).await
            }
            (Some("connections"), Some(id), Method::DELETE) => {
                self.delete_connection(&call, id).await
            }
            (Some("connectors"), None, Method::GET) => self.get_connectors(&call).await,
            (Some("connectors"), None, Method::POST) => self.post_connector(&call, body).await,
            (Some("connectors"), Some(id), Method::PATCH) => {
                self.patch_connector(&call, id, body).await
            }
            (Some("connectors"), Some(id), Method::DELETE) => {
                self.delete_connector(&call, id).await
            }
            (Some("connectors"), Some(_), _) => refuse(body, "PATCH, DELETE, OPTIONS").await,
            (Some("addresses"), None, Method::GET) => self.get_addresses(&call).await,
            (Some("addresses"), None, Method::POST) => self.post_address(&call, body).await,
            (Some("addresses"), Some(id), Method::POST) => self.rotate_address(&call, id).await,
            (Some("addresses"), Some(id), Method::DELETE) => self.delete_address(&call, id).await,
            (Some("addresses"), Some(_), _) => refuse(body, "POST, DELETE, OPTIONS").await,
            (Some("archive"), None, Method::GET) => self.get_archive(&call).await,
            (Some("archive"), None, Method::PUT) => self.put_archive(&call, body).await,
            (Some("archive"), None, Method::DELETE) => self.delete_archive(&call).await,
            (Some("archive"), None, _) => refuse(body, "GET, HEAD, PUT, DELETE, OPTIONS").await,
            (Some("archive"), Some("discovery"), Method::GET) => {
                self.get_archive_discovery(&call).await
            }
            (Some("archive"), Some("token"), Method::GET) => self.get_archive_token(&call).await,
            (Some("archive"), Some("discovery" | "token"), _) => {
                refuse(body, "GET, HEAD, OPTIONS").await
            }
            (Some("tickets"), None, Method::POST) => self.post_ticket(&call).await,
            (Some("turn"), None, Method::GET) => self.get_turn(&call).await,
            (Some("notifications"), None, Method::GET) => self.get_notifications(&call).await,
            (Some("notifications"), None, Method::PUT) => self.put_notifications(&call, body).await,
            (Some("notifications"), None, Method::POST) => self.post_notifications(&call).await,
            (Some("notifications"), None, _) => refuse(body, "GET, HEAD, PUT, POST, OPTIONS").await,
            (Some("turn"), None, _) => refuse(body, "GET, HEAD, OPTIONS").await,
            (Some("tickets"), None, _) => refuse(body, "POST, OPTIONS").await,
            (Some("calls"), None, Method::POST) => self.post_call(&call, body).await,
            (Some("calls"), None, _) => refuse(body, "POST, OPTIONS").await,
            (Some("calls"), Some(token), Method::GET) => self.get_call(&call, token).await,
            (Some("calls"), Some(token), Method::POST) => self.join_call(&call, token, body).await,
            (Some("calls"), Some(token), Method::DELETE) => self.delete_call(&call, token).await,
            (Some("calls"), Some(_), _) => refuse(body, "GET, HEAD, POST, DELETE, OPTIONS").await,
            (Some("addresses" | "grants" | "invites" | "connections" | "connectors"), None, _) => {
                refuse(body, "GET, HEAD, POST, OPTIONS").await
            }
            (Some("grants"), Some(_), _) => refuse(body, "DELETE, OPTIONS").await,
            (Some("invites"), Some(_), _) => refuse(body, "GET, HEAD, DELETE, OPTIONS").await,
            (Some("connections"), Some(_), _) => {
                refuse(body, "GET, HEAD, PATCH, DELETE, OPTIONS").await
            }
            _ => {
                discard(body).await;
                Err(nothing())
            }
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

    /// Returns the session that the request belongs to.
    pub(crate) async fn session(&self, call: &Call<'_>) -> Result<Arc<Held>, Failure> {
        let held = self.bearer(&call.parts.headers, call.client).await?;
        if held.grant.kind == GrantKind::Session {
            return Ok(held);
        }
        Err(Failure::forbidden(
            "this token opens the storage or IRC only; sign in to use the API",
        ))
    }

    /// Returns the record of the session's account.
    pub(crate) async fn session_account(
        &self,
        call: &Call<'_>,
    ) -> Result<(Arc<Held>, AccountRecord), Failure> {
        let held = self.session(call).await?;
        match self.account(&held.account).await? {
            Some((record, _)) => Ok((held, record)),
            None => Err(Failure::unauthorized(
                "the account does not exist any more",
                true,
            )),
        }
    }
}

fn nothing() -> Failure {
    Failure::not_found("there is nothing at this address of the API")
}

async fn refuse(body: Incoming, allow: &'static str) -> Answer {
    discard(body).await;
    Err(Failure::method(allow))
}

/// Returns whether a text can be the id of a record: the characters of base64url.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
