//! An account's open connections, as clients name them, and its clients.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{AccountName, ConnectionId, ConnectionStatus, PersonId, SessionRef};
use tokio::time::Instant;

use super::Hub;
use crate::clients::Client;
use crate::link::Link;
use crate::platform::{PlatformInfo, SocketId};
use mutex::lock;

/// An account's open connections and clients.
#[derive(Default)]
pub(super) struct Account {
    pub(super) links: HashMap<ConnectionId, Arc<Link>>,
    /// Clients that the account's sessions admitted.
    pub(super) clients: HashMap<SocketId, Arc<dyn Client>>,
    /// When the account's connections were last fetched; locked during a fetch.
    pub(super) fetched: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

impl Hub {
    /// Adds a client to its account; returns false if there are too many.
    pub(crate) fn enter(&self, client: Arc<dyn Client>) -> bool {
        let mut accounts = lock(&self.accounts);
        let account = accounts
            .entry(client.admitted().account().clone())
            .or_default();
        let free = account.clients.len() < self.most_sockets;
        if free {
            account.clients.insert(client.admitted().id, client);
        }
        free
    }

    /// Removes a client that has ended.
    pub(crate) fn leave(&self, client: &dyn Client) {
        let mut accounts = lock(&self.accounts);
        if let Some(account) = accounts.get_mut(client.admitted().account()) {
            account.clients.remove(&client.admitted().id);
            if account.clients.is_empty() && account.links.is_empty() {
                accounts.remove(client.admitted().account());
            }
        }
    }

    /// Returns the sessions that admitted the clients of matching accounts.
    pub(crate) fn sessions(&self, meant: impl Fn(&AccountName) -> bool) -> Vec<SessionRef> {
        let accounts = lock(&self.accounts);
        let of = accounts.iter().filter(|(name, _)| meant(name));
        of.flat_map(|(_, account)| account.clients.values())
            .map(|client| client.admitted().session.clone())
            .collect()
    }

    /// Returns an account's clients that were admitted by matching sessions.
    pub(crate) fn clients(
        &self,
        account: &AccountName,
        by: impl Fn(&SessionRef) -> bool,
    ) -> Vec<Arc<dyn Client>> {
        let accounts = lock(&self.accounts);
        let account = accounts.get(account);
        let clients = account.into_iter().flat_map(|of| of.clients.values());
        clients
            .filter(|client| by(&client.admitted().session))
            .cloned()
            .collect()
    }

    /// Returns an account's open connections, in the order of their names.
    pub(crate) fn links(&self, account: &AccountName) -> Vec<Arc<Link>> {
        let accounts = lock(&self.accounts);
        let links = accounts.get(account).map(|account| account.links.values());
        let mut links: Vec<Arc<Link>> = links
            .into_iter()
            .flatten()
            .filter(|link| !link.has_ended())
            .cloned()
            .collect();
        links.sort_by_cached_key(|link| {
            let record = link.record();
            (record.name.clone(), record.id.clone())
        });
        links
    }

    /// Returns what the gateway knows about a platform.
    pub(crate) fn platform(&self, id: &str) -> Option<Arc<PlatformInfo>> {
        self.platforms.get(id).map(|kind| Arc::clone(&kind.info))
    }

    /// Returns the number of connections in each state.
    pub(crate) fn statuses(&self) -> Vec<(&'static str, usize)> {
        let accounts = lock(&self.accounts);
        let links = || accounts.values().flat_map(|account| account.links.values());
        let count =
            |status: ConnectionStatus| links().filter(|link| link.status() == status as u8).count();
        ConnectionStatus::ALL
            .iter()
            .map(|status| (status.name(), count(*status)))
            .collect()
    }

    /// Finds the connection that a client means by its actor: matching server and nickname, or the only connection to
    /// that server.
    pub(crate) fn find(&self, account: &AccountName, actor: &PersonId) -> Option<Arc<Link>> {
        self.find_named(account, actor, true)
    }

    pub(super) fn find_named(
        &self,
        account: &AccountName,
        actor: &PersonId,
        lone: bool,
    ) -> Option<Arc<Link>> {
        let accounts = lock(&self.accounts);
        let links = &accounts.get(account)?.links;
        let mut same: Vec<&Arc<Link>> = links
            .values()
            .filter(|link| {
                !link.has_ended() && link.record().server.eq_ignore_ascii_case(&actor.server)
            })
            .collect();
        let named = same.iter().position(|link| {
            let nick = &actor.nick;
            let folding = link.folding();
            folding.same(&link.record().nick, nick) || folding.same(&link.nick(), nick)
        });
        match (named, same.len()) {
            (Some(index), _) => Some(Arc::clone(same.swap_remove(index))),
            (None, 1) if lone => same.pop().map(Arc::clone),
            _ => None,
        }
    }
}
