//! Client requests, converted to lines.

use gateway::{Attached, RequestId};
use irc_codec::Message;
use protocol::{Activity, ActivityObject, Entity, EventBody, PersonId, RoomId, RoomSpelling};
use serde_json::Value;

use super::Session;
use super::requests::Kind;
use crate::descriptor::{DESCRIPTOR, PLATFORM};

/// Maximum length of a channel name or nickname that is passed on, in bytes.
const MAX_NAME: usize = 200;

impl Session {
    pub(super) fn perform(&mut self, request: RequestId, socket: Attached, activity: Activity) {
        if let Err(sentence) = self.try_perform(request, socket, activity) {
            self.done(request, Err(sentence));
        }
    }

    fn try_perform(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) -> Result<(), String> {
        let object = activity.object_type().unwrap_or_default().to_owned();
        let kind = activity.kind.clone();
        if kind == "leave" && !self.is_online() {
            return self.leave_offline(request, activity);
        }
        if !self.is_online() {
            return Err(format!(
                "There is no connection to {} at the moment: {}",
                self.server(),
                self.status
            ));
        }
        match (kind.as_str(), object.as_str()) {
            ("send", _) => {
                let target = self.name_of(activity.target.as_ref())?;
                self.perform_send(request, socket, &activity, &target);
            }
            ("join", _) => self.perform_join(request, socket, activity)?,
            ("leave", _) => self.perform_leave(request, socket, activity)?,
            ("update", "topic") => {
                let channel = self.channel_of(activity.target.as_ref())?;
                let topic = text_of(&activity, &["topic", "content"]);
                self.must_fit("topic", "TOPICLEN", &topic)?;
                let message = Message::new("TOPIC", [channel.clone(), topic]);
                self.ask(request, socket, activity, Kind::Topic { channel }, message);
            }
            ("update", "address") => {
                let nick = self.nick_of(activity.target.as_ref())?;
                self.must_fit("nickname", "NICKLEN", &nick)?;
                if nick == self.link.nick {
                    self.assignment.connection.nick.clone_from(&nick);
                    self.done(request, Ok(activity));
                } else {
                    let message = Message::new("NICK", [nick.clone()]);
                    self.ask(request, socket, activity, Kind::Nick { nick }, message);
                }
            }
            ("update", "account") => self.perform_account(request, activity)?,
            ("update", "presence") => self.perform_away(request, socket, activity),
            ("query", "attendance") => self.perform_attendance(request, socket, activity)?,
            ("query", "whois") => {
                let nick = self.nick_of(activity.target.as_ref())?;
                // With the nickname given twice, the person's own server responds, which knows their idle time.
                let message = Message::new("WHOIS", [nick.clone(), nick.clone()]);
                let answer = Box::default();
                self.ask(
                    request,
                    socket,
                    activity,
                    Kind::Whois { nick, answer },
                    message,
                );
            }
            ("query", "rooms") => {
                let message = Message::new::<String>("LIST", []);
                let kind = Kind::List { items: Vec::new() };
                self.ask(request, socket, activity, kind, message);
            }
            ("invite", _) => {
                let nick = self.nick_of(activity.target.as_ref())?;
                let object = activity.object.as_ref().map(ActivityObject::to_value);
                let channel = self.channel_in(object.as_ref())?;
                let message = Message::new("INVITE", [nick.clone(), channel.clone()]);
                self.ask(
                    request,
                    socket,
                    activity,
                    Kind::Invite { nick, channel },
                    message,
                );
            }
            ("remove", "room") => {
                let nick = self.nick_of(activity.target.as_ref())?;
                let object = activity.object.as_ref().map(ActivityObject::to_value);
                let channel = self.channel_in(object.as_ref())?;
                let reason = text_of(&activity, &["content"]);
                let reason = self.link.isupport.within("KICKLEN", &reason).to_owned();
                let mut message = Message::new("KICK", [channel.clone(), nick.clone()]);
                if !reason.is_empty() {
                    message.params.push(reason);
                }
                self.ask(
                    request,
                    socket,
                    activity,
                    Kind::Kick { channel, nick },
                    message,
                );
            }
            ("add" | "remove", "reaction") => self.perform_reaction(request, socket, activity)?,
            ("delete", "message") => self.perform_deletion(request, socket, activity)?,
            ("update", "chat-state") => self.perform_typing(request, activity)?,
            ("add" | "remove", _) => self.perform_role(request, socket, activity)?,
            _ => {
                return Err(format!(
                    "platform {PLATFORM} does not support {kind} {object}."
                ));
            }
        }
        Ok(())
    }

    fn perform_role(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
    ) -> Result<(), String> {
        let nick = self.nick_of(activity.target.as_ref())?;
        let object = activity.object.as_ref().map(ActivityObject::to_value);
        let channel = self.channel_in(object.as_ref().and_then(|o| o.get("object")))?;
        let role = object
            .as_ref()
            .and_then(|o| o.get("subject")?.get("role")?.as_str())
            .unwrap_or_default();
        let mode = self.role_mode(role).ok_or_else(|| {
            format!(
                "{} has no role \"{role}\"; owner and participant are usual.",
                self.server()
            )
        })?;
        let set = activity.kind == "add";
        let change = format!("{}{mode}", if set { '+' } else { '-' });
        let message = Message::new("MODE", [channel.clone(), change, nick.clone()]);
        let kind = Kind::Role {
            channel,
            nick,
            mode,
            set,
        };
        self.ask(request, socket, activity, kind, message);
        Ok(())
    }

