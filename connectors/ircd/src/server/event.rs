//! A message as others see it, and its tags.

use std::fmt::Write as _;

use irc_codec::Message;
use protocol::{AccountName, Timestamp};

use super::caps::Caps;
use super::message_id;

/// A relayed message: source, command, parameters, and the values of its tags.
#[derive(Debug)]
pub(super) struct Event {
    pub at: i64,
    pub has_id: bool,
    pub account: Option<AccountName>,
    /// Client-only tags, as on the wire.
    pub tags: String,
    /// Nickname of the user who relayed it under another name (RELAYMSG).
    pub relayed_by: Option<String>,
    /// Whether a program caused it (IRCv3 bot-mode).
    pub bot: bool,
    /// The operator of the server who caused it (draft/oper-tag).
    pub oper: Option<AccountName>,
    pub message: Message,
}

impl Event {
    /// The tags of the second and further lines of a text, which have neither its id nor its client-only tags.
    pub(super) fn following_tags(&self, caps: Caps, batch: Option<&str>) -> String {
        let following = Self {
            at: self.at,
            has_id: false,
            account: self.account.clone(),
            tags: String::new(),
            relayed_by: self.relayed_by.clone(),
            bot: self.bot,
            oper: self.oper.clone(),
            message: Message::new("", [""; 0]),
        };
        following.tags_for(caps, batch)
    }

    /// Formats the tags (with a trailing space, or nothing) for a client with these capabilities.
    pub(super) fn tags_for(&self, caps: Caps, batch: Option<&str>) -> String {
        let mut tags = String::new();
        let mut add = |key: &str, value: &str| {
            tags.push(if tags.is_empty() { '@' } else { ';' });
            tags.push_str(key);
            if !value.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(tags, "={value}");
            }
        };
        if let Some(batch) = batch {
            add("batch", batch);
        }
        if caps.has(Caps::SERVER_TIME) {
            add("time", &Timestamp::from_millis(self.at).to_string());
        }
        if self.has_id && caps.has(Caps::MESSAGE_TAGS) {
            add("msgid", &message_id(self.at));
        }
        if let Some(account) = self
            .account
            .as_ref()
            .filter(|_| caps.has(Caps::ACCOUNT_TAG))
        {
            add("account", account.as_str());
        }
        if let Some(nick) = self
            .relayed_by
            .as_ref()
            .filter(|_| caps.has(Caps::RELAYMSG))
        {
            add("draft/relaymsg", nick);
        }
        if self.bot && caps.has(Caps::MESSAGE_TAGS) {
            add("bot", "");
        }
        if let Some(oper) = self.oper.as_ref().filter(|_| caps.has(Caps::OPER_TAG)) {
            add("draft/oper", oper.as_str());
        }
        if !self.tags.is_empty() && caps.has(Caps::MESSAGE_TAGS) {
            add(&self.tags, "");
        }
        if !tags.is_empty() {
            tags.push(' ');
        }
        tags
    }
}
