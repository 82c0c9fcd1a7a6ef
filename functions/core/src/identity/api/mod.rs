//! `/api/…` of accounts, sessions, passwords, grants and invites.

mod accounts;
mod authenticate;
mod grants;
mod invites;
mod password;
mod session;
