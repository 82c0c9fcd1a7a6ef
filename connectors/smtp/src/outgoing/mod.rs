//! Outgoing mail: takes tasks from the functions into a durable queue of its own, sends them, and reports their
//! outcomes.
//!
//! The functions forget a task once it is on disk here; a task that appears again is recognised by its id. From then
//! on a mail is tried until a server accepts it, a server refuses it permanently, or it is too old. A crash between a
//! server's 250 and its note causes the mail to be sent again, which SMTP cannot prevent.

mod bounce;
mod bounded;
mod compose;
pub(crate) mod config;
mod dkim;
mod prepare;
mod store;
mod transport;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use connector_kit::{Backoff, FunctionsClient, FunctionsError, jitter, now};
use lettre::transport::smtp::extension::ClientId;
use mail_auth::MessageAuthenticator;
use program::{Seldom, Workshop};
use protocol::{
    MAIL_RANDOM_LENGTH, MailResult, OutboxItem, OutboxReceipt, OutboxTask, RefusedEvent,
    mail_local_part,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use self::bounce::failure;
pub use self::config::{OutgoingConfig, Protection, Route, Smarthost};
pub use self::dkim::Dkim;
use self::prepare::Prepared;
use self::store::{Done, Envelope, Found, Kept, Store};
use self::transport::{Attempt, Transport};
use crate::config::Limits;

/// How often old entries are removed.
const CLEAN: Duration = Duration::from_secs(3_600);
/// Digests are requested every time the queue has been polled this many times.
const DIGEST_EVERY: u32 = 3;
/// Mails prepared concurrently.
const WORKERS: u32 = 2;
/// The first delay after a failure.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Maximum delay after the functions could not be reached.
const MAX_PAUSE: Duration = Duration::from_secs(60);

static NOT_KEPT: Seldom = Seldom::new();
static NOT_NOTED: Seldom = Seldom::new();
static NOT_DONE: Seldom = Seldom::new();
static NOT_SENT: Seldom = Seldom::new();
static DONE: Seldom = Seldom::new();
static NOT_HEARD: Seldom = Seldom::new();

/// Counters.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: AtomicU64,
    pub(crate) undeliverable: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) retries: AtomicU64,
}

/// Outgoing mail, shared with the code that receives bounces.
#[derive(Debug)]
pub(crate) struct Outgoing {
    store: Arc<Store>,
    transport: Transport,
    client: FunctionsClient,
    config: OutgoingConfig,
    domain: String,
    limits: Limits,
    places: Semaphore,
    workshop: Workshop,
    events: mpsc::UnboundedSender<Event>,
    /// Whether the log already says that there is no room for more mails.
    full: AtomicBool,
    pub(crate) counts: Counts,
}

/// Work to do. Bounded by the number of mails in the store.
#[derive(Debug)]
enum Event {
    /// Send this mail.
    Send(String),
    /// Report this mail's outcome.
    Tell(String),
}

/// What [`Outgoing::run`] starts with.
#[derive(Debug)]
pub(crate) struct Work {
    found: Found,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Outgoing {
    pub(crate) fn open(
        folder: &Path,
        config: OutgoingConfig,
        hostname: &str,
        domain: &str,
        resolver: MessageAuthenticator,
        client: FunctionsClient,
        limits: &Limits,
    ) -> std::io::Result<(Arc<Self>, Work)> {
        let (store, found) = Store::open(folder, limits.outgoing_bytes)?;
        let (sender, events) = mpsc::unbounded_channel();
        let transport = Transport {
            route: config.route.clone(),
            hello: ClientId::Domain(hostname.to_owned()),
            resolver,
            connecting: limits.connecting,
            sending: limits.sending,
        };
        let outgoing = Self {
            store: Arc::new(store),
            transport,
            client,
            config,
            domain: domain.to_owned(),
            limits: limits.clone(),
            places: Semaphore::new(limits.handovers),
            workshop: Workshop::new("foreign-mail", WORKERS, limits.taking_apart),
            events: sender,
            full: AtomicBool::new(false),
            counts: Counts::default(),
        };
        Ok((Arc::new(outgoing), Work { found, events }))
    }

    /// Mails waiting to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.store.waiting()
    }

