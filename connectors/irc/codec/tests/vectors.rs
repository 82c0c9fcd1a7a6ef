//! The published vectors of irc-parser-tests (see `vectors/README.md`).

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::collections::BTreeMap;
use std::path::Path;

use irc_codec::{Message, Source, Tags, is_hostname, mask_matches};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors<T> {
    tests: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Atoms {
    tags: BTreeMap<String, Option<String>>,
    source: Option<String>,
    verb: String,
    params: Vec<String>,
}

fn read<T: for<'de> Deserialize<'de>>(name: &str, expected: usize) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    let vectors: Vectors<T> =
        serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(vectors.tests.len(), expected, "{name}");
    vectors.tests
}

#[test]
fn messages_split() {
    #[derive(Deserialize)]
    struct Case {
        input: String,
        atoms: Atoms,
    }
    for case in read::<Case>("msg-split.yaml", 35) {
        let message = Message::parse(&case.input).unwrap();
        let tags: BTreeMap<_, _> = message
            .tags
            .iter()
            .map(|(key, value)| (key.to_owned(), Some(value.to_owned())))
            .collect();
        let wanted: BTreeMap<_, _> = case
            .atoms
            .tags
            .into_iter()
            .map(|(key, value)| (key, Some(value.unwrap_or_default())))
            .collect();
        assert_eq!(tags, wanted, "{}", case.input);
        assert_eq!(
            message.source.map(|source| source.to_string()),
            case.atoms.source,
            "{}",
            case.input
        );
        // Commands are stored in upper case, since they are compared case-insensitively.
        assert_eq!(message.command, case.atoms.verb.to_uppercase());
        assert_eq!(message.params, case.atoms.params, "{}", case.input);
    }
}

#[test]
fn messages_join() {
    #[derive(Deserialize)]
    struct Case {
        desc: String,
        atoms: Atoms,
        matches: Vec<String>,
    }
    for case in read::<Case>("msg-join.yaml", 17) {
        let mut tags = Tags::default();
        for (key, value) in case.atoms.tags {
            tags.set(key, value.unwrap_or_default());
        }
        let message = Message {
            tags,
            source: case.atoms.source.as_deref().map(Source::parse),
            command: case.atoms.verb,
            params: case.atoms.params,
        };
        let line = message.to_string();
        assert!(
            case.matches.contains(&line),
            "{}: {line:?} is none of {:?}",
            case.desc,
            case.matches
        );
    }
}

#[test]
fn sources_split() {
    #[derive(Deserialize)]
    struct Case {
        source: String,
        atoms: BTreeMap<String, String>,
    }
    for case in read::<Case>("userhost-split.yaml", 9) {
        let source = Source::parse(&case.source);
        let nick = case.atoms.get("nick").cloned().unwrap_or_default();
        assert_eq!(source.nick, nick, "{}", case.source);
        // The vectors treat an empty part as missing; it is kept here so that nothing is lost.
        let some = |part: Option<String>| part.filter(|part| !part.is_empty());
        let (user, host) = (case.atoms.get("user"), case.atoms.get("host"));
        assert_eq!(some(source.user.clone()).as_ref(), user, "{}", case.source);
        assert_eq!(some(source.host.clone()).as_ref(), host, "{}", case.source);
        assert_eq!(source.to_string(), case.source);
    }
}

#[test]
fn masks_match() {
    #[derive(Deserialize)]
    struct Case {
        mask: String,
        matches: Vec<String>,
        fails: Vec<String>,
    }
    for case in read::<Case>("mask-match.yaml", 6) {
        for name in &case.matches {
            assert!(mask_matches(&case.mask, name), "{} {name}", case.mask);
        }
        for name in &case.fails {
            assert!(!mask_matches(&case.mask, name), "{} {name}", case.mask);
        }
    }
}

#[test]
fn host_names_are_told_from_others() {
    #[derive(Deserialize)]
    struct Case {
        host: String,
        valid: bool,
    }
    for case in read::<Case>("validate-hostname.yaml", 13) {
        assert_eq!(is_hostname(&case.host), case.valid, "{}", case.host);
    }
}
