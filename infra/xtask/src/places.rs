//! Locations on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// The folders that the commands work in.
#[derive(Debug)]
pub(crate) struct Places {
    /// The project's root.
    pub(crate) root: PathBuf,
    /// Everything that can be recreated, and may be deleted at any time: tools, peers, CI's builds.
    pub(crate) cache: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
}

impl Places {
    /// Finds the project that this program was built from.
    ///
    /// CI works in a fresh clone each time: there cargo builds in the user's cache folder, so that the next run is
    /// faster. `CARGO_TARGET_DIR` takes precedence.
    ///
    /// # Errors
    ///
    /// If the project no longer exists, or no cache folder is known.
    pub(crate) fn find() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let Some(root) = manifest.ancestors().nth(2).map(Path::to_path_buf) else {
            bail!("no project above {}", manifest.display());
        };
        if !root.join("Cargo.toml").is_file() {
            bail!("{} is no project; run `cargo xtask` in it", root.display());
        }
        let cache = match non_empty("XDG_CACHE_HOME") {
            Some(folder) => folder,
            None => non_empty("HOME")
                .context("neither XDG_CACHE_HOME nor HOME is set, so there is no cache folder")?
                .join(".cache"),
        };
        let cache = cache.join("subspace");
        let target = non_empty("CARGO_TARGET_DIR").map_or_else(
            || {
                if in_ci() {
                    cache.join("target")
                } else {
                    root.join("target")
                }
            },
            |target| root.join(target),
        );
        Ok(Self {
            root,
            cache,
            target,
        })
    }

    /// Returns the end-to-end suite's folder.
    pub(crate) fn e2e(&self) -> PathBuf {
        self.root.join("infra/e2e")
    }

    /// Returns the web client's folder.
    pub(crate) fn client(&self) -> PathBuf {
        self.root.join("static-client")
    }

    /// Creates a cargo command that works in the project.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = process::command("cargo");
        cargo
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        if in_ci() {
            // Incremental builds only help when the same folder is built again.
            cargo.env("CARGO_INCREMENTAL", "0");
        }
        cargo
    }
}

/// Returns whether this is a run of CI.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Returns the path of the first of `names` that can be found, including where Debian keeps servers.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    let folders: Vec<_> = std::env::split_paths(&path).chain(system).collect();
    names.iter().find_map(|name| {
        let candidates = folders.iter().map(|folder| folder.join(name));
        candidates.into_iter().find(|path| is_executable(path))
    })
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn non_empty(variable: &str) -> Option<PathBuf> {
    let value = std::env::var_os(variable)?;
    (!value.is_empty()).then(|| PathBuf::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_project_and_programs() {
        let places = Places::find().unwrap();
        assert!(places.root.join("infra/xtask/Cargo.toml").is_file());
        assert!(find_program(&["no-such-program-anywhere", "sh"]).is_some());
        assert!(find_program(&["no-such-program-anywhere"]).is_none());
    }
}
