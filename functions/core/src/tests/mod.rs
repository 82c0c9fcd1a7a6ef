//! What the whole answers: requests of browsers, requests of connectors, and records that are damaged or that the store does not
//! give.

mod api;
mod connectors;
mod damage;
mod growth;
mod key_kinds;
mod unreadable;
