//! How the rest of the gateway reaches the outbox.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use crate::platform::TaskOutcome;

/// What became of tasks, by their ids.
pub(crate) type Reports = mpsc::UnboundedReceiver<(String, TaskOutcome)>;

/// Wakes the outbox, and reports to it; clones reach the same one.
#[derive(Clone, Debug)]
pub(crate) struct OutboxHandle {
    woken: Arc<Notify>,
    /// Bounded in effect by the parts of the tasks that are begun at the same time.
    reports: mpsc::UnboundedSender<(String, TaskOutcome)>,
}

impl OutboxHandle {
    pub(crate) fn new() -> (Self, Reports) {
        let (reports, receiver) = mpsc::unbounded_channel();
        let woken = Arc::default();
        (Self { woken, reports }, receiver)
    }

    /// The queue may have something, or a connection came online. Calls while it is fetched count as one.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Something became of a task.
    pub(crate) fn report(&self, id: &str, said: TaskOutcome) {
        // Nobody listens only while the gateway ends.
        let _ = self.reports.send((id.to_owned(), said));
    }

    /// Waits until somebody wakes the outbox.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }
}
