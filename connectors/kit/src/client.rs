//! Signed requests to the functions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use program::Seldom;
use protocol::{
    AccountName, Assignment, AuthenticateRequest, AuthenticateResponse, EventBatch, EventReceipt,
    Gathered, Maintenance, Outbox, OutboxReceipt, Problem, Registration, SessionsAnswer,
    SessionsQuery, paths, signed_headers,
};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::{self, Backoff, jitter};

/// How long a request may take, including the response body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting to the functions may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum interval between registrations of a connector.
const REGISTER_EVERY: Duration = Duration::from_secs(60 * 60);
/// Maximum delay after a failed registration.
const REGISTER_RETRY: Duration = Duration::from_secs(60);
/// Maximum size of a response in bytes: assignments of all accounts.
const MAX_ANSWER: usize = 64 << 20;

// A request repeated every few seconds would otherwise log this every few seconds.
static UNKNOWN_TASK: Seldom = Seldom::new();
static UNCLEAR: Seldom = Seldom::new();
static NOT_GIVEN: Seldom = Seldom::new();
static NOBODYS: Seldom = Seldom::new();

/// A request to the functions failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FunctionsError {
    /// The origin, in a form that may be shown, cannot be used.
    #[error(
        "\"{0}\" is not the origin of the functions; expected a form like https://chat.example.org"
    )]
    Origin(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// Nobody is listening.
    #[error("the functions cannot be reached: {0}")]
    Unreachable(String),
    /// Someone is listening, but sends no response or an incomplete one.
    #[error("the functions do not answer: {0}")]
    Silent(String),
    /// A response that is not a success.
    #[error("the functions answered {status}: {detail}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The problem's detail.
        detail: String,
        /// The value of `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// A success that cannot be parsed.
    #[error("the functions' answer cannot be understood: {0}")]
    Answer(String),
}

/// A client for the functions' `/connector/…`. Clones share connections.
#[derive(Clone)]
pub struct FunctionsClient {
    http: reqwest::Client,
    origin: String,
    id: String,
    key: Arc<[u8]>,
}

