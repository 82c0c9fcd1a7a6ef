//! `cargo xtask run`: from a clone to a running chat.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::places::Places;
use crate::report::timed;
use crate::{client, install, process};

/// Builds what is missing and becomes `subspace serve`.
///
/// # Errors
///
/// Something could not be installed, built or started; returns only then.
pub(crate) fn run(places: &Places, mut flags: Vec<String>) -> Result<()> {
    install::packages(&[install::CC, install::LIBC])?;
    client::build(places)?;
    timed("Building subspace", || {
        let mut cargo = places.cargo();
        process::run(cargo.args(["build", "--release", "--package", "subspace"]))
    })?;
    let given = |flag: &String| flag == "--data" || flag.starts_with("--data=");
    if !flags.iter().any(given) {
        let data = places.root.join("data");
        flags.extend(["--data".to_owned(), data.display().to_string()]);
    }
    let mut subspace = process::command(places.target.join("release/subspace"));
    let error = subspace.arg("serve").args(&flags).exec();
    Err(error).context("cannot start subspace")
}
