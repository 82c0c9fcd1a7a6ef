//! `/connector/…`: for connectors only, every request signed with the connector's key.

mod access;
mod archive;
mod archive_away;
mod archive_day;
mod archive_days;
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

pub(crate) use self::archive_days::Days;
pub(crate) use self::mail::plain;
use crate::Host;
use http::Method;
use http::request::Parts;
use protocol::{
    BODY_HEADER, BodyHash, CONNECTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER, Timestamp, verify_head,
};
use storage_adapter::ObjectStore;

use crate::body::Incoming;
use crate::problem::{Answer, Failure};
use crate::router::discard;
use crate::{Connector, Functions};

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Answers everything below `/connector/`; `rest` is what follows. Nothing of a body is kept before it is known
    /// who sends it and that they may.
    pub(crate) async fn connector(&self, parts: &Parts, rest: &str, body: Incoming) -> Answer {
        let (connector, hash, most) = match self.admit(parts, rest).await {
            Ok(admitted) => admitted,
            Err(failure) => {
                discard(body).await;
                return Err(failure);
            }
        };
        let bytes = body.collect(most).await?;
        hash.fits(&bytes)
            .map_err(|error| Failure::unauthorized(error.to_string(), false))?;
        let connector = &connector;
        match (rest, &parts.method) {
            ("events", _) => self.post_events(&bytes).await,
            ("register", _) => self.post_registration(connector, &bytes).await,
            ("maintain", _) => self.post_maintain().await,
            ("authenticate", _) => self.post_authenticate(&bytes).await,
            ("assignments", &Method::POST) => self.post_assignment(connector, &bytes).await,
            ("assignments", _) => self.get_assignments(connector, parts).await,
            ("sessions", &Method::POST) => self.post_sessions(&bytes).await,
            ("sessions", _) => self.get_sessions().await,
            ("outbox", &Method::POST) => self.post_outbox(connector, &bytes).await,
            ("outbox", _) => self.get_outbox(connector, parts).await,
            ("addresses", _) => self.get_mail_address(parts).await,
            ("mail", _) => self.post_mail(&bytes).await,
            ("mail/document", _) => self.post_mail_document(parts, bytes).await,
            ("mail/outcome", _) => self.post_mail_outcome(connector, &bytes).await,
            ("notifications", _) => self.post_digests(connector).await,
            // The table has no other.
            _ => Err(nothing()),
        }
    }

    /// Decides by the head of a request alone whether it is taken: returns who sends it, the hash of the body that is to
    /// follow, and how large that may be.
    async fn admit(
        &self,
        parts: &Parts,
        rest: &str,
    ) -> Result<(Connector, BodyHash, u64), Failure> {
        let row = access::row(rest).ok_or_else(nothing)?;
        if parts.headers.get(CONNECTOR_HEADER).is_none() {
            return Err(Failure::unauthorized(
                "only connectors of this installation may do this; the request is not signed",
                false,
            ));
        }
        let (connector, hash) = self.signer(parts).await?;
        if !row.kinds.contains(&connector.kind) {
            return Err(Failure::forbidden(format!(
                "\"{}\" is a connector of kind {}, which has nothing to do at this address",
                connector.id, connector.kind
            )));
        }
        if !row.methods.allow(&parts.method) {
            return Err(Failure::method(row.methods.header()));
        }
        Ok((connector, hash, row.body))
    }

    /// Returns the connector that signed the request.
    async fn signer(&self, parts: &Parts) -> Result<(Connector, BodyHash), Failure> {
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
        let body =
            BodyHash::read(header(BODY_HEADER)).map_err(|error| refused(error.to_string()))?;
        verify_head(
            &connector.key,
            (parts.method.as_str(), target),
            time,
            body,
            header(SIGNATURE_HEADER).unwrap_or_default(),
            self.now(),
        )
        .map_err(|error| refused(error.to_string()))?;
        Ok((connector, body))
    }
}

fn nothing() -> Failure {
    Failure::not_found("there is nothing at this address")
}