    /// Leaving while offline: we will not rejoin the channel.
    fn leave_offline(&mut self, request: RequestId, activity: Activity) -> Result<(), String> {
        let channel = self.channel_of(activity.target.as_ref())?;
        if self.forget_wanted(&channel) {
            let id = self.new_id();
            let record = (
                self.record_id(&channel, &id),
                EventBody::Left {
                    channel: channel.clone(),
                },
            );
            let told = self.activity("leave", self.me(), Some(self.room(&channel)), None);
            self.publish_recorded(told, gateway::Audience::Full, vec![record]);
        }
        self.done(request, Ok(activity));
        Ok(())
    }

    /// Checks a text against a limit of the server: it would cut it, or refuse it in words of its own.
    pub(super) fn must_fit(&self, what: &str, key: &str, text: &str) -> Result<(), String> {
        match self.link.isupport.length(key) {
            Some(limit) if text.len() > limit => Err(format!(
                "The {what} has {} bytes, and {} takes {limit}: shorten it.",
                text.len(),
                self.server()
            )),
            _ => Ok(()),
        }
    }

    /// The channel or nickname that an activity is about.
    pub(super) fn name_of(&self, target: Option<&Entity>) -> Result<String, String> {
        let target = target.ok_or("The target is missing.")?;
        let is_room = match room_id(&target.id) {
            Some((_, RoomSpelling::PlainAt)) => target.kind == "room",
            Some(_) => true,
            None => target.kind == "room",
        };
        if is_room {
            let name = channel_name(target);
            // `@#channel` addresses the members of a channel with that rank.
            let within = self.link.isupport.channel_within(&name);
            let channel = within.unwrap_or(&name).to_owned();
            self.checked_channel(channel).map(|_| name)
        } else {
            self.addressee(target)
        }
    }

    /// A nickname, or `NickServ@services.example`: the one at that server and nobody else.
    fn addressee(&self, target: &Entity) -> Result<String, String> {
        let id = target.id.parse::<PersonId>().ok();
        let name = id.map(|person| person.nick).or_else(|| target.name.clone());
        match name.as_deref().and_then(|name| name.split_once('@')) {
            Some((nick, server)) if is_server_name(server) => {
                let bare = Entity::person(nick, self.server());
                Ok(format!("{}@{server}", self.nick_of(Some(&bare))?))
            }
            _ => self.nick_of(Some(target)),
        }
    }

    pub(super) fn channel_of(&self, target: Option<&Entity>) -> Result<String, String> {
        let target = target.ok_or("The target is missing; expected a room.")?;
        self.checked_channel(channel_name(target))
    }

    fn channel_in(&self, object: Option<&Value>) -> Result<String, String> {
        let text = |key: &str| object.and_then(|o| o.get(key)?.as_str());
        let by_id = text("id").and_then(room_id).map(|(room, _)| room.channel);
        let name = by_id
            .or_else(|| text("name").map(str::to_owned))
            .ok_or("The object does not name a room.")?;
        self.checked_channel(name)
    }

    fn checked_channel(&self, name: String) -> Result<String, String> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == ',';
        let known = self.link.isupport.is_channel(&name);
        if !known || name.len() > MAX_NAME || name.contains(bad) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            return Err(format!(
                "\"{shown}\" cannot be a channel on {}; expected a name like #team.",
                self.server()
            ));
        }
        Ok(name)
    }

    fn nick_of(&self, target: Option<&Entity>) -> Result<String, String> {
        let target = target.ok_or("The target is missing; expected a person.")?;
        let nick = match target.id.parse::<PersonId>() {
            Ok(person) => person.nick,
            Err(()) => target.name.clone().unwrap_or_else(|| target.id.clone()),
        };
        let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '!' | '@');
        let first = [':', '#', '&', '$', '+'];
        if nick.is_empty() || nick.len() > MAX_NAME || nick.contains(bad) || nick.starts_with(first)
        {
            let shown: String = nick.chars().filter(|c| !c.is_control()).take(60).collect();
            return Err(format!("\"{shown}\" cannot be a nickname."));
        }
        Ok(nick)
    }
}

fn room_id(text: &str) -> Option<(RoomId, RoomSpelling)> {
    RoomId::parse(text, &DESCRIPTOR.conversations)
}

fn is_server_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
    !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(fits)
}

/// The name of the room an entity represents.
fn channel_name(target: &Entity) -> String {
    room_id(&target.id)
        .map(|(room, _)| room.channel)
        .or_else(|| target.name.clone())
        .unwrap_or_else(|| target.id.clone())
}

/// The first of the object's texts that is present, on one line.
fn text_of(activity: &Activity, keys: &[&str]) -> String {
    let text = |key: &&str| match activity.object.as_ref()?.get(key)? {
        Value::String(text) => Some(text),
        _ => None,
    };
    keys.iter()
        .find_map(text)
        .unwrap_or_default()
        .replace(['\r', '\n'], " ")
}
