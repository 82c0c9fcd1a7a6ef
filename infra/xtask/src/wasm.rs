//! A Rust toolchain that builds for WebAssembly: rustup's targets, else Debian's packages.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};

use crate::places::{Places, find_program};
use crate::process;
use crate::report::{say, timed};
use crate::wasm_debian::DebianRust;
use crate::wasm_target::Target;

/// How long rustup may take to fetch the targets, in seconds.
const RUSTUP_SECONDS: &str = "180";
/// How long a failure of rustup is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// Determines which Rust is used, `rustup` or `debian`; to test one of them.
const CHOICE: &str = "SUBSPACE_WASM_RUST";

/// A Rust with both targets.
#[derive(Clone, Debug)]
pub(crate) enum WasmRust {
    /// The Rust that is used for everything else too.
    Usual,
    /// Debian's, unpacked into the cache.
    Debian(DebianRust),
}

impl WasmRust {
    /// Finds one, or installs it.
    ///
    /// # Errors
    ///
    /// If neither rustup nor Debian's packages are available.
    pub(crate) fn find(places: &Places) -> Result<Self> {
        let choice = std::env::var(CHOICE).unwrap_or_default();
        match choice.as_str() {
            "" => {
                if usual_knows_targets() || rustup_adds_targets(places)? {
                    return Ok(Self::Usual);
                }
                DebianRust::find(places).map(Self::Debian)
            }
            "rustup" if usual_knows_targets() || rustup_adds_targets(places)? => Ok(Self::Usual),
            "rustup" => bail!("{CHOICE}=rustup, but rustup could not fetch the targets"),
            "debian" => DebianRust::find(places).map(Self::Debian),
            other => bail!("{CHOICE}: found \"{other}\", expected rustup or debian"),
        }
    }

    /// Creates a cargo command that builds with this Rust, in a separate target folder.
    ///
    /// # Errors
    ///
    /// If the environment cannot be set.
    pub(crate) fn cargo(&self, places: &Places) -> Result<Command> {
        let mut cargo = places.cargo();
        cargo.env("CARGO_TARGET_DIR", self.target_folder(places));
        self.prepare(&mut cargo)?;
        Ok(cargo)
    }

    /// Sets the environment of a program that starts cargo.
    ///
    /// # Errors
    ///
    /// If the environment cannot be set.
    pub(crate) fn prepare(&self, command: &mut Command) -> Result<()> {
        match self {
            Self::Usual => Ok(()),
            Self::Debian(rust) => rust.prepare(command),
        }
    }

    /// Returns the target folder: two compilers would discard each other's work.
    pub(crate) fn target_folder(&self, places: &Places) -> PathBuf {
        places.target.join(match self {
            Self::Usual => "wasm",
            Self::Debian(_) => "wasm-debian",
        })
    }
}

/// Runs a cargo command that builds for WebAssembly.
///
/// # Errors
///
/// If there is no such Rust, or cargo failed.
pub(crate) fn cargo(places: &Places, arguments: &[String]) -> Result<()> {
    let mut cargo = WasmRust::find(places)?.cargo(places)?;
    process::run(cargo.args(arguments))
}

fn usual_knows_targets() -> bool {
    [Target::Wasi, Target::Unknown].into_iter().all(|target| {
        let mut rustc = process::command("rustc");
        rustc.args(["--print", "target-libdir", "--target", target.triple()]);
        process::output(&mut rustc).is_ok_and(|folder| {
            std::fs::read_dir(folder.trim()).is_ok_and(|mut files| files.next().is_some())
        })
    })
}

/// Makes rustup fetch the targets; returns whether they are available now. A failure is remembered for a day.
fn rustup_adds_targets(places: &Places) -> Result<bool> {
    if find_program(&["rustup"]).is_none() {
        return Ok(false);
    }
    let failed = places.cache.join("rustup-has-no-wasm-targets");
    if is_younger(&failed, REMEMBERED) {
        return Ok(false);
    }
    let what = "Fetching Rust's targets for WebAssembly with rustup";
    let fetched = timed(what, || {
        let mut rustup = process::command("timeout");
        rustup
            .args([RUSTUP_SECONDS, "rustup", "target", "add"])
            .args([Target::Wasi.triple(), Target::Unknown.triple()])
            .env("RUSTUP_MAX_RETRIES", "0");
        process::run_quietly(&mut rustup)
    });
    if fetched.is_ok() && usual_knows_targets() {
        return Ok(true);
    }
    if process::interrupted() {
        bail!("interrupted");
    }
    say(format_args!(
        "    rustup could not; Debian's packages are tried"
    ));
    std::fs::create_dir_all(&places.cache)?;
    std::fs::write(&failed, "remembered for a day\n")?;
    Ok(false)
}

fn is_younger(file: &std::path::Path, age: Duration) -> bool {
    let changed = std::fs::metadata(file).and_then(|data| data.modified());
    changed.is_ok_and(|time| {
        SystemTime::now()
            .duration_since(time)
            .is_ok_and(|passed| passed < age)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_remembered_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("failed");
        assert!(!is_younger(&file, REMEMBERED));
        std::fs::write(&file, "").unwrap();
        assert!(is_younger(&file, REMEMBERED));
        assert!(!is_younger(&file, Duration::ZERO));
    }
}
