//! Commands of a client that has been welcomed.

use irc_codec::{Message, numeric};
use protocol::{
    ActivityObject, Entity, PresenceObject, RelationshipObject, RelationshipSubject, RoomObject,
    Show,
};
use serde_json::json;

use super::Session;
use super::network::role_of_mode;
use super::requests::Asked;

/// Channels of one line.
const MAX_CHANNELS: usize = 20;

impl Session {
    pub(super) fn perform(&mut self, message: &Message) {
        let command = message.command.as_str();
        let needed = match command {
            "JOIN" | "PART" | "TOPIC" | "NICK" | "WHOIS" | "MODE" | "WHO" => 1,
            "KICK" | "INVITE" | "REDACT" => 2,
            _ => 0,
        };
        if message
            .params
            .iter()
            .take(needed)
            .filter(|one| !one.is_empty())
            .count()
            < needed
        {
            let text = "Not enough parameters";
            return self.reply(numeric::ERR_NEEDMOREPARAMS, [command, text]);
        }
        match command {
            "USER" | "PASS" => {
                let text = "You are signed in already";
                return self.reply(numeric::ERR_ALREADYREGISTERED, [text]);
            }
            "MOTD" => {
                let text = "There is no message of the day";
                return self.reply(numeric::ERR_NOMOTD, [text]);
            }
            "VERSION" => {
                let name = self.name.clone();
                let version = concat!("subspace-bouncer-", env!("CARGO_PKG_VERSION"));
                return self.reply(numeric::RPL_VERSION, [version, name.as_str(), ""]);
            }
            "TAGMSG" if self.network.is_none() => return,
            _ => {}
        }
        if self.network.is_none() {
            let text = "You are connected to no network; sign in as account/network";
            return self.reply(numeric::ERR_UNKNOWNCOMMAND, [command, text]);
        }
        match command {
            "PRIVMSG" | "NOTICE" => self.send(message),
            "TAGMSG" => self.tagmsg(message),
            "REDACT" => self.redact(message),
            "JOIN" => self.join(message),
            "PART" => self.part(message),
            "TOPIC" => self.topic_command(message),
            "NICK" => self.nick_command(message.param(0)),
            "AWAY" => self.away(message.param(0)),
            "NAMES" => self.names(message.param(0)),
            "WHO" => self.who(message.param(0)),
            "WHOIS" => self.whois_command(message),
            "LIST" => {
                let object = ActivityObject::from(json!({"type": "rooms"}));
                self.request(Asked::List, "query", None, Some(object));
            }
            "MODE" => self.mode(message),
            "KICK" => self.kick(message),
            "INVITE" => self.invite(message),
            "CHATHISTORY" => self.chathistory(message),
            "USERHOST" => self.userhost(message),
            "ISON" => self.ison(message),
            _ => {
                let text = "The bouncer does not know this command, or cannot pass it on";
                self.reply(numeric::ERR_UNKNOWNCOMMAND, [command, text]);
            }
        }
    }

    fn room(&self, channel: &str) -> Option<Entity> {
        let server = &self.network.as_ref()?.server;
        Some(Entity::room(channel, server))
    }

    fn person(&self, nick: &str) -> Option<Entity> {
        let server = &self.network.as_ref()?.server;
        Some(Entity::person(nick, server))
    }

    /// Says so if a name is not one of a channel.
    fn is_channel(&mut self, name: &str) -> bool {
        let network = self.network.as_ref();
        let is_room = network.is_some_and(|network| network.is_room(name));
        if !is_room {
            let text = "No such channel";
            self.reply(numeric::ERR_NOSUCHCHANNEL, [name, text]);
        }
        is_room
    }

    /// Says so if a line names too many channels.
    fn few(&mut self, names: &str) -> bool {
        let few = names.split(',').count() <= MAX_CHANNELS;
        if !few {
            let text = "Too many channels in one line";
            self.reply(numeric::ERR_TOOMANYTARGETS, ["*", text]);
        }
        few
    }

    fn join(&mut self, message: &Message) {
        let names = message.param(0).to_owned();
        if names == "0" {
            let text = "JOIN 0 is not carried out; leave channels one by one";
            return self.reply(numeric::ERR_UNKNOWNCOMMAND, ["JOIN", text]);
        }
        if !self.few(&names) {
            return;
        }
        let keys: Vec<String> = message.param(1).split(',').map(str::to_owned).collect();
        for (index, channel) in names.split(',').enumerate() {
            if !self.is_channel(channel) {
                continue;
            }
            let network = self.network.as_ref();
            if network.is_some_and(|network| network.rooms.contains(channel)) {
                continue;
            }
            let key = keys.get(index).filter(|key| !key.is_empty());
            let object = key
                .map(|key| ActivityObject::from(json!({"type": "credentials", "password": key})));
            let asked = Asked::Join {
                channel: channel.to_owned(),
            };
            let room = self.room(channel);
            self.request(asked, "join", room, object);
        }
    }

