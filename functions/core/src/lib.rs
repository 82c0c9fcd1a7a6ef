//! The functions of Subspace: every HTTP handler, pure over [`http::Request`] and
//! [`storage_adapter::ObjectStore`].
//!
//! [`Functions::handle`] answers one request. It knows no socket, clock, environment or runtime:
//! time, randomness and waiting come from the [`Host`]. The same code
//! runs natively and at the edge; entry packages only translate. The interface is `functions/API.md`.
//!
//! Counters against guessing ([`guard`]) and caches live in one process: natively that is the whole
//! installation, at the edge each instance counts for itself. Caches are always revalidated against the
//! store, so they never decide what is true.

mod accounts;
mod api;
mod away;
mod body;
pub mod client_files;
mod closed;
mod config;
mod connector;
mod connectors;
mod cors;
#[cfg(test)]
mod damage_tests;
mod deliver;
mod grants;
pub mod guard;
mod host;
mod invites;
mod kept;
mod keys;
mod listings;
mod looks;
mod maintenance;
mod oauth;
mod outgoing;
mod password;
mod problem;
mod provision;
mod queue;
mod records;
mod request;
mod router;
mod routes;
mod seal;
mod storage;
mod stores;
#[cfg(test)]
mod testing;
mod turn;
pub mod variables;
mod webfinger;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use storage_adapter::{ObjectStore, Storage};

pub use accounts::{CreateAccountError, MIN_PASSWORD_LENGTH};
pub use body::Body;
pub use closed::{ChangeAccountError, Removed};
pub use config::{
    Config, ConfigError, Connector, ConnectorKind, DEFAULT_MAX_DOCUMENT_SIZE, DEFAULT_QUOTA,
    DefaultNetwork, MailService, TurnConfig,
};
pub use grants::CreateGrantError;
pub use guard::ClientAddress;
pub use host::{Destination, FetchError, FetchLimits, Host};
pub use maintenance::Maintained;
pub use password::PasswordCost;
pub use problem::DiskFull;
pub use routes::{is_blocking, is_ours};
pub use stores::{
    BucketError, BucketSettings, MoveError, MoveReport, NewPlace, OpenedBucket, Tree, TreeStore,
};
pub use turn::TurnCredentials;

/// All handlers over one store. Shared by every request of a process.
pub struct Functions<S, H> {
    storage: Storage<S, H>,
    config: Config,
    keys: seal::Keys,
    grants: grants::GrantCache,
    listings: listings::ListingCache,
    quotas: accounts::QuotaCache,
    guard: guard::Guard,
    damage: records::Damage,
    /// Of all requests that are being answered.
    bodies: Arc<body::Held>,
    wakes: deliver::Wakes,
    pauses: away::Pauses,
    looks: looks::Looks,
    days: connector::Days,
    hook_rates: webhooks::Rates,
    hooks_in_hand: webhooks::InHand,
    registry: connectors::RegistryCache,
    /// Whether the first account is known to exist; it never goes away again.
    set_up: AtomicBool,
    places: Arc<stores::Places<S, H>>,
    /// Of all accounts that are in the installation's store.
    trees: Tree<S, H>,
}

impl<S, H> std::fmt::Debug for Functions<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Makes the handlers; does not touch the store.
    #[must_use]
    pub fn new(storage: Storage<S, H>, config: Config) -> Self {
        let (places, trees) = stores::of(&storage);
        Self {
            keys: seal::Keys::derive(&config.master_key),
            storage,
            config,
            grants: grants::GrantCache::default(),
            listings: listings::ListingCache::default(),
            quotas: accounts::QuotaCache::default(),
            guard: guard::Guard::default(),
            damage: records::Damage::default(),
            bodies: Arc::default(),
            wakes: deliver::Wakes::default(),
            pauses: away::Pauses::default(),
            looks: looks::Looks::default(),
            days: connector::Days::default(),
            hook_rates: webhooks::Rates::default(),
            hooks_in_hand: webhooks::InHand::default(),
            registry: connectors::RegistryCache::default(),
            set_up: AtomicBool::new(false),
            places,
            trees,
        }
    }

    /// Returns the configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the installation's storage, with all records. The documents of an account may be elsewhere: see
    /// [`Self::tree`].
    pub const fn storage(&self) -> &Storage<S, H> {
        &self.storage
    }

    pub(crate) fn now(&self) -> protocol::Timestamp {
        self.storage.host().now()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.storage.host().random(&mut bytes);
        bytes
    }
}
