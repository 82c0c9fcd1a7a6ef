//! The component and wasmtime.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What wasmtime prints when it listens.
pub(crate) const SERVES: &str = "Serving HTTP on";

/// The build products.
pub(crate) struct Built {
    pub(crate) component: PathBuf,
    wasmtime: PathBuf,
}

/// Creates the command that serves the component on an address, with options of wasmtime and these variables.
pub(crate) fn serve(
    options: &[String],
    address: SocketAddr,
    variables: &[(&'static str, String)],
) -> Command {
    let built = built();
    let mut command = Command::new(&built.wasmtime);
    command
        .args(["serve", "-Wcomponent-model-async=y", "-Sp3=y,cli=y"])
        .arg(format!("--addr={address}"))
        .args(options)
        // `--env NAME` forwards a variable from wasmtime's own environment, so that no secret is on a command line.
        .args(variables.iter().map(|(name, _)| format!("--env={name}")))
        .envs(variables.iter().cloned())
        .arg(&built.component);
    command
}

/// Returns what the variables name, as set by `cargo xtask test`; otherwise has xtask build it.
pub(crate) fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let named = |name| std::env::var_os(name).map(PathBuf::from);
        if let (Some(component), Some(wasmtime)) =
            (named("SUBSPACE_SPIN_COMPONENT"), named("SUBSPACE_WASMTIME"))
        {
            return Built {
                component,
                wasmtime,
            };
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut cargo = Command::new("cargo");
        let output = cargo
            .args(["xtask", "spin"])
            .current_dir(root)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo xtask spin failed:\n{said}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut lines = printed.lines().map(PathBuf::from);
        Built {
            component: lines.next().unwrap(),
            wasmtime: lines.next().unwrap(),
        }
    })
}
