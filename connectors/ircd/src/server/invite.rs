//! INVITE (RFC 2812, section 3.2.7; IRCv3 invite-notify).

use irc_codec::{Message, numeric};

use super::caps::Caps;
use super::client::{MAX_INVITES, UserId};
use super::outbox::When;
use super::reply::Reply;
use super::{ClientId, Server, names};

impl Server {
    pub(super) fn on_invite(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        if message.params.is_empty() {
            let invites: Vec<String> = self.users.get(&user_id).map_or_else(Vec::new, |user| {
                let invites = user.invites.iter();
                invites.map(|key| self.spelled(key)).collect()
            });
            for channel in invites {
                self.reply(id, Reply::new(numeric::RPL_INVITELIST, [channel]));
            }
            return self.reply(
                id,
                Reply::new(numeric::RPL_ENDOFINVITELIST, ["End of your invitations"]),
            );
        }
        if message.params.len() < 2 {
            return self.needs_more(id, "INVITE");
        }
        let (nick, name) = (message.param(0), message.param(1));
        let Some(&guest) = self.nicks.get(&names::fold(nick)) else {
            return self.no_such_nick(id, nick);
        };
        let key = names::fold(name);
        let Some(channel) = self
            .channels
            .get(&key)
            .filter(|channel| channel.is_visible(user_id))
        else {
            return self.no_such_channel(id, name);
        };
        let Some(member) = channel.members.get(&user_id) else {
            return self.reply(
                id,
                Reply::new(
                    numeric::ERR_NOTONCHANNEL,
                    [name, "You are not in that channel"],
                ),
            );
        };
        if channel.record.invite_only && !member.may_act() {
            return self.reply(
                id,
                Reply::new(
                    numeric::ERR_CHANOPRIVSNEEDED,
                    [name, "Only operators may invite to a channel that is +i"],
                ),
            );
        }
        if channel.members.contains_key(&guest) {
            return self.reply(
                id,
                Reply::new(
                    numeric::ERR_USERONCHANNEL,
                    [nick, name, "is already in that channel"],
                ),
            );
        }
        let spelled = channel.record.name.clone();
        let operators: Vec<UserId> = channel
            .members
            .iter()
            .filter(|(other, member)| {
                **other != user_id && (member.may_act() || !channel.record.invite_only)
            })
            .map(|(&other, _)| other)
            .collect();
        let Some(user) = self.users.get_mut(&guest) else {
            return;
        };
        if user.invites.len() >= MAX_INVITES {
            user.invites.pop_first();
        }
        user.invites.insert(key);
        let nick = user.nick.clone();
        let away = user.away.clone();
        self.reply(
            id,
            Reply::new(numeric::RPL_INVITING, [nick.as_str(), spelled.as_str()]),
        );
        if let Some(away) = away {
            self.reply(id, Reply::new(numeric::RPL_AWAY, [nick.as_str(), &away]));
        }
        let event = self.event(user_id, "INVITE", [nick, spelled]);
        self.relay(self.sessions(guest), &event, When::Always);
        let sessions: Vec<ClientId> = operators
            .iter()
            .flat_map(|&user| self.sessions(user))
            .collect();
        let told = self.with_cap(sessions, Caps::INVITE_NOTIFY);
        self.relay(told, &event, When::Always);
    }
}
