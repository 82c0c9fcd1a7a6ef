//! Finds secrets in messages of services by their position: after the word for a secret or a command that takes one,
//! before "is your code", after channel modes including a key, and in URLs.

use super::masking_work::look;

/// The placeholder for a secret.
pub(super) const HIDDEN: &str = "•••";

/// Maximum number of words between the name of a secret and the secret.
const MAX_DISTANCE: usize = 8;

/// Minimum length of a URL path segment that counts as a token whatever its characters, in bytes.
const MIN_TOKEN: usize = 16;

/// Names of secrets, as a word or after a hyphen.
const NAMES: &[&str] = &[
    "clave",
    "code",
    "contraseña",
    "cookie",
    "kennwort",
    "key",
    "otp",
    "passcode",
    "passe",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "pin",
    "schlüssel",
    "senha",
    "token",
    "wachtwoord",
    "код",
    "пароль",
];

/// Names of secrets at the end of longer words.
const ENDINGS: &[&str] = &[
    "code",
    "kennwort",
    "password",
    "passwort",
    "schlüssel",
    "token",
];

/// Words between the name of a secret and the secret, or the other way round.
const LINKS: &[&str] = &[
    "as", "es", "est", "is", "ist", "lautet", "to", "zu", "à", "è", "é",
];

/// These words are followed by the owner of the secret.
const OWNERS: &[&str] = &["for", "für", "of", "para", "pour", "von"];

/// Words that describe a secret, directly after its name.
const ABOUT: &[&str] = &[
    "accepted",
    "changed",
    "command",
    "correct",
    "expired",
    "incorrect",
    "invalid",
    "required",
    "reset",
    "sent",
    "set",
];

/// Commands that take a secret, as servers and services write them when repeating or explaining one. In lower case
/// they are ordinary words.
const COMMANDS: &[&str] = &[
    "AUTH",
    "AUTHENTICATE",
    "CHALLENGE",
    "CONFIRM",
    "GHOST",
    "IDENTIFY",
    "LOGIN",
    "OPER",
    "PASS",
    "RECOVER",
    "REGAIN",
    "REGISTER",
    "RELEASE",
    "SETPASS",
    "VERIFY",
    "WEBIRC",
];

/// URL path segments that are followed by a token authorising the action.
const ACTIONS: &[&str] = &[
    "activate", "auth", "confirm", "login", "recover", "register", "reset", "verify",
];

/// Channel modes that take an argument, besides the key.
const MODES_WITH_ARGUMENTS: &str = "FHJLfjl";

/// A services text with everything hidden that is, by position or appearance, a secret.
pub(super) fn masked(text: &str) -> String {
    look(text.len());
    let words: Vec<&str> = text.split(' ').collect();
    let mut expected = Expected::default();
    let mut kept: Vec<String> = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        kept.push(expected.kept(word, at + 1 == words.len()));
        if !is_name(bare(word)) {
            continue;
        }
        // "482913 is your code": the secret came before its name.
        for before in at.saturating_sub(MAX_DISTANCE)..at.saturating_sub(1) {
            let is =
                |at: usize, what: fn(&str) -> bool| words.get(at).is_some_and(|w| what(bare(w)));
            if is(before, is_token)
                && is(before + 1, is_link)
                && let Some(kept) = kept.get_mut(before)
            {
                HIDDEN.clone_into(kept);
            }
        }
    }
    kept.join(" ")
}

