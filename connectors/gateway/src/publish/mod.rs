//! Publishes the spool to the functions: each account's events in order, at least once, for as long as it takes, and
//! when it is worth it (`pending.rs`).
//!
//! Where the functions say that an account's archive cannot be written, its messages are moved aside and
//! go on by themselves (`held.rs`), so that nobody else's have to wait. So it is where they say nothing
//! at all again and again, as long as they answer on what others said (`apart.rs`).

mod apart;
mod attempts;
mod held;
mod pending;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use protocol::{AccountName, EventReceipt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use self::apart::Silence;
use self::attempts::Attempts;
use self::held::HeldPublisher;
use self::pending::{Ages, Batch, Pending};
use crate::channel_keys::ChannelKeys;
use crate::metrics::{Metrics, add};
use crate::spool::{Reader, Spool};
use connector_kit::Backoff;
use connector_kit::{FunctionsClient, FunctionsError};

/// Longest `Retry-After` that is obeyed.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);
/// Longest time for which messages wait, if somebody may look at the archive.
const WATCHED_AGE: Duration = Duration::from_secs(60);
/// How many times as long messages wait that are few beside those of the day.
const FEW: u32 = 6;
/// The part of the spool's room from which on they do not.
const PRESSED: u64 = 4;
/// Records that are read at once.
const READ_RECORDS: usize = 500;
/// Questions that may wait; more are not answered.
const MOST_QUESTIONS: usize = 1_024;

/// How batches are made.
#[derive(Clone, Copy, Debug)]
pub struct PublisherConfig {
    /// Most events in a batch.
    pub batch_events: usize,
    /// Most bytes in a batch; a single larger event goes alone.
    pub batch_bytes: usize,
    /// Least time between the starts of batches. Messages wait for twice that, or longer if that gathers more.
    pub interval: Duration,
    /// Longest time for which messages wait for others; a minute where somebody looks at the archive.
    pub age: Duration,
    /// Longest pause before a failed batch is sent again.
    pub retry: Duration,
    /// Longest pause before messages of an account whose archive cannot be written are sent again.
    pub held_retry: Duration,
}

/// Somebody is about to look at an archive.
#[derive(Debug)]
struct Look {
    account: AccountName,
    done: oneshot::Sender<()>,
}

/// Where it is said that somebody is about to look at an archive.
#[derive(Clone, Debug)]
pub(crate) struct Looks {
    door: mpsc::Sender<Look>,
    /// The functions reached us since it was looked at last.
    knocked: Arc<AtomicBool>,
}

impl Looks {
    /// The functions have told us something.
    pub(crate) fn knocked(&self) {
        self.knocked.store(true, Relaxed);
    }

