//! The functions of Subspace: every HTTP handler, pure over [`http::Request`] and
//! [`storage_adapter::ObjectStore`].
//!
//! [`Functions::handle`] answers one request. It knows no socket, clock, environment or runtime:
//! time, randomness and waiting come from the [`Host`]. The same code
//! runs natively and at the edge; entry packages only translate. The interface is `functions/API.md`.
//!
//! Counters against guessing ([`ClientAddress`]) and caches live in one process: natively that is the whole
//! installation, at the edge each instance counts for itself. Caches are always revalidated against the
//! store, so they never decide what is true.

mod chat;
mod connectors;
mod files;
mod identity;
mod kernel;
mod lifecycle;
mod mail;
mod notify;
mod outgoing;
mod routes;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use storage_adapter::{ObjectStore, Storage};

use chat::{archive, away};
use connectors::{deliver, registry};
use files::{listings, looks, stores};
use identity::{accounts, grants};
use kernel::{body, guard, records, seal};

pub use chat::turn::TurnCredentials;
pub use files::client_files;
pub use files::stores::{
    BucketError, BucketSettings, MoveError, MoveReport, NewPlace, OpenedBucket, Tree, TreeStore,
};
pub use identity::accounts::{CreateAccountError, MIN_PASSWORD_LENGTH};
pub use identity::closed::ChangeAccountError;
pub use identity::grants::CreateGrantError;
pub use kernel::body::Body;
pub use kernel::config::{
    Config, ConfigError, Connector, ConnectorKind, DEFAULT_MAX_DOCUMENT_SIZE, DEFAULT_QUOTA,
    DefaultNetwork, MailService, TurnConfig,
};
pub use kernel::guard::ClientAddress;
pub use kernel::host::{Destination, FetchError, FetchLimits, Host};
pub use kernel::options::Options;
pub use kernel::password::PasswordCost;
pub use kernel::problem::DiskFull;
pub use kernel::variables;
pub use lifecycle::maintenance::Maintained;
pub use lifecycle::removal::Removed;
pub use routes::{is_blocking, is_ours};

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
    days: archive::Days,
    hook_rates: webhooks::Rates,
    hooks_in_hand: webhooks::InHand,
    registry: registry::RegistryCache,
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
            days: archive::Days::default(),
            hook_rates: webhooks::Rates::default(),
            hooks_in_hand: webhooks::InHand::default(),
            registry: registry::RegistryCache::default(),
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
