//! Validates the fields of a connection by its platform's description, with a specific error for each invalid one.

use std::net::IpAddr;

use protocol::{Folding, MAX_CHANNELS, MAX_LINES, UnreadableName, readable_name};
use serde_json::Value;

/// An invalid field: which one and why, in one sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidField(pub(super) String);

/// The longest host name in bytes (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;
/// The longest text in characters, and the longest word in bytes, unless the platform sets another limit.
const MAX_TEXT: usize = 200;
/// The limit that no descriptor can exceed.
const MOST: usize = 1_000;
/// The longest channel name in bytes; RFC 2812 has 50, networks allow more.
const MAX_CHANNEL: usize = 100;
/// The longest key of a channel in bytes.
pub(crate) const MAX_KEY: usize = 50;

/// Returns a text from a descriptor; empty if there is none.
pub(crate) fn said<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}

pub(super) fn limit(field: &Value) -> usize {
    let told = field["limit"]
        .as_u64()
        .and_then(|limit| limit.try_into().ok());
    told.unwrap_or(MAX_TEXT).min(MOST)
}

pub(crate) fn invalid(field: &str, value: &str, expected: &str) -> InvalidField {
    let shown: String = value
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(60)
        .collect();
    InvalidField(format!("{field} \"{shown}\" is not valid: {expected}"))
}

/// Validates the host to connect to; returns it in lower case.
pub(crate) fn host(text: &str) -> Result<String, InvalidField> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let expected = "expected a host name like irc.libera.chat, or an IP address";
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    // Internationalised names are resolved in their ASCII form (UTS #46).
    let Ok(url::Host::Domain(name)) = url::Host::parse(text) else {
        return Err(invalid("host", text, expected));
    };
    let labels = name.strip_suffix('.').unwrap_or(&name);
    if labels.len() > MAX_HOST || !labels.split('.').all(label) {
        return Err(invalid("host", text, expected));
    }
    Ok(labels.to_owned())
}

/// Validates a server name as used in ids: a host, optionally with a port.
pub(crate) fn server(text: &str) -> Result<String, InvalidField> {
    let text = text.trim();
    if let Some((name, port)) = text.rsplit_once(':')
        && let Ok(name) = host(name)
        && port.parse::<u16>().is_ok_and(|port| port != 0)
    {
        return Ok(format!("{name}:{port}"));
    }
    host(text).map_err(|_| invalid("server", text, "expected a host like irc.libera.chat"))
}

/// Validates a port.
pub(crate) fn port(port: u16) -> Result<u16, InvalidField> {
    if port == 0 {
        return Err(invalid("port", "0", "expected a number from 1 to 65535"));
    }
    Ok(port)
}

/// Validates a word; its descriptor may restrict it further.
pub(super) fn word(field: &Value, text: &str) -> Result<String, InvalidField> {
    let limit = limit(field);
    let without = said(field, "without");
    let begins_without = said(field, "begins_without");
    let fits = match field["choices"].as_array() {
        Some(choices) => choices.iter().any(|choice| choice == text),
        None => {
            (1..=limit).contains(&text.len())
                && !text.starts_with(|c| begins_without.contains(c))
                && !text
                    .contains(|c: char| c.is_whitespace() || c.is_control() || without.contains(c))
        }
    };
    if fits {
        return Ok(text.to_owned());
    }
    let usual = format!("expected 1 to {limit} bytes without spaces");
    let expected = field["expected"].as_str().unwrap_or(&usual);
    Err(invalid(said(field, "name"), text, expected))
}

/// Validates a text for people: a network's name or a person's.
pub(crate) fn text(field: &str, text: &str) -> Result<String, InvalidField> {
    text_within(field, text, MAX_TEXT)
}

pub(super) fn text_within(field: &str, text: &str, limit: usize) -> Result<String, InvalidField> {
    let expected = |why: &str| {
        let expected = format!("expected 1 to {limit} characters on one line; {why}");
        invalid(field, text, &expected)
    };
    if text.trim().contains(char::is_control) {
        return Err(expected(&UnreadableName::Control.to_string()));
    }
    readable_name(text, limit).map_err(|error| expected(&error.to_string()))
}

/// Validates a secret, or one of several lines; it is never shown, not even in the error.
pub(super) fn secret(
    name: &str,
    text: &str,
    limit: usize,
    lines: bool,
) -> Result<String, InvalidField> {
    let most = if lines { MAX_LINES } else { 1 };
    let fits = |line: &str| line.len() <= limit && !line.contains(['\0', '\r']);
    let found = text.split('\n');
    if !text.is_empty() && found.clone().count() <= most && found.into_iter().all(fits) {
        return Ok(text.to_owned());
    }
    Err(InvalidField(format!(
        "{name} is not valid: expected at most {limit} bytes in a line, {most} lines at most, and no NUL"
    )))
}

/// Validates a channel by its prefix, optionally followed by a space and its key.
pub(super) fn channel(begins: &str, expected: &str, text: &str) -> Result<String, InvalidField> {
    let text = text.trim();
    let (name, key) = match text.split_once(' ') {
        Some((name, key)) => (name, Some(key.trim())),
        None => (text, None),
    };
    let plain =
        |part: &str| !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',');
    let bare = name.strip_prefix(|c| begins.contains(c));
    let named = bare.or_else(|| begins.is_empty().then_some(name));
    if named.is_none_or(str::is_empty) || name.len() > MAX_CHANNEL || !plain(name) {
        return Err(invalid("channel", name, expected));
    }
    match key {
        None | Some("") => Ok(name.to_owned()),
        Some(key) if key.len() <= MAX_KEY && plain(key) && !key.starts_with(':') => {
            Ok(format!("{name} {key}"))
        }
        // A key is secret, so it is not repeated.
        Some(_) => Err(InvalidField(format!(
            "the key of channel \"{name}\" is not valid: it has no spaces or commas, and at most {MAX_KEY} bytes"
        ))),
    }
}