    /// Waits until what is durable of an account by now is published, or set aside; at most so long.
    pub(crate) async fn look(&self, account: &AccountName, most: Duration) {
        let (done, published) = oneshot::channel();
        let account = account.clone();
        if self.door.try_send(Look { account, done }).is_ok() {
            let _ = tokio::time::timeout(most, published).await;
        }
    }
}

/// Publishes what the spool holds.
#[derive(Debug)]
pub struct Publisher {
    spool: Spool,
    attempts: Arc<Attempts>,
    client: FunctionsClient,
    config: PublisherConfig,
    metrics: Arc<Metrics>,
    reader: Reader,
    pending: Pending,
    looks: mpsc::Receiver<Look>,
    knocked: Arc<AtomicBool>,
    /// Those who look, and the number before which everything of theirs is to be published.
    waiting: Vec<(Look, u64)>,
    /// How many events the next batch may have: fewer after the functions found one too large.
    most: usize,
    silence: Silence,
}

/// Why nothing was published.
#[derive(Debug)]
enum Trouble {
    /// What waits cannot be held.
    Disk(io::Error),
    /// The functions did not take it.
    Functions(FunctionsError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<FunctionsError> for Trouble {
    fn from(error: FunctionsError) -> Self {
        Self::Functions(error)
    }
}

impl Publisher {
    /// Makes a publisher; nothing happens before [`Publisher::run`].
    #[must_use]
    pub fn new(spool: Spool, client: FunctionsClient, config: PublisherConfig) -> Self {
        Self::with_metrics(spool, client, config, Arc::default()).0
    }

    pub(crate) fn with_metrics(
        spool: Spool,
        client: FunctionsClient,
        config: PublisherConfig,
        metrics: Arc<Metrics>,
    ) -> (Self, Looks) {
        let ages = Ages {
            first: (config.interval * 2).min(config.age),
            watched: WATCHED_AGE.min(config.age),
            longest: config.age,
            few: config.age * FEW,
        };
        let (door, looks) = mpsc::channel(MOST_QUESTIONS);
        let knocked = Arc::<AtomicBool>::default();
        let (folder, disk) = spool.folder();
        let publisher = Self {
            attempts: Arc::new(Attempts::open(disk, folder, ChannelKeys::new(&client))),
            most: config.batch_events,
            silence: Silence::default(),
            reader: Reader::default(),
            pending: Pending::new(ages, spool.cursor(), spool.end()),
            looks,
            knocked: Arc::clone(&knocked),
            waiting: Vec::new(),
            spool,
            client,
            config,
            metrics,
        };
        (publisher, Looks { door, knocked })
    }

    /// Runs until `closing` becomes true and everything is published. It may be dropped at any time: what
    /// was not confirmed is published again, with the same ids.
    pub async fn run(mut self, mut closing: watch::Receiver<bool>) {
        let mut durable = self.spool.watch();
        let mut backoff = Backoff::new(self.config.retry);
        let mut last: Option<Instant> = None;
        let mut complained = None;
        let mut held = HeldPublisher::new(
            self.spool.clone(),
            Arc::clone(&self.attempts),
            self.client.clone(),
            self.config,
            Arc::clone(&self.metrics),
        );
        loop {
            let end = *durable.borrow_and_update();
            if let Err(error) = self.read(end, &mut held).await {
                tracing::error!(%error, "the spool cannot be read, or messages cannot be held; they wait in it");
                tokio::time::sleep(backoff.pause()).await;
                continue;
            }
            self.answer();
            if self.knocked.swap(false, Relaxed) {
                self.pending.is_told(Instant::now());
            }
            let (_, bytes, _) = self.spool.usage();
            self.pending
                .press(bytes >= self.spool.most_bytes() / PRESSED);
            let all = *closing.borrow();
            let due = self.pending.due(Instant::now(), all);
            if due.is_none() && all && self.pending.next() >= end {
                return;
            }
            // Batches keep their distance, unless somebody waits for one.
            let due = due.map(|due| match last {
                Some(last) if !all && self.waiting.is_empty() => {
                    due.max(last + self.config.interval)
                }
                _ => due,
            });
            if due.is_none_or(|due| due > Instant::now()) {
                tokio::select! {
                    changed = durable.changed() => if changed.is_err() { return },
                    _ = closing.wait_for(|closing| *closing), if !all => {}
                    Some(look) = self.looks.recv() => self.note(look),
                    () = at(due) => {}
                }
                continue;
            }
            last = Some(Instant::now());
            match self.publish(all, &mut held).await {
                Ok(()) => {
                    backoff.reset();
                    if complained.take().is_some() {
                        tracing::info!("the functions take events again");
                    }
                }
                Err(Trouble::Disk(error)) => {
                    tracing::error!(%error, "messages cannot be held; they wait in the spool");
                    tokio::time::sleep(backoff.pause()).await;
                }
                Err(Trouble::Functions(error)) => {
                    add(&self.metrics.publish_retries);
                    let text = error.to_string();
                    if complained.as_ref() != Some(&text) {
                        tracing::warn!(
                            error = text,
                            "events cannot be published; they wait in the spool"
                        );
                        complained = Some(text);
                    }
                    let pause = match error {
                        FunctionsError::Status {
                            retry_after: Some(after),
                            ..
                        } => after.min(MAX_RETRY_AFTER) + backoff.pause(),
                        _ => backoff.pause(),
                    };
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Publishes what is due: together, or apart where that gets no answer.
    async fn publish(&mut self, all: bool, held: &mut HeldPublisher) -> Result<(), Trouble> {
        if self.silence.is_long() {
            return self.publish_apart(all, held).await;
        }
        let bytes = self.config.batch_bytes;
        let batch = self.pending.batch(Instant::now(), all, self.most, bytes);
        let sent = self.send(&batch, held).await;
        self.silence.note(&sent);
        sent
    }

    async fn send(&mut self, batch: &Batch, held: &mut HeldPublisher) -> Result<(), Trouble> {
        match self.attempts.publish(&self.client, &batch.records).await {
            Ok(receipt) => {
                self.set_aside(&receipt, held).await?;
                self.confirm(&receipt);
                self.pending.done(batch, Instant::now());
                for waiting in &receipt.waiting {
                    self.pending.forget(&waiting.account);
                }
                self.mark();
                Ok(())
            }
            Err(error) if self.settle(&error, batch) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what is durable, as far as there is room for it in memory.
    async fn read(&mut self, end: u64, held: &mut HeldPublisher) -> io::Result<()> {
        while self.pending.next() < end && !self.pending.is_full() {
            let (from, bytes) = (self.pending.next(), self.config.batch_bytes);
            let read = self.spool.read(&mut self.reader, from, READ_RECORDS, bytes);
            let records = match read {
                Ok(records) => records,
                Err(error) => {
                    self.reader = Reader::default();
                    return Err(error);
                }
            };
            let Some((last, _)) = records.last() else {
                return Ok(());
            };
            let last = *last;
            let now = Instant::now();
            for (number, record) in held.divert(records).await? {
                self.pending.add(number, record, now);
            }
            self.pending.skip(last);
            self.mark();
        }
        Ok(())
    }

    /// Takes note of somebody who looks, and of all that ask at the same time.
    fn note(&mut self, look: Look) {
        let mut next = Some(look);
        while let Some(look) = next {
            self.pending.look(&look.account, Instant::now());
            self.waiting.push((look, self.spool.end()));
            next = self.looks.try_recv().ok();
        }
    }

    /// Answers those whose messages are published.
    fn answer(&mut self) {
        let pending = &self.pending;
        for (look, _) in self
            .waiting
            .extract_if(.., |(look, until)| !pending.has(&look.account, *until))
        {
            let _ = look.done.send(());
        }
        // Whoever looks waits for a moment only; what was not read then is due all the same.
        self.waiting.retain(|(look, _)| !look.done.is_closed());
        for (look, _) in &self.waiting {
            self.pending.look(&look.account, Instant::now());
        }
    }

    /// Makes those messages durable elsewhere that the functions could not store, with what waits behind them.
    async fn set_aside(&self, receipt: &EventReceipt, held: &mut HeldPublisher) -> io::Result<()> {
        if receipt.waiting.is_empty() {
            return Ok(());
        }
        let mut messages = Vec::new();
        for waiting in &receipt.waiting {
            messages.extend(self.pending.of(&waiting.account));
        }
        held.keep(messages, receipt).await
    }

    fn mark(&self) {
        self.spool.settled(self.pending.settled());
        self.spool.published(self.pending.cursor());
    }

    fn confirm(&mut self, receipt: &EventReceipt) {
        for refused in &receipt.refused {
            tracing::error!(
                id = refused.id,
                reason = refused.reason,
                "the functions refused an event for good"
            );
        }
        let refused = receipt.refused.len() as u64;
        self.metrics.refused.fetch_add(refused, Relaxed);
        let stored = receipt.stored as u64;
        self.metrics.published.fetch_add(stored, Relaxed);
        for account in &receipt.elsewhere {
            self.pending.is_elsewhere(account);
        }
        self.most = (self.most * 2).min(self.config.batch_events);
    }

    /// Deals with a batch that can never succeed as it is; false if it is worth sending again.
    fn settle(&mut self, error: &FunctionsError, batch: &Batch) -> bool {
        let FunctionsError::Status {
            status: 400 | 413 | 422,
            ..
        } = error
        else {
            return false;
        };
        let count = batch.records.len();
        if count > 1 {
            self.most = count / 2;
        } else {
            tracing::error!(%error, number = batch.last, "the functions cannot take an event; it is dropped");
            add(&self.metrics.refused);
            self.pending.done(batch, Instant::now());
            self.mark();
        }
        true
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
