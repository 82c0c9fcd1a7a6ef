//! Disks that are full or broken, at each step of the log's operations.

use durable::Refusal;
use durable::contract::{self, Keeper, Newest};
use durable::faults::{Fault, Plan};
use tempfile::TempDir;

use super::tests::{files, limits, message, texts};
use super::*;
use crate::server::NotStored;

fn state(as_of: i64) -> State {
    State {
        version: State::VERSION,
        as_of,
        ..State::default()
    }
}

/// Appends messages while steps fail, then with a working disk; returns what was acknowledged, and whether anything
/// failed.
fn story(folder: &TempDir, fault: Fault) -> (Vec<String>, bool) {
    let small = Limits {
        segment_bytes: 600,
        ..limits()
    };
    let plan = Plan::default();
    let (mut history, found) = History::open_on(plan.disk(), folder.path(), &small).unwrap();
    let mut id = found.last_id;
    let mut kept = Vec::new();
    let mut failed = false;
    let mut say = |history: &mut History, word: String| {
        id += 1;
        match history.append(&[message(id, &word)]) {
            Ok(_) => {
                kept.push(word);
                false
            }
            Err(error) => {
                assert_eq!(error.kind(), fault.kind);
                true
            }
        }
    };
    plan.set(fault);
    for number in 0..6 {
        failed |= say(&mut history, format!("number {number}"));
        failed |= history.snapshot(&state(0)).is_err();
    }
    plan.clear();
    assert!(
        !say(&mut history, "after".to_owned()),
        "a disk that works again is used again"
    );
    assert!(history.snapshot(&state(0)).is_ok());
    assert_eq!(texts(&history), kept);
    (kept, failed)
}

#[test]
fn what_is_said_leaves_the_reserve() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::default();
    let (mut history, _) = History::open_on(plan.disk(), folder.path(), &limits()).unwrap();
    let size = 1 << 30;
    let reserve = durable::reserve_of(size);
    for (id, word) in [(1, "one"), (2, "two")] {
        plan.leave(Some(durable::Space {
            size,
            free: reserve + 1,
        }));
        let refused = history.append(&[message(id, "refused")]).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        // Cleaning up continues.
        history.snapshot(&state(0)).unwrap();
        plan.leave(Some(durable::Space { size, free: size }));
        history.append(&[message(id, word)]).unwrap();
    }
    assert_eq!(texts(&history), ["one", "two"]);
}

#[test]
fn what_was_acknowledged_is_there_and_nothing_else_whichever_step_fails() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for once in [true, false] {
            let mut works = 0;
            loop {
                let folder = TempDir::new().unwrap();
                let times = if once { 1 } else { usize::MAX };
                let faults = Fault::after(works, times, kind);
                let (kept, failed) = story(&folder, faults);
                let (history, found) = History::open(folder.path(), &limits()).unwrap();
                assert_eq!(texts(&history), kept, "{faults:?}");
                assert_eq!(found.damaged, 0, "{faults:?}: a half of something is left");
                for file in files(&folder) {
                    assert!(
                        fs::metadata(&file).unwrap().len() > 0,
                        "{faults:?}: {file:?}"
                    );
                }
                assert!(!folder.path().join("state.json.new").exists(), "{faults:?}");
                if !failed {
                    break;
                }
                works += 1;
            }
            assert!(works > 20, "{works} steps were tried");
        }
    }
}

#[test]
fn on_a_full_disk_it_begins_and_takes_something_once_there_is_room() {
    // An earlier run left files, or not even the folder.
    for left in [true, false] {
        let temp = TempDir::new().unwrap();
        let folder = temp.path().join("ircd");
        if left {
            let (mut history, _) = History::open(&folder, &limits()).unwrap();
            history.append(&[message(1, "before")]).unwrap();
            drop(history);
            fs::remove_file(folder.join("lock")).unwrap();
        }
        let plan = Plan::default();
        plan.set(Fault::after(0, usize::MAX, io::ErrorKind::StorageFull));
        let (mut history, _) = History::open_on(plan.disk(), &folder, &limits()).unwrap();
        let refused = history.append(&[message(2, "refused")]).unwrap_err();
        assert_eq!(writer::reason(&refused), NotStored::Full);
        plan.clear();
        history.append(&[message(3, "after")]).unwrap();
        let expected: &[&str] = if left {
            &["before", "after"]
        } else {
            &["after"]
        };
        assert_eq!(texts(&history), expected);
        let second = History::open(&folder, &limits());
        assert!(matches!(second, Err(StoreError::InUse(_))));
        drop(history);
        let (history, _) = History::open(&folder, &limits()).unwrap();
        assert_eq!(texts(&history), expected);
    }
}

