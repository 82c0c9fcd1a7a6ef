//! Conversations: connections to networks and their assignment to connectors, events and archives, and calls.

pub(crate) mod archive;
mod archive_place;
mod assignments;
pub(crate) mod away;
mod calls;
mod connections;
mod events;
mod open_calls;
mod private_network;
mod sessions;
mod tickets;
pub(crate) mod turn;
mod turn_api;

use std::sync::Arc;

use crate::connectors::Connectors;
use crate::files::Files;
use crate::identity::Identity;
use crate::kernel::Kernel;
use crate::notify::Notify;

/// Connections, archives and calls.
pub(crate) struct Chat<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
    identity: Arc<Identity<S, H>>,
    files: Arc<Files<S, H>>,
    notify: Arc<Notify<S, H>>,
    pauses: away::Pauses,
    days: archive::DayCache,
}

impl<S, H> Chat<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(
        kernel: &Arc<Kernel<S, H>>,
        connectors: &Arc<Connectors<S, H>>,
        identity: &Arc<Identity<S, H>>,
        files: &Arc<Files<S, H>>,
        notify: &Arc<Notify<S, H>>,
    ) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            connectors: Arc::clone(connectors),
            identity: Arc::clone(identity),
            files: Arc::clone(files),
            notify: Arc::clone(notify),
            pauses: away::Pauses::default(),
            days: archive::DayCache::default(),
        }
    }
}
