//! Allowed dependencies within a package: the arrows between the folders of some, and no cycles between the files of
//! any.

use std::collections::{BTreeMap, BTreeSet};

use super::may_use::{Arrows, PACKAGES};
use super::paths::paths;

/// A file from the compiler's point of view: the path of its module, and the paths that it names.
struct Module<'a> {
    file: &'a str,
    names: Vec<&'a str>,
    uses: Vec<Vec<String>>,
}

/// Returns one line for each forbidden arrow, and for each cycle; `files` are all files tracked by git, with their
/// content.
pub(super) fn check(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut broken = Vec::new();
    for arrows in PACKAGES {
        let modules = modules(files, arrows.sources);
        if modules.is_empty() {
            let sources = arrows.sources;
            broken.push(format!("there are no files below {sources} to check"));
            continue;
        }
        broken.extend(unknown_folders(arrows, &modules));
        for module in &modules {
            for path in &module.uses {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                if let Some(trouble) = trouble(arrows, &module.names, &path) {
                    broken.push(format!("{}: {trouble}", module.file));
                }
            }
        }
    }
    broken.sort();
    broken.dedup();
    for sources in packages(files) {
        let modules = modules(files, &sources);
        let circles = circles(&graph(&modules));
        broken.extend(
            circles
                .iter()
                .map(|circle| format!("{sources}: these use each other: {}", circle.join(", "))),
        );
    }
    broken
}

/// Returns where the sources of each package are.
fn packages(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let manifests = files
        .keys()
        .filter_map(|file| file.strip_suffix("Cargo.toml"));
    manifests.map(|folder| format!("{folder}src/")).collect()
}

/// Returns the modules of a package; the roots of its library and its program have empty paths.
fn modules<'a>(files: &'a BTreeMap<String, String>, sources: &str) -> Vec<Module<'a>> {
    let ours = files.iter().filter_map(|(file, content)| {
        let name = file.strip_prefix(sources)?.strip_suffix(".rs")?;
        let name = name.strip_suffix("/mod").unwrap_or(name);
        let root = |name: &str| matches!(name, "lib" | "main");
        let names: Vec<&str> = name.split('/').filter(|name| !root(name)).collect();
        // Tests may use everything; additional programs are separate packages.
        let test = |name: &&str| matches!(*name, "tests" | "testing" | "generated" | "bin");
        if names.iter().any(test) {
            return None;
        }
        let uses = paths(content, &names);
        Some(Module { file, names, uses })
    });
    ours.collect()
}

/// Which modules use which.
type Graph<'a> = BTreeMap<Vec<&'a str>, BTreeSet<Vec<&'a str>>>;

