//! What is said about messages that were said before, and who is typing, both ways: TAGMSG, REDACT and the tag of an
//! answer (<https://ircv3.net/specs/extensions/message-tags>,
//! <https://ircv3.net/specs/extensions/message-redaction>).

use irc_codec::client_tags::{Reaction, chat_state, typing_tags};
use irc_codec::{Message, Tags, numeric};
use protocol::{Activity, ActivityObject, Feature, TextObject, is_message_id};

use super::Session;
use super::requests::Asked;

/// The capability of REDACT.
const REDACTION: &str = "draft/message-redaction";

/// Client-only tags that are carried, with what a network has to support for them.
const CARRIED: [(&str, Feature); 5] = [
    ("draft/react", Feature::Reactions),
    ("draft/reply", Feature::Replies),
    ("draft/unreact", Feature::Reactions),
    ("reply", Feature::Replies),
    ("typing", Feature::Typing),
];

/// CLIENTTAGDENY: every client-only tag but those that get through to the network, which supports this (`None`: it has not
/// said yet).
pub(super) fn denied(supports: Option<&[Feature]>) -> String {
    let carried = CARRIED.iter().filter(|(_, feature)| {
        let there = supports.map(|all| all.contains(feature));
        there.unwrap_or(true)
    });
    let exempt: String = carried.map(|(tag, _)| format!(",-{tag}")).collect();
    format!("CLIENTTAGDENY=*{exempt}")
}

/// Adds the tag of an answer, under its name and the one from before it was ratified.
pub(super) fn set_reply(tags: &mut Tags, about: &str) {
    tags.set("+draft/reply", about);
    tags.set("+reply", about);
}

impl Session {
    /// Whether an activity of the history is shown to a client: messages are; what is about them is, if the client asked for
    /// such events.
    pub(super) fn is_shown(&self, activity: &Activity) -> bool {
        activity.kind == "send" || self.caps.has("draft/event-playback")
    }

    /// A reaction, a deletion, or somebody who types. Returns false if the activity is none of them.
    pub(super) fn relation(&mut self, activity: &Activity, batch: Option<&str>) -> bool {
        let (command, tags, more) = match (activity.kind.as_str(), &activity.object) {
            ("add" | "remove", Some(ActivityObject::Reaction(reaction))) => {
                let (Some(about), Some(emoji)) = (&reaction.in_reply_to, &reaction.content) else {
                    return true;
                };
                let reaction = Reaction {
                    about: about.clone(),
                    emoji: emoji.clone(),
                    removed: activity.kind == "remove",
                };
                let mut tags = reaction.tags("+draft/reply");
                set_reply(&mut tags, about);
                ("TAGMSG", tags, Vec::new())
            }
            ("update", Some(ActivityObject::ChatState(state))) => {
                ("TAGMSG", typing_tags(state.state), Vec::new())
            }
            ("delete", Some(ActivityObject::Message(text))) => {
                let Some(about) = text.id.clone() else {
                    return true;
                };
                let reason = text.content.clone().filter(|reason| !reason.is_empty());
                let more = std::iter::once(about).chain(reason).collect();
                ("REDACT", Tags::default(), more)
            }
            _ => return false,
        };
        let wanted = match command {
            "REDACT" => self.caps.has(REDACTION),
            _ => self.caps.has("message-tags"),
        };
        if !wanted {
            return true;
        }
        let (source, target) = self.place_of(activity);
        let mut message = Message::new(command, [target]);
        message.params.extend(more);
        message.source = Some(source);
        if let Some(batch) = batch {
            message.tags.set("batch", batch);
        }
        self.stamp(&mut message, activity.published.as_deref());
        if let Some(id) = activity
            .id
            .as_deref()
            .filter(|_| self.caps.has("message-tags"))
        {
            message.tags.set("msgid", id);
        }
        for (key, value) in tags.iter() {
            message.tags.set(key, value);
        }
        self.push(&message);
        true
    }

    /// TAGMSG of the client. Tags that are not carried are dropped, as CLIENTTAGDENY says.
    pub(super) fn tagmsg(&mut self, message: &Message) {
        let target = message.param(0).to_owned();
        let Some(entity) = self.conversation(&target).filter(|_| !target.is_empty()) else {
            return;
        };
        if let Some(state) = chat_state(&message.tags) {
            let object = ActivityObject::chat_state(state);
            self.request(Asked::Typing, "update", Some(entity), Some(object));
        } else if let Some(reaction) = Reaction::of(&message.tags) {
            let kind = if reaction.removed { "remove" } else { "add" };
            let object = ActivityObject::reaction(reaction.emoji, reaction.about);
            self.request(Asked::React { target }, kind, Some(entity), Some(object));
        }
    }

    /// REDACT of the client.
    pub(super) fn redact(&mut self, message: &Message) {
        let (target, about) = (message.param(0).to_owned(), message.param(1).to_owned());
        if !self.caps.has(REDACTION) {
            let text = "Request the capability draft/message-redaction before REDACT";
            return self.reply(numeric::ERR_UNKNOWNCOMMAND, ["REDACT", text]);
        }
        let Some(entity) = self.conversation(&target) else {
            return;
        };
        if !is_message_id(&about) {
            let context = [target.as_str(), about.as_str()];
            let text = "This is not the id of a message";
            return self.fail("REDACT", "UNKNOWN_MSGID", &context, text);
        }
        let reason = message.param(2);
        let object = ActivityObject::Message(TextObject {
            content: (!reason.is_empty()).then(|| reason.to_owned()),
            id: Some(about.clone()),
            ..TextObject::default()
        });
        let asked = Asked::Redact { target, about };
        self.request(asked, "delete", Some(entity), Some(object));
    }
}