    /// Mails that cannot be read, or whose outcome cannot be read.
    pub(crate) fn damaged(&self) -> usize {
        self.store.damaged()
    }

    /// Mails set aside because processing them did not complete.
    pub(crate) fn broken(&self) -> usize {
        self.store.broken()
    }

    /// Returns whether an address is the return path of a mail sent from here.
    pub(crate) fn is_bounce_address(&self, address: &str) -> bool {
        self.bounced(address).is_some()
    }

    fn bounced(&self, address: &str) -> Option<String> {
        let (local, domain) = address.rsplit_once('@')?;
        let ours = domain.eq_ignore_ascii_case(&self.domain);
        ours.then(|| self.store.bounced(&local.to_ascii_lowercase()))
            .flatten()
    }

    /// Handles a mail to a return path; durable when this returns.
    pub(crate) async fn came_back(&self, address: &str, reason: String) -> std::io::Result<()> {
        let Some(id) = self.bounced(address) else {
            return Ok(());
        };
        let (store, name) = (Arc::clone(&self.store), id.clone());
        let noted = blocking(move || store.bounce(&name, &reason, now())).await?;
        if noted {
            self.counts.undeliverable.fetch_add(1, Relaxed);
            drop(self.events.send(Event::Tell(id)));
        }
        Ok(())
    }

