//! Log lines that strangers or failures can cause are limited to one a minute: network services call a `Seldom` before
//! they write one, or are in a list with the reason why the line is rare anyway.

use std::collections::BTreeMap;

use super::text::is_module;

/// Network services.
const SERVES: &[&str] = &[
    "common/http-server/src/",
    "connectors/",
    "functions/native/src/",
    "turn/src/",
];

/// How many lines above a log line the call may be.
const NEAR: usize = 6;

/// The beginning of a log line that operators see.
const LINES: &[&str] = &["tracing::info!", "tracing::warn!", "tracing::error!"];

const ONCE: &str = "at the start or at the end";
const CHANGES: &str = "when it begins to fail, and when that ends";
const HOURLY: &str = "once an hour, about the process's own work";

/// How many other lines a file has, and when they are written.
const OTHERS: &[(&str, usize, &str)] = &[
    ("common/http-server/src/serve.rs", 1, ONCE),
    ("connectors/gateway/src/calls/removed.rs", 2, ONCE),
    ("connectors/gateway/src/gateway.rs", 3, ONCE),
    ("connectors/gateway/src/hub/mod.rs", 2, CHANGES),
    ("connectors/gateway/src/outbox/journal.rs", 2, ONCE),
    ("connectors/gateway/src/outbox/mod.rs", 1, CHANGES),
    ("connectors/gateway/src/publish/mod.rs", 2, CHANGES),
    ("connectors/gateway/src/sessions/mod.rs", 1, CHANGES),
    ("connectors/gateway/src/spool/deferred.rs", 3, ONCE),
    ("connectors/gateway/src/spool/mod.rs", 6, CHANGES),
    ("connectors/irc/src/identities.rs", 1, ONCE),
    ("connectors/irc/src/kept.rs", 2, ONCE),
    ("connectors/irc/src/policies.rs", 1, ONCE),
    // One of them is an administrator's act.
    ("connectors/ircd/src/shell/engine.rs", 3, ONCE),
    ("connectors/ircd/src/shell/mod.rs", 1, ONCE),
    ("connectors/ircd/src/store/mod.rs", 2, ONCE),
    ("connectors/kit/src/client.rs", 3, HOURLY),
    ("connectors/smtp/src/handover.rs", 1, HOURLY),
    ("connectors/smtp/src/lib.rs", 2, ONCE),
    ("connectors/smtp/src/outgoing/mod.rs", 5, CHANGES),
    ("connectors/smtp/src/outgoing/store.rs", 4, ONCE),
    // It has its own clock.
    ("functions/native/src/full.rs", 1, CHANGES),
    // Each damaged record once an hour.
    ("functions/native/src/host.rs", 2, HOURLY),
    ("functions/native/src/maintain.rs", 5, HOURLY),
    ("functions/native/src/store.rs", 2, ONCE),
    ("turn/src/shell/mod.rs", 1, ONCE),
    ("turn/src/shell/net.rs", 1, ONCE),
    ("turn/src/shell/worker.rs", 2, ONCE),
];

/// Returns one line for each listed file that does not exist.
pub(super) fn missing(files: &BTreeMap<String, String>) -> Vec<String> {
    let gone = OTHERS
        .iter()
        .filter(|(name, ..)| !files.contains_key(*name));
    gone.map(|(name, ..)| format!("{name}: there is no such file, but log lines of it are known"))
        .collect()
}

/// Returns one line if the number of such lines in a file is not the known one.
pub(super) fn check(name: &str, content: &str) -> Vec<String> {
    let serves = SERVES.iter().any(|folder| name.starts_with(folder));
    let other = ["/tests/", "/contract/"];
    let other = other.iter().any(|part| name.contains(part))
        || name.ends_with("tests.rs")
        || name.ends_with("/main.rs");
    if !serves || other || !name.ends_with(".rs") {
        return Vec::new();
    }
    let listed = OTHERS.iter().find(|(file, ..)| *file == name);
    let most = listed.map_or(0, |(_, most, _)| *most);
    let found = unasked(content);
    if found.len() == most {
        return Vec::new();
    }
    if found.len() < most {
        let there = found.len();
        return vec![format!(
            "{name}: {most} log lines are known to come seldom, and there are {there} (infra/xtask/src/invariants/logs.rs)"
        )];
    }
    let numbers: Vec<String> = found.iter().map(usize::to_string).collect();
    vec![format!(
        "{name}: the log lines at {} ask no Seldom, so that each event may write one; only {most} are known to come seldom (infra/xtask/src/invariants/logs.rs)",
        numbers.join(", ")
    )]
}

/// The numbers of lines that write to the log without a limit.
fn unasked(content: &str) -> Vec<usize> {
    let lines: Vec<&str> = content.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && is_module(pair[1]));
    let code = &lines[..tests.unwrap_or(lines.len())];
    (0..code.len())
        .filter(|&at| LINES.iter().any(|line| code[at].contains(line)))
        .filter(|&at| {
            let near = &code[at.saturating_sub(NEAR)..=at];
            !near.iter().any(|line| line.contains(".say()"))
        })
        .map(|at| at + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_each_event_is_found() {
        let bare = "//! x\nfn f() {\n    tracing::warn!(\"x\");\n}\n";
        let [found] = &check("connectors/gateway/src/new.rs", bare)[..] else {
            panic!("it is found");
        };
        assert!(found.contains("lines at 3 ask"), "{found}");
        let asked = "fn f() {\n    if let Some(left_out) = X.say() {\n        tracing::warn!(left_out);\n    }\n}\n";
        let quiet = "fn f() {\n    tracing::debug!(\"x\");\n}\n";
        let test = format!("{quiet}#[cfg(test)]\nmod tests {{\n    tracing::warn!();\n}}\n");
        for content in [asked, quiet, &test] {
            assert!(check("connectors/gateway/src/new.rs", content).is_empty());
        }
        for other in [
            "connectors/gateway/tests/new.rs",
            "infra/xtask/src/new.rs",
            "connectors/smtp/src/main.rs",
            "connectors/gateway/src/new.md",
        ] {
            assert!(check(other, bare).is_empty(), "{other}");
        }
        let known = "connectors/gateway/src/hub/mod.rs";
        assert!(check(known, &bare.repeat(2)).is_empty());
        assert!(!check(known, &bare.repeat(3)).is_empty());
        assert!(!check(known, bare).is_empty());
        assert_eq!(missing(&BTreeMap::new()).len(), OTHERS.len());
    }
}
