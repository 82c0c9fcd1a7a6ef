//! The bytes queued for one client.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use mutex::lock;
use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// No more will follow; write what is queued.
    closed: bool,
    /// Do not even write what is queued.
    aborted: bool,
}

/// A queue of bytes between the engine, which pushes, and the connection, which takes. When empty it uses no memory.
#[derive(Debug)]
pub(super) struct Outgoing {
    waiting: Mutex<Waiting>,
    notify: Notify,
    queued: AtomicUsize,
    stalled: AtomicBool,
    /// Bytes queued for all connections.
    all: Arc<AtomicUsize>,
}

/// How much is queued, including bytes being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub own: usize,
    pub all: usize,
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.all
            .fetch_sub(self.queued.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Outgoing {
    pub(super) fn new(all: Arc<AtomicUsize>) -> Self {
        Self {
            waiting: Mutex::default(),
            notify: Notify::new(),
            queued: AtomicUsize::new(0),
            stalled: AtomicBool::new(false),
            all,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Bytes are only appended or taken whole: a panic elsewhere leaves nothing half done.
        lock(&self.waiting)
    }

    /// Adds bytes; returns how many are queued now.
    pub(super) fn push(&self, bytes: &[u8]) -> Queued {
        let mut waiting = self.lock();
        // Counted before they can be taken, so that the counts never fall below zero.
        let add =
            |count: &AtomicUsize| count.fetch_add(bytes.len(), Ordering::SeqCst) + bytes.len();
        let queued = Queued {
            own: add(&self.queued),
            all: add(&self.all),
        };
        waiting.bytes.extend_from_slice(bytes);
        drop(waiting);
        self.notify.notify_one();
        queued
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Requests a notification when the queue is short again.
    pub(super) fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.notify.notify_one();
    }

    pub(super) fn abort(&self) {
        self.lock().aborted = true;
        self.notify.notify_one();
    }

    /// Returns whether nothing more will follow.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits for bytes; returns `None` once it is closed and empty, or aborted.
    pub(super) async fn take(&self) -> Option<Vec<u8>> {
        loop {
            {
                let mut waiting = self.lock();
                if waiting.aborted {
                    return None;
                }
                if !waiting.bytes.is_empty() {
                    return Some(std::mem::take(&mut waiting.bytes));
                }
                if waiting.closed {
                    return None;
                }
            }
            self.notify.notified().await;
        }
    }

    /// Returns whether it was aborted.
    pub(super) fn is_aborted(&self) -> bool {
        self.lock().aborted
    }

    /// Notes that bytes were written; returns whether someone waits for the queue to be short.
    pub(super) fn written(&self, count: usize, short: usize) -> bool {
        self.all.fetch_sub(count, Ordering::SeqCst);
        let before = self.queued.fetch_sub(count, Ordering::SeqCst);
        before - count <= short && self.stalled.swap(false, Ordering::SeqCst)
    }
}