impl std::fmt::Debug for FunctionsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FunctionsClient")
            .field("origin", &self.origin)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl FunctionsError {
    /// Returns whether the functions were reached, but the content of the request may have kept them from responding.
    #[must_use]
    pub const fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Silent(_)
                | Self::Answer(_)
                | Self::Status {
                    status: 500 | 502 | 504,
                    ..
                }
        )
    }

    /// Returns how long the functions asked to wait.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl FunctionsClient {
    /// Derives a key for a single purpose from the connector's key (HKDF-SHA256, RFC 5869): its holder can neither
    /// sign requests nor derive the keys for other purposes.
    #[must_use]
    pub fn derive_key(&self, purpose: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        // Fails only above 255 * 32 bytes (RFC 5869, section 2.3).
        let expanded = hkdf::Hkdf::<sha2::Sha256>::new(None, &self.key).expand(purpose, &mut key);
        debug_assert!(expanded.is_ok());
        key
    }

    /// Creates a client for the functions at `origin`, as the connector `id` with its `key`.
    ///
    /// Certificates are checked against the system's.
    ///
    /// # Errors
    /// [`FunctionsError::Origin`] or [`FunctionsError::Tls`].
    pub fn new(origin: &str, id: &str, key: &[u8]) -> Result<Self, FunctionsError> {
        let invalid = || FunctionsError::Origin(options::shown(origin));
        let url = url::Url::parse(origin).map_err(|_| invalid())?;
        let is_origin = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !is_origin {
            return Err(invalid());
        }
        let tls = |error: &dyn std::fmt::Display| FunctionsError::Tls(error.to_string());
        let config = match url.scheme() {
            "https" => ::tls::client_config(&[]),
            // Without TLS the system's certificates are not needed, and not read.
            _ => ::tls::trusting(&[]),
        };
        let config = config.map_err(|error| tls(&error))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| tls(&error))?;
        Ok(Self {
            http,
            origin: url.origin().ascii_serialization(),
            id: id.to_owned(),
            key: key.into(),
        })
    }

    /// Publishes events: `POST /connector/events`.
    ///
    /// # Errors
    /// See [`FunctionsError`]; the batch may or may not have been stored.
    pub async fn events(&self, batch: &EventBatch) -> Result<EventReceipt, FunctionsError> {
        self.events_json(to_json(batch)?).await
    }

    /// Like [`FunctionsClient::events`], with a serialised body.
    pub async fn events_json(&self, body: Bytes) -> Result<EventReceipt, FunctionsError> {
        self.request(Method::POST, paths::EVENTS, body).await
    }

    /// Fetches connections, of one account or of all: `GET /connector/assignments`. One that cannot be parsed affects
    /// only itself.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn assignments(
        &self,
        account: Option<&AccountName>,
    ) -> Result<Assigned, FunctionsError> {
        let path = account.map_or_else(
            || paths::ASSIGNMENTS.to_owned(),
            |account| format!("{}?account={account}", paths::ASSIGNMENTS),
        );
        let answer: Each = self.request(Method::GET, &path, Bytes::new()).await?;
        let mut assigned = Assigned::read(answer.assignments.unwrap_or_default());
        for account in answer.unclear {
            if let Some(left_out) = NOT_GIVEN.say() {
                tracing::warn!(%account, left_out, "the functions cannot read an account's connections right now; they stay as they are");
            }
            assigned.unclear.push(account);
        }
        Ok(assigned)
    }

    /// Stores a connection: `POST /connector/assignments`.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn remember(&self, assignment: &Assignment) -> Result<Assignment, FunctionsError> {
        let body = to_json(assignment)?;
        self.request(Method::POST, paths::ASSIGNMENTS, body).await
    }

    /// Fetches a version that changes whenever sessions end: `GET /connector/sessions`.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn sessions_version(&self) -> Result<String, FunctionsError> {
        let answer: SessionsAnswer = self
            .request(Method::GET, paths::SESSIONS, Bytes::new())
            .await?;
        Ok(answer.version)
    }

    /// Asks which sessions and calls are over, at most [`protocol::MAX_SESSIONS_ASKED`] of each: `POST
    /// /connector/sessions`.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn sessions(&self, query: &SessionsQuery) -> Result<SessionsAnswer, FunctionsError> {
        self.request(Method::POST, paths::SESSIONS, to_json(query)?)
            .await
    }

    /// Checks a password: `POST /connector/authenticate`.
    ///
    /// # Errors
    /// See [`FunctionsError`]; a wrong password is a response without an account, not an error.
    pub async fn authenticate(
        &self,
        request: &AuthenticateRequest,
    ) -> Result<AuthenticateResponse, FunctionsError> {
        let body = to_json(request)?;
        self.request(Method::POST, paths::AUTHENTICATE, body).await
    }

    /// Fetches tasks, the oldest or those after one: `GET /connector/outbox`.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn outbox(&self, after: Option<&str>) -> Result<Outbox, FunctionsError> {
        let path = after.map_or_else(
            || paths::OUTBOX.to_owned(),
            |id| format!("{}?after={id}", paths::OUTBOX),
        );
        let answer: Each = self.request(Method::GET, &path, Bytes::new()).await?;
        let mut outbox = Outbox {
            items: Vec::new(),
            more: answer.more,
        };
        for item in answer.items.unwrap_or_default() {
            let id = item.get("id").and_then(Value::as_str).map(str::to_owned);
            match serde_json::from_value(item) {
                Ok(item) => outbox.items.push(item),
                // Another version of this connector may understand it.
                Err(error) => {
                    if let Some(left_out) = UNKNOWN_TASK.say() {
                        tracing::error!(task = id, %error, left_out, "a task cannot be parsed; it stays in the queue");
                    }
                }
            }
        }
        Ok(outbox)
    }

    /// Reports the outcome of tasks, which then leave the queue: `POST /connector/outbox`.
    ///
    /// # Errors
    /// See [`FunctionsError`]; the tasks may have left it all the same.
    pub async fn outbox_receipt(&self, receipt: &OutboxReceipt) -> Result<(), FunctionsError> {
        let body = to_json(receipt)?;
        self.request(Method::POST, paths::OUTBOX, body).await
    }

    /// Registers this connector's address: `POST /connector/register`.
    ///
    /// # Errors
    /// See [`FunctionsError`].
    pub async fn register(&self, registration: &Registration) -> Result<(), FunctionsError> {
        let body = to_json(registration)?;
        self.request(Method::POST, paths::REGISTER, body).await
    }

    /// Requests periodic maintenance: `POST /connector/maintain`.
    ///
    /// # Errors
    /// See [`FunctionsError`]; it may have been done, fully or partly.
    pub async fn maintain(&self) -> Result<Maintenance, FunctionsError> {
        self.request(Method::POST, paths::MAINTAIN, Bytes::new())
            .await
    }

    /// Requests maintenance and logs what the functions could not do.
    async fn maintain_and_tell(&self) {
        match self.maintain().await {
            Ok(done) => {
                for (what, error) in done.failed {
                    tracing::warn!(
                        what,
                        error,
                        "a maintenance task of the functions failed; it is retried every hour"
                    );
                }
            }
            Err(error) => {
                let error = error.to_string();
                tracing::warn!(
                    error,
                    "the functions did not report the result of maintenance"
                );
            }
        }
    }

    /// Registers now and every hour, for as long as it runs; sooner after a failure. Each time, the functions are
    /// asked to do periodic maintenance: not every one of their hosts has a timer.
    pub async fn keep_registered(self, registration: Registration) {
        let mut backoff = Backoff::new(REGISTER_RETRY);
        let mut complained = None;
        loop {
            let pause = match self.register(&registration).await {
                Ok(()) => {
                    backoff.reset();
                    complained = None;
                    self.maintain_and_tell().await;
                    jitter(REGISTER_EVERY)
                }
                Err(error) => {
                    let text = error.to_string();
                    if complained.as_ref() != Some(&text) {
                        tracing::warn!(error = text, "this connector cannot register; retrying");
                        complained = Some(text);
                    }
                    backoff.pause()
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, FunctionsError> {
        let failed = |error: reqwest::Error| {
            if error.is_connect() {
                FunctionsError::Unreachable(reason(&error))
            } else {
                FunctionsError::Silent(reason(&error))
            }
        };
        let time = clock::now();
        let asked = (method.as_str(), path);
        let signed = signed_headers(&self.id, &self.key, asked, time, &body);
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.origin))
            .header("content-type", "application/json");
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let mut response = request.body(body).send().await.map_err(failed)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let mut answer = Gathered::default();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if answer.len() + chunk.len() > MAX_ANSWER {
                return Err(FunctionsError::Answer(format!(
                    "it is longer than {MAX_ANSWER} bytes"
                )));
            }
            answer.push(chunk);
        }
        let answer = answer.finish();
        if !status.is_success() {
            let detail = serde_json::from_slice::<Problem>(&answer).map_or_else(
                |_| status.canonical_reason().unwrap_or("an error").to_owned(),
                |problem| problem.detail,
            );
            return Err(FunctionsError::Status {
                status: status.as_u16(),
                detail,
                retry_after,
            });
        }
        // 204: no content.
        let said = if answer.is_empty() {
            &b"null"[..]
        } else {
            &answer[..]
        };
        serde_json::from_slice(said).map_err(|error| FunctionsError::Answer(error.to_string()))
    }
}

