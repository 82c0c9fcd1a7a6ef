//! Dispatches each line to its handler.

use std::borrow::Cow;

use irc_codec::{Message, Numeric};
use protocol::{MAX_MESSAGE_ID, Timestamp};

use super::Session;
use super::numerics::ErrorReply;

/// Maximum time, in milliseconds, that the server's time may be ahead before ours is used instead.
const MAX_AHEAD: i64 = 3_600_000;
/// The same for a message with an id: it would be archived once more, under another day, if it comes again while our clock is
/// set back.
const MAX_AHEAD_KNOWN: i64 = 7 * 24 * 3_600_000;

impl Session {
    pub(super) fn dispatch(&mut self, message: &Message) {
        if !self.is_connected() {
            return;
        }
        let from = message
            .source
            .as_ref()
            .map_or_else(String::new, |source| source.nick.clone());
        let command = message.command.as_str();
        if let Some(code) = Numeric::parse(command) {
            self.numeric(code, message);
            return;
        }
        match command {
            "PING" => {
                let token = message.params.last().cloned().unwrap_or_default();
                self.send_now(&Message::new("PONG", [token]));
            }
            "ERROR" => {
                let text = message.param(0).to_owned();
                self.link.closing_reason = Some(text);
            }
            "CAP" => self.capability(message),
            "AUTHENTICATE" => self.challenge(message),
            "BATCH" => self.batch(message),
            "ACK" => {
                let label = self.label_of(message);
                self.acknowledged(label.as_deref());
            }
            "REGISTER" | "VERIFY" => self.account_reply(message),
            "FAIL" | "WARN" | "NOTE" => self.standard_reply(command, message),
            // History may be replayed with what is no message: it must not change what is now.
            _ if !matches!(
                command,
                "PRIVMSG" | "NOTICE" | "TAGMSG" | "REDACT" | "CHATHISTORY"
            ) && self.in_history(message).is_some() =>
            {
                self.history_line(message);
            }
            "CHATHISTORY" => self.history_target(message),
            "PRIVMSG" | "NOTICE" => self.message(message, &from),
            "TAGMSG" => self.tag_message(message, &from),
            "REDACT" => self.redacted(message),
            "JOIN" => self.join_seen(message, &from),
            "PART" => self.part_seen(message, &from),
            "RENAME" => self.channel_renamed(message),
            "KICK" => self.kick_seen(message, &from),
            "QUIT" => self.quit_seen(message, &from),
            "NICK" => self.nick_changed(message, &from),
            "TOPIC" => self.topic_changed(message),
            "MODE" => self.modes_changed(message),
            "INVITE" => self.invited(message, &from),
            "ACCOUNT" if self.is_me(&from) => self.account_changed(message),
            "WALLOPS" => self.wallops(message),
            "AWAY" => self.away_seen(message, &from),
            "CHGHOST" if self.is_me(&from) => {
                self.link.user = Some(message.param(0).to_owned());
                self.link.host = Some(message.param(1).to_owned());
            }
            _ => {}
        }
    }

    /// FAIL, WARN and NOTE, <https://ircv3.net/specs/extensions/standard-replies>.
    fn standard_reply(&mut self, kind: &str, message: &Message) {
        let command = message.param(0).to_owned();
        let text = message.params.last().cloned().unwrap_or_default();
        if command.eq_ignore_ascii_case("CHATHISTORY") {
            self.history_failed(message);
        } else if kind == "FAIL" && !self.account_fail(message) {
            // Shaped like a numeric about that command, so that the same rules find the request.
            let mut error = Message::new("FAIL", [self.link.nick.clone(), command, text]);
            error.tags = message.tags.clone();
            self.request_failed(ErrorReply::Fail, &error);
        } else if kind != "FAIL" {
            let sentence = format!("{}: {text}", self.server());
            self.trouble(None, &sentence);
        }
    }

    /// When a message was sent: according to the server (server-time), otherwise now.
    pub(super) fn time_of(&self, message: &Message) -> Timestamp {
        let most = match message.tags.get("msgid") {
            Some(_) => MAX_AHEAD_KNOWN,
            None => MAX_AHEAD,
        };
        message
            .tags
            .get("time")
            .and_then(|time| time.parse::<Timestamp>().ok())
            .filter(|time| time.millis() <= self.now.wall.millis().saturating_add(most))
            .unwrap_or(self.now.wall)
    }

    /// The id of a message: the server's, otherwise one derived from the message, otherwise a new one.
    pub(super) fn id_of(&mut self, message: &Message) -> String {
        let fits = |id: &&str| (1..=MAX_MESSAGE_ID).contains(&id.len());
        match message.tags.get("msgid").filter(fits) {
            Some(id) => id.to_owned(),
            None if message.tags.get("time").is_some() => self.derived_id(message),
            None => self.new_id(),
        }
    }
}

/// A line as it can be read. What servers let through within a line costs no message: NUL is left out, and where CR stands
/// in the middle is a blank.
pub(super) fn readable(line: &[u8]) -> Cow<'_, [u8]> {
    if !line.iter().any(|byte| matches!(byte, b'\0' | b'\r')) {
        return Cow::Borrowed(line);
    }
    let kept = line.iter().filter(|byte| **byte != b'\0');
    let blank = |&byte: &u8| if byte == b'\r' { b' ' } else { byte };
    Cow::Owned(kept.map(blank).collect())
}
