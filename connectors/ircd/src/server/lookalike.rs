//! Names that look like others, and invisible characters.

use protocol::{AccountName, is_invisible, without_piles};

/// Returns the account names that a nickname could be mistaken for: itself, and without the characters that clients
/// append to a name that is taken.
pub(super) fn likely_accounts(nick: &str) -> Vec<AccountName> {
    let folded = super::names::fold(nick);
    let folded = folded.as_str();
    let bare = folded.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let mut found = vec![folded];
    if bare != folded {
        found.push(bare);
    }
    found.iter().filter_map(|name| name.parse().ok()).collect()
}

/// Returns whether a character is invisible, or changes the direction of the text around it. Variation selectors are
/// allowed because emoji contain them.
pub(super) fn is_hidden(c: char) -> bool {
    let selector = matches!(c, '\u{fe00}'..='\u{fe0f}');
    (is_invisible(c) && !selector) || c == '\u{2800}' || c.is_control()
}

/// Returns a displayed name, a real name or a channel's, without such characters, and without more combining marks
/// per character than real names have.
pub(super) fn visible(text: &str) -> String {
    let seen: String = text.chars().filter(|&c| !is_hidden(c)).collect();
    without_piles(&seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_a_nickname_may_mean() {
        let likely = |nick: &str| -> Vec<String> {
            let found = likely_accounts(nick);
            found.iter().map(ToString::to_string).collect()
        };
        assert_eq!(likely("Alice"), ["alice"]);
        assert_eq!(likely("alice_"), ["alice_", "alice"]);
        assert_eq!(likely("[alice]"), ["alice"]);
        assert!(likely_accounts("___").is_empty() && likely_accounts("|").is_empty());
    }

    #[test]
    fn what_nobody_sees_is_left_out() {
        let hidden = "\u{3164}\u{2800}\u{ad}\u{34f}\u{61c}\u{202e}\u{200b}\u{feff}\u{e0041}";
        assert!(hidden.chars().all(is_hidden));
        assert_eq!(visible(&format!("Al{hidden}ice")), "Alice");
        assert_eq!(
            visible("\u{301}A\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}l"),
            "A\u{301}\u{302}\u{303}\u{304}l"
        );
        assert_eq!(visible("Zoë 漢字 ❤️ עברית"), "Zoë 漢字 ❤️ עברית");
    }
}
