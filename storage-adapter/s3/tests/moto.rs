//! The contract over moto: does the store speak the protocol as others understand it? Moto checks conditions and writes
//! in two steps, so nothing here depends on atomicity.
#![allow(clippy::unwrap_used, reason = "tests may fail")]

mod common;

use std::process::Command;
use std::time::Duration;

use common::process::{Running, tool};
use common::{body, open, read, settings};
use storage_adapter::{ETag, ObjectStore, PutMode, StoreError, contract};
use storage_s3::{Commits, S3Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As installed by `cargo xtask setup`.
const MOTO: &str = "moto-5.2.5";

struct Moto {
    _running: Running,
    address: String,
}

impl Moto {
    async fn start() -> Self {
        let running = Running::start(
            Command::new(tool(MOTO, "moto_server"))
                .args(["-H", "127.0.0.1", "-p", "0"])
                .env("PYTHONUNBUFFERED", "1"),
        );
        let address = running.wait_for("Running on http://").trim().to_owned();
        let moto = Self {
            _running: running,
            address,
        };
        let made = tokio::time::timeout(Duration::from_secs(60), moto.make_bucket()).await;
        made.unwrap();
        moto
    }

    /// Buckets are created by other means; moto requires no signature.
    async fn make_bucket(&self) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "PUT /chat HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn settings(&self, more: &[(&str, &str)]) -> S3Settings {
        let endpoint = format!("http://{}", self.address);
        let mut variables = more.to_vec();
        variables.extend([
            ("BUCKET", "chat"),
            ("ENDPOINT", &endpoint),
            ("ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("SECRET_ACCESS_KEY", "secret"),
            ("SESSION_TOKEN", "token"),
        ]);
        settings(&variables)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let moto = Moto::start().await;
    let store = open(&moto.settings(&[("PREFIX", "team")])).await.unwrap();
    assert!(
        matches!(store.commits(), Commits::Server(_)),
        "{:?}",
        store.commits()
    );
    contract::put_get_delete(&store, "c/basic").await;
    contract::new_keys(&store, "c/new/folder").await;
    contract::ranges(&store, "c/ranges").await;
    contract::conditional_reads(&store, "c/reads").await;
    contract::conditional_writes(&store, "c/writes").await;
    contract::bodies(&store, "c/bodies").await;
    // Moto parses paths with a pattern that does not match line breaks, and repeats `start-after` in XML verbatim, even
    // characters that XML cannot represent.
    let mut names = contract::awkward_names();
    names.retain(|name| !name.contains(char::is_control));
    contract::these_names(&store, "c/names", &names).await;
    for mode in [PutMode::New, PutMode::IfAbsent, PutMode::Overwrite] {
        let refused = store.put("c/line\nend", body(b"x"), mode).await;
        let Err(StoreError::Refused(words)) = refused else {
            panic!("{refused:?}");
        };
        assert!(words.as_str().contains("404"), "{words}");
    }
    contract::malformed_keys(&store).await;
    contract::deletes_many(&store, "c/many").await;
    contract::listing(&store, "c/listing").await;
    contract::long_listing(&store, "c/long").await;
    large(&store).await;
    assert_eq!(store.take_requests().retries, 0);

    let missing = open(&moto.settings(&[("BUCKET", "other")]))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("there is no bucket \"other\""),
        "{missing}"
    );
}

/// A multipart upload, and a stale swap of it.
async fn large(store: &common::Store) {
    let mut bytes = vec![b'x'; 11 << 20];
    let first = store
        .put("c/large", body(&bytes), PutMode::IfAbsent)
        .await
        .unwrap();
    assert_eq!(
        store
            .put(
                "c/large",
                body(b"y"),
                PutMode::IfMatch(ETag("0-3".to_owned()))
            )
            .await,
        Err(StoreError::Precondition)
    );
    bytes[0] = b'y';
    let second = store
        .put("c/large", body(&bytes), PutMode::IfMatch(first.clone()))
        .await
        .unwrap();
    assert_ne!(first, second);
    assert!(read(store, "c/large").await.unwrap() == bytes);
    assert_eq!(store.tidy(0).await, Ok(0));
}
