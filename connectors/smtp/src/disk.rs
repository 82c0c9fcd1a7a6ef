//! Files that are whole or not there, whatever the disk answers.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// The disk; in tests it fails where it is told to.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    #[cfg(test)]
    pub(crate) fault: std::sync::Mutex<Option<tests::Fault>>,
}

/// What is about to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Create,
    Write,
    SyncFile,
    Rename,
    SyncFolder,
}

impl Disk {
    /// Writes a file beside, makes it durable, and renames it into place. If that fails, nothing of it is left beside; it
    /// may be in its place already, not surely durable.
    pub(crate) fn keep(&self, beside: &Path, place: &Path, pieces: &[&[u8]]) -> io::Result<()> {
        let written = self
            .write(beside, pieces)
            .and_then(|()| self.rename(beside, place));
        if let Err(error) = written {
            // A part of a mail is no mail, and takes room that is missing.
            match fs::remove_file(beside) {
                Err(left) if left.kind() != io::ErrorKind::NotFound => {
                    tracing::error!(path = %beside.display(), error = %left, "a file that could not be written cannot be removed");
                }
                _ => {}
            }
            return Err(error);
        }
        self.sync_parent(place)
    }

    fn write(&self, path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
        self.step(Step::Create)?;
        let mut file = match File::create_new(path) {
            // There was no room for the folder at the start.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), make)?;
                File::create_new(path)?
            }
            file => file?,
        };
        for piece in pieces {
            if let Err(error) = self.step(Step::Write) {
                // As a full disk does it: some of it fits.
                file.write_all(piece.get(..piece.len() / 2).unwrap_or_default())?;
                return Err(error);
            }
            file.write_all(piece)?;
        }
        self.step(Step::SyncFile)?;
        file.sync_all()
    }

    /// Moves a file; durable when this returns.
    pub(crate) fn shift(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to)?;
        self.sync_parent(to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Rename)?;
        rename(from, to)
    }

    fn sync_parent(&self, place: &Path) -> io::Result<()> {
        self.step(Step::SyncFolder)?;
        place.parent().map_or(Ok(()), sync)
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, reason = "tests make it fail")]
    const fn step(&self, _: Step) -> io::Result<()> {
        Ok(())
    }
}

/// Whether there is no room: the operator's disk, quota, or limit.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Makes what is in a folder durable.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Moves a file, to a folder for which there may not have been room at the start.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && from.exists() => {
            to.parent().map_or(Ok(()), make)?;
            fs::rename(from, to)
        }
        renamed => renamed,
    }
}

fn make(folder: &Path) -> io::Result<()> {
    private(folder)?;
    folder.parent().map_or(Ok(()), sync)
}

/// Makes folders at the start. On a full disk it goes on without: they are made as soon as there is room and something
/// for them, and until then mail is refused for now.
pub(crate) fn folders(folder: &Path, below: &[&str]) -> io::Result<()> {
    for name in below {
        match private(&folder.join(name)) {
            Err(error) if is_full(&error) => {
                tracing::error!(folder = %folder.display(), %error, "mail cannot be kept; it is refused for now until it can");
            }
            made => made?,
        }
    }
    Ok(())
}

/// Makes durable what is in a folder, if there was room to make it.
pub(crate) fn sync_made(folder: &Path) -> io::Result<()> {
    match sync(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    }
}

/// What is in a folder; nothing if there was no room to make it.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.collect(),
    }
}

/// Makes a folder for its owner only: mails are for their reader.
pub(crate) fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Fails the step after so many of its kind.
    #[derive(Debug)]
    pub(crate) struct Fault {
        pub(crate) step: Step,
        pub(crate) after: usize,
        pub(crate) kind: io::ErrorKind,
    }

    /// Each way to fail that a disk has.
    pub(crate) fn faults() -> impl Iterator<Item = Fault> {
        use io::ErrorKind::{Other, StorageFull};
        [
            (Step::Create, 0, StorageFull),
            (Step::Write, 0, StorageFull),
            (Step::Write, 1, StorageFull),
            (Step::SyncFile, 0, Other),
            (Step::Rename, 0, StorageFull),
            (Step::SyncFolder, 0, Other),
        ]
        .into_iter()
        .map(|(step, after, kind)| Fault { step, after, kind })
    }

    impl Disk {
        pub(crate) fn fail(&self, fault: Fault) {
            *self.fault.lock().unwrap() = Some(fault);
        }

        pub(super) fn step(&self, step: Step) -> io::Result<()> {
            let mut fault = self.fault.lock().unwrap();
            match &mut *fault {
                Some(wanted) if wanted.step == step && wanted.after == 0 => {
                    let kind = wanted.kind;
                    *fault = None;
                    Err(kind.into())
                }
                Some(wanted) if wanted.step == step => {
                    wanted.after -= 1;
                    Ok(())
                }
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn nothing_is_left_beside() {
        let folder = tempfile::tempdir().unwrap();
        let (beside, place) = (folder.path().join("beside"), folder.path().join("place"));
        for fault in faults() {
            let disk = Disk::default();
            let named = format!("{fault:?}");
            disk.fail(fault);
            disk.keep(&beside, &place, &[b"head", b"body"]).unwrap_err();
            assert!(!beside.exists(), "{named}");
            disk.keep(&beside, &place, &[b"head", b"body"]).unwrap();
            assert_eq!(fs::read(&place).unwrap(), b"headbody", "{named}");
        }
    }
}
