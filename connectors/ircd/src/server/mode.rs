//! MODE of channels (RFC 2812, section 3.2.3): they have +IJbeqklimnst, their members +O +o +v.

use irc_codec::{Message, numeric};
use protocol::FoldedName;

use super::client::UserId;
use super::masks::List;
use super::names::KEY_LENGTH;
use super::reply::Reply;
use super::welcome::MAX_MODES;
use super::{ClientId, Server, names};

/// The changes of a MODE command that took effect, for one line to the channel.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub letters: String,
    pub params: Vec<String>,
    adding: Option<bool>,
}

impl Applied {
    pub(super) fn push(&mut self, add: bool, letter: char, param: Option<String>) {
        if self.adding != Some(add) {
            self.letters.push(if add { '+' } else { '-' });
            self.adding = Some(add);
        }
        self.letters.push(letter);
        self.params.extend(param);
    }
}

impl Server {
    pub(super) fn on_mode(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        if message.param(0).starts_with('#') {
            self.channel_mode(id, user_id, message);
        } else {
            self.user_mode(id, user_id, message);
        }
    }

    fn channel_mode(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let name = message.param(0);
        let key = names::fold(name);
        let Some(channel) = self
            .channels
            .get(&key)
            .filter(|channel| channel.is_visible(user_id))
        else {
            return self.no_such_channel(id, name);
        };
        let spelled = channel.record.name.clone();
        if message.params.len() < 2 {
            let mut params = vec![spelled.clone()];
            params.extend(channel.modes(channel.members.contains_key(&user_id)));
            let created = channel.record.created.millis().div_euclid(1000).to_string();
            self.reply(id, Reply::new(numeric::RPL_CHANNELMODEIS, params));
            return self.reply(
                id,
                Reply::new(numeric::RPL_CREATIONTIME, [spelled, created]),
            );
        }
        if message.params.len() == 2 {
            let letters = message.param(1).trim_start_matches(['+', '-']);
            if letters == "O" {
                return self.send_founder(id, &key);
            }
            let lists: Option<Vec<List>> = letters.chars().map(List::of).collect();
            let lists = lists.filter(|lists| (1..=List::ALL.len()).contains(&lists.len()));
            if let Some(lists) = lists {
                for list in lists {
                    self.send_list(id, &key, list);
                }
                return;
            }
        }
        if !self.check_operator(id, user_id, name, &key) {
            return;
        }
        let Some(before) = self.past(&key) else {
            return;
        };
        let applied = self.apply_modes(id, user_id, &key, message);
        if applied.letters.is_empty() {
            return;
        }
        let when = self.save_change(&key, before);
        let mut params = vec![spelled.clone(), applied.letters];
        params.extend(applied.params);
        let event = self.event(user_id, "MODE", params);
        let audience = self.audience(&key);
        self.relay(audience, &event, when);
        self.explain_undone(id, &spelled, when);
    }

    fn apply_modes(
        &mut self,
        id: ClientId,
        user_id: UserId,
        key: &FoldedName,
        message: &Message,
    ) -> Applied {
        let mut applied = Applied::default();
        let mut params = message.params.iter().skip(2);
        let (mut add, mut with_param) = (true, 0);
        for letter in message.param(1).chars() {
            match letter {
                '+' => add = true,
                '-' => add = false,
                'J' | 'i' | 'm' | 'n' | 's' | 't' => {
                    if self.set_flag(key, letter, add) {
                        applied.push(add, letter, None);
                    }
                }
                'l' if !add => {
                    if self
                        .channel_record(key)
                        .is_some_and(|record| record.limit.take().is_some())
                    {
                        applied.push(false, 'l', None);
                    }
                }
                'b' | 'e' | 'I' | 'q' | 'k' | 'l' | 'o' | 'v' => {
                    with_param += 1;
                    if with_param > MAX_MODES {
                        continue;
                    }
                    let Some(param) = params.next().filter(|param| !param.is_empty()) else {
                        if let Some(list) = List::of(letter) {
                            self.send_list(id, key, list);
                        } else {
                            let text = format!("Mode {letter} requires a parameter");
                            self.reply(
                                id,
                                Reply::new(
                                    numeric::ERR_INVALIDMODEPARAM,
                                    [self.spelled(key), letter.to_string(), "*".to_owned(), text],
                                ),
                            );
                        }
                        continue;
                    };
                    let done = match (letter, List::of(letter)) {
                        (_, Some(list)) => self.set_list(id, user_id, key, (list, add), param),
                        ('k', _) => self.set_key(id, key, add, param),
                        ('l', _) => self.set_limit(id, key, param),
                        _ => self.set_member(id, user_id, key, (letter, add), param),
                    };
                    if let Some(shown) = done {
                        applied.push(add, letter, Some(shown));
                    }
                }
                other => {
                    let text = if other == 'O' {
                        "The founder is changed with AMODE, by account"
                    } else {
                        "Unknown channel mode; supported are I, J, b, e, i, k, l, m, n, o, q, s, t and v"
                    };
                    self.reply(
                        id,
                        Reply::new(numeric::ERR_UNKNOWNMODE, [other.to_string().as_str(), text]),
                    );
                    // One reply is enough for a line full of them.
                    break;
                }
            }
        }
        applied
    }

