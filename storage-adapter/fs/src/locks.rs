//! Locks by key, held between threads and between processes.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, flock};

/// How many locks there are; keys that share one wait for each other for the time of a rename.
const LOCKS: usize = 64;

/// A fixed set of lock files. All processes map a key to the same one.
#[derive(Debug)]
pub(crate) struct Locks(Vec<Mutex<File>>);

/// Held until dropped, or until the process ends.
#[derive(Debug)]
pub(crate) struct Held<'a>(MutexGuard<'a, File>);

impl Locks {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let open = |index: usize| {
            let path = folder.join(format!("{index:02}"));
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)?;
            Ok(Mutex::new(file))
        };
        (0..LOCKS).map(open).collect::<io::Result<_>>().map(Self)
    }

    /// Waits for the lock of a key. Blocks.
    pub(crate) fn hold(&self, key: &str) -> io::Result<Held<'_>> {
        let index = usize::try_from(fnv1a(key) % LOCKS as u64).unwrap_or_default();
        let mutex = self.0.get(index).ok_or(io::ErrorKind::InvalidInput)?;
        let file = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match flock(&*file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Held(file)),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Cannot fail on a lock that is held; if it did, the next holder in this process still holds it.
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}

/// The same in every process and version, unlike the standard library's hasher.
fn fnv1a(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
