//! Processes that end while publishing, and disks that refuse the note.

use std::net::SocketAddr;

use durable::faults::{Fault, Plan};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;

/// How the functions respond to a batch: a status, or the body after 200.
pub(in crate::publish) type Answer = fn(&str) -> Option<&'static str>;

/// Functions that record the batches they receive and that, where they have no response, end the process (simulated).
pub(in crate::publish) struct World {
    pub(in crate::publish) client: FunctionsClient,
    bodies: mpsc::UnboundedReceiver<String>,
    ended: mpsc::UnboundedReceiver<()>,
}

pub(in crate::publish) const STORED: &str = "200 OK";

impl World {
    pub(in crate::publish) async fn new(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let (tell, bodies) = mpsc::unbounded_channel();
        let (end, ended) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let body = read(&mut stream).await;
                let answer = answer(&body);
                let _ = tell.send(body);
                let Some(status) = answer else {
                    let _ = end.send(());
                    // Never resolves.
                    tokio::spawn(async move { (std::future::pending::<()>().await, stream) });
                    continue;
                };
                let (status, receipt) = match status.starts_with('{') {
                    true => (STORED, status),
                    false => (status, r#"{"stored":0}"#),
                };
                let length = receipt.len();
                let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n");
                let rest =
                    format!("content-length: {length}\r\nconnection: close\r\n\r\n{receipt}");
                let _ = stream.write_all((head + &rest).as_bytes()).await;
            }
        });
        Self {
            client: FunctionsClient::new(&format!("http://{address}"), "irc", b"key").unwrap(),
            bodies,
            ended,
        }
    }

    /// Publishes with a newly started process; returns `None` if it ended midway.
    async fn publish(
        &mut self,
        disk: &Disk,
        dir: &Path,
        records: &[Vec<u8>],
    ) -> Option<Result<EventReceipt, Trouble>> {
        let attempts = Arc::new(Attempts::open(disk, dir, ChannelKeys::new(&self.client)));
        tokio::select! {
            answer = attempts.publish(&self.client, records) => Some(answer),
            _ = self.ended.recv() => None,
        }
    }

    /// The event ids in the batches since the last call.
    fn batches(&mut self) -> Vec<Vec<String>> {
        #[derive(Deserialize)]
        struct Batch {
            events: Vec<serde_json::Value>,
        }
        let mut batches = Vec::new();
        while let Ok(body) = self.bodies.try_recv() {
            let batch: Batch = serde_json::from_str(&body).unwrap();
            let ids = batch
                .events
                .iter()
                .map(|event| event["id"].as_str().unwrap());
            batches.push(ids.map(str::to_owned).collect());
        }
        batches
    }
}

/// Reads a request and returns its body.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if length.is_some_and(|length| body.len() == length.parse::<usize>().unwrap()) {
                return body.to_owned();
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
}

fn records(ids: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    ids.map(|id| format!("{{\"id\":\"e{id}\",\"more\":1}}").into_bytes())
        .collect()
}

fn kills(body: &str) -> Option<&'static str> {
    (!body.contains("\"e42\"")).then_some(STORED)
}

/// The events a newly started process suspects, and how often they were tried.
fn suspected(dir: &Path) -> BTreeMap<String, u32> {
    let client = FunctionsClient::new("http://127.0.0.1:1", "irc", b"key").unwrap();
    let attempts = Attempts::open(&Disk::default(), dir, ChannelKeys::new(&client));
    let note = lock(&attempts.note);
    note.tries.clone()
}

