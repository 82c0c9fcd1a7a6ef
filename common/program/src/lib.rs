//! What public network programs have in common: starting and stopping, file descriptors, connection limits by address,
//! log lines that strangers can cause, processing of untrusted data.

mod allocator;
mod descriptors;
mod places;
#[cfg(feature = "tokio")]
mod runtime;
mod seldom;
mod shares;
mod start;
#[cfg(feature = "tokio")]
mod workshop;

pub use descriptors::raise_descriptors;
pub use places::{Place, Places, network};
#[cfg(feature = "tokio")]
pub use runtime::stop_signal;
pub use seldom::Seldom;
pub use shares::{Share, share_out};
pub use start::{end, log, say, sentence};
#[cfg(feature = "tokio")]
pub use workshop::{Broken, Workshop};
