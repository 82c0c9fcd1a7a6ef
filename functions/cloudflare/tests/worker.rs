//! What is specific to a Worker: files of the web client next to the functions, a schedule, settings that may be
//! missing, and a size.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{FUNCTIONS, Worker, free_address, wrangler};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(60);
/// The largest Worker, compressed, in KiB. Cloudflare's free plan accepts 3 MiB.
const MAX_SIZE: f64 = 1024.0;

async fn start(variables: Vec<(&'static str, String)>) -> (Worker, SocketAddr) {
    let address = free_address();
    let worker = tokio::task::spawn_blocking(move || {
        Worker::start(FUNCTIONS, address, &variables, &["--test-scheduled"])
    });
    (worker.await.unwrap(), address)
}

async fn ask(address: SocketAddr, method: Method, path: &str) -> Response {
    functions_suite::use_ring();
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let request = client.request(method, format!("http://{address}{path}"));
    request.timeout(LIMIT).send().await.unwrap()
}

/// Sends a path unchanged; HTTP clients would normalise it.
async fn raw(address: SocketAddr, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(LIMIT, read).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_the_schedule_and_a_passphrase_as_key() {
    let (worker, address) = start(vec![
        (
            "SUBSPACE_MASTER_KEY",
            "a passphrase that is long enough for everybody".to_owned(),
        ),
        ("SUBSPACE_SETUP_TOKEN", "set-up".to_owned()),
    ])
    .await;

    // The client, protected as by the standalone server.
    let index = ask(address, Method::GET, "/").await;
    assert_eq!(index.status(), StatusCode::OK);
    assert!(header(&index, "content-type").starts_with("text/html"));
    assert!(
        header(&index, "content-security-policy")
            .starts_with("default-src 'none'; script-src 'self'")
    );
    assert_eq!(header(&index, "x-frame-options"), "DENY");
    let html = index.text().await.unwrap();
    let script = html.split("src=\"").nth(1).unwrap();
    let script = script.split('"').next().unwrap().trim_start_matches('.');
    let script = ask(address, Method::GET, script).await;
    assert_eq!(script.status(), StatusCode::OK);
    assert_eq!(
        header(&script, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    for path in ["/_headers", "/.assetsignore", "/missing", "/storag"] {
        let missing = ask(address, Method::GET, path).await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let posted = ask(address, Method::POST, "/missing").await;
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);

    // Without SUBSPACE_ORIGIN it is the requested one.
    let about: Value = ask(address, Method::GET, "/api")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(about["storage"], format!("http://{address}"));
    assert_eq!(about["needs_setup"], true);
    let account = json!({"name": "alice", "password": "correct horse", "setup": "set-up"});
    let made = functions_suite::client()
        .post(format!("http://{address}/api/accounts"))
        .json(&account)
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);

    let made: Value = made.json().await.unwrap();
    let grant = json!({"kind": "app", "client": "tests", "scopes": "*:rw"});
    let grant = functions_suite::client()
        .post(format!("http://{address}/api/grants"))
        .bearer_auth(made["token"].as_str().unwrap())
        .json(&grant)
        .send()
        .await
        .unwrap();
    let grant: Value = grant.json().await.unwrap();
    let token = grant["token"].as_str().unwrap();
    // Addresses are normalised before the Worker sees them; the result is refused or does not exist.
    for path in [
        "/storage/alice/notes/../../secret",
        "/storage/alice/notes/%2e%2e/x",
        "/storage/%2e%2e/notes/x",
        "/storage/alice/notes/%00",
        "/storage/alice/notes/%zz",
    ] {
        let answer = raw(address, path, token).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
    // Cloudflare leaves responses alone that must not be transformed.
    let folder = functions_suite::client()
        .get(format!("http://{address}/storage/alice/"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&folder, "cache-control"), "no-cache, no-transform");

    // With the web client's files next to it, this is wrangler's only way to trigger the schedule.
    let scheduled = ask(address, Method::GET, "/__scheduled").await;
    assert_eq!(scheduled.status(), StatusCode::OK);
    tokio::task::block_in_place(|| worker.wait_for("maintained: 0 documents expired"));
    let log = worker.log();
    assert!(!log.contains("maintenance failed"), "{log}");
}

#[tokio::test]
async fn a_missing_key_is_named() {
    let (_worker, address) = start(vec![("SUBSPACE_SETUP_TOKEN", "set-up".to_owned())]).await;
    let answer = ask(address, Method::GET, "/api").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let problem: Value = answer.json().await.unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("SUBSPACE_MASTER_KEY is not set"),
        "{detail}"
    );
}

#[test]
fn can_be_deployed_and_is_small() {
    let home = tempfile::tempdir().unwrap();
    let mut wrangler = wrangler(home.path());
    wrangler.args(["deploy", "--dry-run", "--config", FUNCTIONS, "--outdir"]);
    let done = wrangler.arg(home.path().join("out")).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(done.status.success(), "{said}");
    assert!(!said.contains("WARNING"), "{said}");
    let size = said
        .split("gzip: ")
        .nth(1)
        .unwrap_or_else(|| panic!("no size: {said}"));
    let size: f64 = size.split(' ').next().unwrap().parse().unwrap();
    assert!(size < MAX_SIZE, "{size} KiB compressed");
}
