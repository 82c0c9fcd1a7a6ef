//! `cargo xtask run`: from a clone to a running chat.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::places::Places;
use crate::report::{say, timed};
use crate::{client, install, process};

/// Builds whatever is missing and executes `subspace serve`.
///
/// # Errors
///
/// If something could not be installed, built or started; returns only then.
pub(crate) fn run(places: &Places, mut flags: Vec<String>) -> Result<()> {
    if flags.iter().any(|flag| flag == "--help" || flag == "-h") {
        return help(places);
    }
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

/// Shows the flags, without building anything for that.
fn help(places: &Places) -> Result<()> {
    let subspace = places.target.join("release/subspace");
    if subspace.exists() {
        let error = process::command(subspace).args(["serve", "--help"]).exec();
        return Err(error).context("cannot start subspace");
    }
    say(format_args!(
        "What comes after -- is for `subspace serve`, which is not built yet; every flag is in docs/operate/configuration.md"
    ));
    Ok(())
}
