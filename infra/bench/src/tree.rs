//! The cost of an account's tree as a module grows: requests to the store, bytes and time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use futures_util::StreamExt;
use protocol::{AccountName, Timestamp};
use storage_adapter::memory::MemoryStore;
use storage_adapter::{
    Change, DocumentPath, DocumentRead, FolderPath, FolderRead, GetOptions, Host, ItemPath,
    ObjectStore, PutMode, Storage, WriteCondition,
};
use storage_fs::FsStore;

use crate::counted::{Counted, Counts};

/// Documents per commit while a module is being created.
const BATCH: usize = 2000;
/// The body of every document.
const BODY: &[u8] = b"one hundred bytes, about, of which nobody knows what they are good for, but they are here and counted";

/// Flags of `bench tree`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// A folder on the disk to be measured; everything created in it is deleted again.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Documents in the module.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000, 50_000])]
    documents: Vec<usize>,
    /// How often each is measured.
    #[arg(long, default_value_t = 200)]
    times: usize,
}

/// The layout of the documents.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// All in one folder.
    Flat,
    /// One document per day in a folder per month, for many channels.
    Archive,
}

impl Shape {
    const ALL: [(Self, &'static str); 2] = [
        (Self::Flat, "one folder"),
        (Self::Archive, "chat archive, a document a day"),
    ];

    fn path(self, n: usize) -> String {
        match self {
            Self::Flat => format!("/m/document-{n:06}"),
            Self::Archive => {
                let (channel, day) = (n / 336, n % 336);
                let (month, day) = (day / 28 + 1, day % 28 + 1);
                format!("/m/irc.example.org/channels/%23channel-{channel}/2026/{month:02}/{day:02}")
            }
        }
    }
}

const OPERATIONS: [&str; 6] = [
    "GET",
    "PUT",
    "PUT, cold",
    "folder GET",
    "poll",
    "poll, cold",
];

/// One operation at one size.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    requests: f64,
    bytes: f64,
    median: f64,
    p95: f64,
}

/// This machine's time and randomness; unique versions are sufficient here.
#[derive(Debug)]
struct Clock(AtomicU64);

impl Clock {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(AtomicU64::new(now.map_or(1, |now| now.as_nanos() as u64)))
    }
}

impl Host for Clock {
    fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp::from_millis(now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(0)))
    }

    fn random(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            let mixed = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(29) ^ n;
            part.copy_from_slice(&mixed.to_le_bytes()[..part.len()]);
        }
    }

    async fn sleep(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

type Tree<S> = Storage<Counted<S>, Clock>;

/// Runs it and prints the tables.
///
/// # Errors
///
/// If a store failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for (shape, name) in Shape::ALL {
        let (mut counted, mut timed) = (Vec::new(), Vec::new());
        for &documents in &options.documents {
            let memory = Arc::new(Counted::new(MemoryStore::new()));
            runtime.block_on(fill(&memory, shape, documents))?;
            let folder = match &options.folder {
                Some(folder) => {
                    std::fs::create_dir_all(folder)?;
                    tempfile::tempdir_in(folder)?
                }
                None => tempfile::tempdir()?,
            };
            let picked = pick(documents, options.times);
            let files = Arc::new(Counted::new(FsStore::open(folder.path())?));
            runtime.block_on(copy(&memory, &files, shape, &picked))?;
            counted.push(runtime.block_on(measure(&memory, shape, &picked))?);
            timed.push(runtime.block_on(measure(&files, shape, &picked))?);
        }
        print(name, &options.documents, &counted, &timed);
    }
    Ok(())
}

fn account() -> Result<AccountName> {
    "alice".parse().context("a name")
}

fn document(path: &str) -> Result<DocumentPath> {
    match ItemPath::parse(path)? {
        ItemPath::Document(path) => Ok(path),
        ItemPath::Folder(_) => bail!("{path} is a folder"),
    }
}

fn folder(path: &str) -> Result<FolderPath> {
    let end = path.rfind('/').map_or(0, |at| at + 1);
    match ItemPath::parse(&path[..end])? {
        ItemPath::Folder(path) => Ok(path),
        ItemPath::Document(_) => bail!("{path} is no folder"),
    }
}

/// Documents throughout the module, in a different order.
fn pick(documents: usize, times: usize) -> Vec<usize> {
    let step = documents * 382 / 1000 + 1;
    (0..times).map(|n| (n * step + n) % documents).collect()
}

async fn fill(store: &Arc<Counted<MemoryStore>>, shape: Shape, documents: usize) -> Result<()> {
    let tree = Storage::new(Arc::clone(store), Arc::new(Clock::new()));
    let all: Vec<usize> = (0..documents).collect();
    for some in all.chunks(BATCH) {
        let changes = some.iter().map(|&n| {
            Ok(Change::Put {
                path: document(&shape.path(n))?,
                content_type: "application/json".to_owned(),
                body: Bytes::from_static(BODY),
                condition: WriteCondition::None,
            })
        });
        let changes = changes.collect::<Result<Vec<_>>>()?;
        tree.commit(&account()?, changes, None).await?;
    }
    Ok(())
}

