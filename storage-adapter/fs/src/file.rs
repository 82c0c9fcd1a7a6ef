//! Versioned files: written under a temporary name, then moved into place.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use durable::{Ballast, Disk};
use mutex::lock;
use rustix::fs::{FlockOperation, Timespec, Timestamps};
use rustix::io::Errno;
use storage_adapter::{ETag, PutMode, StoreError};

use crate::MARKER;
use crate::errors::{after, before};
use crate::sync::FolderSync;
use crate::temporary::Temporary;
use crate::version::{SECOND, etag, spell, stamp};

/// The number of locks shared by all keys: a power of two.
const LOCKS: usize = 256;

/// The writing side of a store.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) root: PathBuf,
    own: PathBuf,
    /// Exists as long as the folder does.
    marker: PathBuf,
    /// What it says: another store's says something else.
    marked: String,
    /// The marker's inode the last time that it was read.
    inode: AtomicU64,
    disk: Disk,
    sync: FolderSync,
    /// Threads hold the mutex, and processes the lock on the file.
    locks: Vec<Mutex<Option<File>>>,
    last_stamp: AtomicI64,
    counter: AtomicU64,
    /// Keeps the temporary names of processes apart.
    instance: u64,
    /// Bytes of disk space that documents leave for everything else.
    reserve: u64,
    /// Released when there is no space even for everything else.
    ballast: Arc<Ballast>,
}

