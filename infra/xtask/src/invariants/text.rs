//! Rules for every file.

use super::words;

/// The beginning of files that nobody edits.
const GENERATED: &str = "// Written by `cargo xtask generate`";
/// The most lines of a source file without its tests, unless it is generated.
const MAX_LINES: usize = 600;

/// Returns one line for each rule that the file breaks.
pub(super) fn check(name: &str, content: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if extension == "rs" && !content.starts_with("//!") {
        broken.push(format!(
            "{name}: does not begin with //! and what it is for"
        ));
    }
    if is_source(extension) && !is_test(name) && !content.starts_with(GENERATED) {
        let lines = lines_without_tests(content);
        if lines > MAX_LINES {
            broken.push(format!("{name}: {lines} lines, more than {MAX_LINES}"));
        }
    }
    if name.ends_with("Cargo.toml") && content.contains("[package]") {
        let inherits = content.contains("[lints]\nworkspace = true");
        if !inherits {
            broken.push(format!("{name}: does not inherit the workspace's lints"));
        }
    }
    for (number, line) in (1..).zip(content.lines()) {
        let trouble = trouble_in(name, line).or_else(|| words::trouble_in(name, line));
        if let Some(trouble) = trouble {
            broken.push(format!("{name}:{number}: {trouble}"));
        }
    }
    broken
}

fn trouble_in(name: &str, line: &str) -> Option<String> {
    let lock = name.rsplit('/').next().unwrap_or(name);
    let official = "\"registry+https://github.com/rust-lang/crates.io-index\"";
    match lock {
        "Cargo.lock" => line
            .strip_prefix("source = ")
            .filter(|source| *source != official)
            .map(|source| format!("a package from {source}, which is not crates.io")),
        "package-lock.json" => line
            .contains("\"resolved\": \"http")
            .then(|| "names the registry it was made with; see omit-lockfile-registry-resolved in npm's documentation".to_owned()),
        ".npmrc" => line
            .contains("registry=")
            .then(|| "chooses a registry for everyone".to_owned()),
        // Patterns, not paths.
        ".gitignore" | ".prettierignore" => None,
        _ => machine_path(line).map(|path| format!("names {path}, a place on one machine")),
    }
}

/// Finds a path that only makes sense on the machine where it was written.
fn machine_path(line: &str) -> Option<&'static str> {
    // Assembled here, so that this file follows its own rule.
    const PLACES: [&str; 4] = [
        concat!("/", "work/"),
        concat!("/", "root/"),
        concat!("/", "home/"),
        concat!("/", "tmp/"),
    ];
    PLACES.into_iter().find(|place| {
        line.match_indices(place).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            // Within a longer path or an address it means something else.
            !before.is_some_and(|c| {
                c.is_alphanumeric() || matches!(c, '/' | '.' | '}' | ')' | '>' | '*' | '_' | '-')
            })
        })
    })
}

fn is_source(extension: &str) -> bool {
    matches!(
        extension,
        "css" | "gjs" | "gts" | "html" | "js" | "mjs" | "rs" | "sh" | "ts"
    )
}

fn is_test(name: &str) -> bool {
    let folder = |part: &str| matches!(part, "tests" | "test");
    name.split('/').any(folder) || name.ends_with("/tests.rs") || name.ends_with("_tests.rs")
}

pub(super) fn lines_without_tests(content: &str) -> usize {
    let lines: Vec<_> = content.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && is_module(pair[1]));
    tests.unwrap_or(lines.len())
}

/// Whether a line begins a module whose contents follow, as tests at the end of a file do; not a file of its own.
pub(super) fn is_module(line: &str) -> bool {
    line.starts_with("mod ") && line.ends_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(name: &str, content: &str) -> Vec<String> {
        check(name, content)
    }

    #[test]
    fn generated_files_may_be_long() {
        let long = format!("{GENERATED} from x.\n{}", "x\n".repeat(MAX_LINES));
        assert_eq!(broken("a.ts", &long), Vec::<String>::new());
        assert_eq!(broken("a.ts", &long.replace("//", "/*")).len(), 1);
    }

    #[test]
    fn rust_files_say_what_they_are() {
        assert_eq!(broken("a.rs", "//! Good.\n"), Vec::<String>::new());
        assert!(broken("a.rs", "use std;\n")[0].contains("begin with //!"));
    }

    #[test]
    fn long_files_are_named_but_tests_do_not_count() {
        let long = format!("//! x\n{}", "x\n".repeat(MAX_LINES));
        assert!(broken("a.rs", &long)[0].contains("601 lines"));
        assert!(broken("a/tests/b.rs", &long).is_empty());
        assert!(broken("a/src/b/tests.rs", &long).is_empty());
        let tests = "x\n".repeat(MAX_LINES);
        let tested = format!("//! x\n#[cfg(test)]\nmod tests {{\n{tests}}}\n");
        assert!(broken("a.rs", &tested).is_empty());
    }

    #[test]
    fn lock_files_name_the_official_registry_only() {
        let good = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert!(broken("Cargo.lock", good).is_empty());
        assert_eq!(
            broken("Cargo.lock", "source = \"git+https://x.test/y\"\n").len(),
            1
        );
        let resolved = "      \"resolved\": \"https://npm.example.test/a.tgz\",\n";
        assert_eq!(broken("x/package-lock.json", resolved).len(), 1);
        assert_eq!(broken(".npmrc", "registry=https://x.test\n").len(), 1);
    }

    #[test]
    fn places_on_one_machine_are_found() {
        let line = format!("let a = \"{}main\";\n", concat!("/", "work/"));
        assert_eq!(broken("a.md", &line).len(), 1);
        assert!(broken("a.md", "see docs/work/plan and https://x.test/root/x\n").is_empty());
    }

    #[test]
    fn packages_inherit_the_lints() {
        assert_eq!(broken("a/Cargo.toml", "[package]\nname = \"a\"\n").len(), 1);
        let good = "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n";
        assert!(broken("a/Cargo.toml", good).is_empty());
    }
}
