//! Who may know whom within a package: the arrows between the folders of `functions-core`, and no circles between the
//! files of packages.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::paths;

/// Where the folders are.
const SOURCES: &str = "functions/core/src/";

/// Packages whose files must not use each other, but for a module and those within it.
const NO_CIRCLES: &[&str] = &[
    SOURCES,
    "connectors/irc/codec/src/",
    "connectors/irc/src/",
    "connectors/ircd/src/",
];

/// Folders, and those that each may use; one may always use itself. What stands further down uses what stands above it.
const MAY_USE: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("connectors", &["kernel"]),
    ("outgoing", &["kernel", "connectors"]),
    ("identity", &["kernel", "connectors", "outgoing"]),
    ("files", &["kernel", "connectors", "identity"]),
    ("webhooks", &["kernel", "connectors", "identity"]),
    ("notify", &["kernel", "connectors", "outgoing", "identity"]),
    (
        "chat",
        &["kernel", "connectors", "identity", "files", "notify"],
    ),
    (
        "mail",
        &[
            "kernel",
            "connectors",
            "outgoing",
            "identity",
            "files",
            "chat",
        ],
    ),
    (
        "lifecycle",
        &[
            "kernel",
            "connectors",
            "outgoing",
            "identity",
            "files",
            "webhooks",
            "notify",
            "chat",
            "mail",
        ],
    ),
];

/// Composes everything, and may use everything.
const TOP: &[&str] = &["routes", "testing", "tests"];

/// A file as the compiler sees it: the names of its module, and what it names.
struct Module<'a> {
    file: &'a str,
    names: Vec<&'a str>,
    uses: Vec<Vec<String>>,
}

/// Files, and those that each uses, by the names of their modules.
type Graph<'a> = BTreeMap<Vec<&'a str>, BTreeSet<Vec<&'a str>>>;

/// Returns one line for each arrow that should not be, and for each circle; `files` are all files that git knows, with
/// what is in them.
pub(super) fn check(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut broken = Vec::new();
    for sources in NO_CIRCLES {
        let modules = modules(sources, files);
        if modules.is_empty() {
            broken.push(format!("there are no files below {sources} to check"));
        }
        broken.extend(circles(sources, &graph(&modules)));
    }
    broken.extend(arrows(&modules(SOURCES, files)));
    broken
}

/// Returns one line for each arrow between folders that should not be.
fn arrows(modules: &[Module<'_>]) -> Vec<String> {
    let mut broken = unknown_folders(modules);
    for module in modules {
        for path in &module.uses {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if let Some(trouble) = trouble(&module.names, &path) {
                broken.push(format!("{}: {trouble}", module.file));
            }
        }
    }
    broken.sort();
    broken.dedup();
    broken
}

/// Returns which files each file uses, but for those that it is within, or that are within it.
fn graph<'a>(modules: &'a [Module<'a>]) -> Graph<'a> {
    let known: BTreeSet<Vec<&str>> = modules.iter().map(|module| module.names.clone()).collect();
    let mut graph = Graph::new();
    for module in modules {
        for path in &module.uses {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let used = (0..=path.len()).rev().map(|length| path[..length].to_vec());
            let used = used.into_iter().find(|names| known.contains(names));
            if let Some(used) = used
                && !related(&module.names, &used)
            {
                graph.entry(module.names.clone()).or_default().insert(used);
            }
        }
    }
    graph
}

fn modules<'a>(sources: &str, files: &'a BTreeMap<String, String>) -> Vec<Module<'a>> {
    let ours = files.iter().filter_map(|(file, content)| {
        let name = file.strip_prefix(sources)?.strip_suffix(".rs")?;
        let name = name.strip_suffix("/mod").unwrap_or(name);
        let names: Vec<&str> = name.split('/').filter(|name| *name != "lib").collect();
        // Tests may look at everything.
        let test = |name: &&str| matches!(*name, "tests" | "testing" | "generated");
        if names.iter().any(test) {
            return None;
        }
        let uses = paths(content, &names);
        Some(Module { file, names, uses })
    });
    ours.collect()
}

/// Returns why a module may not name a path, if it may not.
fn trouble(module: &[&str], path: &[&str]) -> Option<String> {
    let (from, to) = (*module.first()?, *path.first()?);
    if from == to || TOP.contains(&from) {
        return None;
    }
    let (_, allowed) = MAY_USE.iter().find(|(folder, _)| *folder == from)?;
    if allowed.contains(&to) {
        return None;
    }
    Some(format!(
        "{from} must not use {}; see ARCHITECTURE.md",
        path.join("::")
    ))
}

/// Folders that the table does not have, and the other way round.
fn unknown_folders(modules: &[Module<'_>]) -> Vec<String> {
    let there: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| module.names.first().copied())
        .collect();
    let table: BTreeSet<&str> = MAY_USE.iter().map(|(folder, _)| *folder).collect();
    let missing = table.difference(&there);
    let missing = missing.map(|folder| format!("{SOURCES}{folder}: there is no such folder"));
    let new = there
        .difference(&table)
        .filter(|folder| !TOP.contains(folder));
    let new = new.map(|folder| format!("{SOURCES}{folder}: nobody said what it may use"));
    missing.chain(new).collect()
}

