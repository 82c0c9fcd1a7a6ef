//! RENAME: a channel gets another name and keeps everything else
//! (<https://ircv3.net/specs/extensions/channel-rename>).
//!
//! Its history stays where it is in the log, under the channel's first name, which nobody else can have as long as the
//! channel exists: who joins it is sent to the channel.

use irc_codec::{Message, numeric};
use protocol::FoldedName;

use super::caps::Caps;
use super::client::UserId;
use super::lookalike::is_hidden;
use super::outbox::When;
use super::reply::Reply;
use super::unsaved::Subject;
use super::{ClientId, Server, names};
use crate::record::Body;

impl Server {
    /// The name under which a channel's messages are in the log.
    pub(super) fn history_key(&self, key: &FoldedName) -> String {
        let channel = self.channels.get(key);
        let first = channel.and_then(|channel| channel.record.history.clone());
        first.unwrap_or_else(|| key.to_string())
    }

    /// The channel whose messages are in the log under a name.
    pub(super) fn channel_of(&self, history: &str) -> FoldedName {
        let key = names::fold(history);
        self.renamed.get(&key).cloned().unwrap_or(key)
    }

    /// To be called for every channel of an earlier process.
    pub(super) fn note_renamed(&mut self, key: &FoldedName) {
        let channel = self.channels.get(key);
        if let Some(first) = channel.and_then(|channel| channel.record.history.as_ref()) {
            self.renamed.insert(names::fold(first), key.clone());
        }
    }

    /// Where a channel is now that had another name; the client is told.
    pub(super) fn redirect(&mut self, id: ClientId, name: &str) -> Option<String> {
        let key = self.renamed.get(&names::fold(name))?.clone();
        let now = self.spelled(&key);
        let text = "The channel has been renamed";
        let knows = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.has(Caps::CHANNEL_RENAME));
        if knows {
            self.fail(id, "JOIN", "CHANNEL_RENAMED", &[name, &now], text);
            return None;
        }
        let reply = Reply::new(numeric::ERR_LINKCHANNEL, [name, &now, text]);
        self.reply(id, reply);
        Some(now)
    }

    pub(super) fn on_rename(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let (old, new) = (message.param(0), message.param(1));
        let key = names::fold(old);
        if !self.check_operator(id, user_id, old, &key) {
            return;
        }
        let refusal = match names::channel(new, self.config.limits.channel_name) {
            Some(to) if !new.contains(is_hidden) => {
                let taken = self.channels.contains_key(&to) && to != key
                    || self.renamed.get(&to).is_some_and(|owner| *owner != key);
                if taken {
                    Err(("CHANNEL_NAME_IN_USE", "The channel name is already taken"))
                } else {
                    Ok(to)
                }
            }
            _ => Err(("CANNOT_RENAME", "That is not a channel name")),
        };
        let permanent = self
            .channels
            .get(&key)
            .is_some_and(|channel| channel.record.permanent);
        let above = self.channels.get(&key).is_some_and(|channel| {
            let member = channel.members.get(&user_id);
            channel.record.founder.is_some() && !member.is_some_and(|member| member.founder)
        });
        let refusal = match refusal {
            Ok(_) if permanent => Err((
                "CANNOT_RENAME",
                "The channel is named by the server's configuration",
            )),
            Ok(_) if above && !self.is_administrator(user_id) => {
                let text = "Only the founder or an administrator may rename the channel";
                let reply = Reply::new(numeric::ERR_CHANOPRIVSNEEDED, [old, text]);
                return self.reply(id, reply);
            }
            other => other,
        };
        match refusal {
            Ok(to) => {
                let reason = names::clip(message.param(2), self.config.limits.text).to_owned();
                self.rename_channel(id, user_id, &key, (&to, new), &reason);
            }
            Err((code, text)) => {
                let about = [old, super::claim::known_or(new)];
                self.fail(id, "RENAME", code, &about, text);
            }
        }
    }

    fn rename_channel(
        &mut self,
        id: ClientId,
        user_id: UserId,
        key: &FoldedName,
        (to, new): (&FoldedName, &str),
        reason: &str,
    ) {
        let history = self.history_key(key);
        let Some(mut channel) = self.channels.remove(key) else {
            return;
        };
        let old = std::mem::replace(&mut channel.record.name, new.to_owned());
        channel.record.history = (history != to.as_str()).then(|| history.clone());
        let members: Vec<UserId> = channel.members.keys().copied().collect();
        let body = channel.is_lasting().then(|| match channel.log_entry() {
            Body::Channel(channel) => Body::Renamed {
                from: old.clone(),
                channel,
            },
            change => change,
        });
        self.channels.insert(to.clone(), channel);
        self.renamed.remove(&names::fold(&history));
        self.note_renamed(to);
        for user in self.users.values_mut() {
            for set in [&mut user.channels, &mut user.invites] {
                if set.remove(key) {
                    set.insert(to.clone());
                }
            }
        }
        self.unsaved.rename(key, to);
        let saved = body.map(|body| {
            let record_id = self.next_id();
            let append = self.save(record_id, Subject::Channel(to.clone()), body, None);
            // If it could not be written, the old name is to be forgotten as well.
            self.unsaved
                .insert(append, Subject::Channel(key.clone()), None);
            append
        });
        self.tell_renamed(user_id, &members, (&old, new), (key, to), reason);
        self.explain_unsaved([id], new, saved);
    }

    fn tell_renamed(
        &mut self,
        user_id: UserId,
        members: &[UserId],
        (old, new): (&str, &str),
        (key, to): (&FoldedName, &FoldedName),
        reason: &str,
    ) {
        let event = self.event(user_id, "RENAME", [old, new, reason]);
        let all: Vec<ClientId> = members
            .iter()
            .flat_map(|&member| self.sessions(member))
            .collect();
        let able = self.with_cap(all, Caps::CHANNEL_RENAME);
        self.relay(able.iter().copied(), &event, When::Always);
        // A name that differs only in case is the same for them.
        if key == to {
            return;
        }
        for &member in members {
            let mut params = vec![old.to_owned()];
            params.extend(Some(reason.to_owned()).filter(|reason| !reason.is_empty()));
            let part = self.event(member, "PART", params);
            for session in self.sessions(member) {
                if !able.contains(&session) {
                    self.relay([session], &part, When::Always);
                    self.show_joined(session, member, to);
                }
            }
        }
    }
}
