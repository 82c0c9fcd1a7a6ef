//! Commands within texts, such as `/me`, from Sockethub clients that send texts only.

use super::messages::Manner;

/// The meaning of a text from a Sockethub client: `/me` and `/notice` are not part of the text; a second slash before
/// them makes them part of it.
pub(super) fn typed(content: &str) -> (Manner, &str) {
    if let Some(action) = content.strip_prefix("/me ") {
        (Manner::Action, action)
    } else if let Some(notice) = content.strip_prefix("/notice ") {
        (Manner::Notice, notice)
    } else if content.starts_with("//me ") || content.starts_with("//notice ") {
        (Manner::Text, content.get(1..).unwrap_or(content))
    } else {
        (Manner::Text, content)
    }
}

/// Client commands that would disclose what was meant for a service or a server.
const COMMANDS: &[&str] = &[
    "auth",
    "authenticate",
    "authserv",
    "botserv",
    "bs",
    "challenge",
    "chanserv",
    "confirm",
    "connect",
    "cs",
    "ghost",
    "groupserv",
    "gs",
    "hostserv",
    "hs",
    "id",
    "identify",
    "login",
    "logon",
    "m",
    "memoserv",
    "ms",
    "msg",
    "nickserv",
    "ns",
    "oper",
    "operserv",
    "os",
    "pass",
    "query",
    "quote",
    "raw",
    "recover",
    "regain",
    "register",
    "release",
    "saslserv",
    "server",
    "setpass",
    "squery",
    "userserv",
    "verify",
    "webirc",
];

/// Commands whose second argument may be a channel key.
const WITH_KEY: &[&str] = &["j", "join", "mode"];

/// Returns whether a text is a command that the client did not recognise, with content that is not for everyone.
pub(super) fn is_private_command(content: &str) -> bool {
    let mut words = content.split_whitespace();
    let Some(command) = words.next().and_then(|word| word.strip_prefix('/')) else {
        return false;
    };
    let is_one_of = |list: &[&str]| list.iter().any(|one| one.eq_ignore_ascii_case(command));
    match words.count() {
        0 => false,
        1 => is_one_of(COMMANDS),
        _ => is_one_of(COMMANDS) || is_one_of(WITH_KEY),
    }
}
