//! `/connector/…`: for connectors only, every request signed with the connector's key.

use crate::kernel::host::Host;
use http::StatusCode;
use http::request::Parts;
use protocol::{
    BODY_HEADER, BodyHash, CONNECTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER, Timestamp, verify_head,
};
use storage_adapter::ObjectStore;

use crate::Functions;
use crate::kernel::config::Connector;
use crate::kernel::config::ConnectorKind;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::empty;
use crate::routes::{Address, ForConnectors, On, Route};

/// Bytes of a request's head that are looked at before it is known who sent it.
const MAX_HEAD: usize = 8 * 1024;

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Handles a request to an address for connectors of certain kinds. Nothing of the body is kept until its sender is
    /// known and permitted.
    pub(crate) async fn connector(
        &self,
        parts: &Parts,
        address: &Address,
        kinds: &[ConnectorKind],
        on: Option<&On>,
        body: Incoming,
    ) -> Answer {
        let admitted = self.admit_connector(parts, kinds).await;
        let (connector, hash, on) = match (admitted, on) {
            (Ok((connector, hash)), Some(on)) => (connector, hash, on),
            (admitted, _) => {
                // Not awaited: the host discards the rest after the response.
                drop(body);
                admitted?;
                return Err(Failure::method(address.methods()));
            }
        };
        let bytes = body.at_most(on.most()).whole().await?;
        hash.fits(&bytes)
            .map_err(|error| Failure::unauthorized(error.to_string(), false))?;
        let connector = &connector;
        let Route::Connector(route) = on.route else {
            return Err(Failure::method(address.methods()));
        };
        match route {
            ForConnectors::PostEvents => self.chat.post_events(connector, &bytes).await,
            ForConnectors::Register => {
                if self.connectors.register(connector, &bytes).await? {
                    self.identity.provision_all().await?;
                }
                Ok(empty(StatusCode::NO_CONTENT))
            }
            ForConnectors::Maintain => self.lifecycle.post_maintain().await,
            ForConnectors::Authenticate => self.identity.post_authenticate(&bytes).await,
            ForConnectors::GetAssignments => self.chat.get_assignments(connector, parts).await,
            ForConnectors::PostAssignment => self.chat.post_assignment(connector, &bytes).await,
            ForConnectors::GetSessions => self.chat.get_sessions().await,
            ForConnectors::PostSessions => self.chat.post_sessions(&bytes).await,
            ForConnectors::GetOutbox => self.get_outbox(connector, parts).await,
            ForConnectors::PostOutbox => self.post_outbox(connector, &bytes).await,
            ForConnectors::GetMailAddress => self.mail.get_mail_address(parts).await,
            ForConnectors::PostMail => self.mail.post_mail(&bytes).await,
            ForConnectors::PostMailDocument => self.mail.post_mail_document(parts, bytes).await,
            ForConnectors::PostMailOutcome => {
                self.notify.post_mail_outcome(connector, &bytes).await
            }
            ForConnectors::Digests => self.notify.post_digests(connector).await,
        }
    }

    /// Decides from the head of a request alone whether it is accepted: returns its sender, and the hash of the body
    /// that is to follow.
    async fn admit_connector(
        &self,
        parts: &Parts,
        kinds: &[ConnectorKind],
    ) -> Result<(Connector, BodyHash), Failure> {
        let target = parts.uri.path_and_query().map_or(0, |it| it.as_str().len());
        let headers = parts.headers.iter();
        let head: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if target + head > MAX_HEAD {
            return Err(Failure::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "the head of a request may have at most 8 KiB here",
            ));
        }
        if parts.headers.get(CONNECTOR_HEADER).is_none() {
            return Err(Failure::unauthorized(
                "only connectors of this installation may do this; the request is not signed",
                false,
            ));
        }
        let (connector, hash) = self.signer(parts).await?;
        if !kinds.contains(&connector.kind) {
            return Err(Failure::forbidden(format!(
                "\"{}\" is a connector of kind {}, which may not use this address",
                connector.id, connector.kind
            )));
        }
        Ok((connector, hash))
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
        let connector = self.connectors.find_connector(id).await?;
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
            self.kernel.now(),
        )
        .map_err(|error| refused(error.to_string()))?;
        Ok((connector, body))
    }
}
