//! Names: what is a valid nickname, channel or mask, and how they are compared (CASEMAPPING=ascii).

use protocol::{FoldedName, Folding, Glob};

/// How names are compared here.
pub(crate) const MAPPING: Folding = Folding::Ascii;

/// Returns the form in which names are compared.
pub(crate) fn fold(name: &str) -> FoldedName {
    MAPPING.name(name)
}

/// Returns whether two names are equal.
pub(crate) fn same(one: &str, other: &str) -> bool {
    MAPPING.same(one, other)
}

/// Returns whether a string is a valid nickname (RFC 2812, section 2.3.1).
pub(crate) fn is_nick(text: &str, limit: usize) -> bool {
    let special = |b: u8| {
        matches!(
            b,
            b'[' | b']' | b'\\' | b'`' | b'_' | b'^' | b'{' | b'|' | b'}'
        )
    };
    text.len() <= limit
        && text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphabetic() || special(b))
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || special(b) || b == b'-')
}

/// Returns the folded name of a channel, if the string is a valid one.
pub(crate) fn channel(text: &str, limit: usize) -> Option<FoldedName> {
    let rest = text.strip_prefix('#')?;
    let good = text.len() <= limit
        && !rest.is_empty()
        && !rest.contains(|c: char| c == ',' || c.is_control() || c.is_whitespace());
    good.then(|| fold(text))
}

fn in_user_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Returns whether a string has characters for a user name.
pub(crate) fn is_user_name(text: &str) -> bool {
    text.chars().any(in_user_name)
}

/// Makes a user name from a client's USER.
pub(crate) fn user_name(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|&c| in_user_name(c))
        .take(USER_LENGTH)
        .collect();
    if clean.is_empty() {
        "user".to_owned()
    } else {
        clean
    }
}

/// Maximum length of a user name, in bytes.
pub(crate) const USER_LENGTH: usize = 20;

/// Maximum length of a channel key, in bytes.
pub(crate) const KEY_LENGTH: usize = 32;

/// Truncates a text to at most that many bytes, between characters.
pub(crate) fn clip(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Completes a ban mask to `nick!user@host`.
pub(crate) fn complete_mask(mask: &str) -> String {
    let or_star = |text: &str| {
        if text.is_empty() {
            "*".to_owned()
        } else {
            text.to_owned()
        }
    };
    match (mask.split_once('!'), mask.split_once('@')) {
        (Some((nick, rest)), _) => match rest.split_once('@') {
            Some((user, host)) => format!("{}!{}@{}", or_star(nick), or_star(user), or_star(host)),
            None => format!("{}!{}@*", or_star(nick), or_star(rest)),
        },
        (None, Some((user, host))) => format!("*!{}@{}", or_star(user), or_star(host)),
        (None, None) if mask.contains(['.', ':', '/']) => format!("*!*@{mask}"),
        (None, None) => format!("{}!*@*", or_star(mask)),
    }
}

/// Returns a text in the form in which masks are compared with it.
pub(crate) fn folded(text: &str) -> String {
    MAPPING.fold(text)
}

/// A mask with `*` and `?`, prepared for case-insensitive comparison with many texts.
#[derive(Clone, Debug)]
pub(crate) struct Mask(Glob);

impl Mask {
    pub(crate) fn new(mask: &str) -> Self {
        Self(Glob::new(&MAPPING.fold(mask)))
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.matches(&MAPPING.fold(text))
    }

    /// Like [`Mask::matches`], for a text that is [`folded`] once for many masks.
    pub(crate) fn matches_folded(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nicknames() {
        for good in ["alice", "Al-1", "[x]", "_", "a"] {
            assert!(is_nick(good, 31), "{good}");
        }
        for bad in ["", "1a", "-a", "a b", "ünal", "a!b", "#a", "a.b"] {
            assert!(!is_nick(bad, 31), "{bad}");
        }
        assert!(!is_nick("abcdef", 5));
    }

    #[test]
    fn channels() {
        let channel = |text: &str| channel(text, 64).map(|name| name.to_string());
        assert_eq!(channel("#General").as_deref(), Some("#general"));
        assert_eq!(channel("#größe").as_deref(), Some("#größe"));
        for bad in ["#", "general", "#a b", "#a,b", "#a\u{7}b", "&a"] {
            assert_eq!(channel(bad), None, "{bad}");
        }
    }

    #[test]
    fn masks() {
        for (mask, complete) in [
            ("bob", "bob!*@*"),
            ("bob!x", "bob!x@*"),
            ("x@host", "*!x@host"),
            ("bob!x@host", "bob!x@host"),
            ("user/bob", "*!*@user/bob"),
            ("!@", "*!*@*"),
        ] {
            assert_eq!(complete_mask(mask), complete);
        }
        let matches = |mask: &str, text: &str| Mask::new(mask).matches(text);
        assert!(matches("*!*@user/BOB", "bob!b@user/bob"));
        assert!(matches("b?b!*@*", "bob!b@h"));
        assert!(!matches("b?b!*@*", "boob!b@h"));
        assert!(matches("*a*b*c", "xxaxxbxxc"));
        assert!(!matches("*a*b*c", "xxaxxbxx"));
        assert!(matches("", "") && !matches("", "x") && matches("***", ""));
    }

    #[test]
    fn clipping_keeps_characters_whole() {
        assert_eq!(clip("aüb", 2), "a");
        assert_eq!(clip("aüb", 3), "aü");
        assert_eq!(clip("ab", 5), "ab");
    }
}
