//! Participants removed from each call. They cannot come back while the call's tickets are valid, not even after a
//! restart.
//!
//! The file in the spool's folder gets one appended and synced line per removal; it is rewritten at startup and when
//! it has grown. An entry the disk refuses is known only to this process, and is written with the next one.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use durable::{Disk, Notes, line};
use program::Seldom;
use protocol::{Bounded, Timestamp};
use serde::{Deserialize, Serialize};

use mutex::lock;

/// File name.
const FILE: &str = "calls.removed";
/// File size in bytes above which the file is rewritten; larger than everything that is remembered.
const MAX_BYTES: u64 = 8 << 20;
/// Identities remembered across all calls; the call that has gone longest without an addition is forgotten first.
const MAX_IDENTITIES: usize = 20_000;
/// Identities remembered per call.
const MAX_OF_CALL: usize = 3_000;

static NOT_WRITTEN: Seldom = Seldom::new();

/// Participants removed from a call, and how long that matters.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Entry {
    pub(super) call: String,
    pub(super) until: Timestamp,
    /// The identities they are recognised by.
    pub(super) who: HashSet<String>,
}

type Known = Bounded<String, (Timestamp, HashSet<String>)>;

/// The removals, in memory and on disk.
#[derive(Debug)]
pub(super) struct Removed {
    known: Mutex<Known>,
    /// Locked before `known` when both are needed.
    notes: Mutex<Notes>,
}

impl Removed {
    /// Reads the record left by earlier processes, from the folder of an open, and therefore locked, spool. Blocking.
    ///
    /// # Errors
    /// The file exists but cannot be read.
    pub(super) fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
        let (mut notes, text) = Notes::open(disk, folder, FILE, MAX_BYTES)?;
        let mut known = Known::new(MAX_IDENTITIES);
        let now = connector_kit::now();
        let (lines, torn) = line::whole(&text);
        let mut damaged = usize::from(!torn.is_empty());
        for (_, line) in lines {
            let entry =
                line::read(line).and_then(|json| serde_json::from_slice::<Entry>(json).ok());
            match entry {
                Some(entry) if entry.until > now => add(&mut known, entry),
                Some(_) => {}
                None => damaged += 1,
            }
        }
        if damaged > 0 {
            tracing::warn!(
                damaged,
                "lines of {FILE} cannot be read: someone who was removed from a call may be able to come back"
            );
        }
        if !text.is_empty()
            && let Err(error) = notes.rewrite(&everything(&known))
        {
            // Everything else continues to work on a full disk.
            tracing::error!(%error, "{FILE} cannot be written; retrying with the next entry");
        }
        Ok(Self {
            known: Mutex::new(known),
            notes: Mutex::new(notes),
        })
    }

    /// Returns whether any of these identities was removed from a call.
    pub(super) fn has(&self, call: &str, mut who: impl Iterator<Item = String>) -> bool {
        let known = lock(&self.known);
        let of_call = known.get(call);
        of_call.is_some_and(|(_, removed)| who.any(|one| removed.contains(&one)))
    }

    /// Adds identities; durable only once written.
    pub(super) fn add(&self, entry: Entry) {
        add(&mut lock(&self.known), entry);
    }

    /// Nobody can come back to a call that has ended.
    pub(super) fn end(&self, call: &str) {
        lock(&self.known).remove(call);
    }

    /// Makes additions durable. Blocking.
    ///
    /// # Errors
    /// The disk refuses the write.
    fn write(&self, entry: &Entry) -> io::Result<()> {
        let mut lines = Vec::new();
        write(&mut lines, entry);
        let everything = || everything(&lock(&self.known));
        lock(&self.notes).append(&lines, everything)
    }

    /// Like [`Self::write`], but logs a failure of the disk. Blocking.
    pub(super) fn write_or_tell(&self, entry: &Entry) {
        if let Err(error) = self.write(entry)
            && let Some(left_out) = NOT_WRITTEN.say()
        {
            tracing::error!(
                %error,
                left_out,
                "the removal of a call participant cannot be saved; they may be able to come back after a restart"
            );
        }
    }
}

fn add(known: &mut Known, entry: Entry) {
    let (until, mut who) = known
        .remove(&entry.call)
        .unwrap_or_else(|| (entry.until, HashSet::new()));
    let room = MAX_OF_CALL.saturating_sub(who.len());
    who.extend(entry.who.into_iter().take(room));
    let weight = who.len();
    known.insert_weighing(entry.call, (until.max(entry.until), who), weight);
}