/// Copies the index, and those documents that will be requested; the head last.
async fn copy(
    from: &Arc<Counted<MemoryStore>>,
    to: &Arc<Counted<FsStore>>,
    shape: Shape,
    picked: &[usize],
) -> Result<()> {
    let prefixes = picked.iter().map(|&n| {
        let path = document(&shape.path(n))?;
        Ok(format!(
            "accounts/alice/data/{}@",
            path.segments().join("/")
        ))
    });
    let mut prefixes = prefixes.collect::<Result<Vec<_>>>()?;
    prefixes.extend(["pages", "index"].map(|part| format!("accounts/alice/{part}/")));
    for prefix in prefixes {
        let mut after: Option<String> = None;
        loop {
            let entries = from.list(&prefix, after.as_deref()).await?;
            for entry in &entries {
                let object = from.get(&entry.key, GetOptions::default()).await?;
                to.put(&entry.key, object.body, PutMode::Overwrite).await?;
            }
            match entries.last() {
                Some(last) => after = Some(last.key.clone()),
                None => break,
            }
        }
    }
    Ok(())
}

async fn measure<S: ObjectStore>(
    store: &Arc<Counted<S>>,
    shape: Shape,
    picked: &[usize],
) -> Result<[Cell; OPERATIONS.len()]> {
    let account = account()?;
    let instance = || Storage::new(Arc::clone(store), Arc::new(Clock::new()));
    let warm = instance();
    // Has what is about to be requested in its cache.
    for &n in picked {
        let path = shape.path(n);
        warm.document_info(&account, &document(&path)?).await?;
    }
    warm.read_folder(&account, &folder(&shape.path(0))?, &[])
        .await?;
    let mut cells = [Cell::default(); OPERATIONS.len()];
    for (operation, cell) in cells.iter_mut().enumerate() {
        let mut samples = Vec::new();
        for &n in picked {
            let path = shape.path(n);
            let cold = operation == 2 || operation == 5;
            let tree = if cold { instance() } else { warm.clone() };
            // Only polls need it, and a large folder takes long to list.
            let known = match operation {
                4 | 5 => match warm.read_folder(&account, &folder(&path)?, &[]).await? {
                    FolderRead::Found(folder) => vec![folder.version.clone()],
                    FolderRead::NotModified(version) => vec![version],
                },
                _ => Vec::new(),
            };
            store.take();
            let start = Instant::now();
            match operation {
                0 => get(&tree, &account, &path).await?,
                1 | 2 => put(&tree, &account, &path).await?,
                3 => drop(tree.read_folder(&account, &folder(&path)?, &[]).await?),
                _ => {
                    let read = tree.read_folder(&account, &folder(&path)?, &known).await?;
                    if !matches!(read, FolderRead::NotModified(_)) {
                        bail!("the folder of {path} changed by itself");
                    }
                }
            }
            samples.push((start.elapsed(), store.take()));
        }
        *cell = summary(&samples);
    }
    Ok(cells)
}

async fn get<S: ObjectStore>(tree: &Tree<S>, account: &AccountName, path: &str) -> Result<()> {
    let there = document(path)?;
    let read = tree.read_document(account, &there, &[], None).await?;
    let DocumentRead::Found { mut body, .. } = read else {
        bail!("{path} is not modified");
    };
    let mut length = 0;
    while let Some(chunk) = body.next().await {
        length += chunk?.len();
    }
    if length != BODY.len() {
        bail!("{path} has {length} bytes");
    }
    Ok(())
}

async fn put<S: ObjectStore>(tree: &Tree<S>, account: &AccountName, path: &str) -> Result<()> {
    let body = futures_util::stream::iter([Ok(Bytes::from_static(BODY))]);
    let condition = WriteCondition::None;
    let path = document(path)?;
    let kind = "application/json";
    tree.put(account, &path, kind, Box::pin(body), &condition, None)
        .await?;
    Ok(())
}

fn summary(samples: &[(Duration, Counts)]) -> Cell {
    let mut times: Vec<f64> = samples
        .iter()
        .map(|(time, _)| time.as_secs_f64() * 1e6)
        .collect();
    times.sort_by(f64::total_cmp);
    let count = samples.len().max(1) as f64;
    let mean = |of: fn(&Counts) -> u64| {
        samples.iter().map(|(_, counts)| of(counts)).sum::<u64>() as f64 / count
    };
    let at = |share: f64| {
        let at = (times.len() as f64 * share) as usize;
        times.get(at.min(times.len().saturating_sub(1))).copied()
    };
    Cell {
        requests: mean(|counts| counts.requests),
        bytes: mean(|counts| counts.bytes),
        median: at(0.5).unwrap_or_default(),
        p95: at(0.95).unwrap_or_default(),
    }
}

#[allow(clippy::print_stdout, reason = "this is the benchmark's result")]
fn print(
    name: &str,
    documents: &[usize],
    counted: &[[Cell; OPERATIONS.len()]],
    timed: &[[Cell; OPERATIONS.len()]],
) {
    println!("\n{name}: requests and bytes of a store in memory, microseconds of a store on disk.");
    println!("In brackets: times the first row.");
    for (at, operation) in OPERATIONS.iter().enumerate() {
        println!(
            "\n{operation:>10} {:>18} {:>22} {:>20} {:>20}",
            "requests", "bytes", "median µs", "p95 µs"
        );
        for (row, documents) in documents.iter().enumerate() {
            let cell = |of: fn(&Cell) -> f64, from: &[[Cell; OPERATIONS.len()]]| {
                let (value, first) = (of(&from[row][at]), of(&from[0][at]));
                let ratio = value / first.max(f64::MIN_POSITIVE);
                let digits = usize::from(first < 100.0) * 2;
                if first == 0.0 {
                    return format!("{value:.digits$}       ");
                }
                format!("{value:.digits$} ({ratio:>5.2})")
            };
            println!(
                "{documents:>10} {:>18} {:>22} {:>20} {:>20}",
                cell(|cell| cell.requests, counted),
                cell(|cell| cell.bytes, counted),
                cell(|cell| cell.median, timed),
                cell(|cell| cell.p95, timed),
            );
        }
    }
}
