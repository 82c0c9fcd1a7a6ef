//! PRIVMSG and NOTICE, both ways.

use irc_codec::client_tags::answered;
use irc_codec::{Ctcp, MAX_BODY, Message, Source, numeric, split_text};
use protocol::{Activity, ActivityObject, ClientId, Entity, TextObject, Timestamp};

use super::Session;
use super::activities::name_of;
use super::relations::set_reply;
use super::requests::Asked;

/// Targets of one line.
const MAX_TARGETS: usize = 4;

impl Session {
    /// A message, live or one that was missed.
    pub(super) fn message(&mut self, activity: &Activity, missed: bool) {
        if self.is_echo(activity) && !self.caps.has("echo-message") {
            return;
        }
        self.show_message(activity, missed, None);
        let at = activity.published.as_deref();
        let at = at.and_then(|text| text.parse::<Timestamp>().ok());
        self.shown = self.shown.max(at);
    }

    /// Whether a message was sent by this session.
    fn is_echo(&self, activity: &Activity) -> bool {
        let id = activity.client_id();
        let id = id.as_ref().map(ClientId::as_str);
        id.and_then(|id| id.strip_prefix(self.tag.as_str()))
            .is_some_and(|rest| rest.starts_with('.'))
    }

    /// Who did something, and in which conversation, as the client names both.
    pub(super) fn place_of(&self, activity: &Activity) -> (Source, String) {
        let server = self.network.as_ref().map(|network| network.server.clone());
        let source = match name_of(activity.actor.as_ref(), "person") {
            Some(nick) => self.source(nick),
            None => Source::parse(&server.unwrap_or_else(|| self.name.clone())),
        };
        let own = self.is_own(&source.nick);
        let target = match name_of(activity.target.as_ref(), "room") {
            Some(room) => room.to_owned(),
            None if own => {
                let whom = name_of(activity.target.as_ref(), "person");
                whom.unwrap_or(&self.nick).to_owned()
            }
            None => self.nick.clone(),
        };
        (source, target)
    }

    /// Sends a message to the client, as part of a batch if there is one.
    pub(super) fn show_message(&mut self, activity: &Activity, missed: bool, batch: Option<&str>) {
        let (source, target) = self.place_of(activity);
        let text = activity
            .content()
            .unwrap_or_default()
            .replace(['\r', '\n'], " ");
        let action = matches!(activity.object, Some(ActivityObject::Me(_)));
        let command = match activity.object {
            Some(ActivityObject::Notice(_)) => "NOTICE",
            _ => "PRIVMSG",
        };
        // Clients that are not told the time would take it for now.
        let text = if missed && !self.caps.has("server-time") {
            let at = activity.published.as_deref().unwrap_or_default();
            let minute = at.get(..16).unwrap_or(at).replace('T', " ");
            format!("[{minute}] {text}")
        } else {
            text
        };
        let around = format!(":{source} {command} {target} :\u{1}ACTION \u{1}\r\n").len();
        let most = MAX_BODY.saturating_sub(around).max(64);
        let mut id = activity.id.as_deref();
        for part in split_text(&text, most) {
            let body = if action {
                Ctcp::action(part).to_string()
            } else {
                part.to_owned()
            };
            let mut message = Message::new(command, [target.as_str(), body.as_str()]);
            message.source = Some(source.clone());
            if let Some(batch) = batch {
                message.tags.set("batch", batch);
            }
            self.stamp(&mut message, activity.published.as_deref());
            let about = activity.object.as_ref();
            let about = about.and_then(ActivityObject::in_reply_to);
            if let Some(about) = about.filter(|_| self.caps.has("message-tags")) {
                set_reply(&mut message.tags, about);
            }
            // An id belongs to one line.
            if let Some(id) = id.take().filter(|_| self.caps.has("message-tags")) {
                message.tags.set("msgid", id);
            }
            self.push(&message);
        }
    }

    /// PRIVMSG and NOTICE of the client.
    pub(super) fn send(&mut self, message: &Message) {
        let (targets, text) = (message.param(0).to_owned(), message.param(1).to_owned());
        if targets.is_empty() {
            return self.reply(numeric::ERR_NORECIPIENT, ["No recipient given"]);
        }
        if text.is_empty() {
            return self.reply(numeric::ERR_NOTEXTTOSEND, ["No text to send"]);
        }
        let about = answered(&message.tags);
        for (index, target) in targets.split(',').filter(|one| !one.is_empty()).enumerate() {
            if index >= MAX_TARGETS {
                let text =
                    "Too many targets; the message was not sent to this one and those after it";
                return self.reply(numeric::ERR_TOOMANYTARGETS, [target, text]);
            }
            let object = match Ctcp::parse(&text) {
                Some(ctcp) if ctcp.command == "ACTION" => {
                    ActivityObject::Me(self.text(&ctcp.text, about))
                }
                Some(_) => {
                    let text = "CTCP does not pass the bouncer, except ACTION";
                    self.reply(numeric::ERR_CANNOTSENDTOCHAN, [target, text]);
                    continue;
                }
                None if message.command == "NOTICE" => {
                    ActivityObject::Notice(self.text(&text, about))
                }
                None => ActivityObject::Message(self.text(&text, about)),
            };
            let Some(entity) = self.conversation(target) else {
                return;
            };
            let asked = Asked::Send {
                target: target.to_owned(),
            };
            self.request(asked, "send", Some(entity), Some(object));
        }
    }

    fn text(&self, text: &str, about: Option<&str>) -> TextObject {
        TextObject {
            in_reply_to: about.map(str::to_owned),
            client_id: ClientId::parse(&format!("{}.{}", self.tag, self.next)),
            ..TextObject::new(text)
        }
    }

    /// The room or the person that a target is.
    pub(super) fn conversation(&self, target: &str) -> Option<Entity> {
        let network = self.network.as_ref()?;
        Some(if network.room_within(target).is_some() {
            Entity::room(target, &network.server)
        } else {
            Entity::person(target, &network.server)
        })
    }
}
