//! How the rest of the gateway reaches the outbox.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use crate::platform::TaskOutcome;

/// Outcomes of tasks, by task id.
pub(crate) type Reports = mpsc::UnboundedReceiver<(String, TaskOutcome)>;

/// Wakes the outbox and reports to it; clones refer to the same outbox.
#[derive(Clone, Debug)]
pub(crate) struct OutboxHandle {
    woken: Arc<Notify>,
    /// Bounded in effect by the number of parts of the tasks in progress.
    reports: mpsc::UnboundedSender<(String, TaskOutcome)>,
}

impl OutboxHandle {
    pub(crate) fn new() -> (Self, Reports) {
        let (reports, receiver) = mpsc::unbounded_channel();
        let woken = Arc::default();
        (Self { woken, reports }, receiver)
    }

    /// Called when the queue may have new tasks or a connection came online. Calls during a fetch count as one.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Reports the outcome of a task.
    pub(crate) fn report(&self, id: &str, said: TaskOutcome) {
        // The receiver is gone only while the gateway shuts down.
        let _ = self.reports.send((id.to_owned(), said));
    }

    /// Waits until the outbox is woken.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }
}
