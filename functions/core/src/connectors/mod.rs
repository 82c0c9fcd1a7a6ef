//! The connectors of the installation: which there are, what they are told, and the queue of what each has to do.

pub(crate) mod deliver;
mod manage;
mod outbox;
mod queue;
mod register;
pub(crate) mod registry;
