//! PRIVMSG, NOTICE and TAGMSG (RFC 2812, section 3.3; IRCv3 message-tags, echo-message).

use irc_codec::{Message, Numeric, Tags, numeric};

use super::caps::Caps;
use super::client::UserId;
use super::event::Event;
use super::outbox::When;
use super::relaymsg::relayed;
use super::reply::{LINE, Reply};
use super::welcome::{MAX_TARGETS, too_many_targets};
use super::{ClientId, Server, names};
use crate::record::{Body, Stored};

/// Maximum length of client-only tags that are relayed (IRCv3 message-tags), in bytes.
const MAX_CLIENT_TAGS: usize = 4094;

impl Server {
    pub(super) fn on_message(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let command = message.command.as_str();
        if message.param(0).is_empty() {
            let text = format!("No recipient given ({command})");
            return self.refuse_message(id, command, Reply::new(numeric::ERR_NORECIPIENT, [text]));
        }
        let text = match command {
            "TAGMSG" => None,
            _ if message.param(1).is_empty() => {
                let reply = Reply::new(numeric::ERR_NOTEXTTOSEND, ["No text to send"]);
                return self.refuse_message(id, command, reply);
            }
            _ => Some(message.param(1)),
        };
        let tags = client_tags(&message.tags);
        if tags.len() > MAX_CLIENT_TAGS {
            return self.reply(
                id,
                Reply::new(
                    numeric::ERR_INPUTTOOLONG,
                    ["Your tags are too long; the message was not sent"],
                ),
            );
        }
        if text.is_none() && tags.is_empty() {
            return;
        }
        if let Some(user) = self.users.get_mut(&user_id) {
            user.active = self.now.wall;
        }
        let targets: Vec<&str> = message
            .param(0)
            .split(',')
            .filter(|target| !target.is_empty())
            .collect();
        if targets.len() > MAX_TARGETS {
            let reply = too_many_targets(message.param(0), "recipients");
            return self.refuse_message(id, command, reply);
        }
        // Typing notifications need not wait.
        if text.is_some() && self.must_look_up_recipients(id, &targets, message) {
            return;
        }
        for target in targets {
            if let (true, Some(text)) = (target.starts_with('$'), text) {
                self.announce(id, user_id, (command, target), text);
                continue;
            }
            let new = NewMessage {
                command,
                text,
                tags: &tags,
                relayed: None,
            };
            let problem = if target.starts_with('#') {
                self.message_channel(id, user_id, target, new)
            } else {
                self.message_user(id, user_id, target, new)
            };
            if let Err((code, problem)) = problem {
                self.refuse_message(id, command, not_sent(code, target, problem));
            }
        }
    }

    /// Reports why a message was not sent, but not for a NOTICE: replies to it could make two programs answer each
    /// other for ever (RFC 2812, section 3.3.2). That a line is too long is always reported.
    fn refuse_message(&mut self, id: ClientId, command: &str, reply: Reply) {
        if command != "NOTICE" || reply.code == numeric::ERR_INPUTTOOLONG {
            self.reply(id, reply);
        }
    }

    /// Sends a message to a channel under a relayed name (RELAYMSG).
    pub(super) fn send_as(&mut self, id: ClientId, user_id: UserId, message: &Message, name: &str) {
        let tags = client_tags(&message.tags);
        if tags.len() > MAX_CLIENT_TAGS {
            let text = "Your tags are too long; the message was not sent";
            return self.reply(id, Reply::new(numeric::ERR_INPUTTOOLONG, [text]));
        }
        let new = NewMessage {
            command: "PRIVMSG",
            text: Some(message.param(2)),
            tags: &tags,
            relayed: Some(name),
        };
        let target = message.param(0);
        if let Err((code, problem)) = self.message_channel(id, user_id, target, new) {
            self.reply(id, not_sent(code, target, problem));
        }
    }

    fn message_channel(
        &mut self,
        id: ClientId,
        user_id: UserId,
        target: &str,
        new: NewMessage<'_>,
    ) -> Result<(), (Numeric, String)> {
        let key = names::fold(target);
        let user = self
            .users
            .get(&user_id)
            .ok_or_else(|| (numeric::ERR_NOSUCHNICK, String::new()))?;
        let channel = self
            .channels
            .get(&key)
            .filter(|channel| channel.is_visible(user_id))
            .ok_or_else(|| (numeric::ERR_NOSUCHCHANNEL, "No such channel".to_owned()))?;
        if !channel.may_speak(user_id, user) {
            let text = if channel.members.contains_key(&user_id) {
                "You may not speak here: the channel is moderated (+m), or you are banned or quieted (+b, +q)"
            } else {
                "You may not speak here: join the channel first"
            };
            return Err((numeric::ERR_CANNOTSENDTOCHAN, text.to_owned()));
        }
        let name = channel.record.name.clone();
        let event = self.make_message(user_id, &name, new)?;
        let lasting = is_lasting(new.command, new.tags);
        let stored = lasting.then(|| stored(&event, self.history_key(&key), &name, new));
        let audience = self.audience(&key);
        self.store_and_send(id, event, stored, audience, &name);
        Ok(())
    }

    /// Stores a message and sends it to its audience; returns it and when it is sent, unless it is a repeat.
    pub(super) fn store_and_send(
        &mut self,
        id: ClientId,
        event: Event,
        stored: Option<Stored>,
        audience: Vec<ClientId>,
        to: &str,
    ) -> Option<(Event, When)> {
        let event = self.unless_repeated(id, event, stored.as_ref())?;
        let when = self.store(&event, stored);
        self.deliver(id, audience, &event, when);
        if let When::Stored(append) = when {
            self.explain_failure(id, to, append);
        }
        Some((event, when))
    }

