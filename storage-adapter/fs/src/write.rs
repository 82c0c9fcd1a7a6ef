//! Writing and deleting objects.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use rustix::fs::{Timespec, Timestamps, fstat, futimens, stat};
use rustix::io::Errno;
use storage_adapter::{ByteStream, ETag, PutMode, StoreError};

use crate::read::{etag, failure, mtime, run};
use crate::store::{FsStore, Shared, create, now, relative, unavailable};

/// How much of a body is gathered before it goes to the file, in bytes.
const GATHER: usize = 256 * 1024;
/// The last bits of a version's time are random, so that a clock that went back does not repeat one.
const RANDOM_NANOS: u64 = 0xffff;

/// A file in `tmp` that disappears unless it is moved away.
#[derive(Debug)]
struct Draft {
    path: PathBuf,
    file: File,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is gone if it was moved; what cannot be removed now is swept at a later start.
        let _ = fs::remove_file(&self.path);
    }
}

impl FsStore {
    pub(crate) async fn write(
        &self,
        key: &str,
        mut body: ByteStream,
        mode: PutMode,
    ) -> Result<ETag, StoreError> {
        let relative = relative(key)?;
        let mut draft: Option<Draft> = None;
        let mut gathered = BytesMut::new();
        while let Some(piece) = body.next().await {
            gathered.extend_from_slice(&piece?);
            if gathered.len() >= GATHER {
                let (bytes, shared) = (gathered.split().freeze(), self.clone());
                let appended = run(move || append(&shared.shared, draft, &bytes)).await;
                draft = Some(appended.map_err(|error| unavailable(&error))?);
            }
        }
        drop(body);
        let (store, key, bytes) = (self.clone(), key.to_owned(), gathered.freeze());
        let committed = run(move || {
            let shared = &store.shared;
            let draft = append(shared, draft, &bytes)?;
            Ok(commit(shared, &key, &relative, &draft, &mode))
        });
        committed.await.map_err(|error| unavailable(&error))?
    }

    pub(crate) async fn remove(&self, key: &str) -> Result<(), StoreError> {
        let relative = relative(key)?;
        let (store, key) = (self.clone(), key.to_owned());
        let removed = run(move || {
            let shared = &store.shared;
            let path = shared.objects.join(&relative);
            let held = shared.locks.hold(&key)?;
            let gone = match fs::remove_file(&path) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) =>
                {
                    return Ok(());
                }
                other => other,
            };
            drop(held);
            gone?;
            shared.sync.sync(parent(&path))
        });
        removed.await.map_err(|error| unavailable(&error))
    }
}

fn append(shared: &Shared, draft: Option<Draft>, bytes: &Bytes) -> io::Result<Draft> {
    let mut draft = match draft {
        Some(draft) => draft,
        None => {
            let path = shared.fresh();
            Draft {
                file: create(&path)?,
                path,
            }
        }
    };
    draft.file.write_all(bytes)?;
    Ok(draft)
}

/// Moves a finished file to its place if the condition holds, and returns when that is durable.
fn commit(
    shared: &Shared,
    key: &str,
    relative: &Path,
    draft: &Draft,
    mode: &PutMode,
) -> Result<ETag, StoreError> {
    let io = |error: io::Error| unavailable(&error);
    let path = shared.objects.join(relative);
    shared
        .sync
        .make(&shared.objects, parent(relative))
        .map_err(io)?;
    let mut time = version_time();
    stamp(&draft.file, time)?;
    draft.file.sync_all().map_err(io)?;
    let held = shared.locks.hold(key).map_err(io)?;
    let current = match stat(&path) {
        Ok(current) => Some(current),
        Err(Errno::NOENT | Errno::NOTDIR) => None,
        Err(error) => return Err(failure(error)),
    };
    let holds = match (mode, &current) {
        (PutMode::Overwrite, _) | (PutMode::IfAbsent, None) => true,
        (PutMode::IfMatch(wanted), Some(current)) => etag(current) == *wanted,
        (PutMode::IfAbsent, Some(_)) | (PutMode::IfMatch(_), None) => false,
    };
    if !holds {
        return Err(StoreError::Precondition);
    }
    if let Some(current) = current
        .as_ref()
        .map(mtime)
        .filter(|current| *current >= time)
    {
        time = current + 1;
        stamp(&draft.file, time)?;
        draft.file.sync_all().map_err(io)?;
    }
    fs::rename(&draft.path, &path).map_err(io)?;
    drop(held);
    let written = etag(&fstat(&draft.file).map_err(failure)?);
    shared.sync.sync(parent(&path)).map_err(io)?;
    Ok(written)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

/// Returns nanoseconds since the epoch with random last bits.
fn version_time() -> i128 {
    use std::hash::{BuildHasher, RandomState};
    let nanos = u64::try_from(now().as_nanos()).unwrap_or_default();
    // Its keys differ at each call; this is no secret.
    let random = RandomState::new().hash_one(nanos);
    i128::from((nanos & !RANDOM_NANOS) | (random & RANDOM_NANOS))
}

fn stamp(file: &File, nanos: i128) -> Result<(), StoreError> {
    let time = Timespec {
        tv_sec: i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default(),
        tv_nsec: i64::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default(),
    };
    futimens(
        file,
        &Timestamps {
            last_access: time,
            last_modification: time,
        },
    )
    .map_err(failure)
}
