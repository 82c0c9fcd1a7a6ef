//! The queue of outgoing mails, on disks that fail.

use durable::Refusal;
use durable::contract::{self, Keeper, Newest};
use durable::faults::{Plan, ways_to_fail};

use super::*;

fn envelope(id: &str) -> Envelope {
    Envelope {
        id: id.to_owned(),
        account: "alice".parse().unwrap(),
        to: "bob@b.example".parse().unwrap(),
        source: "notifications".to_owned(),
        return_path: format!("{id}@chat.example"),
        bounce: Some(id.to_owned()),
        accepted: Timestamp::from_millis(1),
        expires: Timestamp::from_millis(2),
    }
}

fn done(id: &str, result: MailResult) -> Done {
    Done {
        envelope: envelope(id),
        result,
        reason: String::new(),
        at: Timestamp::from_millis(5),
        told: false,
    }
}

/// The functions' whole queue was read.
fn look_through(store: &Store) {
    let looking = store.begin_to_look();
    store.looked_through(looking);
}

/// Notes that a mail was sent `ago` milliseconds ago.
fn sent(store: &Store, id: &str, ago: i64) {
    let at = now().plus_millis(-ago);
    let done = Done {
        at,
        ..done(id, MailResult::Sent)
    };
    store.finish(&done).unwrap();
}

fn tell(store: &Store, id: &str) {
    let outcome = store.done(id).unwrap().outcome();
    store.told(id, &outcome).unwrap();
}

#[test]
fn a_task_is_taken_once_whatever_happened_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), u64::MAX).unwrap();
    assert_eq!(store.accept(&envelope("a"), b"1").unwrap(), Kept::New);
    assert_eq!(store.accept(&envelope("a"), b"2").unwrap(), Kept::Known);
    assert_eq!(store.accept(&envelope("b"), b"3").unwrap(), Kept::New);
    store.finish(&done("a", MailResult::Sent)).unwrap();
    fs::write(folder.path().join("new/half.mail"), b"{").unwrap();
    // As a crash between the two steps of `finish` leaves it.
    store.note(&done("b", MailResult::Sent)).unwrap();
    drop(store);

    let (store, found) = Store::open(folder.path(), u64::MAX).unwrap();
    assert!(found.waiting.is_empty(), "{found:?}");
    assert_eq!(found.untold.len(), 2);
    for id in ["a", "b"] {
        assert_eq!(store.accept(&envelope(id), b"4").unwrap(), Kept::Known);
    }
    store
        .accept(&envelope("c"), b"Subject: c\r\n\r\n\n")
        .unwrap();
    let (store, found) = Store::open(folder.path(), u64::MAX).unwrap();
    assert_eq!(found.waiting, ["c"]);
    assert_eq!(
        store.read("c").unwrap(),
        (envelope("c"), b"Subject: c\r\n\r\n\n".to_vec())
    );
}

#[test]
fn a_bounce_changes_what_became_of_a_mail() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), u64::MAX).unwrap();
    store.accept(&envelope("a"), b"1").unwrap();
    store.accept(&envelope("b"), b"1").unwrap();
    store.finish(&done("a", MailResult::Sent)).unwrap();
    let sent = store.done("a").unwrap().outcome();
    store.told("a", &sent).unwrap();
    let now = Timestamp::from_millis(9);
    assert_eq!(store.bounced("a").as_deref(), Some("a"));
    assert!(store.bounce("a", "no such user", now).unwrap());
    assert!(!store.bounce("a", "again", now).unwrap());
    store.told("a", &sent).unwrap();
    let bounced = store.done("a").unwrap();
    assert!(!bounced.told && bounced.result == MailResult::Undeliverable);
    assert_eq!(bounced.reason, "no such user");
    // Faster than the 250.
    assert!(store.bounce("b", "no", now).unwrap());
    assert_eq!(store.waiting(), 0);
    store.finish(&done("b", MailResult::Sent)).unwrap();
    assert_eq!(store.done("b").unwrap().result, MailResult::Undeliverable);
    store.told("a", &bounced.outcome()).unwrap();
    look_through(&store);
    store.clean(Duration::from_secs(60)).unwrap();
    assert!(!store.knows("a") && store.bounced("a").is_none());
}

#[test]
fn whatever_the_disk_refuses_leaves_nothing_and_goes_well_the_next_time() {
    for fault in ways_to_fail() {
        let named = format!("{fault:?}");
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        let (store, _) = Store::open_on(plan.disk(), folder.path(), u64::MAX).unwrap();
        let left = || fs::read_dir(folder.path().join("new")).unwrap().count();
        plan.set(fault);
        store.accept(&envelope("a"), b"1").unwrap_err();
        assert_eq!((left(), store.waiting()), (0, 0), "{named}");
        assert_eq!(
            store.accept(&envelope("a"), b"1").unwrap(),
            Kept::New,
            "{named}"
        );
    }
    for fault in ways_to_fail().filter(|fault| fault.after == 0) {
        let named = format!("{fault:?}");
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        let (store, _) = Store::open_on(plan.disk(), folder.path(), u64::MAX).unwrap();
        store.accept(&envelope("a"), b"1").unwrap();
        plan.set(fault);
        store.finish(&done("a", MailResult::Sent)).unwrap_err();
        assert_eq!(store.waiting(), 1, "{named}");
        store.finish(&done("a", MailResult::Sent)).unwrap();
        assert_eq!(store.waiting(), 0, "{named}");
        assert_eq!(
            fs::read_dir(folder.path().join("new")).unwrap().count(),
            0,
            "{named}"
        );
    }
}