/// A response whose entries are parsed one by one.
#[derive(Deserialize)]
struct Each {
    assignments: Option<Vec<Value>>,
    #[serde(default)]
    unclear: Vec<AccountName>,
    items: Option<Vec<Value>>,
    #[serde(default)]
    more: bool,
}

/// Connections as the functions assign them.
#[derive(Debug, Default)]
pub struct Assigned {
    /// Those that can be parsed.
    pub assignments: Vec<Assignment>,
    /// Accounts for which something cannot be parsed, or read by the functions: their connections stay as they are.
    pub unclear: Vec<AccountName>,
    /// Something cannot be parsed, not even its account: no connection of any account is stopped.
    pub incomplete: bool,
}

impl Assigned {
    fn read(entries: Vec<Value>) -> Self {
        let mut assigned = Self::default();
        for entry in entries {
            let account = entry
                .get("account")
                .and_then(|name| name.as_str()?.parse().ok());
            // The invalid content is not logged: it may contain a password.
            match (serde_json::from_value(entry), account) {
                (Ok(assignment), _) => assigned.assignments.push(assignment),
                (Err(_), Some(account)) => {
                    if let Some(left_out) = UNCLEAR.say() {
                        tracing::error!(%account, left_out, "a connection of an account cannot be parsed; its connections stay as they are");
                    }
                    assigned.unclear.push(account);
                }
                (Err(_), None) => {
                    if let Some(left_out) = NOBODYS.say() {
                        tracing::error!(
                            left_out,
                            "a connection and its account cannot be parsed; no connection is stopped"
                        );
                    }
                    assigned.incomplete = true;
                }
            }
        }
        assigned
    }
}

pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<Bytes, FunctionsError> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| FunctionsError::Answer(error.to_string()))
}

/// The innermost reason is the most specific: "Connection refused".
fn reason(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_cannot_be_understood_stops_only_itself() {
        let good = serde_json::json!({
            "account": "alice", "connection": {
                "version": 1, "id": "c", "platform": "irc", "name": "n", "server": "h", "host": "h", "port": 1,
                "secure": true, "nick": "a", "sasl": true, "channels": [], "enabled": true, "connector": "irc",
                "created": "2026-01-15T10:00:00.000Z",
            },
        });
        let mut bad = good.clone();
        bad["account"] = "bob".into();
        bad["connection"]["nick"] = 5.into();
        let read = Assigned::read(vec![bad, good.clone()]);
        assert_eq!((read.assignments.len(), read.incomplete), (1, false));
        assert_eq!(read.unclear, ["bob".parse().unwrap()]);
        let read = Assigned::read(vec![Value::Null, good]);
        assert!(read.assignments.len() == 1 && read.incomplete && read.unclear.is_empty());
    }

    #[test]
    fn takes_origins_only() {
        for good in [
            "http://127.0.0.1:6700",
            "https://chat.example.org/",
            "http://[::1]:1",
        ] {
            assert!(FunctionsClient::new(good, "irc", b"key").is_ok(), "{good}");
        }
        for bad in [
            "",
            "chat.example.org",
            "ftp://a",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "https://u:hunter2@a",
            "https://:hunter2@a",
        ] {
            let refused = FunctionsClient::new(bad, "irc", b"key");
            let said = refused.unwrap_err().to_string();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
