//! Files generated from other sources: lists, the keys of the configuration, and the functions' API as the web client
//! knows it.

use anyhow::{Context, Result};

use crate::places::Places;
use crate::process;

/// Packages with tests named `generated` that write the files, or compare them.
const PACKAGES: &[&str] = &["functions-core", "protocol", "subspace"];

/// Writes them.
///
/// # Errors
///
/// If a file cannot be written.
pub(crate) fn write(places: &Places) -> Result<()> {
    run(places, "write")
}

/// Compares them with their expected content.
///
/// # Errors
///
/// If some differ.
pub(crate) fn check(places: &Places) -> Result<()> {
    run(places, "check").context("run `cargo xtask generate`")
}

fn run(places: &Places, how: &str) -> Result<()> {
    let mut cargo = places.cargo();
    cargo.args(["test", "--quiet", "--lib", "--bins"]);
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    cargo.arg("generated").env("SUBSPACE_GENERATE", how);
    process::run_quietly(&mut cargo)
}
