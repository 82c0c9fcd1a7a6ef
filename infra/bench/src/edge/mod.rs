//! The functions on the edge and natively: sizes, times and the cost of a request.

mod hosts;
mod table;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::load::{self, Operation};
use hosts::Host;

const CONNECTIONS: [usize; 2] = [1, 16];
const WARM_UP: Duration = Duration::from_millis(500);
const OPERATIONS: [Operation; 5] = [
    Operation::Get,
    Operation::Put,
    Operation::Folder,
    Operation::Poll,
    Operation::Hook,
];
/// The target for the size of the Worker and of the component, compressed, in bytes.
const AIM_WORKER: u64 = 1_000_000;
const AIM_COMPONENT: u64 = 1_500_000;

/// Flags of `bench edge`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The binary `subspace-functions`, built for release.
    #[arg(long)]
    functions: PathBuf,
    /// The component.
    #[arg(long)]
    component: PathBuf,
    /// What runs it.
    #[arg(long)]
    wasmtime: PathBuf,
    /// The project's folder, with the built Worker and wrangler.
    #[arg(long)]
    project: PathBuf,
    /// Length of one measurement, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only these hosts: fs, s3, spin, workers.
    #[arg(long, value_delimiter = ',', default_values = ["fs", "s3", "spin", "workers"])]
    hosts: Vec<String>,
    /// The cost of a password at the edge, `usual` or `light`; natively always `usual`.
    #[arg(long, default_value = "usual")]
    password_cost: String,
}

/// Measurements of one kind of request.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Correct responses per second.
    rate: f64,
    /// The host's processor time per response, in microseconds.
    processor: f64,
    /// Median and 99th percentile of the response time, in microseconds.
    median: u32,
    p99: u32,
}

/// All measurements of a host.
#[derive(Debug)]
struct Found {
    name: &'static str,
    /// From its start until it reports that it is ready.
    start: Duration,
    /// The first request after that, which creates cached state; and the second.
    first: Duration,
    second: Duration,
    /// By operation, then by connections.
    samples: Vec<[Sample; 2]>,
    /// The cost of one request, sent sequentially, in milliseconds: processor, elapsed.
    single: Vec<(&'static str, f64, f64)>,
    /// In bytes, after all of that.
    resident: u64,
}

/// Measures everything and prints the tables.
///
/// # Errors
///
/// If something could not be started or responded incorrectly.
pub(crate) fn run(options: &Options) -> Result<()> {
    let time = Duration::try_from_secs_f64(options.seconds).context("--seconds")?;
    let worker = options.project.join("functions/cloudflare/build");
    let sizes = [
        (
            "Worker, WebAssembly and JavaScript",
            packed(&[worker.join("index_bg.wasm"), worker.join("index.js")])?,
            AIM_WORKER,
        ),
        (
            "Spin component",
            packed(std::slice::from_ref(&options.component))?,
            AIM_COMPONENT,
        ),
    ];
    table::sizes(&sizes);
    table::load("at the beginning");
    let mut all = Vec::new();
    for name in &options.hosts {
        let found = measure(&hosts::start(name, options)?, time)?;
        table::progress(&found);
        all.push(found);
    }
    table::load("at the end");
    table::print(&all);
    Ok(())
}

/// The size of files, and of their output from `gzip -9`.
fn packed(files: &[PathBuf]) -> Result<(u64, u64)> {
    let mut sum = (0, 0);
    for file in files {
        let all = std::fs::metadata(file).with_context(|| file.display().to_string())?;
        sum.0 += all.len();
        sum.1 += gzipped(file)?;
    }
    Ok(sum)
}

fn gzipped(file: &Path) -> Result<u64> {
    let output = Command::new("gzip").args(["-9", "-c"]).arg(file).output()?;
    if !output.status.success() {
        bail!("gzip failed with {}", file.display());
    }
    Ok(u64::try_from(output.stdout.len())?)
}

fn measure(host: &Host, time: Duration) -> Result<Found> {
    let mut samples = Vec::new();
    for operation in OPERATIONS {
        let mut both = Vec::new();
        for connections in CONNECTIONS {
            both.push(sample(host, operation, connections, time)?);
        }
        samples.push([both[0], both[1]]);
    }
    Ok(Found {
        name: host.name,
        start: host.start,
        first: host.first,
        second: host.second,
        samples,
        single: hosts::singles(host)?,
        resident: host.server.usage()?.resident,
    })
}

fn sample(host: &Host, operation: Operation, connections: usize, time: Duration) -> Result<Sample> {
    let mut target = host.target.clone();
    if operation == Operation::Hook {
        target.hooks = host.hooks(connections);
    }
    // Hooks accept few events at once: none is wasted on warming up.
    let warm_up = match operation {
        Operation::Hook => Duration::ZERO,
        _ => WARM_UP,
    };
    let before = Rc::new(Cell::new(None));
    let set = Rc::clone(&before);
    let meter = host.server.meter();
    let start = Instant::now() + warm_up;
    let mut outcome = load::run(&target, operation, connections, warm_up, time, move || {
        set.set(meter.usage().ok());
    })
    .with_context(|| host.name)?;
    let after = host.server.usage()?;
    let before = before.get().context("a server is gone")?;
    let end = outcome
        .last
        .with_context(|| format!("{operation:?} had no answer"))?;
    let processor = after.processor.saturating_sub(before.processor);
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let answers = outcome.answers as f64;
    outcome.latencies.sort_unstable();
    let at = |percent: usize| {
        let rank = outcome.latencies.len() * percent / 100;
        outcome.latencies.get(rank).copied().unwrap_or(0)
    };
    Ok(Sample {
        rate: answers / end.saturating_duration_since(start).as_secs_f64(),
        processor: processor.as_secs_f64() * 1e6 / answers,
        median: at(50),
        p99: at(99),
    })
}
