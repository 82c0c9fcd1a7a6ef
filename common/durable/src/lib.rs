//! Files that outlive a crash, on a disk that may be full or broken.
//!
//! What is accepted is on disk when the call returns (fsync of the file, and of its folder if its name is new); what is
//! refused leaves nothing behind, and goes well once the disk does. Nothing here knows what the bytes mean.
//!
//! - [`Log`]: files that are appended to at the end and removed at the beginning; [`Records`]: numbered records in such
//!   files, and how far they were read. How a record lies in a file: [`frame`], [`line`].
//! - [`Notes`]: one file of lines, written anew when it has grown.
//! - [`FolderQueue`]: a file an item, with the breaker for items that end the process; [`Tries`]: that breaker for what is
//!   not kept yet.
//! - [`Disk::check_room`]: what is added to a log or a queue leaves a part of the disk to what must go on.
//! - [`Ballast`]: room that is given up once others have filled the disk.
//! - [`Disk`]: what all of these do to the disk, so that each step can fail in a test. `contract` (with the feature of that
//!   name) does that to every one of their users.
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
pub use records::{Reader, Records};
pub use refusal::{Refusal, is_full};
pub use reserve::{Space, reserve_of};
pub use tries::{Tries, Trying};
