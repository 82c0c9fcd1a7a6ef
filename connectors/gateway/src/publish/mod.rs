//! Publishes the spool to the functions: each account's events in order, at least once, for as long as it takes, and
//! grouped so that publishing is worthwhile (`pending.rs`).
//!
//! If the functions report that an account's archive cannot be written, its messages are moved aside and published
//! separately (`deferred.rs`), so that nobody else's have to wait. The same happens if the functions repeatedly give
//! no response at all, provided they respond to other accounts' events (`apart.rs`), and with the messages of an
//! account that has more of them than its share: then reading continues, and the other accounts take turns.

mod apart;
mod attempts;
mod deferred;
mod outcome;
mod pending;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use program::Seldom;
use protocol::{AccountName, EventReceipt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use self::apart::Silence;
pub(crate) use self::attempts::Attempts;
use self::deferred::DeferredPublisher;
use self::pending::{Ages, Batch, Head, Pending};
use crate::channel_keys::ChannelKeys;
use crate::metrics::{Metrics, add};
use crate::spool::{Read, Reader, Spool};
use connector_kit::Backoff;
use connector_kit::{FunctionsClient, FunctionsError};

/// Maximum `Retry-After` that is honoured.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);
/// Maximum time messages wait if someone may be viewing the archive.
const WATCHED_AGE: Duration = Duration::from_secs(60);
/// How many times longer messages wait if they are few compared with the day's.
const FEW: u32 = 6;
/// Fraction of the spool's capacity (1/n) from which on those few no longer wait longer.
const PRESSED: u64 = 4;
/// Records read at once.
const READ_RECORDS: usize = 500;
/// Flush requests that may be queued; further ones are not answered.
const MAX_FLUSHES: usize = 1_024;

static NOT_READ: Seldom = Seldom::new();
static NOT_MOVED: Seldom = Seldom::new();
static NOT_KEPT: Seldom = Seldom::new();

/// Batching parameters.
#[derive(Clone, Copy, Debug)]
pub struct PublisherConfig {
    /// Maximum events per batch.
    pub batch_events: usize,
    /// Maximum bytes per batch; a single larger event is sent alone.
    pub batch_bytes: usize,
    /// Minimum interval between the starts of batches. Messages wait for twice that, or longer if that gathers more.
    pub interval: Duration,
    /// Maximum time messages wait for others; a minute if someone is viewing the archive.
    pub age: Duration,
    /// Maximum delay before a failed batch is sent again.
    pub retry: Duration,
    /// Maximum delay before retrying an account whose archive cannot be written.
    pub deferred_retry: Duration,
}

/// How long a request that nobody waits for is kept.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// A request to publish an account's waiting messages.
#[derive(Debug)]
struct Flush {
    account: AccountName,
    /// Whether the functions reached us with it; if not, we fetched it from them.
    told: bool,
    done: oneshot::Sender<()>,
}

/// Asks the publisher for what an archive still lacks, because someone is about to view it.
#[derive(Clone, Debug)]
pub(crate) struct FlushHandle {
    requests: mpsc::Sender<Flush>,
    /// The functions have reached us since this was last checked.
    reached: Arc<AtomicBool>,
}

impl FlushHandle {
    /// Notes that the functions reached us.
    pub(crate) fn reached(&self) {
        self.reached.store(true, Relaxed);
    }

    /// Waits, up to the given time, until an account's events that are durable by now are published or set aside.
    pub(crate) async fn flush(&self, account: &AccountName, most: Duration) {
        if let Some(published) = self.request(account, true) {
            let _ = tokio::time::timeout(most, published).await;
        }
    }

    /// Publishes an account's messages because someone reads them, in the case that the functions could not reach us
    /// to say so; returns false if too many requests are queued.
    pub(crate) fn flush_unreached(&self, account: &AccountName) -> bool {
        let Some(published) = self.request(account, false) else {
            return false;
        };
        // A request that nobody waits for is eventually dropped.
        tokio::spawn(tokio::time::timeout(MAX_WAIT, published));
        true
    }

    fn request(&self, account: &AccountName, told: bool) -> Option<oneshot::Receiver<()>> {
        let (done, published) = oneshot::channel();
        let account = account.clone();
        let request = Flush {
            account,
            told,
            done,
        };
        let sent = self.requests.try_send(request);
        sent.is_ok().then_some(published)
    }
}

/// Publishes the spool's content.
#[derive(Debug)]
pub struct Publisher {
    spool: Spool,
    attempts: Arc<Attempts>,
    client: FunctionsClient,
    config: PublisherConfig,
    metrics: Arc<Metrics>,
    reader: Reader,
    pending: Pending,
    flushes: mpsc::Receiver<Flush>,
    reached: Arc<AtomicBool>,
    /// Pending flush requests, each with the record number before which the account's events must be published.
    waiting: Vec<(Flush, u64)>,
    /// Maximum events in the next batch: reduced after the functions found a batch too large.
    most: usize,
    silence: Silence,
}

/// Why nothing was published.
#[derive(Debug)]
enum Trouble {
    /// Waiting messages cannot be deferred, or a suspected event cannot be noted before it is retried.
    Disk(io::Error),
    /// The functions did not accept it.
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
    /// Creates a publisher; nothing happens before [`Publisher::run`].
    #[must_use]
    pub fn new(spool: Spool, client: FunctionsClient, config: PublisherConfig) -> Self {
        Self::with_metrics(spool, client, config, Arc::default()).0
    }

    pub(crate) fn with_metrics(
        spool: Spool,
        client: FunctionsClient,
        config: PublisherConfig,
        metrics: Arc<Metrics>,
    ) -> (Self, FlushHandle) {
        let ages = Ages {
            first: (config.interval * 2).min(config.age),
            watched: WATCHED_AGE.min(config.age),
            longest: config.age,
            few: config.age * FEW,
        };
        let (requests, flushes) = mpsc::channel(MAX_FLUSHES);
        let reached = Arc::<AtomicBool>::default();
        let (folder, disk) = spool.folder();
        let publisher = Self {
            attempts: Arc::new(Attempts::open(disk, folder, ChannelKeys::new(&client))),
            most: config.batch_events,
            silence: Silence::default(),
            reader: Reader::default(),
            pending: Pending::new(ages, spool.cursor(), spool.end()),
            flushes,
            reached: Arc::clone(&reached),
            waiting: Vec::new(),
            spool,
            client,
            config,
            metrics,
        };
        (publisher, FlushHandle { requests, reached })
    }

    /// The events being published, so that an end in the middle of a batch can be told from a crash.
    pub(crate) fn attempts(&self) -> Arc<Attempts> {
        Arc::clone(&self.attempts)
    }

    /// Runs until `closing` becomes true and everything is published. May be dropped at any time: unconfirmed events
    /// are published again, with the same ids.
    pub async fn run(mut self, mut closing: watch::Receiver<bool>) {
        let mut durable = self.spool.watch();
        let mut backoff = Backoff::new(self.config.retry);
        let mut last: Option<Instant> = None;
        let mut complained = None;
        let mut deferred = DeferredPublisher::new(
            self.spool.clone(),
            Arc::clone(&self.attempts),
            self.client.clone(),
            self.config,
            Arc::clone(&self.metrics),
        );
        loop {
            let end = *durable.borrow_and_update();
            if let Err(error) = self.read(end, &mut deferred).await {
                if let Some(left_out) = NOT_READ.say() {
                    tracing::error!(%error, left_out, "the spool cannot be read, or messages cannot be deferred; they wait in it");
                }
                tokio::time::sleep(backoff.pause()).await;
                continue;
            }
            self.answer();
            if self.reached.swap(false, Relaxed) {
                self.pending.is_reached(Instant::now());
            }
            let (_, bytes, _) = self.spool.usage();
            self.pending
                .press(bytes >= self.spool.most_bytes() / PRESSED);
            let all = *closing.borrow();
            let due = self.pending.due(Instant::now(), all);
            if due.is_none() && all && self.pending.next() >= end {
                self.attempts.keep_rest().await;
                return;
            }
            // Batches keep their minimum interval, unless someone waits for one.
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
                    Some(flush) = self.flushes.recv() => self.note(flush),
                    () = at(due) => {}
                }
                continue;
            }
            last = Some(Instant::now());
            match self.publish(all, &mut deferred).await {
                Ok(()) => {
                    backoff.reset();
                    if complained.take().is_some() {
                        tracing::info!("the functions accept events again");
                    }
                }
                Err(Trouble::Disk(error)) => {
                    if let Some(left_out) = NOT_KEPT.say() {
                        tracing::error!(%error, left_out, "the spool's disk refuses the note that publishing events requires; they wait in the spool");
                    }
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

    /// Publishes what is due: together, or per account if that gets no response.
    async fn publish(
        &mut self,
        all: bool,
        deferred: &mut DeferredPublisher,
    ) -> Result<(), Trouble> {
        if self.silence.is_long() {
            return self.publish_apart(all, deferred).await;
        }
        let bytes = self.config.batch_bytes;
        let batch = self.pending.batch(Instant::now(), all, self.most, bytes);
        let sent = self.send(&batch, deferred).await;
        self.silence.note(&sent);
        sent
    }

    async fn send(
        &mut self,
        batch: &Batch,
        deferred: &mut DeferredPublisher,
    ) -> Result<(), Trouble> {
        match self.attempts.publish(&self.client, &batch.records).await {
            Ok(receipt) => {
                self.set_aside(&receipt, deferred).await?;
                self.confirm(&receipt);
                self.pending.done(batch, Instant::now());
                for waiting in &receipt.waiting {
                    self.pending.forget(&waiting.account);
                }
                self.mark();
                Ok(())
            }
            Err(Trouble::Functions(error)) if self.settle(&error, batch)? => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Reads durable records, as far as memory permits.
    async fn read(&mut self, end: u64, deferred: &mut DeferredPublisher) -> io::Result<()> {
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
            // One that was damaged meanwhile is set aside.
            let records = records.into_iter();
            let whole = records.filter_map(|(number, record)| Some((number, record.whole()?)));
            let whole: Vec<(u64, Vec<u8>)> = whole.collect();
            let taken: Vec<Read> = whole.iter().filter_map(read_of).collect();
            for (number, record) in deferred.divert(whole).await? {
                self.pending.add(number, record, now);
            }
            self.pending.skip(last);
            self.spool.taken(self.pending.next(), &taken);
            let moved = self.move_excess(deferred).await;
            self.mark();
            if let Err(error) = moved {
                // What is in memory can be published, which also makes room on the disk.
                if let Some(left_out) = NOT_MOVED.say() {
                    tracing::error!(%error, left_out, "messages of an account with too many of them cannot be moved aside; others may have to wait for them");
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Moves aside, durably, the messages of accounts that have more than their share, so that the others' need not
    /// wait for them: they are published from there at their own pace.
    async fn move_excess(&mut self, deferred: &mut DeferredPublisher) -> io::Result<()> {
        while let Some(account) = self.pending.excessive() {
            deferred.set_apart(self.pending.of(&account)).await?;
            self.pending.forget(&account);
        }
        Ok(())
    }

    /// Notes a flush request, and all others queued at the same time.
    fn note(&mut self, flush: Flush) {
        let mut next = Some(flush);
        while let Some(flush) = next {
            let now = Instant::now();
            self.pending.flush(&flush.account, now);
            match flush.told {
                true => self.pending.is_reached(now),
                false => self.pending.is_unreachable(),
            }
            self.waiting.push((flush, self.spool.end()));
            next = self.flushes.try_recv().ok();
        }
    }

    /// Answers requests whose messages are published.
    fn answer(&mut self) {
        let pending = &self.pending;
        for (flush, _) in self
            .waiting
            .extract_if(.., |(flush, until)| !pending.has(&flush.account, *until))
        {
            let _ = flush.done.send(());
        }
        // The requesters wait only briefly; messages not read by then are due anyway.
        self.waiting.retain(|(flush, _)| !flush.done.is_closed());
        for (flush, _) in &self.waiting {
            self.pending.flush(&flush.account, Instant::now());
        }
    }

    /// Moves aside, durably, the messages that the functions could not store and those waiting behind them.
    async fn set_aside(
        &self,
        receipt: &EventReceipt,
        deferred: &mut DeferredPublisher,
    ) -> io::Result<()> {
        if receipt.waiting.is_empty() {
            return Ok(());
        }
        let mut messages = Vec::new();
        for waiting in &receipt.waiting {
            messages.extend(self.pending.of(&waiting.account));
        }
        deferred.keep(messages, receipt).await
    }

    fn mark(&self) {
        self.spool.settled(self.pending.settled());
        self.spool.published(self.pending.cursor());
    }

    fn confirm(&mut self, receipt: &EventReceipt) {
        outcome::confirmed(receipt, &self.metrics);
        for account in &receipt.elsewhere {
            self.pending.is_elsewhere(account);
        }
        self.most = (self.most * 2).min(self.config.batch_events);
    }

    /// Handles a batch that can never succeed as it is; returns false if it is worth sending again. No accepted event
    /// is dropped: one that the functions cannot take is set aside.
    fn settle(&mut self, error: &FunctionsError, batch: &Batch) -> io::Result<bool> {
        let FunctionsError::Status {
            status: 400 | 413 | 422,
            ..
        } = error
        else {
            return Ok(false);
        };
        let count = batch.records.len();
        if count > 1 {
            self.most = count / 2;
        } else {
            for record in &batch.records {
                self.attempts.give_up(record, error)?;
                add(&self.metrics.set_aside);
            }
            self.pending.done(batch, Instant::now());
            self.mark();
        }
        Ok(true)
    }
}

fn read_of((number, record): &(u64, Vec<u8>)) -> Option<Read> {
    Some((*number, Head::of(record)?.account, record.len()))
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