/// All lines needed to restore what is known.
fn everything(known: &Known) -> Vec<u8> {
    let (mut lines, now) = (Vec::new(), connector_kit::now());
    for (call, (until, who)) in known.iter().filter(|(_, (until, _))| *until > now) {
        let entry = Entry {
            call: call.clone(),
            until: *until,
            who: who.clone(),
        };
        write(&mut lines, &entry);
    }
    lines
}

fn write(lines: &mut Vec<u8>, entry: &Entry) {
    // Strings and a number always serialise to JSON, and writing to memory cannot fail.
    if let Ok(json) = serde_json::to_vec(entry) {
        line::write(lines, &json);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use durable::Refusal;
    use durable::contract::{self, Keeper, Newest};

    use super::*;

    fn entry(call: &str, who: &[&str], millis: i64) -> Entry {
        Entry {
            call: call.to_owned(),
            until: connector_kit::now().plus_millis(millis),
            who: who.iter().map(|&one| one.to_owned()).collect(),
        }
    }

    fn open(folder: &Path) -> Removed {
        Removed::open(Disk::default(), folder).unwrap()
    }

    fn has(removed: &Removed, call: &str, who: &str) -> bool {
        removed.has(call, std::iter::once(who.to_owned()))
    }

    fn put_out(removed: &Removed, entry: &Entry) {
        removed.add(entry.clone());
        removed.write(entry).unwrap();
    }

    #[test]
    fn who_was_put_out_is_known_after_a_restart_until_the_tickets_end() {
        let folder = tempfile::tempdir().unwrap();
        let removed = open(folder.path());
        put_out(&removed, &entry("c", &["@bob", "p1"], 60_000));
        put_out(&removed, &entry("c", &["192.0.2.7"], 60_000));
        put_out(&removed, &entry("d", &["@carol"], 60_000));
        put_out(&removed, &entry("e", &["@dave"], -1));
        removed.end("d");
        drop(removed);
        let path = folder.path().join(FILE);
        let mut text = fs::read(&path).unwrap();
        text.extend_from_slice(b"no line\na line that was cut");
        fs::write(&path, text).unwrap();
        for _ in 0..2 {
            let removed = open(folder.path());
            for who in ["@bob", "p1", "192.0.2.7"] {
                assert!(has(&removed, "c", who), "{who}");
                assert!(!has(&removed, "x", who), "{who}");
            }
            assert!(!has(&removed, "c", "@carol"));
            assert!(!has(&removed, "e", "@dave"), "its tickets have expired");
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("@bob") && !text.contains("@dave"), "{text}");
    }

    #[test]
    fn it_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let removed = open(folder.path());
        for number in 0..MAX_OF_CALL + 1 {
            removed.add(entry("c", &[&number.to_string()], 60_000));
        }
        assert!(!has(&removed, "c", &MAX_OF_CALL.to_string()));
        for number in 0..MAX_IDENTITIES {
            removed.add(entry(&format!("call {number}"), &["@bob"], 60_000));
        }
        assert!(!has(&removed, "c", "0"), "the oldest");
        assert!(lock(&removed.known).weight() <= MAX_IDENTITIES);
        let all = everything(&lock(&removed.known)).len();
        assert!((all as u64) < MAX_BYTES, "{all}");
    }

    impl Keeper for Removed {
        // The removal stands even if the disk refuses it.
        const NOTES: bool = true;

        fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
            Self::open(disk, folder)
        }

        fn keep(&mut self, item: u32) -> Result<(), Refusal> {
            let entry = entry("c", &[&item.to_string()], 60_000);
            self.add(entry.clone());
            self.write(&entry).map_err(|error| Refusal::from(&error))
        }

        fn tidy(&mut self) -> Result<(), Refusal> {
            // Someone from another call, forgotten at once.
            let other = entry("d", &["x"], -1);
            self.write(&other).map_err(|error| Refusal::from(&error))
        }

        fn kept(&self) -> Vec<u32> {
            let known = lock(&self.known);
            let who = known.get("c").map(|(_, who)| who.iter());
            let who = who.into_iter().flatten();
            who.map(|item| item.parse().unwrap()).collect()
        }

        fn newest(folder: &Path) -> Newest {
            Newest::Appended(folder.join(FILE))
        }
    }

    #[test]
    fn who_was_put_out_is_kept() {
        contract::run_all::<Removed>();
    }

    #[test]
    fn a_killed_process_loses_nothing() {
        contract::a_killed_process_loses_nothing::<Removed>(
            "calls::removed::tests::a_killed_process_loses_nothing",
        );
    }
}
