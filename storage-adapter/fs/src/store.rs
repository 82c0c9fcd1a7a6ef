//! The store's operations: which run directly and which on a blocking thread.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use storage_adapter::{
    BodyError, ByteStream, ETag, Entry, Gathered, GetOptions, Object, ObjectStore, PutMode,
    StoreError,
};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::errors::before;
use crate::file::Files;
use crate::temporary::Temporary;
use crate::version::{etag, is_file, is_version};
use crate::{FsStore, list, names};

/// Objects, or ranges of them, up to this size are read directly, in one piece; in bytes.
const AT_ONCE: u64 = 64 << 10;
/// The size of pieces of larger ones, and how much of a body is collected before a write; in bytes.
const PIECE: usize = 256 << 10;

impl FsStore {
    fn path(&self, key: &str) -> Result<String, StoreError> {
        let mut path = String::with_capacity(self.root.len() + key.len() + 8);
        path.push_str(&self.root);
        names::push_key(&mut path, key, self.spelling)?;
        Ok(path)
    }

    /// Removes the folders below a prefix that ends with a slash, and its own, as far as they contain no objects;
    /// returns how many.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub async fn remove_empty_folders(&self, prefix: &str) -> Result<usize, StoreError> {
        let mut path = self.root.to_string();
        for name in prefix.split_terminator('/') {
            names::check(name)?;
            path.push('/');
            names::push_folder(&mut path, name, self.spelling);
        }
        let files = Arc::clone(&self.files);
        blocking(move || files.remove_empty(Path::new(&path), None)).await
    }

    fn open_object(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        let path = self.path(key)?;
        if let Some(known) = &options.if_none_match {
            let stat = rustix::fs::lstat(&path).map_err(|error| self.files.missed(error))?;
            if is_file(&stat) && is_version(&stat, known) {
                return Err(StoreError::NotModified);
            }
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::open(&path, flags, Mode::empty()) {
            // A link or a socket: not one of ours.
            Err(Errno::LOOP | Errno::NXIO) => return Err(StoreError::NotFound),
            file => file.map_err(|error| self.files.missed(error))?,
        };
        let stat = rustix::fs::fstat(&file).map_err(before)?;
        if !is_file(&stat) {
            return Err(StoreError::NotFound);
        }
        if let Some(known) = &options.if_none_match
            && is_version(&stat, known)
        {
            return Err(StoreError::NotModified);
        }
        let etag = etag(&stat);
        let length = u64::try_from(stat.st_size).unwrap_or(0);
        let range = options.range.unwrap_or(0..length);
        let start = range.start.min(length);
        let end = range.end.clamp(start, length);
        let body: ByteStream = if end - start <= AT_ONCE {
            let bytes = read(&file, start, (end - start) as usize).map_err(before)?;
            let piece = (!bytes.is_empty()).then_some(Ok(bytes));
            Box::pin(stream::iter(piece))
        } else {
            pieces(Arc::new(file), start, end)
        };
        Ok(Object { etag, length, body })
    }
}

/// Reads exactly this range of a file, which is immutable once it has its name.
fn read(file: &OwnedFd, start: u64, length: usize) -> Result<Bytes, Errno> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        let at = start + done as u64;
        match rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut bytes[done..], at))? {
            0 => return Err(Errno::IO),
            count => done += count,
        }
    }
    Ok(bytes.into())
}

