//! What the publisher learns from those who read, and from the functions' answers.

use durable::Step;
use durable::faults::{Fault, Plan};
use protocol::{ArchiveMessage, ArchiveTarget, Event, EventBody};

use super::attempts::tests::World;
use super::*;
use crate::spool::SpoolConfig;

pub(super) const SPOOL: SpoolConfig = SpoolConfig {
    max_bytes: 1 << 20,
    segment_bytes: 4 << 10,
    deferred_bytes: 1 << 16,
};
pub(super) const CONFIG: PublisherConfig = PublisherConfig {
    batch_events: 10,
    batch_bytes: 2_000,
    interval: Duration::from_millis(1),
    age: Duration::from_millis(5),
    retry: Duration::from_millis(20),
    deferred_retry: Duration::from_millis(20),
};

pub(super) fn alice() -> AccountName {
    "alice".parse().unwrap()
}

/// A publisher whose functions do not exist.
fn publisher(dir: &std::path::Path) -> (Publisher, FlushHandle) {
    let spool = Spool::open(dir, SPOOL, |_, _| {}).unwrap();
    let client = FunctionsClient::new("http://127.0.0.1:1", "irc", b"key").unwrap();
    Publisher::with_metrics(spool, client, CONFIG, Arc::default())
}

#[tokio::test]
async fn a_reader_who_could_not_be_announced_shows_that_nobody_can() {
    let dir = tempfile::tempdir().unwrap();
    let (mut publisher, handle) = publisher(dir.path());
    assert!(handle.flush_unreached(&alice()));
    let flush = publisher.flushes.try_recv().unwrap();
    publisher.pending.is_reached(Instant::now());
    publisher.note(flush);
    assert!(!publisher.pending.can_be_reached());
    assert!(publisher.pending.is_watched(&alice()));
    // One that is announced shows the opposite.
    let _waits = handle.request(&alice(), true);
    let flush = publisher.flushes.try_recv().unwrap();
    publisher.note(flush);
    assert!(publisher.pending.can_be_reached());
}

#[tokio::test]
async fn who_reads_elsewhere_is_not_made_to_wait() {
    let dir = tempfile::tempdir().unwrap();
    let (mut publisher, _handle) = publisher(dir.path());
    let bob = "bob".parse().unwrap();
    publisher.confirm(&EventReceipt {
        elsewhere: vec![alice()],
        ..EventReceipt::default()
    });
    assert!(publisher.pending.is_watched(&alice()));
    assert!(!publisher.pending.is_watched(&bob));
}

#[tokio::test]
async fn batches_become_smaller_and_then_larger_again_as_configured() {
    let dir = tempfile::tempdir().unwrap();
    let (mut publisher, _handle) = publisher(dir.path());
    let now = Instant::now();
    for number in 0..10 {
        let record = format!(
            r#"{{"id":"{number}","account":"alice","event":"message","message":{{"text":"x"}}}}"#
        );
        publisher.pending.add(number, record.into_bytes(), now);
    }
    let too_large = FunctionsError::Status {
        status: 413,
        detail: String::new(),
        retry_after: None,
    };
    let batch = |publisher: &Publisher| publisher.pending.batch(now, true, publisher.most, 1 << 20);
    let mut lengths = Vec::new();
    for _ in 0..3 {
        let batch = batch(&publisher);
        lengths.push(batch.records.len());
        assert!(publisher.settle(&too_large, &batch).unwrap());
    }
    assert_eq!(lengths, [10, 5, 2]);
    for most in [2, 4, 8, 10, 10] {
        publisher.confirm(&EventReceipt::default());
        assert_eq!(publisher.most, most);
    }
    // Other failures say nothing about its size.
    let failed = FunctionsError::Answer("it is a test".to_owned());
    assert!(!publisher.settle(&failed, &batch(&publisher)).unwrap());
    assert_eq!(publisher.most, 10);
}

fn event(number: usize) -> Event {
    Event {
        id: format!("e{number}"),
        account: alice(),
        connection: "c1".to_owned(),
        body: EventBody::Message {
            server: "irc.test".to_owned(),
            target: ArchiveTarget::Channel("#c".to_owned()),
            message: ArchiveMessage {
                timestamp: 1_000 + number as i64,
                from: "bob".to_owned(),
                text: "hello".to_owned(),
                ..ArchiveMessage::default()
            },
            missed: false,
            about_time: None,
        },
    }
}

/// All of an account's messages wait, including those that were not in the batch.
#[tokio::test]
async fn what_waits_is_set_aside_with_everything_behind_it() {
    let away = |_: &str| -> Option<&'static str> {
        Some(r#"{"stored":0,"waiting":[{"account":"alice","reason":"1","retry_after":600}]}"#)
    };
    let (world, dir) = (World::new(away).await, tempfile::tempdir().unwrap());
    let (mut publisher, _handle) = publisher(dir.path());
    publisher.client = world.client.clone();
    let config = PublisherConfig {
        deferred_retry: Duration::from_secs(600),
        ..CONFIG
    };
    let mut deferred = DeferredPublisher::new(
        publisher.spool.clone(),
        Arc::clone(&publisher.attempts),
        world.client.clone(),
        config,
        Arc::default(),
    );
    let (_, durable) = publisher
        .spool
        .append(&[event(0), event(1), event(2)])
        .unwrap();
    durable.await.unwrap();
    publisher.read(3, &mut deferred).await.unwrap();
    let batch = publisher.pending.batch(Instant::now(), true, 1, 1 << 20);
    assert_eq!(batch.records.len(), 1);
    publisher.send(&batch, &mut deferred).await.unwrap();
    let kept = publisher
        .spool
        .deferred()
        .read(&alice(), 9, 1 << 20)
        .unwrap()
        .0;
    assert_eq!(kept.len(), 3);
    assert!(
        !publisher.pending.has(&alice(), 3),
        "nothing is published twice"
    );
    assert_eq!(publisher.spool.cursor(), 3);
}

/// A refused event that could not be set aside is written at the stop at the latest.
#[tokio::test]
async fn what_was_refused_is_set_aside_at_the_stop() {
    let refuses = |_: &str| -> Option<&'static str> {
        Some(r#"{"stored":0,"refused":[{"id":"e0","reason":"it is a test"}]}"#)
    };
    let (world, dir) = (World::new(refuses).await, tempfile::tempdir().unwrap());
    let plan = Plan::default();
    let spool = Spool::open_on(plan.disk(), dir.path(), SPOOL, |_, _| {}).unwrap();
    let (_, durable) = spool.append(&[event(0)]).unwrap();
    durable.await.unwrap();
    plan.set(Fault {
        times: usize::MAX,
        ..Fault::at(Step::MakeFolder, io::ErrorKind::StorageFull)
    });
    let publisher = Publisher::new(spool.clone(), world.client.clone(), CONFIG);
    let closing = watch::Sender::new(false);
    let running = tokio::spawn(publisher.run(closing.subscribe()));
    let mut wait = tokio::time::interval(Duration::from_millis(5));
    while spool.cursor() < 1 {
        wait.tick().await;
    }
    assert!(plan.clear() > 0);
    assert!(!dir.path().join("aside/e0.json").exists());
    closing.send_replace(true);
    running.await.unwrap();
    assert!(dir.path().join("aside/e0.json").exists());
}
