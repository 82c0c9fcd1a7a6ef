//! PRIVMSG, NOTICE and TAGMSG (RFC 2812, section 3.3; IRCv3 message-tags, echo-message).

use irc_codec::{Message, Numeric, Tags, numeric};

use super::caps::Caps;
use super::client::UserId;
use super::deliver::Event;
use super::outbox::When;
use super::relaymsg::relayed;
use super::reply::{LINE, Reply, wire};
use super::welcome::MAX_TARGETS;
use super::{ClientId, Server, names};
use crate::record::{Body, Stored};

/// The longest client-only tags that are relayed (IRCv3 message-tags), in bytes.
const MAX_CLIENT_TAGS: usize = 4094;

impl Server {
    pub(super) fn on_message(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let command = message.command.as_str();
        let quiet = command == "NOTICE";
        if message.param(0).is_empty() {
            return self.reply(
                id,
                Reply::new(
                    numeric::ERR_NORECIPIENT,
                    [format!("No recipient given ({command})")],
                ),
            );
        }
        let text = match command {
            "TAGMSG" => None,
            _ if message.param(1).is_empty() => {
                return self.reply(
                    id,
                    Reply::new(numeric::ERR_NOTEXTTOSEND, ["No text to send"]),
                );
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
            let text = format!("Too many recipients: at most {MAX_TARGETS} at once");
            return self.reply(
                id,
                Reply::new(numeric::ERR_TOOMANYTARGETS, [message.param(0), &text]),
            );
        }
        // Typing need not wait; of several recipients each is known, or is nobody.
        if targets.len() == 1 && text.is_some() && self.must_ask_recipient(id, message) {
            return;
        }
        for target in targets {
            let said = Said {
                command,
                text,
                tags: &tags,
                relayed: None,
            };
            let problem = if target.starts_with('#') {
                self.message_channel(id, user_id, target, said)
            } else {
                self.message_user(id, user_id, target, said)
            };
            if let Err((code, problem)) = problem {
                // Answers to a NOTICE could make two programs talk for ever; being too long is for people.
                if !quiet || code == numeric::ERR_INPUTTOOLONG {
                    self.reply(id, Reply::new(code, [target, &problem]));
                }
            }
        }
    }

    /// Says something in a channel under a name made up for it.
    pub(super) fn say_as(&mut self, id: ClientId, user_id: UserId, message: &Message, name: &str) {
        let tags = client_tags(&message.tags);
        if tags.len() > MAX_CLIENT_TAGS {
            let text = "Your tags are too long; the message was not sent";
            return self.reply(id, Reply::new(numeric::ERR_INPUTTOOLONG, [text]));
        }
        let said = Said {
            command: "PRIVMSG",
            text: Some(message.param(2)),
            tags: &tags,
            relayed: Some(name),
        };
        let target = message.param(0);
        if let Err((code, problem)) = self.message_channel(id, user_id, target, said) {
            self.reply(id, Reply::new(code, [target, &problem]));
        }
    }

    fn message_channel(
        &mut self,
        id: ClientId,
        user_id: UserId,
        target: &str,
        said: Said<'_>,
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
                "You may not speak here: the channel is moderated (+m) or you are banned"
            } else {
                "You may not speak here: join the channel first"
            };
            return Err((numeric::ERR_CANNOTSENDTOCHAN, text.to_owned()));
        }
        let name = channel.record.name.clone();
        let event = self.make_message(user_id, &name, said)?;
        let lasting = is_lasting(said.command, said.tags);
        let stored = lasting.then(|| stored(&event, key.to_string(), &name, said));
        let audience = self.audience(&key);
        self.pass_on(id, event, stored, audience, &name);
        Ok(())
    }

    /// Keeps a message and brings it to those who get it; returns it and when they do, unless it was said before.
    pub(super) fn pass_on(
        &mut self,
        id: ClientId,
        event: Event,
        stored: Option<Stored>,
        audience: Vec<ClientId>,
        to: &str,
    ) -> Option<(Event, When)> {
        let event = self.say_again(id, event, stored.as_ref())?;
        let when = self.keep(&event, stored);
        self.deliver(id, audience, &event, when);
        if let When::Stored(append) = when {
            self.explain_failure(id, to, append);
        }
        Some((event, when))
    }

    /// Makes the message as others will see it, or says by how much it is too long for that.
    pub(super) fn make_message(
        &mut self,
        user_id: UserId,
        to: &str,
        said: Said<'_>,
    ) -> Result<Event, (Numeric, String)> {
        let params = [Some(to), said.text].into_iter().flatten();
        let mut event = self.event(user_id, said.command, params);
        if let (Some(name), Some(source)) = (said.relayed, &mut event.message.source) {
            let by = std::mem::replace(source, relayed(source, name));
            event.relayed_by = Some(by.nick);
        }
        let length = wire(&event.message).len() + 2;
        if length > LINE {
            let excess = length - LINE;
            let problem = format!(
                "Your message was not sent: with your name before it, it is {excess} bytes too long; send it in two"
            );
            return Err((numeric::ERR_INPUTTOOLONG, problem));
        }
        event.at = self.next_id();
        event.has_id = true;
        event.tags = said.tags.to_owned();
        Ok(event)
    }

    /// Gives a message back that is to be said. A line of a task that was said already is not: its sender gets
    /// the echo of the first, so that whoever lost it in a crash has it.
    fn say_again(
        &mut self,
        id: ClientId,
        mut event: Event,
        stored: Option<&Stored>,
    ) -> Option<Event> {
        let Some(said) = stored
            .and_then(Stored::task)
            .and_then(|key| self.tasks.get(&key))
        else {
            return Some(event);
        };
        event.at = said.id;
        let when = said.append.map_or(When::Always, When::Stored);
        let echo = self.with_cap([id], Caps::ECHO_MESSAGE);
        self.relay(echo, &event, when);
        None
    }

    fn keep(&mut self, event: &Event, stored: Option<Stored>) -> When {
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
        if event.message.command == "TAGMSG" {
            audience = self.with_cap(audience, Caps::MESSAGE_TAGS);
        }
        self.relay(audience, event, when);
    }
}

impl Server {
    /// A message to oneself is received too. With echo-message the echo is enough, unless it carries the label
    /// of the command, which what is received must not (IRCv3 labeled-response).
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

/// What a client says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub command: &'a str,
    pub text: Option<&'a str>,
    /// Client-only tags, as on the wire.
    pub tags: &'a str,
    /// Under a name made up for it.
    pub relayed: Option<&'a str>,
}

pub(super) fn stored(event: &Event, target: String, to: &str, said: Said<'_>) -> Stored {
    Stored {
        target,
        source: event
            .message
            .source
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        account: event.account.clone(),
        command: said.command.to_owned(),
        to: to.to_owned(),
        text: said.text.map(str::to_owned),
        tags: said.tags.to_owned(),
        relayed_by: event.relayed_by.clone(),
    }
}

/// Keeps the client-only tags, as on the wire.
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

/// Returns whether a message is kept: texts, and tags that mean something later (reactions), not typing.
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
