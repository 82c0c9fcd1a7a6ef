//! The spool against a model: what was durable is there after every crash.

use std::fs::OpenOptions;
use std::io::Write;

use durable::faults::{Fault, Plan};
use proptest::prelude::*;
use protocol::{ArchiveMessage, ArchiveTarget, EventBody, MessageType};

use super::*;

pub(super) const CONFIG: SpoolConfig = SpoolConfig {
    max_bytes: 1 << 20,
    segment_bytes: 600,
    deferred_bytes: 1 << 16,
};

pub(super) fn event(number: u64) -> Event {
    Event {
        id: format!("e{number}"),
        account: "alice".parse().unwrap(),
        connection: "c".to_owned(),
        body: EventBody::Message {
            server: "h".to_owned(),
            target: ArchiveTarget::Channel(format!("#c{}", number % 3)),
            message: ArchiveMessage {
                id: None,
                timestamp: i64::try_from(number).unwrap(),
                from: "bob".to_owned(),
                text: "x".repeat(number as usize % 40),
                kind: MessageType::Text,
                ..ArchiveMessage::default()
            },
            missed: false,
            about_time: None,
        },
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Publish(u64),
    Reopen,
    /// A crash in the middle of a write: this many bytes of the next record were written.
    Torn(usize),
    /// The newest segment lost bytes, as after a crash of a disk that lied.
    Cut(u64),
    /// Garbage at the end of the newest segment.
    Noise(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6u64).prop_map(Step::Append),
        3 => (1..8u64).prop_map(Step::Publish),
        1 => Just(Step::Reopen),
        1 => (1..60usize).prop_map(Step::Torn),
        1 => (1..200u64).prop_map(Step::Cut),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Step::Noise),
    ]
}

/// The spool and what it must contain.
struct Model {
    dir: tempfile::TempDir,
    spool: Spool,
    /// Everything that was ever durable and not truncated, by number.
    events: Vec<u64>,
    cursor: u64,
    next_event: u64,
}

impl Model {
    fn newest(&self) -> PathBuf {
        let state = self.spool.0.state();
        Records::path(self.dir.path(), state.segments.last().unwrap().first)
    }

    /// Closes the spool, applies `damage` and reopens it; returns what was found.
    fn reopen(&mut self, damage: impl FnOnce(&Path)) -> Vec<(u64, Event)> {
        self.spool.close();
        damage(&self.newest());
        let placeholder = tempfile::tempdir().unwrap();
        self.spool = Spool::open(placeholder.path(), CONFIG, |_, _| {}).unwrap();
        let mut found = Vec::new();
        self.spool = Spool::open(self.dir.path(), CONFIG, |n, e| found.push((n, e))).unwrap();
        found
    }

