//! A bouncer: plain IRC clients use the networks of an account over the gateway's always-on connections.
//!
//! [`session`] is one client's session as a state machine without I/O; [`start`] runs sessions behind TCP and TLS. See
//! `README.md` beside this package.

mod config;
mod options;
pub mod session;
mod shell;

pub use self::config::{BouncerConfig, Limits, TlsConfig};
pub use self::options::{BouncerOptions, Contradiction};
pub use self::shell::{Bouncer, StartError, start};
