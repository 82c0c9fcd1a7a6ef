//! Free space that is reserved on a disk, so that records, deletions and sign-in still work when everything else has
//! filled it.
//!
//! Whatever strangers or sheer volume can make grow calls [`Disk::check_room`] before it takes more: documents, mail,
//! spooled events, the history of the IRC server. Essential writes, such as recording that a task is done, do not.

use std::io;
use std::path::Path;

use crate::Disk;

/// This fraction of a disk is kept free, as a divisor, …
const RESERVE_PART: u64 = 20;
/// … but no more than this many bytes.
const MOST_RESERVE: u64 = 256 << 20;

/// A disk's size, and how much of it is free for non-root users, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Space {
    /// The total.
    pub size: u64,
    /// The free part.
    pub free: u64,
}

impl Space {
    /// Reads the state of the disk on which a folder is, or will be.
    fn of(folder: &Path) -> Option<Self> {
        // A missing folder will be created on the disk of the one above.
        let stat = folder
            .ancestors()
            .find_map(|folder| rustix::fs::statvfs(folder).ok())?;
        Some(Self {
            size: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}

/// How many bytes of a disk of this size are kept free.
#[must_use]
pub const fn reserve_of(size: u64) -> u64 {
    let part = size / RESERVE_PART;
    if part < MOST_RESERVE {
        part
    } else {
        MOST_RESERVE
    }
}

impl Disk {
    /// Returns the space of the disk on which a folder is, or will be; `None` if it is not reported.
    #[must_use]
    pub fn space(&self, folder: &Path) -> Option<Space> {
        self.feigned_space().or_else(|| Space::of(folder))
    }

    /// Refuses writes that would use the reserve, before any of it is written. A disk that does not report its free
    /// space fails when it is full.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`]: this many more bytes do not fit besides the reserve.
    pub fn check_room(&self, folder: &Path, more: u64) -> io::Result<()> {
        match self.space(folder) {
            Some(Space { size, free }) if free < reserve_of(size).saturating_add(more) => {
                let text = "the disk is full: the rest is reserved for essential writes";
                Err(io::Error::new(io::ErrorKind::StorageFull, text))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Plan;
    use crate::{FolderQueue, Records, frame, is_full};

    const SIZE: u64 = 1_000_000;
    const RESERVE: u64 = reserve_of(SIZE);

    fn left(more: u64) -> Space {
        Space {
            size: SIZE,
            free: RESERVE + more,
        }
    }

    #[test]
    fn the_reserve_is_a_part_of_a_small_disk_and_no_more_of_a_large_one() {
        assert_eq!(RESERVE, 50_000);
        assert_eq!(reserve_of(1 << 50), 256 << 20);
    }

    #[test]
    fn a_disk_says_how_much_is_free_also_where_no_folder_is_yet() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let space = disk.space(&dir.path().join("not/yet")).unwrap();
        assert!(space.size > 0 && space.free <= space.size);
        let refused = disk.check_room(dir.path(), u64::MAX).unwrap_err();
        assert!(is_full(&refused), "{refused}");
    }

    #[test]
    fn a_queue_leaves_the_reserve_and_can_still_be_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        let (queue, _) = FolderQueue::open(plan.disk(), dir.path(), ".x", &["done"]).unwrap();
        plan.leave(Some(left(100)));
        let refused = queue.keep("one", &[&[0; 60], &[0; 60]]).unwrap_err();
        assert!(is_full(&refused), "{refused}");
        assert!(queue.names("queue", ".x").unwrap().is_empty());
        queue.keep("one", &[&[0; 60]]).unwrap();
        // Essential writes use the reserve.
        plan.leave(Some(left(0)));
        queue.begin("one").unwrap();
        queue.note("done", "one", b"it is done").unwrap();
        queue.remove("one").unwrap();
    }

    #[test]
    fn a_log_leaves_the_reserve_and_goes_on_in_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::default();
        let mut records = Records::open(plan.disk(), dir.path(), 10_000, |_, _| {}).unwrap();
        let mut frames = Vec::new();
        frame::write(&mut frames, &[b'x'; 100]);
        for _ in 0..2 {
            plan.leave(Some(left(50)));
            let refused = records.append(&frames, 1).unwrap_err();
            assert!(is_full(&refused), "{refused}");
            let end = records.end();
            records.save_cursor(end).unwrap();
            plan.leave(Some(Space {
                size: SIZE,
                free: RESERVE - 1,
            }));
            assert!(is_full(&records.prepare().unwrap_err()));
            plan.leave(Some(left(500)));
            records.append(&frames, 1).unwrap();
        }
        assert_eq!((records.end(), records.segments().len()), (2, 1));
    }
}