/// Using a module means using those within it; if these use it as well, that is not a cycle.
fn graph<'a>(modules: &'a [Module<'a>]) -> Graph<'a> {
    let known: BTreeSet<&[&str]> = modules.iter().map(|module| &module.names[..]).collect();
    let mut graph = Graph::new();
    for module in modules {
        let names = &module.names;
        for path in &module.uses {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let used = (0..=path.len()).rev().map(|length| &path[..length]);
            let used = used.into_iter().find_map(|names| known.get(names));
            if let Some(used) = used
                && !names.starts_with(used)
            {
                let arrows = graph.entry(names.clone()).or_default();
                arrows.insert(used.to_vec());
            }
        }
        for length in 1..names.len() {
            let parent = names[..length].to_vec();
            graph.entry(parent).or_default().insert(names.clone());
        }
    }
    graph
}

/// Returns why a module must not name a path, if so.
fn trouble(arrows: &Arrows, module: &[&str], path: &[&str]) -> Option<String> {
    let (from, to) = (*module.first()?, *path.first()?);
    if from == to || arrows.top.contains(&from) {
        return None;
    }
    let own = arrows.may_use.iter().find(|(folder, _)| *folder == from);
    let allowed = match own {
        Some((_, allowed)) => allowed.contains(&to) || arrows.base.contains(&to),
        None => !arrows.base.contains(&from),
    };
    if allowed {
        return None;
    }
    Some(format!(
        "{from} must not use {}; see ARCHITECTURE.md",
        path.join("::")
    ))
}

/// Folders that are missing in the table, and vice versa.
fn unknown_folders(arrows: &Arrows, modules: &[Module<'_>]) -> Vec<String> {
    let there: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| module.names.first().copied())
        .collect();
    let sources = arrows.sources;
    let rows = arrows.may_use.iter().map(|(folder, _)| *folder);
    let table: BTreeSet<&str> = rows.chain(arrows.base.iter().copied()).collect();
    let missing = table.difference(&there);
    let missing = missing.map(|folder| format!("{sources}{folder}: there is no such folder"));
    let new = there
        .difference(&table)
        .filter(|folder| !arrows.top.contains(folder));
    let new = new.map(|folder| format!("{sources}{folder}: nothing says what it may use"));
    missing.chain(new).collect()
}

/// Returns each set of modules that all reach each other.
fn circles(graph: &Graph<'_>) -> BTreeSet<Vec<String>> {
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
        let circle = reached.keys().filter(back);
        found.insert(circle.map(|names| names.join("::")).collect());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: &str = PACKAGES[0].sources;

    fn broken(files: &[(&str, &str)]) -> Vec<String> {
        broken_beside(SOURCES, files)
    }

    /// Checks files of a package besides those that must exist.
    fn broken_beside(sources: &str, files: &[(&str, &str)]) -> Vec<String> {
        let folders = PACKAGES.iter().flat_map(|arrows| {
            let rows = arrows.may_use.iter().map(|(folder, _)| folder);
            rows.chain(arrows.base)
                .map(|folder| (arrows.sources, *folder, ""))
        });
        let files = files
            .iter()
            .map(|(name, content)| (sources, *name, *content));
        let files = folders
            .chain(files)
            .map(|(sources, name, content)| (format!("{sources}{name}.rs"), content.to_owned()));
        let manifests = [SOURCES, sources].map(|sources| {
            let folder = sources.strip_suffix("src/").unwrap();
            (format!("{folder}Cargo.toml"), String::new())
        });
        check(&files.chain(manifests).collect())
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
    fn arrows_of_every_table_are_checked() {
        let gateway = "connectors/gateway/src/";
        let good = [
            ("link/mod", "use crate::{metrics::Metrics, spool::Spool};\n"),
            ("gateway", "use crate::service::Service;\n"),
            ("lib", "use gateway::Gateway;\n"),
        ];
        assert_eq!(broken_beside(gateway, &good), Vec::<String>::new());
        for (file, content) in [
            ("spool/mod", "use crate::hub::Hub;\n"),
            ("metrics", "use crate::spool::Spool;\n"),
            ("calls/mod", "use crate::gateway::Gateway;\n"),
        ] {
            let up = broken_beside(gateway, &[(file, content)]);
            assert_eq!(up.len(), 1, "{file}: {up:?}");
            assert!(up[0].contains("must not use"), "{file}: {up:?}");
        }
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
            ["functions/core/src/search: nothing says what it may use"]
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
    fn circles_are_found_in_every_package() {
        let circle = broken_beside(
            "connectors/gateway/src/",
            &[
                ("lib", "mod hub;\nmod link;\npub use crate::hub::Hub;\n"),
                ("hub/mod", "use crate::hub::link::Link;\n"),
                ("hub/link", "use crate::hub::clients::Clients;\n"),
                ("hub/clients", "use crate::hub::link::Link;\n"),
                ("hub/tests", "use crate::hub::Hub;\n"),
            ],
        );
        assert_eq!(
            circle,
            ["connectors/gateway/src/: these use each other: hub::clients, hub::link"]
        );
        let of_a_program = [
            ("main", "mod a;\nmod b;\nuse crate::a::run;\n"),
            ("a", "use crate::b;\n"),
            ("b", "use crate::a;\n"),
            ("bin/other", "use crate::a;\n"),
        ];
        let circle = broken_beside("turn/src/", &of_a_program);
        assert_eq!(circle, ["turn/src/: these use each other: a, b"]);
    }

    #[test]
    fn whoever_uses_a_module_uses_those_within_it() {
        let circle = broken_beside(
            "turn/src/",
            &[
                ("calls/mod", "mod rooms;\n"),
                ("calls/rooms", "use super::Call;\nuse crate::sessions;\n"),
                ("sessions", "use crate::calls::Calls;\n"),
            ],
        );
        assert_eq!(
            circle,
            ["turn/src/: these use each other: calls, calls::rooms, sessions"]
        );
        let by_file = [
            ("calls/mod", "mod rooms;\nuse crate::sessions;\n"),
            ("calls/rooms", "use super::Call;\n"),
            ("sessions", "use crate::calls::rooms::Rooms;\n"),
        ];
        assert_eq!(broken_beside("turn/src/", &by_file), Vec::<String>::new());
    }
}
