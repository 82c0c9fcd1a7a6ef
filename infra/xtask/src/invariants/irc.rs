//! What holds in the packages of IRC: numerics have names, and names of channels and persons are folded in one place.

/// Where these packages are.
const PACKAGES: &[&str] = &[
    "connectors/irc/src/",
    "connectors/irc/codec/src/",
    "connectors/ircd/src/",
];

/// Files in which three digits are something else, by the end of their names, and what.
const OTHER_NUMBERS: &[(&str, &str)] = &[("ircd/src/config.rs", "defaults of options")];

/// What folds a text by itself.
const FOLDINGS: &[&str] = &[
    "to_lowercase(",
    "to_ascii_lowercase(",
    "make_ascii_lowercase(",
];

/// Files that fold something that is no name of a channel or person, by the end of their names, and what.
const OTHER_TEXTS: &[(&str, &str)] = &[
    ("irc/src/gate.rs", "hosts"),
    ("irc/src/session/batches.rs", "types of batches"),
    ("irc/src/session/masking.rs", "words of any language"),
    ("irc/src/session/secrets.rs", "commands to services"),
    ("ircd/src/server/lookalike.rs", "what a name looks like"),
];

/// Returns one line for each place that breaks a rule.
pub(super) fn check(name: &str, content: &str) -> Vec<String> {
    let ours = PACKAGES.iter().any(|folder| name.starts_with(folder));
    let is_test = name.contains("/tests/") || name.ends_with("tests.rs");
    if !ours || is_test || !name.ends_with(".rs") {
        return Vec::new();
    }
    let (numbers, texts) = (!is_in(OTHER_NUMBERS, name), !is_in(OTHER_TEXTS, name));
    let mut broken = Vec::new();
    for (number, line) in code(content) {
        if let Some(found) = numeric_in(line).filter(|_| numbers) {
            broken.push(format!(
                "{name}:{number}: \"{found}\" has a name in irc_codec::numeric"
            ));
        }
        let folding = FOLDINGS.iter().find(|folding| line.contains(**folding));
        if let Some(folding) = folding.filter(|_| texts) {
            broken.push(format!(
                "{name}:{number}: {folding}) folds by itself; names are compared by protocol::Folding"
            ));
        }
    }
    broken
}

fn is_in(files: &[(&str, &str)], name: &str) -> bool {
    files.iter().any(|(end, _)| name.ends_with(end))
}

/// The numbered lines of a file without comments, and without the tests at its end.
fn code(content: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = content
        .split("#[cfg(test)]\nmod ")
        .next()
        .unwrap_or(content);
    (1..)
        .zip(code.lines())
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Finds a text of three digits and nothing else.
fn numeric_in(line: &str) -> Option<&str> {
    let digits = |text: &&str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    line.split('"').skip(1).step_by(2).find(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numerics_are_found() {
        let line = "//! x\nfn f() { if command == \"433\" || command == \"x\" {} }\n";
        let found = check("connectors/ircd/src/server/nick.rs", line);
        assert_eq!(
            found,
            ["connectors/ircd/src/server/nick.rs:2: \"433\" has a name in irc_codec::numeric"]
        );
        assert_eq!(check("connectors/irc/src/session/nick.rs", line).len(), 1);
        assert_eq!(check("connectors/irc/codec/src/lines.rs", line).len(), 1);
    }

    #[test]
    fn other_foldings_are_found() {
        for line in [
            "let key = nick.to_lowercase();\n",
            "let key = nick.to_ascii_lowercase();\n",
            "key.make_ascii_lowercase();\n",
        ] {
            let found = check("connectors/ircd/src/server/pass.rs", line);
            assert!(
                found.len() == 1 && found[0].contains("protocol::Folding"),
                "{found:?}"
            );
            assert_eq!(check("connectors/irc/src/session/names.rs", line).len(), 1);
            assert!(check("connectors/irc/src/gate.rs", line).is_empty());
        }
    }

    #[test]
    fn other_texts_tests_and_other_packages_are_free() {
        for (name, line) in [
            (
                "connectors/irc/src/a.rs",
                "// as \"433\"\nlet a = \"4330\";\n",
            ),
            ("connectors/irc/src/a.rs", "let a = [\"CAP\", \"LS\"];\n"),
            (
                "connectors/irc/src/a.rs",
                "#[cfg(test)]\nmod tests {\n\"433\"\n}\n",
            ),
            ("connectors/irc/tests/stories/a.rs", "let a = \"433\";\n"),
            (
                "connectors/ircd/src/server/tests/a.rs",
                "let a = \"433\";\n",
            ),
            (
                "connectors/ircd/src/config.rs",
                "bans: usize = \"100\", \"COUNT\";\n",
            ),
            ("connectors/smtp/src/a.rs", "let a = \"433\";\n"),
        ] {
            assert_eq!(check(name, line), Vec::<String>::new(), "{line}");
        }
    }
}
