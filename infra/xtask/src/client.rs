//! The web client's build.

use anyhow::Result;

use crate::places::Places;
use crate::report::timed;
use crate::{install, npm, process, stamp};

/// Builds the web client, unless the last build was of the same sources.
///
/// # Errors
///
/// A tool is missing and could not be installed, or the build failed.
pub(crate) fn build(places: &Places) -> Result<()> {
    install::packages(&[install::NODE, install::NPM])?;
    let folder = places.client();
    let sources = stamp::files_below(&folder, &["node_modules", "dist", ".git", "tmp"])?;
    let fingerprint = stamp::fingerprint(&sources, &npm::node_version()?)?;
    let stamp = folder.join("node_modules/.subspace-build");
    if folder.join("dist/index.html").is_file() && stamp::is_current(&stamp, &fingerprint) {
        return Ok(());
    }
    npm::install(places, &folder)?;
    timed("Building the web client", || {
        process::run_quietly(npm::npm(&folder).args(["run", "build"]))
    })?;
    stamp::write(&stamp, &fingerprint)
}
