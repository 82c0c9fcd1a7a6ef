//! The connectors of the installation: the list of them, notifying them, and the queue of each.

pub(crate) mod deliver;
mod ended;
mod manage;
mod queue;
mod register;
pub(crate) mod registry;

use std::sync::Arc;

use crate::kernel::Kernel;

/// The connectors of the installation.
pub struct Connectors<S, H> {
    kernel: Arc<Kernel<S, H>>,
    wakes: deliver::Wakes,
    registry: registry::RegistryCache,
}

impl<S, H> Connectors<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(kernel: &Arc<Kernel<S, H>>) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            wakes: deliver::Wakes::default(),
            registry: registry::RegistryCache::default(),
        }
    }
}

impl<S, H> std::fmt::Debug for Connectors<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connectors").finish_non_exhaustive()
    }
}
