//! RELAYMSG: a member sends a message under a name that nobody can have, for a program that relays for others
//! (<https://github.com/ircv3/ircv3-specifications/pull/417>, `draft/relaymsg`).
//!
//! The name must contain `/`, which no nickname can, so it is never mistaken for a person's; everyone who has the
//! capability is told who relayed it, and the host and account of the source are the member's.

use irc_codec::{Message, Source};

use super::client::UserId;
use super::{ClientId, Server, names};

/// Maximum length of a name, in bytes.
const MAX_NAME: usize = 48;

impl Server {
    pub(super) fn on_relaymsg(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let (channel, name) = (message.param(0), message.param(1));
        let refused = if message.param(2).is_empty() {
            Some(("BLANK_MSG", "There is no text to relay"))
        } else if !is_relayed_name(name) {
            let text = "The name must be two words of letters, digits, - and _ with a / between them, like GitHub/hook";
            Some(("INVALID_NICK", text))
        } else if !self.may_relay(user_id, channel) {
            let text = "Only members with an account may relay messages to that channel";
            Some(("PRIVS_NEEDED", text))
        } else {
            None
        };
        if let Some((code, text)) = refused {
            return self.fail(id, "RELAYMSG", code, &[], text);
        }
        self.send_as(id, user_id, message, name);
    }

    fn may_relay(&self, user_id: UserId, channel: &str) -> bool {
        let member = self
            .channels
            .get(&names::fold(channel))
            .is_some_and(|channel| channel.members.contains_key(&user_id));
        let user = self.users.get(&user_id);
        member && user.is_some_and(|user| user.account.is_some())
    }
}

/// The source of a relayed message: the given name at the relaying user's address.
pub(super) fn relayed(own: &Source, name: &str) -> Source {
    Source {
        nick: name.to_owned(),
        user: own.user.clone(),
        host: own.host.clone(),
    }
}

fn is_relayed_name(name: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= MAX_NAME
        && name
            .split_once('/')
            .is_some_and(|(a, b)| word(a) && word(b))
}

#[cfg(test)]
mod unit {
    use super::is_relayed_name;

    #[test]
    fn names_that_nobody_can_have() {
        for good in ["GitHub/hook", "a/b", "mail-1/in_box"] {
            assert!(is_relayed_name(good), "{good}");
        }
        for bad in [
            "", "alice", "/", "a/", "/b", "a/b/c", "a.b/c", "a b/c", "a/b!x", "ä/b",
        ] {
            assert!(!is_relayed_name(bad), "{bad}");
        }
        assert!(!is_relayed_name(&format!("{}/b", "a".repeat(48))));
    }
}
