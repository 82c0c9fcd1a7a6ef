//! The component for Spin.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::places::Places;
use crate::report::{say, timed};
use crate::tools;
use crate::wasm::WasmRust;
use crate::wasm_target::Target;
use crate::{client, install, npm, process};

/// What the suite runs.
#[derive(Debug)]
pub(crate) struct Built {
    /// The component.
    pub(crate) component: PathBuf,
    /// The runtime.
    pub(crate) wasmtime: PathBuf,
}

/// Builds the component that imports only WASI, and installs wasmtime.
///
/// # Errors
///
/// If a tool is missing and could not be installed, or the build failed.
pub(crate) fn for_suite(places: &Places) -> Result<Built> {
    let wasmtime = tools::cargo_tool(places, &tools::WASMTIME)?;
    let component = component(places, &[])?;
    Ok(Built {
        component,
        wasmtime,
    })
}

/// Builds the component for the suite and prints its path and wasmtime's; or builds what `spin.toml` names.
///
/// # Errors
///
/// Like [`for_suite`].
pub(crate) fn run(places: &Places, deploy: bool) -> Result<()> {
    if deploy {
        client::build(places)?;
        let built = component(places, &["--features=spin-variables"])?;
        let folder = places.root.join("target/spin");
        std::fs::create_dir_all(&folder)?;
        std::fs::copy(&built, folder.join("subspace.wasm"))
            .with_context(|| format!("cannot copy {}", built.display()))?;
        return Ok(());
    }
    let built = for_suite(places)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", built.component.display())?;
    writeln!(out, "{}", built.wasmtime.display())?;
    Ok(())
}

fn component(places: &Places, flags: &[&str]) -> Result<PathBuf> {
    let rust = WasmRust::find(places)?;
    let triple = Target::Wasi.triple();
    timed(
        "Building the functions for Spin (minutes, the first time)",
        || {
            let mut cargo = rust.cargo(places)?;
            cargo
                .args(["build", "--quiet", "--profile=component"])
                .args(["--package=functions-spin", "--target", triple])
                .args(flags);
            process::run(&mut cargo)
        },
    )?;
    let built = rust.target_folder(places).join(triple);
    let built = smaller(places, &built.join("component/functions_spin.wasm"))?;
    let whole = std::fs::metadata(&built)?.len();
    let mut gzip = process::command("sh");
    gzip.args(["-c", "gzip -9 -c \"$0\" | wc -c"]).arg(&built);
    let packed = process::output(&mut gzip)?;
    say(format_args!(
        "    {} KB, {} KB gzipped",
        whole / 1000,
        packed.trim().parse::<u64>().unwrap_or_default() / 1000
    ));
    Ok(built)
}

/// The folder of the package with jco, which runs Binaryen's `wasm-opt` on the modules of a component.
const JCO: &str = "functions/spin/jco";
/// The features of Rust's target, so that no others are used.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
    "--enable-reference-types",
];

/// Returns the component with its modules optimised for size, recreated if it was built since.
fn smaller(places: &Places, component: &Path) -> Result<PathBuf> {
    let optimised = component.with_extension("opt.wasm");
    let made = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified());
    if made(&optimised).is_ok_and(|at| made(component).is_ok_and(|built| at > built)) {
        return Ok(optimised);
    }
    let folder = places.root.join(JCO);
    install::packages(&[install::NODE, install::NPM])?;
    npm::install(places, &folder)?;
    timed("Making the component smaller (two minutes)", || {
        let mut jco = process::command("node");
        // A partial output must not look complete.
        let unfinished = component.with_extension("part.wasm");
        jco.arg(folder.join("node_modules/@bytecodealliance/jco/dist/jco.js"))
            .args(["opt", "--quiet"])
            .arg(component)
            .arg("--output")
            .arg(&unfinished)
            .args(["--", "-Oz", "--converge"])
            .args(FEATURES);
        process::run(&mut jco)?;
        std::fs::rename(&unfinished, &optimised)
            .with_context(|| format!("cannot write {}", optimised.display()))
    })?;
    Ok(optimised)
}
