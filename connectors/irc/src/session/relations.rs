//! Reactions and deletions, of others and our own; and what our messages answer.

use gateway::{Attached, Audience, RequestId};
use irc_codec::{Message, Source};
use protocol::{
    Activity, ActivityObject, ArchiveMessage, EventBody, Feature, MessageType, TextObject,
    Timestamp, is_message_id,
};

use super::Session;
use super::activities::{entry, stamp};
use super::client_tags::{Reaction, chat_state};
use super::people::source_of;
use super::requests::Kind;

/// Messages whose reactions are counted.
pub(super) const MAX_REACTED: usize = 256;

/// Reactions to one message, taken back ones among them, beyond which more are neither shown nor archived.
const MAX_REACTIONS: usize = 500;

impl Session {
    /// TAGMSG, <https://ircv3.net/specs/extensions/message-tags>.
    pub(super) fn tag_message(&mut self, message: &Message, from: &str) {
        let in_history = self.in_history(message).is_some();
        if in_history {
            self.history_line(message);
        }
        let target = message.param(0).to_owned();
        if target.is_empty() {
            return;
        }
        let source = source_of(message);
        if let Some(reaction) = Reaction::of(&message.tags) {
            self.reacted(message, &source, &target, reaction);
        } else if let Some(state) = chat_state(&message.tags)
            && !in_history
            && !self.is_me(from)
        {
            self.is_typing(&source, &target, state);
        }
    }

    fn reacted(&mut self, message: &Message, source: &Source, target: &str, reaction: Reaction) {
        let label = self.label_of(message);
        let fits = |kind: &Kind, same: bool| matches!(kind, Kind::React { reaction: asked, .. } if *asked == reaction && same);
        let request = self.take_echoed(source, label.as_deref(), target, fits);
        let (id, at) = (self.id_of(message), self.time_of(message));
        let is_new = self.seen.insert(&id);
        let count = self.reactions.get(&reaction.about).copied().unwrap_or(0);
        if request.is_none() && (!is_new || count >= MAX_REACTIONS) {
            return;
        }
        // Of the oldest messages it is forgotten.
        self.reactions.insert(reaction.about.clone(), count + 1);
        let verb = if reaction.removed { "remove" } else { "add" };
        let object = ActivityObject::reaction(&reaction.emoji, &reaction.about);
        let made = ArchiveMessage {
            kind: MessageType::Reaction,
            about: Some(reaction.about),
            emoji: Some(reaction.emoji),
            removed: reaction.removed,
            ..entry("", &id, at)
        };
        self.publish_relation(message, source, target, request, (verb, object, made), at);
    }

    /// REDACT, <https://ircv3.net/specs/extensions/message-redaction>.
    pub(super) fn redacted(&mut self, message: &Message) {
        let (target, about) = (message.param(0).to_owned(), message.param(1).to_owned());
        if self.in_history(message).is_some() {
            self.history_line(message);
        }
        if target.is_empty() || !is_message_id(&about) {
            return;
        }
        let source = source_of(message);
        let label = self.label_of(message);
        let fits = |kind: &Kind, same: bool| matches!(kind, Kind::Redact { about: asked, .. } if *asked == about && same);
        let request = self.take_echoed(&source, label.as_deref(), &target, fits);
        let (id, at) = (self.id_of(message), self.time_of(message));
        if !self.seen.insert(&id) && request.is_none() {
            return;
        }
        let reason = message.params.get(2).filter(|reason| !reason.is_empty());
        let object = ActivityObject::Message(TextObject {
            id: Some(about.clone()),
            content: reason.cloned(),
            ..TextObject::default()
        });
        let made = ArchiveMessage {
            kind: MessageType::Deletion,
            about: Some(about),
            ..entry("", &id, at)
        };
        self.publish_relation(
            message,
            &source,
            &target,
            request,
            ("delete", object, made),
            at,
        );
    }

    /// Tells sockets and the archive, and then whoever asked for it.
    fn publish_relation(
        &mut self,
        message: &Message,
        source: &Source,
        target: &str,
        request: Option<(RequestId, Attached)>,
        (verb, object, made): (&str, ActivityObject, ArchiveMessage),
        at: Timestamp,
    ) {
        let (from, entity, archive) = self.conversation(source, target);
        let id = made.id.clone().unwrap_or_default();
        let activity = self.activity(verb, self.sender(source), Some(entity), Some(object));
        let activity = stamp(activity, &id, at);
        let made = ArchiveMessage { from, ..made };
        let name = archive.name().to_owned();
        let records = vec![self.record_of(archive, made)];
        if self.in_history(message).is_some() {
            self.publish_history(activity, Audience::All, records);
            return;
        }
        self.history_live(&name, at);
        let audience = match request {
            Some((_, socket)) => Audience::Except(socket.socket),
            None => Audience::All,
        };
        self.publish_recorded(activity.clone(), audience, records);
        if let Some((request, _)) = request {
            self.done(request, Ok(activity));
        }
    }

