//! The channels we are in: JOIN, PART and KICK.

use gateway::{Attached, Audience, RequestId};
use irc_codec::{Message, Source};
use protocol::{
    Activity, ActivityObject, ArchiveTarget, EventBody, FoldedMap, MessageType, TextObject,
    Timestamp,
};

use super::activities::{ArchivedEvent, stamp};
use super::requests::Kind;
use super::{Session, Wanted};

/// Channels we keep track of; a server cannot force us into more.
const MAX_CHANNELS: usize = 2000;

/// Maximum length of the channel list in one JOIN, in bytes and in names.
const MAX_JOIN: usize = 400;
const MAX_JOIN_NAMES: usize = 10;

/// A channel we are in.
#[derive(Debug, Default)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) topic_by: Option<Source>,
    pub(super) topic_at: Option<Timestamp>,
    /// Nicknames, with the mode letters of their ranks.
    pub(super) members: FoldedMap<String>,
    /// Whether NAMES is complete.
    pub(super) complete: bool,
}

impl Session {
    pub(super) fn channel(&self, name: &str) -> Option<&Channel> {
        self.link.channels.get(name)
    }

    pub(super) fn channel_mut(&mut self, name: &str) -> Option<&mut Channel> {
        self.link.channels.get_mut(name)
    }

    /// The channel's name as the server first spelled it, or as given.
    pub(super) fn spelled(&self, name: &str) -> String {
        self.channel(name)
            .map_or_else(|| name.to_owned(), |channel| channel.name.clone())
    }

    pub(super) fn entity(&self, name: &str) -> protocol::Entity {
        if self.is_conversation(name) {
            self.room(&self.spelled(name))
        } else {
            self.person(name)
        }
    }

    pub(super) fn forget_wanted(&mut self, name: &str) -> bool {
        let case = self.link.case;
        let before = self.wanted.len();
        self.wanted.retain(|wanted| !case.same(&wanted.name, name));
        self.wanted.len() < before
    }

    /// Joins channels, several per line; those with keys first, because keys are matched from the left.
    pub(super) fn join_all(&mut self, wanted: &[Wanted]) {
        let mut sorted: Vec<&Wanted> = wanted
            .iter()
            .filter(|w| self.channel(&w.name).is_none())
            .collect();
        sorted.sort_by_key(|wanted| wanted.key.is_none());
        let at_once = self.link.isupport.targets("JOIN").unwrap_or(MAX_JOIN_NAMES);
        let at_once = at_once.clamp(1, MAX_JOIN_NAMES);
        let mut lines: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
        let mut length = 0;
        for wanted in sorted {
            let key = wanted.key.as_deref();
            length += wanted.name.len() + key.map_or(0, str::len) + 2;
            let full = lines
                .last()
                .is_none_or(|(names, _)| names.len() >= at_once || length > MAX_JOIN);
            if full {
                lines.push((Vec::new(), Vec::new()));
                length = wanted.name.len() + key.map_or(0, str::len) + 2;
            }
            if let Some((names, keys)) = lines.last_mut() {
                names.push(&wanted.name);
                keys.extend(key);
            }
        }
        let lines: Vec<Message> = lines
            .into_iter()
            .map(|(names, keys)| {
                let params = [names.join(","), keys.join(",")];
                Message::new("JOIN", params.into_iter().filter(|param| !param.is_empty()))
            })
            .collect();
        for line in lines {
            let line = line.to_string();
            // Whatever makes us join repeatedly, once is enough.
            if !self.outbox.is_waiting(&line) {
                self.outbox.push(line, None);
            }
        }
    }

    /// Joins the channels that the account wants but is not in.
    pub(super) fn join_waiting(&mut self) {
        self.link.held = false;
        self.link.check_sign_in_at = None;
        let wanted = self.wanted.clone();
        self.join_all(&wanted);
    }

