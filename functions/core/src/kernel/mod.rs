//! What every domain builds on: records in the store, rate limits, encrypted secrets, bodies, requests, responses and
//! errors, and the configuration of all domains.

pub(crate) mod body;
pub(crate) mod bucket;
pub(crate) mod config;
pub(crate) mod cors;
pub(crate) mod descriptor;
pub(crate) mod etag;
pub(crate) mod fields;
pub(crate) mod guard;
pub(crate) mod host;
pub(crate) mod incoming;
pub(crate) mod keys;
pub(crate) mod methods;
pub(crate) mod options;
pub(crate) mod password;
pub(crate) mod platform;
pub(crate) mod problem;
pub(crate) mod records;
pub(crate) mod request;
pub(crate) mod seal;
pub(crate) mod text;
pub mod variables;
pub(crate) mod work;

use std::sync::Arc;

use storage_adapter::{ObjectStore, Storage};

use self::config::Config;
use self::host::Host;

/// The common basis of all domains.
pub(crate) struct Kernel<S, H> {
    storage: Storage<S, H>,
    config: Config,
    keys: seal::Keys,
    guard: guard::Guard,
    unread: records::Unread,
    /// The bodies of all requests being served.
    bodies: Arc<incoming::Held>,
}

impl<S, H> Kernel<S, H> {
    pub(crate) fn new(storage: Storage<S, H>, config: Config) -> Self {
        Self {
            keys: seal::Keys::derive(&config.master_key),
            storage,
            config,
            guard: guard::Guard::default(),
            unread: records::Unread::default(),
            bodies: Arc::default(),
        }
    }

    /// Returns the configuration.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the installation's storage, with all records.
    pub(crate) const fn storage(&self) -> &Storage<S, H> {
        &self.storage
    }

    /// Returns the keys that secrets are encrypted with.
    pub(crate) const fn keys(&self) -> &seal::Keys {
        &self.keys
    }

    /// Returns how much of request bodies is in memory.
    pub(crate) const fn bodies(&self) -> &Arc<incoming::Held> {
        &self.bodies
    }
}

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Returns the current time.
    pub(crate) fn now(&self) -> protocol::Timestamp {
        self.storage.host().now()
    }

    /// Returns random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.storage.host().random(&mut bytes);
        bytes
    }
}
