//! CAP: which capabilities are offered, and which a client has (IRCv3 capability-negotiation 302).

use irc_codec::{Message, numeric};

use super::bounds::{MAX_KEYS, MAX_MESSAGE_BYTES, MAX_MESSAGE_LINES, MAX_SUBS, MAX_VALUE};
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
    CHANNEL_RENAME = 29, "draft/channel-rename";
    CHATHISTORY = 5, "draft/chathistory";
    EVENT_PLAYBACK = 6, "draft/event-playback";
    EXTENDED_ISUPPORT = 25, "draft/extended-isupport";
    MESSAGE_REDACTION = 22, "draft/message-redaction";
    METADATA = 28, "draft/metadata-2";
    MULTILINE = 26, "draft/multiline";
    OLD_NO_IMPLICIT_NAMES = 7, "draft/no-implicit-names";
    OPER_TAG = 23, "draft/oper-tag";
    PRE_AWAY = 8, "draft/pre-away";
    READ_MARKER = 27, "draft/read-marker";
    RELAYMSG = 21, "draft/relaymsg";
    ECHO_MESSAGE = 9, "echo-message";
    EXTENDED_JOIN = 10, "extended-join";
    EXTENDED_MONITOR = 11, "extended-monitor";
    INVITE_NOTIFY = 12, "invite-notify";
    LABELED_RESPONSE = 13, "labeled-response";
    MESSAGE_TAGS = 14, "message-tags";
    MULTI_PREFIX = 15, "multi-prefix";
    NO_IMPLICIT_NAMES = 24, "no-implicit-names";
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

    /// Whether a client is sent the names of a channel that it joins.
    pub(super) fn wants_names(self) -> bool {
        !self.has(Self::NO_IMPLICIT_NAMES) && !self.has(Self::OLD_NO_IMPLICIT_NAMES)
    }

    /// Keeps what decides the tags of a relayed message, for use as a key.
    pub(super) fn tag_variant(self) -> usize {
        usize::from(self.has(Self::SERVER_TIME))
            | usize::from(self.has(Self::MESSAGE_TAGS)) << 1
            | usize::from(self.has(Self::ACCOUNT_TAG)) << 2
            | usize::from(self.has(Self::RELAYMSG)) << 3
            | usize::from(self.has(Self::OPER_TAG)) << 4
            | usize::from(self.has(Self::MULTILINE) && self.has(Self::BATCH)) << 5
    }
}

/// Bytes of a list per line: leaves room for the names of server and client.
const WIDTH: usize = 392;

/// Whether a capability came after there was no more room in the one line that clients without version 302 read.
fn is_newer(name: &str) -> bool {
    NEWER.contains(&name)
}

const NEWER: &[&str] = &[
    "draft/channel-rename",
    "draft/extended-isupport",
    "draft/metadata-2",
    "draft/multiline",
    "draft/oper-tag",
    "draft/read-marker",
    "no-implicit-names",
];

impl Server {
    /// A capability's value, with version 302.
    fn value(&self, cap: Caps) -> Option<String> {
        match cap {
            Caps::SASL => Some("PLAIN".to_owned()),
            Caps::RELAYMSG => Some("/".to_owned()),
            Caps::METADATA => Some(format!(
                "max-subs={MAX_SUBS},max-keys={MAX_KEYS},max-value-bytes={MAX_VALUE}"
            )),
            Caps::MULTILINE => Some(format!(
                "max-bytes={MAX_MESSAGE_BYTES},max-lines={MAX_MESSAGE_LINES}"
            )),
            _ => None,
        }
    }

    /// Sends a list in as many lines as it needs; with a star before all but the last, which clients of version 302
    /// understand. For older ones, one line has room for all that they are offered.
    fn send_caps(&mut self, id: ClientId, sub: &str, list: &[String]) {
        let nick = self.name_for(id);
        let mut lines: Vec<String> = Vec::new();
        for entry in list {
            match lines
                .last_mut()
                .filter(|line| line.len() + entry.len() < WIDTH)
            {
                Some(line) => {
                    line.push(' ');
                    line.push_str(entry);
                }
                None => lines.push(entry.clone()),
            }
        }
        let last = lines.pop().unwrap_or_default();
        for line in lines {
            self.reply_message(id, Message::new("CAP", [&nick, sub, "*", &line]));
        }
        self.reply_message(id, Message::new("CAP", [&nick, sub, &last]));
    }

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
                let offered = Caps::ALL
                    .iter()
                    .filter(|(name, _)| values || !is_newer(name));
                let list: Vec<String> = offered
                    .map(|&(name, cap)| match self.value(cap).filter(|_| values) {
                        Some(value) => format!("{name}={value}"),
                        None => name.to_owned(),
                    })
                    .collect();
                self.send_caps(id, "LS", &list);
            }
            "LIST" => {
                let own = client.caps;
                let list: Vec<String> = Caps::ALL
                    .iter()
                    .filter(|&&(_, cap)| own.has(cap))
                    .map(|&(name, _)| name.to_owned())
                    .collect();
                self.send_caps(id, "LIST", &list);
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
    fn the_list_of_older_clients_fits_one_line() {
        let list: Vec<&str> = Caps::ALL.iter().map(|&(name, _)| name).collect();
        assert!(list.is_sorted());
        let offered: Vec<&str> = list.into_iter().filter(|name| !is_newer(name)).collect();
        assert!(offered.join(" ").len() <= WIDTH);
        let fixed = 63 + 40 + ": CAP  LIST * :\r\n".len();
        assert!(WIDTH + fixed <= 512);
    }
}
