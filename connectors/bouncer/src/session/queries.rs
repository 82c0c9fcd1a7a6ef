//! What the client asks about people and channels: NAMES, WHO, WHOIS, LIST, USERHOST, ISON.

use irc_codec::{MAX_BODY, Message, numeric};
use protocol::{Activity, ActivityObject};

use super::Session;
use super::network::Member;
use super::requests::Asked;

/// Names of one USERHOST or ISON.
const MAX_NAMES: usize = 20;

impl Session {
    pub(super) fn names(&mut self, channel: &str) {
        let network = self.network.as_ref();
        let known = network.and_then(|network| network.rooms.get(channel));
        if known.is_some_and(|room| room.named) {
            return self.tell_names(channel);
        }
        let Some(entity) = self.conversation(channel).filter(|to| to.kind == "room") else {
            let about = if channel.is_empty() { "*" } else { channel };
            return self.reply(numeric::RPL_ENDOFNAMES, [about, "End of NAMES"]);
        };
        let asked = Asked::Names {
            channel: channel.to_owned(),
        };
        let object = serde_json::json!({"type": "attendance"});
        self.request(asked, "query", Some(entity), Some(object.into()));
    }

    /// RPL_NAMREPLY and RPL_ENDOFNAMES from what is known.
    pub(super) fn tell_names(&mut self, channel: &str) {
        let network = self.network.as_ref();
        let known = network.and_then(|network| network.rooms.get(channel));
        let name = |(nick, member): (&str, &Member)| match member.prefix {
            Some(prefix) => format!("{prefix}{nick}"),
            None => nick.to_owned(),
        };
        let names: Vec<String> = known
            .map(|room| room.members.iter().map(name).collect())
            .unwrap_or_default();
        self.list_names(channel, &names);
    }

