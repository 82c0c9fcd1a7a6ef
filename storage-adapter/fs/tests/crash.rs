//! A process that writes is killed at random points, repeatedly: everything it acknowledged exists, everything that
//! exists is complete, and the next process continues.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use protocol::{AccountName, Timestamp};
use storage_adapter::{
    ByteStream, DocumentPath, DocumentRead, FolderPath, FolderRead, Host, Item, Storage, Version,
    WriteCondition, contract,
};
use storage_fs::FsStore;

/// The environment variable that makes this test a writer, and names its folder.
const WRITER: &str = "SUBSPACE_TEST_WRITER";
const KILLS: u64 = 12;
const WRITERS: usize = 4;
const DOCUMENTS: usize = 5;

struct TestHost;

impl Host for TestHost {
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_millis(now.unwrap().as_millis() as i64)
    }

    fn random(&self, bytes: &mut [u8]) {
        use std::hash::{BuildHasher, RandomState};
        for byte in bytes {
            *byte = RandomState::new().hash_one(0) as u8;
        }
    }

    async fn sleep(&self, _: u64) {
        tokio::task::yield_now().await;
    }
}

type Tree = Storage<FsStore, TestHost>;

fn tree(folder: &str) -> Tree {
    Storage::new(Arc::new(FsStore::open(folder).unwrap()), Arc::new(TestHost))
}

fn alice() -> AccountName {
    "alice".parse().unwrap()
}

fn document(names: &[&str]) -> DocumentPath {
    DocumentPath::from_segments(names.iter().map(|&name| name.to_owned()).collect()).unwrap()
}

fn content(writer: usize, number: u64) -> Vec<u8> {
    // Now and then a body that takes several writes.
    let length = if number.is_multiple_of(7) {
        400_000
    } else {
        100
    };
    format!("{writer} {number} ")
        .into_bytes()
        .repeat(length / 8)
}

/// Writes numbered documents and reports each on standard output once it is acknowledged.
async fn write_until_killed(folder: String) {
    let tree = tree(&folder);
    let first: u64 = std::env::var("FIRST").unwrap().parse().unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let tree = tree.clone();
        tokio::spawn(async move {
            for number in first.. {
                let name = (number as usize % DOCUMENTS).to_string();
                let path = document(&["m", &writer.to_string(), &name]);
                let body: ByteStream = contract::body(&[&content(writer, number)]);
                let none = WriteCondition::None;
                tree.put(&alice(), &path, "text/plain", body, &none, Some(1 << 40))
                    .await
                    .unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "acknowledged {writer} {number}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn read(tree: &Tree, path: &DocumentPath) -> Option<Vec<u8>> {
    match tree.read_document(&alice(), path, &[], None).await {
        Ok(DocumentRead::Found { mut body, info, .. }) => {
            let mut bytes = Vec::new();
            while let Some(chunk) = body.next().await {
                bytes.extend_from_slice(&chunk.unwrap());
            }
            assert_eq!(bytes.len() as u64, info.length);
            Some(bytes)
        }
        Err(storage_adapter::TreeError::NotFound) => None,
        other => panic!("{path}: {:?}", other.err()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills() {
    if let Ok(folder) = std::env::var(WRITER) {
        return write_until_killed(folder).await;
    }
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().to_str().unwrap().to_owned();
    let mut first = 0_u64;
    let mut last_version: Option<Version> = None;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "what_was_acknowledged_survives_kills",
                "--exact",
                "--nocapture",
            ])
            .env(WRITER, &folder)
            .env("FIRST", first.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        // At some point after this many acknowledgements; the rest is up to the scheduler.
        let enough = 5 + kill as usize * 7 % 40;
        let mut acknowledged: HashMap<usize, u64> = HashMap::new();
        let mut killed = false;
        let mut count = 0;
        for line in output.lines() {
            let line = line.unwrap();
            // The test harness prints on the same line before the first one.
            let Some((_, said)) = line.split_once("acknowledged ") else {
                continue;
            };
            let (writer, number) = said.split_once(' ').unwrap();
            acknowledged.insert(writer.parse().unwrap(), number.parse().unwrap());
            count += 1;
            if count >= enough && !killed {
                std::thread::sleep(Duration::from_micros(kill * 137));
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed, "the writer died by itself");
        let tree = tree(&folder);
        for (&writer, &number) in &acknowledged {
            for back in 0..(number - first + 1).min(DOCUMENTS as u64) {
                let number = number - back;
                let name = (number as usize % DOCUMENTS).to_string();
                let bytes = read(&tree, &document(&["m", &writer.to_string(), &name]))
                    .await
                    .unwrap();
                // The write after the last acknowledged one may have happened.
                let next = number + DOCUMENTS as u64;
                assert!(
                    bytes == content(writer, number)
                        || (back == DOCUMENTS as u64 - 1 && bytes == content(writer, next)),
                    "kill {kill}: writer {writer} lost {number}"
                );
            }
        }
        // Everything listed can be read completely.
        let module = FolderPath::from_segments(vec!["m".into()]).unwrap();
        let Ok(FolderRead::Found(listing)) = tree.read_folder(&alice(), &module, &[]).await else {
            panic!("the listing is there");
        };
        assert_ne!(
            last_version.replace(listing.version.clone()),
            Some(listing.version.clone())
        );
        for writer in listing.items.keys() {
            let folder = FolderPath::from_segments(vec!["m".into(), writer.clone()]).unwrap();
            let Ok(FolderRead::Found(listing)) = tree.read_folder(&alice(), &folder, &[]).await
            else {
                panic!("the listing is there");
            };
            for (name, item) in &listing.items {
                assert!(matches!(item, Item::Document(_)));
                assert!(read(&tree, &document(&["m", writer, name])).await.is_some());
            }
        }
        first += 1000;
    }
}
