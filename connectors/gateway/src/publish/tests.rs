//! What the publisher learns from those who read, and from the functions' answers.

use crate::spool::SpoolConfig;

use super::*;

const SPOOL: SpoolConfig = SpoolConfig {
    max_bytes: 1 << 20,
    segment_bytes: 4 << 10,
    deferred_bytes: 1 << 16,
};
const CONFIG: PublisherConfig = PublisherConfig {
    batch_events: 10,
    batch_bytes: 2_000,
    interval: Duration::from_millis(1),
    age: Duration::from_millis(5),
    retry: Duration::from_millis(20),
    deferred_retry: Duration::from_millis(20),
};

fn alice() -> AccountName {
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
