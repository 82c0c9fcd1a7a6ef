//! Files with versions: written beside, then moved into place.
//!
//! A version is the file's modification time in nanoseconds, set by us and growing with every
//! write of a key, and its length. So one stat tells whether something changed, and a file that
//! somebody edits by hand has another version too.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use durable::{Ballast, Disk};
use rustix::fs::{FlockOperation, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use storage_adapter::{ETag, PutMode, StoreError};

use crate::sync::FolderSync;

/// Said when nothing fits any more.
const FULL: &str = "the disk is full; the operator must make room";
/// Said when only documents do not.
const RESERVED: &str = "the disk is full: what is left is kept for what must go on; a document that is deleted now takes room as an old version for some minutes, or until \"Remove old versions\" in the settings (DELETE /api/store/kept) removes it; or ask the operator to make room";
/// Locks that keys share: a power of two.
const LOCKS: usize = 256;
const SECOND: i64 = 1_000_000_000;

/// The writing side of a store.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) root: PathBuf,
    own: PathBuf,
    sync: FolderSync,
    /// Held by threads with the mutex and by processes with the lock on the file.
    locks: Vec<Mutex<Option<File>>>,
    last_stamp: AtomicI64,
    counter: AtomicU64,
    /// Keeps temporary names of processes apart.
    instance: u64,
    /// Bytes of the disk that documents leave to everything else.
    reserve: u64,
    /// Given up once not even everything else fits.
    ballast: Arc<Ballast>,
}

