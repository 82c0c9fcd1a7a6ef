//! What every host of the functions must do, over HTTP: one suite for the native server, Spin and Workers.
//!
//! A host provides a function that starts it and calls [`suite!`]:
//!
//! ```ignore
//! async fn start(settings: functions_suite::Settings) -> functions_suite::Server { … }
//! functions_suite::suite!(start);
//! ```
//!
//! Behaviour of a single host (how it stops, its timeouts) is tested there.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this is a test, spread over packages"
)]

mod addresses;
mod apps;
pub mod armadietto;
mod bucket;
pub mod chaos;
mod outside;
pub mod proxy;
mod random;
#[path = "../../../storage-adapter/s3/tests/server/mod.rs"]
#[allow(
    dead_code,
    missing_debug_implementations,
    missing_docs,
    clippy::should_implement_trait,
    reason = "shared with the tests of the store"
)]
pub mod s3;
mod story;
mod uploads;
mod wire;
mod writers;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use protocol::{Timestamp, signed_headers};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub use apps::*;
pub use bucket::*;
pub use outside::*;
pub use random::Random;
pub use story::*;
pub use uploads::*;
pub use wire::*;
pub use writers::*;

/// The time limit of any single step.
pub const LIMIT: Duration = Duration::from_secs(60);
/// The password of every account.
pub const PASSWORD: &str = "correct horse";
/// The token with which the first account is created.
pub const SETUP: &str = "the-set-up-token-of-the-suite";
/// The connector that every host must know.
pub const CONNECTOR: &str = "irc-1";
/// Its key.
pub const KEY: &[u8] = b"connector-key-of-the-tests";

/// The settings with which a host is started.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The largest document in bytes, if not the default.
    pub max_document_size: Option<u64>,
    /// Whether the addresses that users enter may lead to private networks.
    pub any_network: bool,
}

impl Settings {
    /// Returns the variables that configure the functions accordingly.
    #[must_use]
    pub fn variables(&self, origin: &str) -> Vec<(&'static str, String)> {
        let connectors = json!([{
            "id": CONNECTOR,
            "url": "http://127.0.0.1:1",
            "platforms": ["irc"],
            "key": protocol::hex(KEY),
        }]);
        let mut variables = vec![
            ("SUBSPACE_ORIGIN", origin.to_owned()),
            ("SUBSPACE_MASTER_KEY", protocol::hex(&[7; 32])),
            ("SUBSPACE_SETUP_TOKEN", SETUP.to_owned()),
            ("SUBSPACE_CONNECTORS", connectors.to_string()),
        ];
        if let Some(size) = self.max_document_size {
            variables.push(("SUBSPACE_MAX_DOCUMENT_SIZE", size.to_string()));
        }
        if self.any_network {
            variables.push(("SUBSPACE_NETWORKS", "any".to_owned()));
        }
        variables
    }
}

/// A listening host, with the account alice.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its origin, `http://` and the address.
    pub origin: String,
    /// A session of alice's.
    pub session: String,
    _host: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.origin)
    }
}

impl Server {
    /// Creates the first account on a listening host. When this is dropped, so is `host`, which must stop everything
    /// that was started.
    pub async fn ready(address: SocketAddr, host: impl Send + Sync + 'static) -> Self {
        let origin = format!("http://{address}");
        let account = json!({"name": "alice", "password": PASSWORD, "setup": SETUP});
        let request = client().post(format!("{origin}/api/accounts"));
        let made = request.json(&account).timeout(LIMIT).send().await.unwrap();
        let status = made.status();
        let text = made.text().await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{text}");
        let session: Value = serde_json::from_str(&text).unwrap();
        Self {
            address,
            origin,
            session: session["token"].as_str().unwrap().to_owned(),
            _host: Box::new(host),
        }
    }

    /// Creates an app's token for alice.
    pub async fn token(&self, scopes: &str) -> String {
        let grant = json!({"kind": "app", "client": "suite", "scopes": scopes});
        let made = self.api("POST", "/api/grants", grant).await;
        assert_eq!(made.status(), StatusCode::CREATED);
        text(&made.json().await.unwrap(), "token")
    }

