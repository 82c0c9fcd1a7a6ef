//! The log survives damage to its files.

use std::fs::OpenOptions;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::query::Range;

pub(super) fn limits() -> Limits {
    Limits {
        segment_bytes: 4096,
        ..Limits::default()
    }
}

pub(super) fn message(id: i64, text: &str) -> Record {
    Record {
        id,
        body: Body::Message(Stored {
            target: "#tea".to_owned(),
            source: "alice!a@user/alice".to_owned(),
            account: Some("alice".parse().unwrap()),
            command: "PRIVMSG".to_owned(),
            to: "#tea".to_owned(),
            text: Some(text.to_owned()),
            tags: String::new(),
            relayed_by: None,
            bot: false,
            about: None,
        }),
    }
}

pub(super) fn texts(history: &History) -> Vec<String> {
    let query = Query::Messages {
        target: "#tea".to_owned(),
        range: Range::Oldest {
            before: i64::MAX,
            after: i64::MIN,
        },
        limit: usize::MAX,
        text_only: true,
    };
    match history.answer(&query) {
        Answer::Messages(messages) => messages
            .into_iter()
            .map(|(_, stored)| stored.text.unwrap())
            .collect(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let folder = TempDir::new().unwrap();
    let mut written = Vec::new();
    for round in 0..5_i64 {
        let (mut history, found) = History::open(folder.path(), &limits()).unwrap();
        assert_eq!(found.damaged, 0);
        assert_eq!(found.last_id, if round == 0 { 0 } else { round * 100 + 29 });
        for number in 0..30 {
            let text = format!("message {number} of round {round} äöü \u{1}");
            history
                .append(&[message(100 * (round + 1) + number, &text)])
                .unwrap();
            written.push(text);
        }
        assert_eq!(texts(&history), written);
    }
    assert!(files(&folder).len() > 5, "several files were filled");
}

#[test]
fn one_server_at_a_time() {
    let folder = TempDir::new().unwrap();
    let held = History::open(folder.path(), &limits()).unwrap();
    let refused = History::open(folder.path(), &limits()).unwrap_err();
    assert!(
        refused.to_string().contains("in use by another"),
        "{refused}"
    );
    drop(held);
    History::open(folder.path(), &limits()).unwrap();
}

#[test]
fn a_snapshot_of_a_newer_version_stops_the_start() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("state.json"),
        r#"{"version":2,"rooms":[]}"#,
    )
    .unwrap();
    let refused = History::open(folder.path(), &limits())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("state.json") && refused.contains("its version is 2"),
        "{refused}"
    );
}

#[test]
fn old_files_go_after_a_snapshot_and_not_before() {
    let folder = TempDir::new().unwrap();
    let limits = Limits {
        history_bytes: 10_000,
        ..limits()
    };
    let (mut history, _) = History::open(folder.path(), &limits).unwrap();
    for id in 1..=200 {
        history
            .append(&[message(id, "some words that take room in the file")])
            .unwrap();
    }
    let before = files(&folder).len();
    assert!(before > 5 && texts(&history).len() == 200);
    let state = |as_of| State {
        version: State::VERSION,
        as_of,
        ..State::default()
    };
    history.snapshot(&state(1)).unwrap();
    assert_eq!(
        files(&folder).len(),
        before,
        "records after the snapshot are needed"
    );
    history.snapshot(&state(200)).unwrap();
    assert!(files(&folder).len() <= 4);
    let kept = texts(&history).len();
    assert!(kept > 10 && kept < 100, "{kept}");
    drop(history);
    let (history, found) = History::open(folder.path(), &limits).unwrap();
    assert_eq!((texts(&history).len(), found.last_id), (kept, 200));
}

#[test]
fn state_comes_from_snapshot_and_log() {
    let folder = TempDir::new().unwrap();
    let (mut history, _) = History::open(folder.path(), &limits()).unwrap();
    let account = |id, name: &str| Record {
        id,
        body: Body::Account {
            account: name.parse().unwrap(),
        },
    };
    history.append(&[account(1, "alice")]).unwrap();
    let state = State {
        version: State::VERSION,
        as_of: 1,
        accounts: ["alice".parse().unwrap()].into(),
        ..State::default()
    };
    history.snapshot(&state).unwrap();
    history.append(&[account(2, "bob")]).unwrap();
    drop(history);
    let (_, found) = History::open(folder.path(), &limits()).unwrap();
    assert_eq!(found.state.accounts.len(), 2);
    assert_eq!(found.state.as_of, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The newest file is truncated anywhere, with garbage after it: whole records are still there, nothing else is,
    /// and appending continues.
    #[test]
    fn torn_tails(
        words in prop::collection::vec("[a-zü\\n\"]{0,60}", 1..40),
        cut in any::<prop::sample::Index>(),
        rubbish in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let folder = TempDir::new().unwrap();
        let (mut history, _) = History::open(folder.path(), &limits()).unwrap();
        let mut id = 0;
        for word in &words {
            id += 1;
            history.append(&[message(id, word)]).unwrap();
        }
        drop(history);
        let newest = files(&folder).pop().unwrap();
        let length = fs::metadata(&newest).unwrap().len();
        let keep = cut.index(usize::try_from(length).unwrap() + 1) as u64;
        let file = OpenOptions::new().write(true).open(&newest).unwrap();
        file.set_len(keep).unwrap();
        drop(file);
        let mut bytes = fs::read(&newest).unwrap();
        bytes.extend_from_slice(&rubbish);
        fs::write(&newest, &bytes).unwrap();

        let (mut history, found) = History::open(folder.path(), &limits()).unwrap();
        let left = texts(&history);
        prop_assert!(left.len() <= words.len());
        prop_assert_eq!(&left[..], &words[..left.len()]);
        let whole = bytes[..usize::try_from(keep).unwrap()].iter().filter(|&&byte| byte == b'\n').count();
        let others: usize = files(&folder).iter().rev().skip(1)
            .map(|path| fs::read(path).unwrap().iter().filter(|&&byte| byte == b'\n').count())
            .sum();
        prop_assert_eq!(left.len(), others + whole);
        history.append(&[message(found.last_id.max(id) + 1, "after")]).unwrap();
        drop(history);
        let (history, _) = History::open(folder.path(), &limits()).unwrap();
        let again = texts(&history);
        prop_assert_eq!(again.last().map(String::as_str), Some("after"));
        prop_assert_eq!(again.len(), left.len() + 1);
    }
}

#[test]
fn only_this_user_may_look_inside() {
    use std::os::unix::fs::PermissionsExt;

    let temp = TempDir::new().unwrap();
    let folder = temp.path().join("ircd");
    drop(History::open(&folder, &limits()).unwrap());
    for path in [folder.join("log"), folder] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}
