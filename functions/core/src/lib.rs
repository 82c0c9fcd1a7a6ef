//! The functions of Subspace: every HTTP handler, pure over [`http::Request`] and
//! [`storage_adapter::ObjectStore`].
//!
//! [`Functions::handle`] handles one request. It uses no socket, clock, environment or runtime: time, randomness and
//! waiting come from the [`Host`]. The same code runs natively and at the edge; entry packages only translate. The
//! interface is `functions/API.md`.
//!
//! Counters against guessing ([`ClientAddress`]) are kept in the process natively, where it is the whole installation,
//! and in the store at the edge, where there are many instances. Caches are always revalidated against the store, which
//! alone is authoritative.

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

use storage_adapter::{ObjectStore, Storage};

use chat::Chat;
use kernel::Kernel;
use mail::Mail;
use notify::Notify;
use outgoing::Outgoing;
use webhooks::Webhooks;

pub use chat::turn::TurnCredentials;
pub use connectors::Connectors;
pub use files::Files;
pub use files::client_files;
pub use files::stores::{MoveError, MoveReport, NewStoreLocation, Tree, TreeStore};
pub use identity::Identity;
pub use identity::accounts::{CreateAccountError, MIN_PASSWORD_LENGTH};
pub use identity::closed::ChangeAccountError;
pub use identity::grants::CreateGrantError;
pub use kernel::body::Body;
pub use kernel::bucket::{BucketError, BucketSettings, OpenedBucket};
pub use kernel::config::{
    Config, ConfigError, Connector, ConnectorKind, DEFAULT_MAX_DOCUMENT_SIZE, DEFAULT_QUOTA,
    DefaultNetwork, MailService, TurnConfig,
};
pub use kernel::guard::ClientAddress;
pub use kernel::host::{Destination, FetchError, FetchLimits, Host, Unfinished};
pub use kernel::options::Options;
pub use kernel::password::PasswordCost;
pub use kernel::problem::DiskFull;
pub use kernel::variables;
pub use lifecycle::Lifecycle;
pub use lifecycle::maintenance::Maintained;
pub use lifecycle::removal::Removed;
pub use routes::router::Received;
pub use routes::{is_blocking, is_ours};

/// All handlers over one store. Shared by every request of a process.
pub struct Functions<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
    identity: Arc<Identity<S, H>>,
    files: Arc<Files<S, H>>,
    webhooks: Arc<Webhooks<S, H>>,
    notify: Arc<Notify<S, H>>,
    chat: Arc<Chat<S, H>>,
    mail: Mail<S, H>,
    lifecycle: Lifecycle<S, H>,
}

impl<S, H> std::fmt::Debug for Functions<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions")
            .field("config", self.kernel.config())
            .finish_non_exhaustive()
    }
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Creates the handlers; does not touch the store.
    #[must_use]
    pub fn new(storage: Storage<S, H>, config: Config) -> Self {
        let kernel = Arc::new(Kernel::new(storage, config));
        let connectors = Arc::new(Connectors::new(&kernel));
        let outgoing = Arc::new(Outgoing::new(&kernel, &connectors));
        let identity = Arc::new(Identity::new(&kernel, &connectors, &outgoing));
        let files = Arc::new(Files::new(&kernel, &connectors, &identity));
        let webhooks = Arc::new(Webhooks::new(&kernel, &connectors, &identity));
        let notify = Arc::new(Notify::new(&kernel, &connectors, &outgoing, &identity));
        let chat = Arc::new(Chat::new(&kernel, &connectors, &identity, &files, &notify));
        let mail = Mail::new(&kernel, &connectors, &outgoing, &identity, &files, &chat);
        let lifecycle = Lifecycle::new(&kernel, &connectors, &identity, &files, &webhooks, &chat);
        Self {
            kernel,
            connectors,
            identity,
            files,
            webhooks,
            notify,
            chat,
            mail,
            lifecycle,
        }
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        self.kernel.config()
    }

    /// Returns the installation's storage, with all records. The documents of an account may be elsewhere: see
    /// [`Files::tree`].
    pub fn storage(&self) -> &Storage<S, H> {
        self.kernel.storage()
    }

    /// Returns how many records could not be read at the last attempt.
    pub fn damaged_records(&self) -> usize {
        self.kernel.damaged_records()
    }

    /// Returns the connectors of the installation.
    pub fn connectors(&self) -> &Connectors<S, H> {
        &self.connectors
    }

    /// Returns the accounts.
    pub fn identity(&self) -> &Identity<S, H> {
        &self.identity
    }

    /// Returns the documents of accounts.
    pub fn files(&self) -> &Files<S, H> {
        &self.files
    }

    /// Returns the operations across all domains: maintenance, and the removal of an account.
    pub fn lifecycle(&self) -> &Lifecycle<S, H> {
        &self.lifecycle
    }
}
