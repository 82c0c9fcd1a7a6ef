//! Who somebody is: accounts, passwords, sessions, invites, grants, and the protocols that show or make them (WebFinger,
//! OAuth).

pub(crate) mod accounts;
mod api;
pub(crate) mod closed;
pub(crate) mod grants;
mod invites;
pub(crate) mod oauth;
pub(crate) mod provision;
pub(crate) mod webfinger;
