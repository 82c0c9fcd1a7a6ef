//! Serves the functions natively: hyper around [`functions_core`], with the limits that a public server needs.

mod buckets;
mod fetch;
mod full;
mod host;
mod maintain;
mod options;
mod server;
mod store;
mod timed;

pub use self::options::{ProgramOptions, Store};
pub use full::full_disk_answers;
pub use host::NativeHost;
pub use maintain::maintain;
pub use server::{handle, handle_timed, serve, serve_with};
pub use store::{NativeStore, StoreOpenError};
