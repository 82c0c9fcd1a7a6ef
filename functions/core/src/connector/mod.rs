//! `/connector/…`: for connectors only, every request signed with the connector's key.

mod archive;
mod archive_away;
mod archive_day;
mod archive_links;
mod archive_place;
mod archive_plan;
mod assignments;
mod authenticate;
mod events;
mod mail;
mod outbox;
mod register;
mod sessions;
#[cfg(test)]
mod tests;

pub(crate) use self::mail::plain;
use crate::Host;
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use model::{CONNECTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER, Timestamp, verify_request};
use storage_adapter::ObjectStore;

use crate::body::Incoming;
use crate::problem::{Answer, Failure};
use crate::router::discard;
use crate::{Connector, Functions};

/// The largest body of a connector's request, in bytes.
const MAX_BODY: u64 = 8 * 1024 * 1024;

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Answers everything below `/connector/`; `rest` is what follows.
    pub(crate) async fn connector(&self, parts: &Parts, rest: &str, body: Incoming) -> Answer {
        let allowed = match rest {
            "events" | "authenticate" | "register" | "maintain" | "mail" | "mail/document"
            | "mail/outcome" | "notifications" => "POST, OPTIONS",
            "addresses" => "GET, HEAD, OPTIONS",
            "assignments" | "outbox" | "sessions" => "GET, HEAD, POST, OPTIONS",
            _ => {
                discard(body).await;
                return Err(Failure::not_found("there is nothing at this address"));
            }
        };
        if parts.headers.get(CONNECTOR_HEADER).is_none() {
            discard(body).await;
            return Err(Failure::unauthorized(
                "only connectors of this installation may do this; the request is not signed",
                false,
            ));
        }
        let most = if rest == "mail/document" {
            mail::MAX_DOCUMENT
        } else {
            MAX_BODY
        };
        let bytes = body.collect(most).await?;
        let connector = &self.signer(parts, &bytes).await?;
        match (rest, &parts.method) {
            ("events", &Method::POST) => self.post_events(&bytes).await,
            ("register", &Method::POST) => self.post_registration(connector, &bytes).await,
            ("maintain", &Method::POST) => self.post_maintain().await,
            ("authenticate", &Method::POST) => self.post_authenticate(connector, &bytes).await,
            ("assignments", &Method::GET | &Method::HEAD) => {
                self.get_assignments(connector, parts).await
            }
            ("assignments", &Method::POST) => self.post_assignment(connector, &bytes).await,
            ("sessions", &Method::GET | &Method::HEAD) => self.get_sessions().await,
            ("sessions", &Method::POST) => self.post_sessions(&bytes).await,
            ("outbox", &Method::GET | &Method::HEAD) => self.get_outbox(connector, parts).await,
            ("addresses", &Method::GET | &Method::HEAD) => self.get_mail_address(parts).await,
            ("mail/outcome", &Method::POST) => self.post_mail_outcome(connector, &bytes).await,
            ("notifications", &Method::POST) => self.post_digests(connector).await,
            ("mail", &Method::POST) => self.post_mail(&bytes).await,
            ("mail/document", &Method::POST) => self.post_mail_document(parts, bytes).await,
            ("outbox", &Method::POST) => self.post_outbox(connector, &bytes).await,
            _ => Err(Failure::method(allowed)),
        }
    }

    /// Returns the connector that signed the request.
    async fn signer(&self, parts: &Parts, body: &Bytes) -> Result<Connector, Failure> {
        let refused = |detail: String| Failure::unauthorized(detail, false);
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let id = header(CONNECTOR_HEADER).unwrap_or_default();
        let connector = self.find_connector(id).await?;
        let connector = connector.ok_or_else(|| {
            let shown: String = id.chars().take(40).collect();
            refused(format!(
                "there is no connector \"{shown}\" in this installation"
            ))
        })?;
        let time = header(TIME_HEADER).and_then(|time| time.parse().ok());
        let time = time.map(Timestamp::from_millis).ok_or_else(|| {
            refused(format!(
                "the header {TIME_HEADER} is not a number of milliseconds"
            ))
        })?;
        let target = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        verify_request(
            &connector.key,
            parts.method.as_str(),
            target,
            time,
            body,
            header(SIGNATURE_HEADER).unwrap_or_default(),
            self.now(),
        )
        .map_err(|error| refused(error.to_string()))?;
        Ok(connector)
    }
}