pub(crate) fn make_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl Files {
    pub(crate) fn new(
        root: PathBuf,
        own: PathBuf,
        marked: String,
        reserve: u64,
        disk: Disk,
    ) -> Self {
        let ballast = Ballast::open(disk.clone(), &own.join("ballast"));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            root,
            marker: own.join(MARKER),
            marked,
            inode: AtomicU64::new(0),
            own,
            sync: FolderSync::new(disk.clone()),
            disk,
            locks: std::iter::repeat_with(Mutex::default).take(LOCKS).collect(),
            last_stamp: AtomicI64::new(0),
            counter: AtomicU64::new(0),
            instance: now.as_nanos() as u64,
            reserve,
            ballast: Arc::new(ballast),
        }
    }

    pub(crate) fn marked(&self) -> &str {
        &self.marked
    }

    /// Distinguishes a missing object from a missing folder (its disk was unmounted, or somebody moved it), which must
    /// never look like a store without objects. The same holds for a folder with another store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the folder is missing.
    pub(crate) fn must_be_there(&self) -> Result<(), StoreError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => self.gone(),
            _ => StoreError::Unavailable(format!(
                "the storage folder {} cannot be looked at: {error}",
                self.root.display()
            )),
        };
        let found = rustix::fs::lstat(&self.marker).map_err(|error| failed(error.into()))?;
        if found.st_ino == self.inode.load(Ordering::Relaxed) {
            return Ok(());
        }
        let text = fs::read_to_string(&self.marker).map_err(failed)?;
        if text != self.marked {
            return Err(StoreError::Unavailable(format!(
                "the storage folder {} is another store than the one that was opened; put that back and nothing is lost",
                self.root.display()
            )));
        }
        self.inode.store(found.st_ino, Ordering::Relaxed);
        Ok(())
    }

    fn gone(&self) -> StoreError {
        StoreError::Unavailable(format!(
            "the storage folder {} is gone; put it back and nothing is lost; until then everything waits",
            self.root.display()
        ))
    }

    /// Like [`before`], for errors where a missing object may mean that the whole folder is missing.
    pub(crate) fn missed(&self, error: impl Into<io::Error>) -> StoreError {
        match before(error) {
            StoreError::NotFound => self.must_be_there().err().unwrap_or(StoreError::NotFound),
            other => other,
        }
    }

    /// Creates the folder of a key, but never the storage folder: if its disk is not mounted, that would create a store
    /// on another one.
    fn make_folder_of_key(&self, folder: &Path) -> Result<(), StoreError> {
        self.must_be_there()?;
        for above in folder.ancestors().take_while(|above| *above != self.root) {
            // Others that are missing are created too, and then not durable either.
            if above != folder && above.exists() {
                break;
            }
            self.sync.forget(above);
        }
        make_folders(folder).map_err(before)
    }

    /// Forgets that a folder was durable: it was removed.
    pub(crate) fn forget_folder(&self, folder: &Path) {
        self.sync.forget(folder);
    }

    /// The number of bytes left for documents; `None` if the disk does not report it.
    pub(crate) fn room(&self) -> Option<u64> {
        let free = Disk::default().space(&self.root)?.free;
        Some(free.saturating_sub(self.reserve))
    }

    /// A timestamp unused by any file of this process, later than `than` and if possible the current time.
    fn new_stamp(&self, than: i64) -> i64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_nanos())
            .unwrap_or(0)
            .max(than.saturating_add(1));
        let mut last = self.last_stamp.load(Ordering::Relaxed);
        loop {
            let stamp = now.max(last.saturating_add(1));
            match self.last_stamp.compare_exchange_weak(
                last,
                stamp,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return stamp,
                Err(newer) => last = newer,
            }
        }
    }

    /// Opens the file that becomes `path`.
    pub(crate) fn begin(&self, path: &str, mode: &PutMode) -> Result<Temporary, StoreError> {
        match mode {
            PutMode::New => self.in_place(Path::new(path)),
            _ => self.with_ballast(|| self.temporary()),
        }
    }

    /// Runs something that must go on; once more when the disk is full, with the space reserved for that.
    fn with_ballast<T>(&self, work: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.ballast.make_again_when_due();
        match work() {
            Err(StoreError::Full(_)) => {
                self.ballast.give_up();
                work()
            }
            done => done,
        }
    }

    fn in_place(&self, path: &Path) -> Result<Temporary, StoreError> {
        let open = || {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600).open(path)
        };
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(&self.root);
                self.make_folder_of_key(folder)?;
                open()
            }
            file => file,
        };
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Precondition);
            }
            file => file.map_err(before)?,
        };
        let ballast = Arc::clone(&self.ballast);
        Ok(Temporary::in_place(
            file,
            path,
            self.reserve,
            self.disk.clone(),
            ballast,
        ))
    }

    fn temporary(&self) -> Result<Temporary, StoreError> {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let name = format!("tmp/{}-{:x}-{count:x}", std::process::id(), self.instance);
        let path = self.own.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.gone());
            }
            file => file.map_err(before)?,
        };
        Ok(Temporary::beside(
            file,
            path,
            self.disk.clone(),
            Arc::clone(&self.ballast),
        ))
    }

    /// Makes the name of a file durable. Nobody reads it before this succeeds, so until then it may still vanish.
    pub(crate) fn sync_name(&self, path: &str) -> Result<(), StoreError> {
        let folder = Path::new(path).parent().unwrap_or(&self.root);
        self.sync.sync(folder).map_err(after)?;
        self.sync.sync_folders(folder, &self.root).map_err(after)
    }

    /// Moves a written file to `path`, if the mode permits. Durable when it returns.
    pub(crate) fn place(
        &self,
        temporary: Temporary,
        path: &str,
        mode: &PutMode,
    ) -> Result<ETag, StoreError> {
        let length = temporary.length();
        let target = Path::new(path);
        let folder = target.parent().unwrap_or(&self.root);
        // Most losers of a race find out before they write to the disk.
        let (current, mut last) = self.check(path, mode)?;
        let mut known = current;
        loop {
            let stamp = self.new_stamp(last);
            let time = Timespec {
                tv_sec: stamp.div_euclid(SECOND),
                tv_nsec: (stamp.rem_euclid(SECOND)) as _,
            };
            let times = Timestamps {
                last_access: time,
                last_modification: time,
            };
            rustix::fs::futimens(temporary.file(), &times).map_err(before)?;
            self.disk.sync_all(temporary.file()).map_err(before)?;
            {
                let _lock = self.lock(path)?;
                let (current, newest) = self.check(path, mode)?;
                if current != known && newest >= stamp {
                    // Another writer was faster, or has a faster clock: use a later time than its.
                    (known, last) = (current, newest);
                    continue;
                }
                self.with_ballast(|| match fs::rename(temporary.path(), target) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.make_folder_of_key(folder)?;
                        fs::rename(temporary.path(), target).map_err(before)
                    }
                    renamed => renamed.map_err(before),
                })?;
                temporary.keep();
            }
            self.sync_name(path)?;
            return Ok(spell(stamp, length));
        }
    }

    /// Returns the current version and its timestamp if the mode permits the write.
    fn check(&self, path: &str, mode: &PutMode) -> Result<(Option<ETag>, i64), StoreError> {
        let current = match rustix::fs::lstat(path) {
            Ok(stat) => Some(stat),
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(error) => return Err(before(error)),
        };
        let version = current.as_ref().map(etag);
        let holds = match mode {
            PutMode::Overwrite => true,
            PutMode::IfAbsent | PutMode::New => version.is_none(),
            PutMode::IfMatch(wanted) => version.as_ref() == Some(wanted),
        };
        if holds {
            Ok((version, current.as_ref().map_or(0, stamp)))
        } else {
            Err(StoreError::Precondition)
        }
    }

    pub(crate) fn delete(&self, path: &str) -> Result<(), StoreError> {
        if !self.remove(path)? {
            return Ok(());
        }
        let folder = Path::new(path).parent().unwrap_or(&self.root);
        self.sync_deleted(folder).map_err(after)
    }

    /// Makes deletions in a folder durable. If the folder itself was removed since, it is gone with everything in it
    /// once the one above is durable.
    fn sync_deleted(&self, folder: &Path) -> io::Result<()> {
        for folder in folder.ancestors() {
            match self.sync.sync(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && folder != self.root => {}
                synced => return synced,
            }
        }
        Ok(())
    }

    /// Deletes many objects, and then makes each folder durable once. Continues after an error, and returns the first
    /// one.
    pub(crate) fn delete_all(
        &self,
        paths: Vec<Result<String, StoreError>>,
    ) -> Result<(), StoreError> {
        let mut result = Ok(());
        let mut folders = BTreeSet::new();
        for path in paths {
            let removed = path.and_then(|path| {
                if self.remove(&path)? {
                    let folder = Path::new(&path).parent().unwrap_or(&self.root);
                    folders.insert(folder.to_owned());
                }
                Ok(())
            });
            result = result.and(removed);
        }
        for folder in folders {
            // Including those after a failed one.
            let synced = self.sync_deleted(&folder).map_err(after);
            result = result.and(synced);
        }
        result
    }

    /// Removes a file; returns whether it existed. Not durable when it returns.
    fn remove(&self, path: &str) -> Result<bool, StoreError> {
        let _lock = self.lock(path)?;
        match fs::remove_file(path).map_err(before) {
            Ok(()) => Ok(true),
            Err(StoreError::NotFound) => self.must_be_there().map(|()| false),
            Err(error) => Err(error),
        }
    }

    fn lock(&self, path: &str) -> Result<Lock<'_>, StoreError> {
        // FNV-1a.
        let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let number = (hash >> 32) as usize % LOCKS;
        let mut slot = lock(&self.locks[number]);
        if slot.is_none() {
            let path = self.own.join(format!("locks/{number:02x}"));
            let mut options = OpenOptions::new();
            options.create(true).append(true).mode(0o600);
            *slot = Some(
                self.with_ballast(|| options.open(&path).map_err(|error| self.missed(error)))?,
            );
        }
        if let Some(file) = &*slot {
            rustix::io::retry_on_intr(|| rustix::fs::flock(file, FlockOperation::LockExclusive))
                .map_err(before)?;
        }
        Ok(Lock(slot))
    }
}

struct Lock<'a>(std::sync::MutexGuard<'a, Option<File>>);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if let Some(file) = &*self.0 {
            // Cannot fail on an open file.
            let _ = rustix::fs::flock(file, FlockOperation::Unlock);
        }
    }
}
