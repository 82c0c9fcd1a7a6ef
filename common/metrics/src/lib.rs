//! Programs' metrics, in the text format of Prometheus (version 0.0.4), and the small server that serves them.
//!
//! Programs read their values on request: most of them exist anyway, as lengths of queues and counters of threads. This
//! package provides one way to format them, [`Exposition`], and one way to serve them, [`Server`].

mod exposition;
mod histogram;
mod readers;
mod server;

pub use exposition::{CONTENT_TYPE, Exposition, Family, MAX_SERIES, Value};
pub use histogram::Histogram;
pub use readers::{REBOUND, is_local, is_rebound};
pub use server::{Pages, Server};