    /// Runs until dropped, which may happen at any time.
    pub(crate) async fn run(self: Arc<Self>, work: Work) {
        let Work { found, mut events } = work;
        let mut tasks = JoinSet::new();
        let begin = |event: Event, tasks: &mut JoinSet<()>| {
            let this = Arc::clone(&self);
            tasks.spawn(async move {
                match event {
                    Event::Send(id) => this.keep_sending(&id).await,
                    Event::Tell(id) => this.keep_telling(&id).await,
                }
            });
        };
        // Before all others, and each alone: if one of them ends the process again, it is known which.
        for id in found.suspects {
            tracing::warn!(
                id,
                "the process ended while processing a mail; retrying it alone"
            );
            match self.prepare(&id, true).await {
                Ok(Prepared::Gone) => {}
                Ok(_) => begin(Event::Send(id), &mut tasks),
                Err(error) => {
                    tracing::warn!(id, %error, "a mail cannot be prepared yet");
                    begin(Event::Send(id), &mut tasks);
                }
            }
        }
        for id in found.waiting {
            begin(Event::Send(id), &mut tasks);
        }
        for id in found.untold {
            begin(Event::Tell(id), &mut tasks);
        }
        let fetching = Arc::clone(&self);
        tasks.spawn(async move { fetching.keep_fetching().await });
        let mut clean = tokio::time::interval(CLEAN);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => begin(event, &mut tasks),
                    None => return,
                },
                Some(_) = tasks.join_next() => {}
                _ = clean.tick() => {
                    let store = Arc::clone(&self.store);
                    let keep = self.limits.keep_refused;
                    if let Err(error) = blocking(move || store.clean(keep)).await {
                        tracing::warn!(%error, "outcomes of old mails cannot be removed");
                    }
                }
            }
        }
    }

    /// Polls the functions' queue and has digests created.
    async fn keep_fetching(&self) {
        let mut backoff = Backoff::between(FIRST_PAUSE, MAX_PAUSE);
        let mut complained = None;
        let mut round = 0_u32;
        loop {
            let looked = async {
                if round.is_multiple_of(DIGEST_EVERY) {
                    self.client.digests().await?;
                }
                self.fetch().await
            };
            let pause = match looked.await {
                Ok(()) => {
                    backoff.reset();
                    complained = None;
                    round = round.wrapping_add(1);
                    self.limits.outbox
                }
                Err(error) => {
                    let text = error.to_string();
                    if complained.as_ref() != Some(&text) {
                        tracing::warn!(error = text, "queued mail cannot be fetched");
                        complained = Some(text);
                    }
                    backoff.pause()
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes queued tasks: first durable here, then removed from the functions' queue.
    async fn fetch(&self) -> Result<(), FunctionsError> {
        let looking = self.store.begin_to_look();
        let mut after: Option<String> = None;
        loop {
            let outbox = self.client.outbox(after.as_deref()).await?;
            let mut receipt = OutboxReceipt::default();
            let mut new = Vec::new();
            after = outbox.items.last().map(|item| item.id.clone());
            for item in outbox.items {
                let id = item.id.clone();
                match self.take(item).await {
                    Ok(Kept::New) => {
                        new.push(id.clone());
                        receipt.done.push(id);
                    }
                    Ok(Kept::Known) => receipt.done.push(id),
                    // It stays at the functions.
                    Ok(Kept::Full) => {}
                    Err(reason) => {
                        if let Some(left_out) = NOT_DONE.say() {
                            tracing::error!(id, reason, left_out, "a task cannot be done");
                        }
                        receipt.refused.push(RefusedEvent { id, reason });
                    }
                }
            }
            for id in new {
                drop(self.events.send(Event::Send(id)));
            }
            if receipt != OutboxReceipt::default() {
                self.client.outbox_receipt(&receipt).await?;
            }
            if !outbox.more {
                self.store.looked_through(looking);
            }
            if !outbox.more || after.is_none() {
                return Ok(());
            }
        }
    }

    /// Makes a task durable; the error is a reason why it can never be done.
    async fn take(&self, item: OutboxItem) -> Result<Kept, String> {
        let OutboxItem { id, task } = item;
        let OutboxTask::Mail(mail) = task else {
            return Err("this connector does not support that".to_owned());
        };
        // It becomes part of a file name.
        if id.len() > 100 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err("the task's id is not valid".to_owned());
        }
        if self.store.knows(&id) {
            return Ok(Kept::Known);
        }
        let bytes = compose::compose(&mail, &id, &self.config.from, &self.domain)?;
        let mut random = [0; MAIL_RANDOM_LENGTH];
        // Without randomness the return path is the sender's own address.
        let bounce = (self.config.from.domain() == self.domain
            && getrandom::fill(&mut random).is_ok())
        .then(|| mail_local_part("bounce", &random));
        let envelope = Envelope {
            id,
            account: mail.account,
            to: mail.to,
            source: mail.source,
            return_path: bounce.as_ref().map_or_else(
                || self.config.from.to_string(),
                |local| format!("{local}@{}", self.domain),
            ),
            bounce,
            accepted: now(),
            expires: mail.expires,
        };
        let store = Arc::clone(&self.store);
        let kept = blocking(move || store.accept(&envelope, &bytes)).await;
        match &kept {
            Ok(Kept::New) => self.full.store(false, Relaxed),
            Ok(Kept::Full) if !self.full.swap(true, Relaxed) => {
                let waiting = self.waiting();
                tracing::warn!(
                    waiting,
                    "waiting mails or outcomes of mails use all the room they may; further mails wait at the functions"
                );
            }
            _ => {}
        }
        Ok(kept.unwrap_or_else(|error| {
            if let Some(left_out) = NOT_KEPT.say() {
                tracing::error!(%error, left_out, "a mail cannot be stored; it waits at the functions");
            }
            Kept::Full
        }))
    }

    /// Tries until the outcome of a mail is known.
    async fn keep_sending(&self, id: &str) {
        let limits = &self.limits;
        let mut schedule = protocol::Backoff::new(limits.first_retry, limits.last_retry);
        let mut complained = String::new();
        loop {
            let began = Instant::now();
            let problem = match self.attempt(id).await {
                Ok(None) => return,
                Ok(Some(reason)) => reason,
                Err(error) => error.to_string(),
            };
            self.counts.retries.fetch_add(1, Relaxed);
            if problem != complained {
                match NOT_SENT.say() {
                    Some(left_out) => {
                        tracing::warn!(id, reason = problem, left_out, "a mail cannot be sent yet");
                    }
                    None => tracing::debug!(id, reason = problem, "a mail cannot be sent yet"),
                }
                complained = problem;
            }
            let pause = schedule.next_pause();
            let least = pause / 2 + jitter(pause.min(FIRST_PAUSE)) / 2;
            tokio::time::sleep_until(began + least).await;
        }
    }

    /// Creates one attempt; returns the reason if it has to be repeated.
    async fn attempt(&self, id: &str) -> std::io::Result<Option<String>> {
        let (envelope, bytes) = match self.prepare(id, false).await? {
            Prepared::Ready(ready) => *ready,
            Prepared::Gone => return Ok(None),
            Prepared::Later(reason) => return Ok(Some(reason)),
        };
        let attempt = {
            let Ok(_place) = self.places.acquire().await else {
                return Ok(None);
            };
            match bytes {
                Ok(bytes) => self.transport.send(&envelope, &bytes).await,
                Err(reason) => Attempt::Later(reason),
            }
        };
        let (result, reason, count) = match attempt {
            Attempt::Sent => (MailResult::Sent, String::new(), &self.counts.sent),
            Attempt::Undeliverable(reason) => (
                MailResult::Undeliverable,
                reason,
                &self.counts.undeliverable,
            ),
            Attempt::Failed(reason) => (MailResult::Failed, reason, &self.counts.failed),
            Attempt::Later(reason) if now() < envelope.expires => return Ok(Some(reason)),
            Attempt::Later(reason) => {
                let reason = format!("it could not be sent in time; the last problem: {reason}");
                (MailResult::Failed, reason, &self.counts.failed)
            }
        };
        count.fetch_add(1, Relaxed);
        match DONE.say() {
            Some(left_out) => tracing::info!(id, ?result, reason, left_out, "a mail is done"),
            None => tracing::debug!(id, ?result, reason, "a mail is done"),
        }
        let done = Done {
            envelope,
            result,
            reason,
            at: now(),
            told: false,
        };
        let store = Arc::clone(&self.store);
        // Once a server has it, it must not be sent again just because the disk refuses for a moment.
        let mut backoff = Backoff::between(FIRST_PAUSE, MAX_PAUSE);
        loop {
            let (store, done) = (Arc::clone(&store), done.clone());
            match blocking(move || store.finish(&done)).await {
                Ok(()) => break,
                Err(error) => {
                    if let Some(left_out) = NOT_NOTED.say() {
                        tracing::error!(id, %error, left_out, "the outcome of a mail cannot be noted");
                    }
                    tokio::time::sleep(backoff.pause()).await;
                }
            }
        }
        drop(self.events.send(Event::Tell(id.to_owned())));
        Ok(None)
    }

    /// Reports a mail's outcome until the functions have it.
    async fn keep_telling(&self, id: &str) {
        let mut backoff = Backoff::between(FIRST_PAUSE, MAX_PAUSE);
        loop {
            match self.tell(id).await {
                Ok(()) => return,
                Err(reason) => tracing::debug!(id, reason, "an outcome cannot be reported yet"),
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    async fn tell(&self, id: &str) -> Result<(), String> {
        let (store, name) = (Arc::clone(&self.store), id.to_owned());
        let done = blocking(move || store.done(&name))
            .await
            .map_err(|error| error.to_string())?;
        if done.told {
            return Ok(());
        }
        let outcome = done.outcome();
        match self.client.mail_outcome(&outcome).await {
            Ok(()) => {}
            // They will never accept it.
            Err(FunctionsError::Status {
                status: 400 | 404 | 422,
                detail,
                ..
            }) => {
                if let Some(left_out) = NOT_HEARD.say() {
                    tracing::error!(
                        id,
                        detail,
                        left_out,
                        "the functions refuse the outcome of a mail"
                    );
                }
            }
            Err(error) => return Err(error.to_string()),
        }
        let (store, name) = (Arc::clone(&self.store), id.to_owned());
        blocking(move || store.told(&name, &outcome))
            .await
            .map_err(|error| error.to_string())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests;
