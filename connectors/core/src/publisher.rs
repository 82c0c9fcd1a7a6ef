//! Publishes the spool to the functions: in order, at least once, for as long as it takes.
//!
//! Where the functions say that an account's archive cannot be written, its messages are moved aside and
//! go on by themselves (`held_publisher.rs`), so that nobody else's have to wait.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use model::EventReceipt;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::{FunctionsClient, FunctionsError};
use crate::clock::Backoff;
use crate::held_publisher::HeldPublisher;
use crate::metrics::{Metrics, add};
use crate::spool::{Reader, Spool};

/// Longest `Retry-After` that is obeyed.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// How batches are made.
#[derive(Clone, Copy, Debug)]
pub struct PublisherConfig {
    /// Most events in a batch.
    pub batch_events: usize,
    /// Most bytes in a batch; a single larger event goes alone.
    pub batch_bytes: usize,
    /// Least time between the starts of batches.
    pub interval: Duration,
    /// Longest pause before a failed batch is sent again.
    pub retry: Duration,
    /// Longest pause before messages of an account whose archive cannot be written are sent again.
    pub held_retry: Duration,
}

/// Publishes what the spool holds.
#[derive(Debug)]
pub struct Publisher {
    spool: Spool,
    client: FunctionsClient,
    config: PublisherConfig,
    metrics: Arc<Metrics>,
    reader: Reader,
    /// How many events the next batch may have: fewer after the functions found one too large.
    most: usize,
}

impl Publisher {
    /// Makes a publisher; nothing happens before [`Publisher::run`].
    #[must_use]
    pub fn new(spool: Spool, client: FunctionsClient, config: PublisherConfig) -> Self {
        Self::with_metrics(spool, client, config, Arc::default())
    }

    pub(crate) fn with_metrics(
        spool: Spool,
        client: FunctionsClient,
        config: PublisherConfig,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            most: config.batch_events,
            reader: Reader::default(),
            spool,
            client,
            config,
            metrics,
        }
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
            self.client.clone(),
            self.config,
            Arc::clone(&self.metrics),
        );
        loop {
            let cursor = self.spool.cursor();
            if *durable.borrow_and_update() <= cursor {
                if *closing.borrow() {
                    return;
                }
                tokio::select! {
                    changed = durable.changed() => if changed.is_err() { return },
                    _ = closing.wait_for(|closing| *closing) => {}
                }
                continue;
            }
            if let Some(last) = last {
                tokio::select! {
                    () = tokio::time::sleep_until(last + self.config.interval) => {}
                    _ = closing.wait_for(|closing| *closing) => {}
                }
            }
            last = Some(Instant::now());
            let Some((records, next)) = self.batch() else {
                tokio::time::sleep(backoff.pause()).await;
                continue;
            };
            let records = match held.divert(records).await {
                Ok(records) => records,
                Err(error) => {
                    tracing::error!(%error, "messages cannot be held; they wait in the spool");
                    tokio::time::sleep(backoff.pause()).await;
                    continue;
                }
            };
            let count = records.len();
            if count == 0 {
                self.spool.published(next);
                continue;
            }
            let attempts = self.spool.attempts();
            match attempts.publish(&self.client, &records).await {
                Ok(receipt) => {
                    if let Err(error) = held.keep(records, &receipt).await {
                        tracing::error!(%error, "messages cannot be held; they wait in the spool");
                        tokio::time::sleep(backoff.pause()).await;
                        continue;
                    }
                    self.confirm(&receipt, next);
                    backoff.reset();
                    if complained.take().is_some() {
                        tracing::info!("the functions take events again");
                    }
                }
                Err(error) => {
                    if self.settle(&error, next, count) {
                        continue;
                    }
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

    /// Reads the next batch: its records, the number after the last of them.
    fn batch(&mut self) -> Option<(Vec<Vec<u8>>, u64)> {
        let read = self
            .spool
            .read(&mut self.reader, self.most, self.config.batch_bytes);
        let records = match read {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read");
                self.reader = Reader::default();
                return None;
            }
        };
        let next = records.last()?.0 + 1;
        let records = records.into_iter().map(|(_, record)| record).collect();
        Some((records, next))
    }

    fn confirm(&mut self, receipt: &EventReceipt, next: u64) {
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
        self.spool.published(next);
        self.most = (self.most * 2).min(self.config.batch_events);
    }

    /// Deals with a batch that can never succeed as it is; false if it is worth sending again.
    fn settle(&mut self, error: &FunctionsError, next: u64, count: usize) -> bool {
        let FunctionsError::Status {
            status: 400 | 413 | 422,
            ..
        } = error
        else {
            return false;
        };
        if count > 1 {
            self.most = count / 2;
        } else {
            tracing::error!(%error, number = next - 1, "the functions cannot take an event; it is dropped");
            add(&self.metrics.refused);
            self.spool.published(next);
        }
        true
    }
}

/// Makes the body of a batch. The records are JSON already.
pub(crate) fn batch_body<'a>(records: impl Iterator<Item = &'a [u8]>) -> Bytes {
    let mut body = b"{\"events\":[".to_vec();
    for (index, record) in records.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(record);
    }
    body.extend_from_slice(b"]}");
    body.into()
}
