//! WHOIS and WHOWAS (RFC 2812, sections 3.6.2 and 3.6.3).

use irc_codec::{Message, numeric};

use super::client::{User, UserId};
use super::reply::Reply;
use super::welcome::{MAX_TARGETS, too_many_targets};
use super::{ClientId, Server, names};

/// Users that WHOWAS remembers.
const MAX_GONE: usize = 500;

/// Bytes of channels per RPL_WHOISCHANNELS.
const WIDTH: usize = 350;

/// A user who left, for WHOWAS.
#[derive(Debug)]
pub(super) struct WhowasEntry {
    nick: String,
    name: String,
    host: String,
    real: String,
    at: protocol::Timestamp,
}

impl Server {
    pub(super) fn on_whois(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        // With two parameters the first names a server.
        let nicks = if message.params.len() > 1 {
            message.param(1)
        } else {
            message.param(0)
        };
        if nicks.is_empty() {
            let reply = Reply::new(numeric::ERR_NONICKNAMEGIVEN, ["No nickname given"]);
            return self.reply(id, reply);
        }
        let asked: Vec<&str> = nicks.split(',').filter(|nick| !nick.is_empty()).collect();
        if asked.len() > MAX_TARGETS {
            return self.reply(id, too_many_targets(nicks, "nicknames"));
        }
        for nick in asked {
            match self.nicks.get(&names::fold(nick)) {
                Some(&other) => self.send_whois(id, user_id, other),
                None => self.no_such_nick(id, nick),
            }
        }
        self.reply(
            id,
            Reply::new(numeric::RPL_ENDOFWHOIS, [nicks, "End of WHOIS"]),
        );
    }

    fn send_whois(&mut self, id: ClientId, asker: UserId, other: UserId) {
        let Some(user) = self.users.get(&other) else {
            return;
        };
        let nick = user.nick.as_str();
        let server = self.config.name.as_str();
        let mut replies = vec![Reply::new(
            numeric::RPL_WHOISUSER,
            [nick, &user.name, &user.host, "*", &user.real],
        )];
        let mut lines: Vec<String> = Vec::new();
        let shared = |key| {
            self.channels
                .get(key)
                .filter(|channel| channel.is_visible(asker))
        };
        let hidden = user.modes.invisible && asker != other;
        for channel in user.channels.iter().filter_map(shared) {
            if hidden && !channel.members.contains_key(&asker) {
                continue;
            }
            let sign = channel
                .members
                .get(&other)
                .map_or("", |member| member.prefix(true));
            let entry = format!("{sign}{}", channel.record.name);
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
        replies.extend(
            lines
                .into_iter()
                .map(|line| Reply::new(numeric::RPL_WHOISCHANNELS, [nick, &line])),
        );
        replies.push(Reply::new(
            numeric::RPL_WHOISSERVER,
            [nick, server, &self.config.network],
        ));
        if let Some(away) = &user.away {
            replies.push(Reply::new(numeric::RPL_AWAY, [nick, away]));
        }
        match &user.account {
            Some(account) => {
                replies.push(Reply::new(
                    numeric::RPL_WHOISACCOUNT,
                    [nick, account.as_str(), "is signed in as"],
                ));
            }
            None => {
                let text = "is a guest: their identity is not verified";
                replies.push(Reply::new(numeric::RPL_WHOISSPECIAL, [nick, text]));
            }
        }
        if self.is_administrator(other) {
            replies.push(Reply::new(
                numeric::RPL_WHOISOPERATOR,
                [nick, "is an administrator"],
            ));
        }
        if user.modes.bot {
            let text = "is a bot: a program, not a person";
            replies.push(Reply::new(numeric::RPL_WHOISBOT, [nick, text]));
        }
        let secure = user.sessions.iter().all(|session| {
            self.clients
                .get(session)
                .is_some_and(|client| client.peer.secure)
        });
        if secure {
            replies.push(Reply::new(
                numeric::RPL_WHOISSECURE,
                [nick, "is using a secure connection"],
            ));
        }
        let idle = (self.now.wall.millis() - user.active.millis()).max(0) / 1000;
        let since = user.since.millis().div_euclid(1000);
        let text = "seconds idle, signed on";
        replies.push(Reply::new(
            numeric::RPL_WHOISIDLE,
            [nick, &idle.to_string(), &since.to_string(), text],
        ));
        for reply in replies {
            self.reply(id, reply);
        }
    }

    pub(super) fn remember_for_whowas(&mut self, user: &User) {
        if self.gone.len() >= MAX_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(WhowasEntry {
            nick: user.nick.clone(),
            name: user.name.clone(),
            host: user.host.clone(),
            real: user.real.clone(),
            at: self.now.wall,
        });
    }

    pub(super) fn on_whowas(&mut self, id: ClientId, message: &Message) {
        let nick = message.param(0);
        let most = message
            .param(1)
            .parse()
            .ok()
            .filter(|&count| count > 0)
            .unwrap_or(10_usize)
            .min(20);
        let replies: Vec<Reply> = self
            .gone
            .iter()
            .rev()
            .filter(|gone| names::same(&gone.nick, nick))
            .take(most)
            .flat_map(|gone| {
                [
                    Reply::new(
                        numeric::RPL_WHOWASUSER,
                        [gone.nick.as_str(), &gone.name, &gone.host, "*", &gone.real],
                    ),
                    Reply::new(
                        numeric::RPL_WHOISSERVER,
                        [gone.nick.as_str(), &self.config.name, &gone.at.to_string()],
                    ),
                ]
            })
            .collect();
        if replies.is_empty() {
            self.reply(
                id,
                Reply::new(
                    numeric::ERR_WASNOSUCHNICK,
                    [nick, "Nobody has used that name recently"],
                ),
            );
        }
        for reply in replies {
            self.reply(id, reply);
        }
        self.reply(
            id,
            Reply::new(numeric::RPL_ENDOFWHOWAS, [nick, "End of WHOWAS"]),
        );
    }
}
