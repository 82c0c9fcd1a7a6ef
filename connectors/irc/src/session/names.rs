//! NAMES, topics, and what a socket is shown of a room.

use gateway::{Attached, Audience, RequestId};
use irc_codec::{Message, Source};
use protocol::{
    Activity, ActivityObject, ArchiveTarget, MessageType, PresenceObject, ROLE_MEMBER, Show,
    Timestamp,
};

use super::Session;
use super::activities::{ArchivedEvent, stamp};
use super::channels::Channel;
use super::people::source_of;
use super::requests::Kind;

/// Names kept for a channel we are not in.
const MAX_NAMES: usize = 5000;

impl Session {
    /// RPL_NAMREPLY.
    pub(super) fn names_line(&mut self, message: &Message) {
        let name = message.param(2).to_owned();
        let list = message.params.last().cloned().unwrap_or_default();
        let names: Vec<(String, String)> = list
            .split_ascii_whitespace()
            .map(|entry| {
                let (ranks, rest) = self.link.isupport.split_ranks(entry);
                // With userhost-in-names the whole source is given.
                let nick = rest.split('!').next().unwrap_or(rest);
                (ranks, nick.to_owned())
            })
            .filter(|(_, nick)| !nick.is_empty())
            .collect();
        if self.channel(&name).is_some() {
            for (ranks, nick) in names {
                self.add_member(&name, &nick, &ranks);
            }
            return;
        }
        let case = self.link.case;
        for pending in &mut self.requests {
            if let Kind::Names { channel, members } = &mut pending.kind
                && case.same(channel, &name)
                && members.len() < MAX_NAMES
            {
                members.extend(names.iter().map(|(_, nick)| nick.clone()));
            }
        }
    }

    /// RPL_ENDOFNAMES.
    pub(super) fn names_end(&mut self, message: &Message) {
        let name = message.param(1).to_owned();
        let case = self.link.case;
        while let Some(pending) = self.take_request(
            |kind| matches!(kind, Kind::Names { channel, .. } if case.same(channel, &name)),
        ) {
            if let Kind::Names { members, .. } = pending.kind {
                // For a channel we are in, the previous lines added members.
                let answer = match self.channel(&name) {
                    Some(channel) => self.attendance_of(channel),
                    None => self.attendance(&name, members),
                };
                self.done(pending.request, Ok(answer));
            }
        }
        let Some(channel) = self.channel_mut(&name) else {
            return;
        };
        if std::mem::replace(&mut channel.complete, true) {
            return;
        }
        self.show_room(&name, Audience::All, false);
        self.ask_who(&name);
    }

    fn attendance(&self, name: &str, members: Vec<String>) -> Activity {
        let object = ActivityObject::attendance(members);
        self.activity("query", self.room(name), Some(self.me()), Some(object))
    }

    fn attendance_of(&self, channel: &Channel) -> Activity {
        let members = channel.members.names().map(str::to_owned).collect();
        self.attendance(&channel.name, members)
    }

    pub(super) fn perform_attendance(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) -> Result<(), String> {
        let name = self.channel_of(activity.target.as_ref())?;
        match self.channel(&name).filter(|channel| channel.complete) {
            Some(channel) => {
                let answer = self.attendance_of(channel);
                self.done(request, Ok(answer));
            }
            None => {
                let message = Message::new("NAMES", [name.clone()]);
                let kind = Kind::Names {
                    channel: name,
                    members: Vec::new(),
                };
                self.ask(request, socket, activity, kind, message);
            }
        }
        Ok(())
    }

    /// Shows the current state of a room: (own join,) topic, members, and who is away or has a role.
    pub(super) fn show_room(&mut self, name: &str, audience: Audience, with_join: bool) {
        let Some(channel) = self.channel(name) else {
            return;
        };
        let mut shown = Vec::new();
        if with_join {
            let room = self.room(&channel.name);
            shown.push(self.activity("join", self.me(), Some(room), None));
        }
        if !channel.topic.is_empty() {
            shown.push(self.topic_activity(channel));
        }
        if channel.complete {
            shown.push(self.attendance_of(channel));
            for (nick, ranks) in channel.members.iter() {
                if self.link.away.contains(nick) || !ranks.is_empty() {
                    shown.push(self.presence_in(&channel.name, nick, ranks));
                }
            }
        }
        for activity in shown {
            self.publish(activity, audience);
        }
    }

