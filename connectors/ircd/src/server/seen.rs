//! How far the clients of a member have been shown what was said, so that one that comes back is shown what it
//! missed (see [`super::missed`]).
//!
//! A client is told apart from the member's others by the name that it gives, `account@client` at sign-in, else
//! by its user name: programs seldom share one, and whoever does is one client.

use std::collections::BTreeMap;

use protocol::AccountName;

use super::caps::Caps;
use super::client::UserId;
use super::track::Track;
use super::{ClientId, Server};
use crate::record::{Body, Seen};

/// Clients that are remembered of one account; those longest away are forgotten.
pub(crate) const MAX_CLIENTS: usize = 16;

/// Under this name is kept when the member was here last at all; no client can have it.
pub(crate) const ANY: &str = "*";

/// The longest name of a client, in bytes.
pub(super) const MAX_NAME: usize = 32;

/// How a connection ended by itself.
pub(crate) const CLOSED: &str = "Connection closed";

impl Server {
    /// Returns up to where a client of an account was shown what was said.
    fn seen(&self, account: &AccountName, name: &str, online: bool) -> i64 {
        let seen = self.seen.get(account);
        let all = || seen.into_iter().flatten();
        let own = all().find(|(known, _)| *known == name);
        // A client of a new name may be an old one: it begins where the last of them ended.
        let others = || {
            all()
                .filter(|(known, _)| *known != ANY)
                .max_by_key(|(_, at)| **at)
        };
        let any = || all().find(|(known, _)| *known == ANY && !online);
        own.or_else(others)
            .or_else(any)
            .map_or(self.last_id, |(_, &at)| at)
    }

    /// Notes up to where a client of an account was shown what was said.
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

    /// Begins to follow what a member's client is shown, and shows it what it missed.
    pub(super) fn begin_track(&mut self, id: ClientId, user_id: UserId, online: bool) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        // Whoever asks for history is not given it unasked (draft/chathistory).
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
        let since = self.seen(&account, &name, online);
        let queue = self.missed_at_start(user_id, &account);
        if let Some(client) = self.clients.get_mut(&id) {
            client.track = Some(Box::new(Track {
                name,
                since,
                shown: since,
                proved: since,
                asked: None,
                queue,
                lines: self.config.limits.replay_lines_in_all,
            }));
        }
        self.show_next_missed(id);
    }

    /// A connection is over: what is certain to have been read is noted. One that ends properly has read all.
    pub(super) fn end_track(&mut self, client: &super::client::Client, reason: &str) {
        let (Some(track), Some(account)) = (&client.track, &client.account) else {
            return;
        };
        let proper = reason == CLOSED || reason.starts_with("Quit");
        let at = if proper { track.shown } else { track.proved };
        self.note_seen(account, &track.name, at);
    }

    /// The server stops: everybody is sent what waits, and then the end.
    pub(super) fn end_all_tracks(&mut self) {
        for client in self.clients.values() {
            if let (Some(track), Some(account)) = (&client.track, &client.account) {
                let seen = Seen {
                    account: account.clone(),
                    client: track.name.clone(),
                    at: track.shown,
                };
                seen.note(&mut self.seen);
            }
        }
    }

    /// A PING is sent.
    pub(super) fn ask_track(&mut self, id: ClientId) {
        if let Some(track) = self.clients.get_mut(&id).and_then(|c| c.track.as_mut()) {
            track.asked = Some(track.shown);
        }
    }

    /// It was answered: what was sent before it has been read.
    pub(super) fn prove_track(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let (Some(track), Some(account)) = (&mut client.track, client.account.clone()) else {
            return;
        };
        let Some(at) = track.asked.take().filter(|&at| at > track.proved) else {
            return;
        };
        track.proved = at;
        let name = track.name.clone();
        self.note_seen(&account, &name, at);
    }
}

impl Seen {
    /// What was said before an account was known is not missed by anybody.
    pub(crate) fn first(account: &AccountName, at: i64) -> Self {
        Self {
            account: account.clone(),
            client: ANY.to_owned(),
            at,
        }
    }

    /// Notes it; returns whether that changed anything.
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
