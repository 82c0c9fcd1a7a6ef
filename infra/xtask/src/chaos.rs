//! `cargo xtask chaos`: the tests that let everything go wrong, for longer than in the suite.

use anyhow::Result;

use crate::places::Places;
use crate::{install, process};

/// Ten writers to a module over two instances: half of the time over the store in memory, half over a folder.
///
/// # Errors
///
/// No order of the operations explains what was answered; the seed was printed.
pub(crate) fn storage(places: &Places, minutes: u64, seed: Option<u64>) -> Result<()> {
    install::packages(&[install::CC, install::LIBC])?;
    let half = minutes.div_ceil(2).max(1).to_string();
    for package in ["storage-adapter", "storage-fs"] {
        let mut cargo = places.cargo();
        cargo.args(["test", "--package", package, "--test=chaos"]);
        cargo.args(["--", "--nocapture"]);
        cargo.env("CHAOS_MINUTES", &half);
        if let Some(seed) = seed {
            cargo.env("SEED", seed.to_string());
        }
        process::run(&mut cargo)?;
    }
    Ok(())
}
