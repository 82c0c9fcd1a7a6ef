//! Listing keys in order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::lstat;
use rustix::io::Errno;
use storage_adapter::Entry;

use crate::names::{CONTINUED, OWN, Spelling, decode};
use crate::version::{etag, is_file};

/// The most entries of a listing.
const PAGE: usize = 1000;
/// How often a listing is repeated until there are no changes while it is made.
const ATTEMPTS: usize = 16;

/// Lists a page as of one instant.
pub(crate) fn list(
    root: &Path,
    spelling: Spelling,
    prefix: &str,
    after: Option<&str>,
) -> io::Result<Vec<Entry>> {
    let once = || {
        let mut walk = Walk {
            spelling,
            prefix,
            after,
            found: Vec::new(),
        };
        walk.folder(root, "")?;
        Ok(walk.found)
    };
    let mut found: Vec<Entry> = once()?;
    // A single entry is a consistent state by itself. Several are, if they are all unchanged the next time: versions
    // never come back.
    for _ in 0..ATTEMPTS {
        if found.len() < 2 {
            break;
        }
        let again: io::Result<Vec<Entry>> = once();
        let again = again?;
        if again == found {
            break;
        }
        found = again;
    }
    Ok(found)
}

struct Walk<'a> {
    spelling: Spelling,
    prefix: &'a str,
    after: Option<&'a str>,
    found: Vec<Entry>,
}

/// An item of a folder; `order` is the key, for a folder with a trailing slash.
struct Item {
    order: String,
    path: PathBuf,
    folder: bool,
}

impl Walk<'_> {
    /// Visits a folder whose keys begin with `above`.
    fn folder(&mut self, path: &Path, above: &str) -> io::Result<()> {
        let mut items = Vec::new();
        self.items(path, above, "", &mut items)?;
        items.sort_unstable_by(|a, b| a.order.cmp(&b.order));
        for item in items {
            if self.found.len() == PAGE {
                return Ok(());
            }
            if item.folder {
                self.folder(&item.path, &item.order)?;
                continue;
            }
            match lstat(&item.path) {
                Ok(stat) if is_file(&stat) => self.found.push(Entry {
                    key: item.order,
                    etag: etag(&stat),
                    length: u64::try_from(stat.st_size).unwrap_or(0),
                }),
                Ok(_) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Collects the possible entries of the listing; `begun` is the part of a name already given by folders.
    fn items(
        &self,
        path: &Path,
        above: &str,
        begun: &str,
        items: &mut Vec<Item>,
    ) -> io::Result<()> {
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if above.is_empty() && begun.is_empty() && name == OWN {
                continue;
            }
            let folder = entry.file_type()?.is_dir();
            if let Some(part) = name.strip_suffix(CONTINUED).filter(|_| folder) {
                self.items(&entry.path(), above, &format!("{begun}{part}"), items)?;
                continue;
            }
            let whole = format!("{begun}{name}");
            let Some(decoded) = decode(&whole, folder, self.spelling) else {
                continue;
            };
            let order = format!("{above}{decoded}{}", if folder { "/" } else { "" });
            if self.is_wanted(&order, folder) {
                items.push(Item {
                    order,
                    path: entry.path(),
                    folder,
                });
            }
        }
        Ok(())
    }

    fn is_wanted(&self, order: &str, folder: bool) -> bool {
        let in_prefix =
            order.starts_with(self.prefix) || (folder && self.prefix.starts_with(order));
        let is_after = self
            .after
            .is_none_or(|after| order > after || (folder && after.starts_with(order)));
        in_prefix && is_after
    }
}
