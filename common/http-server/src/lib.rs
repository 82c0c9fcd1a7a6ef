//! The HTTP server under the functions and the connectors: hyper 1, one task a connection, and the limits that the open
//! network needs.

mod limits;
mod lingering;
mod messages;
mod serve;
mod stream;

pub use limits::Limits;
pub use lingering::Lingering;
pub use messages::MessageBound;
pub use serve::serve;
