//! The people named in a field (RFC 5322 section 3.4), as far as they are shown.

use super::words;
use super::work::look;

/// Maximum number of people in a mail.
pub(crate) const MAX_ADDRESSES: usize = 2_000;

/// A name and an address; one of them may be missing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) address: String,
}

#[derive(Debug, Default)]
struct Mailbox {
    phrase: Vec<u8>,
    comment: Vec<u8>,
    angle: Option<Vec<u8>>,
}

impl Mailbox {
    /// The text being collected.
    fn text(&mut self, comment: bool) -> &mut Vec<u8> {
        match &mut self.angle {
            _ if comment => &mut self.comment,
            Some(angle) => angle,
            None => &mut self.phrase,
        }
    }

    fn person(self) -> Option<Person> {
        let readable = |bytes: &[u8]| words::decode(bytes).trim().to_owned();
        let address = |bytes: &[u8]| {
            let text: Vec<u8> = bytes
                .iter()
                .copied()
                .filter(|b| !b.is_ascii_whitespace())
                .collect();
            String::from_utf8_lossy(&text).into_owned()
        };
        let person = match &self.angle {
            Some(angle) => Person {
                name: if self.phrase.trim_ascii().is_empty() {
                    readable(&self.comment)
                } else {
                    readable(&self.phrase)
                },
                address: address(angle),
            },
            None if self.phrase.contains(&b'@') => Person {
                name: readable(&self.comment),
                address: address(&self.phrase),
            },
            None => Person {
                name: readable(&self.phrase),
                address: String::new(),
            },
        };
        (person != Person::default()).then_some(person)
    }
}

/// The first people in a field.
pub(crate) fn people(value: &[u8], most: usize) -> Vec<Person> {
    let mut found = Vec::new();
    let mut current = Mailbox::default();
    let (mut quoted, mut comments) = (false, 0_u32);
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        look(1);
        // Commas in an encoded word do not separate people, although they should not be there.
        if !quoted
            && byte == b'='
            && let Some(length) = words::length(rest)
        {
            let (word, after) = rest.split_at(length.min(rest.len()));
            current.text(comments > 0).extend_from_slice(word);
            rest = after;
            continue;
        }
        rest = after;
        match byte {
            b'\\' if quoted || comments > 0 => {
                if let Some((&next, after)) = after.split_first() {
                    current.text(comments > 0).push(next);
                    rest = after;
                }
            }
            b'"' if comments == 0 => quoted = !quoted,
            _ if quoted => current.text(false).push(byte),
            b'(' => comments = comments.saturating_add(1),
            b')' if comments > 0 => comments -= 1,
            _ if comments > 0 => current.comment.push(byte),
            b'<' if current.angle.is_none() => current.angle = Some(Vec::new()),
            b'>' => {
                if current.angle.is_some() {
                    // Anything after an address belongs to nobody.
                    let end = rest
                        .iter()
                        .position(|b| matches!(b, b',' | b';' | b'('))
                        .unwrap_or(rest.len());
                    rest = rest.get(end..).unwrap_or_default();
                }
            }
            b',' | b';' => {
                found.extend(std::mem::take(&mut current).person());
                if found.len() >= most {
                    return found;
                }
            }
            // The name of a group.
            b':' if current.angle.is_none() && !current.phrase.contains(&b'@') => {
                current.phrase.clear()
            }
            _ => current.text(false).push(byte),
        }
    }
    found.extend(current.person());
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_named_in_many_ways() {
        for (value, shown) in [
            (" a@b.example", "|a@b.example"),
            (
                "Ann <a@b.example>, c@d.example",
                "Ann|a@b.example;|c@d.example",
            ),
            ("\"Doe, Ann\" <a@b.example>", "Doe, Ann|a@b.example"),
            (
                "=?utf-8?q?Doe,_J=C3=B6rg?= <a@b.example>",
                "Doe, Jörg|a@b.example",
            ),
            (
                "\"=?utf-8?q?J=C3=B6rg?=\" <a@b.example>",
                "Jörg|a@b.example",
            ),
            ("a@b.example (Ann)", "Ann|a@b.example"),
            (
                "Team: a@b.example, c@d.example;",
                "|a@b.example;|c@d.example",
            ),
            ("undisclosed-recipients:;", ""),
            ("Ann\r\n <a@b.example>", "Ann|a@b.example"),
            ("\"a\\\"b\" <a@b.example>", "a\"b|a@b.example"),
            ("Nobody", "Nobody|"),
            (
                "Ann <a@b.example> junk, c@d.example",
                "Ann|a@b.example;|c@d.example",
            ),
            ("(((", ""),
            ("J\u{f6}rg <a@b.example>", "Jörg|a@b.example"),
        ] {
            let read: Vec<String> = people(value.as_bytes(), 10)
                .into_iter()
                .map(|person| format!("{}|{}", person.name, person.address))
                .collect();
            assert_eq!(read.join(";"), shown, "{value}");
        }
        assert_eq!(people(b"a@b,a@b,a@b", 2).len(), 2);
    }
}