    fn set_flag(&mut self, key: &FoldedName, letter: char, add: bool) -> bool {
        let Some(record) = self.channel_record(key) else {
            return false;
        };
        let flag = match letter {
            'J' => &mut record.from_join,
            'i' => &mut record.invite_only,
            'm' => &mut record.moderated,
            'n' => &mut record.members_only,
            's' => &mut record.secret,
            _ => &mut record.topic_locked,
        };
        std::mem::replace(flag, add) != add
    }

    fn set_key(
        &mut self,
        id: ClientId,
        channel: &FoldedName,
        add: bool,
        param: &str,
    ) -> Option<String> {
        let good = param.len() <= KEY_LENGTH
            && !param.starts_with(':')
            && !param.contains(|c: char| c == ' ' || c == ',' || c.is_control());
        if add && !good {
            let text = format!("A key has at most {KEY_LENGTH} bytes, without spaces or commas");
            self.reply(
                id,
                Reply::new(numeric::ERR_INVALIDKEY, [self.spelled(channel), text]),
            );
            return None;
        }
        let record = self.channel_record(channel)?;
        if add {
            record.key = Some(param.to_owned());
            Some(param.to_owned())
        } else {
            // Any parameter removes it, as on other servers.
            record.key.take().map(|_| "*".to_owned())
        }
    }

    fn set_limit(&mut self, id: ClientId, channel: &FoldedName, param: &str) -> Option<String> {
        match param.parse::<u32>() {
            Ok(limit) if limit > 0 => {
                self.channel_record(channel)?.limit = Some(limit);
                Some(limit.to_string())
            }
            _ => {
                self.reply(
                    id,
                    Reply::new(
                        numeric::ERR_INVALIDMODEPARAM,
                        [
                            self.spelled(channel).as_str(),
                            "l",
                            param,
                            "Expected a number above 0",
                        ],
                    ),
                );
                None
            }
        }
    }

    fn set_member(
        &mut self,
        id: ClientId,
        user_id: UserId,
        key: &FoldedName,
        (letter, add): (char, bool),
        nick: &str,
    ) -> Option<String> {
        let Some(&other) = self.nicks.get(&names::fold(nick)) else {
            self.no_such_nick(id, nick);
            return None;
        };
        let user = self.users.get(&other)?;
        let (nick, account) = (user.nick.clone(), user.account.clone());
        if letter == 'o' && !add && self.is_above(other, user_id, key) {
            self.founder_stays(id, key);
            return None;
        }
        let channel = self.channels.get_mut(key)?;
        let Some(member) = channel.members.get_mut(&other) else {
            self.reply(
                id,
                Reply::new(
                    numeric::ERR_USERNOTINCHANNEL,
                    [
                        nick.as_str(),
                        &self.spelled(key),
                        "They are not in that channel",
                    ],
                ),
            );
            return None;
        };
        let (flag, accounts) = match letter {
            'o' => (&mut member.operator, &mut channel.record.operators),
            _ => (&mut member.voice, &mut channel.record.voices),
        };
        if let Some(account) = account {
            if add {
                accounts.insert(account);
            } else {
                accounts.remove(&account);
            }
        }
        (std::mem::replace(flag, add) != add).then_some(nick)
    }

    fn send_founder(&mut self, id: ClientId, key: &FoldedName) {
        let founder = self
            .channels
            .get(key)
            .and_then(|c| c.record.founder.clone());
        let name = self.spelled(key);
        let reply = match founder {
            Some(founder) => Reply::new(numeric::RPL_UNIQOPIS, [name, founder.to_string()]),
            None => Reply::new(
                numeric::ERR_NOSUCHNICK,
                [name.as_str(), "The channel has no founder"],
            ),
        };
        self.reply(id, reply);
    }

    /// Returns whether a member is the founder, and somebody else neither is nor is an administrator.
    pub(super) fn is_above(&self, member: UserId, other: UserId, key: &FoldedName) -> bool {
        let channel = self.channels.get(key);
        let founds = |id: UserId| {
            let member = channel.and_then(|channel| channel.members.get(&id));
            member.is_some_and(|member| member.founder)
        };
        founds(member) && !founds(other) && !self.is_administrator(other)
    }

    pub(super) fn founder_stays(&mut self, id: ClientId, key: &FoldedName) {
        let text = "That is the founder of the channel";
        let params = [self.spelled(key), text.to_owned()];
        self.reply(id, Reply::new(numeric::ERR_CHANOPRIVSNEEDED, params));
    }

    pub(super) fn channel_record(
        &mut self,
        key: &FoldedName,
    ) -> Option<&mut crate::record::ChannelRecord> {
        self.channels
            .get_mut(key)
            .map(|channel| &mut channel.record)
    }

    /// Returns a channel's name as its founder spelled it.
    pub(super) fn spelled(&self, key: &FoldedName) -> String {
        let channel = self.channels.get(key);
        channel.map_or_else(|| key.to_string(), |channel| channel.record.name.clone())
    }
}
