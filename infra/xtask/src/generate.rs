//! Files that are written from the sources of others: lists, the keys of the configuration, and what the web client knows of
//! the functions.

use anyhow::{Context, Result};

use crate::places::Places;
use crate::process;

/// Packages whose tests named `generated` write files, or compare them.
const PACKAGES: &[&str] = &["functions-core", "protocol", "subspace"];

/// Writes them.
///
/// # Errors
///
/// A file cannot be written.
pub(crate) fn write(places: &Places) -> Result<()> {
    run(places, "write")
}

/// Compares them with what would be written.
///
/// # Errors
///
/// Some differ.
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