    fn part(&mut self, message: &Message) {
        let names = message.param(0).to_owned();
        if !self.few(&names) {
            return;
        }
        let reason = message.param(1);
        for channel in names.split(',') {
            if !self.is_channel(channel) {
                continue;
            }
            let object = (!reason.is_empty()).then(|| ActivityObject::message(reason));
            let asked = Asked::Part {
                channel: channel.to_owned(),
            };
            let room = self.room(channel);
            self.request(asked, "leave", room, object);
        }
    }

    fn topic_command(&mut self, message: &Message) {
        let channel = message.param(0).to_owned();
        if !self.is_channel(&channel) {
            return;
        }
        match message.params.get(1) {
            Some(text) => {
                let object = ActivityObject::topic(text);
                let room = self.room(&channel);
                self.request(Asked::Topic { channel }, "update", room, Some(object));
            }
            None => {
                if !self.tell_topic(&channel) {
                    self.reply(numeric::RPL_NOTOPIC, [channel.as_str(), "No topic is set"]);
                }
            }
        }
    }

    fn nick_command(&mut self, nick: &str) {
        if nick == self.nick {
            return;
        }
        let asked = Asked::Nick {
            nick: nick.to_owned(),
        };
        let target = self.person(nick);
        self.request(asked, "update", target, Some(ActivityObject::address()));
    }

    fn away(&mut self, text: &str) {
        let away = !text.is_empty();
        let object = ActivityObject::Presence(PresenceObject {
            show: Some(if away { Show::Away } else { Show::Online }),
            content: away.then(|| text.to_owned()),
            ..PresenceObject::default()
        });
        self.request(Asked::Away { away }, "update", None, Some(object));
    }

    fn mode(&mut self, message: &Message) {
        let target = message.param(0).to_owned();
        let (change, nick) = (message.param(1).to_owned(), message.param(2).to_owned());
        if self.is_own(&target) {
            // Clients set these themselves, whatever they are connected to.
            if change.chars().all(|c| "+-iw".contains(c)) {
                return self.reply(numeric::RPL_UMODEIS, ["+"]);
            }
            let text = "The bouncer does not pass on user modes";
            return self.reply(numeric::ERR_UMODEUNKNOWNFLAG, [text]);
        }
        if !self.is_channel(&target) {
            return;
        }
        let sign = change.starts_with(['+', '-']);
        let letters = change.trim_start_matches(['+', '-']);
        match (letters, nick.is_empty()) {
            ("", _) => self.reply(numeric::RPL_CHANNELMODEIS, [target.as_str(), "+"]),
            // Clients ask for it when they join, and wait for the end.
            ("b", true) => {
                let text = "The bouncer does not know the list of bans";
                self.reply(numeric::RPL_ENDOFBANLIST, [target.as_str(), text]);
            }
            (letter, false) if sign && letter.len() == 1 => {
                let role = letter.chars().next().and_then(role_of_mode);
                match role {
                    Some(role) => {
                        let set = change.starts_with('+');
                        self.change_role(&target, &nick, role, set);
                    }
                    None => self.unknown_mode(letter),
                }
            }
            (letters, _) => self.unknown_mode(letters),
        }
    }

    fn unknown_mode(&mut self, letters: &str) {
        let letter: String = letters.chars().take(1).collect();
        let text = "The bouncer passes on +o, +h and +v only, one in a line";
        self.reply(numeric::ERR_UNKNOWNMODE, [letter.as_str(), text]);
    }

    fn change_role(&mut self, channel: &str, nick: &str, role: &str, set: bool) {
        let object = ActivityObject::Relationship(RelationshipObject {
            relationship: Some("role".to_owned()),
            subject: Some(RelationshipSubject {
                kind: Some("presence".to_owned()),
                role: Some(role.to_owned()),
                ..RelationshipSubject::default()
            }),
            object: self.room(channel),
            ..RelationshipObject::default()
        });
        let asked = Asked::Mode {
            channel: channel.to_owned(),
        };
        let kind = if set { "add" } else { "remove" };
        let target = self.person(nick);
        self.request(asked, kind, target, Some(object));
    }

    fn kick(&mut self, message: &Message) {
        let (channel, nick) = (message.param(0).to_owned(), message.param(1).to_owned());
        if !self.is_channel(&channel) {
            return;
        }
        let reason = message.param(2);
        let object = self.room_object(&channel, (!reason.is_empty()).then_some(reason));
        let target = self.person(&nick);
        self.request(Asked::Kick { channel }, "remove", target, Some(object));
    }

    fn invite(&mut self, message: &Message) {
        let (nick, channel) = (message.param(0).to_owned(), message.param(1).to_owned());
        if !self.is_channel(&channel) {
            return;
        }
        let object = self.room_object(&channel, None);
        let target = self.person(&nick);
        let asked = Asked::Invite { nick, channel };
        self.request(asked, "invite", target, Some(object));
    }

    fn room_object(&self, channel: &str, content: Option<&str>) -> ActivityObject {
        let room = self.room(channel).unwrap_or_default();
        ActivityObject::Room(RoomObject {
            id: Some(room.id),
            name: room.name,
            content: content.map(str::to_owned),
            ..RoomObject::default()
        })
    }
}
