//! Passwords in messages to services and in their replies, which must not be archived.
//!
//! In the archive, messages of services are stored without words sent to them before, the connection's own password
//! and keys, words in positions where a password or code usually is, and everything but the page in URLs. Sockets see
//! them unchanged: the user may need a code.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use irc_codec::Source;
use protocol::FoldedName;

use super::Session;
use super::masking::{HIDDEN, masked};
use crate::record::Record as _;

/// Words sent to services that are remembered.
const MAX_WORDS: usize = 64;

/// Arguments of a services command that may be secrets.
const MAX_ARGUMENTS: usize = 4;

/// Services recognised by their appearance.
const MAX_SEEN: usize = 32;

/// Names of services on existing networks.
const SERVICES: &[&str] = &[
    "authserv",
    "botserv",
    "bouncerserv",
    "chanop",
    "chanserv",
    "gameserv",
    "global",
    "groupserv",
    "helpserv",
    "hostserv",
    "infoserv",
    "memoserv",
    "nickop",
    "nickserv",
    "operserv",
    "opserv",
    "rpgserv",
    "saslserv",
    "services",
    "statserv",
    "userserv",
];

/// Names that are services on some networks and may be people on others.
const AMBIGUOUS: &[&str] = &[
    "cs", "hs", "k9", "l", "ms", "ns", "os", "q", "us", "w", "x", "z",
];

/// Services commands without secrets.
const HARMLESS: &[&str] = &[
    "acc",
    "access",
    "akick",
    "alist",
    "aop",
    "ban",
    "clear",
    "commands",
    "count",
    "dehalfop",
    "deop",
    "deowner",
    "deprotect",
    "devoice",
    "flags",
    "getkey",
    "halfop",
    "help",
    "hop",
    "info",
    "invite",
    "kick",
    "list",
    "listchans",
    "listlogins",
    "listownmail",
    "op",
    "owner",
    "protect",
    "quiet",
    "read",
    "seen",
    "send",
    "sendpass",
    "showcommands",
    "sop",
    "status",
    "sync",
    "taxonomy",
    "topic",
    "unban",
    "unquiet",
    "up",
    "down",
    "version",
    "voice",
    "vop",
    "whoami",
    "whois",
    "why",
];

/// Commands that identify a service even under a name that may be a person's.
const SECRET: &[&str] = &[
    "account",
    "addpass",
    "auth",
    "authme",
    "changepass",
    "challengeauth",
    "confirm",
    "drop",
    "ghost",
    "group",
    "hello",
    "id",
    "identify",
    "ident",
    "login",
    "logon",
    "logout",
    "newpass",
    "oper",
    "pass",
    "password",
    "recover",
    "regain",
    "register",
    "release",
    "reset",
    "resetpass",
    "set",
    "setpass",
    "verify",
];

/// Words in commands that are not secrets themselves.
const KEYWORDS: &[&str] = &[
    "account",
    "add",
    "auth",
    "del",
    "email",
    "emailmemos",
    "enforce",
    "hide",
    "identify",
    "kill",
    "list",
    "login",
    "neverop",
    "off",
    "on",
    "pass",
    "passwd",
    "password",
    "private",
    "property",
    "pubkey",
    "quick",
    "register",
    "secure",
    "set",
    "verify",
];

/// Words that users sent to services.
#[derive(Default)]
pub(super) struct Secrets {
    words: VecDeque<String>,
    /// Services recognised by their appearance.
    services: BTreeSet<FoldedName>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("words", &self.words.len())
            .finish_non_exhaustive()
    }
}

impl Secrets {
    fn add(&mut self, word: &str) {
        if self.words.iter().any(|known| known == word) {
            return;
        }
        self.words.push_back(word.to_owned());
        if self.words.len() > MAX_WORDS {
            self.words.pop_front();
        }
    }
}

