//! Listing objects in the order of their keys.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use storage_adapter::{Entry, StoreError};

use crate::names::{self, Found};
use crate::read::{etag, run};
use crate::store::{FsStore, unavailable};

/// Entries of one listing.
const PAGE: usize = 1000;

struct Walk<'a> {
    prefix: &'a str,
    start_after: Option<&'a str>,
    entries: Vec<Entry>,
}

impl FsStore {
    pub(crate) async fn walk(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        let (store, prefix) = (self.clone(), prefix.to_owned());
        let start_after = start_after.map(str::to_owned);
        let walked = run(move || {
            let mut walk = Walk {
                prefix: &prefix,
                start_after: start_after.as_deref(),
                entries: Vec::new(),
            };
            // Whole segments of the prefix lead straight to a folder.
            let base = prefix.rsplit_once('/').map_or("", |(base, _)| base);
            let segments: Vec<&str> = base
                .split('/')
                .filter(|segment| !segment.is_empty())
                .collect();
            let plain = segments
                .iter()
                .all(|segment| !matches!(*segment, "." | "..") && !segment.contains('\0'));
            if plain && segments.join("/") == base {
                let begin = if base.is_empty() {
                    String::new()
                } else {
                    format!("{base}/")
                };
                walk.folder(
                    &store.shared.objects.join(names::folder_path(&segments)),
                    &begin,
                )?;
            }
            Ok(walk.entries)
        });
        walked.await.map_err(|error| unavailable(&error))
    }
}

enum Child {
    File(PathBuf),
    Folder(PathBuf),
}

impl Walk<'_> {
    /// Adds what is below a folder whose keys begin with `begin`.
    fn folder(&mut self, path: &Path, begin: &str) -> io::Result<()> {
        let mut children = BTreeMap::new();
        gather(path, begin, "", &mut children)?;
        for (key, child) in children {
            if self.entries.len() >= PAGE {
                break;
            }
            match child {
                Child::File(path) => self.file(key, &path)?,
                Child::Folder(path) => {
                    let related = key.starts_with(self.prefix) || self.prefix.starts_with(&key);
                    let behind = self
                        .start_after
                        .is_some_and(|after| key.as_str() < after && !after.starts_with(&key));
                    if related && !behind {
                        self.folder(&path, &key)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, key: String, path: &Path) -> io::Result<()> {
        if !key.starts_with(self.prefix)
            || self.start_after.is_some_and(|after| key.as_str() <= after)
        {
            return Ok(());
        }
        match rustix::fs::stat(path) {
            Ok(stat) => {
                let length = u64::try_from(stat.st_size).unwrap_or_default();
                self.entries.push(Entry {
                    key,
                    etag: etag(&stat),
                    length,
                });
                Ok(())
            }
            // Deleted meanwhile.
            Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads a folder's names; folders get a slash, so that the map's order is that of the keys below them.
fn gather(
    path: &Path,
    begin: &str,
    begun: &str,
    children: &mut BTreeMap<String, Child>,
) -> io::Result<()> {
    let names = match fs::read_dir(path) {
        Ok(names) => names,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for entry in names {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        let name = entry.file_name();
        match name
            .to_str()
            .and_then(|name| names::read(begun, name, is_folder))
        {
            Some(Found::File(segment)) => {
                children.insert(format!("{begin}{segment}"), Child::File(entry.path()));
            }
            Some(Found::Folder(segment)) => {
                children.insert(format!("{begin}{segment}/"), Child::Folder(entry.path()));
            }
            Some(Found::Piece(piece)) => gather(&entry.path(), begin, &piece, children)?,
            // Files that this store did not write are left alone.
            None => {}
        }
    }
    Ok(())
}
