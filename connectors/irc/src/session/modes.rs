//! Roles in channels: MODE.

use gateway::{Audience, SocketId};
use irc_codec::{Message, ModeChange, ModeKind, parse_modes};
use protocol::{ActivityObject, EventBody, RelationshipObject, RelationshipSubject, RoomObject};

use super::activities::stamp;
use super::people::source_of;
use super::requests::Kind;
use super::{Session, Wanted};

/// The mode of a channel's key on every network (RFC 1459, section 4.2.3.1).
const KEY_MODE: char = 'k';

/// No socket has this number.
const NO_SOCKET: SocketId = 0;

impl Session {
    pub(super) fn modes_changed(&mut self, message: &Message) {
        let source = source_of(message);
        let from = source.nick.as_str();
        if self.is_me(message.param(0)) {
            self.own_modes_changed(message);
        }
        let Some(channel) = self.channel(message.param(0)) else {
            return;
        };
        let name = channel.name.clone();
        let at = self.time_of(message);
        let params = message.params.get(1..).unwrap_or_default();
        for change in parse_modes(&self.link.isupport, params) {
            if change.mode == KEY_MODE {
                self.key_changed(&name, &change, message);
            }
            let Some(nick) = change.argument else {
                continue;
            };
            if self.link.isupport.mode_kind(change.mode) != ModeKind::Rank {
                continue;
            }
            let Some(members) = self.channel_mut(&name).map(|channel| &mut channel.members) else {
                continue;
            };
            let Some(ranks) = members.get_mut(&nick) else {
                continue;
            };
            ranks.retain(|mode| mode != change.mode);
            if change.set {
                ranks.push(change.mode);
            }
            let nick = members.name(&nick).unwrap_or(&nick).to_owned();
            let id = self.new_id();
            let room = self.room(&name);
            let role = self.role_of(&change.mode.to_string());
            let object = ActivityObject::Relationship(RelationshipObject {
                relationship: Some("role".to_owned()),
                subject: Some(RelationshipSubject {
                    kind: Some("presence".to_owned()),
                    role: Some(role.to_owned()),
                    ..RelationshipSubject::default()
                }),
                object: Some(room),
                ..RelationshipObject::default()
            });
            let kind = if change.set { "add" } else { "remove" };
            let (actor, target) = (self.sender(&source), self.person(&nick));
            let activity = self.activity(kind, actor, Some(target), Some(object));
            let activity = stamp(activity, &id, at);
            let case = self.link.case;
            let asked = if self.is_me(from) {
                self.take_request(|kind| {
                    matches!(kind, Kind::Role { channel, nick: whom, mode, set }
                        if case.same(channel, &name) && case.same(whom, &nick)
                            && *mode == change.mode && *set == change.set)
                })
            } else {
                None
            };
            let audience = asked.as_ref().map_or(Audience::All, |pending| {
                Audience::Except(pending.socket.socket)
            });
            self.publish(activity.clone(), audience);
            if let Some(pending) = asked {
                self.done(pending.request, Ok(activity));
            }
        }
    }

    /// `MODE +k`: the key is needed to rejoin.
    fn key_changed(&mut self, name: &str, change: &ModeChange, message: &Message) {
        // A removed key does no harm in a JOIN. Some servers hide it.
        let Some(key) = change.argument.as_ref().filter(|key| {
            change.set && !key.contains([' ', ',']) && !key.chars().all(|c| c == '*')
        }) else {
            return;
        };
        let case = self.link.case;
        let wanted = |wanted: &&mut Wanted| case.same(&wanted.name, name);
        let Some(wanted) = self.wanted.iter_mut().find(wanted) else {
            return;
        };
        if wanted.key.as_ref() == Some(key) {
            return;
        }
        wanted.key = Some(key.clone());
        let id = self.id_of(message);
        let body = EventBody::Joined {
            channel: format!("{name} {key}"),
        };
        let records = vec![(self.record_id(name, &format!("keyed-{id}")), body)];
        let here = self.activity("join", self.me(), Some(self.room(name)), None);
        // No socket needs the activity: it only carries the records.
        self.publish_recorded(here, Audience::Only(NO_SOCKET), records);
    }

    /// RPL_CHANNELMODEIS: the modes of a channel, possibly with its key.
    pub(super) fn channel_modes_reply(&mut self, message: &Message) {
        let name = message.param(1).to_owned();
        let params = message.params.get(2..).unwrap_or_default();
        for change in parse_modes(&self.link.isupport, params) {
            if change.mode == KEY_MODE {
                self.key_changed(&name, &change, message);
            }
        }
    }

    /// INVITE: for us, or (invite-notify) for someone else to a channel we are in.
    pub(super) fn invited(&mut self, message: &Message, from: &str) {
        let (whom, channel) = (message.param(0).to_owned(), message.param(1).to_owned());
        if whom.is_empty() || channel.is_empty() || self.is_me(from) {
            return;
        }
        let at = self.time_of(message);
        let id = self.id_of(message);
        let room = self.room(&channel);
        let room = ActivityObject::Room(RoomObject {
            id: Some(room.id),
            name: room.name,
            ..RoomObject::default()
        });
        let (actor, target) = (self.sender(&source_of(message)), self.person(&whom));
        let activity = self.activity("invite", actor, Some(target), Some(room));
        self.publish(stamp(activity, &id, at), Audience::Full);
    }

    /// RPL_INVITING: our invitation was sent.
    pub(super) fn invite_confirmed(&mut self, message: &Message) {
        let (nick, channel) = (message.param(1), message.param(2));
        let case = self.link.case;
        let asked = self.take_request(|kind| {
            matches!(kind, Kind::Invite { nick: n, channel: c }
                if case.same(n, nick) && case.same(c, channel)
                    // Some servers send them in the opposite order.
                    || case.same(n, channel) && case.same(c, nick))
        });
        if let Some(pending) = asked {
            self.complete(pending);
        }
    }
}
