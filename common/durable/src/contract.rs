//! The contract of everything that persists data on a disk, as functions called by its tests: each panics with the
//! violation.
//!
//! Accepted items are there after reopening; refused ones leave nothing behind; no partial file stays; and a refused
//! item can be kept once the disk recovers. That holds whichever step fails, once or from then on, on a full disk and
//! on a broken one; wherever the process ends; and wherever the last record is torn.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing contract panics: it is only called by tests"
)]

mod kill;

pub use kill::a_killed_process_loses_nothing;

use std::fmt::Debug;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::faults::{Fault, Plan};
use crate::{Disk, Refusal};

/// Items that are kept before a fault, and during it.
const BEFORE: u32 = 2;
const DURING: u32 = 4;

/// Drives something that persists data on a disk.
pub trait Keeper: Debug + Sized {
    /// Whether refused items may be there nevertheless: it records events that have happened anyway, and nobody is told
    /// otherwise.
    const NOTES: bool = false;

    /// Opens a folder, and creates it if missing.
    ///
    /// # Errors
    /// If it cannot be opened; a full disk is no reason.
    fn open(disk: Disk, folder: &Path) -> io::Result<Self>;

    /// Keeps an item.
    ///
    /// # Errors
    /// What the sender of the item is told.
    fn keep(&mut self, item: u32) -> Result<(), Refusal>;

    /// Does everything else that affects the disk, but not the items.
    ///
    /// # Errors
    /// The disk's error.
    fn tidy(&mut self) -> Result<(), Refusal>;

    /// The items that exist.
    fn kept(&self) -> Vec<u32>;

    /// Where a folder has its newest item.
    fn newest(folder: &Path) -> Newest;
}

/// See [`Keeper::newest`].
#[derive(Clone, Debug)]
pub enum Newest {
    /// Items are appended to this file.
    Appended(PathBuf),
    /// Each item is a separate file, written under a temporary name first.
    Beside {
        /// The newest item.
        item: PathBuf,
        /// Where a part of it would be.
        beside: PathBuf,
    },
}

impl Newest {
    /// In a folder of a [`FolderQueue`](crate::FolderQueue): its items have ascending names.
    ///
    /// # Panics
    /// If there is no item.
    #[must_use]
    pub fn of_queue(folder: &Path) -> Self {
        let items = fs::read_dir(folder.join("queue")).unwrap();
        Self::Beside {
            item: items.map(|entry| entry.unwrap().path()).max().unwrap(),
            beside: folder.join("new/half"),
        }
    }
}

/// Everything but [`a_killed_process_loses_nothing`], which needs a separate test.
///
/// # Panics
/// If the contract is broken.
pub fn run_all<K: Keeper>() {
    what_is_accepted_outlives_a_restart::<K>();
    whichever_step_fails_only_what_was_accepted_is_there::<K>();
    what_was_refused_is_not_there_after_a_restart::<K>();
    on_a_full_disk_it_begins_and_takes_something_once_there_is_room::<K>();
    wherever_the_process_ends_what_was_accepted_is_there::<K>();
    wherever_the_last_record_is_torn_those_before_it_are_there::<K>();
}

/// Accepted items are there however often it is reopened.
///
/// # Panics
/// If the contract is broken.
pub fn what_is_accepted_outlives_a_restart<K: Keeper>() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut keeper: K = open(folder.path());
        assert_eq!(sorted(&keeper), all(round * 3));
        for item in round * 3..(round + 1) * 3 {
            keeper.keep(item).unwrap();
            keeper.tidy().unwrap();
        }
        assert_eq!(sorted(&keeper), all((round + 1) * 3));
    }
    assert_whole(folder.path());
}

