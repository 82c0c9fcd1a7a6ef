//! Everything that must pass, cheapest first.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::places::{Places, find_program, in_ci};
use crate::report::{Steps, say};
use crate::{
    client, fuzz, generate, install, invariants, npm, process, python, spin, stamp, tools, worker,
};

/// CI's builds are discarded once they exceed this, in bytes.
const MAX_CI_TARGET: u64 = 20 << 30;

/// Flags of `cargo xtask test`.
#[derive(Args, Debug)]
pub(crate) struct TestOptions {
    /// Also run the steps after a failed one.
    #[arg(long)]
    keep_going: bool,
    /// Leave out the end-to-end suite.
    #[arg(long)]
    no_e2e: bool,
}

/// Runs everything that must pass.
///
/// # Errors
///
/// The names of the steps that failed.
pub(crate) fn test(places: &Places, options: &TestOptions) -> Result<()> {
    let mut steps = Steps::new(options.keep_going);
    if in_ci() {
        steps.step("make room", || make_room(&places.target));
    }
    steps.step("install what is missing", || {
        let mut packages = vec![install::CC, install::LIBC, install::NODE, install::NPM];
        packages.extend_from_slice(install::TEST_PEERS);
        install::packages(&packages)?;
        npm::install_all(places)?;
        npm::unpack_all(places)?;
        python::install_all(places)
    });
    lint_steps(places, &mut steps);
    steps.step("web client: tests", || script(&places.client(), "test"));
    steps.step("web client: build", || client::build(places));
    let mut spin = None;
    steps.step("wasm: build for Spin", || {
        spin = Some(spin::for_suite(places)?);
        Ok(())
    });
    steps.step("Workers: build", || worker::build_for_tests(places));
    // Some tests start programs of other packages. The development build has overflow checks and assertions; it is of
    // the whole workspace, since cargo would rebuild a part of it with other features.
    steps.step("Rust: programs", || programs(places));
    steps.step("Rust: tests", || {
        let mut cargo = places.cargo();
        if let Some(built) = &spin {
            cargo
                .env("SUBSPACE_SPIN_COMPONENT", &built.component)
                .env("SUBSPACE_WASMTIME", &built.wasmtime);
        }
        if find_program(&["cargo-nextest"]).is_some() {
            cargo.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        } else {
            cargo.args(["test", "--workspace", "--no-fail-fast"]);
            cargo.args(["--lib", "--bins", "--tests"]);
        }
        process::run(&mut cargo)
    });
    steps.step("Rust: examples in the documentation", || {
        process::run(places.cargo().args(["test", "--workspace", "--doc"]))
    });
    steps.step("fuzz", || fuzz::in_suite(places));
    if !options.no_e2e {
        steps.step("end to end", || match &spin {
            Some(spin) => end_to_end(places, spin, &[]),
            None => bail!("the component for Spin is missing"),
        });
    }
    steps.finish()
}

/// Runs formatting, lints, licences and invariants.
///
/// # Errors
///
/// The names of the steps that failed.
pub(crate) fn lint(places: &Places) -> Result<()> {
    let mut steps = Steps::new(true);
    steps.step("install what is missing", || {
        let packages = [install::CC, install::LIBC, install::NODE, install::NPM];
        install::packages(&packages)?;
        npm::install_all(places)
    });
    lint_steps(places, &mut steps);
    // The tests include this check.
    steps.step("generated files", || generate::check(places));
    steps.finish()
}

/// Builds what the end-to-end suite needs and runs it.
///
/// # Errors
///
/// If something could not be built, or the suite failed.
pub(crate) fn e2e(places: &Places, flags: &[String]) -> Result<()> {
    install::packages(&[install::CC, install::LIBC])?;
    install::packages(install::TEST_PEERS)?;
    client::build(places)?;
    let spin = spin::for_suite(places)?;
    worker::build_for_tests(places)?;
    programs(places)?;
    end_to_end(places, &spin, flags)
}

fn lint_steps(places: &Places, steps: &mut Steps) {
    steps.step("invariants", || invariants::check(places));
    steps.step("Rust: format", || {
        process::run(places.cargo().args(["fmt", "--all", "--check"]))
    });
    steps.step("end to end: lint", || script(&places.e2e(), "lint"));
    steps.step("web client: lint and types", || {
        script(&places.client(), "lint")
    });
    steps.step("licences and sources", || {
        let deny = tools::cargo_tool(places, &tools::CARGO_DENY)?;
        let mut deny = process::command(deny);
        // Advisories would require a download from outside the package registries: see deny.toml.
        deny.current_dir(&places.root).args(["--workspace"]);
        deny.args(["check", "--hide-inclusion-graph"]);
        process::run(deny.args(["bans", "licenses", "sources"]))
    });
    steps.step("Rust: lints", || {
        let mut cargo = places.cargo();
        cargo.args(["clippy", "--workspace", "--all-targets"]);
        process::run(cargo.args(["--", "-D", "warnings"]))
    });
}

fn programs(places: &Places) -> Result<()> {
    let mut cargo = places.cargo();
    process::run(cargo.args(["build", "--workspace", "--bins", "--example=s3_server"]))
}

fn end_to_end(places: &Places, spin: &spin::Built, flags: &[String]) -> Result<()> {
    let folder = places.e2e();
    npm::install(places, &folder)?;
    let tests = stamp::files_below(&folder.join("tests"), &[])?;
    let mut node = process::command("node");
    node.current_dir(&folder)
        .arg("--test")
        .arg("--test-concurrency=1")
        .args(flags)
        .args(tests)
        .env("SUBSPACE_BIN", places.target.join("debug/subspace"))
        .env("SUBSPACE_CLIENT", places.client().join("dist"))
        .env("SUBSPACE_SPIN_COMPONENT", &spin.component)
        .env("SUBSPACE_WASMTIME", &spin.wasmtime);
    process::run(&mut node).with_context(|| {
        format!(
            "pictures and logs are in {}",
            folder.join("artifacts").display()
        )
    })
}

fn script(folder: &Path, name: &str) -> Result<()> {
    if !npm::has_script(folder, name) {
        bail!("{}/package.json has no script \"{name}\"", folder.display());
    }
    process::run(npm::npm(folder).args(["run", "--silent", name]))
}

fn make_room(target: &Path) -> Result<()> {
    if !target.exists() {
        return Ok(());
    }
    let size = size_of(target)?;
    if size > MAX_CI_TARGET {
        say(format_args!(
            "    {} has {} GiB: starting afresh",
            target.display(),
            size >> 30
        ));
        std::fs::remove_dir_all(target)?;
    }
    Ok(())
}

fn size_of(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let data = entry.metadata()?;
            if data.is_dir() {
                folders.push(entry.path());
            } else {
                sum += data.len();
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_add_up() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/a"), [0; 10]).unwrap();
        std::fs::write(folder.path().join("b"), [0; 5]).unwrap();
        assert_eq!(size_of(folder.path()).unwrap(), 15);
        make_room(folder.path()).unwrap();
        assert!(folder.path().join("b").exists());
    }
}