#[test]
fn what_waits_has_a_bound_in_bytes_and_leaves_the_reserve() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::default();
    let open = || Store::open_on(plan.disk(), folder.path(), 2_000).unwrap().0;
    let store = open();
    assert_eq!(
        store.accept(&envelope("a"), &[b'x'; 900]).unwrap(),
        Kept::New
    );
    assert_eq!(
        store.accept(&envelope("b"), &[b'x'; 900]).unwrap(),
        Kept::Full
    );
    assert_eq!(
        store.accept(&envelope("c"), &[b'x'; 100]).unwrap(),
        Kept::New
    );
    // Existing files count after a start.
    let store = open();
    assert_eq!(
        store.accept(&envelope("b"), &[b'x'; 900]).unwrap(),
        Kept::Full
    );
    assert!(!store.knows("b"), "it is offered again");
    store.finish(&done("a", MailResult::Sent)).unwrap();
    assert_eq!(
        store.accept(&envelope("b"), &[b'x'; 900]).unwrap(),
        Kept::New
    );
    store.finish(&done("b", MailResult::Sent)).unwrap();
    store.finish(&done("c", MailResult::Sent)).unwrap();
    assert_eq!(store.index().bytes, 0);
    // The disk is full except for the space reserved for essential work.
    let size = 1_000_000;
    let full = durable::Space {
        size,
        free: durable::reserve_of(size) + 500,
    };
    plan.leave(Some(full));
    let refused = store.accept(&envelope("d"), &[b'x'; 900]).unwrap_err();
    assert!(durable::is_full(&refused), "{refused}");
    assert!(!store.knows("d"));
    plan.leave(None);
    assert_eq!(
        store.accept(&envelope("d"), &[b'x'; 900]).unwrap(),
        Kept::New
    );
    // A small disk is not filled with mail.
    plan.leave(Some(durable::Space {
        size: 8_000,
        free: 8_000,
    }));
    let store = Store::open_on(plan.disk(), folder.path(), u64::MAX)
        .unwrap()
        .0;
    assert_eq!(
        store.accept(&envelope("e"), &[b'x'; 900]).unwrap(),
        Kept::Full
    );
}

#[test]
fn a_mail_that_ends_the_process_twice_has_failed_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), u64::MAX).unwrap();
    store.accept(&envelope("a"), b"1").unwrap();
    store.begin("a").unwrap();
    let (store, found) = Store::open(folder.path(), u64::MAX).unwrap();
    assert_eq!(
        (found.waiting.len(), found.suspects),
        (0, vec!["a".to_owned()])
    );
    assert!(store.knows("a") && store.bounced("a").is_some());
    store.begin("a").unwrap();
    let (store, found) = Store::open(folder.path(), u64::MAX).unwrap();
    assert_eq!(
        (found.suspects.len(), found.untold),
        (0, vec!["a".to_owned()])
    );
    assert_eq!(store.done("a").unwrap().result, MailResult::Failed);
    assert_eq!((store.broken(), store.waiting()), (1, 0));
    assert_eq!(store.accept(&envelope("a"), b"1").unwrap(), Kept::Known);
}

#[test]
fn what_became_of_a_mail_is_forgotten_once_nobody_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(folder.path(), u64::MAX).unwrap().0;
    let store = open();
    let keep = Duration::from_secs(60);
    for (id, days) in [("young", 13), ("old", 15), ("untold", 59), ("refused", 61)] {
        sent(&store, id, days * DAY_MS);
    }
    tell(&store, "young");
    tell(&store, "old");
    fs::write(folder.path().join("done/damaged.json"), "{").unwrap();
    let store = {
        drop(store);
        open()
    };
    let known = |store: &Store| {
        let all = ["young", "old", "untold", "refused", "damaged"];
        all.into_iter()
            .filter(|id| store.knows(id))
            .collect::<Vec<_>>()
    };
    // As long as the functions may have the task, it stays.
    let looking = store.begin_to_look();
    store.clean(keep).unwrap();
    assert_eq!(known(&store).len(), 5);
    // What was done meanwhile may still be there.
    sent(&store, "later", 61 * DAY_MS);
    store.looked_through(looking);
    store.clean(keep).unwrap();
    assert_eq!(known(&store), ["young", "untold", "damaged"]);
    assert!(store.knows("later"));
    look_through(&store);
    store.clean(keep).unwrap();
    assert!(!store.knows("later"));
    assert_eq!(known(&open()), ["young", "untold", "damaged"]);
}

