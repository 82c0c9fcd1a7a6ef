//! What a client signs in as: `account`, `account/network`, `account@device`, `account/network@device`.

use gateway::NetworkState;
use protocol::{AccountName, BearerToken};

/// The longest name of a device that is kept, in bytes.
const MAX_DEVICE: usize = 32;

/// A user name, split.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Login {
    /// The account, in lower case.
    pub account: String,
    /// The network, as typed.
    pub network: Option<String>,
    /// The client's name among those of the account.
    pub device: Option<String>,
}

impl Login {
    /// Splits a user name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        // The device may be before or after the network.
        let (mut account, mut network) = match text.split_once('/') {
            Some((account, network)) => (account, Some(network)),
            None => (text, None),
        };
        let mut device = None;
        for part in [Some(&mut account), network.as_mut()] {
            if let Some(part) = part
                && let Some((name, found)) = part.split_once('@')
            {
                *part = name;
                let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
                device = Some(found.chars().filter(fits).take(MAX_DEVICE).collect());
            }
        }
        Self {
            account: account.to_ascii_lowercase(),
            network: network.filter(|name| !name.is_empty()).map(str::to_owned),
            device: device.filter(|name: &String| !name.is_empty()),
        }
    }

    /// Whether the network that it names is among these, or any, if it names none.
    #[must_use]
    pub fn is_served_by(&self, networks: &[NetworkState]) -> bool {
        match &self.network {
            Some(name) => find(networks, name).is_some(),
            None => !networks.is_empty(),
        }
    }
}

/// Finds a network by its id, its name, its server, or its host.
pub(super) fn find<'a>(networks: &'a [NetworkState], name: &str) -> Option<&'a NetworkState> {
    let by = |key: fn(&NetworkState) -> &str| {
        networks
            .iter()
            .find(|network| key(network).eq_ignore_ascii_case(name))
    };
    by(|network| &network.record.id)
        .or_else(|| by(|network| &network.record.name))
        .or_else(|| by(|network| &network.record.server))
        .or_else(|| by(|network| network.record.text("host").unwrap_or_default()))
}

/// The logins and passwords that a `PASS` may mean: `login:password`; a token, which names its account; otherwise the
/// password of the account named by the user name or the nickname.
pub(super) fn candidates(password: &str, nick: &str, user: &str) -> Vec<(Login, String)> {
    let is_name = |login: &Login| login.account.parse::<AccountName>().is_ok();
    let of_user = Login::parse(user);
    if let Some((name, rest)) = password.split_once(':') {
        let mut login = Login::parse(name);
        if is_name(&login) {
            login.network = login.network.or(of_user.network);
            login.device = login.device.or(of_user.device);
            return vec![(login, rest.to_owned())];
        }
    }
    if let Ok(token) = password.parse::<BearerToken>() {
        let account = token.owner.to_string();
        return vec![(Login { account, ..of_user }, password.to_owned())];
    }
    let of_nick = Login {
        account: Login::parse(nick).account,
        ..of_user.clone()
    };
    let mut found: Vec<(Login, String)> = Vec::new();
    for login in [of_user, of_nick] {
        if is_name(&login)
            && found
                .iter()
                .all(|(known, _)| known.account != login.account)
        {
            found.push((login, password.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(account: &str, network: Option<&str>, device: Option<&str>) -> Login {
        Login {
            account: account.to_owned(),
            network: network.map(str::to_owned),
            device: device.map(str::to_owned),
        }
    }

    #[test]
    fn a_user_name_has_up_to_three_parts() {
        for (text, expected) in [
            ("Alice", login("alice", None, None)),
            ("alice/Libera", login("alice", Some("Libera"), None)),
            ("alice@phone", login("alice", None, Some("phone"))),
            ("alice/a b@p h", login("alice", Some("a b"), Some("ph"))),
            ("alice@p/libera", login("alice", Some("libera"), Some("p"))),
            ("alice/@", login("alice", None, None)),
            ("", login("", None, None)),
        ] {
            assert_eq!(Login::parse(text), expected, "{text}");
        }
        let long = format!("a@{}", "x".repeat(500));
        assert_eq!(Login::parse(&long).device.unwrap().len(), MAX_DEVICE);
    }

    #[test]
    fn pass_names_the_account_or_leaves_it_to_the_user_name() {
        let pass = |password, nick, user| candidates(password, nick, user);
        let pair = |login: Login, password: &str| (login, password.to_owned());
        assert_eq!(
            pass("alice/libera:a:b", "x", "y@phone"),
            [pair(login("alice", Some("libera"), Some("phone")), "a:b")]
        );
        assert_eq!(
            pass("pw", "nick", "alice/libera"),
            [
                pair(login("alice", Some("libera"), None), "pw"),
                pair(login("nick", Some("libera"), None), "pw")
            ]
        );
        let token = format!("carol.{}.{}", "A".repeat(16), "b".repeat(32));
        assert_eq!(
            pass(&token, "x", "y/net"),
            [pair(login("carol", Some("net"), None), &token)]
        );
    }
}
