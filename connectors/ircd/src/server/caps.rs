//! CAP: which capabilities are offered, and which a client has (IRCv3 capability-negotiation 302).

use irc_codec::{Message, numeric};

use super::reply::Reply;
use super::{ClientId, Server};

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Caps(u32);

macro_rules! capabilities {
    ($($constant:ident = $bit:literal, $name:literal;)*) => {
        impl Caps {
            $(pub(super) const $constant: Self = Self(1 << $bit);)*
            /// All capabilities in alphabetical order.
            const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$constant)),*];
        }
    };
}

capabilities! {
    ACCOUNT_NOTIFY = 0, "account-notify";
    ACCOUNT_TAG = 1, "account-tag";
    AWAY_NOTIFY = 2, "away-notify";
    BATCH = 3, "batch";
    CAP_NOTIFY = 4, "cap-notify";
    CHATHISTORY = 5, "draft/chathistory";
    EVENT_PLAYBACK = 6, "draft/event-playback";
    MESSAGE_REDACTION = 22, "draft/message-redaction";
    NO_IMPLICIT_NAMES = 7, "draft/no-implicit-names";
    PRE_AWAY = 8, "draft/pre-away";
    RELAYMSG = 21, "draft/relaymsg";
    ECHO_MESSAGE = 9, "echo-message";
    EXTENDED_JOIN = 10, "extended-join";
    EXTENDED_MONITOR = 11, "extended-monitor";
    INVITE_NOTIFY = 12, "invite-notify";
    LABELED_RESPONSE = 13, "labeled-response";
    MESSAGE_TAGS = 14, "message-tags";
    MULTI_PREFIX = 15, "multi-prefix";
    SASL = 16, "sasl";
    SERVER_TIME = 17, "server-time";
    SETNAME = 18, "setname";
    STANDARD_REPLIES = 19, "standard-replies";
    USERHOST_IN_NAMES = 20, "userhost-in-names";
}

impl Caps {
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, cap)| cap)
    }

    /// What a client needs to be sent a command of others.
    pub(super) fn to_read(command: &str) -> Self {
        match command {
            "TAGMSG" => Self::MESSAGE_TAGS,
            "REDACT" => Self::MESSAGE_REDACTION,
            _ => Self::default(),
        }
    }

    /// Keeps what decides the tags of a relayed message, for use as an index below 16.
    pub(super) fn tag_variant(self) -> usize {
        usize::from(self.has(Self::SERVER_TIME))
            | usize::from(self.has(Self::MESSAGE_TAGS)) << 1
            | usize::from(self.has(Self::ACCOUNT_TAG)) << 2
            | usize::from(self.has(Self::RELAYMSG)) << 3
    }
}

impl Server {
    pub(super) fn on_cap(&mut self, id: ClientId, message: &Message) {
        let nick = self.name_for(id);
        let cap_reply = |sub: &str, list: &str| Message::new("CAP", [nick.as_str(), sub, list]);
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        match message.param(0).to_ascii_uppercase().as_str() {
            "LS" => {
                if let Some(registration) = &mut client.registration {
                    registration.negotiating = true;
                }
                if message
                    .param(1)
                    .parse::<u32>()
                    .is_ok_and(|version| version >= irc_codec::CAP_VERSION)
                {
                    client.cap_302 = true;
                    client.caps = client.caps.with(Caps::CAP_NOTIFY);
                }
                let values = client.cap_302;
                let list: Vec<&str> = Caps::ALL
                    .iter()
                    .map(|&(name, cap)| match cap {
                        Caps::SASL if values => "sasl=PLAIN",
                        Caps::RELAYMSG if values => "draft/relaymsg=/",
                        _ => name,
                    })
                    .collect();
                // 23 short names: one line is enough, as a test checks.
                self.reply_message(id, cap_reply("LS", &list.join(" ")));
            }
            "LIST" => {
                let list: Vec<&str> = Caps::ALL
                    .iter()
                    .filter(|&&(_, cap)| client.caps.has(cap))
                    .map(|&(name, _)| name)
                    .collect();
                self.reply_message(id, cap_reply("LIST", &list.join(" ")));
            }
            "REQ" => {
                if let Some(registration) = &mut client.registration {
                    registration.negotiating = true;
                }
                let wanted = message.param(1);
                let changed =
                    wanted
                        .split_ascii_whitespace()
                        .try_fold(client.caps, |caps, name| match name.strip_prefix('-') {
                            Some(name) => Caps::find(name).map(|cap| caps.without(cap)),
                            None => Caps::find(name).map(|cap| caps.with(cap)),
                        });
                let verdict = match changed {
                    Some(mut caps) => {
                        if client.cap_302 {
                            // With version 302 it cannot be disabled.
                            caps = caps.with(Caps::CAP_NOTIFY);
                        }
                        client.caps = caps;
                        "ACK"
                    }
                    None => "NAK",
                };
                self.reply_message(id, cap_reply(verdict, wanted));
            }
            "END" => {
                if let Some(registration) = &mut client.registration {
                    registration.negotiating = false;
                    self.try_register(id);
                }
            }
            other => {
                let sub = if other.is_empty() { "*" } else { other };
                self.reply(
                    id,
                    Reply::new(
                        numeric::ERR_INVALIDCAPCMD,
                        [
                            sub,
                            "Unknown CAP command; supported are LS, LIST, REQ and END",
                        ],
                    ),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_fits_one_line() {
        let list: Vec<&str> = Caps::ALL.iter().map(|&(name, _)| name).collect();
        assert!(list.is_sorted());
        let fixed = 63 + 40 + ": CAP  LS :=PLAIN=/\r\n".len();
        assert!(list.join(" ").len() + fixed <= 512);
    }
}
