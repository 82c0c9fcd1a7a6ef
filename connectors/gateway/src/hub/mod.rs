//! The connections of all accounts: started, changed and stopped as the functions say.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{AccountName, Assignment, ConnectionId, PersonId};
use serde_json::Value;
use tokio::time::Instant;

use crate::SocketId;
use crate::gateway::Shared;
use crate::link::{self, Link, ToLink};
use crate::sockets::client::Client;
use connector_kit::{Assigned, FunctionsError};
use connector_kit::{Backoff, jitter};

/// How long a client that connects waits for what an earlier run recorded to be published.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);
/// Least time between two fetches for one account.
const FETCH_PAUSE: Duration = Duration::from_millis(500);
/// What is said on a network when its connection was removed or switched off.
const REMOVED: &str = "the connection was removed";

/// What an account has open.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) links: HashMap<ConnectionId, Arc<Link>>,
    /// Sockets with a ticket of the account.
    pub(crate) clients: HashMap<SocketId, Arc<Client>>,
    /// When the account's connections were fetched last; locked while they are.
    fetched: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Fetches the connections at start, and again and again to learn of changes.
    pub(crate) async fn keep(self: Arc<Self>) {
        self.publish_first().await;
        self.recorded.send_replace(true);
        let limits = &self.config.limits;
        let mut backoff = Backoff::new(limits.retry);
        let mut complained = None;
        loop {
            let started = Instant::now();
            let cursor = self.spool.settled_until();
            match self.client.assignments(None).await {
                Ok(assigned) => {
                    if complained.take().is_some() {
                        tracing::info!("the functions can be reached again");
                    }
                    backoff.reset();
                    self.reconcile(assigned, None, started, cursor);
                    self.forget_recent();
                    self.known.send_replace(true);
                    let pause = tokio::time::sleep(limits.refresh + jitter(limits.refresh / 5));
                    tokio::select! {
                        () = pause => {}
                        () = self.stale.notified() => {}
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if complained.as_ref() != Some(&text) {
                        tracing::warn!(
                            error = text,
                            "the list of connections cannot be fetched; trying again"
                        );
                        complained = Some(text);
                    }
                    tokio::time::sleep(backoff.pause()).await;
                }
            }
        }
    }

    /// Waits until what an earlier run recorded is published: a channel that was joined belongs in the record.
    async fn publish_first(&self) {
        let (end, mut pause) = (self.spool.end(), Backoff::new(FETCH_PAUSE));
        while self.spool.settled_until() < end {
            tokio::time::sleep(pause.pause()).await;
        }
    }

    /// Waits for that, for a while: a list of connections that is fetched before knows nothing of what was acknowledged
    /// last, such as a channel that was left.
    async fn recorded_first(&self) {
        let mut recorded = self.recorded.subscribe();
        let _ = tokio::time::timeout(RECORD_TIMEOUT, recorded.wait_for(|done| *done)).await;
    }

    /// Starts, changes and stops connections so that they are those assigned; of one account, or of all.
    fn reconcile(
        self: &Arc<Self>,
        assigned: Assigned,
        only: Option<&AccountName>,
        fetched: Instant,
        cursor: u64,
    ) {
        let mut wanted: HashSet<(AccountName, ConnectionId)> = HashSet::new();
        // A list may come late: nobody's newer one is undone by it.
        let newer: HashSet<AccountName> = {
            let mut applied = lock(&self.applied);
            if only.is_none() {
                applied.retain(|_, at| *at > fetched);
            }
            let known = applied.iter().filter(|(_, at)| **at > fetched);
            let mut newer: HashSet<AccountName> = known.map(|(name, _)| name.clone()).collect();
            // What of theirs is missing may be what cannot be understood.
            newer.extend(assigned.unclear);
            if let Some(only) = only {
                let at = applied.entry(only.clone()).or_insert(fetched);
                *at = fetched.max(*at);
            }
            newer
        };
        for assignment in assigned.assignments {
            if only.is_some_and(|only| *only != assignment.account)
                || newer.contains(&assignment.account)
                || !assignment.connection.enabled
            {
                continue;
            }
            wanted.insert((assignment.account.clone(), assignment.connection.id.clone()));
            self.assign(assignment, cursor);
        }
        let mut accounts = lock(&self.accounts);
        for (name, account) in accounts.iter_mut() {
            if only.is_some_and(|only| only != name) || newer.contains(name) {
                continue;
            }
            account.links.retain(|id, link| {
                // A connection that is younger than the list cannot be in it.
                let keep = assigned.incomplete
                    || link.created >= fetched
                    || wanted.contains(&(name.clone(), id.clone()));
                if !keep {
                    tell(link, ToLink::Stop(REMOVED.to_owned()));
                }
                keep && !link.has_ended()
            });
        }
        accounts.retain(|_, account| !account.links.is_empty() || !account.clients.is_empty());
    }

    /// Starts a connection, or tells it that its record changed.
    fn assign(self: &Arc<Self>, assignment: Assignment, cursor: u64) -> Option<Arc<Link>> {
        if self.is_closing() {
            return None;
        }
        let Some(kind) = self.platforms.get(assignment.connection.platform.as_str()) else {
            tracing::error!(account = %assignment.account, platform = assignment.connection.platform,
                "a connection of a platform that this connector does not have is left out");
            return None;
        };
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry(assignment.account.clone()).or_default();
        let known = account.links.get(&assignment.connection.id);
        if let Some(link) = known.filter(|link| !link.has_ended()) {
            let mut assignment = assignment;
            // While events that change the record are on their way, what they change is old in it.
            if !link.is_settled(cursor) {
                let record = link.record();
                assignment.connection.nick.clone_from(&record.nick);
                assignment.connection.channels.clone_from(&record.channels);
            }
            let folding = link.folding();
            if !link::same(&link.record(), &assignment.connection, folding) {
                tell(link, ToLink::Reassign(Box::new(assignment)));
            }
            return Some(Arc::clone(link));
        }
        let recent = self.take_recent(&assignment.account, &assignment.connection);
        let id = assignment.connection.id.clone();
        let link = link::start(self, kind.clone(), assignment, recent);
        account.links.insert(id, Arc::clone(&link));
        Some(link)
    }

    /// Finds the connection that a client means by its actor: by server and nickname, or a lone one with that server.
    pub(crate) fn find(&self, account: &AccountName, actor: &PersonId) -> Option<Arc<Link>> {
        self.find_named(account, actor, true)
    }

    fn find_named(&self, account: &AccountName, actor: &PersonId, lone: bool) -> Option<Arc<Link>> {
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

    /// Finds a connection by its id.
    pub(crate) fn find_by_id(&self, account: &AccountName, id: &str) -> Option<Arc<Link>> {
        let accounts = lock(&self.accounts);
        let link = accounts.get(account)?.links.get(id)?;
        (!link.has_ended()).then(|| Arc::clone(link))
    }

    /// Fetches the connections of one account because they changed. A `connect` that comes meanwhile waits for them.
    pub(crate) async fn refetch_changed(
        self: &Arc<Self>,
        account: &AccountName,
    ) -> Result<(), FunctionsError> {
        let fetched = Arc::clone(
            &lock(&self.accounts)
                .entry(account.clone())
                .or_default()
                .fetched,
        );
        let mut fetched = fetched.lock().await;
        let result = self.refetch(account).await;
        *fetched = Some(Instant::now());
        drop(fetched);
        let unsettled = {
            let accounts = lock(&self.accounts);
            let links = accounts.get(account).map(|account| &account.links);
            let cursor = self.spool.settled_until();
            links.is_some_and(|links| links.values().any(|link| !link.is_settled(cursor)))
        };
        if unsettled {
            // Of such a connection nicknames and channels were left as they are here.
            tokio::spawn(Arc::clone(self).refetch_settled(account.clone()));
        }
        result
    }

    /// Fetches the connections of an account again once everything that it recorded until now is published.
    async fn refetch_settled(self: Arc<Self>, account: AccountName) {
        let (end, mut pause) = (self.spool.end(), Backoff::new(FETCH_PAUSE));
        // The list of all is fetched each minute anyway.
        let until = Instant::now() + self.config.limits.refresh;
        while self.spool.settled_until() < end {
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep(pause.pause()).await;
        }
        // If it fails, the list of all is fetched soon.
        let _ = self.refetch(&account).await;
    }

    /// Fetches the connections of one account.
    pub(crate) async fn refetch(
        self: &Arc<Self>,
        account: &AccountName,
    ) -> Result<(), FunctionsError> {
        self.recorded_first().await;
        let _place = self.fetches.acquire().await;
        let (started, cursor) = (Instant::now(), self.spool.settled_until());
        let assignments = self.client.assignments(Some(account)).await?;
        self.reconcile(assignments, Some(account), started, cursor);
        Ok(())
    }

    /// Finds it as [`Shared::find`] does, asking the functions if it is not known, and makes it if the
    /// client brought credentials.
    pub(crate) async fn find_or_make(
        self: &Arc<Self>,
        account: &AccountName,
        platform: &str,
        actor: &PersonId,
        credentials: Option<&Value>,
    ) -> Result<Arc<Link>, String> {
        let unreachable = |error: FunctionsError| {
            format!(
                "the connection to {} cannot be looked up now: {error}; try again later",
                actor.server
            )
        };
        let fetched = Arc::clone(
            &lock(&self.accounts)
                .entry(account.clone())
                .or_default()
                .fetched,
        );
        // While they are being fetched because they changed, what is known here is old.
        let mut fetched = fetched.lock().await;
        if let Some(link) = self.find_named(account, actor, false) {
            return Ok(link);
        }
        if let Some(last) = *fetched {
            tokio::time::sleep_until(last + FETCH_PAUSE).await;
        }
        self.recorded_first().await;
        let place = self.fetches.acquire().await;
        let (started, cursor) = (Instant::now(), self.spool.settled_until());
        let assignments = self.client.assignments(Some(account)).await;
        *fetched = Some(Instant::now());
        self.reconcile(
            assignments.map_err(unreachable)?,
            Some(account),
            started,
            cursor,
        );
        if let Some(link) = self.find(account, actor) {
            return Ok(link);
        }
        let object = credentials
            .ok_or("no client found, and no credentials specified. you must connect first")?;
        let kind = self
            .platforms
            .get(platform)
            .ok_or("the platform is not enabled")?;
        let mut connection = kind.platform.credentials(actor, object)?;
        self.config.id.clone_into(&mut connection.connector);
        connection.enabled = true;
        if connection.id.is_empty() {
            connection.id = random_id();
        }
        let assignment = Assignment {
            account: account.clone(),
            connection,
        };
        let remembered = self
            .client
            .remember(&assignment)
            .await
            .map_err(unreachable)?;
        drop(place);
        self.assign(remembered, cursor)
            .ok_or_else(|| "the gateway is shutting down; try again in a moment".to_owned())
    }

    /// Stops every connection and waits until all have ended or their time is over.
    pub(crate) async fn stop_all(&self, reason: &str) {
        let links: Vec<Arc<Link>> = lock(&self.accounts)
            .values_mut()
            .flat_map(|account| account.links.drain().map(|(_, link)| link))
            .collect();
        for link in &links {
            tell(link, ToLink::Stop(reason.to_owned()));
        }
        // Each of them gives up by itself after that time.
        let end = Instant::now() + self.config.limits.stop + Duration::from_secs(1);
        for link in links {
            if tokio::time::timeout_at(end, link.ended()).await.is_err() {
                tracing::warn!("a connection did not end in time");
            }
        }
    }
}

/// Tells a connection something; its inbox is full only for moments, so a task may wait for room.
pub(crate) fn tell(link: &Arc<Link>, message: ToLink) {
    if let Err(tokio::sync::mpsc::error::TrySendError::Full(message)) = link.inbox.try_send(message)
    {
        let inbox = link.inbox.clone();
        tokio::spawn(async move {
            let _ = inbox.send(message).await;
        });
    }
}

/// Makes an id of a connection: 16 of `0-9a-f`.
fn random_id() -> String {
    let random = getrandom::u64().unwrap_or_else(|_| connector_kit::now().millis().unsigned_abs());
    format!("{random:016x}")
}