    fn check(&self, found: &[(u64, Event)]) {
        // Published records may be gone; the rest must be there, in order.
        for (number, found) in found {
            assert_eq!(*found, event(self.events[*number as usize]));
        }
        let numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
        let first = numbers.first().copied().unwrap_or(self.events.len() as u64);
        assert!(first <= self.cursor, "{first} is after {}", self.cursor);
        assert_eq!(
            numbers,
            (first..self.events.len() as u64).collect::<Vec<_>>()
        );
        assert_eq!(self.spool.end(), self.events.len() as u64);
        assert_eq!(self.spool.cursor(), self.cursor);
        let mut reader = Reader::default();
        let unread = self
            .spool
            .read(&mut reader, self.cursor, usize::MAX, usize::MAX)
            .unwrap();
        let unread: Vec<(u64, Event)> = unread
            .into_iter()
            .map(|(number, record)| (number, record.whole().unwrap()))
            .map(|(number, json)| (number, serde_json::from_slice(&json).unwrap()))
            .collect();
        let expected: Vec<(u64, Event)> = (self.cursor..self.events.len() as u64)
            .map(|number| (number, event(self.events[number as usize])))
            .collect();
        assert_eq!(unread, expected);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Append(count) => {
                let numbers: Vec<u64> = (self.next_event..self.next_event + count).collect();
                self.next_event += count;
                let events: Vec<Event> = numbers.iter().copied().map(event).collect();
                let (next, durable) = self.spool.append(&events).unwrap();
                durable.blocking_recv().unwrap();
                self.events.extend(numbers);
                assert_eq!(next, self.events.len() as u64);
            }
            Step::Publish(count) => {
                self.cursor = (self.cursor + count).min(self.events.len() as u64);
                self.spool.published(self.cursor);
            }
            Step::Reopen => {
                let found = self.reopen(|_| {});
                self.check(&found);
            }
            Step::Torn(bytes) => {
                let mut record = Vec::new();
                frame::write(&mut record, &serde_json::to_vec(&event(7)).unwrap());
                record.truncate(bytes);
                self.append_bytes(&record);
            }
            Step::Noise(bytes) => self.append_bytes(&bytes),
            Step::Cut(bytes) => {
                let before = self.events.len() as u64;
                let newest_first = self.spool.0.state().segments.last().unwrap().first;
                let found = self.reopen(|path| {
                    let file = OpenOptions::new().write(true).open(path).unwrap();
                    let length = file.metadata().unwrap().len();
                    file.set_len(length.saturating_sub(bytes)).unwrap();
                });
                let end = self.spool.end();
                assert!(end <= before && end >= newest_first.min(before));
                self.events.truncate(end as usize);
                self.cursor = self.cursor.min(end);
                self.check(&found);
            }
        }
    }

    fn append_bytes(&mut self, bytes: &[u8]) {
        let found = self.reopen(|path| {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(bytes).unwrap();
        });
        self.check(&found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_durable_is_lost(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), CONFIG, |_, _| {}).unwrap();
        let mut model = Model { dir, spool, events: Vec::new(), cursor: 0, next_event: 0 };
        for step in steps {
            model.run(step);
        }
        let found = model.reopen(|_| {});
        model.check(&found);
    }
}

#[test]
fn a_full_spool_refuses_and_takes_again_after_publishing() {
    let dir = tempfile::tempdir().unwrap();
    let config = SpoolConfig {
        max_bytes: 2_000,
        segment_bytes: 500,
        deferred_bytes: 1 << 16,
    };
    let spool = Spool::open(dir.path(), config, |_, _| {}).unwrap();
    let mut accepted = 0;
    let refusal = loop {
        match spool.append(&[event(accepted)]) {
            Ok((_, durable)) => durable.blocking_recv().unwrap(),
            Err(error) => break error,
        }
        accepted += 1;
    };
    assert!(matches!(refusal, SpoolError::Full(_)) && accepted > 3);
    assert_eq!(spool.usage().0, accepted);
    spool.published(accepted);
    // The thread removes segments; wait for the room this makes.
    let begin = std::time::Instant::now();
    while spool.append(&[event(accepted)]).is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "no room after publishing"
        );
        std::thread::yield_now();
    }
    let seen = spool.last_seen(&"alice".parse().unwrap(), "c", Folding::Exact);
    // Three conversations, and all persons.
    assert_eq!(seen.len(), 4);
    spool.close();
    drop(spool);
    // Segments are gone, but what they implied is remembered.
    let spool = Spool::open(dir.path(), config, |_, _| {}).unwrap();
    assert_eq!(
        spool
            .last_seen(&"alice".parse().unwrap(), "c", Folding::Exact)
            .len(),
        4
    );
}