fn pieces(file: Arc<OwnedFd>, start: u64, end: u64) -> ByteStream {
    Box::pin(stream::unfold(start, move |at| {
        let file = Arc::clone(&file);
        async move {
            if at >= end {
                return None;
            }
            let length = PIECE.min(usize::try_from(end - at).unwrap_or(PIECE));
            let piece = spawn_blocking(move || read(&file, at, length)).await;
            match piece {
                Ok(Ok(bytes)) => Some((Ok(bytes), at + length as u64)),
                Ok(Err(error)) => Some((Err(BodyError::Broken(error.to_string())), end)),
                Err(error) => Some((Err(BodyError::Broken(error.to_string())), end)),
            }
        }
    }))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let joined = spawn_blocking(work).await;
    joined.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

/// Collects pieces of a body until they are worth a write. Returns whether there may be more.
async fn gather(body: &mut ByteStream, mut all: Gathered) -> Result<(Bytes, bool), BodyError> {
    while let Some(piece) = body.next().await.transpose()? {
        all.push(piece);
        if all.len() >= PIECE {
            return Ok((all.finish(), true));
        }
    }
    Ok((all.finish(), false))
}

fn write(mut temporary: Temporary, bytes: &Bytes) -> Result<Temporary, StoreError> {
    temporary.write(bytes)?;
    Ok(temporary)
}

/// A file that is durable, except for its name if another thread is making that durable.
struct Placed {
    etag: ETag,
    named: Option<(Temporary, JoinHandle<Result<(), StoreError>>)>,
}

/// Gives a file its name. If it already has it, the file is synced while another thread syncs its folder, so neither
/// waits for the other.
fn place(
    files: &Arc<Files>,
    temporary: Temporary,
    path: String,
    mode: &PutMode,
) -> Result<Placed, StoreError> {
    if !temporary.is_in_place() {
        let etag = files.place(temporary, &path, mode)?;
        return Ok(Placed { etag, named: None });
    }
    let naming = {
        let files = Arc::clone(files);
        spawn_blocking(move || files.sync_name(&path))
    };
    let etag = temporary.sync()?;
    let named = Some((temporary, naming));
    Ok(Placed { etag, named })
}

/// Waits until its name is durable, too.
async fn finish(placed: Placed) -> Result<ETag, StoreError> {
    if let Some((temporary, naming)) = placed.named {
        let named = naming.await;
        named.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))?;
        temporary.keep();
    }
    Ok(placed.etag)
}

impl ObjectStore for FsStore {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        self.open_object(key, options)
    }

    async fn put(
        &self,
        key: &str,
        mut body: ByteStream,
        mode: PutMode,
    ) -> Result<ETag, StoreError> {
        let path = self.path(key)?;
        let (bytes, mut more) = gather(&mut body, Gathered::default()).await?;
        let files = Arc::clone(&self.files);
        if !more {
            let placed = blocking(move || {
                let temporary = write(files.begin(&path, &mode)?, &bytes)?;
                place(&files, temporary, path, &mode)
            });
            return finish(placed.await?).await;
        }
        let begun = {
            let (path, mode) = (path.clone(), mode.clone());
            blocking(move || write(files.begin(&path, &mode)?, &bytes))
        };
        let mut temporary = begun.await?;
        while more {
            let (bytes, again) = gather(&mut body, Gathered::with_capacity(PIECE)).await?;
            temporary = blocking(move || write(temporary, &bytes)).await?;
            more = again;
        }
        let files = Arc::clone(&self.files);
        let placed = blocking(move || place(&files, temporary, path, &mode));
        finish(placed.await?).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let (files, path) = (Arc::clone(&self.files), self.path(key)?);
        blocking(move || files.delete(&path)).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        let files = Arc::clone(&self.files);
        let paths: Vec<_> = keys.iter().map(|key| self.path(key)).collect();
        blocking(move || files.delete_all(paths)).await
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        let (files, spelling) = (Arc::clone(&self.files), self.spelling);
        let (prefix, after) = (prefix.to_owned(), start_after.map(str::to_owned));
        blocking(move || {
            let found = list::list(&files.root, spelling, &prefix, after.as_deref())
                .map_err(|error| files.missed(error))?;
            // Missing folders were skipped, and all of them are missing if the whole store is.
            files.must_be_there()?;
            Ok(found)
        })
        .await
    }

    async fn tidy(&self, older_than_millis: i64) -> Result<usize, StoreError> {
        let files = Arc::clone(&self.files);
        let age = Duration::from_millis(u64::try_from(older_than_millis).unwrap_or(0));
        let since = SystemTime::now().checked_sub(age);
        blocking(move || files.remove_empty(&files.root, since.or(Some(SystemTime::UNIX_EPOCH))))
            .await
    }

    fn room(&self) -> Option<u64> {
        self.files.room()
    }
}