#[tokio::test]
async fn an_event_that_ends_the_process_is_set_aside_and_no_other() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let mut world = World::new(kills).await;
    let all = records(0..100);
    let (mut stored, mut starts) = (BTreeSet::new(), 0);
    let receipt = loop {
        let answer = world.publish(&disk, dir.path(), &all).await;
        for batch in world.batches() {
            if !batch.iter().any(|id| id == "e42") {
                stored.extend(batch);
            }
        }
        match answer {
            Some(answer) => break answer.unwrap(),
            None => starts += 1,
        }
        assert!(starts < 20, "it ends");
    };
    assert_eq!(starts, MAX_TRIES);
    assert_eq!(stored.len(), 99);
    let refused: Vec<&str> = receipt.refused.iter().map(|event| &*event.id).collect();
    assert_eq!(refused, ["e42"]);
    let aside = fs::read(dir.path().join("aside/e42.json")).unwrap();
    assert_eq!(aside, all[42]);
    // Nothing is suspected any longer.
    assert_eq!(suspected(dir.path()), BTreeMap::new());
}

#[tokio::test]
async fn what_cannot_be_set_aside_waits() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(kills).await;
    let some = records(42..43);
    for _ in 0..MAX_TRIES {
        let answer = world.publish(&Disk::default(), dir.path(), &some).await;
        assert!(answer.is_none());
    }
    let plan = Plan::default();
    plan.set(Fault::after(0, usize::MAX, io::ErrorKind::StorageFull));
    let answer = world
        .publish(&plan.disk(), dir.path(), &some)
        .await
        .unwrap();
    assert!(matches!(answer, Err(Trouble::Disk(_))), "{answer:?}");
    plan.clear();
    let receipt = world
        .publish(&plan.disk(), dir.path(), &some)
        .await
        .unwrap();
    assert_eq!(receipt.unwrap().refused.len(), 1);
    assert!(dir.path().join("aside/e42.json").exists());
}

#[tokio::test]
async fn an_answer_ends_an_attempt_and_only_a_good_one_clears() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let some = records(42..43);
    let mut world = World::new(kills).await;
    assert!(world.publish(&disk, dir.path(), &some).await.is_none());
    let once = BTreeMap::from([("e42".to_owned(), 1)]);
    // The next process notes it at startup.
    assert_eq!(suspected(dir.path()), once);
    let mut refusing = World::new(|_| Some("503 Service Unavailable")).await;
    let answer = refusing.publish(&disk, dir.path(), &some).await.unwrap();
    assert!(matches!(answer, Err(Trouble::Functions(_))), "{answer:?}");
    assert_eq!(suspected(dir.path()), once, "neither more nor less");
    let mut storing = World::new(|_| Some(STORED)).await;
    storing
        .publish(&disk, dir.path(), &some)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(suspected(dir.path()), BTreeMap::new());
}

#[tokio::test]
async fn a_disk_that_takes_no_note_loses_none_and_holds_up_only_what_is_suspected() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(kills).await;
    let all = records(40..45);
    assert!(
        world
            .publish(&Disk::default(), dir.path(), &all)
            .await
            .is_none()
    );
    let before = suspected(dir.path());
    assert_eq!(before.len(), 5);
    world.batches();
    // Now it is full: no suspected event is retried, while others are published repeatedly.
    let plan = Plan::default();
    let full = Fault::after(0, usize::MAX, io::ErrorKind::StorageFull);
    for _ in 0..3 {
        plan.set(full);
        let more = [records(0..3), all.clone()].concat();
        let answer = world
            .publish(&plan.disk(), dir.path(), &more)
            .await
            .unwrap();
        assert!(matches!(answer, Err(Trouble::Disk(_))), "{answer:?}");
        assert_eq!(world.batches(), [["e0", "e1", "e2"]]);
        assert!(plan.clear() > 0);
        assert_eq!(suspected(dir.path()), before);
    }
    // An attempt that never started does not increase suspicion once there is room again.
    let attempts = Arc::new(Attempts::open(
        &plan.disk(),
        dir.path(),
        ChannelKeys::new(&world.client),
    ));
    plan.set(full);
    assert!(attempts.publish(&world.client, &all).await.is_err());
    plan.clear();
    attempts
        .publish(&world.client, &records(0..1))
        .await
        .unwrap();
    assert_eq!(suspected(dir.path()), before);
}

