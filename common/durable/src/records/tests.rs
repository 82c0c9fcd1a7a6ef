//! Records on a disk that fails, and in damaged files.

use super::*;
use crate::contract::copied;
use crate::faults::{Fault, Plan};

fn record(number: u64) -> Vec<u8> {
    format!("{{\"id\":{number}}}").into_bytes()
}

fn frames(numbers: std::ops::Range<u64>) -> Vec<u8> {
    let mut frames = Vec::new();
    numbers.for_each(|number| frame::write(&mut frames, &record(number)));
    frames
}

fn found(dir: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    Records::open(Disk::default(), dir, 1_000, |_, record| {
        found.push(record.to_vec())
    })
    .unwrap();
    found
}

fn records(numbers: impl Iterator<Item = u64>) -> Vec<Vec<u8>> {
    numbers.map(record).collect()
}

#[test]
fn whatever_fails_only_what_was_acknowledged_is_there_and_all_of_it() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        // Each operation alone, and each with the ones after it.
        for first in 0..30 {
            for length in 1..5 {
                let dir = tempfile::tempdir().unwrap();
                let plan = Plan::default();
                plan.set(Fault::after(first, length, kind));
                let mut store = match Records::open(plan.disk(), dir.path(), 30, |_, _| {}) {
                    Ok(store) => store,
                    Err(error) => {
                        // Only a full disk permits the start.
                        assert_eq!((error.kind(), kind, first), (kind, io::ErrorKind::Other, 0));
                        continue;
                    }
                };
                let (mut next, mut failures) = (0, 0);
                while next < 8 {
                    match store.append(&frames(next..next + 2), 2) {
                        Ok(()) => next += 2,
                        Err(error) => {
                            assert_eq!(error.kind(), kind);
                            failures += 1;
                            // A crash here: no unacknowledged record may be needed, and everything else is there.
                            let known = copied(dir.path());
                            let seen = found(known.path());
                            assert!(seen.len() as u64 >= next, "{seen:?}");
                            assert_eq!(seen[..next as usize], records(0..next));
                        }
                    }
                    assert!(failures <= length, "it recovers when there is room");
                }
                let end = store.end();
                drop(store);
                assert_eq!(end, 8);
                assert_eq!(found(dir.path()), records(0..8), "{kind} {first} {length}");
            }
        }
    }
}

#[test]
fn a_damaged_record_stops_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Records::open(Disk::default(), dir.path(), 1_000, |_, _| {}).unwrap();
    store.append(&frames(0..6), 6).unwrap();
    store.save_cursor(4).unwrap();
    drop(store);
    let path = Records::path(dir.path(), 0);
    let mut bytes = fs::read(&path).unwrap();
    let size = bytes.len() / 6;
    // The length of one, the text of another.
    bytes[2 * size] ^= 0xff;
    bytes[4 * size + frame::HEADER + 3] ^= 0xff;
    fs::write(&path, &bytes).unwrap();
    let good = || records([0, 1, 3, 5].into_iter());
    let mut seen = Vec::new();
    let store = Records::open(Disk::default(), dir.path(), 1_000, |_, record| {
        seen.push(record.to_vec());
    });
    assert_eq!(store.unwrap().damaged(), 2);
    assert_eq!(seen, good());
    // No unpublished record is left out.
    let store = Records::open(Disk::default(), dir.path(), 1_000, |_, _| {}).unwrap();
    assert_eq!((store.cursor(), store.end()), (2, 4));
    let mut reader = Reader::default();
    let read = reader
        .read(dir.path(), &store.segments(), 2, 9, 999)
        .unwrap();
    let whole = |number| Record::Whole(record(number));
    assert_eq!(read, [(2, whole(3)), (3, whole(5))]);
    drop(store);
    assert_eq!(found(dir.path()), good());
    let damaged = fs::read_dir(dir.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".damaged")
    });
    assert_eq!(damaged.count(), 2);
}

/// Flips bits at these places, each within a record, of a file with five records.
fn read_damaged(places: &[(u64, usize)], lost: &[u64]) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Records::open(Disk::default(), dir.path(), 1_000_000, |_, _| {}).unwrap();
    store.append(&frames(0..5), 5).unwrap();
    let path = Records::path(dir.path(), 0);
    let mut bytes = fs::read(&path).unwrap();
    for (number, within) in places {
        bytes[frames(0..*number).len() + within] ^= 0x5a;
    }
    fs::write(&path, &bytes).unwrap();
    let expected = |from: u64| -> Vec<(u64, Record)> {
        (from..7)
            .map(|n| match lost.contains(&n) {
                true => (n, Record::Damaged),
                false => (n, Record::Whole(record(n))),
            })
            .collect()
    };
    let mut reader = Reader::default();
    let read = reader.read(dir.path(), &store.segments(), 0, 9, 999_999);
    assert_eq!(read.unwrap(), expected(0)[..5], "{places:?}");
    assert!(reader.take_set_aside() > 0);
    // What is appended later has the numbers that it was given, from wherever one starts.
    store.append(&frames(5..7), 2).unwrap();
    for from in 0..7 {
        let read = reader.read(dir.path(), &store.segments(), from, 9, 999_999);
        assert_eq!(read.unwrap(), expected(from), "{places:?}, from {from}");
        let mut fresh = Reader::default();
        let read = fresh.read(dir.path(), &store.segments(), from, 9, 999_999);
        assert_eq!(read.unwrap(), expected(from), "{places:?}, from {from}");
    }
    let aside = fs::read_dir(dir.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".damaged")
    });
    assert!((1..=2).contains(&aside.count()), "{places:?}");
}

#[test]
fn records_that_are_damaged_while_others_read_stop_none_of_them() {
    let (text, length) = (frame::HEADER + 3, 0);
    read_damaged(&[(1, text)], &[1]);
    read_damaged(&[(1, length)], &[1]);
    read_damaged(&[(4, text)], &[4]);
    read_damaged(&[(4, length)], &[4]);
    // Neighbours look like one damaged part.
    read_damaged(&[(1, text), (2, text)], &[1, 2]);
    read_damaged(&[(1, length), (2, length), (3, text)], &[1, 2, 3]);
    read_damaged(&[(3, length), (4, length)], &[3, 4]);
    read_damaged(&[(0, length), (3, text)], &[0, 3]);
}

#[test]
fn what_is_published_makes_room_although_there_is_none_for_the_next_segment() {
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan::default();
    let mut store = Records::open(plan.disk(), dir.path(), 30, |_, _| {}).unwrap();
    store.append(&frames(0..6), 6).unwrap();
    plan.set(Fault::after(0, 1, io::ErrorKind::StorageFull));
    store.trim(6).unwrap();
    assert_eq!((store.bytes(), store.start(), store.end()), (0, 6, 6));
    assert!(!Records::path(dir.path(), 0).exists());
    store.append(&frames(6..8), 2).unwrap();
    assert_eq!((store.start(), store.end()), (6, 8));
    drop(store);
    assert_eq!(found(dir.path()), records(6..8));
}

#[test]
fn only_this_user_may_look_inside() {
    use std::os::unix::fs::PermissionsExt;

    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("spool");
    drop(Records::open(Disk::default(), &folder, 600, |_, _| {}).unwrap());
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}
