//! Files that survive a crash, on a disk that may be full or broken.
//!
//! What is accepted is on disk when the call returns (fsync of the file, and of its folder if its name is new); what is
//! refused leaves nothing behind, and succeeds once the disk recovers. The content is opaque to this package.
//!
//! - [`Log`]: files that are appended to at the end and removed at the beginning; [`Records`]: numbered records in such
//!   files, and how far they were read. The formats of records: [`frame`], [`line`].
//! - [`Notes`]: one file of lines, rewritten when it has grown.
//! - [`FolderQueue`]: one file per item, with a circuit breaker for items that kill the process; [`Tries`]: that
//!   breaker for data that is not stored yet.
//! - [`Disk::check_room`]: additions to a log or a queue leave a part of the disk for essential writes.
//! - [`Ballast`]: space that is released once other programs have filled the disk.
//! - [`Disk`]: the disk operations of all of these, so that tests can make each of them fail. `contract` (with the
//!   feature of that name) does that to every one of their users.
//!
//! All calls block.

mod ballast;
#[cfg(feature = "contract")]
pub mod contract;
mod disk;
#[cfg(feature = "contract")]
pub mod faults;
pub mod frame;
pub mod line;
mod lock;
mod log;
mod notes;
mod queue;
mod records;
mod refusal;
mod reserve;
mod tries;

pub use ballast::Ballast;
pub use disk::{Disk, Faults, Step, remove_unfinished};
pub use lock::FolderLock;
pub use log::{Log, Segment};
pub use notes::Notes;
pub use queue::{FolderQueue, Found};
pub use records::{Reader, Record, Records};
pub use refusal::{Refusal, is_full};
pub use reserve::{Space, reserve_of};
pub use tries::{Tries, Trying};
