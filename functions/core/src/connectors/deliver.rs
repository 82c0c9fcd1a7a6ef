//! Delivers tasks to connectors: into the durable queue, then with a request that wakes the connector.
//!
//! Waking only saves time. A connector that cannot be reached polls its queue.

use std::sync::Mutex;

use bytes::Bytes;
use http::{Method, Request};
use mutex::lock;
use protocol::{AccountName, Bounded, OutboxTask, Publish, Timestamp, WAKE_PATH, signed_headers};
use storage_adapter::{ObjectStore, StoreError};

use crate::connectors::Connectors;
use crate::kernel::config::Connector;
use crate::kernel::host::Destination;
use crate::kernel::host::FetchLimits;
use crate::kernel::host::Host;

/// How long a connector may take to answer, in milliseconds.
const WAKE_TIMEOUT: u64 = 1_500;
/// The largest answer, in bytes; it is not read.
const MAX_ANSWER: u64 = 1024;
/// How long a connector that did not answer is left alone, in milliseconds.
const UNREACHABLE_MS: i64 = 60_000;
/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The most connectors remembered as unreachable.
const MAX_UNREACHABLE: usize = 1_000;

/// Connectors that did not answer, and until when they are left alone.
#[derive(Debug)]
pub(crate) struct Wakes(Mutex<Bounded<String, Timestamp>>);

impl Default for Wakes {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MAX_UNREACHABLE)))
    }
}

impl Wakes {
    /// A connector has just started, so it may be reachable again.
    pub(crate) fn begin(&self, connector: &str) {
        let mut unreachable = lock(&self.0);
        unreachable.remove(connector);
    }
}

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Puts a task into a connector's queue and wakes the connector. The task is durable when this returns; an existing
    /// task with this id is left unchanged.
    ///
    /// # Errors
    /// If the store fails; the task may be in the queue nevertheless.
    pub async fn deliver(
        &self,
        connector: &Connector,
        id: &str,
        task: OutboxTask,
    ) -> Result<(), StoreError> {
        self.enqueue(connector, id, task).await?;
        self.wake(connector).await;
        Ok(())
    }

    /// Tells a connector that its queue is not empty. The request may be lost.
    pub(crate) async fn wake(&self, connector: &Connector) {
        // An unreachable connector polls by itself.
        let _ = self.wake_unless_silent(connector, WAKE_PATH).await;
    }

    /// Makes a connector publish the messages that it holds for an account. One that cannot be reached now finds the
    /// task in its queue, which it polls every few seconds.
    pub(crate) async fn publish_archive(&self, connector: &Connector, account: &AccountName) {
        let target = format!("{WAKE_PATH}?archive={account}");
        if self.wake_unless_silent(connector, &target).await {
            return;
        }
        let task = OutboxTask::Publish(Publish {
            account: account.clone(),
        });
        let id = publish_id(account, self.kernel.now());
        // If it fails, the next read tries again.
        let _ = self.enqueue(connector, &id, task).await;
    }

    /// Wakes a connector, unless it recently failed to answer; returns whether it was reached.
    async fn wake_unless_silent(&self, connector: &Connector, target: &str) -> bool {
        let now = self.kernel.now();
        let lock = || lock(&self.wakes.0);
        // Not for longer than that either, if the clock was set back meanwhile.
        let paused =
            |until: &Timestamp| (1..=UNREACHABLE_MS).contains(&(until.millis() - now.millis()));
        if lock().get(&connector.id).is_some_and(paused) {
            return false;
        }
        let Some(heard) = self.knock(connector, target).await else {
            return false;
        };
        let mut unreachable = lock();
        if heard {
            unreachable.remove(&connector.id);
        } else {
            let until = now.plus_millis(UNREACHABLE_MS);
            unreachable.insert(connector.id.clone(), until);
        }
        heard
    }

    /// Tells a connector that something it caches changed, `account=…` or `call=…`, and waits until it has been told.
    /// People wait for the effect of their action, so a connector that recently failed to answer is tried nevertheless.
    pub(crate) async fn wake_about(&self, connector: &Connector, what: &str) {
        // An unreachable connector polls by itself.
        let _ = self.knock(connector, &format!("{WAKE_PATH}?{what}")).await;
    }

    /// Returns whether the connector was reached; `None` if its address is unknown.
    async fn knock(&self, connector: &Connector, target: &str) -> Option<bool> {
        let now = self.kernel.now();
        let internal = self.kernel.config().internal.get(&connector.id);
        let origin = internal.unwrap_or(&connector.url);
        if origin.is_empty() {
            return None;
        }
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{origin}{target}"));
        let asked = ("POST", target);
        for (name, value) in signed_headers(&connector.id, &connector.key, asked, now, b"") {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::new());
        let request = request.ok()?;
        let limits = FetchLimits {
            destination: Destination::Configured,
            max_body: MAX_ANSWER,
            timeout: WAKE_TIMEOUT,
        };
        let answer = self.kernel.storage().host().fetch(request, limits).await;
        Some(answer.is_ok_and(|answer| answer.status().is_success()))
    }
}

