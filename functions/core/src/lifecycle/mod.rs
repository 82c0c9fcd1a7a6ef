//! Operations across all domains of an account or of the installation: maintenance, and the removal of an account.

pub(crate) mod maintenance;
pub(crate) mod removal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::chat::Chat;
use crate::connectors::Connectors;
use crate::files::Files;
use crate::identity::Identity;
use crate::kernel::Kernel;
use crate::webhooks::Webhooks;

/// Operations across all domains.
pub struct Lifecycle<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
    identity: Arc<Identity<S, H>>,
    files: Arc<Files<S, H>>,
    webhooks: Arc<Webhooks<S, H>>,
    chat: Arc<Chat<S, H>>,
}

impl<S, H> Lifecycle<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(
        kernel: &Arc<Kernel<S, H>>,
        connectors: &Arc<Connectors<S, H>>,
        identity: &Arc<Identity<S, H>>,
        files: &Arc<Files<S, H>>,
        webhooks: &Arc<Webhooks<S, H>>,
        chat: &Arc<Chat<S, H>>,
    ) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            connectors: Arc::clone(connectors),
            identity: Arc::clone(identity),
            files: Arc::clone(files),
            webhooks: Arc::clone(webhooks),
            chat: Arc::clone(chat),
        }
    }
}

impl<S, H> std::fmt::Debug for Lifecycle<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lifecycle").finish_non_exhaustive()
    }
}
