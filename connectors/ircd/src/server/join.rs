//! JOIN and PART (RFC 2812, sections 3.2.1 and 3.2.2).

use irc_codec::{Message, Numeric, numeric};
use protocol::{AccountName, FoldedName};

use super::caps::Caps;
use super::channel::{Channel, Member};
use super::client::UserId;
use super::lookalike::is_hidden;
use super::mute::AWAY;
use super::outbox::When;
use super::reply::Reply;
use super::{AppendId, ClientId, Server, names};

impl Server {
    pub(super) fn on_join(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        if message.param(0) == "0" {
            return self.leave_all(user_id);
        }
        let mut keys = message.param(1).split(',');
        // The length of a line limits the list.
        for name in message.param(0).split(',').filter(|name| !name.is_empty()) {
            let key = keys.next().unwrap_or_default();
            self.join(id, user_id, name, key);
        }
    }

    fn join(&mut self, id: ClientId, user_id: UserId, name: &str, key: &str) {
        let redirected = if self.renamed.contains_key(&names::fold(name)) {
            let Some(now) = self.redirect(id, name) else {
                return;
            };
            now
        } else {
            name.to_owned()
        };
        let name = redirected.as_str();
        let folded = names::channel(name, self.config.limits.channel_name);
        // An existing channel can be joined in any spelling.
        let folded =
            folded.filter(|folded| self.channels.contains_key(folded) || !name.contains(is_hidden));
        let Some(folded) = folded else {
            let text = format!(
                "Not a channel name: it must begin with # and have at most {} bytes, without spaces or commas",
                self.config.limits.channel_name
            );
            return self.reply(id, Reply::new(numeric::ERR_BADCHANMASK, [name, &text]));
        };
        let Some(user) = self.users.get(&user_id) else {
            return;
        };
        if user.channels.contains(&folded) {
            return;
        }
        let most = self.config.limits.channels_per_user;
        if user.channels.len() >= most {
            let text = format!("You are already in {most} channels; leave one first");
            return self.reply(id, Reply::new(numeric::ERR_TOOMANYCHANNELS, [name, &text]));
        }
        let refusal = match self.channels.get(&folded) {
            Some(channel) => self.refuse_join(channel, user_id, &folded, key),
            None if self.channels.len() >= self.config.limits.channels => Some((
                numeric::ERR_UNAVAILRESOURCE,
                "There are too many channels on this server; no new one can be created",
            )),
            None if self.belongs_to_many(user_id) => Some((
                numeric::ERR_TOOMANYCHANNELS,
                "Your account is in too many channels to create another; leave one first",
            )),
            None => None,
        };
        if let Some((code, text)) = refusal {
            return self.reply(id, Reply::new(code, [name, text]));
        }
        self.enter(user_id, name, folded);
    }

    /// Returns whether an account owns the maximum number of channels: they remain when it disconnects.
    fn belongs_to_many(&self, user_id: UserId) -> bool {
        let Some(account) = self
            .users
            .get(&user_id)
            .and_then(|user| user.account.as_ref())
        else {
            return false;
        };
        let count = self
            .channels
            .values()
            .filter(|channel| channel.record.members.contains(account))
            .count();
        count >= self.config.limits.channels_per_user
    }

    /// Returns why a user may not join, as numeric and text.
    fn refuse_join(
        &self,
        channel: &Channel,
        user_id: UserId,
        folded: &FoldedName,
        key: &str,
    ) -> Option<(Numeric, &'static str)> {
        let user = self.users.get(&user_id)?;
        let record = &channel.record;
        let operator = user
            .account
            .as_ref()
            .is_some_and(|account| record.operators.contains(account));
        let returning = user
            .account
            .as_ref()
            .is_some_and(|account| record.members.contains(account));
        let invited = user.invites.contains(folded);
        if channel.members.len() >= self.config.limits.members {
            return Some((
                numeric::ERR_CHANNELISFULL,
                "Cannot join channel: it is full",
            ));
        }
        if operator || invited {
            return None;
        }
        if channel.is_banned(user_id, user) {
            return Some((
                numeric::ERR_BANNEDFROMCHAN,
                "Cannot join channel: you are banned (+b)",
            ));
        }
        if returning {
            return None;
        }
        if record.invite_only && !channel.is_welcome(user) {
            return Some((
                numeric::ERR_INVITEONLYCHAN,
                "Cannot join channel: you need an invitation (+i)",
            ));
        }
        if record.key.as_deref().is_some_and(|wanted| wanted != key) {
            return Some((
                numeric::ERR_BADCHANNELKEY,
                "Cannot join channel: the key is wrong (+k)",
            ));
        }
        let full = record
            .limit
            .is_some_and(|limit| channel.members.len() >= limit as usize);
        full.then_some((
            numeric::ERR_CHANNELISFULL,
            "Cannot join channel: it is full (+l)",
        ))
    }