/// Returns the id of the task to publish an account's messages: one per day, so that however often an archive is read,
/// at most that many wait for a connector that is gone. It sorts before all other tasks of that day.
fn publish_id(account: &AccountName, now: Timestamp) -> String {
    let day = now.millis() - now.millis().rem_euclid(DAY_MS);
    // The underscore is the only character of account names that ids do not allow; account names have no capitals.
    let name = account.as_str().replace('_', "Z");
    format!(
        "{:012x}-publish-{name}",
        u64::try_from(day).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::testing::{block_on, functions, say};

    #[test]
    fn a_connector_that_does_not_answer_is_left_alone_for_a_while() {
        let f = functions();
        let connector = block_on(f.connectors.find_connector("irc-1"))
            .unwrap()
            .unwrap();
        let task = say("hello");
        let deliver = || {
            block_on(
                f.connectors
                    .deliver(&connector, &f.connectors.task_id(), task.clone()),
            )
            .unwrap()
        };
        deliver();
        deliver();
        assert_eq!(f.host().fetches.load(Ordering::Relaxed), 1);
        f.host().advance(UNREACHABLE_MS);
        deliver();
        assert_eq!(f.host().fetches.load(Ordering::Relaxed), 2);
        f.connectors.wakes.begin("irc-1");
        deliver();
        assert_eq!(f.host().fetches.load(Ordering::Relaxed), 3);
        f.host().advance(-UNREACHABLE_MS);
        deliver();
        assert_eq!(f.host().fetches.load(Ordering::Relaxed), 4, "another clock");
        assert_eq!(
            block_on(f.connectors.tasks(&connector, None, 10))
                .unwrap()
                .0
                .len(),
            5
        );
    }
    #[test]
    fn who_cannot_be_told_that_somebody_reads_finds_it_in_the_queue() {
        let f = functions();
        let connector = block_on(f.connectors.find_connector("irc-1"))
            .unwrap()
            .unwrap();
        let (alice, other) = ("a_b".parse().unwrap(), "a-b".parse().unwrap());
        let waiting = || {
            let tasks = block_on(f.connectors.tasks(&connector, None, 10))
                .unwrap()
                .0;
            tasks.into_iter().map(|item| (item.id, item.task))
        };
        let publish = |account: &AccountName| {
            OutboxTask::Publish(Publish {
                account: account.clone(),
            })
        };
        // It does not answer, and is then left alone.
        for _ in 0..2 {
            block_on(f.connectors.publish_archive(&connector, &alice));
            f.host().advance(1_000);
        }
        block_on(f.connectors.publish_archive(&connector, &other));
        let tasks: Vec<_> = waiting().collect();
        assert_eq!(tasks.len(), 2, "one of each account: {tasks:?}");
        for account in [&alice, &other] {
            assert!(tasks.iter().any(|(_, task)| *task == publish(account)));
        }
        // It is acknowledged, and queued again later.
        let ids: Vec<&str> = tasks.iter().map(|(id, _)| id.as_str()).collect();
        let receipt = serde_json::json!({"done": ids}).to_string();
        let done = f.signed("irc-1", "POST", "/connector/outbox", receipt);
        assert_eq!(done.status, 204, "{done:?}");
        assert_eq!(waiting().count(), 0);
        block_on(f.connectors.publish_archive(&connector, &alice));
        assert_eq!(waiting().count(), 1);
        // A connector that is reached needs no queued task.
        f.connectors.wakes.begin("irc-1");
        *f.host().network.lock().unwrap() = Some(Box::new(|request| {
            assert_eq!(request.uri().query(), Some("archive=a-b"));
            Ok(http::Response::new(Bytes::new()))
        }));
        block_on(f.connectors.publish_archive(&connector, &other));
        assert_eq!(waiting().count(), 1);
    }
}