/// A file that is being written; it goes away unless it is placed.
#[derive(Debug)]
pub(crate) struct Temporary {
    file: File,
    path: PathBuf,
    pub(crate) length: u64,
    placed: bool,
    /// It has its name already, which nobody asks for yet.
    in_place: bool,
    /// Bytes that it leaves on the disk.
    reserve: u64,
    ballast: Arc<Ballast>,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // Left over, it is removed at a later start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// How many bytes are free on the disk of this file, for whoever is not root.
fn room(file: &File) -> Result<u64, Errno> {
    let stat = rustix::fs::fstatvfs(file)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

impl Temporary {
    /// Refuses a document before it takes what is kept for everything else.
    fn check_room(&self, more: u64) -> Result<(), StoreError> {
        if self.reserve == 0 {
            return Ok(());
        }
        // A disk that does not say how much is free says it when it is full.
        match room(&self.file) {
            Ok(free) if free < self.reserve.saturating_add(more) => {
                Err(StoreError::Full(RESERVED.to_owned()))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn write(&mut self, bytes: &Bytes) -> Result<(), StoreError> {
        self.check_room(bytes.len() as u64)?;
        let at = self.length;
        let written = self.file.write_all_at(bytes, at).map_err(before);
        if self.reserve == 0 && matches!(written, Err(StoreError::Full(_))) {
            self.ballast.give_up();
            self.file.write_all_at(bytes, at).map_err(before)?;
        } else {
            written?;
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// A file's modification time in nanoseconds.
pub(crate) fn stamp(stat: &Stat) -> i64 {
    stat.st_mtime * SECOND + stat.st_mtime_nsec as i64
}

pub(crate) fn etag(stat: &Stat) -> ETag {
    ETag(format!("{:x}-{:x}", stamp(stat), stat.st_size))
}

pub(crate) fn is_file(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file()
}

/// Nothing has happened yet.
pub(crate) fn before(error: impl Into<io::Error>) -> StoreError {
    let error = error.into();
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NOTDIR) => StoreError::NotFound,
        // The last one: the file may not grow any more.
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => StoreError::Full(FULL.to_owned()),
        Some(Errno::NAMETOOLONG) => StoreError::refused("the key is too long"),
        Some(Errno::ROFS) => StoreError::refused(error),
        Some(Errno::ACCESS | Errno::PERM) => StoreError::denied(error),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// Something may have happened.
fn after(error: io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

pub(crate) fn make_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl Files {
    pub(crate) fn new(root: PathBuf, own: PathBuf, reserve: u64) -> Self {
        let ballast = Ballast::open(Disk::default(), &own.join("ballast"));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            root,
            own,
            sync: FolderSync::default(),
            locks: std::iter::repeat_with(Mutex::default).take(LOCKS).collect(),
            last_stamp: AtomicI64::new(0),
            counter: AtomicU64::new(0),
            instance: now.as_nanos() as u64,
            reserve,
            ballast: Arc::new(ballast),
        }
    }

    /// How many bytes documents may take now; none if the disk does not say.
    pub(crate) fn room(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.root).ok()?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        Some(free.saturating_sub(self.reserve))
    }

    /// A time that no file of this process has, after `than` and if possible the present.
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

    /// Does something that must go on; once more when the disk is full, with what was kept for that.
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
                self.sync.forget(folder);
                make_folders(folder).map_err(before)?;
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
        Ok(Temporary {
            file,
            path: path.to_owned(),
            length: 0,
            placed: false,
            in_place: true,
            reserve: self.reserve,
            ballast: Arc::clone(&self.ballast),
        })
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
                return Err(StoreError::Unavailable(format!(
                    "the folder {} is gone",
                    self.own.display()
                )));
            }
            file => file.map_err(before)?,
        };
        Ok(Temporary {
            file,
            path,
            length: 0,
            placed: false,
            in_place: false,
            reserve: 0,
            ballast: Arc::clone(&self.ballast),
        })
    }

    /// Moves a written file to `path`, if the mode allows it. Durable when it returns.
    pub(crate) fn place(
        &self,
        mut temporary: Temporary,
        path: &str,
        mode: &PutMode,
    ) -> Result<ETag, StoreError> {
        let target = Path::new(path);
        let folder = target.parent().unwrap_or(&self.root);
        if temporary.in_place {
            temporary.file.sync_all().map_err(before)?;
            let stat = rustix::fs::fstat(&temporary.file).map_err(before)?;
            // Nobody names it before this succeeds, so until then it goes away again.
            self.sync.sync(folder).map_err(after)?;
            self.sync.sync_folders(folder, &self.root).map_err(after)?;
            temporary.placed = true;
            return Ok(etag(&stat));
        }
        // Most losers are told before they write to the disk.
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
            rustix::fs::futimens(&temporary.file, &times).map_err(before)?;
            temporary.file.sync_all().map_err(before)?;
            {
                let _lock = self.lock(path)?;
                let (current, newest) = self.check(path, mode)?;
                if current != known && newest >= stamp {
                    // Somebody else was faster, or has a faster clock: later than that, then.
                    (known, last) = (current, newest);
                    continue;
                }
                self.with_ballast(|| match fs::rename(&temporary.path, target) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.sync.forget(folder);
                        make_folders(folder).map_err(before)?;
                        fs::rename(&temporary.path, target).map_err(before)
                    }
                    renamed => renamed.map_err(before),
                })?;
                temporary.placed = true;
            }
            self.sync.sync(folder).map_err(after)?;
            self.sync.sync_folders(folder, &self.root).map_err(after)?;
            return Ok(ETag(format!("{stamp:x}-{:x}", temporary.length)));
        }
    }

    /// Returns the present version and its stamp if the mode allows to write.
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
        {
            let _lock = self.lock(path)?;
            match fs::remove_file(path) {
                Ok(()) => {}
                Err(error) => match before(error) {
                    StoreError::NotFound => return Ok(()),
                    error => return Err(error),
                },
            }
        }
        let folder = Path::new(path).parent().unwrap_or(&self.root);
        self.sync.sync(folder).map_err(after)
    }

    fn lock(&self, path: &str) -> Result<Lock<'_>, StoreError> {
        // FNV-1a.
        let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let number = (hash >> 32) as usize % LOCKS;
        let mut slot = self.locks[number]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            let path = self.own.join(format!("locks/{number:02x}"));
            let mut options = OpenOptions::new();
            options.create(true).append(true).mode(0o600);
            *slot = Some(self.with_ballast(|| options.open(&path).map_err(before))?);
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