/// A module and those within it are one thing.
fn related(one: &[&str], other: &[&str]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Returns one line for each set of modules that all reach each other.
fn circles(sources: &str, graph: &Graph<'_>) -> Vec<String> {
    let reach = |from: &Vec<&str>| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<_> = graph.get(from).into_iter().flatten().collect();
        while let Some(module) = next.pop() {
            if seen.insert(module.clone()) {
                next.extend(graph.get(module).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = graph.keys().map(|from| (from, reach(from))).collect();
    let mut found = BTreeSet::new();
    for (from, seen) in &reached {
        if !seen.contains(*from) {
            continue;
        }
        let back = |other: &&&Vec<&str>| seen.contains(**other) && reached[**other].contains(*from);
        let circle: Vec<String> = reached
            .keys()
            .filter(back)
            .map(|names| names.join("::"))
            .collect();
        found.insert(circle.join(", "));
    }
    let line = |circle| format!("{sources}: these use each other: {circle}");
    found.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(files: &[(&str, &str)]) -> Vec<String> {
        let all = MAY_USE.iter().map(|(folder, _)| (*folder, ""));
        let all = all.chain(files.iter().copied());
        let files = all.map(|(name, content)| (format!("{SOURCES}{name}.rs"), content.to_owned()));
        let others = NO_CIRCLES.iter().skip(1);
        let others = others.map(|sources| (format!("{sources}lib.rs"), String::new()));
        check(&files.chain(others).collect())
    }

    #[test]
    fn arrows_point_down_only() {
        assert_eq!(broken(&[]), Vec::<String>::new());
        let good = [
            ("chat/calls", "use crate::kernel::{keys, records::Edit};\n"),
            ("routes/mod", "use crate::chat::calls::Call;\n"),
            ("lib", "use chat::calls;\n"),
        ];
        assert_eq!(broken(&good), Vec::<String>::new());
        let up = broken(&[(
            "kernel/body",
            "use crate::{chat::calls::Call, kernel::keys};\n",
        )]);
        assert_eq!(
            up,
            [
                "functions/core/src/kernel/body.rs: kernel must not use chat::calls::Call; see ARCHITECTURE.md"
            ]
        );
        let inline = broken(&[("files/mod", "fn f() { crate::webhooks::key(); }\n")]);
        assert_eq!(inline.len(), 1, "{inline:?}");
        let by_super = broken(&[("files/mod", "use super::webhooks;\n")]);
        assert_eq!(by_super.len(), 1, "{by_super:?}");
        let deeper = broken(&[("files/stores/mod", "use super::super::webhooks;\n")]);
        assert_eq!(deeper.len(), 1, "{deeper:?}");
    }

    #[test]
    fn tests_and_comments_may_name_everything() {
        let free = [
            (
                "kernel/body",
                "//! See [`crate::chat::calls`].\n#[cfg(test)]\nmod tests {\n    use crate::testing::functions;\n}\n",
            ),
            ("kernel/tests", "use crate::chat::calls;\n"),
        ];
        assert_eq!(broken(&free), Vec::<String>::new());
    }

    #[test]
    fn folders_that_the_table_does_not_have_are_named() {
        let new = broken(&[("search/mod", "")]);
        assert_eq!(
            new,
            ["functions/core/src/search: nobody said what it may use"]
        );
        assert!(check(&BTreeMap::new())[0].contains("no files"));
    }

    #[test]
    fn circles_between_files_are_named_but_for_parent_and_child() {
        let parent = [
            ("chat/archive/mod", "use self::plan::Plan;\n"),
            ("chat/archive/plan", "use super::Group;\n"),
        ];
        assert_eq!(broken(&parent), Vec::<String>::new());
        let circle = broken(&[
            ("chat/calls", "use super::events::A;\n"),
            ("chat/events", "use crate::chat::turn::B;\n"),
            ("chat/turn", "use super::calls;\n"),
            ("chat/other", "use super::calls;\n"),
        ]);
        assert_eq!(
            circle,
            ["functions/core/src/: these use each other: chat::calls, chat::events, chat::turn"]
        );
    }

    #[test]
    fn circles_are_named_in_other_packages_too() {
        let file = |name: &str, content: &str| (name.to_owned(), content.to_owned());
        let files = BTreeMap::from([
            file(
                "connectors/ircd/src/server/caps.rs",
                "use super::deliver::Reply;\n",
            ),
            file(
                "connectors/ircd/src/server/client.rs",
                "use super::caps::Caps;\n",
            ),
            file(
                "connectors/ircd/src/server/deliver.rs",
                "use super::client::User;\n",
            ),
            file("connectors/ircd/src/server/mod.rs", "use client::Client;\n"),
        ]);
        let circle = "connectors/ircd/src/: these use each other: server::caps, server::client, server::deliver";
        assert!(
            check(&files).contains(&circle.to_owned()),
            "{:?}",
            check(&files)
        );
    }
}
