//! Identity: accounts, passwords, sessions, invites, grants, and the protocols that reveal or issue them (WebFinger,
//! OAuth).

pub(crate) mod accounts;
mod api;
pub(crate) mod call;
pub(crate) mod closed;
mod devices;
pub(crate) mod grants;
mod invites;
mod known;
mod lookalikes;
pub(crate) mod oauth;
pub(crate) mod provision;
mod sessions;
pub(crate) mod webfinger;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::connectors::Connectors;
use crate::kernel::Kernel;
use crate::outgoing::Outgoing;

/// Accounts and their credentials.
pub struct Identity<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
    outgoing: Arc<Outgoing<S, H>>,
    grants: grants::GrantCache,
    /// Whether the first account is known to exist; once true, it stays true.
    set_up: AtomicBool,
}

impl<S, H> Identity<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(
        kernel: &Arc<Kernel<S, H>>,
        connectors: &Arc<Connectors<S, H>>,
        outgoing: &Arc<Outgoing<S, H>>,
    ) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            connectors: Arc::clone(connectors),
            outgoing: Arc::clone(outgoing),
            grants: grants::GrantCache::default(),
            set_up: AtomicBool::new(false),
        }
    }
}

#[cfg(test)]
impl<S, H> Identity<S, H> {
    /// Simulates another process, which has not seen the first account yet.
    pub(crate) fn forget_set_up(&self) {
        self.set_up
            .store(false, std::sync::atomic::Ordering::Relaxed);
    }
}

impl<S, H> std::fmt::Debug for Identity<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}
