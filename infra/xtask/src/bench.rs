//! `cargo xtask bench`: builds what is measured and what it is compared with.

use std::path::PathBuf;

use anyhow::Result;

use crate::places::{Places, find_program};
use crate::report::timed;
use crate::{client, install, npm, process, spin, stamp, worker};

/// The remoteStorage server that we compare with.
const ARMADIETTO: &str = "armadietto@0.6.6";

/// Measures the native host, armadietto and nginx, one after the other.
///
/// # Errors
///
/// If something could not be installed or built, or a server responded incorrectly.
pub(crate) fn storage(places: &Places, flags: &[String]) -> Result<()> {
    use install::{CC, LIBC, NGINX, NODE, NPM};
    install::packages(&[CC, LIBC, NODE, NPM, NGINX])?;
    let armadietto = armadietto(places)?;
    timed("Building subspace and the benchmark", || {
        let mut cargo = places.cargo();
        cargo.args(["build", "--release", "--package=subspace"]);
        process::run(cargo.arg("--package=bench"))
    })?;
    let release = places.target.join("release");
    let mut bench = process::command(release.join("bench"));
    bench
        .arg("storage")
        .arg("--subspace")
        .arg(release.join("subspace"))
        .arg("--armadietto")
        .arg(armadietto)
        .arg("--folder")
        .arg(places.cache.join("bench"))
        .args(flags);
    if let Some(nginx) = find_program(&["nginx"]) {
        bench.arg("--nginx").arg(nginx);
    }
    process::run(&mut bench)
}

/// Measures the tree of an account as a module grows, over a store in memory and one on disk.
///
/// # Errors
///
/// If something could not be installed or built, or a store failed.
pub(crate) fn tree(places: &Places, flags: &[String]) -> Result<()> {
    install::packages(&[install::CC, install::LIBC])?;
    timed("Building the benchmark", || {
        let mut cargo = places.cargo();
        process::run(cargo.args(["build", "--release", "--package=bench"]))
    })?;
    let mut bench = process::command(places.target.join("release/bench"));
    let folder = places.cache.join("bench");
    process::run(bench.args(["tree", "--folder"]).arg(folder).args(flags))
}

/// Measures the functions on the edge, and natively in the same run.
///
/// # Errors
///
/// If something could not be installed or built, or a host responded incorrectly.
pub(crate) fn edge(places: &Places, flags: &[String]) -> Result<()> {
    install::packages(&[install::CC, install::LIBC, install::NODE, install::NPM])?;
    let built = spin::for_suite(places)?;
    client::build(places)?;
    worker::build_for_tests(places)?;
    timed("Building the native host and the benchmark", || {
        let mut cargo = places.cargo();
        cargo.args(["build", "--release", "--package=functions-native"]);
        process::run(cargo.arg("--package=bench"))
    })?;
    let release = places.target.join("release");
    let mut bench = process::command(release.join("bench"));
    bench
        .arg("edge")
        .arg("--functions")
        .arg(release.join("subspace-functions"))
        .arg("--component")
        .arg(built.component)
        .arg("--wasmtime")
        .arg(built.wasmtime)
        .arg("--project")
        .arg(&places.root);
    process::run(bench.args(flags))
}

/// Measures the web client in a slowed-down Chromium, with a real server.
///
/// # Errors
///
/// If something could not be installed or built, or the page did not show the messages.
pub(crate) fn client(places: &Places, flags: &[String]) -> Result<()> {
    use install::{CC, CHROMIUM, LIBC};
    install::packages(&[CC, LIBC, CHROMIUM])?;
    client::build(places)?;
    timed("Building subspace", || {
        let mut cargo = places.cargo();
        process::run(cargo.args(["build", "--release", "--package=subspace"]))
    })?;
    let folder = places.e2e();
    npm::install(places, &folder)?;
    let mut node = process::command("node");
    node.current_dir(&folder)
        .arg("bench-client.mjs")
        .args(flags)
        .env("SUBSPACE_BIN", places.target.join("release/subspace"))
        .env("SUBSPACE_CLIENT", places.client().join("dist"));
    process::run(&mut node)
}

/// Measures the connector with ZNC, and the IRC server with ngIRCd and InspIRCd.
///
/// # Errors
///
/// If something could not be installed or built, or a server did not do what it should.
pub(crate) fn irc(places: &Places, flags: &[String]) -> Result<()> {
    use install::{CC, INSPIRCD, LIBC, NGIRCD, ZNC};
    install::packages(&[CC, LIBC, ZNC, NGIRCD, INSPIRCD])?;
    timed(
        "Building the connector, the servers and the benchmark",
        || {
            let mut cargo = places.cargo();
            cargo.args(["build", "--release", "--package=irc-connector"]);
            cargo.args(["--package=ircd", "--package=functions-native"]);
            process::run(cargo.arg("--package=bench"))
        },
    )?;
    let release = places.target.join("release");
    let mut bench = process::command(release.join("bench"));
    bench.arg("irc");
    for (flag, program) in [
        ("--functions", "subspace-functions"),
        ("--connector", "subspace-irc-connector"),
        ("--ircd", "subspace-ircd"),
    ] {
        bench.arg(flag).arg(release.join(program));
    }
    for (flag, program) in [("--ngircd", "ngircd"), ("--inspircd", "inspircd")] {
        // They are where not everybody's PATH leads.
        if let Some(found) = find_program(&[program]) {
            bench.arg(flag).arg(found);
        }
    }
    process::run(bench.args(flags))
}

/// Measures our TURN server and coturn, alternating.
///
/// # Errors
///
/// If something could not be installed or built, or a server did not start.
pub(crate) fn turn(places: &Places, flags: &[String]) -> Result<()> {
    install::packages(&[install::CC, install::LIBC, install::COTURN])?;
    timed("Building the TURN server and the benchmark", || {
        let mut cargo = places.cargo();
        cargo.args(["build", "--release", "--package=turn-server"]);
        process::run(cargo.arg("--package=bench"))
    })?;
    let release = places.target.join("release");
    let mut bench = process::command(release.join("bench"));
    bench
        .arg("turn")
        .arg("--turn-listen")
        .arg(release.join("subspace-turn"));
    process::run(bench.args(flags))
}

/// Installs armadietto into the cache folder and returns its package's folder.
fn armadietto(places: &Places) -> Result<PathBuf> {
    let folder = places.cache.join("armadietto");
    let stamp = folder.join(".subspace-install");
    if !stamp::is_current(&stamp, ARMADIETTO) {
        let what = format!("Installing {ARMADIETTO} from npm");
        timed(&what, || {
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join("package.json"), "{\"private\":true}\n")?;
            let mut npm = npm::npm(&folder);
            npm.args(["install", "--no-audit", "--no-fund", "--omit=dev"]);
            process::run_quietly(npm.args(["--save-exact", ARMADIETTO]))
        })?;
        stamp::write(&stamp, ARMADIETTO)?;
    }
    Ok(folder.join("node_modules/armadietto"))
}
