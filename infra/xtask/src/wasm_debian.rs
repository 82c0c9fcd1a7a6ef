//! A Rust for WebAssembly from Debian's packages, unpacked into the cache; nothing is installed.
//!
//! Debian's rustc-web is kept as new as browsers need it. It has no standard library for WebAssembly, only its source:
//! cargo builds it as well (`build-std`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::{Places, find_program};
use crate::report::timed;
use crate::wasm_target::Target;
use crate::{install, process, stamp, tools};

/// Changes when the folder has to be created differently.
const LAYOUT: &str = "layout 1";

/// The folder that the packages were unpacked into.
#[derive(Clone, Debug)]
pub(crate) struct DebianRust {
    folder: PathBuf,
}

impl DebianRust {
    /// Returns the unpacked Rust, created if missing.
    ///
    /// # Errors
    ///
    /// If Debian's packages could not be found, fetched or unpacked.
    pub(crate) fn find(places: &Places) -> Result<Self> {
        let folder = places.cache.join("wasm-rust");
        let stamp = folder.join(".subspace-install");
        let made = std::fs::read_to_string(&stamp).is_ok_and(|text| text.starts_with(LAYOUT));
        if !made {
            timed(
                "Unpacking Debian's Rust for WebAssembly into the cache",
                || make(places, &folder),
            )?;
        }
        Ok(Self { folder })
    }

    /// Sets what cargo needs to build for WebAssembly.
    ///
    /// # Errors
    ///
    /// If `PATH` contains something that cannot be part of it.
    pub(crate) fn prepare(&self, command: &mut Command) -> Result<()> {
        let lib = self.folder.join("usr/lib");
        let libraries = [multiarch(&lib)?, lib.clone()];
        command
            .env("RUSTC", self.folder.join("usr/bin/rustc"))
            .env("LD_LIBRARY_PATH", std::env::join_paths(libraries)?)
            // The only unstable feature of cargo that is needed is build-std.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
            .env("PATH", self.path()?);
        Ok(())
    }

    fn path(&self) -> Result<OsString> {
        let lib = self.folder.join("usr/lib");
        let first = [
            self.folder.join("usr/bin"),
            llvm(&lib)?.join("bin"),
            host_folder(&lib)?.join("bin"),
        ];
        let path = std::env::var_os("PATH").unwrap_or_default();
        Ok(std::env::join_paths(
            first.into_iter().chain(std::env::split_paths(&path)),
        )?)
    }
}

fn make(places: &Places, folder: &Path) -> Result<()> {
    if find_program(&["apt-get"]).is_none() || find_program(&["dpkg"]).is_none() {
        bail!(
            "there is no Rust for WebAssembly here: run `rustup target add {} {}`",
            Target::Wasi.triple(),
            Target::Unknown.triple()
        );
    }
    install::packages(install::LLVM_LIBRARIES)?;
    let linker = component_linker(places)?;
    let new = places.cache.join("wasm-rust.new");
    if new.exists() {
        std::fs::remove_dir_all(&new)?;
    }
    let archives = new.join("archives");
    std::fs::create_dir_all(&archives)?;
    let packages = look_up().or_else(|_| {
        // The lists may be missing or too old.
        update_lists()?;
        look_up()
    })?;
    process::run_quietly(
        process::command("apt-get")
            .current_dir(&archives)
            .args(["download", "-qq"])
            .args(&packages),
    )
    .with_context(|| format!("apt-get could not download {}", packages.join(" ")))?;
    for archive in stamp::files_below(&archives, &[])? {
        process::run_quietly(process::command("dpkg").arg("-x").arg(&archive).arg(&new))
            .with_context(|| format!("cannot unpack {}", archive.display()))?;
    }
    std::fs::remove_dir_all(&archives)?;
    complete(&new, &linker)?;
    let rust = DebianRust {
        folder: new.clone(),
    };
    let mut rustc = process::command(new.join("usr/bin/rustc"));
    rust.prepare(&mut rustc)?;
    process::output(rustc.arg("--version")).context("Debian's rustc does not start")?;
    stamp::write(
        &new.join(".subspace-install"),
        &format!("{LAYOUT}\n{}", packages.join("\n")),
    )?;
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::rename(&new, folder)?;
    Ok(())
}

