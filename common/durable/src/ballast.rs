//! Space reserved as a file, which is released once other programs have filled the disk.
//!
//! The space that [`Disk::check_room`] keeps free is only respected by our own programs: another one may take it to the
//! last byte. Then the ballast is removed, which that program did not see as free space, so essential writes still
//! succeed: people can sign in and delete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::{Disk, reserve_of};
use mutex::lock;

/// The largest ballast, in bytes: some thousand records of 4 KiB.
const MOST_BALLAST: u64 = 16 << 20;
/// The largest fraction of the reserve that it takes, as a divisor.
const PART_OF_RESERVE: u64 = 4;
/// How often to check whether there is space for it again.
const LOOKS: Duration = Duration::from_secs(60);

/// The file. Several processes may share one.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    disk: Disk,
    /// After its release, when free space was last checked.
    given_up: Mutex<Option<Instant>>,
}

impl Ballast {
    /// Creates the file, unless it exists, or there is no space for it besides the reserve; a failure is not an error.
    #[must_use]
    pub fn open(disk: Disk, path: &Path) -> Self {
        let ballast = Self {
            path: path.to_owned(),
            disk,
            given_up: Mutex::new(None),
        };
        ballast.make_again();
        ballast
    }

    /// Releases its space. Whoever found the disk full retries afterwards, since another process may have released it
    /// in the meantime.
    pub fn give_up(&self) {
        let mut given_up = lock(&self.given_up);
        *given_up = Some(Instant::now());
        match self.cut() {
            Ok(0) => {}
            Ok(bytes) => {
                let path = self.path.display();
                tracing::error!(%path, bytes, "others have filled the disk: released the space kept for signing in and deleting; free some space");
            }
            Err(error) => {
                let path = self.path.display();
                tracing::error!(%path, %error, "the disk is full, and the space kept for that cannot be released");
            }
        }
    }

    /// Creates it again if it was released and there is space; checks only from time to time.
    pub fn make_again_when_due(&self) {
        let mut given_up = lock(&self.given_up);
        if given_up.is_some_and(|looked| looked.elapsed() >= LOOKS) {
            *given_up = if self.make_again() {
                None
            } else {
                Some(Instant::now())
            };
        }
    }

    /// Creates it if there is space besides the reserve; returns whether it exists.
    fn make_again(&self) -> bool {
        let folder = self.path.parent().unwrap_or(&self.path);
        let Some(space) = self.disk.space(folder) else {
            return false;
        };
        let reserve = reserve_of(space.size);
        let size = MOST_BALLAST.min(reserve / PART_OF_RESERVE);
        if fs::metadata(&self.path).is_ok_and(|about| about.len() >= size) {
            return true;
        }
        if space.free < reserve.saturating_add(size) {
            return false;
        }
        match self.fill(size) {
            Ok(()) => true,
            Err(error) => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "cannot reserve space for when the disk is full");
                // A part of it is useless.
                drop(self.cut());
                false
            }
        }
    }

    fn fill(&self, size: u64) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        take_room(&options.open(&self.path)?, size)
    }

    /// Truncates it to nothing; returns its former length.
    fn cut(&self) -> io::Result<u64> {
        let file = match OpenOptions::new().write(true).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            file => file?,
        };
        let length = file.metadata()?.len();
        if length > 0 {
            file.set_len(0)?;
            // Some file systems free the space only once the truncation is durable.
            file.sync_all()?;
        }
        Ok(length)
    }
}

/// Allocates space for a file, without writing to it.
#[cfg(target_os = "linux")]
fn take_room(file: &File, size: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    Ok(fallocate(file, FallocateFlags::empty(), 0, size)?)
}

/// Allocates space for a file.
#[cfg(not(target_os = "linux"))]
fn take_room(mut file: &File, size: u64) -> io::Result<()> {
    use io::Write as _;
    let block = [0; 64 * 1024];
    let mut left = size;
    while left > 0 {
        let part = block
            .len()
            .min(usize::try_from(left).unwrap_or(block.len()));
        file.write_all(block.get(..part).unwrap_or_default())?;
        left -= part as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Space;
    use crate::faults::Plan;

    const SIZE: u64 = 1_000_000;
    const BALLAST: u64 = reserve_of(SIZE) / PART_OF_RESERVE;

    #[test]
    fn it_is_a_part_of_the_reserve_and_comes_back_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ballast");
        let length = || fs::metadata(&path).map_or(0, |about| about.len());
        let plan = Plan::default();
        let leave = |free| plan.leave(Some(Space { size: SIZE, free }));
        leave(reserve_of(SIZE) + BALLAST - 1);
        let ballast = Ballast::open(plan.disk(), &path);
        assert_eq!(length(), 0, "it leaves the reserve");
        ballast.give_up();
        leave(reserve_of(SIZE) + BALLAST);
        assert!(ballast.make_again());
        assert_eq!(length(), BALLAST);
        leave(0);
        assert!(ballast.make_again(), "it is there");
        ballast.give_up();
        assert_eq!(length(), 0);
        assert!(!ballast.make_again());
        // Not at once: the released space is needed.
        leave(SIZE);
        ballast.make_again_when_due();
        assert_eq!(length(), 0);
        *ballast.given_up.lock().unwrap() = Instant::now().checked_sub(LOOKS);
        ballast.make_again_when_due();
        assert_eq!(length(), BALLAST);
        assert!(ballast.given_up.lock().unwrap().is_none());
        drop(ballast);
        // On a large disk it takes no more.
        let size = 1 << 50;
        plan.leave(Some(Space { size, free: size }));
        let _ballast = Ballast::open(plan.disk(), &path);
        assert_eq!(length(), MOST_BALLAST);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn its_room_is_taken() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ballast");
        let plan = Plan::default();
        plan.leave(Some(Space {
            size: SIZE,
            free: SIZE,
        }));
        let ballast = Ballast::open(plan.disk(), &path);
        assert!(fs::metadata(&path).unwrap().blocks() * 512 >= BALLAST);
        ballast.give_up();
        assert_eq!(fs::metadata(&path).unwrap().blocks(), 0);
    }
}
