//! The account tree: documents and folders with versions, over an object store.
//!
//! Every module (`/notes/`, `/public/photos/`) has one head: an object with the index of all its
//! documents, changed by compare-and-swap alone. A write stores the bytes under a new key and
//! then swaps the head; a read revalidates the head and opens the bytes it names. The index of a
//! large module is a tree: pages that never change, below the head. `FORMAT.md` describes the
//! objects.

mod cache;
mod commit;
mod draft;
mod folders;
mod format;
mod garbage;
mod give_way;
mod heads;
mod index;
mod json;
mod lately;
mod pack;
mod pages;
mod path;
mod queue;
mod quota;
mod read;
mod relocate;
mod retention;
mod root;
mod shard;
mod table;
mod types;
mod version;
mod write;

use std::fmt;
use std::sync::Arc;

pub use give_way::GiveWay;
pub use index::Superseded;
pub use path::{DocumentPath, FolderPath, InvalidPath, ItemPath, MAX_NAME_BYTES, MAX_PATH_BYTES};
pub use queue::Waiting;
pub use relocate::{Compared, Copied, Missing};
pub use retention::{Kept, SweepReport};
pub use types::{
    ByteRange, Change, DocumentInfo, DocumentRead, Folder, FolderRead, Host, Item, TreeError,
    Version, WriteCondition, Written,
};

use cache::Cache;
use garbage::Garbage;
use index::Head;
use queue::Queues;
use table::Table;

/// Settings for the trees of a store.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How long overwritten and deleted documents are kept, in milliseconds.
    pub keep_millis: i64,
    /// Of the versions that a document had within a slot of this many milliseconds only the last one is kept. 0 keeps
    /// all.
    pub slot_millis: i64,
    /// The age, in milliseconds, at which unreferenced bytes are swept. A write that takes longer than half of it, from
    /// its first byte to its commit, fails.
    pub grace_millis: i64,
    /// The size of the cache of heads, in bytes of their objects.
    pub cache_bytes: usize,
    /// How writers wait for each other.
    pub waiting: Waiting,
    /// The size of the cache of pages, in bytes of their objects.
    pub page_cache_bytes: usize,
    /// A module's index up to about this many bytes is one object, the head.
    pub head_bytes: usize,
    /// Beyond that, the head and each of its pages have at most about this many bytes. Smaller pages make writes
    /// cheaper in bytes and more expensive in requests.
    pub page_bytes: usize,
}

/// A head of this size saves modules of up to about 450 documents one request per write; `cargo xtask bench tree` shows
/// the cost of writes beyond that.
const DEFAULT_HEAD: usize = 64 << 10;
const DEFAULT_PAGE: usize = 24 << 10;

impl Default for Options {
    fn default() -> Self {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        Self {
            keep_millis: 30 * DAY,
            slot_millis: 5 * 60 * 1000,
            grace_millis: DAY,
            cache_bytes: cache::DEFAULT_CAPACITY,
            waiting: Waiting::default(),
            page_cache_bytes: cache::DEFAULT_PAGES,
            head_bytes: DEFAULT_HEAD,
            page_bytes: DEFAULT_PAGE,
        }
    }
}

/// The trees of all accounts in one store. Long-lived and shared; cheap to clone. Several of them, in any processes,
/// may use one store.
pub struct Storage<S, H> {
    store: Arc<S>,
    host: Arc<H>,
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    cache: Cache<Head>,
    pages: Cache<Table>,
    queues: Queues,
    garbage: Garbage,
}

impl<S, H> fmt::Debug for Storage<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

impl<S, H> Clone for Storage<S, H> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            host: Arc::clone(&self.host),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, H> Storage<S, H> {
    /// Creates the trees of a store, with the default options.
    pub fn new(store: Arc<S>, host: Arc<H>) -> Self {
        Self::with_options(store, host, Options::default())
    }

    /// Creates the trees of a store.
    pub fn with_options(store: Arc<S>, host: Arc<H>, options: Options) -> Self {
        let cache = Cache::new(options.cache_bytes);
        let pages = Cache::new(options.page_cache_bytes);
        let queues = Queues::default();
        Self {
            store,
            host,
            shared: Arc::new(Shared {
                options,
                cache,
                pages,
                queues,
                garbage: Garbage::default(),
            }),
        }
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Returns the store, to share it.
    #[must_use]
    pub fn shared_store(&self) -> Arc<S> {
        Arc::clone(&self.store)
    }

    /// Returns the host, to share it.
    #[must_use]
    pub fn shared_host(&self) -> Arc<H> {
        Arc::clone(&self.host)
    }

    /// Returns the options.
    #[must_use]
    pub fn options(&self) -> Options {
        self.shared.options
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> &H {
        &self.host
    }
}
