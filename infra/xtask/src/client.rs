//! The web client's build.

use std::path::Path;

use anyhow::Result;

use crate::places::Places;
use crate::report::timed;
use crate::{install, npm, process, stamp};

/// Builds the web client, unless the existing build is of these sources.
///
/// # Errors
///
/// If a tool is missing and could not be installed, or the build failed.
pub(crate) fn build(places: &Places) -> Result<()> {
    install::packages(&[install::NODE, install::NPM])?;
    let folder = places.client();
    let stamp = folder.join("node_modules/.subspace-build");
    let sources = fingerprint_of_sources(&folder)?;
    // The client's tests build to the same folder, so the output counts too.
    let current = |built: String| stamp::is_current(&stamp, &format!("{sources} {built}"));
    if fingerprint_of_build(&folder).is_ok_and(current) {
        return Ok(());
    }
    npm::install(places, &folder)?;
    timed("Building the web client", || {
        process::run_quietly(npm::npm(&folder).args(["run", "build"]))
    })?;
    let built = fingerprint_of_build(&folder)?;
    stamp::write(&stamp, &format!("{sources} {built}"))
}

fn fingerprint_of_sources(folder: &Path) -> Result<String> {
    let sources = stamp::files_below(folder, &["node_modules", "dist", "tests", "tmp"])?;
    stamp::fingerprint(&sources, &npm::node_version()?)
}

fn fingerprint_of_build(folder: &Path) -> Result<String> {
    stamp::fingerprint(&stamp::files_below(&folder.join("dist"), &[])?, "")
}
