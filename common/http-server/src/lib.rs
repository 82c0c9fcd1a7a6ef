//! The HTTP server under the functions and the connectors: hyper 1, one task per connection, and the limits that a
//! public server needs.

mod limits;
mod lingering;
mod messages;
mod serve;
mod stream;

pub use limits::Limits;
pub use lingering::Lingering;
pub use messages::MessageBound;
pub use serve::serve;
