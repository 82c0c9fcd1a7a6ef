//! Who may know whom.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::places::Places;
use crate::process;

/// Packages without I/O: no runtime, no platform, no clock, no randomness.
const PURE: &[&str] = &[
    "functions-core",
    "hooks",
    "irc-codec",
    "options",
    "protocol",
    "storage-adapter",
];

/// What a pure package never builds with; a `*` at the end stands for anything.
const IMPURE: &[&str] = &[
    "async-std",
    "aws-*",
    "getrandom",
    "hyper",
    "hyper-util",
    "mio",
    "reqwest",
    "smol",
    "socket2",
    "spin-sdk",
    "tokio",
    "wasi",
    "worker",
];

/// Packages that another may not build with: the arrows that ARCHITECTURE.md does not have.
const APART: &[(&[&str], &[&str])] = &[
    (FUNCTIONS, CONNECTORS),
    (CONNECTORS, FUNCTIONS),
    (CONNECTORS, STORAGE),
    (&["functions-core"], HOSTS),
    (STORAGE, CONNECTORS),
    (STORAGE, FUNCTIONS),
    (
        &["protocol"],
        &[
            "storage-adapter",
            "storage-*",
            "functions-*",
            "connector-kit",
        ],
    ),
    (&["irc-codec"], &["connector-kit", "storage-adapter"]),
    // Who speaks to browsers is one thing, who runs a server of its own another.
    (
        &["connector-kit", "ircd", "smtp-connector"],
        &["gateway", "socketioxide"],
    ),
    (&["turn-server"], FUNCTIONS),
    (&["turn-server"], CONNECTORS),
    (COMMON, &["protocol"]),
    (COMMON, STORAGE),
    (COMMON, FUNCTIONS),
    (COMMON, CONNECTORS),
];
const COMMON: &[&str] = &[
    "durable",
    "http-server",
    "metrics",
    "options",
    "program",
    "settings",
    "tls",
];
const FUNCTIONS: &[&str] = &["functions-*", "hooks"];
const HOSTS: &[&str] = &["functions-cloudflare", "functions-native", "functions-spin"];
const CONNECTORS: &[&str] = &[
    "connector-kit",
    "dummy-connector",
    "gateway",
    "gateway-contract",
    "irc-connector",
    "ircd",
    "smtp-connector",
];
const STORAGE: &[&str] = &["storage-adapter", "storage-fs", "storage-r2", "storage-s3"];

/// Returns one line for each dependency that should not be.
///
/// # Errors
///
/// Cargo cannot say what depends on what.
pub(super) fn check(places: &Places) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let workspace = tree(places, &["--workspace", "--depth=0"])?;
    for package in &workspace {
        let pure = PURE.contains(&package.as_str());
        let forbidden: Vec<_> = APART
            .iter()
            .filter(|(who, _)| who.iter().any(|who| matches(who, package)))
            .flat_map(|(_, whom)| whom.iter().copied())
            .collect();
        if !pure && forbidden.is_empty() {
            continue;
        }
        let dependencies = tree(places, &["--package", package])?;
        broken.extend(judge(package, &dependencies, &forbidden, pure));
    }
    let missing = PURE.iter().filter(|name| !workspace.contains(**name));
    broken.extend(missing.map(|name| format!("there is no package {name} to check")));
    Ok(broken)
}

fn judge(
    package: &str,
    dependencies: &BTreeSet<String>,
    forbidden: &[&str],
    pure: bool,
) -> Vec<String> {
    let mut broken = Vec::new();
    for name in dependencies.iter().filter(|name| *name != package) {
        if forbidden.iter().any(|rule| matches(rule, name)) {
            broken.push(format!("{package} must not depend on {name}"));
        }
        if pure && IMPURE.iter().any(|rule| matches(rule, name)) {
            let see = format!("see `cargo tree -p {package} -e normal -i {name}`");
            broken.push(format!("{package} is pure but builds with {name}: {see}"));
        }
    }
    broken
}

fn matches(rule: &str, name: &str) -> bool {
    rule.strip_suffix('*')
        .map_or(rule == name, |start| name.starts_with(start))
}

fn tree(places: &Places, which: &[&str]) -> Result<BTreeSet<String>> {
    let mut cargo = places.cargo();
    cargo
        .args(["tree", "--quiet", "--edges=normal", "--prefix=none"])
        .args(["--format={p}"])
        .args(which);
    let list = process::output(&mut cargo)?;
    let names = list.lines().filter_map(|line| line.split(' ').next());
    Ok(names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_and_impure_dependencies_are_named() {
        let dependencies = ["functions-core", "aws-sdk-s3", "ircd", "serde"];
        let dependencies = dependencies.map(str::to_owned).into();
        let broken = judge("functions-core", &dependencies, CONNECTORS, true);
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken[0].contains("builds with aws-sdk-s3"));
        assert!(broken[1].contains("must not depend on ircd"));
        assert!(judge("functions-native", &dependencies, &[], false).is_empty());
    }
}
