//! What somebody missed: whether and where they want to be told, and the digests that tell them.

mod digest;
mod pages;
mod pending;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use self::pending::Missed;
pub(crate) use self::settings::Notifications;