#[test]
fn what_has_no_id_is_kept_beside_others_without() {
    let dir = tempfile::tempdir().unwrap();
    let client = FunctionsClient::new("http://127.0.0.1:1", "irc", b"key").unwrap();
    let attempts = Attempts::open(&Disk::default(), dir.path(), ChannelKeys::new(&client));
    let error = FunctionsError::Answer("it is a test".to_owned());
    for record in [&b"nonsense"[..], b"other nonsense", b"nonsense"] {
        attempts.give_up(record, &error).unwrap();
    }
    let aside = fs::read_dir(dir.path().join(ASIDE)).unwrap();
    assert_eq!(aside.count(), 2);
}

#[test]
fn a_note_that_cannot_be_read_suspects_nobody() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE), b"{\"now\":[").unwrap();
    assert_eq!(suspected(dir.path()), BTreeMap::new());
}

#[tokio::test]
async fn a_refused_event_that_cannot_be_set_aside_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let refuses = |_: &str| -> Option<&'static str> {
        Some(r#"{"stored":9,"refused":[{"id":"e3","reason":"it is a test"}]}"#)
    };
    let world = World::new(refuses).await;
    let (plan, all) = (Plan::default(), records(0..10));
    let keys = ChannelKeys::new(&world.client);
    let attempts = Arc::new(Attempts::open(&plan.disk(), dir.path(), keys));
    plan.set(Fault::after(0, usize::MAX, io::ErrorKind::StorageFull));
    let receipt = attempts.publish(&world.client, &all).await.unwrap();
    assert_eq!((receipt.stored, receipt.refused.len()), (9, 1));
    assert!(!dir.path().join("aside/e3.json").exists());
    plan.clear();
    // It is written as soon as the disk accepts it.
    attempts.publish(&world.client, &[]).await.unwrap();
    let aside = fs::read(dir.path().join("aside/e3.json")).unwrap();
    assert_eq!(aside, all[3]);
}

/// Suspected events are published separately from others, so one call has several answers.
#[tokio::test]
async fn what_several_answers_say_is_in_one_receipt() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE), br#"{"tries":{"e3":1},"now":[]}"#).unwrap();
    let away = |body: &str| -> Option<&'static str> {
        Some(match body.contains("\"e3\"") {
            true => {
                r#"{"stored":1,"elsewhere":["carol"],"waiting":[{"account":"bob","reason":"1","retry_after":1}]}"#
            }
            false => {
                r#"{"stored":9,"elsewhere":["alice"],"waiting":[{"account":"bob","reason":"2","retry_after":2}]}"#
            }
        })
    };
    let mut world = World::new(away).await;
    let receipt = world
        .publish(&Disk::default(), dir.path(), &records(0..10))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(world.batches().len(), 2);
    assert_eq!(receipt.stored, 10);
    let elsewhere: Vec<&str> = receipt.elsewhere.iter().map(|name| name.as_str()).collect();
    assert_eq!(elsewhere, ["alice", "carol"]);
    let waiting: Vec<&str> = receipt.waiting.iter().map(|one| &*one.reason).collect();
    assert_eq!(waiting, ["2"], "an account is named once");
}

/// Unlike a crash: what was being published at every stop would be set aside in the end.
#[tokio::test]
async fn an_orderly_end_while_publishing_makes_nothing_suspect() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
    let mut world = World::new(|_| None).await;
    let attempts = Arc::new(Attempts::open(
        &disk,
        dir.path(),
        ChannelKeys::new(&world.client),
    ));
    let all = records(0..10);
    tokio::select! {
        _ = attempts.publish(&world.client, &all) => panic!("there is no answer"),
        _ = world.ended.recv() => {}
    }
    attempts.end().await;
    assert!(suspected(dir.path()).is_empty());
}