    /// Creates the message as others will see it, or explains by how much it is too long.
    pub(super) fn make_message(
        &mut self,
        user_id: UserId,
        to: &str,
        new: NewMessage<'_>,
    ) -> Result<Event, (Numeric, String)> {
        let params = [Some(to), new.text].into_iter().flatten();
        let mut event = self.event(user_id, new.command, params);
        if let (Some(name), Some(source)) = (new.relayed, &mut event.message.source) {
            let by = std::mem::replace(source, relayed(source, name));
            event.relayed_by = Some(by.nick);
            // A program that relays for others speaks in their place.
            event.bot = true;
        }
        let length = event.lengths().max().unwrap_or_default();
        if length > LINE {
            let excess = length - LINE;
            let problem = format!(
                "Your message to {to} was not sent: with your name before it, it is {excess} bytes too long; send it in two"
            );
            return Err((numeric::ERR_INPUTTOOLONG, problem));
        }
        event.at = self.next_id();
        event.has_id = true;
        event.tags = new.tags.to_owned();
        Ok(event)
    }

    /// Returns the message, unless it is a task's line that was sent before: then its sender gets the echo of the
    /// first, which may have been lost in a crash.
    fn unless_repeated(
        &mut self,
        id: ClientId,
        mut event: Event,
        stored: Option<&Stored>,
    ) -> Option<Event> {
        let Some(first) = stored
            .and_then(Stored::task)
            .and_then(|key| self.tasks.get(&key))
        else {
            return Some(event);
        };
        event.at = first.id;
        let when = first.append.map_or(When::Always, When::Stored);
        let echo = self.with_cap([id], Caps::ECHO_MESSAGE);
        self.relay(echo, &event, when);
        None
    }

    pub(super) fn store(&mut self, event: &Event, stored: Option<Stored>) -> When {
        self.statistics.messages += 1;
        match stored {
            Some(stored) => {
                let task = stored.task();
                let append = self.append(event.at, Body::Message(stored));
                if let Some(key) = task {
                    self.tasks.insert(key, event.at, Some(append));
                }
                When::Stored(append)
            }
            None => When::Always,
        }
    }

    /// Sends a message to its audience; the sending session gets it only with echo-message.
    pub(super) fn deliver(
        &mut self,
        id: ClientId,
        mut audience: Vec<ClientId>,
        event: &Event,
        when: When,
    ) {
        let echo = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.has(Caps::ECHO_MESSAGE));
        if !echo {
            audience.retain(|&client| client != id);
            self.note_shown(id, event);
        }
        let audience = self.with_cap(audience, Caps::to_read(&event.message.command));
        self.relay(audience, event, when);
    }
}

impl Server {
    /// A message to oneself is delivered too. With echo-message the echo is enough, unless it carries the command's
    /// label, which the delivered message must not (IRCv3 labeled-response).
    pub(super) fn deliver_to_sender(&mut self, id: ClientId, event: &Event, when: When) {
        let Some(caps) = self.clients.get(&id).map(|client| client.caps) else {
            return;
        };
        let readable = event.message.command != "TAGMSG" || caps.has(Caps::MESSAGE_TAGS);
        if readable && (self.response.is_some() || !caps.has(Caps::ECHO_MESSAGE)) {
            let response = self.response.take();
            self.relay([id], event, when);
            self.response = response;
        }
    }
}

/// Why a message was not sent. Numerics name the target before the text, but ERR_INPUTTOOLONG has the text alone
/// (IRCv3 message-tags).
fn not_sent(code: Numeric, target: &str, problem: String) -> Reply {
    if code == numeric::ERR_INPUTTOOLONG {
        Reply::new(code, [problem])
    } else {
        Reply::new(code, [target.to_owned(), problem])
    }
}

/// A message as a client sends it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewMessage<'a> {
    pub command: &'a str,
    pub text: Option<&'a str>,
    /// Client-only tags, as on the wire.
    pub tags: &'a str,
    /// The name under which it is relayed (RELAYMSG).
    pub relayed: Option<&'a str>,
}

pub(super) fn stored(event: &Event, target: String, to: &str, new: NewMessage<'_>) -> Stored {
    Stored {
        target,
        source: event
            .message
            .source
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        account: event.account.clone(),
        command: new.command.to_owned(),
        to: to.to_owned(),
        text: new.text.map(str::to_owned),
        tags: new.tags.to_owned(),
        relayed_by: event.relayed_by.clone(),
        bot: event.bot,
        about: None,
    }
}

/// Filters the client-only tags, as on the wire.
fn client_tags(tags: &Tags) -> String {
    let mut own = tags.clone();
    own.retain(|key| key.len() > 1 && key.starts_with('+') && is_key(&key[1..]));
    own.to_string()
}

/// IRCv3 message-tags: letters, digits, `-`, and a vendor's host name before a slash.
fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'.'))
}

/// Returns whether a message is stored: texts, and tags that remain meaningful (reactions), but not typing
/// notifications.
pub(super) fn is_lasting(command: &str, tags: &str) -> bool {
    command != "TAGMSG"
        || tags.split(';').any(|tag| {
            !tag.split('=')
                .next()
                .is_some_and(|key| matches!(key, "+typing" | "+draft/typing"))
        })
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn only_client_tags_pass() {
        let tags =
            Tags::parse("time=1;+draft/reply=m1;msgid=2;+b\u{1}=x;+typing=active;account=eve");
        assert_eq!(client_tags(&tags), "+draft/reply=m1;+typing=active");
    }

    #[test]
    fn typing_is_not_kept() {
        assert!(!is_lasting("TAGMSG", "+typing=active"));
        assert!(is_lasting("TAGMSG", "+draft/react=x;+typing=done"));
        assert!(is_lasting("PRIVMSG", ""));
    }
}