    fn presence_in(&self, channel: &str, nick: &str, ranks: &str) -> Activity {
        let away = self.link.away.get(nick);
        let object = ActivityObject::Presence(PresenceObject {
            role: Some(self.role_of(ranks).to_owned()),
            show: Some(if away.is_some() {
                Show::Away
            } else {
                Show::Online
            }),
            content: away.cloned(),
            ..PresenceObject::default()
        });
        let actor = self.person(nick);
        self.activity("update", actor, Some(self.room(channel)), Some(object))
    }

    /// The role of a member with these modes: `o` and anything higher is an owner.
    pub(super) fn role_of(&self, modes: &str) -> &'static str {
        let ranks = self.link.isupport.ranks();
        let place = |mode: char| ranks.iter().position(|&(letter, _)| letter == mode);
        let owner = place('o').unwrap_or(0);
        let best = modes.chars().filter_map(|m| Some((place(m)?, m))).min();
        match best {
            Some((place, _)) if place <= owner => "owner",
            Some((_, 'h')) => "admin",
            Some((_, 'v')) => "participant",
            _ => ROLE_MEMBER,
        }
    }

    fn topic_activity(&self, channel: &Channel) -> Activity {
        let by = channel.topic_by.clone().unwrap_or_default();
        let object = ActivityObject::topic(&channel.topic);
        let room = self.room(&channel.name);
        let mut activity = self.activity("update", self.sender(&by), Some(room), Some(object));
        if let Some(at) = channel.topic_at {
            activity.published = Some(at.to_string());
        }
        activity
    }

    /// RPL_NOTOPIC and RPL_TOPIC.
    pub(super) fn topic_reply(&mut self, name: &str, topic: &str) {
        if let Some(channel) = self.channel_mut(name) {
            topic.clone_into(&mut channel.topic);
        }
    }

    /// RPL_TOPICWHOTIME.
    pub(super) fn topic_setter(&mut self, message: &Message) {
        let by = Source::parse(message.param(2));
        let seconds = message.param(3).parse::<i64>().ok();
        if let Some(channel) = self.channel_mut(message.param(1)) {
            channel.topic_by = Some(by);
            channel.topic_at = seconds.map(|s| Timestamp::from_millis(s.saturating_mul(1000)));
        }
    }

    /// TOPIC.
    pub(super) fn topic_changed(&mut self, message: &Message) {
        let source = source_of(message);
        let from = source.nick.as_str();
        let at = self.time_of(message);
        let id = self.id_of(message);
        let topic = message.param(1).to_owned();
        let Some(channel) = self.channel_mut(message.param(0)) else {
            return;
        };
        channel.topic.clone_from(&topic);
        channel.topic_by = Some(source.clone());
        channel.topic_at = Some(at);
        let name = channel.name.clone();
        let text = if topic.is_empty() {
            format!("{from} removed the topic")
        } else {
            format!("{from} changed the topic to: {topic}")
        };
        let event = ArchivedEvent {
            id: id.clone(),
            at,
            kind: MessageType::Topic,
            from,
            text,
        };
        let record = self.record(ArchiveTarget::Channel(name.clone()), &event);
        let object = ActivityObject::topic(&topic);
        let actor = self.sender(&source);
        let activity = self.activity("update", actor, Some(self.room(&name)), Some(object));
        let activity = stamp(activity, &id, at);
        let case = self.link.case;
        let asked = if self.is_me(from) {
            self.take_request(
                |kind| matches!(kind, Kind::Topic { channel } if case.same(channel, &name)),
            )
        } else {
            None
        };
        let audience = asked.as_ref().map_or(Audience::All, |pending| {
            Audience::Except(pending.socket.socket)
        });
        self.publish_recorded(activity.clone(), audience, vec![record]);
        if let Some(pending) = asked {
            self.done(pending.request, Ok(activity));
        }
    }
}