    /// Sends JSON to the API in alice's session; null stands for no body.
    pub async fn api(&self, method: &str, path: &str, body: Value) -> Response {
        let method = method.parse().unwrap();
        let request = client()
            .request(method, format!("{}{path}", self.origin))
            .bearer_auth(&self.session)
            .timeout(LIMIT);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        request.send().await.unwrap()
    }

    /// Returns the address of something in alice's storage.
    #[must_use]
    pub fn storage(&self, path: &str) -> String {
        format!("{}/storage/alice{path}", self.origin)
    }

    /// Reads something of alice's storage.
    pub async fn get(&self, token: &str, path: &str) -> Response {
        let request = client().get(self.storage(path)).bearer_auth(token);
        request.timeout(LIMIT).send().await.unwrap()
    }

    /// Writes a text to alice's storage.
    pub async fn put(&self, token: &str, path: &str, body: impl Into<Body>) -> Response {
        let request = client().put(self.storage(path)).bearer_auth(token);
        let request = request.header(CONTENT_TYPE, "text/plain").body(body);
        request.timeout(LIMIT).send().await.unwrap()
    }

    /// Sends bytes and returns everything received until the server closes.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }
}

/// A client; built together with other packages, reqwest needs an explicit cryptography provider.
#[must_use]
pub fn client() -> Client {
    use_ring();
    Client::new()
}

/// The current time.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_millis(since.unwrap().as_millis().try_into().unwrap())
}

/// Creates a request of the connector, signed with a key at a time.
pub fn signed(
    origin: &str,
    (method, path): (&str, &str),
    body: &str,
    key: &[u8],
    time: Timestamp,
) -> RequestBuilder {
    let mut request = client().request(method.parse().unwrap(), format!("{origin}{path}"));
    for (name, value) in signed_headers(CONNECTOR, key, (method, path), time, body.as_bytes()) {
        request = request.header(name, value);
    }
    request.body(body.to_owned()).timeout(LIMIT)
}

/// Sets the cryptography provider for clients that are not built by [`client`].
pub fn use_ring() {
    // Fails only if another test was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Reads a connection to its end.
pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(LIMIT, read).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Returns a header, if present.
#[must_use]
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

/// Creates one test for each part of the suite. `$start` is an async function from [`Settings`] to [`Server`].
#[macro_export]
macro_rules! suite {
    ($start:path) => {
        $crate::suite!(
            $start:
            a_bucket_in_a_private_network_is_refused,
            an_account_from_set_up_to_archive,
            an_upload_that_breaks_off_stores_nothing,
            a_folder_of_more_than_a_thousand_documents,
            bad_paths_on_the_wire,
            chunked_uploads_of_unknown_length,
            every_address_opens_to_whom_the_table_says,
            every_origin_may_ask,
            large_documents_stream_both_ways,
            nothing_is_ever_compressed,
            of_writers_with_one_condition_exactly_one_wins,
            one_connection_serves_many_requests,
            remotestorage_js_keeps_two_devices_in_step,
            signatures_that_do_not_fit_are_refused,
            types_sizes_and_hosts_that_do_not_fit,
            whoever_guesses_is_slowed_down,
            writers_of_one_module_at_once,
            wrong_passwords_and_revoked_sessions
        );
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn bodies_over_the_limit_are_refused_announced_or_not() {
            let mut settings = $crate::Settings::default();
            settings.max_document_size = Some(100_000);
            $crate::bodies_over_the_limit_are_refused_announced_or_not($start(settings).await).await;
        }
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn an_account_moves_to_a_bucket_of_its_own_and_back() {
            let mut settings = $crate::Settings::default();
            settings.any_network = true;
            $crate::an_account_moves_to_a_bucket_of_its_own_and_back($start(settings).await).await;
        }
    };
    ($start:path: $($name:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::$name($start($crate::Settings::default()).await).await;
            }
        )*
    };
}