/// Long before there is no room for others; until the publisher has read some of it.
#[test]
fn an_account_that_brings_too_much_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = SpoolConfig {
        max_bytes: 1 << 20,
        segment_bytes: 4 << 10,
        deferred_bytes: 2_000,
    };
    let spool = Spool::open(dir.path(), config, |_, _| {}).unwrap();
    let mut accepted = 0;
    let refusal = loop {
        match spool.append(&[event(accepted)]) {
            Ok((_, durable)) => durable.blocking_recv().unwrap(),
            Err(error) => break error,
        }
        accepted += 1;
    };
    let alice: AccountName = "alice".parse().unwrap();
    assert!(
        matches!(&refusal, SpoolError::Deferred(name, 2_000..) if *name == alice),
        "{refusal}"
    );
    assert!(spool.room_for(&alice).is_err());
    let bobs = Event {
        account: "bob".parse().unwrap(),
        ..event(accepted)
    };
    spool.append(&[bobs]).unwrap();
    let mut reader = Reader::default();
    let read = spool.read(&mut reader, 0, 1, 1).unwrap();
    let (number, record) = read.into_iter().next().unwrap();
    let size = record.whole().unwrap().len();
    spool.taken(number + 1, &[(number, alice.clone(), size)]);
    spool.room_for(&alice).unwrap();
}

#[test]
fn while_the_disk_refuses_nothing_is_acknowledged_and_then_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let alice: AccountName = "alice".parse().unwrap();
    let spool = Spool::open(dir.path(), CONFIG, |_, _| {}).unwrap();
    let mut accepted = 0;
    while spool.0.state().disk < CONFIG.segment_bytes {
        let (next, durable) = spool.append(&[event(accepted)]).unwrap();
        durable.blocking_recv().unwrap();
        accepted = next;
    }
    // The next segment cannot be created.
    let next = Records::path(dir.path(), accepted);
    std::fs::create_dir(&next).unwrap();
    let mut trouble = spool.trouble();
    let (_, mut durable) = spool.append(&[event(accepted)]).unwrap();
    let begin = std::time::Instant::now();
    while !trouble.has_changed().unwrap() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "the disk refuses"
        );
        std::thread::yield_now();
    }
    assert!(trouble.borrow_and_update().is_some());
    assert!(durable.try_recv().is_err());
    for refused in [spool.room_for(&alice), spool.append(&[event(99)]).map(drop)] {
        assert!(matches!(refused, Err(SpoolError::Disk(_))), "{refused:?}");
    }
    // There is room again.
    std::fs::remove_dir(&next).unwrap();
    durable.blocking_recv().unwrap();
    assert!(trouble.borrow_and_update().is_none());
    spool.room_for(&alice).unwrap();
    let (_, durable) = spool.append(&[event(accepted + 1)]).unwrap();
    durable.blocking_recv().unwrap();
    spool.close();
    drop(spool);
    let mut ids = Vec::new();
    Spool::open(dir.path(), CONFIG, |_, event| ids.push(event.id)).unwrap();
    let expected: Vec<String> = (0..accepted + 2).map(|n| format!("e{n}")).collect();
    assert_eq!(ids, expected);
}

#[test]
fn on_a_full_disk_it_begins_and_takes_something_once_there_is_room() {
    // An earlier run left records, or not even the folder.
    for left in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("spool");
        let alice: AccountName = "alice".parse().unwrap();
        if left {
            let spool = Spool::open(&folder, CONFIG, |_, _| {}).unwrap();
            let (_, durable) = spool.append(&[event(0)]).unwrap();
            durable.blocking_recv().unwrap();
            spool.close();
            drop(spool);
            std::fs::remove_file(folder.join("lock")).unwrap();
        }
        let plan = Plan::default();
        plan.set(Fault::after(0, usize::MAX, io::ErrorKind::StorageFull));
        let mut found = Vec::new();
        let visit = |_, event: Event| found.push(event.id);
        let spool = Spool::open_on(plan.disk(), &folder, CONFIG, visit).unwrap();
        assert_eq!(found.len(), usize::from(left));
        for refused in [spool.room_for(&alice), spool.append(&[event(1)]).map(drop)] {
            assert!(
                matches!(refused, Err(SpoolError::Disk(Refusal::Full))),
                "{refused:?}"
            );
        }
        let mut trouble = spool.trouble();
        assert!(trouble.borrow_and_update().is_some());
        plan.clear();
        let begin = std::time::Instant::now();
        while trouble.borrow_and_update().is_some() {
            assert!(begin.elapsed() < Duration::from_secs(30), "there is room");
            std::thread::yield_now();
        }
        spool.room_for(&alice).unwrap();
        let (_, durable) = spool.append(&[event(1)]).unwrap();
        durable.blocking_recv().unwrap();
        spool.close();
        drop(spool);
        let mut ids = Vec::new();
        Spool::open(&folder, CONFIG, |_, event| ids.push(event.id)).unwrap();
        let expected: &[&str] = if left { &["e0", "e1"] } else { &["e1"] };
        assert_eq!(ids, expected);
    }
}

