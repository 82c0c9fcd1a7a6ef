//! TURN server (RFC 8656, STUN RFC 8489): a core without I/O and a thin socket shell.
//!
//! [`relay`] is the core: it takes datagrams, a time and an interface for sending and opening sockets, and keeps
//! allocations, permissions and channels. [`start`] runs it over real sockets, one thread per core. It has no
//! accounts: credentials are HMACs over a shared secret, see [`credentials`].

mod clock;
mod config;
pub mod credentials;
mod frame;
mod nonce;
mod options;
mod peers;
pub mod relay;
mod shell;
pub mod stun;

pub use self::options::{Contradiction, Options, Ports, ProgramOptions};
pub use clock::Time;
pub use config::{Config, ConfigError, TlsFiles};
pub use peers::{Network, PeerPolicy};
pub use shell::{AddressKey, Handle, StartError, start};
