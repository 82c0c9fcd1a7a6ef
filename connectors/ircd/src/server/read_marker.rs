//! MARKREAD: up to where a member has read a conversation, known to all of the member's clients and to nobody else
//! (<https://ircv3.net/specs/extensions/read-marker>).

use std::collections::BTreeMap;

use irc_codec::Message;
use protocol::{AccountName, FoldedName, Timestamp};

use super::caps::Caps;
use super::client::UserId;
use super::outbox::When;
use super::{ClientId, NotStored, Server, names};
use crate::record::{Body, Read};

/// Conversations remembered per account; those read longest ago are forgotten.
pub(crate) const MAX_READ: usize = 500;

impl Server {
    pub(super) fn on_markread(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let target = message.param(0);
        if target.is_empty() {
            return self.fail(
                id,
                "MARKREAD",
                "NEED_MORE_PARAMS",
                &[],
                "Missing parameters",
            );
        }
        let Some(account) = self
            .users
            .get(&user_id)
            .and_then(|user| user.account.clone())
        else {
            let text = "Only accounts have read markers; sign in";
            return self.fail(id, "MARKREAD", "ACCOUNT_REQUIRED", &[target], text);
        };
        let Some(key) = self.conversation_key(user_id, target) else {
            let text = "That is neither a channel that you are in nor a nickname";
            let about = [super::claim::known_or(target)];
            return self.fail(id, "MARKREAD", "INVALID_PARAMS", &about, text);
        };
        let Some(typed) = message.params.get(1) else {
            return self.send_marker(id, &account, target, &key, When::Always);
        };
        let at = typed
            .strip_prefix("timestamp=")
            .and_then(|time| time.parse::<Timestamp>().ok());
        let Some(at) = at else {
            let text = "Expected timestamp=2026-01-15T10:00:00.000Z";
            let about = [target, super::claim::known_or(typed)];
            return self.fail(id, "MARKREAD", "INVALID_PARAMS", &about, text);
        };
        // Nobody has read what is not written yet.
        let at = at.millis().min(self.last_id.max(self.now.wall.millis()));
        let read = Read {
            account: account.clone(),
            target: key.clone(),
            at,
        };
        if !read.note(&mut self.read) {
            return self.send_marker(id, &account, target, &key, When::Always);
        }
        let record = self.next_id();
        let append = self.append(record, Body::Read(read));
        let mut readers: Vec<ClientId> = self.clients_of(&account);
        readers.retain(|client| *client != id);
        for client in self.with_cap(readers, Caps::READ_MARKER) {
            self.send_marker(client, &account, target, &key, When::Stored(append));
        }
        self.send_marker(id, &account, target, &key, When::Stored(append));
        for reason in [NotStored::Full, NotStored::Failed] {
            let text = "The read marker could not be stored";
            let mut params = vec!["MARKREAD", "INTERNAL_ERROR", target, text];
            let code = if self.understands_fail(id) {
                "FAIL"
            } else {
                params = vec![target, text];
                "NOTICE"
            };
            self.reply_message_when(id, Message::new(code, params), When::Failed(append, reason));
        }
    }

    fn clients_of(&self, account: &AccountName) -> Vec<ClientId> {
        let users = self.users.values();
        users
            .filter(|user| user.account.as_ref() == Some(account))
            .flat_map(|user| user.sessions.iter().copied())
            .collect()
    }

    /// The key of a conversation for one of its participants: the channel's history, or the other's identity.
    fn conversation_key(&self, user_id: UserId, target: &str) -> Option<String> {
        let folded = names::fold(target);
        if target.starts_with('#') {
            let inside = self.users.get(&user_id)?.channels.contains(&folded);
            return inside.then(|| self.history_key(&folded));
        }
        if !names::is_nick(target, self.config.limits.nick) {
            return None;
        }
        let other = self.nicks.get(&folded).and_then(|id| self.users.get(id));
        Some(other.map_or_else(|| folded.to_string(), super::client::User::identity))
    }

    fn send_marker(
        &mut self,
        id: ClientId,
        account: &AccountName,
        target: &str,
        key: &str,
        when: When,
    ) {
        let at = self.read.get(account).and_then(|all| all.get(key));
        let shown = at.map_or_else(
            || "*".to_owned(),
            |at| format!("timestamp={}", Timestamp::from_millis(*at)),
        );
        self.reply_message_when(id, Message::new("MARKREAD", [target, &shown]), when);
    }

    /// Sends a session the marker of a channel that it has just joined.
    pub(super) fn send_marker_of(&mut self, id: ClientId, key: &FoldedName) {
        let client = self.clients.get(&id);
        let client = client.filter(|client| client.caps.has(Caps::READ_MARKER));
        if let Some(account) = client.and_then(|client| client.account.clone()) {
            let (name, history) = (self.spelled(key), self.history_key(key));
            self.send_marker(id, &account, &name, &history, When::Always);
        }
    }
}

impl Read {
    /// Notes it; returns whether anything changed: a marker never goes back.
    pub(crate) fn note(&self, all: &mut BTreeMap<AccountName, BTreeMap<String, i64>>) -> bool {
        let markers = all.entry(self.account.clone()).or_default();
        if markers.get(&self.target).is_some_and(|&at| at >= self.at) {
            return false;
        }
        markers.insert(self.target.clone(), self.at);
        if markers.len() > MAX_READ {
            let oldest = markers.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(target, _)| target.clone()) {
                markers.remove(&oldest);
            }
        }
        true
    }
}
