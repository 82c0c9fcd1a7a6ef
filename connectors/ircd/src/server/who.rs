//! WHO (RFC 2812, section 3.6.1) and WHOX (<https://ircv3.net/specs/extensions/whox>).

use irc_codec::{Message, numeric};
use protocol::FoldedName;

use super::caps::Caps;
use super::client::{User, UserId};
use super::reply::Reply;
use super::{ClientId, Server, names};

/// Users returned per WHO with a mask.
const MOST: usize = 500;

/// The WHOX fields in the order in which they are sent.
const FIELDS: &str = "tcuihsnfdlaor";

impl Server {
    pub(super) fn on_who(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let mask = if message.param(0).is_empty() {
            "*"
        } else {
            message.param(0)
        };
        let (flags, fields) = message
            .param(1)
            .split_once('%')
            .unwrap_or_else(|| (message.param(1), ""));
        let (fields, token) = fields.split_once(',').unwrap_or((fields, ""));
        let whox = message.param(1).contains('%');
        if whox && (token.len() > 3 || !token.bytes().all(|b| b.is_ascii_digit())) {
            return self.reply(
                id,
                Reply::new(
                    numeric::RPL_ENDOFWHO,
                    [mask, "The WHOX token is a number of at most 3 digits"],
                ),
            );
        }
        // An old way to ask for everyone (RFC 2812, section 3.6.1).
        let pattern = if mask == "0" { "*" } else { mask };
        let key = names::fold(mask);
        let mut found: Vec<(UserId, Option<&FoldedName>)> = Vec::new();
        if mask.starts_with('#') {
            if let Some(channel) = self
                .channels
                .get(&key)
                .filter(|channel| channel.is_visible(user_id))
            {
                let inside = channel.members.contains_key(&user_id);
                found.extend(
                    channel
                        .members
                        .keys()
                        .filter(|member| {
                            inside
                                || self
                                    .users
                                    .get(member)
                                    .is_some_and(|user| !user.modes.invisible)
                        })
                        .map(|&member| (member, Some(&key))),
                );
            }
        } else if let Some(&exact) = self.nicks.get(&key) {
            found.push((exact, None));
        } else if pattern.contains(['*', '?']) {
            let own = self.users.get(&user_id);
            let wanted = names::Mask::new(pattern);
            let shares =
                |user: &User| own.is_some_and(|own| !own.channels.is_disjoint(&user.channels));
            let mut matching: Vec<UserId> = self
                .users
                .iter()
                .filter(|(other, user)| **other == user_id || !user.modes.invisible || shares(user))
                .filter(|(_, user)| {
                    wanted.matches(&user.nick)
                        || wanted.matches(&user.host)
                        || wanted.matches(&user.source().to_string())
                })
                .map(|(&other, _)| other)
                .take(MOST)
                .collect();
            matching.sort_unstable();
            found.extend(matching.into_iter().map(|user| (user, None)));
        }
        let all = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.has(Caps::MULTI_PREFIX));
        let administrators = flags.contains('o');
        let lines: Vec<Reply> = found
            .into_iter()
            .filter(|&(other, _)| !administrators || self.is_administrator(other))
            .filter_map(|(other, channel)| {
                if whox {
                    self.whox_reply(other, channel, fields, token, all)
                } else {
                    self.who_reply(other, channel, all)
                }
            })
            .collect();
        for line in lines {
            self.reply(id, line);
        }
        self.reply(id, Reply::new(numeric::RPL_ENDOFWHO, [mask, "End of WHO"]));
    }

    /// Here or gone, administrator, and the prefixes in the channel: all of them with multi-prefix.
    fn who_flags(
        &self,
        user_id: UserId,
        user: &User,
        channel: Option<&FoldedName>,
        all: bool,
    ) -> String {
        let star = if self.is_administrator(user_id) {
            "*"
        } else {
            ""
        };
        let bot = if user.modes.bot { "B" } else { "" };
        let here = if user.away.is_some() { "G" } else { "H" };
        let member = channel
            .and_then(|channel| self.channels.get(channel))
            .and_then(|channel| channel.members.get(&user_id));
        let signs = member.map_or("", |member| member.prefix(all));
        format!("{here}{star}{signs}{bot}")
    }

    fn shown_channel<'a>(&'a self, channel: Option<&FoldedName>) -> &'a str {
        channel
            .and_then(|channel| self.channels.get(channel))
            .map_or("*", |channel| &channel.record.name)
    }

    fn who_reply(&self, user_id: UserId, channel: Option<&FoldedName>, all: bool) -> Option<Reply> {
        let user = self.users.get(&user_id)?;
        let flags = self.who_flags(user_id, user, channel, all);
        let last = format!("0 {}", user.real);
        let shown = self.shown_channel(channel);
        Some(Reply::new(
            numeric::RPL_WHOREPLY,
            [
                shown,
                &user.name,
                &user.host,
                &self.config.name,
                &user.nick,
                &flags,
                &last,
            ],
        ))
    }

    fn whox_reply(
        &self,
        user_id: UserId,
        channel: Option<&FoldedName>,
        fields: &str,
        token: &str,
        all: bool,
    ) -> Option<Reply> {
        let user = self.users.get(&user_id)?;
        let idle = (self.now.wall.millis() - user.active.millis()).max(0) / 1000;
        let values =
            FIELDS
                .chars()
                .filter(|&field| fields.contains(field))
                .map(|field| match field {
                    't' if token.is_empty() => "0".to_owned(),
                    't' => token.to_owned(),
                    'c' => self.shown_channel(channel).to_owned(),
                    'u' => user.name.clone(),
                    // Addresses are not shown.
                    'i' => "255.255.255.255".to_owned(),
                    'h' => user.host.clone(),
                    's' => self.config.name.clone(),
                    'n' => user.nick.clone(),
                    'f' => self.who_flags(user_id, user, channel, all),
                    'd' => "0".to_owned(),
                    'l' => idle.to_string(),
                    'a' => user
                        .account
                        .as_ref()
                        .map_or_else(|| "0".to_owned(), ToString::to_string),
                    'o' => "n/a".to_owned(),
                    _ => user.real.clone(),
                });
        Some(Reply::new(numeric::RPL_WHOSPCRPL, values))
    }
}
