//! NAMES (RFC 2812, section 3.2.5; IRCv3 multi-prefix, userhost-in-names).

use irc_codec::{Message, numeric};
use protocol::FoldedName;

use super::caps::Caps;
use super::client::UserId;
use super::reply::Reply;
use super::welcome::{MAX_TARGETS, too_many_targets};
use super::{ClientId, Server, names};

/// Bytes of nicknames per RPL_NAMREPLY: leaves room for the names of server, client and channel.
const WIDTH: usize = 280;

impl Server {
    pub(super) fn on_names(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        if message.param(0).is_empty() {
            return self.reply(
                id,
                Reply::new(
                    numeric::RPL_ENDOFNAMES,
                    ["*", "End of NAMES; name a channel to see who is in it"],
                ),
            );
        }
        let asked: Vec<&str> = message.param(0).split(',').collect();
        if asked.len() > MAX_TARGETS {
            return self.reply(id, too_many_targets(message.param(0), "channels"));
        }
        for name in asked {
            let key = names::fold(name);
            if self
                .channels
                .get(&key)
                .is_some_and(|channel| channel.is_visible(user_id))
            {
                self.send_names(id, user_id, &key);
            } else {
                self.reply(
                    id,
                    Reply::new(numeric::RPL_ENDOFNAMES, [name, "End of NAMES"]),
                );
            }
        }
    }

    pub(super) fn send_names(&mut self, id: ClientId, user_id: UserId, key: &FoldedName) {
        let (Some(channel), Some(client)) = (self.channels.get(key), self.clients.get(&id)) else {
            return;
        };
        let name = channel.record.name.clone();
        let sign = if channel.record.secret { "@" } else { "=" };
        let multi = client.caps.has(Caps::MULTI_PREFIX);
        let hosts = client.caps.has(Caps::USERHOST_IN_NAMES);
        let inside = channel.members.contains_key(&user_id);
        let mut lines: Vec<String> = Vec::new();
        for (member_id, member) in &channel.members {
            let Some(user) = self
                .users
                .get(member_id)
                .filter(|user| inside || !user.modes.invisible)
            else {
                continue;
            };
            let who = if hosts {
                user.source().to_string()
            } else {
                user.nick.clone()
            };
            let entry = format!("{}{who}", member.prefix(multi));
            match lines
                .last_mut()
                .filter(|line| line.len() + entry.len() < WIDTH)
            {
                Some(line) => {
                    line.push(' ');
                    line.push_str(&entry);
                }
                None => lines.push(entry),
            }
        }
        for line in lines {
            self.reply(
                id,
                Reply::new(numeric::RPL_NAMREPLY, [sign, name.as_str(), &line]),
            );
        }
        self.reply(
            id,
            Reply::new(numeric::RPL_ENDOFNAMES, [name.as_str(), "End of NAMES"]),
        );
    }
}
