//! `POST /sockethub/wake`: the functions have queued something for us, or something we keep has changed.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use protocol::{
    AccountName, CONNECTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER, Timestamp, verify_request,
};

use super::{Body, plain};
use crate::outbox::OutboxHandle;
use crate::publish::FlushHandle;
use crate::sessions::Sessions;
use crate::spool::Spool;

/// How long someone who is about to view an archive waits for it to be complete: less than the functions wait for a
/// response.
const MAX_FLUSH: Duration = Duration::from_millis(1_200);

/// Handles wakes from the functions.
pub(crate) struct Wake {
    /// The connector's id.
    pub(crate) id: String,
    /// The key shared with the functions.
    pub(crate) key: Vec<u8>,
    pub(crate) outbox: OutboxHandle,
    pub(crate) flushes: FlushHandle,
    pub(crate) spool: Spool,
    pub(crate) sessions: Arc<Sessions>,
}

impl Wake {
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Body> {
        if let Err(refused) = self.signed(&request) {
            return *refused;
        }
        self.flushes.reached();
        let query = request.uri().query().map(str::to_owned);
        drop(request);
        self.woken(query).await
    }

    /// Checks that the request comes from the functions.
    fn signed<B>(&self, request: &Request<B>) -> Result<(), Box<Response<Body>>> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        if request.method() != Method::POST {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only POST");
            let allow = HeaderValue::from_static("POST");
            response.headers_mut().insert(header::ALLOW, allow);
            return Err(Box::new(response));
        }
        let time = header(TIME_HEADER).and_then(|time| time.parse().ok());
        let target = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str());
        let verified = verify_request(
            &self.key,
            "POST",
            target,
            Timestamp::from_millis(time.unwrap_or_default()),
            b"",
            header(SIGNATURE_HEADER).unwrap_or_default(),
            connector_kit::now(),
        );
        let refused = match verified {
            Ok(()) if header(CONNECTOR_HEADER) == Some(&self.id) => return Ok(()),
            Ok(()) => "this is meant for another connector".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Box::new(plain(StatusCode::UNAUTHORIZED, refused)))
    }

    async fn woken(&self, query: Option<String>) -> Response<Body> {
        if let Some(query) = query {
            return self.changed(&query).await;
        }
        self.outbox.wake();
        // An archive may have become writable again.
        self.spool.deferred().retry();
        plain(StatusCode::NO_CONTENT, "")
    }

    /// Fetches what the functions say has changed before responding to them.
    async fn changed(&self, query: &str) -> Response<Body> {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let result = match pairs.next() {
            Some((name, value)) if name == "account" => match value.parse::<AccountName>() {
                Ok(account) => self.sessions.account_changed(&account).await,
                Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
            },
            Some((name, value)) if name == "call" => self.sessions.call_changed(&value).await,
            Some((name, value)) if name == "archive" => match value.parse::<AccountName>() {
                // Someone is about to view it.
                Ok(account) => {
                    self.flushes.flush(&account, MAX_FLUSH).await;
                    Ok(())
                }
                Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
            },
            _ => {
                return plain(
                    StatusCode::BAD_REQUEST,
                    "expected account=, call= or archive=",
                );
            }
        };
        match result {
            Ok(()) => plain(StatusCode::NO_CONTENT, ""),
            Err(error) => plain(StatusCode::BAD_GATEWAY, error.to_string()),
        }
    }
}
