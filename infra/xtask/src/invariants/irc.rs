//! Rules for the IRC packages: numerics have names. And for all that handle channels and persons: names are compared in
//! one place.

use super::text::lines_without_tests;

/// The IRC packages.
const PACKAGES: &[&str] = &[
    "connectors/bouncer/src/",
    "connectors/irc/src/",
    "connectors/irc/codec/src/",
    "connectors/ircd/src/",
];

/// Files in which three digits have another meaning, by the end of their names, and which.
const OTHER_NUMBERS: &[(&str, &str)] = &[("ircd/src/config.rs", "defaults of options")];

/// Other packages that handle names of channels and persons.
const NAMED: &[&str] = &[
    "common/protocol/src/",
    "connectors/gateway/src/",
    "connectors/kit/src/",
    "functions/core/src/",
];

/// Functions that fold a text directly.
const FOLDINGS: &[&str] = &[
    "eq_ignore_ascii_case(",
    "to_lowercase(",
    "to_ascii_lowercase(",
    "make_ascii_lowercase(",
];

/// Files that fold something other than names of channels and persons, by the end of their names, and what.
const OTHER_TEXTS: &[(&str, &str)] = &[
    ("irc/codec/src/isupport.rs", "commands"),
    ("irc/src/address.rs", "hosts"),
    ("irc/src/dialects.rs", "sentences of services"),
    ("irc/src/gate.rs", "hosts"),
    ("irc/src/session/batches.rs", "types of batches"),
    ("irc/src/session/dispatch.rs", "commands"),
    ("irc/src/session/history.rs", "words of CHATHISTORY"),
    ("irc/src/session/masking.rs", "words of any language"),
    ("irc/src/policies.rs", "hosts"),
    ("irc/src/session/netsplits.rs", "servers"),
    ("irc/src/session/people.rs", "servers"),
    ("irc/src/session/requests.rs", "commands"),
    ("irc/src/session/sasl.rs", "mechanisms"),
    ("irc/src/session/secrets.rs", "commands to services"),
    ("irc/src/session/sent.rs", "commands"),
    ("irc/src/session/turned_away.rs", "sentences of servers"),
    ("irc/src/session/typed.rs", "commands"),
    ("ircd/src/server/dispatch.rs", "commands"),
    ("ircd/src/server/metadata.rs", "keys and words of METADATA"),
    ("ircd/src/server/network_ban.rs", "addresses"),
    ("irc/codec/src/sasl.rs", "mechanisms"),
    ("ircd/src/server/sasl.rs", "names of accounts"),
    (
        "bouncer/src/session/login.rs",
        "names of accounts, networks and servers",
    ),
    ("bouncer/src/shell/websocket.rs", "hosts and origins"),
    ("gateway/src/dialect/request.rs", "servers"),
    ("gateway/src/hub/clients.rs", "servers"),
    ("core/src/chat/connections.rs", "parts of hosts"),
    ("core/src/chat/private_network.rs", "hosts"),
    ("core/src/connectors/register.rs", "domains"),
    ("core/src/files/client_files.rs", "extensions and headers"),
    ("core/src/files/remote_storage/range.rs", "units of ranges"),
    ("core/src/identity/accounts.rs", "names of accounts"),
    ("core/src/identity/api/authenticate.rs", "names of accounts"),
    ("core/src/identity/grants.rs", "schemes of HTTP"),
    ("core/src/identity/webfinger.rs", "schemes and hosts"),
    ("core/src/kernel/variables.rs", "domains"),
    ("core/src/mail/addresses.rs", "mail addresses"),
    ("core/src/mail/incoming.rs", "mail addresses"),
    ("core/src/mail/preview.rs", "words of any language"),
    ("protocol/src/archive.rs", "servers"),
    ("protocol/src/folding.rs", "here they are compared"),
    ("protocol/src/internet.rs", "hosts"),
    ("protocol/src/lookalike.rs", "what a name looks like"),
    ("protocol/src/outgoing.rs", "mail addresses"),
];

/// Returns one line for each place that breaks a rule.
pub(super) fn check(name: &str, content: &str) -> Vec<String> {
    let is_in_one = |folders: &[&str]| folders.iter().any(|folder| name.starts_with(folder));
    let is_irc = is_in_one(PACKAGES);
    let ours = is_irc || is_in_one(NAMED);
    let is_test = name.contains("/tests/") || name.ends_with("tests.rs");
    if !ours || is_test || !name.ends_with(".rs") {
        return Vec::new();
    }
    let numbers = is_irc && !is_in(OTHER_NUMBERS, name);
    let texts = !is_in(OTHER_TEXTS, name);
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
    (1..)
        .zip(content.lines().take(lines_without_tests(content)))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Finds a string of exactly three digits.
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
            "if nick.eq_ignore_ascii_case(other) {}\n",
        ] {
            let found = check("connectors/ircd/src/server/pass.rs", line);
            assert!(
                found.len() == 1 && found[0].contains("protocol::Folding"),
                "{found:?}"
            );
            assert_eq!(check("connectors/irc/src/session/names.rs", line).len(), 1);
            for other in [
                "connectors/gateway/src/dialect/render.rs",
                "connectors/kit/src/a.rs",
                "functions/core/src/chat/a.rs",
                "common/protocol/src/room.rs",
            ] {
                assert_eq!(check(other, line).len(), 1, "{other}");
            }
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