    /// Takes the request that the server's echo answers: by its label, else the oldest that says the same there.
    fn take_echoed(
        &mut self,
        source: &Source,
        label: Option<&str>,
        target: &str,
        fits: impl Fn(&Kind, bool) -> bool,
    ) -> Option<(RequestId, Attached)> {
        if !self.is_me(&source.nick) {
            return None;
        }
        let there = |kind: &Kind| match kind {
            Kind::React { target: asked, .. } | Kind::Redact { target: asked, .. } => {
                self.same(asked, target)
            }
            _ => false,
        };
        let at = self.requests.iter().position(|pending| match label {
            Some(label) => pending.label.as_deref() == Some(label) && fits(&pending.kind, true),
            None => fits(&pending.kind, there(&pending.kind)),
        })?;
        let pending = self.requests.remove(at)?;
        Some((pending.request, pending.socket))
    }

    /// What a message of ours answers, with the tag that says so, if the network can be told.
    pub(super) fn carried_reply(&self, activity: &Activity) -> Option<(&'static str, String)> {
        let answered = activity.object.as_ref()?.in_reply_to()?;
        let tag = self.reply_tag()?;
        let known = is_message_id(answered) && !self.is_made_here(answered);
        known.then(|| (tag, answered.to_owned()))
    }

    pub(super) fn perform_reaction(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) -> Result<(), String> {
        self.must_carry(Feature::Reactions, "reactions")?;
        let object = activity.object.as_ref();
        let about = object.and_then(ActivityObject::in_reply_to);
        let (target, about) = self.about(&activity, about)?;
        let reaction = Reaction {
            about,
            emoji: activity.content().unwrap_or_default().to_owned(),
            removed: activity.kind == "remove",
        };
        let mut message = Message::new("TAGMSG", [target.clone()]);
        message.tags = reaction.tags(self.reply_tag().unwrap_or_default());
        let kind = Kind::React { target, reaction };
        self.ask(request, socket, activity, kind, message);
        Ok(())
    }

    pub(super) fn perform_deletion(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) -> Result<(), String> {
        self.must_carry(Feature::Deletion, "deletion of messages")?;
        let about = activity.object.as_ref().and_then(ActivityObject::id);
        let (target, about) = self.about(&activity, about)?;
        let message = Message::new("REDACT", [target.clone(), about.clone()]);
        let kind = Kind::Redact { target, about };
        self.ask(request, socket, activity, kind, message);
        Ok(())
    }

    /// The target, and the id of a message in it as the network knows it.
    fn about(&self, activity: &Activity, about: Option<&str>) -> Result<(String, String), String> {
        let target = self.name_of(activity.target.as_ref())?;
        let server = self.server();
        if let Some(channel) = self.link.isupport.channel_within(&target)
            && self.channel(channel).is_none()
        {
            return Err(format!(
                "You are not in {channel} on {server}; join it first."
            ));
        }
        match about.filter(|about| is_message_id(about)) {
            Some(about) if !self.is_made_here(about) => Ok((target, about.to_owned())),
            Some(_) => Err(format!("{server} has given that message no id.")),
            None => Err("It is not said which message this is about.".to_owned()),
        }
    }

    pub(super) fn must_carry(&self, feature: Feature, what: &str) -> Result<(), String> {
        match self.carries().contains(&feature) {
            true => Ok(()),
            false => Err(format!("{} has no {what}.", self.server())),
        }
    }
}

/// Says of a message, and in its record, what it answers.
pub(super) fn mark_reply(
    activity: &mut Activity,
    records: &mut [(String, EventBody)],
    answered: &str,
) {
    if let Some(
        ActivityObject::Message(text) | ActivityObject::Me(text) | ActivityObject::Notice(text),
    ) = &mut activity.object
    {
        text.in_reply_to = Some(answered.to_owned());
    }
    for (_, body) in records {
        if let EventBody::Message { message, .. } = body {
            message.reply_to = Some(answered.to_owned());
        }
    }
}
