//! Activities of the network, as lines.

use irc_codec::{Message, numeric};
use protocol::{Activity, ActivityObject, ConnectionStatus, Entity, PresenceObject, Show};

use super::network::{Member, Room, mode_of, prefix_of};
use super::{NAMES_WAIT, Session};

/// The name of an entity of a kind.
pub(super) fn name_of<'a>(entity: Option<&'a Entity>, kind: &str) -> Option<&'a str> {
    entity
        .filter(|entity| entity.kind == kind)?
        .name
        .as_deref()
        .filter(|name| !name.is_empty())
}

impl Session {
    pub(super) fn activity(&mut self, activity: &Activity, missed: bool) {
        // Who is not told the time would take it for now.
        let is_late = missed && !self.caps.has("server-time");
        if activity.kind != "send" && (is_late || self.relation(activity, None)) {
            return;
        }
        let actor = name_of(activity.actor.as_ref(), "person").map(str::to_owned);
        let room = name_of(activity.target.as_ref(), "room").map(str::to_owned);
        match (activity.kind.as_str(), &activity.object) {
            ("send", _) => self.message(activity, missed),
            ("join", _) => self.joined(activity, actor.as_deref(), room.as_deref()),
            ("leave", _) => self.left(activity, actor.as_deref(), room.as_deref()),
            ("update", Some(ActivityObject::Connection(state))) => {
                if let Some(network) = &mut self.network
                    && let Some(folding) = state.casemapping
                    && network.folding != folding
                {
                    network.refold(folding);
                    let token = format!("CASEMAPPING={}", folding.token());
                    self.support(&[token]);
                }
                self.supports_now(state.supports.as_deref());
                if let Some(nick) = state.nick.as_deref().filter(|nick| !nick.is_empty()) {
                    self.renamed_to(nick);
                }
                self.state(state.status, state.content.as_deref().unwrap_or_default());
            }
            ("update", Some(ActivityObject::Topic(topic))) => {
                if let Some(room) = room {
                    let text = topic.content.as_deref().unwrap_or_default();
                    self.topic(activity, &room, text);
                }
            }
            ("update", Some(ActivityObject::Presence(presence))) => {
                if let Some(nick) = actor {
                    self.presence(&nick, room.as_deref(), presence);
                }
            }
            ("update", Some(ActivityObject::Address(_))) => {
                let new = name_of(activity.target.as_ref(), "person").map(str::to_owned);
                if let (Some(old), Some(new)) = (actor, new) {
                    self.nick_changed(activity, &old, &new);
                }
            }
            ("query", Some(ActivityObject::Attendance(list))) => {
                let room = name_of(activity.actor.as_ref(), "room");
                if let (Some(room), Some(members)) = (room, &list.members) {
                    self.attendance(room, members);
                }
            }
            ("add" | "remove", Some(ActivityObject::Relationship(relation))) => {
                let room = name_of(relation.object.as_ref(), "room");
                let role = relation
                    .subject
                    .as_ref()
                    .and_then(|one| one.role.as_deref());
                let nick = name_of(activity.target.as_ref(), "person");
                if let (Some(room), Some(role), Some(nick)) = (room, role, nick) {
                    self.role(activity, room, nick, role, activity.kind == "add");
                }
            }
            ("invite", Some(ActivityObject::Room(object))) => {
                let whom = name_of(activity.target.as_ref(), "person").unwrap_or_default();
                let room = object.name.as_deref().unwrap_or_default();
                let from = actor.unwrap_or_default();
                if self.is_own(whom) || self.caps.has("invite-notify") {
                    self.event(activity, &from, "INVITE", &[whom, room]);
                }
            }
            ("error", _) => {
                let text = activity.error.as_deref().unwrap_or_default();
                let about = activity.target.as_ref().and_then(|to| to.name.as_deref());
                match about {
                    Some(about) => self.notice(&format!("{about}: {text}")),
                    None => self.notice(text),
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_own(&self, nick: &str) -> bool {
        match &self.network {
            Some(network) => network.folding.same(nick, &self.nick),
            None => nick == self.nick,
        }
    }

    /// Sends something that a person did.
    pub(super) fn event(
        &mut self,
        activity: &Activity,
        from: &str,
        command: &str,
        params: &[&str],
    ) {
        let mut message = Message::new(command, params.iter().copied());
        message.source = Some(self.source(from));
        self.stamp(&mut message, activity.published.as_deref());
        self.push(&message);
    }

    /// The connection's state. It is told once, not with each sentence of an attempt to reconnect.
    fn state(&mut self, status: ConnectionStatus, text: &str) {
        let Some(network) = &mut self.network else {
            return;
        };
        let online = status == ConnectionStatus::Online;
        let before = std::mem::replace(&mut network.online, online);
        if online != before {
            let name = network.name.clone();
            let notice = if online {
                format!("Connected to {name}")
            } else {
                format!("Not connected to {name}: {text}")
            };
            self.notice(&notice);
        }
    }

    fn joined(&mut self, activity: &Activity, nick: Option<&str>, room: Option<&str>) {
        let (Some(nick), Some(room)) = (nick, room) else {
            return;
        };
        let own = self.is_own(nick);
        let Some(network) = &mut self.network else {
            return;
        };
        if own {
            network.rooms.remove(room);
            let mut new = Room::new(network.folding);
            new.members.insert(nick, Member::default());
            network.rooms.insert(room, new);
        } else if let Some(known) = network.rooms.get_mut(room) {
            if !known.members.insert(nick, Member::default()) {
                return;
            }
        } else {
            return;
        }
        self.event(activity, nick, "JOIN", &[room]);
    }

    fn left(&mut self, activity: &Activity, nick: Option<&str>, room: Option<&str>) {
        let Some(nick) = nick else {
            return;
        };
        let own = self.is_own(nick);
        let Some(network) = &mut self.network else {
            return;
        };
        let (mut by, mut quit) = (None, room.is_none());
        if let Some(ActivityObject::Message(text)) = &activity.object {
            by.clone_from(&text.by);
            quit |= text.quit == Some(true);
        }
        let reason = activity.content().unwrap_or_default();
        if quit {
            // One line for all rooms; the activities for the others find nobody.
            let mut was_there = false;
            for known in network.rooms.values_mut() {
                was_there |= known.members.remove(nick).is_some();
            }
            if was_there && !own {
                self.event(activity, nick, "QUIT", &[reason]);
            }
            return;
        }
        let Some(room) = room else {
            return;
        };
        let known = if own {
            network.rooms.remove(room).is_some()
        } else {
            let known = network.rooms.get_mut(room);
            known.is_some_and(|known| known.members.remove(nick).is_some())
        };
        match (known, by) {
            (false, _) => {}
            (true, Some(by)) => self.event(activity, &by, "KICK", &[room, nick, reason]),
            (true, None) if reason.is_empty() => self.event(activity, nick, "PART", &[room]),
            (true, None) => self.event(activity, nick, "PART", &[room, reason]),
        }
    }

    fn topic(&mut self, activity: &Activity, room: &str, text: &str) {
        let by = activity.actor.as_ref().and_then(|actor| actor.name.clone());
        let by = by.unwrap_or_default();
        let at = activity.published.as_deref();
        let at = at.and_then(|text| text.parse::<protocol::Timestamp>().ok());
        let seconds = at.unwrap_or(self.now.wall).millis() / 1000;
        let Some(network) = &mut self.network else {
            return;
        };
        let Some(known) = network.rooms.get_mut(room) else {
            return;
        };
        known.topic = (!text.is_empty()).then(|| (text.to_owned(), by.clone(), seconds));
        if known.named {
            self.event(activity, &by, "TOPIC", &[room, text]);
        } else {
            self.tell_topic(room);
        }
    }

    /// RPL_TOPIC and RPL_TOPICWHOTIME, if there is a topic.
    pub(super) fn tell_topic(&mut self, room: &str) -> bool {
        let network = self.network.as_ref();
        let known = network.and_then(|network| network.rooms.get(room));
        let Some((text, by, at)) = known.and_then(|known| known.topic.clone()) else {
            return false;
        };
        self.reply(numeric::RPL_TOPIC, [room, text.as_str()]);
        if !by.is_empty() {
            let at = at.to_string();
            self.reply(numeric::RPL_TOPICWHOTIME, [room, by.as_str(), at.as_str()]);
        }
        true
    }

    fn attendance(&mut self, room: &str, members: &[String]) {
        let Some(network) = &mut self.network else {
            return;
        };
        let Some(known) = network.rooms.get_mut(room) else {
            return;
        };
        let before = std::mem::replace(
            &mut known.members,
            protocol::FoldedMap::new(network.folding),
        );
        for nick in members {
            let member = before.get(nick).cloned().unwrap_or_default();
            known.members.insert(nick, member);
        }
        if !known.named {
            // The roles follow.
            network.naming = Some(room.to_owned());
            self.names_due = Some(self.now.elapsed + NAMES_WAIT);
        }
    }

    /// Shows the list that waits for its roles, unless the next activity is one of them.
    pub(super) fn flush_names(&mut self, next: Option<&Activity>) {
        let Some(network) = &mut self.network else {
            return;
        };
        let Some(room) = network.naming.take() else {
            return;
        };
        let belongs = next.is_some_and(|next| {
            next.object_type() == Some("presence")
                && name_of(next.target.as_ref(), "room")
                    .is_some_and(|name| network.folding.same(name, &room))
        });
        if belongs {
            network.naming = Some(room);
            return;
        }
        self.names_due = None;
        if let Some(known) = network.rooms.get_mut(&room) {
            known.named = true;
            self.tell_names(&room);
        }
    }

    fn presence(&mut self, nick: &str, room: Option<&str>, presence: &PresenceObject) {
        let prefix = presence.role.as_deref().map(prefix_of);
        let away = presence.show.map(|show| match show {
            Show::Away => Some(presence.content.clone().unwrap_or_default()),
            Show::Online => None,
        });
        let Some(network) = &mut self.network else {
            return;
        };
        let (mut turned, mut modes) = (false, Vec::new());
        for (name, known) in network.rooms.iter_mut() {
            let meant = room.is_none_or(|room| network.folding.same(room, name));
            let named = known.named;
            let Some(member) = known.members.get_mut(nick).filter(|_| meant) else {
                continue;
            };
            if let Some(prefix) = prefix
                && room.is_some()
                && prefix != member.prefix
            {
                let old = std::mem::replace(&mut member.prefix, prefix);
                if named {
                    let unset = old.map(|prefix| ('-', mode_of(prefix)));
                    let set = prefix.map(|prefix| ('+', mode_of(prefix)));
                    modes.extend(
                        unset
                            .into_iter()
                            .chain(set)
                            .map(|(sign, mode)| (name.to_owned(), format!("{sign}{mode}"))),
                    );
                }
            }
            if let Some(away) = &away
                && *away != member.away
            {
                turned |= named;
                member.away.clone_from(away);
            }
        }
        for (room, mode) in modes {
            self.speak("MODE", [room.as_str(), mode.as_str(), nick]);
        }
        if turned && self.caps.has("away-notify") {
            let mut message = Message::new("AWAY", away.flatten());
            message.source = Some(self.source(nick));
            self.push(&message);
        }
    }

    fn role(&mut self, activity: &Activity, room: &str, nick: &str, role: &str, set: bool) {
        let Some(prefix) = prefix_of(role) else {
            return;
        };
        let Some(network) = &mut self.network else {
            return;
        };
        let known = network.rooms.get_mut(room);
        let Some(member) = known.and_then(|known| known.members.get_mut(nick)) else {
            return;
        };
        if set {
            member.prefix = Some(prefix);
        } else if member.prefix == Some(prefix) {
            member.prefix = None;
        }
        let by = activity.actor.as_ref().and_then(|actor| actor.name.clone());
        let mode = format!("{}{}", if set { '+' } else { '-' }, mode_of(prefix));
        self.event(
            activity,
            &by.unwrap_or_default(),
            "MODE",
            &[room, &mode, nick],
        );
    }

    fn nick_changed(&mut self, activity: &Activity, old: &str, new: &str) {
        let own = self.is_own(old);
        let Some(network) = &mut self.network else {
            return;
        };
        let mut known = own;
        for room in network.rooms.values_mut() {
            if let Some(member) = room.members.remove(old) {
                room.members.insert(new, member);
                known = true;
            }
        }
        if known {
            self.event(activity, old, "NICK", &[new]);
        }
        if own {
            new.clone_into(&mut self.nick);
        }
    }

    /// The account has this nickname now, for whatever reason.
    fn renamed_to(&mut self, nick: &str) {
        if self.nick != nick {
            let mut message = Message::new("NICK", [nick]);
            message.source = Some(self.source(&self.nick));
            self.push(&message);
            nick.clone_into(&mut self.nick);
        }
    }
}
