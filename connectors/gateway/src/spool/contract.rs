//! The files of the spool and of deferred accounts, on disks that fail and in processes that are killed.

use std::path::PathBuf;

use durable::contract::{self, Keeper, Newest};

use super::tests::{CONFIG, event};
use super::*;

/// Small enough that a few records fill a file.
const SEGMENT: u64 = 60;

fn record(item: u32) -> Vec<u8> {
    format!("{{\"item\":{item}}}").into_bytes()
}

fn item(record: &[u8]) -> u32 {
    #[derive(serde::Deserialize)]
    struct Item {
        item: u32,
    }
    serde_json::from_slice::<Item>(record).unwrap().item
}

fn newest(folder: &Path) -> Newest {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let segments = files
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "spool"));
    Newest::Appended(segments.max().unwrap_or_default())
}

/// What waits for the functions.
#[derive(Debug)]
struct Waiting {
    dir: PathBuf,
    records: Records,
}

impl Keeper for Waiting {
    fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
        Ok(Self {
            dir: folder.to_owned(),
            records: Records::open(disk, folder, SEGMENT, |_, _| {})?,
        })
    }

    fn keep(&mut self, item: u32) -> Result<(), Refusal> {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, &record(item));
        let kept = self.records.append(&bytes, 1);
        kept.map_err(|error| Refusal::from(&error))
    }

    fn tidy(&mut self) -> Result<(), Refusal> {
        let saved = self.records.save_cursor(0);
        saved.map_err(|error| Refusal::from(&error))
    }

    fn kept(&self) -> Vec<u32> {
        let segments = self.records.segments();
        let records = Reader::default().read(&self.dir, &segments, 0, usize::MAX, usize::MAX);
        let records = records.unwrap().into_iter();
        let whole = records.map(|(_, record)| record.whole().unwrap());
        whole.map(|record| item(&record)).collect()
    }

    fn newest(folder: &Path) -> Newest {
        newest(folder)
    }
}

#[test]
fn what_waits_is_kept() {
    contract::run_all::<Waiting>();
}

/// What waits for an archive.
#[derive(Debug)]
struct OfOne(Deferred);

fn alice() -> AccountName {
    "alice".parse().unwrap()
}

impl Keeper for OfOne {
    fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
        let config = SpoolConfig {
            deferred_bytes: SEGMENT * 16,
            ..CONFIG
        };
        Ok(Self(Deferred::open(&disk, folder, &config, |_| {})?))
    }

    fn keep(&mut self, item: u32) -> Result<(), Refusal> {
        let deferred = self.0.defer(&alice(), &[&record(item)]);
        deferred.map(drop).map_err(|error| Refusal::from(&error))
    }

    fn tidy(&mut self) -> Result<(), Refusal> {
        let saved = self.0.published(&alice(), 0);
        saved.map(drop).map_err(|error| Refusal::from(&error))
    }

    fn kept(&self) -> Vec<u32> {
        let (records, _) = self.0.read(&alice(), usize::MAX, usize::MAX).unwrap();
        records.iter().map(|record| item(record)).collect()
    }

    fn newest(folder: &Path) -> Newest {
        newest(&folder.join("held/alice"))
    }
}

#[test]
fn what_is_held_is_kept() {
    contract::run_all::<OfOne>();
}

/// A spool with its thread.
#[derive(Debug)]
struct Whole {
    spool: Spool,
    kept: Vec<u32>,
}

impl Keeper for Whole {
    fn open(disk: Disk, folder: &Path) -> io::Result<Self> {
        let mut kept = Vec::new();
        let visit = |_, event: Event| kept.push(event.id[1..].parse().unwrap());
        let spool = Spool::open_on(disk, folder, CONFIG, visit).map_err(io::Error::other)?;
        Ok(Self { spool, kept })
    }

    fn keep(&mut self, item: u32) -> Result<(), Refusal> {
        let (_, durable) = self.spool.append(&[event(item.into())]).unwrap();
        durable.blocking_recv().unwrap();
        self.kept.push(item);
        Ok(())
    }

    fn tidy(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn kept(&self) -> Vec<u32> {
        self.kept.clone()
    }

    fn newest(folder: &Path) -> Newest {
        newest(folder)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.spool.close();
    }
}

#[test]
fn a_killed_process_loses_nothing() {
    contract::a_killed_process_loses_nothing::<Whole>(
        "spool::contract::a_killed_process_loses_nothing",
    );
}
