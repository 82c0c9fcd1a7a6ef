//! Which package may depend on which.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::places::Places;
use crate::process;

/// Packages without I/O: no runtime, no platform, no clock, no randomness.
const PURE: &[&str] = &[
    "functions-core",
    "hooks",
    "irc-codec",
    "mutex",
    "options",
    "protocol",
    "storage-adapter",
];

/// What a pure package is never built with; a trailing `*` matches anything.
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

/// Every package of the workspace, and those that its dependencies may name: the arrows of ARCHITECTURE.md. Anything
/// not listed is forbidden; tests may use everything.
const MAY_USE: &[(&str, &[&str])] = &[
    (
        "bench",
        &[
            "free-ports",
            "functions-suite",
            "mutex",
            "protocol",
            "storage-adapter",
            "storage-fs",
            "turn-server",
        ],
    ),
    (
        "bouncer",
        &[
            "connector-kit",
            "gateway",
            "irc-codec",
            "mutex",
            "options",
            "program",
            "protocol",
            "tls",
        ],
    ),
    ("connector-kit", &["options", "program", "protocol", "tls"]),
    ("crc-fast", &[]),
    ("dummy-connector", &["connector-kit", "gateway", "protocol"]),
    ("durable", &["mutex"]),
    ("free-ports", &["mutex"]),
    (
        "functions-cloudflare",
        &[
            "functions-core",
            "protocol",
            "storage-adapter",
            "storage-r2",
        ],
    ),
    (
        "functions-core",
        &["hooks", "mutex", "options", "protocol", "storage-adapter"],
    ),
    (
        "functions-native",
        &[
            "functions-core",
            "http-server",
            "mutex",
            "options",
            "program",
            "protocol",
            "settings",
            "storage-adapter",
            "storage-fs",
            "storage-s3",
            "tls",
        ],
    ),
    (
        "functions-spin",
        &[
            "functions-core",
            "mutex",
            "options",
            "protocol",
            "storage-adapter",
            "storage-s3",
        ],
    ),
    (
        "functions-suite",
        &["free-ports", "mutex", "protocol", "storage-adapter"],
    ),
    (
        "fuzz",
        &[
            "bouncer",
            "gateway",
            "irc-codec",
            "irc-connector",
            "ircd",
            "protocol",
        ],
    ),
    (
        "gateway",
        &[
            "connector-kit",
            "durable",
            "http-server",
            "metrics",
            "mutex",
            "options",
            "program",
            "protocol",
        ],
    ),
    ("gateway-contract", &["gateway", "protocol", "tls"]),
    ("hooks", &["protocol"]),
    ("http-server", &["mutex", "program"]),
    ("irc-codec", &["protocol"]),
    (
        "irc-connector",
        &[
            "bouncer",
            "connector-kit",
            "durable",
            "gateway",
            "irc-codec",
            "mutex",
            "options",
            "program",
            "protocol",
            "settings",
            "tls",
        ],
    ),
    (
        "ircd",
        &[
            "connector-kit",
            "durable",
            "irc-codec",
            "metrics",
            "mutex",
            "options",
            "program",
            "protocol",
            "settings",
            "tls",
        ],
    ),
    ("metrics", &["mutex", "program"]),
    ("mutex", &[]),
    ("options", &[]),
    ("program", &["mutex"]),
    ("protocol", &[]),
    ("settings", &["options", "program"]),
    (
        "smtp-connector",
        &[
            "connector-kit",
            "durable",
            "metrics",
            "mutex",
            "options",
            "program",
            "protocol",
            "settings",
            "tls",
        ],
    ),
    ("storage-adapter", &["mutex", "protocol"]),
    (
        "storage-fs",
        &["durable", "mutex", "protocol", "storage-adapter"],
    ),
    ("storage-r2", &["storage-adapter"]),
    ("storage-r2-contract", &["storage-adapter", "storage-r2"]),
    ("storage-s3", &["options", "protocol", "storage-adapter"]),
    (
        "subspace",
        &[
            "bouncer",
            "connector-kit",
            "functions-core",
            "functions-native",
            "gateway",
            "http-server",
            "irc-connector",
            "ircd",
            "metrics",
            "options",
            "program",
            "protocol",
            "settings",
            "smtp-connector",
            "storage-adapter",
            "storage-fs",
            "storage-s3",
            "turn-server",
        ],
    ),
    ("test-dns", &[]),
    ("tls", &[]),
    (
        "turn-server",
        &[
            "metrics", "mutex", "options", "program", "protocol", "settings", "tls",
        ],
    ),
    ("xtask", &[]),
];

/// Programs that browsers never connect to, which must not contain code for that.
const WITHOUT_BROWSERS: &[&str] = &["connector-kit", "ircd", "smtp-connector"];

/// Packages that only serve browsers.
const FOR_BROWSERS: &[&str] = &["engineioxide", "socketioxide"];

/// Returns one line for each forbidden dependency.
///
/// # Errors
///
/// If cargo cannot list the dependencies.
pub(super) fn check(places: &Places) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let workspace = tree(places, &["--workspace", "--depth=0"])?;
    for package in &workspace {
        let used = tree(places, &["--package", package, "--depth=1"])?;
        let used = used.intersection(&workspace).map(String::as_str);
        broken.extend(arrows(package, used));
        let pure = PURE.contains(&package.as_str());
        if pure || WITHOUT_BROWSERS.contains(&package.as_str()) {
            let all = tree(places, &["--package", package])?;
            let foreign = if pure { IMPURE } else { FOR_BROWSERS };
            broken.extend(builds_with(package, &all, foreign));
        }
    }
    let known = MAY_USE.iter().map(|(name, _)| name).chain(PURE);
    let missing = known.filter(|name| !workspace.contains(**name));
    broken.extend(missing.map(|name| format!("there is no package {name} to check")));
    Ok(broken)
}

/// Checks which other packages of the workspace a package names.
fn arrows<'a>(package: &str, used: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Some((_, may)) = MAY_USE.iter().find(|(name, _)| *name == package) else {
        return vec![format!(
            "{package} is new: ARCHITECTURE.md and MAY_USE do not say what it may depend on"
        )];
    };
    used.filter(|name| *name != package && !may.contains(name))
        .map(|name| format!("{package} must not depend on {name}"))
        .collect()
}

/// Checks what a package is built with, directly or indirectly.
fn builds_with(package: &str, all: &BTreeSet<String>, foreign: &[&str]) -> Vec<String> {
    all.iter()
        .filter(|name| foreign.iter().any(|rule| matches(rule, name)))
        .map(|name| {
            let see = format!("see `cargo tree -p {package} -e normal -i {name}`");
            format!("{package} must not build with {name}: {see}")
        })
        .collect()
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
    fn forbidden_impure_and_unknown_packages_are_named() {
        let broken = arrows(
            "functions-core",
            ["functions-core", "hooks", "ircd"].into_iter(),
        );
        assert_eq!(broken, ["functions-core must not depend on ircd"]);
        let broken = arrows("xmpp-connector", ["gateway"].into_iter());
        assert!(broken[0].contains("is new"), "{broken:?}");
        let all = ["aws-sdk-s3", "ircd", "serde"].map(str::to_owned).into();
        let broken = builds_with("functions-core", &all, IMPURE);
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].contains("must not build with aws-sdk-s3"));
    }
}
