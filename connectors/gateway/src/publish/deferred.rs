//! Publishes the messages of accounts whose archive could not be written, or that have more than their share, each
//! account at its own pace.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use program::Seldom;
use protocol::{AccountName, EventReceipt, WaitingAccount};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::attempts::{Attempts, MAX_TRIES};
use super::pending::Head;
use super::{MAX_RETRY_AFTER, PublisherConfig, Trouble, outcome};
use crate::metrics::{Metrics, add};
use crate::spool::Spool;
use connector_kit::{Backoff, jitter};
use connector_kit::{FunctionsClient, FunctionsError};

/// Accounts whose messages are tried concurrently.
const MAX_AT_ONCE: usize = 4;
/// Minimum delay between two attempts for one account, however often one is requested.
const LEAST_PAUSE: Duration = Duration::from_millis(200);

/// An account's external server can go down and come back as often as it likes.
static AWAY: Seldom = Seldom::new();
static BACK: Seldom = Seldom::new();
static UNREADABLE: Seldom = Seldom::new();

/// The accounts with deferred messages.
pub(crate) struct DeferredPublisher {
    spool: Spool,
    attempts: Arc<Attempts>,
    client: FunctionsClient,
    config: PublisherConfig,
    metrics: Arc<Metrics>,
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

impl DeferredPublisher {
    /// Starts with the messages deferred by earlier runs.
    pub(crate) fn new(
        spool: Spool,
        attempts: Arc<Attempts>,
        client: FunctionsClient,
        config: PublisherConfig,
        metrics: Arc<Metrics>,
    ) -> Self {
        let accounts = spool.deferred().accounts();
        let mut publisher = Self {
            spool,
            attempts,
            client,
            config,
            metrics,
            permits: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            tasks: JoinSet::new(),
        };
        for account in accounts {
            publisher.start(account, Duration::ZERO);
        }
        publisher
    }

    /// Takes the messages of deferred accounts out of a batch, and makes them durable beside the spool. Returns the
    /// rest with their record numbers.
    pub(crate) async fn divert(
        &mut self,
        records: Vec<(u64, Vec<u8>)>,
    ) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let deferred = self.spool.deferred().accounts();
        if deferred.is_empty() {
            return Ok(records);
        }
        let (aside, rest): (Vec<_>, Vec<_>) = records.into_iter().partition(|(_, record)| {
            message_of(record).is_some_and(|(_, a)| deferred.contains(&a))
        });
        let aside = aside.into_iter().map(|(_, record)| record).collect();
        self.defer(aside, &[]).await?;
        Ok(rest)
    }

    /// Defers messages that the functions could not store.
    pub(crate) async fn keep(
        &mut self,
        records: Vec<Vec<u8>>,
        receipt: &EventReceipt,
    ) -> io::Result<()> {
        if receipt.waiting.is_empty() {
            return Ok(());
        }
        let refused: HashSet<&str> = receipt.refused.iter().map(|r| r.id.as_str()).collect();
        let waits = |account: &AccountName| receipt.waiting.iter().any(|w| w.account == *account);
        let aside = records
            .into_iter()
            .filter(|record| {
                message_of(record)
                    .is_some_and(|(id, account)| waits(&account) && !refused.contains(&*id))
            })
            .collect();
        self.defer(aside, &receipt.waiting).await
    }

    /// Defers messages of an account that has more than its share.
    pub(crate) async fn set_apart(&mut self, records: Vec<Vec<u8>>) -> io::Result<()> {
        self.defer(records, &[]).await
    }

    async fn defer(&mut self, records: Vec<Vec<u8>>, waiting: &[WaitingAccount]) -> io::Result<()> {
        let mut accounts: HashMap<AccountName, Vec<Vec<u8>>> = HashMap::new();
        for record in records {
            if let Some((_, account)) = message_of(&record) {
                accounts.entry(account).or_default().push(record);
            }
        }
        for (account, records) in accounts {
            let (spool, whose) = (self.spool.clone(), account.clone());
            let defer = move || {
                let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
                spool.deferred().defer(&whose, &records)
            };
            if tokio::task::spawn_blocking(defer)
                .await
                .map_err(io::Error::other)??
            {
                let told = waiting.iter().find(|waiting| waiting.account == account);
                if let Some(told) = told
                    && let Some(left_out) = AWAY.say()
                {
                    tracing::warn!(%account, reason = told.reason, left_out,
                        "an account's archive cannot be written; its messages are deferred");
                }
                let pause = told.map_or(LEAST_PAUSE, |told| self.pause(told));
                self.start(account, pause);
            }
        }
        Ok(())
    }

    fn pause(&self, waiting: &WaitingAccount) -> Duration {
        pause(&self.config, waiting)
    }

    fn start(&mut self, account: AccountName, pause: Duration) {
        // Reap finished tasks.
        while self.tasks.try_join_next().is_some() {}
        let drain = Drain {
            account,
            spool: self.spool.clone(),
            attempts: Arc::clone(&self.attempts),
            client: self.client.clone(),
            config: self.config,
            metrics: Arc::clone(&self.metrics),
            permits: Arc::clone(&self.permits),
            most: self.config.batch_events,
            tries: 0,
        };
        self.tasks.spawn(drain.run(pause));
    }
}

/// How long an account waits: as told by the functions, but no longer than a failed batch does.
fn pause(config: &PublisherConfig, waiting: &WaitingAccount) -> Duration {
    let told = Duration::from_secs(waiting.retry_after).min(MAX_RETRY_AFTER);
    told.min(config.deferred_retry)
}

