//! A key that is missing or has an invalid value.

use std::borrow::Cow;
use std::fmt;

/// The most characters of a text that are shown.
const MOST_SHOWN: usize = 100;

/// Removes anything before the host of an address that could be a password: `user:password@host`, `https://token@host`.
/// A misplaced password must not end up in the log.
fn without_login(text: &str) -> Cow<'_, str> {
    let Some((before, host)) = text.rsplit_once('@') else {
        return Cow::Borrowed(text);
    };
    match before.split_once("://") {
        Some((scheme, _)) => Cow::Owned(format!("{scheme}://…@{host}")),
        None if before.contains(':') => Cow::Owned(format!("…@{host}")),
        // A mail address.
        None => Cow::Borrowed(text),
    }
}

/// Whether a text cannot be a secret, whatever key it was given for: numbers and addresses in digits, and words too short
/// to be one. A password that was written beside the wrong key must not end up in the log, and nothing else tells it from
/// a mistyped value.
fn is_harmless(text: &str) -> bool {
    let word = text.len() <= 4 && text.bytes().all(|b| b.is_ascii_lowercase());
    let mut runs = text.split(['.', ':', ',', '/', '-', '[', ']', ' ']);
    word || runs.all(|run| run.len() <= 5 && run.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns what may be shown of a value of unknown meaning: all of it if it cannot be a secret; of an address with a
/// scheme that and the host; otherwise `…`.
#[must_use]
pub fn shown(text: &str) -> String {
    match text.split_once("://") {
        _ if is_harmless(text) => text.to_owned(),
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (host, more) = rest.split_at(end);
            let more = if more.len() > 1 { "/…" } else { more };
            visible(&format!("{scheme}://{host}{more}"))
        }
        None => "…".to_owned(),
    }
}

/// Returns a name, such as that of a key or a file, in a form that can be shown on one line: its beginning, with
/// invisible characters escaped, and without a password in an address.
#[must_use]
pub fn visible(text: &str) -> String {
    // Invisible ones, and those that change the text direction.
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

/// One sentence: which key, what was found, what is expected. It reveals no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invalid {
    /// The key's name, with `_`.
    pub name: String,
    /// The value found, if it may be shown ([`shown`]); `None` if it may not, or is missing.
    pub found: Option<String>,
    /// What is expected.
    pub expected: &'static str,
    /// Whether a value was found that may not be shown.
    pub hidden: bool,
}

impl Invalid {
    /// For a value, of which only what cannot be a secret is shown, or a missing one.
    #[must_use]
    pub fn new(name: &str, found: Option<String>, expected: &'static str) -> Self {
        let found = found.map(|found| shown(&found));
        let hidden = found.as_deref() == Some("…");
        Self {
            name: name.to_owned(),
            found: found.filter(|_| !hidden),
            expected,
            hidden,
        }
    }

    /// For a value that cannot be shown whatever it is.
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