/// Whatever fails, and for as long as it does: refused items can be kept afterwards, once, and all are there.
///
/// # Panics
/// If the contract is broken.
pub fn whichever_step_fails_only_what_was_accepted_is_there<K: Keeper>() {
    for (kind, times) in kinds_and_times() {
        let steps = count_steps(|after| {
            let named = format!("{kind:?}, {times} times after {after} steps");
            let folder = tempfile::tempdir().unwrap();
            let (mut keeper, plan) = begun::<K>(folder.path());
            plan.set(Fault::after(after, times, kind));
            let mut refused = Vec::new();
            for item in BEFORE..BEFORE + DURING {
                if let Err(refusal) = keeper.keep(item) {
                    assert_eq!(refusal, Refusal::from(kind), "{named}");
                    refused.push(item);
                }
                if let Err(refusal) = keeper.tidy() {
                    assert_eq!(refusal, Refusal::from(kind), "{named}");
                }
            }
            let failed = plan.clear();
            for item in refused {
                keeper
                    .keep(item)
                    .unwrap_or_else(|refusal| panic!("{named}: {item}: {refusal}"));
            }
            keeper.tidy().unwrap();
            assert_eq!(sorted(&keeper), all(BEFORE + DURING), "{named}");
            drop(keeper);
            assert_whole(folder.path());
            let keeper: K = open(folder.path());
            assert_eq!(sorted(&keeper), all(BEFORE + DURING), "{named}");
            failed > 0
        });
        assert!(steps > 10, "{steps} steps were tried");
    }
}

/// A restart right after a refusal finds the accepted items, and nothing else unless the disk prevented its removal.
///
/// # Panics
/// If the contract is broken.
pub fn what_was_refused_is_not_there_after_a_restart<K: Keeper>() {
    for (kind, times) in kinds_and_times() {
        count_steps(|after| {
            let named = format!("{kind:?}, {times} times after {after} steps");
            let folder = tempfile::tempdir().unwrap();
            let (mut keeper, plan) = begun::<K>(folder.path());
            plan.set(Fault::after(after, times, kind));
            let (accepted, refused) = until_refused(&mut keeper);
            let failed = plan.clear();
            drop(keeper);
            let mut keeper: K = open(folder.path());
            let there = sorted(&keeper);
            let also = |item: Option<u32>| (0..accepted).chain(item).collect::<Vec<u32>>();
            let left = (K::NOTES || times > 1) && there == also(refused);
            assert!(
                left || there == all(accepted),
                "{named}: {there:?} of {accepted}"
            );
            if !left && let Some(item) = refused {
                keeper.keep(item).unwrap();
                assert_eq!(sorted(&keeper), also(refused), "{named}");
            }
            assert_whole(folder.path());
            failed > 0
        });
    }
}

/// A full disk prevents no start, with items from an earlier run and without, and free space is used once it is there.
///
/// # Panics
/// If the contract is broken.
pub fn on_a_full_disk_it_begins_and_takes_something_once_there_is_room<K: Keeper>() {
    for left in [0, BEFORE] {
        for times in [1, 2, 3, usize::MAX] {
            let temp = tempfile::tempdir().unwrap();
            let folder = temp.path().join("made").join("folder");
            if left > 0 {
                let mut keeper: K = open(&folder);
                (0..left).for_each(|item| keeper.keep(item).unwrap());
            }
            let plan = Plan::default();
            plan.set(Fault::after(0, times, io::ErrorKind::StorageFull));
            let mut keeper = K::open(plan.disk(), &folder).expect("a start on a full disk");
            assert_eq!(sorted(&keeper), all(left));
            if times == usize::MAX {
                assert_eq!(keeper.keep(left), Err(Refusal::Full));
            }
            plan.clear();
            keeper.keep(left).unwrap();
            assert_eq!(sorted(&keeper), all(left + 1));
            drop(keeper);
            let keeper: K = open(&folder);
            assert_eq!(sorted(&keeper), all(left + 1));
            assert_whole(&folder);
        }
    }
}

/// The process ends at a step, which is done in part: the accepted items are there, possibly the one in progress,
/// nothing else, and it continues.
///
/// # Panics
/// If the contract is broken.
pub fn wherever_the_process_ends_what_was_accepted_is_there<K: Keeper>() {
    let steps = count_steps(|after| {
        let folder = tempfile::tempdir().unwrap();
        let (mut keeper, plan) = begun::<K>(folder.path());
        plan.set(Fault::kill(after));
        let (accepted, refused) = until_refused(&mut keeper);
        drop(keeper);
        let killed = plan.clear() > 0;
        let mut keeper: K = open(folder.path());
        let there = sorted(&keeper);
        let next = match refused {
            Some(item) if there.last() == Some(&item) => item + 1,
            _ => accepted,
        };
        assert_eq!(there, all(next), "killed after {after} steps");
        keeper.keep(next).unwrap();
        keeper.tidy().unwrap();
        drop(keeper);
        assert_whole(folder.path());
        let keeper: K = open(folder.path());
        assert_eq!(sorted(&keeper), all(next + 1), "killed after {after} steps");
        killed
    });
    assert!(steps > 10, "{steps} steps were tried");
}