    pub(super) fn list_names(&mut self, channel: &str, names: &[String]) {
        let around = format!(":{} 353 {} = {channel} :\r\n", self.name, self.nick).len();
        let most = MAX_BODY.saturating_sub(around);
        let mut line = String::new();
        for name in names {
            if !line.is_empty() && line.len() + 1 + name.len() > most {
                self.reply(numeric::RPL_NAMREPLY, ["=", channel, line.as_str()]);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(name);
        }
        if !line.is_empty() {
            self.reply(numeric::RPL_NAMREPLY, ["=", channel, line.as_str()]);
        }
        self.reply(numeric::RPL_ENDOFNAMES, [channel, "End of NAMES"]);
    }

    /// From what is known: members of a channel that the account is in, or one person in any of them.
    pub(super) fn who(&mut self, mask: &str) {
        let mut found: Vec<(String, String, Member)> = Vec::new();
        if let Some(network) = &self.network {
            let rooms = network.rooms.iter();
            if let Some(room) = network.rooms.get(mask) {
                let members = room.members.iter();
                found.extend(
                    members
                        .map(|(nick, member)| (mask.to_owned(), nick.to_owned(), member.clone())),
                );
            } else {
                found.extend(
                    rooms
                        .filter_map(|(name, room)| {
                            let member = room.members.get(mask)?.clone();
                            Some((name.to_owned(), room.members.name(mask)?.to_owned(), member))
                        })
                        .take(1),
                );
            }
        }
        let server = self.server();
        for (room, nick, member) in found {
            let here = if member.away.is_some() { "G" } else { "H" };
            let flags: String = here.chars().chain(member.prefix).collect();
            let real = format!("0 {nick}");
            self.reply(
                numeric::RPL_WHOREPLY,
                [
                    room.as_str(),
                    nick.as_str(),
                    server.as_str(),
                    server.as_str(),
                    nick.as_str(),
                    flags.as_str(),
                    real.as_str(),
                ],
            );
        }
        self.reply(numeric::RPL_ENDOFWHO, [mask, "End of WHO"]);
    }

    fn server(&self) -> String {
        let network = self.network.as_ref();
        network.map_or_else(|| self.name.clone(), |network| network.server.clone())
    }

    pub(super) fn whois_command(&mut self, message: &Message) {
        // With two parameters, the first one is a server.
        let nick = message.params.last().cloned().unwrap_or_default();
        let target = self.conversation(&nick).filter(|to| to.kind == "person");
        let Some(target) = target else {
            self.reply(numeric::ERR_NOSUCHNICK, [nick.as_str(), "No such nickname"]);
            return self.reply(numeric::RPL_ENDOFWHOIS, [nick.as_str(), "End of WHOIS"]);
        };
        let object = ActivityObject::Whois(Box::default());
        self.request(Asked::Whois { nick }, "query", Some(target), Some(object));
    }

    pub(super) fn whois(&mut self, asked: &str, activity: &Activity) {
        if let Some(ActivityObject::Whois(found)) = &activity.object {
            let or = |text: &Option<String>, other: &str| {
                text.clone().unwrap_or_else(|| other.to_owned())
            };
            let nick = or(&found.nick, asked);
            let (user, host) = (or(&found.username, "*"), or(&found.host, "*"));
            let real = or(&found.realname, "");
            self.reply(
                numeric::RPL_WHOISUSER,
                [
                    nick.as_str(),
                    user.as_str(),
                    host.as_str(),
                    "*",
                    real.as_str(),
                ],
            );
            if let Some(channels) = found.channels.as_ref().filter(|list| !list.is_empty()) {
                // What is known of the person's rank is what NAMES says.
                let rooms = self.network.as_ref().map(|network| &network.rooms);
                let ranked = channels.iter().map(|name| {
                    let member = rooms.and_then(|rooms| rooms.get(name)?.members.get(&nick));
                    let prefix = member.and_then(|member| member.prefix);
                    prefix.into_iter().chain(name.chars()).collect::<String>()
                });
                let channels = ranked.collect::<Vec<_>>().join(" ");
                self.reply(
                    numeric::RPL_WHOISCHANNELS,
                    [nick.as_str(), channels.as_str()],
                );
            }
            if let Some(server) = &found.server {
                let network = self.network.as_ref();
                let about = network.map_or_else(String::new, |network| network.name.clone());
                self.reply(
                    numeric::RPL_WHOISSERVER,
                    [nick.as_str(), server.as_str(), about.as_str()],
                );
            }
            if let Some(away) = &found.away {
                self.reply(numeric::RPL_AWAY, [nick.as_str(), away.as_str()]);
            }
            if found.operator == Some(true) {
                let text = "is an operator";
                self.reply(numeric::RPL_WHOISOPERATOR, [nick.as_str(), text]);
            }
            if let Some(account) = &found.account {
                let text = "is logged in as";
                self.reply(
                    numeric::RPL_WHOISACCOUNT,
                    [nick.as_str(), account.as_str(), text],
                );
            }
            if found.secure == Some(true) {
                let text = "is using a secure connection";
                self.reply(numeric::RPL_WHOISSECURE, [nick.as_str(), text]);
            }
            if let Some(idle) = found.idle {
                // RPL_WHOISIDLE has the time of the sign-on too, which is not known: without it, clients show 1970.
                let text = format!("has been idle for {idle} seconds");
                self.reply(numeric::RPL_WHOISSPECIAL, [nick.as_str(), text.as_str()]);
            }
        }
        self.reply(numeric::RPL_ENDOFWHOIS, [asked, "End of WHOIS"]);
    }

    pub(super) fn list(&mut self, activity: &Activity) {
        self.reply(numeric::RPL_LISTSTART, ["Channel", "Users  Name"]);
        if let Some(ActivityObject::Rooms(rooms)) = &activity.object {
            for room in rooms.items.iter().flatten() {
                let members = room.members.to_string();
                self.reply(
                    numeric::RPL_LIST,
                    [room.name.as_str(), members.as_str(), room.topic.as_str()],
                );
            }
        }
        self.reply(numeric::RPL_LISTEND, ["End of LIST"]);
    }

    fn is_here(&self, nick: &str) -> bool {
        let rooms = self.network.as_ref().map(|network| network.rooms.values());
        rooms
            .into_iter()
            .flatten()
            .any(|room| room.members.contains(nick))
    }

    pub(super) fn userhost(&mut self, message: &Message) {
        let server = self.server();
        let one = |nick: &String| {
            (self.is_own(nick) || self.is_here(nick)).then(|| format!("{nick}=+{nick}@{server}"))
        };
        let found: Vec<String> = message
            .params
            .iter()
            .take(MAX_NAMES)
            .filter_map(one)
            .collect();
        let found = found.join(" ");
        self.reply(numeric::RPL_USERHOST, [found.as_str()]);
    }

    /// Those who share a channel: of others nothing is known.
    pub(super) fn ison(&mut self, message: &Message) {
        let names = message.params.iter().flat_map(|param| param.split(' '));
        let here = names.take(MAX_NAMES).filter(|nick| self.is_here(nick));
        let found = here.collect::<Vec<_>>().join(" ");
        self.reply(numeric::RPL_ISON, [found.as_str()]);
    }
}
