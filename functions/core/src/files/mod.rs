//! Documents of accounts: the remoteStorage API, the location of an account's tree, and how many old versions are
//! retained.

pub(crate) mod archive_reads;
pub mod client_files;
mod kept;
pub(crate) mod listings;
pub(crate) mod quota;
pub(crate) mod remote_storage;
mod room;
pub(crate) mod stores;

use std::sync::Arc;

use storage_adapter::ObjectStore;

use crate::connectors::Connectors;
use crate::identity::Identity;
use crate::kernel::Kernel;
use crate::kernel::host::Host;
use stores::Tree;

/// The documents of accounts.
pub struct Files<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
    identity: Arc<Identity<S, H>>,
    listings: listings::ListingCache,
    quotas: quota::QuotaCache,
    pauses: room::Pauses,
    coming: room::Coming,
    archive_reads: archive_reads::ArchiveReads,
    places: Arc<stores::StoreLocations<S, H>>,
    /// Trees of all accounts in the installation's store.
    trees: Tree<S, H>,
}

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(
        kernel: &Arc<Kernel<S, H>>,
        connectors: &Arc<Connectors<S, H>>,
        identity: &Arc<Identity<S, H>>,
    ) -> Self {
        let (places, trees) = stores::of(kernel.storage());
        Self {
            kernel: Arc::clone(kernel),
            connectors: Arc::clone(connectors),
            identity: Arc::clone(identity),
            listings: listings::ListingCache::default(),
            quotas: quota::QuotaCache::default(),
            pauses: room::Pauses::default(),
            coming: room::Coming::default(),
            archive_reads: archive_reads::ArchiveReads::default(),
            places,
            trees,
        }
    }
}

impl<S, H> std::fmt::Debug for Files<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}
