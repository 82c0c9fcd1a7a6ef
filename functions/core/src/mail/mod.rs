//! Incoming mail, and the addresses of channels.

pub(crate) mod addresses;
mod announcement;
pub(crate) mod incoming;
mod preview;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::chat::Chat;
use crate::connectors::Connectors;
use crate::files::Files;
use crate::identity::Identity;
use crate::kernel::Kernel;
use crate::outgoing::Outgoing;

/// Incoming mail.
pub(crate) struct Mail<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
    outgoing: Arc<Outgoing<S, H>>,
    identity: Arc<Identity<S, H>>,
    files: Arc<Files<S, H>>,
    chat: Arc<Chat<S, H>>,
}

impl<S, H> Mail<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(
        kernel: &Arc<Kernel<S, H>>,
        connectors: &Arc<Connectors<S, H>>,
        outgoing: &Arc<Outgoing<S, H>>,
        identity: &Arc<Identity<S, H>>,
        files: &Arc<Files<S, H>>,
        chat: &Arc<Chat<S, H>>,
    ) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            connectors: Arc::clone(connectors),
            outgoing: Arc::clone(outgoing),
            identity: Arc::clone(identity),
            files: Arc::clone(files),
            chat: Arc::clone(chat),
        }
    }
}
