//! npm packages: `npm ci` where a lock file changed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::places::{Places, find_program};
use crate::report::timed;
use crate::{process, stamp};

/// The oldest major version of Node.js that builds the client.
const OLDEST_NODE: u32 = 20;

/// Installs the packages of one folder, unless its lock file is unchanged since the last time.
///
/// # Errors
///
/// If the folder has no lock file, Node.js is too old, or npm failed.
pub(crate) fn install(places: &Places, folder: &Path) -> Result<()> {
    let name = folder.strip_prefix(&places.root).unwrap_or(folder);
    let lock = folder.join("package-lock.json");
    if !lock.is_file() {
        bail!("{} has no package-lock.json", name.display());
    }
    let node = node_version()?;
    let files = [lock, folder.join("package.json")];
    let fingerprint = stamp::fingerprint(&files, &node)?;
    let stamp = folder.join("node_modules/.subspace-install");
    if stamp::is_current(&stamp, &fingerprint) {
        return Ok(());
    }
    let what = if name.as_os_str().is_empty() {
        "Installing npm packages for Workers".to_owned()
    } else {
        format!("Installing npm packages for {}", name.display())
    };
    timed(&what, || {
        let mut npm = npm(folder);
        process::run_quietly(npm.args(["ci", "--no-audit", "--no-fund"]))
    })?;
    stamp::write(&stamp, &fingerprint)
}

/// Installs the packages of every folder of the project that has a lock file.
///
/// # Errors
///
/// Like [`install`].
pub(crate) fn install_all(places: &Places) -> Result<()> {
    for folder in folders(places)? {
        install(places, &folder)?;
    }
    Ok(())
}

/// A package of which only the files are needed, without its dependencies.
#[derive(Clone, Copy, Debug)]
struct Unpacked {
    package: &'static str,
    version: &'static str,
    /// The checksum of its archive, from npm.
    integrity: &'static str,
}

/// Everything of this kind that the tests need: Uptime Kuma, for its payloads.
const UNPACKED: [Unpacked; 1] = [Unpacked {
    package: "uptime-kuma",
    version: "2.0.0-dev.0",
    integrity: "sha512-v3Us08l88spSB6+USKNzmUZzxHXnDOBxHX/D54cOaa6thTuAD63qV7uyDt6/Z2cFJYncyRk9v0rt62qcPXnFbg==",
}];

/// Unpacks what is missing into `<cache>/tools/<package>-<version>/package/`.
///
/// # Errors
///
/// If a package could not be fetched, or has changed.
pub(crate) fn unpack_all(places: &Places) -> Result<()> {
    for wanted in &UNPACKED {
        unpack(places, wanted)?;
    }
    Ok(())
}

fn unpack(places: &Places, wanted: &Unpacked) -> Result<()> {
    let (package, version) = (wanted.package, wanted.version);
    let root = places
        .cache
        .join("tools")
        .join(format!("{package}-{version}"));
    let stamp = root.join(".subspace-install");
    if stamp::is_current(&stamp, wanted.integrity) {
        return Ok(());
    }
    node_version()?;
    timed(&format!("Fetching {package} {version} from npm"), || {
        std::fs::create_dir_all(&root)?;
        let mut pack = npm(&root);
        pack.args(["pack", "--json", "--ignore-scripts"])
            .arg(format!("{package}@{version}"));
        let said = process::output(&mut pack)?;
        // npm verifies the archive against the registry's checksum.
        if !said.contains(wanted.integrity) {
            bail!("{package} {version} is not the package that it was");
        }
        let mut tar = process::command("tar");
        tar.current_dir(&root)
            .arg("xzf")
            .arg(format!("{package}-{version}.tgz"));
        process::run_quietly(&mut tar)
    })?;
    stamp::write(&stamp, wanted.integrity)
}

/// Creates an npm command that works in `folder`.
pub(crate) fn npm(folder: &Path) -> Command {
    let mut npm = process::command("npm");
    npm.current_dir(folder)
        .env("NO_UPDATE_NOTIFIER", "1")
        // No package here may download its own browser: the suites use the installed one.
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .env("PUPPETEER_SKIP_DOWNLOAD", "1");
    npm
}

/// Returns whether the package.json of `folder` has a script of this name.
pub(crate) fn has_script(folder: &Path, script: &str) -> bool {
    let list = process::output(npm(folder).args(["pkg", "get", &format!("scripts.{script}")]));
    list.is_ok_and(|value| value.trim().starts_with('"'))
}

/// Returns Node's version, such as `v20.19.0`.
///
/// # Errors
///
/// If Node.js or npm is missing or too old.
pub(crate) fn node_version() -> Result<String> {
    if find_program(&["npm"]).is_none() {
        bail!("npm was not found; install Node.js {OLDEST_NODE} or newer with npm");
    }
    let text = process::output(process::command("node").arg("--version"))
        .context("Node.js was not found")?;
    let version = text.trim();
    let major = version.trim_start_matches('v').split('.').next();
    let major: u32 = major.unwrap_or_default().parse().unwrap_or_default();
    if major < OLDEST_NODE {
        bail!(
            "Node.js {version} is too old; install version {OLDEST_NODE} or newer and run the command again"
        );
    }
    Ok(version.to_owned())
}

fn folders(places: &Places) -> Result<Vec<PathBuf>> {
    let mut git = process::command("git");
    git.current_dir(&places.root).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "package-lock.json",
        "*/package-lock.json",
    ]);
    let list = process::output(&mut git)?;
    let mut folders: Vec<_> = list
        .lines()
        .filter_map(|file| Path::new(file).parent())
        .map(|folder| places.root.join(folder))
        .filter(|folder| folder.join("package-lock.json").is_file())
        .collect();
    folders.sort();
    folders.dedup();
    Ok(folders)
}
