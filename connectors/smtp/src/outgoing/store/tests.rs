//! The queue of mails that leave, on disks that fail.

use super::*;
use crate::disk::tests::faults;

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

#[test]
fn a_task_is_taken_once_whatever_happened_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    assert_eq!(store.accept(&envelope("a"), b"1").unwrap(), Kept::New);
    assert_eq!(store.accept(&envelope("a"), b"2").unwrap(), Kept::Known);
    assert_eq!(store.accept(&envelope("b"), b"3").unwrap(), Kept::New);
    store.finish(&done("a", MailResult::Sent)).unwrap();
    fs::write(folder.path().join("new/half.mail"), b"{").unwrap();
    // As a crash between the two steps of `finish` leaves it.
    store.note(&done("b", MailResult::Sent)).unwrap();
    drop(store);

    let (store, found) = Store::open(folder.path()).unwrap();
    assert!(found.waiting.is_empty(), "{found:?}");
    assert_eq!(found.untold.len(), 2);
    for id in ["a", "b"] {
        assert_eq!(store.accept(&envelope(id), b"4").unwrap(), Kept::Known);
    }
    store
        .accept(&envelope("c"), b"Subject: c\r\n\r\n\n")
        .unwrap();
    let (store, found) = Store::open(folder.path()).unwrap();
    assert_eq!(found.waiting, ["c"]);
    assert_eq!(
        store.read("c").unwrap(),
        (envelope("c"), b"Subject: c\r\n\r\n\n".to_vec())
    );
}

#[test]
fn a_bounce_changes_what_became_of_a_mail() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
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
    store
        .clean(Timestamp::from_millis(100), Duration::from_secs(60))
        .unwrap();
    assert!(store.knows("a"), "the functions do not know yet");
    store.told("a", &bounced.outcome()).unwrap();
    store
        .clean(Timestamp::from_millis(100), Duration::from_secs(60))
        .unwrap();
    assert!(!store.knows("a") && store.bounced("a").is_none());
}

#[test]
fn whatever_the_disk_refuses_leaves_nothing_and_goes_well_the_next_time() {
    for fault in faults() {
        let named = format!("{fault:?}");
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path()).unwrap();
        let left = || fs::read_dir(folder.path().join("new")).unwrap().count();
        store.disk.fail(fault);
        store.accept(&envelope("a"), b"1").unwrap_err();
        assert_eq!((left(), store.waiting()), (0, 0), "{named}");
        assert_eq!(
            store.accept(&envelope("a"), b"1").unwrap(),
            Kept::New,
            "{named}"
        );
    }
    for fault in faults().filter(|fault| fault.after == 0) {
        let named = format!("{fault:?}");
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path()).unwrap();
        store.accept(&envelope("a"), b"1").unwrap();
        store.disk.fail(fault);
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
fn a_mail_that_ends_the_process_twice_has_failed_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    store.accept(&envelope("a"), b"1").unwrap();
    store.begin("a").unwrap();
    let (store, found) = Store::open(folder.path()).unwrap();
    assert_eq!(
        (found.waiting.len(), found.suspects),
        (0, vec!["a".to_owned()])
    );
    assert!(store.knows("a") && store.bounced("a").is_some());
    store.begin("a").unwrap();
    let (store, found) = Store::open(folder.path()).unwrap();
    assert_eq!(
        (found.suspects.len(), found.untold),
        (0, vec!["a".to_owned()])
    );
    assert_eq!(store.done("a").unwrap().result, MailResult::Failed);
    assert_eq!((store.broken(), store.waiting()), (1, 0));
    assert_eq!(store.accept(&envelope("a"), b"1").unwrap(), Kept::Known);
}
