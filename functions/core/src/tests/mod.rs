//! What the whole answers: requests of browsers, requests of connectors, and records that are damaged.

mod api;
mod connectors;
mod damage;
mod growth;
mod key_kinds;
