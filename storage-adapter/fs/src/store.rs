//! The store and its folder.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{Timespec, Timestamps, futimens};
use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError,
};

use crate::group_sync::GroupSync;
use crate::locks::Locks;
use crate::names::{self, InvalidKey};

/// Version of the folder's layout that this package writes.
const VERSION: u32 = 1;
/// Age at which a file that was never finished is removed.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Why a folder cannot be used as a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsError {
    /// The file system refuses.
    #[error("the storage folder {path} cannot be used: {source}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Written by a later version of this package, or no store at all.
    #[error(
        "the storage folder {path} is of format version \"{found}\", this program knows version {VERSION}; \
         start the program that wrote it"
    )]
    Version {
        /// The folder.
        path: PathBuf,
        /// What its version file says.
        found: String,
    },
    /// The file system folds names or times.
    #[error(
        "the storage folder {path} is on a file system that {trouble}; choose a folder on another one"
    )]
    Unfit {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        trouble: &'static str,
    },
}

/// A folder of plain files as an object store.
///
/// ```text
/// version     format of the folder
/// objects/    one file an object, under its key
/// locks/      files that processes lock while they decide a condition
/// tmp/        files that are being written
/// ```
///
/// A version of an object is the time in its file's mtime, which every write moves forward and makes unique,
/// with its inode and length; so asking whether something changed is one stat. Clones share everything.
#[derive(Clone, Debug)]
pub struct FsStore {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) objects: PathBuf,
    pub(crate) tmp: PathBuf,
    pub(crate) locks: Locks,
    pub(crate) sync: GroupSync,
    pub(crate) counter: AtomicU64,
}

impl FsStore {
    /// Opens a folder, making it if it does not exist.
    ///
    /// # Errors
    /// One sentence if the folder cannot be used, belongs to a newer version, or its file system folds
    /// the case of names or cuts times.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FsError> {
        let path = path.as_ref();
        let io = |source| FsError::Io {
            path: path.to_owned(),
            source,
        };
        for name in ["", "objects", "locks", "tmp"] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path.join(name))
                .map_err(io)?;
        }
        check_version(path)?;
        check_file_system(path)?;
        let tmp = path.join("tmp");
        remove_abandoned(&tmp);
        let shared = Shared {
            objects: path.join("objects"),
            tmp,
            locks: Locks::open(&path.join("locks")).map_err(io)?,
            sync: GroupSync::default(),
            counter: AtomicU64::new(0),
        };
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(io)?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

impl Shared {
    /// Returns the file of a key.
    pub(crate) fn file(&self, key: &str) -> Result<PathBuf, StoreError> {
        Ok(self.objects.join(relative(key)?))
    }

    /// Returns a name that no other file in `tmp` has.
    pub(crate) fn fresh(&self) -> PathBuf {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        self.tmp.join(format!(
            "{}-{:x}-{number}",
            std::process::id(),
            now().as_nanos()
        ))
    }
}

pub(crate) fn relative(key: &str) -> Result<PathBuf, StoreError> {
    names::path(key).map_err(|error: InvalidKey| StoreError::Denied(error.to_string()))
}

pub(crate) fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

pub(crate) fn unavailable(error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn check_version(path: &Path) -> Result<(), FsError> {
    let file = path.join("version");
    let io = |source| FsError::Io {
        path: file.clone(),
        source,
    };
    match fs::read_to_string(&file) {
        Ok(text) if text.trim() == VERSION.to_string() => Ok(()),
        Ok(text) => {
            let found = text
                .trim()
                .chars()
                .filter(|c| !c.is_control())
                .take(40)
                .collect();
            Err(FsError::Version {
                path: path.to_owned(),
                found,
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Whole or not at all: two processes may open a new folder at once.
            let fresh = path
                .join("tmp")
                .join(format!("version-{}", std::process::id()));
            let write = || {
                let mut new = File::create(&fresh)?;
                writeln!(new, "{VERSION}")?;
                new.sync_all()?;
                fs::rename(&fresh, &file)
            };
            write().map_err(io)
        }
        Err(error) => Err(io(error)),
    }
}

/// Versions need times in nanoseconds, keys need names that differ in case or composition to differ.
fn check_file_system(path: &Path) -> Result<(), FsError> {
    let unfit = |trouble| {
        Err(FsError::Unfit {
            path: path.to_owned(),
            trouble,
        })
    };
    let names = ["probe-\u{e9}", "PROBE-\u{e9}", "probe-e\u{301}"];
    let folder = path
        .join("tmp")
        .join(format!("probe-{}", std::process::id()));
    let io = |source| FsError::Io {
        path: folder.clone(),
        source,
    };
    fs::create_dir_all(&folder).map_err(io)?;
    let mut seconds = Vec::new();
    for name in names {
        let file = File::create(folder.join(name)).map_err(io)?;
        let stamp = Timespec {
            tv_sec: 1_500_000_000,
            tv_nsec: 123_456_789,
        };
        futimens(
            &file,
            &Timestamps {
                last_access: stamp,
                last_modification: stamp,
            },
        )
        .map_err(|error| io(error.into()))?;
        let stat = rustix::fs::fstat(&file).map_err(|error| io(error.into()))?;
        seconds.push((stat.st_mtime, stat.st_mtime_nsec));
    }
    let count = fs::read_dir(&folder).map_err(io)?.count();
    fs::remove_dir_all(&folder).map_err(io)?;
    if count != names.len() {
        return unfit("does not tell names apart that differ in case or accents");
    }
    if seconds
        .iter()
        .any(|stamp| *stamp != (1_500_000_000, 123_456_789))
    {
        return unfit("does not keep times to the nanosecond");
    }
    Ok(())
}

fn remove_abandoned(tmp: &Path) {
    let Ok(entries) = fs::read_dir(tmp) else {
        return;
    };
    for entry in entries.flatten() {
        let age = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED) {
            // Another process may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes a file in `tmp` for a body.
pub(crate) fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

impl ObjectStore for FsStore {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        self.read(key, options).await
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        self.write(key, body, mode).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.remove(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        self.walk(prefix, start_after).await
    }
}
