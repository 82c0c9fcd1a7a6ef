//! The connections of all accounts, started, changed and stopped as the functions direct, and the clients of
//! accounts.

mod clients;
mod unsettled;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use program::Seldom;
use protocol::{AccountName, Activity, Assignment, Connection, ConnectionId, Event, PersonId};
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

use self::clients::Account;
pub(crate) use self::unsettled::Changes;
use self::unsettled::Unsettled;
use crate::config::GatewayConfig;
use crate::link::{self, Delivery, Link, ToLink, activity_of};
use crate::outbox;
use crate::platform::{Platforms, SocketId};
use connector_kit::{Assigned, FunctionsClient, FunctionsError};
use connector_kit::{Backoff, jitter};
use mutex::lock;

/// How long a connecting client waits for its account's changes recorded by an earlier run to be published.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);
/// Minimum interval between two fetches for one account.
const FETCH_PAUSE: Duration = Duration::from_millis(500);
/// Concurrent requests to the functions about single accounts.
const MAX_FETCHES: usize = 16;
/// Quit message on a network when its connection was removed or switched off.
const REMOVED: &str = "the connection was removed";

static NOT_FETCHED: Seldom = Seldom::new();
static LEFT_OUT: Seldom = Seldom::new();
static NOT_ENDED: Seldom = Seldom::new();

/// What the spool remembers of connections that have not started yet, by account and connection.
pub(crate) type Recent = HashMap<(AccountName, String), VecDeque<Event>>;

/// The open connections and sockets of all accounts.
pub(crate) struct Hub {
    /// The connector's id.
    id: String,
    refresh: Duration,
    retry: Duration,
    stop: Duration,
    most_sockets: usize,
    /// The id of the next client.
    next_client: AtomicU64,
    client: FunctionsClient,
    platforms: Arc<Platforms>,
    delivery: Arc<Delivery>,
    accounts: Mutex<HashMap<AccountName, Account>>,
    /// When the most recently applied list of an account's connections was requested.
    applied: Mutex<HashMap<AccountName, Instant>>,
    fetches: Semaphore,
    /// Something ended without our being notified, so the list of connections may have changed too.
    stale: Notify,
    unsettled: Unsettled,
    /// Whether the connections have been fetched once.
    listed: watch::Sender<bool>,
    recent: Mutex<Recent>,
}

impl Hub {
    pub(crate) fn new(
        config: &GatewayConfig,
        client: FunctionsClient,
        platforms: Arc<Platforms>,
        delivery: Arc<Delivery>,
        recent: Recent,
        changes: Changes,
    ) -> Arc<Self> {
        let limits = &config.limits;
        Arc::new(Self {
            id: config.id.clone(),
            refresh: limits.refresh,
            retry: limits.retry,
            stop: limits.stop,
            most_sockets: limits.sockets_per_account,
            next_client: AtomicU64::new(1),
            client,
            platforms,
            delivery,
            accounts: Mutex::default(),
            applied: Mutex::default(),
            fetches: Semaphore::new(MAX_FETCHES),
            stale: Notify::new(),
            unsettled: Unsettled::new(changes, limits.settling),
            listed: watch::Sender::new(false),
            recent: Mutex::new(recent),
        })
    }

    /// Creates an id that no client had before.
    pub(crate) fn next_client(&self) -> SocketId {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits for permission to ask the functions about one account; returns `None` at shutdown.
    pub(crate) async fn fetch_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.fetches.acquire().await.ok()
    }

    /// Schedules a fetch soon because the list of connections may have changed.
    pub(crate) fn refresh_soon(&self) {
        self.stale.notify_one();
    }

    /// Takes what the spool remembers of a connection from before it started.
    fn take_recent(&self, account: &AccountName, connection: &Connection) -> Vec<Activity> {
        let key = (account.clone(), connection.id.clone());
        let events = lock(&self.recent).remove(&key).unwrap_or_default();
        let own = &connection.nick;
        events
            .iter()
            .filter_map(|event| activity_of(event, &connection.platform, own))
            .collect()
    }