#[test]
fn what_became_of_mails_is_bounded_in_number_and_no_mail_is_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(folder.path(), u64::MAX).unwrap();
    store.most_notes = 3;
    let accept = |store: &Store, id: &str| store.accept(&envelope(id), b"1").unwrap();
    for (id, days) in [("a", 3), ("b", 1), ("c", 4)] {
        assert_eq!(accept(&store, id), Kept::New);
        sent(&store, id, days * DAY_MS);
    }
    tell(&store, "a");
    tell(&store, "b");
    // The functions may still have the tasks: new ones wait there, and no repeated task is taken for a new one.
    assert_eq!(accept(&store, "d"), Kept::Full);
    assert!(!store.knows("d"));
    for id in ["a", "b", "c"] {
        assert_eq!(accept(&store, id), Kept::Known);
    }
    look_through(&store);
    assert_eq!(accept(&store, "d"), Kept::New);
    assert!(!store.knows("a"), "the oldest that the functions know of");
    assert_eq!(store.bounced("a"), None);
    // One is too recent, the functions do not know about one, and one is waiting.
    assert_eq!(accept(&store, "e"), Kept::Full);
    tell(&store, "c");
    assert_eq!(accept(&store, "e"), Kept::New);
    assert!(store.knows("b") && !store.knows("c"));
    let names = fs::read_dir(folder.path().join("done")).unwrap();
    assert_eq!(names.count(), 1);
}

#[test]
fn a_mail_that_cannot_be_read_is_counted_until_it_can_or_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), u64::MAX).unwrap();
    for id in ["one", "two"] {
        assert_eq!(store.accept(&envelope(id), b"1").unwrap(), Kept::New);
    }
    let place = folder.path().join("queue/one.mail");
    let whole = fs::read(&place).unwrap();
    fs::write(&place, b"nonsense\n1").unwrap();
    for _ in 0..2 {
        assert!(store.read("one").is_err());
        assert_eq!(store.damaged(), 1, "once for each mail");
    }
    fs::write(&place, whole).unwrap();
    store.read("one").unwrap();
    assert_eq!(store.damaged(), 0);
    drop(store);
    fs::write(&place, b"nonsense\n1").unwrap();
    let (store, _) = Store::open(folder.path(), u64::MAX).unwrap();
    assert_eq!(store.damaged(), 1);
    sent(&store, "one", 0);
    assert_eq!(store.damaged(), 0);
}

#[test]
fn the_oldest_is_forgotten_first() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), u64::MAX).unwrap();
    for (id, days) in [("a", 3), ("b", 5), ("c", 4)] {
        sent(&store, id, days * DAY_MS);
        tell(&store, id);
    }
    look_through(&store);
    let known = || ["a", "b", "c"].map(|id| store.knows(id));
    for left in [
        [true, false, true],
        [true, false, false],
        [false, false, false],
    ] {
        store.forget(LEAST_MS, 1).unwrap();
        assert_eq!(known(), left);
    }
}

/// The name of a mail of which it is known what became of it.
const SENT: &str = "sent";

impl Keeper for Store {
    fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
        let (store, found) = Self::open_on(disk, folder, u64::MAX)?;
        assert_eq!(store.broken(), 0);
        assert!(found.suspects.len() <= 1);
        Ok(store)
    }

    fn keep(&mut self, item: u32) -> Result<(), Refusal> {
        let kept = self.accept(&envelope(&item.to_string()), b"Subject: x\r\n\r\n");
        assert_eq!(*kept.as_ref().unwrap_or(&Kept::New), Kept::New);
        kept.map(drop).map_err(|error| Refusal::from(&error))
    }

    fn tidy(&mut self) -> Result<(), Refusal> {
        let work = || {
            self.begin("0")?;
            self.end("0")?;
            if !self.knows(SENT) {
                self.accept(&envelope(SENT), b"1")?;
            }
            self.finish(&done(SENT, MailResult::Sent))
        };
        work().map_err(|error: io::Error| Refusal::from(&error))
    }

    fn kept(&self) -> Vec<u32> {
        let names: Vec<String> = self.index().waiting.keys().cloned().collect();
        let read = |name: &String| {
            let (read, bytes) = self.read(name).unwrap();
            assert_eq!(read.id, *name);
            (name != SENT).then(|| {
                assert_eq!(bytes.len(), 14);
                name.parse().unwrap()
            })
        };
        names.iter().filter_map(read).collect()
    }

    fn newest(folder: &Path) -> Newest {
        Newest::of_queue(folder)
    }
}

#[test]
fn mail_is_kept() {
    contract::run_all::<Store>();
}

#[test]
fn a_killed_process_loses_nothing() {
    contract::a_killed_process_loses_nothing::<Store>(
        "outgoing::store::tests::a_killed_process_loses_nothing",
    );
}
