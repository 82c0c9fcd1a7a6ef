//! Reading objects.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use rustix::fs::{Stat, fstat, stat};
use rustix::io::{ReadWriteFlags, preadv2};
use storage_adapter::{BodyError, ByteStream, ETag, GetOptions, Object, StoreError};

use crate::store::{FsStore, unavailable};

/// Largest body that is read at once, in bytes.
const SMALL: u64 = 64 * 1024;
/// Size of a piece of a larger body, in bytes.
const PIECE: u64 = 256 * 1024;

/// Returns the version that a file's metadata stands for.
pub(crate) fn etag(stat: &Stat) -> ETag {
    ETag(format!(
        "{:x}-{:x}-{:x}",
        mtime(stat),
        stat.st_ino,
        stat.st_size
    ))
}

/// Returns the time of the last write in nanoseconds since the epoch.
pub(crate) fn mtime(stat: &Stat) -> i128 {
    i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec)
}

pub(crate) fn failure(error: rustix::io::Errno) -> StoreError {
    match error {
        rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => StoreError::NotFound,
        error => unavailable(&error.into()),
    }
}

impl FsStore {
    /// Metadata and small bodies are nearly always in the page cache, where asking costs less than handing
    /// the question to another thread. A body that is not there is read by another thread.
    pub(crate) async fn read(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        let path = self.shared.file(key)?;
        if let Some(known) = &options.if_none_match
            && etag(&stat(&path).map_err(failure)?) == *known
        {
            return Err(StoreError::NotModified);
        }
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Err(StoreError::NotFound);
            }
            Err(error) => return Err(unavailable(&error)),
        };
        let stat = fstat(&file).map_err(failure)?;
        let etag = etag(&stat);
        // The file may have been replaced after the first look.
        if options.if_none_match.as_ref() == Some(&etag) {
            return Err(StoreError::NotModified);
        }
        let length = u64::try_from(stat.st_size).unwrap_or_default();
        let range = options.range.unwrap_or(0..length);
        let (start, end) = (range.start.min(length), range.end.min(length));
        let body: ByteStream = if start >= end {
            Box::pin(stream::empty())
        } else if end - start <= SMALL {
            let bytes = read_small(file, start, end).await?;
            Box::pin(stream::once(std::future::ready(Ok(bytes))))
        } else {
            pieces(file, start, end)
        };
        Ok(Object { etag, length, body })
    }
}

async fn read_small(file: File, start: u64, end: u64) -> Result<Bytes, StoreError> {
    let wanted = usize::try_from(end - start).unwrap_or_default();
    let mut buffer = vec![0; wanted];
    let cached = preadv2(
        &file,
        &mut [io::IoSliceMut::new(&mut buffer)],
        start,
        ReadWriteFlags::NOWAIT,
    );
    if cached == Ok(wanted) {
        return Ok(buffer.into());
    }
    run(move || read_at(&file, start, wanted))
        .await
        .map_err(|error| unavailable(&error))
}

fn pieces(file: File, start: u64, end: u64) -> ByteStream {
    let file = Arc::new(file);
    Box::pin(stream::try_unfold(start, move |at| {
        let file = Arc::clone(&file);
        async move {
            if at >= end {
                return Ok(None);
            }
            let size = usize::try_from((end - at).min(PIECE)).unwrap_or_default();
            let bytes = run(move || read_at(&file, at, size))
                .await
                .map_err(|error| BodyError::Broken(error.to_string()))?;
            let next = at + bytes.len() as u64;
            Ok(Some((bytes, next)))
        }
    }))
}

fn read_at(file: &File, start: u64, size: usize) -> io::Result<Bytes> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; size];
    // Objects are replaced, never changed or cut, so all of it is there.
    file.read_exact_at(&mut buffer, start)?;
    Ok(buffer.into())
}

/// Runs something that blocks on a thread for such work.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
