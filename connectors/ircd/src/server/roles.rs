//! Roles in a channel by account, which last: AMODE, as in ergo, lists, gives and takes them, whether or not the account
//! is present.
//!
//! `O` is the founder (RFC 2811, section 4.1: the channel's creator), at most one account; `o` operators; `v` voices.

use irc_codec::{Message, numeric};
use protocol::{AccountName, FoldedName};

use super::channel::{Channel, Member};
use super::claim::known_or;
use super::client::{NextStep, UserId};
use super::mode::Applied;
use super::outbox::When;
use super::reply::Reply;
use super::welcome::MAX_MODES;
use super::{ClientId, Server, names};

/// The letters of roles, from the highest.
pub(super) const ROLES: [(char, &str); 3] =
    [('O', "the founder"), ('o', "an operator"), ('v', "voice")];

impl Server {
    pub(super) fn on_amode(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let unknown = self.unknown_accounts(message);
        if unknown.is_empty() || !self.may_amode(user_id, message) {
            return self.amode(id, user_id, message);
        }
        let then = NextStep::Roles(Box::new(message.clone()));
        self.look_up_names(id, unknown, then);
    }

    /// The accounts named that have never signed in here, as far as they are names of accounts.
    fn unknown_accounts(&self, message: &Message) -> Vec<AccountName> {
        let names = message.params.iter().skip(2).take(MAX_MODES);
        names
            .filter_map(|name| names::fold(name).as_str().parse().ok())
            .filter(|name: &AccountName| !self.accounts.contains(name))
            .collect()
    }

    fn may_amode(&self, user_id: UserId, message: &Message) -> bool {
        let channel = self.channels.get(&names::fold(message.param(0)));
        channel.is_some_and(|channel| {
            channel.is_operator(user_id)
                || self.is_administrator(user_id) && channel.is_visible(user_id)
        })
    }

    /// Once it is known which names are accounts.
    pub(super) fn amode(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let name = message.param(0);
        let key = names::fold(name);
        let visible = |channel: &&Channel| channel.is_visible(user_id);
        let Some(channel) = self.channels.get(&key).filter(visible) else {
            return self.no_such_channel(id, name);
        };
        if message.params.len() < 2 {
            let lines = roles(channel);
            return self.tell(id, lines);
        }
        let spelled = channel.record.name.clone();
        if !self.may_amode(user_id, message) {
            let text = "Only operators of the channel may give roles";
            let reply = Reply::new(numeric::ERR_CHANOPRIVSNEEDED, [name, text]);
            return self.reply(id, reply);
        }
        let Some(before) = self.past(&key) else {
            return;
        };
        let (applied, lines) = self.apply_roles(id, user_id, &key, message);
        if lines.is_empty() {
            return;
        }
        let when = self.save_change(&key, before);
        let channel = self.channels.get(&key);
        if channel.is_some_and(|channel| !channel.is_operator(user_id)) {
            self.audit(id, &format!("changed roles: {}", lines.join("; ")));
        }
        if !applied.letters.is_empty() {
            let params = [spelled.clone(), applied.letters]
                .into_iter()
                .chain(applied.params);
            let event = self.event(user_id, "MODE", params);
            self.relay(self.audience(&key), &event, when);
        }
        for text in lines {
            let notice = Message::new("NOTICE", [self.name_for(id), text]);
            self.reply_message_when(id, notice, when);
        }
        self.explain_undone(id, &spelled, when);
    }

    /// Returns what changed for those present, and what to tell whoever changed it.
    fn apply_roles(
        &mut self,
        id: ClientId,
        user_id: UserId,
        key: &FoldedName,
        message: &Message,
    ) -> (Applied, Vec<String>) {
        let (mut applied, mut lines) = (Applied::default(), Vec::new());
        let mut names = message.params.iter().skip(2).take(MAX_MODES);
        let mut add = true;
        for letter in message.param(1).chars().take(4 * MAX_MODES) {
            match letter {
                '+' => add = true,
                '-' => add = false,
                'O' | 'o' | 'v' => {
                    let Some(name) = names.next() else {
                        self.needs_more(id, "AMODE");
                        break;
                    };
                    if let Some(line) =
                        self.set_role(id, user_id, key, (letter, add), name, &mut applied)
                    {
                        lines.push(line);
                    }
                }
                other => {
                    let text = "Roles are O (founder), o (operator) and v (voice)";
                    let params = [other.to_string().as_str(), text].map(str::to_owned);
                    self.reply(id, Reply::new(numeric::ERR_UNKNOWNMODE, params));
                    break;
                }
            }
        }
        (applied, lines)
    }

