//! A key that is missing or is not what it must be.

use std::borrow::Cow;
use std::fmt;

/// Characters of a text that are shown at most.
const MOST_SHOWN: usize = 100;

/// Leaves out what stands before the host of an address, if it can be a password: `user:password@host`,
/// `https://token@host`. Whoever puts it where it does not belong must not find it in the log.
fn without_login(text: &str) -> Cow<'_, str> {
    let Some((before, host)) = text.rsplit_once('@') else {
        return Cow::Borrowed(text);
    };
    match before.split_once("://") {
        Some((scheme, _)) => Cow::Owned(format!("{scheme}://…@{host}")),
        None if before.contains(':') => Cow::Owned(format!("…@{host}")),
        // An address of mail.
        None => Cow::Borrowed(text),
    }
}

/// Returns a text that somebody wrote as it may be shown in one line: its beginning, with what cannot be seen as escapes, and
/// without a password in an address.
#[must_use]
pub fn shown(text: &str) -> String {
    // Invisible ones, and those that turn the direction of what follows.
    let unseen = |c: char| {
        let marks = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        marks || c.is_control()
    };
    let mut shown = String::new();
    let text = without_login(text);
    for c in text.chars().take(MOST_SHOWN) {
        if unseen(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    if text.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// One sentence: which key, what was found, what is expected. It shows no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invalid {
    /// The key's name with `_`.
    pub name: String,
    /// What was given, as it may be shown ([`shown`]); none if it may not be shown, or if nothing was.
    pub found: Option<String>,
    /// What belongs there.
    pub expected: &'static str,
    /// Whether something was given that may not be shown.
    pub hidden: bool,
}

impl Invalid {
    /// A value that can be shown, or one that is missing.
    #[must_use]
    pub fn new(name: &str, found: Option<String>, expected: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            found: found.map(|found| shown(&found)),
            expected,
            hidden: false,
        }
    }

    /// A value that cannot be shown.
    #[must_use]
    pub fn secret(name: &str, expected: &'static str) -> Self {
        Self {
            hidden: true,
            ..Self::new(name, None, expected)
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.replace('_', "-");
        let expected = self.expected;
        match &self.found {
            Some(found) => write!(f, "{name}: found \"{found}\", expected {expected}"),
            None if self.hidden => write!(f, "{name}: found something else than {expected}"),
            None => write!(f, "{name}: found nothing, expected {expected}"),
        }
    }
}

impl std::error::Error for Invalid {}