/// Adds a channel to a list, or updates its key; returns whether that changed anything.
pub(crate) fn add_channel(list: &mut Vec<String>, entry: String, folding: Folding) -> bool {
    let full = list.len() >= MAX_CHANNELS;
    let same = |other: &&mut String| same_channel(other, &entry, folding);
    match list.iter_mut().find(same) {
        Some(other) if *other == entry => false,
        // Without a key it is the same channel; a known key is kept.
        Some(_) if !entry.contains(' ') => false,
        Some(other) => {
            *other = entry;
            true
        }
        None if full => false,
        None => {
            list.push(entry);
            true
        }
    }
}

/// Removes a channel from a list; returns whether it was there.
pub(crate) fn remove_channel(list: &mut Vec<String>, entry: &str, folding: Folding) -> bool {
    let before = list.len();
    list.retain(|other| !same_channel(other, entry, folding));
    list.len() < before
}

/// Compares the names before the keys, by the platform's rules.
pub(crate) fn same_channel(a: &str, b: &str, folding: Folding) -> bool {
    fn name(entry: &str) -> &str {
        entry.split(' ').next().unwrap_or_default()
    }
    folding.same(name(a), name(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::platform::Platform;

    fn nick(text: &str) -> Result<String, InvalidField> {
        Platform::usual().own_name(text)
    }

    fn username(text: &str) -> Result<String, InvalidField> {
        word(Platform::usual().field("username").unwrap(), text)
    }

    fn password(text: &str) -> Result<String, InvalidField> {
        secret("password", text, 300, false)
    }

    fn channel(text: &str) -> Result<String, InvalidField> {
        Platform::usual().channel(text)
    }

    fn channels(list: &[String]) -> Result<Vec<String>, InvalidField> {
        Platform::usual().channels(list)
    }

    #[test]
    fn hosts() {
        assert_eq!(host("IRC.Libera.Chat").unwrap(), "irc.libera.chat");
        assert_eq!(host("[::1]").unwrap(), "::1");
        assert_eq!(host("127.0.0.1").unwrap(), "127.0.0.1");
        assert_eq!(host("bücher.example").unwrap(), "xn--bcher-kva.example");
        for bad in [
            "",
            " ",
            "a b",
            "a/b",
            "a\0b",
            "-a",
            "a..b",
            "irc.example:6697",
            "a\r\nQUIT",
            &"a".repeat(64),
        ] {
            assert!(host(bad).is_err(), "{bad:?}");
        }
        assert_eq!(server("irc.example:6697").unwrap(), "irc.example:6697");
        assert!(server("irc.example:0").is_err() && server("a b").is_err());
    }

    #[test]
    fn names_and_channels() {
        for good in ["alice", "[a]`^", "ällice", "a-1"] {
            assert!(nick(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "#a", "a b", "a\rb", "a!b", "a@b", "a,b"] {
            let error = nick(bad).unwrap_err().to_string();
            assert!(!error.contains('\r'), "{error}");
        }
        assert_eq!(channel("#a key").unwrap(), "#a key");
        for bad in ["a", "#", "#a,b", "#a\u{7}", "", "#a b c", "#a\nJOIN #b"] {
            assert!(channel(bad).is_err(), "{bad:?}");
        }
        for good in ["al", "alice/libera@phone", "a@b", "al~1"] {
            assert!(username(good).is_ok(), "{good}");
        }
        for bad in ["", ":a", "@a", "a b", "a\nb", &"a".repeat(129)] {
            assert!(username(bad).is_err(), "{bad:?}");
        }
        let secret = channel("#a se,cret").unwrap_err().to_string();
        assert!(!secret.contains("se,cret"), "{secret}");
        assert!(password("a\r\nb").is_err() && password("").is_err());
    }

    #[test]
    fn a_channel_is_in_a_list_once() {
        let mut list = channels(&["#A".into(), "#b k".into(), "#a".into()]).unwrap();
        assert_eq!(list, ["#b k", "#a"]);
        let folding = Platform::usual().folding();
        assert!(!add_channel(&mut list, "#B".into(), folding));
        assert!(add_channel(&mut list, "#B k2".into(), folding));
        assert!(add_channel(&mut list, "#c[".into(), folding));
        assert!(!add_channel(&mut list, "#C[".into(), folding));
        assert!(remove_channel(&mut list, "#b", folding));
        assert!(!remove_channel(&mut list, "#b", folding));
        assert_eq!(list, ["#a", "#c["]);
    }

    #[test]
    fn two_channels_of_a_platform_are_never_taken_for_one() {
        let mut list = channels(&["#a[".into(), "#a{".into(), "#A[".into()]).unwrap();
        assert_eq!(list, ["#a{", "#A["]);
        let folding = Platform::usual().folding();
        assert!(remove_channel(&mut list, "#a[", folding));
        assert_eq!(list, ["#a{"]);
        let exact = Platform(serde_json::json!({"names": {"compare": "exact"}}));
        let list = exact.channels(&["A".into(), "a".into()]).unwrap();
        assert_eq!(list, ["A", "a"]);
    }

    proptest! {
        #[test]
        fn what_is_accepted_fits_into_one_line_of_irc(input in "\\PC{0,30}|[ -~\\r\\n\\x00]{0,30}") {
            for checked in [host(&input), nick(&input), username(&input), channel(&input), password(&input), text("name", &input)].into_iter().flatten() {
                prop_assert!(!checked.contains(['\r', '\n', '\0']));
            }
        }
    }
}