#[test]
fn only_the_reserve_is_left_and_it_takes_nothing_until_there_is_more() {
    let dir = tempfile::tempdir().unwrap();
    let alice: AccountName = "alice".parse().unwrap();
    let plan = Plan::default();
    let spool = Spool::open_on(plan.disk(), dir.path(), CONFIG, |_, _| {}).unwrap();
    let size = 1 << 30;
    plan.leave(Some(durable::Space {
        size,
        free: durable::reserve_of(size) - 1,
    }));
    let (_, durable) = spool.append(&[event(0)]).unwrap();
    let begin = std::time::Instant::now();
    while spool.room_for(&alice).is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it is written");
        std::thread::yield_now();
    }
    let refused = spool.append(&[event(1)]).map(drop);
    assert!(
        matches!(refused, Err(SpoolError::Disk(Refusal::Full))),
        "{refused:?}"
    );
    // What it has accepted is written once that is possible again.
    plan.leave(Some(durable::Space { size, free: size }));
    durable.blocking_recv().unwrap();
    spool.room_for(&alice).unwrap();
}

#[test]
fn records_that_cannot_be_read_are_counted_and_the_others_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let record = |number| serde_json::to_vec(&event(number)).unwrap();
    let records = [record(1), b"{}".to_vec(), record(2), record(3)];
    let mut frames = Vec::new();
    records
        .iter()
        .for_each(|record| frame::write(&mut frames, record));
    // A byte in the last record but one.
    let last = frame::HEADER + records[3].len();
    let at = frames.len() - last - 5;
    frames[at] ^= 0xff;
    let mut store = Records::open(Disk::default(), dir.path(), 600, |_, _| {}).unwrap();
    store.append(&frames, 4).unwrap();
    drop(store);
    let mut found = Vec::new();
    let spool = Spool::open(dir.path(), CONFIG, |_, event| found.push(event.id)).unwrap();
    assert_eq!(found, ["e1", "e3"]);
    assert_eq!(
        spool.damaged(),
        2,
        "one that is no event, and one that is no record"
    );
    spool.close();
}

#[test]
fn two_processes_cannot_share_a_spool() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Spool::open(dir.path(), CONFIG, |_, _| {}).unwrap();
    let error = Spool::open(dir.path(), CONFIG, |_, _| {})
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("another process uses this folder"),
        "{error}"
    );
}

#[test]
fn what_comes_behind_a_gap_is_not_seen_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let account = "alice".parse().unwrap();
    let spool = Spool::open(dir.path(), CONFIG, |_, _| {}).unwrap();
    spool
        .append(&[event(0)])
        .unwrap()
        .1
        .blocking_recv()
        .unwrap();
    let mut before = spool.last_seen(&account, "c", Folding::Exact);
    before.sort();
    assert_eq!(before.len(), 2);
    let gap = Seen {
        target: false,
        persons: false,
    };
    let (_, durable) = spool.append_seen(&[event(3), event(6)], gap).unwrap();
    durable.blocking_recv().unwrap();
    let now = |spool: &Spool| {
        let mut now = spool.last_seen(&account, "c", Folding::Exact);
        now.sort();
        now
    };
    assert_eq!(now(&spool), before);
    spool.close();
    drop(spool);
    let mut events = 0;
    let spool = Spool::open(dir.path(), CONFIG, |_, _| events += 1).unwrap();
    assert_eq!((events, now(&spool)), (3, before.clone()));
    let (_, durable) = spool.append(&[event(9)]).unwrap();
    durable.blocking_recv().unwrap();
    assert!(now(&spool) > before);
}
