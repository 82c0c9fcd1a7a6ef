//! What a password in PASS or SASL is for: which account, used by which of its clients.

use protocol::{AccountName, BearerToken};

use super::names;
use super::seen::MAX_NAME;

/// Splits `account@client`, with which a member distinguishes their clients.
pub(super) fn split_device(name: &str) -> (&str, Option<String>) {
    match name.split_once('@') {
        Some((name, device)) => {
            let device: String = device
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
                .take(MAX_NAME)
                .collect();
            (name, (!device.is_empty()).then_some(device))
        }
        None => (name, None),
    }
}

/// Returns the account names and passwords that a PASS may mean: `account:password`; a token, which names its
/// account; otherwise the password of the account named by the nickname or the user name. Also returns the client's
/// name, after an `@` in the account or the user name.
pub(super) fn candidates(
    password: &str,
    nick: &str,
    user: &str,
) -> (Vec<(String, String)>, Option<String>) {
    let is_name = |name: &str| name.parse::<AccountName>().is_ok();
    let (user, device) = split_device(user);
    if let Some((account, rest)) = password.split_once(':') {
        let (account, own) = split_device(account);
        let account = names::fold(account);
        if is_name(account.as_str()) {
            let found = vec![(account.to_string(), rest.to_owned())];
            return (found, own.or(device));
        }
    }
    if let Ok(token) = password.parse::<BearerToken>() {
        return (vec![(token.owner.to_string(), password.to_owned())], device);
    }
    let mut found: Vec<(String, String)> = Vec::new();
    for name in [nick, user] {
        let name = names::fold(name).to_string();
        if is_name(&name) && found.iter().all(|(known, _)| *known != name) {
            found.push((name, password.to_owned()));
        }
    }
    if found.is_empty() {
        found.push((names::fold(nick).to_string(), password.to_owned()));
    }
    (found, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pass_names_the_account_or_leaves_it_to_the_nick() {
        let pair = |name: &str, password: &str| (name.to_owned(), password.to_owned());
        let names = |password: &str, nick: &str, user: &str| candidates(password, nick, user).0;
        assert_eq!(names("Alice:a:b", "x", "y"), [pair("alice", "a:b")]);
        assert_eq!(
            names("pw", "Alice", "al"),
            [pair("alice", "pw"), pair("al", "pw")]
        );
        assert_eq!(names("pw", "alice", "alice"), [pair("alice", "pw")]);
        let token = format!("carol.{}.{}", "A".repeat(16), "b".repeat(32));
        assert_eq!(names(&token, "alice", "al"), [pair("carol", &token)]);
        assert_eq!(names("pw", "[x]", "~"), [pair("[x]", "pw")]);
        let laptop = Some("laptop".to_owned());
        let found = candidates("alice@laptop:pw", "x", "y@other");
        assert_eq!(found, (vec![pair("alice", "pw")], laptop.clone()));
        assert_eq!(candidates(&token, "x", "y@laptop").1, laptop);
        let found = candidates("pw", "x", "al@laptop");
        assert_eq!(found, (vec![pair("x", "pw"), pair("al", "pw")], laptop));
        assert_eq!(candidates("alice@:pw", "x", "y").1, None);
    }
}
