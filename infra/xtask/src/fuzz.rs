//! `cargo xtask fuzz`: libFuzzer over everything that parses what strangers send.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::places::Places;
use crate::report::{say, timed};
use crate::{install, process};

/// Inputs of each target that the suite tries; some seconds each.
const RUNS_IN_SUITE: u32 = 10_000;
/// Bytes of an input.
const MAX_LENGTH: u32 = 4096;
/// Seconds that an input may take before it counts as a failure.
const MAX_SECONDS: u32 = 20;
/// Memory of the fuzzer, in MiB.
const MAX_MEMORY: u32 = 2048;

/// How long, and from where.
#[derive(Clone, Copy, Debug)]
enum Amount {
    /// The same inputs each time.
    Runs(u32),
    /// As many as there is time for, and on from those that were interesting in earlier runs.
    Seconds(u64),
}

/// Fuzzes the targets, all if none is named, for this long in total.
///
/// # Errors
///
/// If the fuzzer could not be built, or an input failed: it says which file has the input.
pub(crate) fn run(
    places: &Places,
    minutes: u64,
    seed: Option<u32>,
    targets: &[String],
) -> Result<()> {
    let chosen = chosen(&all(places)?, targets)?;
    let fuzzer = build(places)?;
    let each = u64::try_from(chosen.len()).unwrap_or(1).max(1);
    let seconds = (60 * minutes).div_ceil(each).max(1);
    for target in chosen {
        say(format_args!("==> {target} for {seconds} s"));
        // 0 has libFuzzer choose one, and print it.
        let seed = seed.unwrap_or(0);
        fuzz(places, &fuzzer, &target, seed, Amount::Seconds(seconds))?;
    }
    Ok(())
}

/// Fuzzes every target for some seconds, always with the same inputs.
///
/// # Errors
///
/// Like [`run`].
pub(crate) fn in_suite(places: &Places) -> Result<()> {
    let fuzzer = build(places)?;
    for target in all(places)? {
        say(format_args!("==> {target}"));
        fuzz(places, &fuzzer, &target, 1, Amount::Runs(RUNS_IN_SUITE))?;
    }
    Ok(())
}

/// The names of all targets: each has a folder of seeds.
fn all(places: &Places) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in std::fs::read_dir(places.root.join("infra/fuzz/seeds"))? {
        names.extend(folder?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn chosen(all: &[String], named: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        bail!("--target {unknown}: expected one of {}", all.join(", "));
    }
    Ok(if named.is_empty() { all } else { named }.to_vec())
}

/// Builds the fuzzer, with the workspace's crates instrumented, and returns where it is.
fn build(places: &Places) -> Result<PathBuf> {
    install::packages(&[install::CC, install::CXX, install::LIBC])?;
    let debug = places.target.join("debug");
    timed("Building the fuzzer", || {
        let mut cargo = places.cargo();
        process::run(cargo.args(["build", "--package=xtask", "--bin=instrumented-rustc"]))?;
        let mut cargo = places.cargo();
        cargo.args([
            "build",
            "--package=fuzz",
            "--bin=fuzz",
            "--features=libfuzzer",
        ]);
        cargo.env("RUSTC_WORKSPACE_WRAPPER", debug.join("instrumented-rustc"));
        process::run(&mut cargo)
    })?;
    Ok(debug.join("fuzz"))
}

fn fuzz(places: &Places, fuzzer: &Path, target: &str, seed: u32, amount: Amount) -> Result<()> {
    let ours = places.root.join("infra/fuzz");
    let kept = places.cache.join("fuzz").join(target);
    let failed = kept.join("failed");
    std::fs::create_dir_all(&failed)?;
    let mut command = process::command(fuzzer);
    command
        .env("FUZZ_TARGET", target)
        .arg(format!("-seed={seed}"))
        .arg(format!("-max_len={MAX_LENGTH}"))
        .arg(format!("-timeout={MAX_SECONDS}"))
        .arg(format!("-rss_limit_mb={MAX_MEMORY}"))
        .arg(format!("-dict={}", ours.join("words.dict").display()))
        .arg(format!("-artifact_prefix={}/", failed.display()))
        .args(["-print_final_stats=1", "-verbosity=0"]);
    match amount {
        Amount::Runs(runs) => {
            command.arg(format!("-runs={runs}"));
        }
        Amount::Seconds(seconds) => {
            // The first folder is where interesting inputs are kept.
            let found = kept.join("found");
            std::fs::create_dir_all(&found)?;
            command.arg(format!("-max_total_time={seconds}")).arg(found);
        }
    }
    command.arg(ours.join("seeds").join(target));
    if let Err(error) = process::run(&mut command) {
        bail!(
            "{error}; the input is in {}, and belongs into infra/fuzz/seeds/{} once it passes",
            failed.display(),
            target
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_names() {
        let all = ["ircd".to_owned(), "line".to_owned()];
        assert_eq!(chosen(&all, &[]).unwrap(), all);
        assert_eq!(chosen(&all, &all[..1]).unwrap(), all[..1]);
        let error = chosen(&all, &["x".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "--target x: expected one of ircd, line");
    }
}