/// The last record is cut at each of its bytes, as when the machine crashes.
///
/// # Panics
/// If the contract is broken.
pub fn wherever_the_last_record_is_torn_those_before_it_are_there<K: Keeper>() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper: K = open(folder.path());
    (0..BEFORE).for_each(|item| keeper.keep(item).unwrap());
    let length = |path: &Path| fs::metadata(path).map_or(0, |about| about.len());
    let before = match K::newest(folder.path()) {
        Newest::Appended(path) => Some((length(&path), path)),
        Newest::Beside { .. } => None,
    };
    keeper.keep(BEFORE).unwrap();
    drop(keeper);
    let (path, beside) = match K::newest(folder.path()) {
        Newest::Appended(path) => (path.clone(), path),
        Newest::Beside { item, beside } => (item, beside),
    };
    let start = before
        .filter(|(_, file)| *file == path)
        .map_or(0, |(start, _)| start);
    let bytes = fs::read(&path).unwrap();
    for cut in start..bytes.len() as u64 {
        let copy = copied(folder.path());
        let inside = |path: &Path| copy.path().join(path.strip_prefix(folder.path()).unwrap());
        fs::remove_file(inside(&path)).unwrap();
        let part = usize::try_from(cut).unwrap();
        fs::create_dir_all(inside(&beside).parent().unwrap()).unwrap();
        fs::write(inside(&beside), &bytes[..part]).unwrap();
        let mut keeper: K = open(copy.path());
        assert_eq!(sorted(&keeper), all(BEFORE), "cut at {cut}");
        keeper.keep(BEFORE).unwrap();
        drop(keeper);
        let keeper: K = open(copy.path());
        assert_eq!(sorted(&keeper), all(BEFORE + 1), "cut at {cut}");
        assert_whole(copy.path());
    }
}

fn kinds_and_times() -> impl Iterator<Item = (io::ErrorKind, usize)> {
    let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::Other];
    let times = [1, 2, 3, usize::MAX];
    kinds
        .into_iter()
        .flat_map(move |kind| times.map(|times| (kind, times)))
}

/// Repeats a scenario, with one more working step each time, until it reports that no step failed; returns the number
/// of repetitions.
fn count_steps(mut story: impl FnMut(usize) -> bool) -> usize {
    let mut after = 0;
    while story(after) {
        after += 1;
        assert!(after < 500, "it ends");
    }
    after
}

fn open<K: Keeper>(folder: &Path) -> K {
    K::open(Disk::default(), folder).unwrap()
}

/// With the first items in it.
fn begun<K: Keeper>(folder: &Path) -> (K, Plan) {
    let plan = Plan::default();
    let mut keeper = K::open(plan.disk(), folder).unwrap();
    (0..BEFORE).for_each(|item| keeper.keep(item).unwrap());
    (keeper, plan)
}

/// Keeps items until one is refused or something else fails; returns how many were accepted, and which was refused.
fn until_refused<K: Keeper>(keeper: &mut K) -> (u32, Option<u32>) {
    for item in BEFORE..BEFORE + DURING {
        if keeper.keep(item).is_err() {
            return (item, Some(item));
        }
        if keeper.tidy().is_err() {
            return (item + 1, None);
        }
    }
    (BEFORE + DURING, None)
}

fn sorted<K: Keeper>(keeper: &K) -> Vec<u32> {
    let mut kept = keeper.kept();
    kept.sort_unstable();
    kept
}

fn all(count: u32) -> Vec<u32> {
    (0..count).collect()
}

/// No temporary files are left.
fn assert_whole(folder: &Path) {
    for path in files(folder) {
        let beside = path.extension().is_some_and(|end| end == "new")
            || path.parent().is_some_and(|parent| parent.ends_with("new"));
        let damaged = path.extension().is_some_and(|end| end == "damaged");
        assert!(!beside && !damaged, "{} is left", path.display());
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found
}

/// A copy of a folder: what a crash would leave.
#[must_use]
pub fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for path in files(folder) {
        let to = copy.path().join(path.strip_prefix(folder).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&path, to).unwrap();
    }
    copy
}
