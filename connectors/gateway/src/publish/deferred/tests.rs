//! What stays deferred, what is given up, and what is kept in the first place.

use durable::Disk;
use durable::faults::{Fault, Plan};

use super::*;
use crate::channel_keys::ChannelKeys;
use crate::publish::attempts::tests::{STORED, World};
use crate::publish::tests::{CONFIG, SPOOL, alice};

fn nobody() -> FunctionsClient {
    FunctionsClient::new("http://127.0.0.1:1", "irc", b"key").unwrap()
}

fn record(id: &str, account: &str, event: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","account":"{account}","event":"{event}"}}"#).into_bytes()
}

/// The task of alice, who has these records, on a disk.
fn drain(
    (disk, dir): (Disk, &std::path::Path),
    client: FunctionsClient,
    records: &[Vec<u8>],
) -> Drain {
    let spool = Spool::open_on(disk, dir, SPOOL, |_, _| {}).unwrap();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    spool.deferred().defer(&alice(), &records).unwrap();
    let (folder, disk) = spool.folder();
    let attempts = Attempts::open(disk, folder, ChannelKeys::new(&client));
    Drain {
        account: alice(),
        attempts: Arc::new(attempts),
        client,
        config: CONFIG,
        metrics: Arc::default(),
        permits: Arc::new(Semaphore::new(1)),
        most: CONFIG.batch_events,
        tries: 0,
        spool,
    }
}

fn left(spool: &Spool) -> Vec<Vec<u8>> {
    spool.deferred().read(&alice(), 99, 10_000).unwrap().0
}

/// An attempt to publish a suspected event must be noted first; without the note it was not published.
#[tokio::test]
async fn what_the_disk_does_not_let_begin_stays_deferred() {
    let (dir, plan) = (tempfile::tempdir().unwrap(), Plan::default());
    let suspects = br#"{"tries":{"e1":1},"now":[]}"#;
    std::fs::write(dir.path().join("publishing.json"), suspects).unwrap();
    let records = [record("e1", "alice", "message")];
    let mut drain = drain((plan.disk(), dir.path()), nobody(), &records);
    plan.set(Fault::after(0, usize::MAX, io::ErrorKind::StorageFull));
    assert!(drain.batch().await.is_err());
    plan.clear();
    assert_eq!(left(&drain.spool), records);
    // Now it begins, and nobody answers.
    assert!(matches!(drain.batch().await, Ok(Outcome::Wait(_))));
    assert_eq!(left(&drain.spool), records);
}

/// Nobody is there, however often: that is no fault of an event.
#[tokio::test]
async fn while_nobody_answers_to_the_next_event_the_first_is_not_given_up() {
    for records in [
        vec![record("e1", "alice", "message")],
        vec![
            record("e1", "alice", "message"),
            record("e2", "alice", "message"),
        ],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut drain = drain((Disk::default(), dir.path()), nobody(), &records);
        (drain.most, drain.tries) = (1, MAX_TRIES);
        assert!(matches!(drain.batch().await, Ok(Outcome::Wait(_))));
        assert_eq!(left(&drain.spool), records);
        assert!(!dir.path().join("aside").exists());
    }
}

#[tokio::test]
async fn an_answer_that_the_next_event_must_wait_shows_nothing() {
    let away = |_: &str| -> Option<&'static str> {
        Some(r#"{"stored":0,"waiting":[{"account":"alice","reason":"1","retry_after":1}]}"#)
    };
    let records = [
        record("e1", "alice", "message"),
        record("e2", "alice", "message"),
    ];
    for (world, answered) in [
        (World::new(away).await, false),
        (World::new(|_| Some(STORED)).await, true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let client = world.client.clone();
        let drain = drain((Disk::default(), dir.path()), client, &records);
        assert_eq!(drain.answer_on_the_next().await.unwrap(), answered);
    }
}

/// A publisher of deferred messages that publishes nothing.
fn publisher(dir: &std::path::Path) -> DeferredPublisher {
    let spool = Spool::open(dir, SPOOL, |_, _| {}).unwrap();
    let (folder, disk) = spool.folder();
    let attempts = Attempts::open(disk, folder, ChannelKeys::new(&nobody()));
    let attempts = Arc::new(attempts);
    DeferredPublisher::new(spool.clone(), attempts, nobody(), CONFIG, Arc::default())
}

#[tokio::test]
async fn messages_that_must_wait_are_kept_and_no_other_events() {
    let dir = tempfile::tempdir().unwrap();
    let mut publisher = publisher(dir.path());
    let records = [
        record("e1", "alice", "message"),
        record("e2", "alice", "message"),
        record("e3", "bob", "message"),
        record("e4", "alice", "joined"),
    ];
    let receipt = EventReceipt {
        waiting: vec![WaitingAccount {
            account: alice(),
            reason: "it is a test".to_owned(),
            retry_after: 600,
        }],
        refused: vec![protocol::RefusedEvent {
            id: "e1".to_owned(),
            reason: "it is a test".to_owned(),
        }],
        ..EventReceipt::default()
    };
    publisher.keep(records.to_vec(), &receipt).await.unwrap();
    assert_eq!(left(&publisher.spool), records[1..2]);
    assert_eq!(publisher.spool.deferred().accounts().len(), 1);
    // Later ones must not overtake them.
    let next = [
        record("e5", "alice", "message"),
        record("e6", "bob", "message"),
        record("e7", "alice", "joined"),
    ];
    let numbered = (5..).zip(next.clone()).collect();
    let rest = publisher.divert(numbered).await.unwrap();
    assert_eq!(rest, [(6, next[1].clone()), (7, next[2].clone())]);
    assert_eq!(
        left(&publisher.spool),
        [records[1].clone(), next[0].clone()]
    );
}