/// Adds what the packages lack: names that linkers look for, folders of the targets and the C library's start files.
fn complete(root: &Path, linker: &Path) -> Result<()> {
    use std::os::unix::fs::symlink;
    let lib = root.join("usr/lib");
    let bin = llvm(&lib)?.join("bin");
    if !bin.join("rust-lld").exists() {
        symlink("lld", bin.join("rust-lld"))?;
    }
    let host = host_folder(&lib)?.join("bin");
    std::fs::create_dir_all(&host)?;
    std::fs::copy(linker, host.join("wasm-component-ld"))
        .with_context(|| format!("cannot copy {}", linker.display()))?;
    for target in [Target::Wasi, Target::Unknown] {
        let folder = lib.join("rustlib").join(target.triple()).join("lib");
        std::fs::create_dir_all(folder.join("self-contained"))?;
    }
    // A C library for WASI 0.1: wasm-component-ld adds the adapter.
    let own = lib.join("rustlib").join(Target::Wasi.triple());
    for file in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
        let from = lib.join("wasm32-wasi").join(file);
        std::fs::copy(&from, own.join("lib/self-contained").join(file))
            .with_context(|| format!("wasi-libc has no {}", from.display()))?;
    }
    Ok(())
}

/// Returns the packages as `name=version`.
fn look_up() -> Result<Vec<String>> {
    let rustc = show("rustc-web")?;
    let version = field(&rustc, "Version").context("rustc-web has no version")?;
    let dev = show(&format!("libstd-rust-web-dev={version}"))?;
    let std = first_with(&dev, "libstd-rust-web-").context("rustc-web has no library")?;
    let std_package = show(&format!("{std}={version}"))?;
    let llvm = first_with(&std_package, "libllvm").context("rustc-web has no LLVM")?;
    let number = llvm.trim_start_matches("libllvm");
    let mut all: Vec<_> = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"]
        .into_iter()
        .chain([std.as_str()])
        .map(|name| format!("{name}={version}"))
        .collect();
    for name in [
        llvm.clone(),
        format!("lld-{number}"),
        "wasi-libc".to_owned(),
    ] {
        let newest = show(&name)?;
        let version = field(&newest, "Version").with_context(|| format!("no version of {name}"))?;
        all.push(format!("{name}={version}"));
    }
    Ok(all)
}

fn show(package: &str) -> Result<String> {
    let mut apt = process::command("apt-cache");
    let text = process::output(apt.args(["show", "--no-all-versions", package]))?;
    if text.trim().is_empty() {
        bail!("Debian's lists have no package {package}");
    }
    Ok(text)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// Returns the first package with this prefix that `text` depends on.
fn first_with(text: &str, start: &str) -> Option<String> {
    let mut names = field(text, "Depends")?.split([',', '|']);
    names
        .find_map(|name| name.trim().starts_with(start).then(|| name.trim()))
        .and_then(|name| name.split([' ', '(', ':']).next())
        .map(str::to_owned)
}

fn update_lists() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        process::run_quietly(process::command("apt-get").args(["update", "-qq"]))
    } else if find_program(&["sudo"]).is_some() {
        process::run_at_terminal(process::command("sudo").args(["apt-get", "update", "-qq"]))
    } else {
        bail!("Debian's lists have no package rustc-web; as root run: apt-get update")
    }
}

/// Returns rustup's own component linker, or one from crates.io.
fn component_linker(places: &Places) -> Result<PathBuf> {
    let mut rustc = process::command("rustc");
    let sysroot = process::output(rustc.args(["--print", "sysroot"]))?;
    let lib = Path::new(sysroot.trim()).join("lib");
    let own = host_folder(&lib).map(|folder| folder.join("bin/wasm-component-ld"));
    match own {
        Ok(own) if own.is_file() => Ok(own),
        _ => tools::cargo_tool(places, &tools::WASM_COMPONENT_LD),
    }
}

/// The folder in `rustlib` for this machine.
fn host_folder(lib: &Path) -> Result<PathBuf> {
    child(&lib.join("rustlib"), |name| name.ends_with("-linux-gnu"))
}

fn multiarch(lib: &Path) -> Result<PathBuf> {
    child(lib, |name| name.ends_with("-linux-gnu"))
}

fn llvm(lib: &Path) -> Result<PathBuf> {
    child(lib, |name| name.starts_with("llvm-"))
}

fn child(folder: &Path, fits: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&fits) {
            return Ok(entry.path());
        }
    }
    bail!("{} does not hold what it should", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_dependencies_are_read() {
        let text = "Package: libstd-rust-web-dev\nVersion: 1.96.0+dfsg1-1\n\
                    Depends: libc6 (>= 2.34), libstd-rust-web-1.96 (= 1.96.0+dfsg1-1), libllvm22:amd64 (>= 1:22)\n";
        assert_eq!(field(text, "Version"), Some("1.96.0+dfsg1-1"));
        let std = first_with(text, "libstd-rust-web-");
        assert_eq!(std.as_deref(), Some("libstd-rust-web-1.96"));
        assert_eq!(first_with(text, "libllvm").as_deref(), Some("libllvm22"));
        assert_eq!(first_with(text, "lld"), None);
    }
}