    pub(super) fn perform_join(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) -> Result<(), String> {
        let channel = self.channel_of(activity.target.as_ref())?;
        if self.channel(&channel).is_some() {
            let name = self.spelled(&channel);
            let joined = self.activity("join", self.me(), Some(self.room(&name)), None);
            self.done(request, Ok(joined));
            self.show_room(&name, Audience::Only(socket.socket), false);
            return Ok(());
        }
        self.must_fit("name of the channel", "CHANNELLEN", &channel)?;
        let known = self.wanted.iter().any(|w| self.same(&w.name, &channel));
        if !known && self.wanted.len() >= protocol::MAX_CHANNELS {
            return Err(too_many(&channel, self.server()));
        }
        let key = ["key", "password"].iter().find_map(|field| {
            let target = activity.target.as_ref()?.rest.get(*field);
            let object = || activity.object.as_ref()?.get(field);
            target.cloned().or_else(object)?.as_str().map(str::to_owned)
        });
        let known = self.wanted.iter().find(|w| self.same(&w.name, &channel));
        let key = key
            .or_else(|| known.and_then(|wanted| wanted.key.clone()))
            .filter(|key| !key.is_empty() && !key.contains([' ', ',', '\0', '\r', '\n']));
        if let Some(key) = &key {
            self.must_fit("key", "KEYLEN", key)?;
        }
        let params = [Some(channel.clone()), key.clone()];
        let message = Message::new("JOIN", params.into_iter().flatten());
        self.ask(
            request,
            socket,
            activity,
            Kind::Join { channel, key },
            message,
        );
        Ok(())
    }

    pub(super) fn perform_leave(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) -> Result<(), String> {
        let channel = self.channel_of(activity.target.as_ref())?;
        if self.channel(&channel).is_none() {
            if self.forget_wanted(&channel) {
                self.left_record(&channel);
            }
            self.done(request, Ok(activity));
            return Ok(());
        }
        let mut message = Message::new("PART", [channel.clone()]);
        let reason = activity
            .content()
            .unwrap_or_default()
            .replace(['\r', '\n'], " ");
        if !reason.is_empty() {
            message.params.push(reason);
        }
        self.ask(request, socket, activity, Kind::Leave { channel }, message);
        Ok(())
    }

    fn left_record(&mut self, channel: &str) {
        let id = self.new_id();
        let body = EventBody::Left {
            channel: channel.to_owned(),
        };
        let record = (self.record_id(channel, &id), body);
        let told = self.activity("leave", self.me(), Some(self.room(channel)), None);
        self.publish_recorded(told, Audience::Full, vec![record]);
    }

    pub(super) fn join_seen(&mut self, message: &Message, from: &str) {
        let name = message.param(0).to_owned();
        if name.is_empty() || from.is_empty() {
            return;
        }
        let at = self.time_of(message);
        let id = self.id_of(message);
        if !self.is_me(from) {
            if !self.add_member(&name, from, "") || self.joined_after_split(message, from, &name) {
                return;
            }
            let (activity, record) =
                self.membership_event("join", &name, from, &id, at, format!("{from} joined"), None);
            self.publish_recorded(activity, Audience::All, vec![record]);
            return;
        }
        if let Some(source) = &message.source {
            self.link.user.clone_from(&source.user);
            self.link.host.clone_from(&source.host);
        }
        if self.link.channels.len() >= MAX_CHANNELS && self.channel(&name).is_none() {
            return;
        }
        let channel = Channel {
            name: name.clone(),
            members: FoldedMap::new(self.link.case),
            ..Channel::default()
        };
        self.remove_channel(&name);
        self.link.channels.insert(&name, channel);
        self.add_member(&name, from, "");
        let case = self.link.case;
        let asked = self.take_request(
            |kind| matches!(kind, Kind::Join { channel, .. } if case.same(channel, &name)),
        );
        let text = format!("{from} joined");
        let (activity, record) = self.membership_event("join", &name, from, &id, at, text, None);
        let mut records = Vec::new();
        // Rejoining after a lost connection is not archived.
        if !self.wanted.iter().any(|w| self.same(&w.name, &name)) {
            let key = asked.as_ref().and_then(|pending| match &pending.kind {
                Kind::Join { key, .. } => key.clone(),
                _ => None,
            });
            let channel = match &key {
                Some(key) => format!("{name} {key}"),
                None => name.clone(),
            };
            records.push(record);
            if self.wanted.len() < protocol::MAX_CHANNELS {
                let joined = format!("joined-{id}");
                records.push((
                    self.record_id(&name, &joined),
                    EventBody::Joined { channel },
                ));
                self.wanted.push(Wanted {
                    name: name.clone(),
                    key,
                });
            } else {
                // The network made us join: we are in until the connection ends.
                let sentence = too_many(&name, self.server());
                let room = self.room(&name);
                self.trouble(Some(room), &sentence);
            }
        }
        let audience = asked.as_ref().map_or(Audience::Full, |pending| {
            Audience::Except(pending.socket.socket)
        });
        self.publish_recorded(activity.clone(), audience, records);
        if let Some(pending) = asked {
            self.done(pending.request, Ok(activity));
        }
        self.history_left(&name);
        self.fill_gap(&name);
    }