/// Whether the next word is expected to be a secret.
#[derive(Default)]
struct Expected {
    /// Words since one that names a secret.
    named: Option<usize>,
    /// It was a command: what may precede the secret is a name, and no introductory word of a sentence.
    command: bool,
    next: Next,
    /// Mode arguments still to come.
    arguments: usize,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Next {
    /// Only something that looks like a secret is one.
    #[default]
    Unknown,
    /// Someone's name.
    Owner,
    /// A secret, or a word that introduces it.
    Likely,
    /// A secret.
    Surely,
}

impl Expected {
    fn kept(&mut self, word: &str, last: bool) -> String {
        let bare = bare(word);
        if bare.is_empty() {
            if self.named.is_some() && word.contains([':', '=']) {
                self.next = Next::Surely;
            }
            return word.to_owned();
        }
        if self.arguments > 0 {
            self.arguments -= 1;
            return HIDDEN.to_owned();
        }
        let next = std::mem::take(&mut self.next);
        let introduces = word.ends_with([':', '=']);
        if next == Next::Surely && !is_link(bare) {
            self.named = None;
            return hidden(word);
        }
        if let Some((name, mark)) = named_within(word) {
            self.named = None;
            return format!("{name}{mark}{HIDDEN}");
        }
        if COMMANDS.contains(&bare) {
            (self.named, self.command) = (Some(0), true);
            return word.to_owned();
        }
        if is_name(bare) {
            (self.named, self.command) = (Some(0), false);
            if introduces {
                self.next = Next::Surely;
            }
            return word.to_owned();
        }
        if let Some(arguments) = arguments_with_key(word) {
            self.arguments = arguments;
            return word.to_owned();
        }
        let Some(distance) = self.named else {
            return without_tokens(word);
        };
        if introduces && !self.command {
            self.next = Next::Surely;
        } else if is_link(bare) && !self.command {
            self.next = Next::Likely;
        } else if is_word(OWNERS, bare) {
            self.next = Next::Owner;
        } else if next == Next::Likely
            || (next != Next::Owner && is_token(bare))
            || (distance <= usize::from(self.command) && last && !is_word(ABOUT, bare))
        {
            self.named = None;
            return hidden(word);
        }
        self.named = Some(distance + 1).filter(|distance| *distance < MAX_DISTANCE);
        if self.named.is_none() {
            self.next = Next::Unknown;
        }
        without_tokens(word)
    }
}

/// Hides a secret; the public part of a URL stays.
fn hidden(word: &str) -> String {
    if is_address(word) {
        without_tokens(word)
    } else {
        HIDDEN.to_owned()
    }
}

fn bare(word: &str) -> &str {
    look(word.len());
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn is_word(list: &[&str], word: &str) -> bool {
    look(word.len());
    list.contains(&&*word.to_lowercase())
}

fn is_link(bare: &str) -> bool {
    is_word(LINKS, bare)
}

fn is_name(bare: &str) -> bool {
    look(bare.len());
    let whole = bare.to_lowercase();
    let last = whole.rsplit(['-', '_']).next().unwrap_or_default();
    NAMES.contains(&last) || ENDINGS.iter().any(|ending| last.ends_with(ending))
}

/// `password:hunter2`, in one word.
fn named_within(word: &str) -> Option<(&str, char)> {
    look(word.len());
    let (name, rest) = word.split_at(word.find([':', '='])?);
    let mark = rest.chars().next()?;
    (is_name(bare(name)) && !bare(rest).is_empty()).then_some((name, mark))
}

/// How many of the following words are arguments of these modes, if they include a key.
fn arguments_with_key(word: &str) -> Option<usize> {
    look(word.len());
    let modes = word
        .trim_start_matches(|c: char| c.is_control())
        .strip_prefix('+')?;
    let set = modes.split('-').next().unwrap_or_default();
    let others = set
        .chars()
        .filter(|mode| MODES_WITH_ARGUMENTS.contains(*mode));
    set.contains('k').then(|| others.count() + 1)
}

/// Returns whether a word is not one that people write: it contains digits, or capitals among lower-case letters.
fn is_token(bare: &str) -> bool {
    look(bare.len());
    const MIN: usize = 4;
    let digits = bare.contains(|c: char| c.is_ascii_digit());
    let capitals = bare.chars().skip(1).any(char::is_uppercase);
    let small = bare.contains(char::is_lowercase);
    bare.len() >= MIN && !bare.ends_with("Serv") && (digits || (capitals && small))
}

fn is_address(word: &str) -> bool {
    look(word.len());
    word.contains("://") || without_scheme(word)
}

/// Returns whether it is a URL without a scheme, like `host.test/verify`.
fn without_scheme(word: &str) -> bool {
    look(word.len());
    word.split_once('/').is_some_and(|(host, _)| {
        host.rsplit_once('.').is_some_and(|(before, last)| {
            !bare(before).is_empty() && last.chars().all(char::is_alphabetic) && !last.is_empty()
        })
    })
}

/// A URL without the parts only its recipient may know: user, query, fragment, and path segments that look like
/// tokens or follow the name of an action.
fn without_tokens(word: &str) -> String {
    look(word.len());
    let (scheme, rest) = match word.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None if without_scheme(word) => (String::new(), word),
        None => return word.to_owned(),
    };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (page, secret) = rest.split_at(end);
    let mut parts = page.split('/');
    let host = parts.next().unwrap_or_default();
    let mut kept = match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{HIDDEN}@{host}"),
        None => format!("{scheme}{host}"),
    };
    let mut allowed = false;
    for part in parts {
        let shown = bare(part);
        let hide = !shown.is_empty() && (allowed || part.len() >= MIN_TOKEN || is_token(shown));
        kept.push('/');
        kept.push_str(if hide { HIDDEN } else { part });
        allowed |= is_word(ACTIONS, shown) || is_name(shown);
    }
    if let Some(mark) = secret.chars().next() {
        kept.push(mark);
        kept.push_str(HIDDEN);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_services_call_a_secret_is_hidden() {
        for (said, left) in [
            ("Channel #a key is: xyzzy", "Channel #a key is: •••"),
            (
                "Your new password is \u{2}ab12\u{2}.",
                "Your new password is •••",
            ),
            (
                "The password for bob has been changed to hunter2",
                "The password for bob has been changed to •••",
            ),
            ("Password: hunter2", "Password: •••"),
            ("Your password = hunter2 now", "Your password = ••• now"),
            (
                "You are now identified for bob.",
                "You are now identified for bob.",
            ),
            (
                "see https://u:p@host.test/verify/0123456789abcdef?code=7#x and go",
                "see https://•••@host.test/verify/•••?••• and go",
            ),
            ("https://host.test/help", "https://host.test/help"),
        ] {
            assert_eq!(masked(said), left);
        }
    }

    #[test]
    fn what_commands_take_is_hidden_where_they_are_repeated() {
        for (said, left) in [
            ("Failed OPER bob swordfish", "Failed OPER bob •••"),
            (
                "Unknown command: OPER bob sw0rdfish from alice",
                "Unknown command: OPER bob ••• from alice",
            ),
            ("[<<] PASS swordfish", "[<<] PASS •••"),
            ("AUTHENTICATE YWxpY2UAYWxpY2U=", "AUTHENTICATE •••"),
            (
                "Type /msg NickServ VERIFY REGISTER alice ab12cd34",
                "Type /msg NickServ VERIFY REGISTER alice •••",
            ),
            (
                "Type \u{2}/msg NickServ IDENTIFY swordfish\u{2}",
                "Type \u{2}/msg NickServ IDENTIFY •••",
            ),
            (
                "/msg NickServ IDENTIFY <password>",
                "/msg NickServ IDENTIFY <password>",
            ),
            (
                "You have to IDENTIFY to use this command.",
                "You have to IDENTIFY to use this command.",
            ),
            ("Any oper may pass this on.", "Any oper may pass this on."),
        ] {
            assert_eq!(masked(said), left);
        }
    }

    #[test]
    fn secrets_are_hidden_in_other_words_and_languages() {
        for (said, left) in [
            (
                "Use this code to reset: swordfish",
                "Use this code to reset: •••",
            ),
            (
                "Your one-time pin 482913 expires soon",
                "Your one-time pin ••• expires soon",
            ),
            ("one-time pin swordfish", "one-time pin •••"),
            ("482913 is your login code.", "••• is your login code."),
            ("Ihr Passwort lautet swordfish", "Ihr Passwort lautet •••"),
            (
                "Ihr Bestätigungscode: swordfish",
                "Ihr Bestätigungscode: •••",
            ),
            (
                "Votre mot de passe est swordfish",
                "Votre mot de passe est •••",
            ),
            ("password:swordfish it is", "password:••• it is"),
            (
                "Mode lock of #a: +ntlk 10 swordfish",
                "Mode lock of #a: +ntlk ••• •••",
            ),
            (
                "Go to https://x.test/reset/SECRET/fay now",
                "Go to https://x.test/reset/•••/••• now",
            ),
            ("or x.test/r/aB3dE?a=b", "or x.test/r/•••?•••"),
        ] {
            assert_eq!(masked(said), left);
        }
    }

    #[test]
    fn what_is_said_about_secrets_stays() {
        for said in [
            "Password incorrect.",
            "The password for alice77 was changed",
            "Use /msg NickServ SET PASSWORD and a new one",
            "https://x.test/help/channels",
            "You are now an operator and/or a voice",
        ] {
            assert_eq!(masked(said), said);
        }
    }
}
