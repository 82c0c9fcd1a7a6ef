//! A full disk, and one on which only the reserve is left: the errors, what still works, and that nothing half-written
//! stays.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use protocol::{AccountName, Timestamp};
use storage_adapter::{
    ByteStream, DocumentPath, GetOptions, Host, ObjectStore, PutMode, Storage, StoreError,
    TreeError, WriteCondition,
};
use storage_fs::FsStore;

/// Set for this test's child process: the folder on the small disk.
const SMALL: &str = "SUBSPACE_TEST_SMALL_DISK";
/// The same, where another program fills the disk.
const FILLED: &str = "SUBSPACE_TEST_FILLED_DISK";
/// The same, where only the size of files is limited.
const SHORT: &str = "SUBSPACE_TEST_SHORT_FILES";

struct Machine;

impl Host for Machine {
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_millis(now.as_millis() as i64)
    }

    fn random(&self, bytes: &mut [u8]) {
        use std::io::Read;
        let mut source = std::fs::File::open("/dev/urandom").unwrap();
        source.read_exact(bytes).unwrap();
    }

    async fn sleep(&self, millis: u64) {
        tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
    }
}

fn body(length: usize) -> ByteStream {
    let pieces = vec![b'x'; length];
    let pieces: Vec<_> = pieces
        .chunks(60_000)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Box::pin(stream::iter(pieces))
}

/// All files of a store with data of objects, and those being written.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.to_str().unwrap().contains("/locks/") && !path.ends_with("format") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn document(name: &str) -> DocumentPath {
    DocumentPath::from_segments(vec!["notes".to_owned(), name.to_owned()]).unwrap()
}

fn is_full<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    match result {
        Err(StoreError::Full(words)) => assert!(words.starts_with("the disk is full"), "{words}"),
        other => panic!("{other:?}"),
    }
}

/// Fills the space for documents, then everything.
async fn fill(folder: &Path) {
    let store = Arc::new(FsStore::open(folder).unwrap());
    let tree = Storage::new(Arc::clone(&store), Arc::new(Machine));
    let alice: AccountName = "alice".parse().unwrap();
    let put = |name: String, length| {
        let (tree, alice) = (&tree, &alice);
        async move {
            let condition = WriteCondition::None;
            tree.put(
                alice,
                &document(&name),
                "text/plain",
                body(length),
                &condition,
                None,
            )
            .await
        }
    };
    put("first".to_owned(), 1_000).await.unwrap();
    let room = store.room().unwrap();
    assert!((700_000..16 << 20).contains(&room), "{room}");
    let mut count = 0;
    let refused = loop {
        match put(format!("large-{count}"), 700_000).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    let TreeError::Store(StoreError::Full(words)) = refused else {
        panic!("{refused}");
    };
    // Deleted documents are retained at first, so the error says what frees space.
    assert!(words.contains("DELETE /api/store/kept"), "{words}");
    // Until not even a small one fits.
    while put(format!("small-{count}"), 20_000).await.is_ok() {
        count += 1;
    }
    let room = store.room().unwrap();
    assert!(room < 20_000, "{room}");
    let there = files(folder);
    for _ in 0..3 {
        put("more".to_owned(), 700_000).await.unwrap_err();
        put("more".to_owned(), 20_000).await.unwrap_err();
    }
    assert_eq!(files(folder), there, "nothing is left of what was refused");

    // Records and deletions use the reserve.
    store
        .put("records/a", body(1_000), PutMode::IfAbsent)
        .await
        .unwrap();
    store
        .put("records/a", body(1_001), PutMode::Overwrite)
        .await
        .unwrap();
    let condition = WriteCondition::None;
    tree.delete(&alice, &document("first"), &condition)
        .await
        .unwrap();

    // Then that is full, too.
    let mut number = 0;
    let refused = loop {
        let key = format!("records/{number}");
        match store.put(&key, body(60_000), PutMode::IfAbsent).await {
            Ok(_) => number += 1,
            refused => break refused,
        }
    };
    is_full(refused);
    while store
        .put(
            &format!("records/{number}"),
            body(1_000),
            PutMode::Overwrite,
        )
        .await
        .is_ok()
    {
        number += 1;
    }
    let there = files(folder);
    for mode in [PutMode::IfAbsent, PutMode::Overwrite, PutMode::New] {
        is_full(store.put("records/new", body(60_000), mode).await);
    }
    let deleted = tree.delete(&alice, &document("large-0"), &condition).await;
    assert!(
        matches!(&deleted, Err(TreeError::Store(StoreError::Full(_)))),
        "nothing happened, and it says why: {deleted:?}"
    );
    assert_eq!(files(folder), there, "nothing is left of what was refused");
    assert!(
        tree.document_info(&alice, &document("large-0"))
            .await
            .is_ok()
    );

    // It continues when there is space again.
    for number in 0..number {
        store.delete(&format!("records/{number}")).await.unwrap();
    }
    tree.delete(&alice, &document("large-0"), &condition)
        .await
        .unwrap();
}

/// Takes all space available to non-root users, like another program.
fn take_all(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for length in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![b'x'; length]).is_ok() {}
    }
    let free = std::fs::File::create(path.with_extension("more"))
        .and_then(|mut file| file.write_all(b"x"));
    assert!(free.is_err(), "nothing is left");
}

