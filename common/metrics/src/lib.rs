//! What programs count, in the text format of Prometheus (version 0.0.4), and the small server that shows it.
//!
//! Programs read their values when somebody asks: most of them are there anyway, as lengths of queues and counters of
//! threads. What is here writes them down in one way, [`Exposition`], and answers requests in one way, [`Server`].

mod exposition;
mod histogram;
mod readers;
mod server;

pub use exposition::{CONTENT_TYPE, Exposition, Family, MAX_SERIES, Value};
pub use histogram::Histogram;
pub use readers::{REBOUND, is_local, is_rebound};
pub use server::{Pages, Server};