    fn enter(&mut self, user_id: UserId, name: &str, key: FoldedName) {
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        user.invites.remove(&key);
        user.channels.insert(key.clone());
        let account = user.account.clone();
        let is_new = !self.channels.contains_key(&key);
        let now = self.now.wall;
        // Messages of an older channel with this name do not belong to this channel.
        let created = now.plus_millis((self.last_id - now.millis()).max(-1) + 1);
        let channel = self
            .channels
            .entry(key.clone())
            .or_insert_with(|| Channel::new(Channel::fresh(name, created)));
        let record = &channel.record;
        // The creator of a channel is its operator; a channel without one gets the first of its accounts.
        let alone = channel.members.is_empty() && !record.permanent && record.operators.is_empty();
        let is = |set: &std::collections::BTreeSet<AccountName>| {
            account
                .as_ref()
                .is_some_and(|account| set.contains(account))
        };
        let appointed = record.permanent
            && account
                .as_ref()
                .is_some_and(|account| self.config.operators.contains(account));
        let founder =
            is_new && account.is_some() || record.founder.is_some() && record.founder == account;
        let member = Member {
            since: self.last_id,
            founder,
            operator: is_new || alone && is(&record.members) || is(&record.operators) || appointed,
            voice: is(&record.voices),
        };
        channel.members.insert(user_id, member);
        let (mut returning, mut saved) = (false, None);
        if let Some(account) = &account {
            let mut changed = channel.record.members.insert(account.clone());
            returning = !changed;
            if changed {
                channel.record.joined.insert(account.clone(), member.since);
            }
            if member.operator {
                changed |= channel.record.operators.insert(account.clone());
            }
            if is_new {
                channel.record.founder = Some(account.clone());
            }
            if changed {
                saved = self.save_channel(&key);
            }
        }
        self.announce_join(user_id, &key);
        self.announce_role(user_id, &key, member);
        for session in self.sessions(user_id) {
            self.send_topic_and_names(session, user_id, &key);
        }
        let sessions = self.sessions(user_id);
        self.explain_unsaved(sessions, name, saved);
        self.exchange_metadata(user_id, &key);
        if returning {
            self.missed_in_channel(user_id, &key);
        }
    }

    fn announce_join(&mut self, user_id: UserId, key: &FoldedName) {
        let audience = self.audience(key);
        let (extended, plain): (Vec<_>, Vec<_>) = audience.into_iter().partition(|id| {
            self.clients
                .get(id)
                .is_some_and(|client| client.caps.has(Caps::EXTENDED_JOIN))
        });
        let Some((event, long)) = self.join_events(user_id, key) else {
            return;
        };
        self.relay(plain, &event, When::Always);
        self.relay(extended, &long, When::Always);
        let own = self.sessions(user_id);
        let Some(away) = self.users.get(&user_id).and_then(|user| user.away.clone()) else {
            return;
        };
        let shown = if self.is_muted(user_id, key) {
            AWAY
        } else {
            &away
        };
        let event = self.event(user_id, "AWAY", [shown]);
        let others = self
            .audience(key)
            .into_iter()
            .filter(|id| !own.contains(id));
        let others = self.with_cap(others, Caps::AWAY_NOTIFY);
        self.relay(others, &event, When::Always);
    }

