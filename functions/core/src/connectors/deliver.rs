//! Delivering tasks to connectors: into the durable queue, then a request that wakes the connector.
//!
//! Waking only saves time. A connector that is not reached polls its queue by itself.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request};
use protocol::{Bounded, Task, Timestamp, WAKE_PATH, signed_headers};
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
/// For how long a connector that did not answer is left alone, in milliseconds.
const UNREACHABLE_MS: i64 = 60_000;
/// Connectors that are remembered as unreachable.
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
    /// A connector has just begun: it may be reached again.
    pub(crate) fn begin(&self, connector: &str) {
        let mut unreachable = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unreachable.remove(connector);
    }
}

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Puts a task into a connector's queue and tells the connector. The task is durable when this returns;
    /// a task with this id that is there stays as it is.
    ///
    /// # Errors
    /// The store's; the task may be in the queue all the same.
    pub async fn deliver(
        &self,
        connector: &Connector,
        id: &str,
        task: Task,
    ) -> Result<(), StoreError> {
        self.enqueue(connector, id, task).await?;
        self.wake(connector).await;
        Ok(())
    }

    /// Tells a connector that its queue is not empty. It may not hear it.
    pub(crate) async fn wake(&self, connector: &Connector) {
        self.wake_unless_silent(connector, WAKE_PATH).await;
    }

    /// Wakes a connector, unless it did not answer lately.
    pub(crate) async fn wake_unless_silent(&self, connector: &Connector, target: &str) {
        let now = self.kernel.now();
        let lock = || self.wakes.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Not for longer than that either, if the clock was set back meanwhile.
        let paused =
            |until: &Timestamp| (1..=UNREACHABLE_MS).contains(&(until.millis() - now.millis()));
        if lock().get(&connector.id).is_some_and(paused) {
            return;
        }
        let Some(heard) = self.knock(connector, target).await else {
            return;
        };
        let mut unreachable = lock();
        if heard {
            unreachable.remove(&connector.id);
        } else {
            let until = now.plus_millis(UNREACHABLE_MS);
            unreachable.insert(connector.id.clone(), until);
        }
    }

    /// Tells a connector that something it keeps changed, `account=…` or `call=…`, and waits until it knows. People
    /// wait for the effect of what they did, so one that did not answer lately is tried all the same.
    pub(crate) async fn wake_about(&self, connector: &Connector, what: &str) {
        // Who does not hear it asks by itself.
        let _ = self.knock(connector, &format!("{WAKE_PATH}?{what}")).await;
    }

    /// Returns whether the connector heard it; nothing if nobody knows where it is.
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
}
