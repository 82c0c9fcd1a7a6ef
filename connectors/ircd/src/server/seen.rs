//! The message up to which each of a member's clients has been sent everything, so that a returning client is sent
//! what it missed (see [`super::missed`]).
//!
//! A member's clients are distinguished by the name each gives at sign-in, `account@client`, otherwise by user name:
//! programs seldom share one, and those that do count as one client.

use std::collections::BTreeMap;

use protocol::AccountName;

use super::caps::Caps;
use super::client::UserId;
use super::departure::Departure;
use super::playback::Playback;
use super::{ClientId, Server};
use crate::record::{Body, Seen};

/// Clients remembered per account; those absent longest are forgotten.
pub(crate) const MAX_CLIENTS: usize = 16;

/// The name under which the time of the member's last visit with any client is stored; no client can have it.
pub(crate) const ANY: &str = "*";

/// Maximum length of a client's name, in bytes.
pub(super) const MAX_NAME: usize = 32;

impl Server {
    /// Returns the messages up to which an account's client has been sent everything: in channels, and directly.
    ///
    /// A new client of a member who is online starts in channels from now. Of direct messages it is sent those that no
    /// client without draft/chathistory has been sent: their senders were told that they are shown.
    fn seen(&self, account: &AccountName, name: &str, online: bool) -> (i64, i64) {
        let seen = self.seen.get(account);
        let all = || seen.into_iter().flatten();
        let own = all().find(|(known, _)| *known == name);
        // A client with a new name may be an old one: it starts where the most recent of them ended.
        let others = || {
            all()
                .filter(|(known, _)| *known != ANY)
                .max_by_key(|(_, at)| **at)
        };
        let any = || all().find(|(known, _)| *known == ANY);
        let at = |found: Option<(_, &i64)>| found.map_or(self.last_id, |(_, &at)| at);
        let plain = own.or_else(others);
        let direct = at(plain.or_else(any));
        let channels = at(plain.or_else(|| any().filter(|_| !online)));
        (channels, direct)
    }

    /// Stores the message up to which an account's client has been sent everything.
    pub(super) fn note_seen(&mut self, account: &AccountName, name: &str, at: i64) {
        let seen = Seen {
            account: account.clone(),
            client: name.to_owned(),
            at,
        };
        if seen.note(&mut self.seen) {
            let id = self.next_id();
            self.append(id, Body::Seen(seen));
        }
    }

    /// Starts tracking what a member's client is sent, and sends it what it missed.
    pub(super) fn start_playback(&mut self, id: ClientId, user_id: UserId, online: bool) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        // A client with draft/chathistory requests history itself.
        let Some(account) = client
            .account
            .clone()
            .filter(|_| !client.caps.has(Caps::CHATHISTORY))
        else {
            return;
        };
        let name = match (&client.device, self.users.get(&user_id)) {
            (Some(device), _) => device.clone(),
            (None, Some(user)) => format!("~{}", user.name),
            (None, None) => return,
        };
        let (since, direct_since) = self.seen(&account, &name, online);
        let queue = self.missed_at_start(user_id, &account);
        if let Some(client) = self.clients.get_mut(&id) {
            client.playback = Some(Box::new(Playback {
                name,
                since,
                direct_since,
                sent: direct_since,
                acknowledged: direct_since,
                pinged: None,
                queue,
                lines: self.config.limits.replay_lines_in_all,
            }));
        }
        self.show_next_missed(id);
    }

    /// Stores what the client has certainly received when a connection ends. After a proper end, that is everything.
    pub(super) fn end_playback(&mut self, client: &super::client::Client, how: &Departure) {
        let (Some(playback), Some(account)) = (&client.playback, &client.account) else {
            return;
        };
        let at = match how {
            Departure::Quit(_) | Departure::Closed => playback.sent,
            Departure::Lost(_) => playback.acknowledged,
        };
        if playback.has_a_place(at) {
            self.note_seen(account, &playback.name, at);
        }
    }

    /// The server is stopping: queued messages are still sent to everyone.
    pub(super) fn end_all_playbacks(&mut self) {
        for client in self.clients.values() {
            let playback = client.playback.as_ref();
            let playback = playback.filter(|playback| playback.has_a_place(playback.sent));
            if let (Some(playback), Some(account)) = (playback, &client.account) {
                let seen = Seen {
                    account: account.clone(),
                    client: playback.name.clone(),
                    at: playback.sent,
                };
                seen.note(&mut self.seen);
            }
        }
    }

    /// Notes that a PING is sent.
    pub(super) fn note_ping(&mut self, id: ClientId) {
        if let Some(playback) = self.clients.get_mut(&id).and_then(|c| c.playback.as_mut()) {
            playback.pinged = Some(playback.sent);
        }
    }

    /// Notes that the PING was answered: everything sent before it has arrived.
    pub(super) fn note_pong(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let (Some(playback), Some(account)) = (&mut client.playback, client.account.clone()) else {
            return;
        };
        let Some(at) = playback
            .pinged
            .take()
            .filter(|&at| at > playback.acknowledged)
        else {
            return;
        };
        playback.acknowledged = at;
        let name = playback.name.clone();
        self.note_seen(&account, &name, at);
    }
}

impl Seen {
    /// Nothing before the account became known counts as missed.
    pub(crate) fn first(account: &AccountName, at: i64) -> Self {
        Self {
            account: account.clone(),
            client: ANY.to_owned(),
            at,
        }
    }

    /// Notes it; returns whether anything changed.
    pub(crate) fn note(&self, all: &mut BTreeMap<AccountName, BTreeMap<String, i64>>) -> bool {
        let clients = all.entry(self.account.clone()).or_default();
        if clients.get(&self.client).is_some_and(|&at| at >= self.at) {
            return false;
        }
        clients.insert(self.client.clone(), self.at);
        if clients.len() > MAX_CLIENTS {
            let oldest = clients
                .iter()
                .filter(|(name, _)| name.as_str() != ANY)
                .min_by_key(|(_, at)| **at)
                .map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                clients.remove(&oldest);
            }
        }
        true
    }
}