    fn set_role(
        &mut self,
        id: ClientId,
        user_id: UserId,
        key: &FoldedName,
        (letter, add): (char, bool),
        name: &str,
        applied: &mut Applied,
    ) -> Option<String> {
        let spelled = self.spelled(key);
        let account: Option<AccountName> = names::fold(name).as_str().parse().ok();
        let account = account.filter(|account| self.accounts.contains(account) || !add);
        let Some(account) = account else {
            let about = [spelled.as_str(), known_or(name)];
            self.fail(
                id,
                "AMODE",
                "ACCOUNT_UNKNOWN",
                &about,
                "There is no such account",
            );
            return None;
        };
        let own = self
            .users
            .get(&user_id)
            .and_then(|user| user.account.clone());
        let rules = self.is_administrator(user_id);
        let most = self.config.limits.members;
        let record = self.channel_record(key)?;
        let founder = record.founder.clone();
        let founds = rules || founder.is_some() && founder == own;
        if letter == 'O' && !founds || founder.as_ref() == Some(&account) && !add && !founds {
            let text = "Only the founder or an administrator may change who is the founder";
            self.reply(
                id,
                Reply::new(numeric::ERR_CHANOPRIVSNEEDED, [spelled.as_str(), text]),
            );
            return None;
        }
        if add && record.operators.len().max(record.voices.len()) >= most {
            let text = format!("There are {most} lasting roles: take one away first");
            self.fail(id, "AMODE", "LIMIT_REACHED", &[&spelled], &text);
            return None;
        }
        let changed = match (letter, add) {
            ('O', true) => {
                record.operators.insert(account.clone());
                record.founder.replace(account.clone()) != Some(account.clone())
            }
            ('O', false) if founder.as_ref() == Some(&account) => record.founder.take().is_some(),
            ('O', false) => false,
            ('o', true) => record.operators.insert(account.clone()),
            ('o', false) => record.operators.remove(&account),
            (_, true) => record.voices.insert(account.clone()),
            (_, false) => record.voices.remove(&account),
        };
        if !changed {
            return None;
        }
        self.show_role(key, letter, add, &account, applied);
        if letter == 'O' && add {
            if let Some(before) = founder {
                self.show_role(key, 'O', false, &before, applied);
            }
            self.show_role(key, 'o', true, &account, applied);
        }
        let role = ROLES.iter().find(|(known, _)| *known == letter);
        let role = role.map_or("", |(_, role)| role);
        Some(if letter == 'v' {
            match add {
                true => format!("{account} has {role} in {spelled} from now on"),
                false => format!("{account} no longer has {role} in {spelled}"),
            }
        } else if add {
            format!("{account} is {role} of {spelled} from now on")
        } else {
            format!("{account} is no longer {role} of {spelled}")
        })
    }

    /// Gives or takes a role for an account's users who are present.
    fn show_role(
        &mut self,
        key: &FoldedName,
        letter: char,
        add: bool,
        account: &AccountName,
        applied: &mut Applied,
    ) {
        let Some(channel) = self.channels.get_mut(key) else {
            return;
        };
        for (user_id, member) in &mut channel.members {
            let user = self.users.get(user_id);
            let Some(user) = user.filter(|user| user.account.as_ref() == Some(account)) else {
                continue;
            };
            let flag = match letter {
                'O' => &mut member.founder,
                'o' => &mut member.operator,
                _ => &mut member.voice,
            };
            if std::mem::replace(flag, add) != add {
                applied.push(add, letter, Some(user.nick.clone()));
            }
        }
    }

    /// Tells the others, and sessions that are not sent the names, which role a member comes back to.
    pub(super) fn announce_role(&mut self, user_id: UserId, key: &FoldedName, member: Member) {
        let letters = member.letters();
        let Some(user) = self.users.get(&user_id).filter(|_| !letters.is_empty()) else {
            return;
        };
        let names = letters.chars().map(|_| user.nick.clone());
        let params = [self.spelled(key), format!("+{letters}")];
        let event = self.server_event("MODE", params.into_iter().chain(names));
        let own = user.sessions.clone();
        let mut audience = self.audience(key);
        audience.retain(|id| !own.contains(id));
        let client = |id: &ClientId| self.clients.get(id);
        let blind = |id: &ClientId| client(id).is_some_and(|c| !c.caps.wants_names());
        audience.extend(own.into_iter().filter(blind));
        self.relay(audience, &event, When::Always);
    }

    /// Tells a client something in plain words.
    pub(super) fn tell(&mut self, id: ClientId, lines: impl IntoIterator<Item = String>) {
        for text in lines {
            let notice = Message::new("NOTICE", [self.name_for(id), text]);
            self.reply_message(id, notice);
        }
    }
}

/// Who has which role, one line each.
fn roles(channel: &Channel) -> Vec<String> {
    let record = &channel.record;
    let name = &record.name;
    let founder = record.founder.iter().map(|account| (account, 'O'));
    let operators = record.operators.iter().map(|account| (account, 'o'));
    let voices = record.voices.iter().map(|account| (account, 'v'));
    let all: Vec<String> = founder
        .chain(operators)
        .chain(voices)
        .map(|(account, letter)| format!("{account} has +{letter} in {name} whenever present"))
        .collect();
    let count = format!("{name} has {} lasting roles", all.len());
    std::iter::once(count).chain(all).collect()
}
