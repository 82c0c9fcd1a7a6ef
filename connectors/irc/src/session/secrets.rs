//! Passwords in messages to services and in their replies: they must not be archived.
//!
//! What is archived of services loses what was said to them before, the connection's own password and keys, what stands
//! where a password or a code usually stands, and what addresses carry besides their page. Sockets see it as it came:
//! the person may need a code.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use irc_codec::Source;
use protocol::FoldedName;

use super::Session;
use super::masking::{HIDDEN, masked};

/// Words said to services that are remembered.
const MAX_WORDS: usize = 64;

/// Arguments of a command to services that may be its secrets.
const MAX_ARGUMENTS: usize = 4;

/// Services that are known by how they look.
const MAX_SEEN: usize = 32;

/// Names of services on the networks there are.
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

/// Commands to services that carry no secret.
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

/// Commands by which a service is known even under a name that may be a person's.
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

/// Words of commands that are no secrets themselves.
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

/// What people said to services, word by word.
#[derive(Default)]
pub(super) struct Secrets {
    words: VecDeque<String>,
    /// Services by how they look.
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
    /// Whether what we say to somebody may hold a secret, so that it is kept nowhere.
    pub(super) fn is_secret(&self, target: &str, text: &str) -> bool {
        let command = command_of(text);
        if self.is_service(target) {
            !HARMLESS.contains(&&*command)
        } else {
            is_one_of(AMBIGUOUS, name_of(target)) && SECRET.contains(&&*command)
        }
    }

    /// Remembers what of a text to services may be a secret: they like to repeat it.
    pub(super) fn note_secrets(&mut self, target: &str, text: &str) {
        if !self.is_secret(target, text) {
            return;
        }
        for word in text.split_whitespace().skip(1).take(MAX_ARGUMENTS) {
            let plain = is_one_of(KEYWORDS, word)
                || self.is_me(word)
                || self.same(word, &self.assignment.connection.nick)
                || self.link.isupport.is_channel(word);
            if !plain {
                self.secrets.add(word);
            }
        }
    }

    /// Whether a name is that of services: by what it is called, by the server it is asked for at, as a part of a
    /// bouncer, or because it looked like one when it spoke.
    fn is_service(&self, target: &str) -> bool {
        let host = target.split_once('@').map_or("", |(_, host)| host);
        target.starts_with('*')
            || is_one_of(SERVICES, name_of(target))
            || is_host_of_services(host)
            || self.secrets.services.contains(&self.fold(name_of(target)))
    }

    /// Remembers who speaks like services do.
    pub(super) fn note_services(&mut self, source: &Source) {
        let host = source.host.as_deref().unwrap_or_default();
        let user = source.user.as_deref().unwrap_or_default();
        let looks = is_host_of_services(host) || is_one_of(&["cservice", "services"], user);
        if looks && self.secrets.services.len() < MAX_SEEN {
            let name = self.fold(&source.nick);
            self.secrets.services.insert(name);
        }
    }

    /// A text as it may be kept: of services, and of servers, without secrets.
    pub(super) fn keepable(&self, source: &Source, text: &str) -> String {
        if !self.is_server(source) && !self.is_service(&source.nick) {
            return text.to_owned();
        }
        let own = self.assignment.connection.password.iter();
        let keys = self.wanted.iter().filter_map(|wanted| wanted.key.as_ref());
        let known = self.secrets.words.iter().chain(own).chain(keys);
        let mut kept = text.to_owned();
        for secret in known {
            kept = hide(&kept, secret);
        }
        masked(&kept)
    }
}

/// Hides a secret wherever it stands; one that is short where it is a word of its own.
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

/// The nickname within `nick@server`.
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