/// Returns the id and account of a message, or `None` for other events.
fn message_of(record: &[u8]) -> Option<(String, AccountName)> {
    let head = Head::of(record).filter(Head::is_message)?;
    Some((head.id, head.account))
}

/// The task of one account; it ends when nothing of the account is deferred any longer.
struct Drain {
    account: AccountName,
    spool: Spool,
    attempts: Arc<Attempts>,
    client: FunctionsClient,
    config: PublisherConfig,
    metrics: Arc<Metrics>,
    permits: Arc<Semaphore>,
    /// Maximum events in the next batch: reduced after the functions found a batch too large.
    most: usize,
    /// How often the functions did not respond to the first event alone.
    tries: u32,
}

impl Drain {
    async fn run(mut self, first: Duration) {
        let mut backoff = Backoff::new(self.config.retry);
        let mut rest = first;
        let mut retried = self.spool.deferred().retried();
        loop {
            if !rest.is_zero() {
                tokio::time::sleep(rest.min(LEAST_PAUSE)).await;
                tokio::select! {
                    () = tokio::time::sleep(jitter(rest.saturating_sub(LEAST_PAUSE))) => {}
                    _ = retried.changed() => {}
                }
            }
            retried.mark_unchanged();
            // Never closed.
            let Ok(_permit) = Arc::clone(&self.permits).acquire_owned().await else {
                return;
            };
            match self.batch().await {
                Ok(Outcome::Empty) => {
                    if let Some(left_out) = BACK.say() {
                        tracing::info!(account = %self.account, left_out, "the deferred messages of an account are published");
                    }
                    return;
                }
                Ok(Outcome::More) => {
                    backoff.reset();
                    rest = self.config.interval;
                }
                Ok(Outcome::Wait(least)) => {
                    add(&self.metrics.publish_retries);
                    rest = least.max(backoff.pause());
                }
                Err(error) => {
                    if let Some(left_out) = UNREADABLE.say() {
                        tracing::error!(account = %self.account, %error, left_out, "deferred messages cannot be read, marked as published, or noted before a retry");
                    }
                    rest = backoff.pause();
                }
            }
        }
    }

    async fn batch(&mut self) -> io::Result<Outcome> {
        let (spool, account) = (self.spool.clone(), self.account.clone());
        let (most, bytes) = (self.most, self.config.batch_bytes);
        let read = move || spool.deferred().read(&account, most, bytes);
        let (records, next) = tokio::task::spawn_blocking(read)
            .await
            .map_err(io::Error::other)??;
        let count = records.len();
        if count > 0 {
            match self.attempts.publish(&self.client, &records).await {
                Ok(receipt) => {
                    if let Some(waiting) = receipt.waiting.first() {
                        return Ok(Outcome::Wait(pause(&self.config, waiting)));
                    }
                    outcome::confirmed(&receipt, &self.metrics);
                    self.most = (self.most * 2).min(self.config.batch_events);
                    self.tries = 0;
                }
                Err(Trouble::Disk(error)) => return Err(error),
                Err(Trouble::Functions(error)) if error.is_silence() => {
                    if count > 1 {
                        self.most = count / 2;
                        return Ok(Outcome::Wait(Duration::ZERO));
                    }
                    self.tries += 1;
                    if self.tries < MAX_TRIES || !self.answer_on_the_next().await? {
                        return Ok(Outcome::Wait(Duration::ZERO));
                    }
                    for record in &records {
                        self.attempts.give_up(record, &error)?;
                        add(&self.metrics.set_aside);
                    }
                    self.tries = 0;
                }
                Err(Trouble::Functions(error)) => match &error {
                    FunctionsError::Status {
                        status: 400 | 413 | 422,
                        ..
                    } if count > 1 => {
                        self.most = count / 2;
                        return Ok(Outcome::More);
                    }
                    FunctionsError::Status {
                        status: 400 | 413 | 422,
                        ..
                    } => {
                        for record in &records {
                            self.attempts.give_up(record, &error)?;
                            add(&self.metrics.set_aside);
                        }
                    }
                    FunctionsError::Status {
                        retry_after: Some(after),
                        ..
                    } => return Ok(Outcome::Wait((*after).min(MAX_RETRY_AFTER))),
                    _ => return Ok(Outcome::Wait(Duration::ZERO)),
                },
            }
        }
        let (spool, account) = (self.spool.clone(), self.account.clone());
        let done = move || spool.deferred().published(&account, next);
        let empty = tokio::task::spawn_blocking(done)
            .await
            .map_err(io::Error::other)??;
        Ok(if empty { Outcome::Empty } else { Outcome::More })
    }

    /// Returns whether the functions accept the event after the first one, to which they do not respond. If so, the
    /// fault lies with that first event, not with the functions or the account's archive. The accepted event is
    /// published again later, which its id makes harmless.
    async fn answer_on_the_next(&self) -> io::Result<bool> {
        let (spool, account) = (self.spool.clone(), self.account.clone());
        let read = move || spool.deferred().read(&account, 2, usize::MAX);
        let (records, _) = tokio::task::spawn_blocking(read)
            .await
            .map_err(io::Error::other)??;
        let Some(next) = records.get(1) else {
            return Ok(false);
        };
        let answer = self
            .attempts
            .publish(&self.client, std::slice::from_ref(next))
            .await;
        match answer {
            Err(Trouble::Disk(error)) => Err(error),
            answer => Ok(answer.is_ok_and(|receipt| receipt.waiting.is_empty())),
        }
    }
}

/// The result of a batch.
enum Outcome {
    /// Nothing is left.
    Empty,
    /// Continue.
    More,
    /// Retry, but not sooner than this.
    Wait(Duration),
}

#[cfg(test)]
mod tests;