    /// Fetches the connections at startup and then periodically.
    pub(crate) async fn keep(self: Arc<Self>) {
        let mut backoff = Backoff::new(self.retry);
        let mut complained = None;
        loop {
            let started = Instant::now();
            let cursor = self.delivery.spool().settled_until();
            let waiting = self.unsettled.waiting(cursor);
            match self.client.assignments(None).await {
                Ok(assigned) => {
                    if complained.take().is_some() {
                        tracing::info!("the functions can be reached again");
                    }
                    backoff.reset();
                    self.unsettled.responded();
                    self.reconcile(assigned, None, &waiting, started, cursor);
                    // The rest belongs to connections that are no longer assigned.
                    lock(&self.recent).retain(|(account, _), _| waiting.contains(account));
                    self.listed.send_replace(true);
                    let pause = tokio::time::sleep(self.refresh + jitter(self.refresh / 5));
                    tokio::select! {
                        () = pause => {}
                        () = self.stale.notified() => {}
                        () = self.settled(None), if !waiting.is_empty() => {}
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    if complained.as_ref() != Some(&text) {
                        tracing::warn!(
                            error = text,
                            "the list of connections cannot be fetched; retrying"
                        );
                        complained = Some(text);
                    }
                    tokio::time::sleep(backoff.pause()).await;
                }
            }
        }
    }

    /// Waits until the functions have what an earlier run recorded of changes to all connections, or to those of one
    /// account: a joined channel belongs in the record.
    async fn settled(&self, only: Option<&AccountName>) {
        let spool = self.delivery.spool();
        self.unsettled.settle(only, || spool.settled_until()).await;
    }

    /// Waits for the same, with a time limit: a list fetched earlier lacks what was acknowledged last, such as
    /// leaving a channel.
    async fn recorded_first(&self, account: &AccountName) {
        let _ = tokio::time::timeout(RECORD_TIMEOUT, self.settled(Some(account))).await;
    }

    /// Starts, changes and stops connections to match the assignment, for one account or for all except those that
    /// wait for a newer list.
    fn reconcile(
        &self,
        assigned: Assigned,
        only: Option<&AccountName>,
        waiting: &HashSet<AccountName>,
        fetched: Instant,
        cursor: u64,
    ) {
        let mut wanted: HashSet<(AccountName, ConnectionId)> = HashSet::new();
        // A list may arrive late; it must not undo a newer one of the same account.
        let newer: HashSet<AccountName> = {
            let mut applied = lock(&self.applied);
            if only.is_none() {
                applied.retain(|_, at| *at > fetched);
            }
            let known = applied.iter().filter(|(_, at)| **at > fetched);
            let mut newer: HashSet<AccountName> = known.map(|(name, _)| name.clone()).collect();
            // A connection missing from the list may be one that could not be parsed.
            newer.extend(assigned.unclear);
            newer.extend(waiting.iter().cloned());
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
                // A connection that is newer than the list cannot be in it.
                let keep = assigned.incomplete
                    || link.created >= fetched
                    || wanted.contains(&(name.clone(), id.clone()));
                if !keep {
                    link.tell(ToLink::Stop(REMOVED.to_owned()));
                }
                keep && !link.has_ended()
            });
        }
        accounts.retain(|_, account| !account.links.is_empty() || !account.clients.is_empty());
    }

    /// Starts a connection, or passes it its changed record.
    fn assign(&self, assignment: Assignment, cursor: u64) -> Option<Arc<Link>> {
        if self.delivery.is_closing() {
            return None;
        }
        let Some(kind) = self.platforms.get(assignment.connection.platform.as_str()) else {
            if let Some(left_out) = LEFT_OUT.say() {
                tracing::error!(account = %assignment.account, platform = assignment.connection.platform, left_out,
                    "skipping a connection to a platform that this connector does not have");
            }
            return None;
        };
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry(assignment.account.clone()).or_default();
        let known = account.links.get(&assignment.connection.id);
        if let Some(link) = known.filter(|link| !link.has_ended()) {
            let mut assignment = assignment;
            // While events that change the record are still being published, the fetched record is out of date.
            if !link.is_settled(cursor) {
                let record = link.record();
                assignment.connection.nick.clone_from(&record.nick);
                assignment.connection.channels.clone_from(&record.channels);
            }
            let folding = link.folding();
            if !link::same(&link.record(), &assignment.connection, folding) {
                link.tell(ToLink::Reassign(Box::new(assignment)));
            }
            return Some(Arc::clone(link));
        }
        let recent = self.take_recent(&assignment.account, &assignment.connection);
        let id = assignment.connection.id.clone();
        let link = link::start(&self.delivery, kind.clone(), assignment, recent);
        account.links.insert(id, Arc::clone(&link));
        Some(link)
    }

    /// When an account's connections were last fetched; locked during a fetch.
    fn last_fetch(&self, account: &AccountName) -> Arc<tokio::sync::Mutex<Option<Instant>>> {
        let mut accounts = lock(&self.accounts);
        Arc::clone(&accounts.entry(account.clone()).or_default().fetched)
    }

    /// Fetches an account's connections because they changed. A `connect` that arrives meanwhile waits for the
    /// result.
    pub(crate) async fn fetch_changed(
        self: &Arc<Self>,
        account: &AccountName,
    ) -> Result<(), FunctionsError> {
        let fetched = self.last_fetch(account);
        let mut fetched = fetched.lock().await;
        let result = self.fetch(account).await;
        *fetched = Some(Instant::now());
        drop(fetched);
        let unsettled = {
            let accounts = lock(&self.accounts);
            let links = accounts.get(account).map(|account| &account.links);
            let cursor = self.delivery.spool().settled_until();
            links.is_some_and(|links| links.values().any(|link| !link.is_settled(cursor)))
        };
        if unsettled {
            // Nicknames and channels of such a connection were left as they are here.
            tokio::spawn(Arc::clone(self).fetch_settled(account.clone()));
        }
        result
    }

    /// Fetches an account's connections for a member who misses one here: it may have been created moments ago. What
    /// cannot be fetched stays as it is.
    pub(crate) async fn fetch_missed(&self, account: &AccountName) {
        let fetched = self.last_fetch(account);
        let mut fetched = fetched.lock().await;
        if let Some(last) = *fetched {
            tokio::time::sleep_until(last + FETCH_PAUSE).await;
        }
        if let Err(error) = self.fetch(account).await
            && let Some(left_out) = NOT_FETCHED.say()
        {
            tracing::warn!(%account, %error, left_out, "the connections of a member who signs in cannot be fetched");
        }
        *fetched = Some(Instant::now());
    }

    /// Fetches an account's connections again once everything recorded for it so far is published.
    async fn fetch_settled(self: Arc<Self>, account: AccountName) {
        let (end, mut pause) = (self.delivery.spool().end(), Backoff::new(FETCH_PAUSE));
        // The complete list is fetched every minute anyway.
        let until = Instant::now() + self.refresh;
        while self.delivery.spool().settled_until() < end {
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep(pause.pause()).await;
        }
        // If it fails, the complete list is fetched soon.
        let _ = self.fetch(&account).await;
    }

    /// Fetches the connections of one account.
    async fn fetch(&self, account: &AccountName) -> Result<(), FunctionsError> {
        self.recorded_first(account).await;
        let _place = self.fetch_permit().await;
        let (started, cursor) = (Instant::now(), self.delivery.spool().settled_until());
        let assignments = self.client.assignments(Some(account)).await?;
        self.reconcile(assignments, Some(account), &HashSet::new(), started, cursor);
        Ok(())
    }

    /// Finds a connection like [`Hub::find`], asking the functions if it is unknown, and creates it if the client
    /// sent credentials.
    pub(crate) async fn find_or_make(
        &self,
        account: &AccountName,
        platform: &str,
        actor: &PersonId,
        credentials: Option<&Value>,
    ) -> Result<Arc<Link>, String> {
        let unreachable = |error: FunctionsError| {
            format!(
                "the connection to {} cannot be looked up right now: {error}; try again later",
                actor.server
            )
        };
        let fetched = self.last_fetch(account);
        // While changed connections are being fetched, what is known here is out of date.
        let mut fetched = fetched.lock().await;
        if let Some(link) = self.find_named(account, actor, false) {
            return Ok(link);
        }
        if let Some(last) = *fetched {
            tokio::time::sleep_until(last + FETCH_PAUSE).await;
        }
        self.recorded_first(account).await;
        let place = self.fetch_permit().await;
        let (started, cursor) = (Instant::now(), self.delivery.spool().settled_until());
        let assignments = self.client.assignments(Some(account)).await;
        *fetched = Some(Instant::now());
        self.reconcile(
            assignments.map_err(unreachable)?,
            Some(account),
            &HashSet::new(),
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
        self.id.clone_into(&mut connection.connector);
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

    /// Stops every connection and waits until all have ended or the time is up.
    pub(crate) async fn stop_all(&self, reason: &str) {
        let links: Vec<Arc<Link>> = lock(&self.accounts)
            .values_mut()
            .flat_map(|account| account.links.drain().map(|(_, link)| link))
            .collect();
        for link in &links {
            link.tell(ToLink::Stop(reason.to_owned()));
        }
        // Each connection gives up by itself after that time.
        let end = Instant::now() + self.stop + Duration::from_secs(1);
        for link in links {
            if tokio::time::timeout_at(end, link.ended()).await.is_err()
                && let Some(left_out) = NOT_ENDED.say()
            {
                tracing::warn!(left_out, "a connection did not end in time");
            }
        }
    }
}

impl outbox::Connections for Hub {
    async fn listed(&self) {
        let _ = self.listed.subscribe().wait_for(|listed| *listed).await;
    }

    fn find(&self, account: &AccountName, id: &str) -> Option<Arc<dyn outbox::Connection>> {
        let accounts = lock(&self.accounts);
        let link = accounts.get(account)?.links.get(id)?;
        if link.has_ended() {
            return None;
        }
        Some(Arc::<Link>::clone(link))
    }

    async fn refetch(&self, account: &AccountName) -> Result<(), FunctionsError> {
        self.fetch(account).await
    }
}

/// Creates a connection id: 16 hexadecimal digits, `0-9a-f`.
fn random_id() -> String {
    let random = getrandom::u64().unwrap_or_else(|_| connector_kit::now().millis().unsigned_abs());
    format!("{random:016x}")
}
