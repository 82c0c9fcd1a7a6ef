//! The keys of METADATA that clients have subscribed to, and the values that they are sent for them.

use std::collections::BTreeSet;

use irc_codec::{Message, numeric};
use protocol::FoldedName;

use super::bounds::MAX_SUBS;
use super::client::{User, UserId};
use super::metadata::is_key;
use super::outbox::When;
use super::{ClientId, Server, names};

/// Values sent in one answer; who needs more asks for single people.
const MAX_ANSWER: usize = 2_000;

impl Server {
    pub(super) fn subscribe(&mut self, id: ClientId, user_id: UserId, keys: &[String]) {
        let mut added = Vec::new();
        for key in keys {
            if !is_key(key) {
                self.fail_key(id, None, key);
                continue;
            }
            let Some(client) = self.clients.get_mut(&id) else {
                return;
            };
            let subscriptions = &mut client.subscriptions;
            if subscriptions.len() >= MAX_SUBS && !subscriptions.contains(key) {
                let text = format!("A client subscribes to at most {MAX_SUBS} keys");
                self.fail(id, "METADATA", "TOO_MANY_SUBS", &[key], &text);
                break;
            }
            subscriptions.insert(key.clone());
            added.push(key.clone());
        }
        self.list_keys(id, None, numeric::RPL_METADATASUBOK, &added);
        if !added.is_empty() {
            let users = self.visible_users(user_id);
            self.send_values(id, "*ALL", &users, &added);
        }
    }

    pub(super) fn unsubscribe(&mut self, id: ClientId, keys: &[String]) {
        let mut removed = Vec::new();
        for key in keys {
            if !is_key(key) {
                self.fail_key(id, None, key);
                continue;
            }
            if let Some(client) = self.clients.get_mut(&id) {
                client.subscriptions.remove(key);
            }
            removed.push(key.clone());
        }
        self.list_keys(id, None, numeric::RPL_METADATAUNSUBOK, &removed);
    }

    pub(super) fn send_subscriptions(&mut self, id: ClientId) {
        let keys = self.subscriptions(id);
        let batch = self.open_batch(id, &["metadata-subs"]);
        self.list_keys(id, batch.as_deref(), numeric::RPL_METADATASUBS, &keys);
        self.close_batch(id, batch);
    }

    fn subscriptions(&self, id: ClientId) -> Vec<String> {
        let client = self.clients.get(&id);
        client.map_or_else(Vec::new, |client| {
            client.subscriptions.iter().cloned().collect()
        })
    }

    /// Ten keys fit a line.
    fn list_keys(
        &mut self,
        id: ClientId,
        batch: Option<&str>,
        code: irc_codec::Numeric,
        keys: &[String],
    ) {
        for keys in keys.chunks(10) {
            let params = std::iter::once(self.name_for(id)).chain(keys.iter().cloned());
            self.push_in(id, batch, Message::new(&code.to_string(), params));
        }
    }

    /// The user, and of everybody who shares a channel those who have set something.
    fn visible_users(&self, user_id: UserId) -> BTreeSet<UserId> {
        let own = self.users.get(&user_id);
        let shares = |user: &User| own.is_some_and(|own| !own.channels.is_disjoint(&user.channels));
        let has = |user: &User| {
            let account = user.account.as_ref();
            account.is_some_and(|account| self.metadata.contains_key(account))
        };
        let users = self.users.iter();
        let found = users.filter(|(id, user)| **id == user_id || has(user) && shares(user));
        found.map(|(id, _)| *id).collect()
    }

    pub(super) fn sync(&mut self, id: ClientId, user_id: UserId, target: &str) {
        let users = match target {
            "*ALL" => Some(self.visible_users(user_id)),
            "*" => Some(BTreeSet::from([user_id])),
            _ if target.starts_with('#') => {
                let channel = self.channels.get(&names::fold(target));
                let channel = channel.filter(|c| c.members.contains_key(&user_id));
                channel.map(|channel| channel.members.keys().copied().collect())
            }
            _ => {
                let user = self.nicks.get(&names::fold(target));
                user.map(|user| BTreeSet::from([*user]))
            }
        };
        let Some(users) = users else {
            let about = [super::claim::known_or(target)];
            let text = "That is neither a channel that you are in nor a user";
            return self.fail(id, "METADATA", "INVALID_TARGET", &about, text);
        };
        let keys = self.subscriptions(id);
        self.send_values(id, target, &users, &keys);
    }

    /// Sends the values of these keys for users, as a batch.
    fn send_values(
        &mut self,
        id: ClientId,
        target: &str,
        users: &BTreeSet<UserId>,
        keys: &[String],
    ) {
        let values: Vec<[String; 4]> = users
            .iter()
            .filter_map(|user| self.users.get(user))
            .filter_map(|user| Some((user, self.metadata.get(user.account.as_ref()?)?)))
            .flat_map(|(user, set)| {
                let set = keys.iter().filter_map(|key| Some((key, set.get(key)?)));
                set.map(|(key, value)| [user.nick.as_str(), key, "*", value].map(str::to_owned))
            })
            .take(MAX_ANSWER)
            .collect();
        let batch = self.open_batch(id, &["metadata", target]);
        for params in values {
            self.push_in(id, batch.as_deref(), Message::new("METADATA", params));
        }
        self.close_batch(id, batch);
    }

    /// Somebody joined: their values for the others, and the others' for them.
    pub(super) fn exchange_metadata(&mut self, user_id: UserId, key: &FoldedName) {
        let members: BTreeSet<UserId> = self
            .channels
            .get(key)
            .map_or_else(BTreeSet::new, |c| c.members.keys().copied().collect());
        let name = self.spelled(key);
        for session in self.sessions(user_id) {
            let keys = self.subscriptions(session);
            if !keys.is_empty() {
                self.send_values(session, &name, &members, &keys);
            }
        }
        let user = self.users.get(&user_id);
        let account = user.and_then(|user| user.account.as_ref());
        let set = account
            .and_then(|account| self.metadata.get(account))
            .cloned();
        if set.is_none() || self.is_muted(user_id, key) {
            return;
        }
        let nick = user.map(|user| user.nick.clone()).unwrap_or_default();
        let mut others: BTreeSet<ClientId> = self.audience(key).into_iter().collect();
        for session in self.sessions(user_id) {
            others.remove(&session);
        }
        for (key, value) in set.unwrap_or_default() {
            let readers = self.subscribers(others.clone(), &key);
            let event = self.event(user_id, "METADATA", [nick.as_str(), &key, "*", &value]);
            self.relay(readers, &event, When::Always);
        }
    }
}
