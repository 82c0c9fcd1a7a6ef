//! Ten writers to a module on disk, through two instances that share nothing but the folder, like two processes, with
//! refusals, delays, lost responses and writers that vanish: `cargo xtask chaos storage`.
//!
//! The requests depend on the seed alone (`SEED`), the order also on the machine. A short run is in the suite;
//! `CHAOS_SECONDS` makes it longer.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

#[path = "../../tests/support/mod.rs"]
#[allow(
    clippy::duplicate_mod,
    reason = "the tests of all stores share what they need"
)]
mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, Options, PutMode, Storage,
    StoreError, one_by_one,
};
use storage_fs::FsStore;
use support::asking::{FOLDERS, MANY_FOLDERS, MANY_PATHS, PATHS, ask, choose_among};
use support::linear::Event;
use support::scheduled::judge;
use support::sequential::{Asked, Op, Said};
use support::{Random, TestHost};

/// The number of histories in the suite.
const SHORT: u64 = 8;
const WRITERS: usize = 10;
const OPERATIONS: usize = 4;

/// A store that fails on demand.
#[derive(Debug)]
struct Faulty {
    store: FsStore,
    random: Mutex<Random>,
    /// In percent of the requests; none at the end.
    faults: AtomicU64,
}

impl Faulty {
    fn draw(&self, below: usize) -> usize {
        self.random.lock().unwrap().below(below)
    }

    async fn fail(&self, what: &str) -> Result<(), StoreError> {
        let chance = self.faults.load(Ordering::Relaxed);
        if chance == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_micros(self.draw(2000) as u64)).await;
        if (self.draw(100) as u64) < chance {
            return Err(StoreError::Unavailable(format!("injected: {what}")));
        }
        Ok(())
    }
}

impl ObjectStore for Faulty {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        self.fail("refused").await?;
        self.store.get(key, options).await
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        self.fail("refused").await?;
        let result = self.store.put(key, body, mode).await;
        self.fail("reply lost").await?;
        result
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.fail("refused").await?;
        self.store.delete(key).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        one_by_one(self, keys).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Entry>, StoreError> {
        self.fail("refused").await?;
        self.store.list(prefix, after).await
    }
}

async fn history(seed: u64) -> Vec<Event<Op>> {
    let folder = tempfile::tempdir().unwrap();
    let paged = !seed.is_multiple_of(3);
    let mut options = Options::default();
    if paged {
        (options.head_bytes, options.page_bytes) = (0, [100, 300, 600][seed as usize % 3]);
    }
    let (paths, folders): (&'static [&'static str], &'static [&'static str]) = match paged {
        true => (&MANY_PATHS, &MANY_FOLDERS),
        false => (&PATHS, &FOLDERS),
    };
    let instance = |number: u64| {
        let store = Arc::new(Faulty {
            store: FsStore::open(folder.path()).unwrap(),
            random: Mutex::new(Random(seed ^ number << 40)),
            faults: AtomicU64::new(3),
        });
        let host = Arc::new(TestHost::new(seed << 8 | number));
        Storage::with_options(store, host, options)
    };
    let trees = [instance(1), instance(2)];
    let clock = Arc::new(AtomicU64::new(0));
    let quota = seed.is_multiple_of(4).then_some(8);
    let writers = (0..WRITERS).map(|writer| {
        let (tree, clock) = (trees[writer % 2].clone(), Arc::clone(&clock));
        tokio::spawn(async move {
            let mut random = Random(seed * 100 + writer as u64);
            let (mut events, mut known) = (Vec::new(), Vec::new());
            for _ in 0..OPERATIONS {
                let asked = choose_among(&mut random, paths, folders, quota, &known);
                // Some vanish in the middle.
                let patience = match random.below(12) {
                    0 => Duration::from_micros(random.below(6000) as u64),
                    _ => Duration::from_secs(60),
                };
                let called = clock.fetch_add(1, Ordering::SeqCst);
                let said = tokio::time::timeout(patience, ask(&tree, &asked)).await;
                let said = said.unwrap_or(Said::Nothing);
                match &said {
                    Said::Written(all) => known.extend(all.iter().map(|(one, _)| one.clone())),
                    Said::Read(Some((version, _))) => known.push(version.clone()),
                    _ => {}
                }
                let returned = clock.fetch_add(1, Ordering::SeqCst);
                let returned = (!matches!(said, Said::Nothing)).then_some(returned);
                events.push(Event {
                    op: (asked, said),
                    called,
                    returned,
                });
            }
            events
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut events = Vec::new();
    for writer in writers {
        events.extend(writer.await.unwrap());
    }
    // At the end everything is read once more, without faults, by an instance with empty caches.
    let cold = instance(3);
    cold.store().faults.store(0, Ordering::Relaxed);
    let reads = paths.iter().map(|path| Asked::Read(path));
    for asked in reads.chain(folders.iter().map(|path| Asked::List(path))) {
        let called = clock.fetch_add(1, Ordering::SeqCst);
        let said = ask(&cold, &asked).await;
        let returned = Some(clock.fetch_add(1, Ordering::SeqCst));
        events.push(Event {
            op: (asked, said),
            called,
            returned,
        });
    }
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_writers_with_faults_over_one_folder() {
    let number = |name| {
        let text: Option<String> = std::env::var(name).ok();
        text.and_then(|text| text.parse::<u64>().ok())
    };
    let seconds = number("CHAOS_SECONDS");
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let random = seconds.and_then(|_| time.ok()).map(|time| time.as_secs());
    let first = number("SEED").or(random).unwrap_or(1);
    let limit = seconds.map(Duration::from_secs);
    println!("on disk: the first seed is {first}");
    let (start, mut seed) = (Instant::now(), first);
    let (mut answered, mut unknown) = (0, 0);
    while limit.map_or(seed < first + SHORT, |limit| start.elapsed() < limit) {
        let (some, none) = judge(history(seed).await).unwrap_or_else(|history| {
            panic!("no order explains these answers; repeat with SEED={seed}\n{history}")
        });
        (answered, unknown) = (answered + some, unknown + none);
        seed += 1;
    }
    let count = seed - first;
    println!(
        "on disk: {count} histories with {answered} answers explained, {unknown} writes in doubt"
    );
    assert!(answered > unknown, "most operations are answered");
}
