//! Counts requests by what they cost.

use std::sync::atomic::{AtomicU64, Ordering};

/// Requests sent since the counts were last taken, including retries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Requests {
    /// GET and HEAD of objects.
    pub read: u64,
    /// PUT and POST: of objects, of parts, and the start and end of multipart uploads.
    pub write: u64,
    /// Listings, which cost as much as writes.
    pub list: u64,
    /// Deletions and aborted uploads, which most providers do not charge for.
    pub delete: u64,
    /// How many of all these were retries.
    pub retries: u64,
}

/// The cost class of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Class {
    Read,
    Write,
    List,
    Delete,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    read: AtomicU64,
    write: AtomicU64,
    list: AtomicU64,
    delete: AtomicU64,
    retries: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, class: Class, attempt: u32) {
        let counter = match class {
            Class::Read => &self.read,
            Class::Write => &self.write,
            Class::List => &self.list,
            Class::Delete => &self.delete,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if attempt > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn take(&self) -> Requests {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Requests {
            read: take(&self.read),
            write: take(&self.write),
            list: take(&self.list),
            delete: take(&self.delete),
            retries: take(&self.retries),
        }
    }
}