    /// Creates a user's JOIN, plain and with extended-join.
    fn join_events(
        &self,
        user_id: UserId,
        key: &FoldedName,
    ) -> Option<(super::event::Event, super::event::Event)> {
        let user = self.users.get(&user_id)?;
        let name = self.channels.get(key)?.record.name.as_str();
        let plain = self.event(user_id, "JOIN", [name]);
        let long = self.event(user_id, "JOIN", [name, user.account_or_star(), &user.real]);
        Some((plain, long))
    }

    /// Shows a channel to a session that has just become a member's.
    pub(super) fn show_joined(&mut self, id: ClientId, user_id: UserId, key: &FoldedName) {
        let Some((plain, long)) = self.join_events(user_id, key) else {
            return;
        };
        let extended = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.has(Caps::EXTENDED_JOIN));
        self.relay([id], if extended { &long } else { &plain }, When::Always);
        self.send_topic_and_names(id, user_id, key);
    }

    fn send_topic_and_names(&mut self, id: ClientId, user_id: UserId, key: &FoldedName) {
        self.send_topic(id, key, false);
        self.send_marker_of(id, key);
        let implicit = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.wants_names());
        if implicit {
            self.send_names(id, user_id, key);
        }
    }

    /// Notes that an account is in a channel.
    pub(super) fn remember_member(&mut self, key: &FoldedName, account: &AccountName) {
        let since = self.last_id;
        let changed = self.channels.get_mut(key).is_some_and(|channel| {
            let new = channel.record.members.insert(account.clone());
            if new {
                channel.record.joined.insert(account.clone(), since);
            }
            new
        });
        if changed {
            self.save_channel(key);
        }
    }

    pub(super) fn on_part(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let text = names::clip(message.param(1), self.config.limits.text).to_owned();
        for name in message.param(0).split(',').filter(|name| !name.is_empty()) {
            let key = names::fold(name);
            let Some(channel) = self.channels.get(&key) else {
                self.no_such_channel(id, name);
                continue;
            };
            if !channel.members.contains_key(&user_id) {
                self.reply(
                    id,
                    Reply::new(
                        numeric::ERR_NOTONCHANNEL,
                        [name, "You are not in that channel"],
                    ),
                );
                continue;
            }
            self.part(user_id, &key, &text);
        }
    }

    fn leave_all(&mut self, user_id: UserId) {
        let channels: Vec<_> = self
            .users
            .get(&user_id)
            .map_or_else(Vec::new, |user| user.channels.iter().cloned().collect());
        for key in channels {
            self.part(user_id, &key, "");
        }
    }

    fn part(&mut self, user_id: UserId, key: &FoldedName, text: &str) {
        let Some(channel) = self.channels.get(key) else {
            return;
        };
        let name = channel.record.name.clone();
        let params = if text.is_empty() || self.is_muted(user_id, key) {
            vec![name.clone()]
        } else {
            vec![name.clone(), text.to_owned()]
        };
        let event = self.event(user_id, "PART", params);
        let audience = self.audience(key);
        let saved = self.remove_member(user_id, key);
        self.relay(audience, &event, When::Always);
        let sessions = self.sessions(user_id);
        self.explain_unsaved(sessions, &name, saved);
    }

    /// Removes a user from a channel permanently. Returns the append of that, if it is one.
    pub(super) fn remove_member(&mut self, user_id: UserId, key: &FoldedName) -> Option<AppendId> {
        let account = self.users.get_mut(&user_id).and_then(|user| {
            user.channels.remove(key);
            user.account.clone()
        });
        let channel = self.channels.get_mut(key)?;
        channel.members.remove(&user_id);
        // Another user may represent the same account.
        let still = channel.members.keys().any(|other| {
            account.is_some()
                && self
                    .users
                    .get(other)
                    .is_some_and(|user| user.account == account)
        });
        let was_lasting = channel.is_lasting();
        let changed = !still
            && account.as_ref().is_some_and(|account| {
                channel.record.joined.remove(account);
                channel.record.members.remove(account)
            });
        let ends = was_lasting && !channel.is_lasting();
        let saved = match changed {
            true if ends => Some(self.save_end(key)),
            true => self.save_channel(key),
            false => None,
        };
        self.forget_if_empty(key);
        saved
    }
}
