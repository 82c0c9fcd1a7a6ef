//! Tasks from the functions' queue reach their channel exactly once, whatever is killed in the meantime, and soon.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::irc::Plain;
use common::random::{self, Random};
use common::{PASSWORD, Space, archives, server, until, until_or};
use functions_core::{Config, Connector, Functions};
use functions_native::NativeHost;
use protocol::{OutboxTask, Say};
use storage_adapter::{ObjectStore, Storage};
use storage_fs::FsStore;
use tokio::runtime::Runtime;

/// How often the server is killed.
const ROUNDS: u64 = 10;
/// Tasks whose delay is measured.
const TIMED: usize = 60;

/// Functions of another process over the same store: they queue and wake, and are never killed.
struct Queue {
    runtime: Runtime,
    functions: Functions<FsStore, NativeHost>,
    connector: Connector,
}

impl Queue {
    fn open(space: &Space) -> Self {
        let master = std::fs::read_to_string(space.data().join("master.key")).unwrap();
        let master: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&master[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        let mut key = vec![0; 32];
        hkdf::Hkdf::<sha2::Sha256>::new(None, &master)
            .expand(b"subspace connector v1 irc", &mut key)
            .unwrap();
        let origin = format!("http://{}", space.web);
        let connector = Connector {
            id: "irc".to_owned(),
            kind: functions_core::ConnectorKind::Gateway,
            url: origin.clone(),
            platforms: vec!["irc".to_owned()],
            key,
        };
        let mut config = Config::new(&origin, [0; 32]).unwrap();
        config.connectors = vec![connector.clone()];
        let store = FsStore::open(space.data().join("store")).unwrap();
        let storage = Storage::new(Arc::new(store), Arc::new(NativeHost::default()));
        Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            functions: Functions::new(storage, config),
            connector,
        }
    }

    fn say(&self, target: &str, lines: &[String]) {
        let say = Say {
            account: "alice".parse().unwrap(),
            connection: "private".to_owned(),
            target: target.to_owned(),
            from: "GitHub".to_owned(),
            lines: lines.to_vec(),
            notice: true,
            source: None,
        };
        let id = self.functions.connectors().task_id();
        let delivered =
            self.functions
                .connectors()
                .deliver(&self.connector, &id, OutboxTask::Say(say));
        self.runtime.block_on(delivered).unwrap();
    }

    fn waiting(&self) -> usize {
        let store = self.functions.storage().store();
        self.runtime
            .block_on(store.list("queue/irc/", None))
            .unwrap()
            .len()
    }
}

/// Texts in the channel's history, with their counts.
fn history(space: &Space) -> BTreeMap<String, usize> {
    let caps = "batch message-tags server-time draft/chathistory draft/relaymsg";
    let plain = Plain::register(&space.irc, "bob", Some(PASSWORD), caps).unwrap();
    plain.join("#general").unwrap();
    let (mut texts, mut before) = (BTreeMap::new(), "*".to_owned());
    loop {
        let from = plain.lines.len();
        let kind = if before == "*" { "LATEST" } else { "BEFORE" };
        plain.say(&format!("CHATHISTORY {kind} #general {before} 500"));
        let end = plain
            .lines
            .find(from, |line| line.contains(" BATCH -"))
            .unwrap()
            .unwrap()
            .0;
        let lines = plain.lines.all();
        let said: Vec<&String> = lines[from..end]
            .iter()
            .filter(|line| line.contains(" PRIVMSG "))
            .collect();
        let Some(first) = said.first() else {
            return texts;
        };
        let id = first
            .split("msgid=")
            .nth(1)
            .unwrap()
            .split([';', ' '])
            .next()
            .unwrap();
        before = format!("msgid={id}");
        for line in said {
            assert!(line.contains(":GitHub/hook!alice@"), "{line}");
            let (_, text) = line.split_once(" PRIVMSG #general :").unwrap();
            *texts.entry(text.to_owned()).or_insert(0) += 1;
        }
    }
}

#[test]
fn every_line_is_said_once_however_often_the_server_is_killed() {
    let (seed, mut random) = random::seeded();
    let space = Space::new(&[]);
    space.add("alice");
    space.add("bob");
    // The first start creates the channel.
    assert!(space.start().stop());
    let queue = Queue::open(&space);
    let stop = AtomicBool::new(false);
    let expected = std::thread::scope(|scope| {
        let talking = scope.spawn(|| {
            let mut random = Random(seed ^ 1);
            let mut expected = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let lines: Vec<String> = (0..=random.below(3))
                    .map(|line| format!("[repo] task {} line {line}", expected.len()))
                    .collect();
                queue.say("#general", &lines);
                expected.extend(lines);
                std::thread::sleep(Duration::from_millis(random.below(20)));
            }
            expected
        });
        for _ in 0..ROUNDS {
            let mut child = server::spawn(&space.data(), &space.flags());
            std::thread::sleep(Duration::from_millis(200 + random.below(1_200)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        talking.join().unwrap()
    });
    let waited = queue.waiting();
    let _running = space.start();
    until("an empty queue", || (queue.waiting() == 0).then_some(()));
    println!(
        "{} lines; {waited} tasks waited for the last start",
        expected.len()
    );
    let texts = history(&space);
    for line in &expected {
        assert_eq!(
            texts.get(line),
            Some(&1),
            "TEST_SEED={seed}: {line:?} in the channel"
        );
    }
    assert_eq!(texts.len(), expected.len());
    for account in ["alice", "bob"] {
        let token = space.storage_token(account);
        let wrong = || {
            let found = archives::read(&space, account, &token);
            let none = Vec::new();
            let found = found.get("channels/general").unwrap_or(&none);
            let count = |line: &String| found.iter().filter(|m| m["text"] == **line).count();
            let of_hook = |line: &String| {
                found
                    .iter()
                    .any(|m| m["text"] == **line && m["from"] == "GitHub/hook")
            };
            let bad = |line: &&String| count(line) != 1 || !of_hook(line);
            expected.iter().filter(bad).cloned().collect::<Vec<_>>()
        };
        let complete = until_or(|| wrong().is_empty().then_some(()));
        assert!(
            complete.is_some(),
            "TEST_SEED={seed}: {account}: {:?}",
            wrong()
        );
    }
}

#[test]
fn a_task_is_in_its_channel_soon() {
    let space = Space::new(&[]);
    space.add("alice");
    space.add("bob");
    let _running = space.start();
    let queue = Queue::open(&space);
    let bob = Plain::register(&space.irc, "bob", Some(PASSWORD), "").unwrap();
    bob.join("#general").unwrap();
    // The first one waits for the account to come online.
    queue.say("#general", &["begin.".to_owned()]);
    bob.expect("begin.");
    let mut times: Vec<Duration> = (0..TIMED)
        .map(|number| {
            let text = format!("timed {number}.");
            let begun = Instant::now();
            queue.say("#general", std::slice::from_ref(&text));
            bob.expect(&text);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (median, late) = (times[TIMED / 2], times[TIMED * 95 / 100]);
    println!("from the queue to the channel: median {median:?}, 95% {late:?}, {TIMED} tasks");
    until("an empty queue", || (queue.waiting() == 0).then_some(()));
    let refused = |target: &str| {
        queue.say(target, &["nobody hears this".to_owned()]);
        until("an empty queue", || (queue.waiting() == 0).then_some(()));
    };
    refused("#nowhere");
    assert!(!bob.lines.all().iter().any(|line| line.contains("nobody")));
}
