//! Accounts in buckets: all of them, or one that is moved there while people write and the move is killed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

mod common;
#[allow(dead_code, reason = "nothing fails on demand here")]
#[path = "../../../storage-adapter/s3/tests/server/mod.rs"]
mod s3;

use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::random::seeded;
use common::server::subspace;
use common::{Space, until};
use s3::{Abilities, Server as Bucket};
use tokio::runtime::Runtime;

/// Documents that exist before the move.
const DOCUMENTS: usize = 300;
/// How often the move is killed.
const KILLS: usize = 6;
/// The longest duration of a whole move, including interruptions.
const LIMIT: Duration = Duration::from_secs(120);

fn bucket() -> (Runtime, Bucket) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let bucket = runtime.block_on(Bucket::start(Abilities {
        conditions: true,
        matches_nothing: false,
        conditions_of_parts: true,
    }));
    (runtime, bucket)
}

/// `subspace account move alice …` to the bucket.
fn relocate(space: &Space, bucket: &Bucket, more: &[&str]) -> Command {
    let mut command = subspace(&space.data());
    command
        .args(["account", "move", "alice", "--data"])
        .arg(space.data())
        .args(more)
        .env("SUBSPACE_TO_S3_BUCKET", s3::BUCKET)
        .env("SUBSPACE_TO_S3_REGION", s3::REGION)
        .env("SUBSPACE_TO_S3_ENDPOINT", bucket.endpoint())
        .env("SUBSPACE_TO_S3_PREFIX", "mine")
        .env("SUBSPACE_TO_S3_ACCESS_KEY_ID", s3::KEY_ID)
        .env("SUBSPACE_TO_S3_SECRET_ACCESS_KEY", s3::SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

fn storage(space: &Space, token: &str, what: &str, path: &str, body: &str) -> (u16, String) {
    let head = format!(
        "{what} /storage/alice{path}\nauthorization: Bearer {token}\ncontent-type: text/plain"
    );
    let (head, text) = common::http::exchange(&space.web, &head, body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 503 {
        let closed = "the account's storage is being moved to another place";
        assert!(text.contains(closed), "{text}");
        assert!(head.to_lowercase().contains("\r\nretry-after: "), "{head}");
    }
    (status, text)
}

/// Everything below a folder: names, ETags, contents.
fn read_all(space: &Space, token: &str, path: &str, all: &mut Vec<String>) {
    let (status, text) = storage(space, token, "GET", path, "");
    assert_eq!(status, 200, "{path}: {text}");
    let folder: serde_json::Value = serde_json::from_str(&text).unwrap();
    all.push(format!("{path} {text}"));
    for name in folder["items"].as_object().unwrap().keys() {
        let below = format!("{path}{name}");
        if name.ends_with('/') {
            read_all(space, token, &below, all);
        } else {
            let (status, text) = storage(space, token, "GET", &below, "");
            all.push(format!("{below} {status} {text}"));
        }
    }
}

#[test]
fn a_move_is_killed_and_goes_on_while_others_write() {
    let (_seed, mut random) = seeded();
    let (_runtime, bucket) = bucket();
    let space = Space::new(&[]);
    space.add("alice");
    let _server = space.start();
    let token = space.storage_token("alice");
    for n in 0..DOCUMENTS {
        let path = format!("/notes/{}/{n}", n % 7);
        let (status, text) = storage(&space, &token, "PUT", &path, &format!("text {n}"));
        assert_eq!(status, 201, "{text}");
    }
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let (accepted, refused) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut accepted, mut refused) = (Vec::new(), 0);
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                // New modules too: they have no head that could be marked.
                let path = format!("/m{}/{n}", n % 5);
                match storage(&space, &token, "PUT", &path, &n.to_string()) {
                    (200 | 201, _) => accepted.push((path, n.to_string())),
                    (503, _) => {
                        refused += 1;
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    (status, text) => panic!("{path}: {status} {text}"),
                }
            }
            (accepted, refused)
        });
        for _ in 0..KILLS {
            let mut moving = relocate(&space, &bucket, &["--to", "bucket"])
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(200 + random.below(2_500)));
            moving.kill().unwrap();
            let _ = moving.wait();
        }
        let done = until("the move is done", || {
            assert!(begun.elapsed() < LIMIT, "the move takes too long");
            let done = relocate(&space, &bucket, &["--to", "bucket"])
                .output()
                .unwrap();
            done.status.success().then_some(done)
        });
        assert!(
            said(&done).contains("documents compared"),
            "{}",
            said(&done)
        );
        // It is read and written there now.
        let late = format!("/late/{}", random.below(100));
        until("writes are taken again", || {
            (storage(&space, &token, "PUT", &late, "late").0 == 201).then_some(())
        });
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    println!(
        "{} writes accepted, {refused} refused during the move",
        accepted.len()
    );
    assert!(!accepted.is_empty());
    for (path, text) in &accepted {
        assert_eq!(
            storage(&space, &token, "GET", path, ""),
            (200, text.clone()),
            "{path}"
        );
    }
    for n in 0..DOCUMENTS {
        let path = format!("/notes/{}/{n}", n % 7);
        assert_eq!(
            storage(&space, &token, "GET", &path, ""),
            (200, format!("text {n}"))
        );
    }
    let mut all = Vec::new();
    read_all(&space, &token, "/", &mut all);
    let removed = relocate(&space, &bucket, &["--remove-old"])
        .output()
        .unwrap();
    assert!(removed.status.success(), "{}", said(&removed));
    let mut again = Vec::new();
    read_all(&space, &token, "/", &mut again);
    assert_eq!(all, again, "nothing was read at the old place");
    // And back, with every version unchanged.
    let back = relocate(&space, &bucket, &["--to", "installation"])
        .output()
        .unwrap();
    assert!(back.status.success(), "{}", said(&back));
    let removed = relocate(&space, &bucket, &["--remove-old"])
        .output()
        .unwrap();
    assert!(removed.status.success(), "{}", said(&removed));
    let mut home = Vec::new();
    read_all(&space, &token, "/", &mut home);
    assert_eq!(all, home);
    assert!(bucket.state.lock().unwrap().objects.is_empty());
}

#[test]
fn a_whole_installation_is_served_from_a_bucket() {
    let (_runtime, bucket) = bucket();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret").display().to_string();
    std::fs::write(&secret, s3::SECRET).unwrap();
    let endpoint = bucket.endpoint();
    let space = Space::new(&[
        "--store",
        "s3",
        "--s3-bucket",
        s3::BUCKET,
        "--s3-region",
        s3::REGION,
        "--s3-endpoint",
        &endpoint,
        "--s3-access-key-id",
        s3::KEY_ID,
        "--s3-secret-access-key-file",
        &secret,
    ]);
    space.add("alice");
    let token = space.storage_token("alice");
    let server = space.start();
    for n in 0..20 {
        let path = format!("/notes/{n}");
        assert_eq!(
            storage(&space, &token, "PUT", &path, &format!("text {n}")).0,
            201
        );
    }
    // Its folder contains nothing of it: another process finds everything in the bucket.
    server.kill();
    let _server = space.start();
    for n in 0..20 {
        let path = format!("/notes/{n}");
        assert_eq!(
            storage(&space, &token, "GET", &path, ""),
            (200, format!("text {n}"))
        );
    }
    let objects = bucket.state.lock().unwrap().objects.len();
    assert!(objects >= 20, "{objects}");
    assert!(!space.data().join("store").exists());
}
