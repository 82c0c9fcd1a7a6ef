//! The object store kept in a folder of plain files.
//!
//! Every object is a file under its own key (see `names.rs` for the spelling), so `ls` and `cat` show everything.
//! Several processes may use one folder at the same time: create-only writes and compare-and-swap are decided under a
//! lock of the key, files appear by renaming (except those under new keys, which nobody reads before they are
//! complete), and whatever is acknowledged has been synced, both the file and its folder. Small objects are read
//! directly on the calling thread, which is cheaper than switching threads; everything else is done on the blocking
//! threads of tokio, in whose runtime the store has to be used.
//!
//! A folder that disappears while in use is not treated as an empty store: for every missing object the file that marks
//! the folder is checked as well, and without that, or with that of another store, everything is unavailable until the
//! folder is back.

mod errors;
mod file;
mod folders;
mod list;
mod names;
mod store;
mod sync;
mod temporary;
mod version;

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use durable::Disk;
use file::{Files, make_folders};
use names::{OWN, Spelling};
use rustix::fs::{Timespec, Timestamps};
use rustix::io::Errno;

/// The folder format that this version writes, which is also the newest one that it can read.
const FORMAT: u32 = 1;
/// The name of the marker file, among the store's own files.
const MARKER: &str = "format";
/// Temporary files older than this belong to processes that have died.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a folder cannot be a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsError {
    /// An operation on a file failed.
    #[error("the storage folder cannot be used: {action} \"{path}\": {source}")]
    Io {
        /// The failed operation.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is no store in the folder, and none may be created there.
    #[error(
        "there is no store in \"{path}\", where there was one; if it was moved away or its disk is not \
         mounted, put it back: nothing was created in its place"
    )]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder was written by a newer version.
    #[error(
        "the storage folder \"{path}\" is in format {found}, and this version understands formats \
         up to {FORMAT}; run the version that wrote it, or a newer one"
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The format found.
        found: u32,
    },
    /// The marker file cannot be understood.
    #[error("\"{path}\" is damaged; restore it from a backup")]
    Damaged {
        /// The marker file.
        path: PathBuf,
    },
    /// The file system does not store times to the nanosecond.
    #[error(
        "the file system of \"{path}\" keeps no times in nanoseconds, which versions are made of; \
         use another one, such as ext4, XFS, Btrfs, ZFS or APFS"
    )]
    CoarseTimes {
        /// The folder.
        path: PathBuf,
    },
}

/// Objects in a folder of plain files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FsStore {
    files: Arc<Files>,
    /// The root as text, like keys.
    root: Arc<str>,
    spelling: Spelling,
}

impl FsStore {
    /// Opens the store in this folder, which is created if missing.
    ///
    /// # Errors
    /// Why this folder cannot be a store, in one sentence.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FsError> {
        Self::open_marked(path.as_ref(), Disk::default())
    }

    /// Opens the store that was created in this folder before; nothing is created if it is missing.
    ///
    /// # Errors
    /// Like [`FsStore::open`], and [`FsError::Missing`].
    pub fn existing(path: impl AsRef<Path>) -> Result<Self, FsError> {
        let path = path.as_ref();
        let marker = path.join(OWN).join(MARKER);
        match rustix::fs::lstat(&marker) {
            Ok(_) => Self::open_marked(path, Disk::default()),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(FsError::Missing {
                path: path.to_owned(),
            }),
            Err(error) => Err(io_error("look at", &marker, error.into())),
        }
    }

    /// Returns what identifies the store: what its marker file says.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.files.marked()
    }

    /// On a disk that may fail, for tests.
    fn open_marked(path: &Path, disk: Disk) -> Result<Self, FsError> {
        let own = path.join(OWN);
        for folder in [own.join("tmp"), own.join("locks")] {
            make_folders(&folder).map_err(|source| io_error("make", &folder, source))?;
        }
        let path = path
            .canonicalize()
            .map_err(|source| io_error("open", path, source))?;
        let own = path.join(OWN);
        let marker = own.join(MARKER);
        let text = match fs::read_to_string(&marker) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => mark(&path, &own, &marker)?,
            text => text.map_err(|source| io_error("read", &marker, source))?,
        };
        let spelling = parse_marker(&path, &marker, &text)?;
        let Some(root) = path.to_str() else {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8");
            return Err(io_error("open", &path, source));
        };
        let root: Arc<str> = root.into();
        remove_stale(&own.join("tmp"));
        let stat =
            rustix::fs::statvfs(&path).map_err(|error| io_error("look at", &path, error.into()))?;
        let size = stat.f_blocks.saturating_mul(stat.f_frsize);
        let reserve = durable::reserve_of(size);
        Ok(Self {
            files: Arc::new(Files::new(path, own, text, reserve, disk)),
            root,
            spelling,
        })
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> FsError {
    FsError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn parse_marker(path: &Path, marker: &Path, text: &str) -> Result<Spelling, FsError> {
    let damaged = || FsError::Damaged {
        path: marker.to_owned(),
    };
    let mut lines = text.lines();
    let format = lines
        .next()
        .and_then(|line| line.strip_prefix("subspace-fs "));
    let found = format
        .and_then(|number| number.parse().ok())
        .ok_or_else(damaged)?;
    if found > FORMAT {
        return Err(FsError::Newer {
            path: path.to_owned(),
            found,
        });
    }
    match lines.next() {
        Some("names exact") => Ok(Spelling::Exact),
        Some("names folded") => Ok(Spelling::Folded),
        _ => Err(damaged()),
    }
}

/// Tests what the file system supports, and writes the marker unless another process was faster.
fn mark(path: &Path, own: &Path, marker: &Path) -> Result<String, FsError> {
    let probe = own.join(format!("tmp/probe-{}", std::process::id()));
    let result = try_mark(path, own, marker, &probe);
    // If it is left over, a later start removes it.
    let _ = fs::remove_file(&probe);
    result
}

fn try_mark(path: &Path, own: &Path, marker: &Path, probe: &Path) -> Result<String, FsError> {
    let failed = |source: io::Error| io_error("write", probe, source);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(probe).map_err(failed)?;
    let time = Timespec {
        tv_sec: 1_700_000_000,
        tv_nsec: 123_456_789,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::futimens(&file, &times).map_err(|error| failed(error.into()))?;
    let stat = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
    if version::stamp(&stat) != 1_700_000_000_123_456_789 {
        return Err(FsError::CoarseTimes {
            path: path.to_owned(),
        });
    }
    let upper = probe.with_file_name(format!("PROBE-{}", std::process::id()));
    let names = if upper.exists() { "folded" } else { "exact" };
    let id = (random(), random());
    let text = format!(
        "subspace-fs {FORMAT}\nnames {names}\nid {:016x}{:016x}\n",
        id.0, id.1
    );
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    match fs::hard_link(probe, marker) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return fs::read_to_string(marker).map_err(|source| io_error("read", marker, source));
        }
        Err(source) => return Err(io_error("write", marker, source)),
    }
    let parent = path.parent().unwrap_or(path);
    for folder in [own, path, parent] {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| io_error("sync", folder, source))?;
    }
    Ok(text)
}

/// A number that differs from store to store; it need not be secret.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Best effort: leftovers only take space.
fn remove_stale(folder: &Path) {
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified
            .ok()
            .and_then(|modified| now.duration_since(modified).ok());
        if age.is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
