//! Roles within channels: MODE.

use connector::Audience;
use irc_codec::{Message, ModeKind, parse_modes};
use serde_json::json;

use super::Session;
use super::activities::stamp;
use super::requests::Kind;

impl Session {
    pub(super) fn modes_changed(&mut self, message: &Message, from: &str) {
        let Some(channel) = self.channel(message.param(0)) else {
            return;
        };
        let name = channel.name.clone();
        let at = self.time_of(message);
        let params = message.params.get(1..).unwrap_or_default();
        for change in parse_modes(&self.link.isupport, params) {
            let Some(nick) = change.argument else {
                continue;
            };
            if self.link.isupport.mode_kind(change.mode) != ModeKind::Rank {
                continue;
            }
            let key = self.fold(&nick);
            let Some(member) = self
                .channel_mut(&name)
                .and_then(|channel| channel.members.get_mut(&key))
            else {
                continue;
            };
            member.ranks.retain(|mode| mode != change.mode);
            if change.set {
                member.ranks.push(change.mode);
            }
            let nick = member.nick.clone();
            let id = self.new_id();
            let room = self.room(&name);
            let object = json!({
                "type": "relationship",
                "relationship": "role",
                "subject": {
                    "type": "presence",
                    "role": self.role_of(&change.mode.to_string()),
                },
                "object": room,
            });
            let kind = if change.set { "add" } else { "remove" };
            let (actor, target) = (self.sender(from), self.person(&nick));
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
            self.tell(activity.clone(), audience);
            if let Some(pending) = asked {
                self.done(pending.request, Ok(activity));
            }
        }
    }

    /// INVITE: of us, or (invite-notify) of somebody else to a channel that we are in.
    pub(super) fn invited(&mut self, message: &Message, from: &str) {
        let (whom, channel) = (message.param(0).to_owned(), message.param(1).to_owned());
        if whom.is_empty() || channel.is_empty() || self.is_me(from) {
            return;
        }
        let at = self.time_of(message);
        let id = self.id_of(message);
        let room = json!(self.room(&channel));
        let (actor, target) = (self.sender(from), self.person(&whom));
        let activity = self.activity("invite", actor, Some(target), Some(room));
        self.tell(stamp(activity, &id, at), Audience::Full);
    }

    /// 341: our invitation is on its way.
    pub(super) fn invite_confirmed(&mut self, message: &Message) {
        let (nick, channel) = (message.param(1), message.param(2));
        let case = self.link.case;
        let asked = self.take_request(|kind| {
            matches!(kind, Kind::Invite { nick: n, channel: c }
                if case.same(n, nick) && case.same(c, channel)
                    // Some servers give them the other way round.
                    || case.same(n, channel) && case.same(c, nick))
        });
        if let Some(pending) = asked {
            self.complete(pending);
        }
    }
}