/// Another program fills the disk to the last byte, repeatedly.
async fn fill_from_outside(disk: &Path) {
    let (folder, other) = (disk.join("store"), disk.join("other"));
    let store = Arc::new(FsStore::open(&folder).unwrap());
    let tree = Storage::new(Arc::clone(&store), Arc::new(Machine));
    let alice: AccountName = "alice".parse().unwrap();
    let condition = WriteCondition::None;
    let put = |name: &'static str, length| {
        let (tree, alice) = (&tree, &alice);
        async move {
            let condition = WriteCondition::None;
            let body = body(length);
            tree.put(alice, &document(name), "text/plain", body, &condition, None)
                .await
        }
    };
    for name in ["one", "two", "three"] {
        put(name, 100_000).await.unwrap();
    }
    store
        .put("records/a", body(1_000), PutMode::IfAbsent)
        .await
        .unwrap();
    for name in ["one", "two"] {
        take_all(&other);
        // Documents are refused, essential writes succeed.
        assert!(matches!(
            put("more", 1_000).await,
            Err(TreeError::Store(StoreError::Full(_)))
        ));
        store
            .put("records/a", body(9_000), PutMode::Overwrite)
            .await
            .unwrap();
        store
            .put(
                &format!("records/of-{name}"),
                body(9_000),
                PutMode::IfAbsent,
            )
            .await
            .unwrap();
        tree.delete(&alice, &document(name), &condition)
            .await
            .unwrap();
        assert!(matches!(
            put("more", 1_000).await,
            Err(TreeError::Store(StoreError::Full(_)))
        ));
        // There is space again, and the reserve for the next time as well.
        std::fs::remove_file(&other).unwrap();
        std::fs::remove_file(other.with_extension("more")).unwrap();
        put("more", 1_000).await.unwrap();
        drop(FsStore::open(&folder).unwrap());
    }
}

/// Files cannot grow beyond 64 KiB here.
async fn shorten(folder: &Path) {
    let store = FsStore::open(folder).unwrap();
    store
        .put("a/small", body(1_000), PutMode::New)
        .await
        .unwrap();
    let there = files(folder);
    for mode in [PutMode::New, PutMode::IfAbsent, PutMode::Overwrite] {
        for length in [100_000, 700_000] {
            is_full(store.put("a/large", body(length), mode.clone()).await);
        }
    }
    assert_eq!(files(folder), there);
    let got = store.get("a/large", GetOptions::default()).await;
    assert!(matches!(got, Err(StoreError::NotFound)));
}

/// The other tests run this one again, where space is limited.
#[test]
fn where_there_is_little_room() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    if let Some(folder) = std::env::var_os(SMALL) {
        runtime.block_on(fill(Path::new(&folder)));
    } else if let Some(folder) = std::env::var_os(FILLED) {
        runtime.block_on(fill_from_outside(Path::new(&folder)));
    } else if let Some(folder) = std::env::var_os(SHORT) {
        runtime.block_on(shorten(Path::new(&folder)));
    }
}

/// Runs the test above within a shell; `prepare` limits the space.
fn within(wrapper: &[&str], prepare: &str, variable: &str, folder: &Path) -> std::process::Output {
    let own = std::env::current_exe().unwrap();
    let script = format!("{prepare} && exec \"$0\" --exact where_there_is_little_room --nocapture");
    let mut command = Command::new(wrapper[0]);
    command
        .args(&wrapper[1..])
        .args(["sh", "-c", &script])
        .arg(own)
        .env(variable, folder)
        .env("FOLDER", folder);
    command.output().unwrap()
}

#[test]
fn a_full_disk_says_so_and_keeps_a_reserve() {
    on_a_small_disk(SMALL);
}

#[test]
fn a_disk_that_another_program_filled_lets_people_delete() {
    on_a_small_disk(FILLED);
}

/// Runs the test above on a disk of 16 MiB.
fn on_a_small_disk(variable: &str) {
    let folder = tempfile::tempdir().unwrap();
    // In a separate mount namespace, so that it vanishes with the process; a non-root user becomes root in it.
    let mount = "mount -t tmpfs -o size=16m tmpfs \"$FOLDER\"";
    let mut said = String::new();
    for wrapper in [
        &["unshare", "--mount"][..],
        &["unshare", "--mount", "--map-root-user"],
    ] {
        let output = within(wrapper, mount, variable, folder.path());
        if output.status.success() {
            return;
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("panicked"), "{text}");
        said.push_str(&text);
    }
    panic!("no small disk can be mounted here; run it as root or allow user name spaces: {said}");
}

/// The part that needs no permission to mount.
#[test]
fn nothing_half_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    let small = "trap '' XFSZ && ulimit -f 128";
    let output = within(&["env"], small, SHORT, folder.path());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}