#[test]
fn one_bad_record_stops_only_itself() {
    let folder = TempDir::new().unwrap();
    let (mut history, _) = History::open(folder.path(), &limits()).unwrap();
    for id in 1..=3 {
        history
            .append(&[message(id, &format!("number {id}"))])
            .unwrap();
    }
    // While it runs: a byte of the second is wrong, and the third cannot be read at all.
    let path = files(&folder).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes
        .windows(8)
        .position(|part| part == b"number 2")
        .unwrap();
    bytes[place] = b'N';
    let end = bytes.len() - 10;
    fs::write(&path, &bytes[..end]).unwrap();
    assert_eq!(texts(&history), ["number 1"]);
    history.append(&[message(4, "number 4")]).unwrap();
    drop(history);
    // A folder in place of a log file.
    fs::create_dir(folder.path().join("log/0000000000000000.log")).unwrap();
    let (history, found) = History::open(folder.path(), &limits()).unwrap();
    assert_eq!(
        texts(&history).first().map(String::as_str),
        Some("number 1")
    );
    assert!(found.damaged >= 2, "{}", found.damaged);
}

#[test]
fn one_bad_entry_of_the_snapshot_stops_only_itself_and_is_kept_aside() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.json");
    let channel = r##"{"name":"#tea","created":"2026-01-01T00:00:00.000Z"}"##;
    let json = format!(
        r#"{{"version":1,"as_of":7,"accounts":["alice",5,"B O B"],"channels":[{channel},{{"name":1}}],
        "seen":{{"alice":{{"*":3}},"??":{{}}}}}}"#
    );
    fs::write(&path, &json).unwrap();
    let (history, found) = History::open(folder.path(), &limits()).unwrap();
    assert_eq!(found.damaged, 4);
    assert_eq!(found.state.as_of, 7);
    assert_eq!(found.state.accounts.len(), 1);
    assert_eq!(found.state.channels.len(), 1);
    assert_eq!(found.state.seen.len(), 1);
    let aside = fs::read_to_string(folder.path().join("state.json.damaged")).unwrap();
    assert_eq!(aside, json);
    drop(history);

    // Nothing in it can be read: the log provides its content.
    fs::remove_file(folder.path().join("state.json.damaged")).unwrap();
    let (mut history, _) = History::open(folder.path(), &limits()).unwrap();
    let body = Body::Account {
        account: "carol".parse().unwrap(),
    };
    history.append(&[Record { id: 9, body }]).unwrap();
    drop(history);
    fs::write(&path, "{").unwrap();
    let (_, found) = History::open(folder.path(), &limits()).unwrap();
    assert!(found.state.accounts.contains("carol"));
    assert!(folder.path().join("state.json.damaged").exists() && !path.exists());
}

impl Keeper for History {
    fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
        let small = Limits {
            segment_bytes: 600,
            ..limits()
        };
        let opened = Self::open_on(disk, folder, &small);
        opened.map(|(history, _)| history).map_err(io::Error::other)
    }

    fn keep(&mut self, item: u32) -> Result<(), Refusal> {
        let id = i64::try_from(self.log.end()).unwrap() + 1;
        let kept = self.append(&[message(id, &item.to_string())]);
        kept.map(drop).map_err(|error| Refusal::from(&error))
    }

    fn tidy(&mut self) -> Result<(), Refusal> {
        let written = self.snapshot(&state(0));
        written.map_err(|error| Refusal::from(&error))
    }

    fn kept(&self) -> Vec<u32> {
        texts(self)
            .iter()
            .map(|text| text.parse().unwrap())
            .collect()
    }

    fn newest(folder: &Path) -> Newest {
        let log = fs::read_dir(folder.join("log")).into_iter().flatten();
        let files = log.map(|entry| entry.unwrap().path());
        Newest::Appended(files.max().unwrap_or_default())
    }
}

#[test]
fn the_log_is_kept() {
    contract::run_all::<History>();
}

#[test]
fn a_killed_process_loses_nothing() {
    contract::a_killed_process_loses_nothing::<History>(
        "store::faults::a_killed_process_loses_nothing",
    );
}
