//! The functions as a whole: requests of browsers, requests of connectors, and records that are damaged or that the
//! store fails to deliver.

mod api;
mod connectors;
mod damage;
mod growth;
mod key_kinds;
mod not_given;
mod unreadable;
