//! Removes folders without files. Deleting an object leaves its folder: most are soon used again, and creating one
//! costs more than it takes space.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use storage_adapter::StoreError;

use crate::errors::before;
use crate::file::Files;
use crate::names::OWN;

impl Files {
    /// Removes empty folders below `folder`, and the folder itself, if nothing was changed in them since `since`;
    /// returns how many. A folder that is removed while somebody creates a file in it is created again.
    ///
    /// After a crash some may be there again, without harm: nothing is made durable.
    pub(crate) fn remove_empty(
        &self,
        folder: &Path,
        since: Option<SystemTime>,
    ) -> Result<usize, StoreError> {
        self.must_be_there()?;
        let mut removed = 0;
        match self.remove_empty_below(folder, since, &mut removed) {
            Err(error) if !is_missing(&error) => Err(before(error)),
            _ => Ok(removed),
        }
    }

    fn remove_empty_below(
        &self,
        folder: &Path,
        since: Option<SystemTime>,
        removed: &mut usize,
    ) -> io::Result<()> {
        // Before anything below it is removed, which changes it.
        let changed = fs::symlink_metadata(folder)?.modified()?;
        let mut is_empty = true;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // Not through links: they are not ours.
            if !entry.file_type()?.is_dir() || (folder == self.root && entry.file_name() == OWN) {
                is_empty = false;
                continue;
            }
            match self.remove_empty_below(&entry.path(), since, removed) {
                Err(error) if !is_missing(&error) => return Err(error),
                _ => {}
            }
        }
        if !is_empty || folder == self.root || since.is_some_and(|since| changed > since) {
            return Ok(());
        }
        match fs::remove_dir(folder) {
            Ok(()) => {
                self.forget_folder(folder);
                *removed += 1;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
