//! The connections of all accounts: started, changed and stopped as the functions say.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{AccountName, Assignment, ConnectionId, PersonId};
use serde_json::Value;
use tokio::time::Instant;

use crate::client::FunctionsError;
use crate::clock::{Backoff, jitter};
use crate::gateway::Shared;
use crate::link::{self, Link, ToLink};

/// Least time between two fetches for one account.
const FETCH_PAUSE: Duration = Duration::from_millis(500);
/// What is said on a network when its connection was removed or switched off.
const REMOVED: &str = "the connection was removed";

/// What an account has open.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) links: HashMap<ConnectionId, Arc<Link>>,
    pub(crate) sockets: usize,
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
        let limits = &self.config.limits;
        let mut backoff = Backoff::new(limits.retry);
        let mut complained = None;
        loop {
            let started = Instant::now();
            let cursor = self.spool.cursor();
            match self.client.assignments(None).await {
                Ok(assignments) => {
                    if complained.take().is_some() {
                        tracing::info!("the functions can be reached again");
                    }
                    backoff.reset();
                    self.reconcile(assignments, None, started, cursor);
                    self.forget_recent();
                    self.known.send_replace(true);
                    tokio::time::sleep(limits.refresh + jitter(limits.refresh / 5)).await;
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
        while self.spool.cursor() < end {
            tokio::time::sleep(pause.pause()).await;
        }
    }

    /// Starts, changes and stops connections so that they are those assigned; of one account, or of all.
    fn reconcile(
        self: &Arc<Self>,
        assignments: Vec<Assignment>,
        only: Option<&AccountName>,
        fetched: Instant,
        cursor: u64,
    ) {
        let mut wanted: HashSet<(AccountName, ConnectionId)> = HashSet::new();
        for assignment in assignments {
            if only.is_some_and(|only| *only != assignment.account)
                || !assignment.connection.enabled
            {
                continue;
            }
            wanted.insert((assignment.account.clone(), assignment.connection.id.clone()));
            self.assign(assignment, cursor);
        }
        let mut accounts = lock(&self.accounts);
        for (name, account) in accounts.iter_mut() {
            if only.is_some_and(|only| only != name) {
                continue;
            }
            account.links.retain(|id, link| {
                // A connection that is younger than the list cannot be in it.
                let keep = link.created >= fetched || wanted.contains(&(name.clone(), id.clone()));
                if !keep {
                    tell(link, ToLink::Stop(REMOVED.to_owned()));
                }
                keep && !link.has_ended()
            });
        }
        accounts.retain(|_, account| !account.links.is_empty() || account.sockets > 0);
    }

    /// Starts a connection, or tells it that its record changed.
    fn assign(self: &Arc<Self>, assignment: Assignment, cursor: u64) -> Option<Arc<Link>> {
        if self.is_closing() {
            return None;
        }
        let Some(platform) = self.platforms.get(assignment.connection.platform.as_str()) else {
            tracing::error!(account = %assignment.account, platform = assignment.connection.platform,
                "a connection of a platform that this connector does not have is left out");
            return None;
        };
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry(assignment.account.clone()).or_default();
        let known = account.links.get(&assignment.connection.id);
        if let Some(link) = known.filter(|link| !link.has_ended()) {
            let changed = !link::same(&link.record(), &assignment.connection);
            // While events that change the record are on their way, the record is old.
            if changed && link.is_settled(cursor) {
                tell(link, ToLink::Reassign(Box::new(assignment)));
            }
            return Some(Arc::clone(link));
        }
        let recent = self.take_recent(&assignment.account, &assignment.connection);
        let id = assignment.connection.id.clone();
        let link = link::start(self, Arc::clone(platform), assignment, recent);
        account.links.insert(id, Arc::clone(&link));
        Some(link)
    }

    /// Finds the connection that a client means by its actor.
    pub(crate) fn find(&self, account: &AccountName, actor: &PersonId) -> Option<Arc<Link>> {
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
            link.record().nick.eq_ignore_ascii_case(nick) || link.nick().eq_ignore_ascii_case(nick)
        });
        match (named, same.len()) {
            (Some(index), _) => Some(Arc::clone(same.swap_remove(index))),
            (None, 1) => same.pop().map(Arc::clone),
            _ => None,
        }
    }

    /// Finds a connection by its id.
    pub(crate) fn find_by_id(&self, account: &AccountName, id: &str) -> Option<Arc<Link>> {
        let accounts = lock(&self.accounts);
        let link = accounts.get(account)?.links.get(id)?;
        (!link.has_ended()).then(|| Arc::clone(link))
    }

    /// Fetches the connections of one account.
    pub(crate) async fn refetch(
        self: &Arc<Self>,
        account: &AccountName,
    ) -> Result<(), FunctionsError> {
        let _place = self.fetches.acquire().await;
        let (started, cursor) = (Instant::now(), self.spool.cursor());
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
        if let Some(link) = self.find(account, actor) {
            return Ok(link);
        }
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
        let mut fetched = fetched.lock().await;
        if let Some(link) = self.find(account, actor) {
            return Ok(link);
        }
        if let Some(last) = *fetched {
            tokio::time::sleep_until(last + FETCH_PAUSE).await;
        }
        let place = self.fetches.acquire().await;
        let (started, cursor) = (Instant::now(), self.spool.cursor());
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
        let mut connection = kind.credentials(actor, object)?;
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
    let random = getrandom::u64().unwrap_or_else(|_| crate::clock::now().millis().unsigned_abs());
    format!("{random:016x}")
}
