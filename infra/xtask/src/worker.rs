//! The Workers: built by worker-build, with the tools pinned here.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::places::Places;
use crate::report::timed;
use crate::wasm::WasmRust;
use crate::wasm_names::without_names;
use crate::{client, install, npm, process, stamp, tools};

/// The profile in Cargo.toml.
const PROFILE: &str = "edge";
/// The packages that are Workers: the functions, and the one that tests the store.
const FUNCTIONS: &str = "functions/cloudflare";
const CONTRACT: &str = "storage-adapter/r2/contract";
/// Their sources.
const SOURCES: [&str; 4] = [
    "storage-adapter",
    "functions/core",
    "functions/hooks",
    FUNCTIONS,
];

/// Builds what `wrangler.toml` deploys: the web client and the Worker with the functions; with `tests` the one that
/// tests the store as well.
///
/// # Errors
///
/// If a tool is missing and could not be installed, or a build failed.
pub(crate) fn build(places: &Places, tests: bool) -> Result<()> {
    client::build(places)?;
    if tests {
        return build_for_tests(places);
    }
    workers(places, &[FUNCTIONS])
}

/// Builds the Workers that the tests start.
///
/// # Errors
///
/// Like [`build`].
pub(crate) fn build_for_tests(places: &Places) -> Result<()> {
    workers(places, &[FUNCTIONS, CONTRACT])
}

fn workers(places: &Places, packages: &[&str]) -> Result<()> {
    install::packages(&[install::CC, install::LIBC, install::NODE, install::NPM])?;
    // esbuild comes with wrangler.
    npm::install(places, &places.root)?;
    let fingerprint = fingerprint(places)?;
    for package in packages {
        let folder = places.root.join(package);
        let stamp = folder.join("build/.subspace-build");
        if stamp::is_current(&stamp, &fingerprint) && folder.join("build/index.js").is_file() {
            continue;
        }
        timed(&format!("Building the Worker {package}"), || {
            worker_build(places, &folder)?;
            // wasm-bindgen needs the names; afterwards they are useless, and a fifth of the upload.
            let built = folder.join("build/index_bg.wasm");
            let whole = std::fs::read(&built).with_context(|| format!("{}", built.display()))?;
            Ok(std::fs::write(&built, without_names(&whole)?)?)
        })?;
        stamp::write(&stamp, &fingerprint)?;
    }
    Ok(())
}

fn worker_build(places: &Places, folder: &Path) -> Result<()> {
    let rust = WasmRust::find(places)?;
    let mut command = process::command(tools::cargo_tool(places, &tools::WORKER_BUILD)?);
    rust.prepare(&mut command)?;
    command
        .current_dir(folder)
        .args(["--profile", PROFILE, "--no-opt"])
        .env("CARGO_TARGET_DIR", rust.target_folder(places))
        .env(
            "WASM_BINDGEN_BIN",
            tools::cargo_tool(places, &tools::WASM_BINDGEN)?,
        )
        .env("ESBUILD_BIN", esbuild(places)?);
    process::run_quietly(&mut command)
}

fn esbuild(places: &Places) -> Result<PathBuf> {
    let program = places.root.join("node_modules/.bin/esbuild");
    if !program.is_file() {
        bail!("wrangler brought no esbuild; run `npm ci`");
    }
    Ok(program)
}

fn fingerprint(places: &Places) -> Result<String> {
    let mut files = vec![
        places.root.join("Cargo.toml"),
        places.root.join("Cargo.lock"),
        places.root.join("package-lock.json"),
    ];
    for folder in SOURCES {
        let below = stamp::files_below(&places.root.join(folder), &["build", "tests"])
            .with_context(|| format!("cannot list {folder}"))?;
        files.extend(below);
    }
    stamp::fingerprint(&files, PROFILE)
}
