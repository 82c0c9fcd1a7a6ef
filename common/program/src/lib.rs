//! What public network programs have in common: starting and stopping, file descriptors, connection limits by address,
//! the PROXY protocol, log lines that strangers can cause, processing of untrusted data.

#[cfg(feature = "tokio")]
mod accepted;
mod addresses;
mod allocator;
mod descriptors;
mod places;
#[cfg(feature = "tokio")]
mod proxy;
#[cfg(feature = "tokio")]
mod runtime;
mod seldom;
mod shares;
mod start;
#[cfg(feature = "tokio")]
mod workshop;

#[cfg(feature = "tokio")]
pub use accepted::accepted;
pub use addresses::{AddressRange, is_loopback, is_shared, is_within};
pub use descriptors::raise_descriptors;
pub use places::{Place, Places, network};
#[cfg(feature = "tokio")]
pub use proxy::{Origin, Prefixed, announced};
#[cfg(feature = "tokio")]
pub use runtime::stop_signal;
pub use seldom::Seldom;
pub use shares::{Share, share_out};
pub use start::{end, log, say, sentence};
#[cfg(feature = "tokio")]
pub use workshop::{Broken, Workshop};
