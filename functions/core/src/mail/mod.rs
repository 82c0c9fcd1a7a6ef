//! Mail that comes in: the addresses of channels, and what reaches them.

pub(crate) mod addresses;
pub(crate) mod incoming;