    pub(super) fn part_seen(&mut self, message: &Message, from: &str) {
        let name = self.spelled(message.param(0));
        let reason = message.param(1).to_owned();
        self.gone(message, &name, from, &reason, None);
    }

    pub(super) fn kick_seen(&mut self, message: &Message, from: &str) {
        let name = self.spelled(message.param(0));
        let whom = message.param(1).to_owned();
        let reason = message.param(2).to_owned();
        self.gone(message, &name, &whom, &reason, Some(from));
    }

    /// Someone, perhaps ourselves, left a channel or was removed from it.
    fn gone(&mut self, message: &Message, name: &str, who: &str, reason: &str, by: Option<&str>) {
        if self.channel(name).is_none() || who.is_empty() {
            return;
        }
        let at = self.time_of(message);
        let id = self.id_of(message);
        let mut text = match by {
            Some(by) => format!("{who} was kicked by {by}"),
            None => format!("{who} left"),
        };
        if !reason.is_empty() {
            text = format!("{text} ({reason})");
        }
        let object = ActivityObject::Message(TextObject {
            by: by.map(str::to_owned),
            ..TextObject::new(reason)
        });
        let (activity, record) =
            self.membership_event("leave", name, who, &id, at, text, Some(object));
        let mut records = vec![record];
        let mut asked = None;
        let case = self.link.case;
        if self.is_me(who) {
            if by.is_none() {
                asked = self.take_request(
                    |kind| matches!(kind, Kind::Leave { channel } if case.same(channel, name)),
                );
            }
            // After a kick we do not rejoin automatically.
            if self.forget_wanted(name) {
                let body = EventBody::Left {
                    channel: name.to_owned(),
                };
                records.push((self.record_id(name, &format!("left-{id}")), body));
            }
            self.remove_channel(name);
        } else {
            self.remove_member(name, who);
            if by.is_some_and(|by| self.is_me(by)) {
                asked = self.take_request(|kind| {
                    matches!(kind, Kind::Kick { channel, nick }
                        if case.same(channel, name) && case.same(nick, who))
                });
            }
        }
        let audience = asked.as_ref().map_or(Audience::All, |pending| {
            Audience::Except(pending.socket.socket)
        });
        self.publish_recorded(activity.clone(), audience, records);
        if let Some(pending) = asked {
            if matches!(pending.kind, Kind::Kick { .. }) {
                // The ack is the request itself; its socket sees the departure like everyone else.
                self.publish(activity, Audience::Only(pending.socket.socket));
                self.complete(pending);
            } else {
                self.done(pending.request, Ok(activity));
            }
        }
        if self.channel(name).is_none() {
            self.history_left(name);
        }
    }

    /// The activity and the archive entry of a join or leave.
    #[allow(
        clippy::too_many_arguments,
        reason = "they are the parts of the activity"
    )]
    pub(super) fn membership_event(
        &self,
        kind: &str,
        name: &str,
        who: &str,
        id: &str,
        at: Timestamp,
        text: String,
        object: Option<ActivityObject>,
    ) -> (Activity, (String, EventBody)) {
        let event = ArchivedEvent {
            id: id.to_owned(),
            at,
            kind: if kind == "join" {
                MessageType::Join
            } else {
                MessageType::Leave
            },
            from: who,
            text,
        };
        let record = self.record(ArchiveTarget::Channel(name.to_owned()), &event);
        let activity = self.activity(kind, self.person(who), Some(self.room(name)), object);
        (stamp(activity, id, at), record)
    }

    /// ERR_LINKCHANNEL: the server forwards us to another channel.
    pub(super) fn join_forwarded(&mut self, message: &Message) {
        let (from, to) = (message.param(1).to_owned(), message.param(2).to_owned());
        let case = self.link.case;
        for pending in &mut self.requests {
            if let Kind::Join { channel, .. } = &mut pending.kind
                && case.same(channel, &from)
            {
                channel.clone_from(&to);
            }
        }
        let server = self.server();
        let sentence = format!("{server} forwards you from {from} to {to}.");
        self.trouble(None, &sentence);
    }
}

/// The error when the account is already in the maximum number of channels of a connection.
fn too_many(channel: &str, server: &str) -> String {
    format!(
        "A connection remembers at most {} channels, and yours to {server} already has that many: {channel} is one too many; leave another first.",
        protocol::MAX_CHANNELS
    )
}
