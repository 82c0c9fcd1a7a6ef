//! What every domain stands on: records of the store, who may try how often, sealed secrets, bodies, requests, answers and
//! errors, the configuration. It knows nothing of accounts' connections, mail or hooks.

pub(crate) mod body;
pub(crate) mod config;
pub(crate) mod cors;
pub(crate) mod fields;
pub(crate) mod guard;
pub(crate) mod host;
pub(crate) mod keys;
pub(crate) mod options;
pub(crate) mod password;
pub(crate) mod platform;
pub(crate) mod problem;
pub(crate) mod records;
pub(crate) mod request;
pub(crate) mod seal;
pub mod variables;