impl Session {
    /// Returns whether our message to someone may contain a secret, so that it is not stored anywhere.
    pub(super) fn is_secret(&self, target: &str, text: &str) -> bool {
        let command = command_of(text);
        if self.is_service(target) {
            !HARMLESS.contains(&&*command)
        } else {
            is_one_of(AMBIGUOUS, name_of(target)) && SECRET.contains(&&*command)
        }
    }

    /// Remembers the words in a text to services that may be secrets: services tend to repeat them.
    pub(super) fn note_secrets(&mut self, target: &str, text: &str) {
        if !self.is_secret(target, text) {
            return;
        }
        for word in text.split_whitespace().skip(1).take(MAX_ARGUMENTS) {
            self.note_secret_word(word);
        }
    }

    /// Remembers a word that may be a secret, unless it is known to be none.
    pub(super) fn note_secret_word(&mut self, word: &str) {
        let plain = is_one_of(KEYWORDS, word)
            || self.is_me(word)
            || self.same(word, &self.assignment.connection.nick)
            || self.link.isupport.is_channel(word);
        if !plain {
            self.secrets.add(word);
        }
    }

    /// Returns whether a name belongs to services: by the name itself, by the server it is addressed at, as a
    /// bouncer's module, or because it looked like a service in earlier messages.
    fn is_service(&self, target: &str) -> bool {
        let host = target.split_once('@').map_or("", |(_, host)| host);
        target.starts_with('*')
            || is_one_of(SERVICES, name_of(target))
            || is_host_of_services(host)
            || self.secrets.services.contains(&self.fold(name_of(target)))
    }

    /// Remembers senders that look like services.
    pub(super) fn note_services(&mut self, source: &Source) {
        let host = source.host.as_deref().unwrap_or_default();
        let user = source.user.as_deref().unwrap_or_default();
        let looks = is_host_of_services(host) || is_one_of(&["cservice", "services"], user);
        if looks && self.secrets.services.len() < MAX_SEEN {
            let name = self.fold(&source.nick);
            self.secrets.services.insert(name);
        }
    }

    /// A text in the form that may be stored: without secrets if it is from services or servers.
    pub(super) fn keepable(&self, source: &Source, text: &str) -> String {
        if !self.is_server(source) && !self.is_service(&source.nick) {
            return text.to_owned();
        }
        let connection = &self.assignment.connection;
        let own = connection.password.as_deref().into_iter();
        let own = own.chain(connection.server_password());
        let keys = self
            .wanted
            .iter()
            .filter_map(|wanted| wanted.key.as_deref());
        let words = self.secrets.words.iter().map(String::as_str);
        let known = words.chain(own).chain(keys);
        let mut kept = text.to_owned();
        for secret in known {
            kept = hide(&kept, secret);
        }
        masked(&kept)
    }
}

/// Hides a secret wherever it occurs; a short one only as a separate word.
fn hide(text: &str, secret: &str) -> String {
    const SHORT: usize = 4;
    if secret.is_empty() || !text.contains(secret) {
        return text.to_owned();
    }
    if secret.len() >= SHORT {
        return text.replace(secret, HIDDEN);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(secret) {
        kept.push_str(before);
        let joined = kept.chars().next_back().is_some_and(char::is_alphanumeric)
            || after.chars().next().is_some_and(char::is_alphanumeric);
        kept.push_str(if joined { secret } else { HIDDEN });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// The nickname in `nick@server`.
pub(super) fn name_of(target: &str) -> &str {
    target.split('@').next().unwrap_or(target)
}

fn command_of(text: &str) -> String {
    let command = text.split_whitespace().next().unwrap_or_default();
    command.to_ascii_lowercase()
}

fn is_host_of_services(host: &str) -> bool {
    host.split('.')
        .any(|label| is_one_of(&["cserve", "serv", "service", "services"], label))
}

fn is_one_of(list: &[&str], word: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_secrets_are_hidden_as_words_only() {
        assert_eq!(hide("pw is ab, not about", "ab"), "pw is •••, not about");
        assert_eq!(hide("abc-secret7!", "secret7"), "abc-•••!");
        assert_eq!(hide("nothing", ""), "nothing");
    }
}
