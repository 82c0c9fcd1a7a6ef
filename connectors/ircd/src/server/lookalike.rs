//! Names that look like others, and characters that nobody sees.

use protocol::AccountName;

/// Under these names services, programs and administrators speak on IRC networks, or webhooks and mail do here. They
/// belong to nobody, unless an account has the name.
const SPEAKERS: [&str; 37] = [
    "admin",
    "administrator",
    "alertmanager",
    "authserv",
    "botserv",
    "chanserv",
    "digest",
    "forgejo",
    "gitea",
    "github",
    "gitlab",
    "global",
    "grafana",
    "helpserv",
    "hostserv",
    "ircd",
    "kubernetes",
    "mail",
    "mailer-daemon",
    "memoserv",
    "moderator",
    "nickserv",
    "operserv",
    "owner",
    "postmaster",
    "prometheus",
    "root",
    "saslserv",
    "sentry",
    "server",
    "slack",
    "sms",
    "subspace",
    "system",
    "uptimekuma",
    "uptimerobot",
    "webhook",
];

/// Returns what of a nickname people see who do not look closely: no case, no signs around or within the word, digits and
/// bars as the letters that they resemble. Names with the same outline are taken for one another.
pub(super) fn outline(nick: &str) -> String {
    let plain: String = nick
        .bytes()
        .filter_map(|byte| match byte.to_ascii_lowercase() {
            b'0' => Some('o'),
            b'1' | b'i' | b'|' => Some('l'),
            b'3' => Some('e'),
            b'4' => Some('a'),
            b'5' => Some('s'),
            b'7' => Some('t'),
            b'8' => Some('b'),
            byte if byte.is_ascii_alphanumeric() => Some(char::from(byte)),
            _ => None,
        })
        .collect();
    plain.replace("rn", "m").replace("vv", "w")
}

/// Returns the names of accounts that a nickname could be taken for at a glance: itself, and without the signs that
/// programs put after a name that is taken.
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

/// Returns whether a nickname looks like a name under which programs speak.
pub(super) fn is_speaker(nick: &str) -> bool {
    let wanted = outline(nick);
    SPEAKERS.iter().any(|name| outline(name) == wanted)
}

/// Returns whether a character shows nothing, or changes the direction of what stands around it.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
        || c.is_control()
}

/// Returns a name that people are shown, a real name or a channel's, without such characters.
pub(super) fn visible(text: &str) -> String {
    text.chars().filter(|&c| !is_hidden(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_outline() {
        for (one, other) in [
            ("alice", "A1ice"),
            ("alice", "alice_"),
            ("alice", "_a|ice`"),
            ("bob", "B0b"),
            ("martin", "rnartin"),
            ("webhook", "web-hook"),
        ] {
            assert_eq!(outline(one), outline(other), "{one} {other}");
        }
        assert_ne!(outline("alice"), outline("alina"));
    }

    #[test]
    fn speakers() {
        for name in [
            "GitHub", "github", "G1tHub", "Git-Hub", "GITHUB_", "NickServ", "webhook", "Mail",
            "r00t",
        ] {
            assert!(is_speaker(name), "{name}");
        }
        for name in [
            "alice",
            "githubber",
            "guest",
            "Guest12",
            "carol",
            "mailman",
            "visitor",
        ] {
            assert!(!is_speaker(name), "{name}");
        }
    }

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
        assert_eq!(visible("Zoë 漢字 ❤️ עברית"), "Zoë 漢字 ❤️ עברית");
    }
}
