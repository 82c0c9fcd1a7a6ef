//! Missed messages: whether and where somebody wants to be notified, and the digests.

mod digest;
mod outcome;
mod pages;
mod pending;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use self::pending::Missed;

use std::sync::Arc;

use crate::connectors::Connectors;
use crate::identity::Identity;
use crate::kernel::Kernel;
use crate::outgoing::Outgoing;

/// Notifications of what somebody missed.
pub(crate) struct Notify<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
    outgoing: Arc<Outgoing<S, H>>,
    identity: Arc<Identity<S, H>>,
}

impl<S, H> Notify<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(
        kernel: &Arc<Kernel<S, H>>,
        connectors: &Arc<Connectors<S, H>>,
        outgoing: &Arc<Outgoing<S, H>>,
        identity: &Arc<Identity<S, H>>,
    ) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            connectors: Arc::clone(connectors),
            outgoing: Arc::clone(outgoing),
            identity: Arc::clone(identity),
        }
    }
}
