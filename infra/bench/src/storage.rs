//! The comparison of remoteStorage servers.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::load::{self, Operation};
use crate::servers::{self, Ready};
use crate::table::{self, Row, Sample};
use crate::wire::ask_once;

const CONNECTIONS: [usize; 2] = [1, 16];
const WARM_UP: Duration = Duration::from_millis(500);
/// Ours, and what it is compared with.
const OURS: &str = "subspace";

/// Flags of `bench storage`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The binary `subspace`, built for release.
    #[arg(long)]
    subspace: PathBuf,
    /// The folder of the npm package armadietto.
    #[arg(long)]
    armadietto: PathBuf,
    /// The binary of nginx.
    #[arg(long, default_value = "/usr/sbin/nginx")]
    nginx: PathBuf,
    /// A folder on the disk to be measured; everything created in it is deleted again.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Length of one measurement, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How often each is measured; the servers take turns, the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these operations.
    #[arg(long, value_delimiter = ',', default_values = ["get", "poll", "folder", "put"])]
    operations: Vec<String>,
}

/// Measures everything and prints the tables.
///
/// # Errors
///
/// If a server could not be started or responded incorrectly.
pub(crate) fn run(options: &Options) -> Result<()> {
    let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    std::fs::create_dir_all(&parent)?;
    let folder = tempfile::tempdir_in(&parent)
        .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
    let at = folder.path();
    let ours = servers::start_subspace(&options.subspace, at).context("subspace")?;
    let listing = listing(&ours)?;
    let theirs = servers::start_armadietto(&options.armadietto, at).context("armadietto")?;
    let bound = servers::start_nginx(&options.nginx, at, &listing).context("nginx")?;
    let servers = [ours, theirs, bound];
    let time = Duration::try_from_secs_f64(options.seconds).context("--seconds")?;
    let mut resident = vec![0; servers.len()];
    for (most, ready) in resident.iter_mut().zip(&servers) {
        *most = ready.server.usage()?.resident;
    }
    let at_rest = resident.clone();
    let mut rows = Vec::new();
    for operation in operations(&options.operations)? {
        for connections in CONNECTIONS {
            let mut samples = vec![Vec::new(); servers.len()];
            for _ in 0..options.rounds {
                for (index, ready) in servers.iter().enumerate() {
                    let (sample, used) = measure(ready, operation, connections, time)?;
                    samples[index].push(sample);
                    resident[index] = resident[index].max(used);
                }
            }
            let medians = samples.into_iter().map(median).collect();
            let row = Row {
                operation,
                connections,
                medians,
            };
            table::progress(&row, &servers);
            rows.push(row);
        }
    }
    table::print(&servers, &rows, &at_rest, &resident);
    Ok(())
}

fn operations(names: &[String]) -> Result<Vec<Operation>> {
    let parse = |name: &String| match name.as_str() {
        "get" => Ok(Operation::Get),
        "poll" => Ok(Operation::Poll),
        "folder" => Ok(Operation::Folder),
        "put" => Ok(Operation::Put),
        _ => bail!("--operations {name}: expected get, poll, folder or put"),
    };
    names.iter().map(parse).collect()
}

/// Returns our response to a folder GET, so that nginx can serve the same bytes.
fn listing(ours: &Ready) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let target = &ours.target;
    let question = target.request("GET", &target.listing, &[], &[]);
    let answer = runtime.block_on(ask_once(target.address, &question))?;
    if answer.status != 200 {
        bail!("{OURS} answered a folder GET with {}", answer.status);
    }
    Ok(answer.body)
}

fn measure(
    ready: &Ready,
    operation: Operation,
    connections: usize,
    time: Duration,
) -> Result<(Sample, u64)> {
    // The processor time is counted from the end of the warm-up, like the responses.
    let before = Rc::new(Cell::new(None));
    let set = Rc::clone(&before);
    let meter = ready.server.meter();
    let start = Instant::now();
    let mut outcome = load::run(
        &ready.target,
        operation,
        connections,
        WARM_UP,
        time,
        move || set.set(meter.usage().ok()),
    )
    .with_context(|| ready.name)?;
    let spent = start.elapsed();
    let after = ready.server.usage()?;
    let before = before.get().context("a server is gone")?;
    if outcome.answers == 0 {
        bail!(
            "{} gave no answer to {operation:?} in {spent:?}",
            ready.name
        );
    }
    let processor = after.processor.saturating_sub(before.processor);
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let answers = outcome.answers as f64;
    outcome.latencies.sort_unstable();
    let rank = outcome.latencies.len() * 99 / 100;
    let sample = Sample {
        rate: answers / time.as_secs_f64(),
        processor: processor.as_secs_f64() * 1e6 / answers,
        p99: outcome.latencies.get(rank).copied().unwrap_or(0).into(),
    };
    Ok((sample, after.resident))
}

/// Returns the sample with the median rate.
fn median(mut samples: Vec<Sample>) -> Sample {
    samples.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    samples[samples.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts() {
        let sample = |rate| Sample {
            rate,
            processor: 0.0,
            p99: 0.0,
        };
        let rate = median(vec![sample(3.0), sample(1.0), sample(2.0)]).rate;
        assert!((rate - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn unknown_operations_are_named() {
        let error = operations(&["gte".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("gte"));
    }
}
