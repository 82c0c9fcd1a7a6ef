//! The data folder: its version, its lock, its secrets.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use storage_fs::FsStore;

/// The version that this program writes.
const VERSION: u32 = 1;

/// An open data folder.
///
/// ```text
/// version       format of the folder
/// lock          held while `subspace serve` runs; in it is where its parts meet
/// master.key    32 bytes in hexadecimal; every other key is derived from it
/// setup-token   until the first account is made
/// store/        accounts and their documents
/// store-made    which store that is, once there is one: a missing one is not created again
/// spool/        what connectors have not published yet
/// irc/          what servers of other networks said of TLS, and certificates of connections to them
/// smtp/         mail that the functions do not have yet, and mail that was not sent yet
/// ircd/         channels and history of the IRC server
/// ```
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

/// Held as long as the server runs; the lock ends with the process, in whatever way.
#[derive(Debug)]
pub(crate) struct ServerLock {
    file: File,
}

impl ServerLock {
    /// Records where the parts of the server listen for each other, for commands that run next to it
    /// ([`DataFolder::running`]).
    ///
    /// # Errors
    /// One sentence if it cannot be written.
    pub(crate) fn note(&mut self, inner: SocketAddr) -> anyhow::Result<()> {
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.write_all(format!("{inner}\n").as_bytes())
        };
        write(&mut self.file).context("data: cannot write the lock")
    }
}

impl DataFolder {
    /// Opens an existing folder, for commands about its content.
    ///
    /// # Errors
    /// Like [`DataFolder::open`], and one sentence if there is none.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        if !path.join("version").exists() {
            bail!(
                "data: there is no data folder at {}; name the one of the server with --data",
                path.display()
            );
        }
        Self::open(path)
    }

    /// Opens the folder, creating it if it does not exist.
    ///
    /// # Errors
    /// One sentence if it cannot be used or belongs to a newer version.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("data: cannot create the folder {}", path.display()))?;
        let folder = Self {
            path: path.to_owned(),
        };
        let stated = folder.read_or_create("version", || Ok(format!("{VERSION}\n")))?;
        match stated.trim().parse::<u32>() {
            Ok(found) if found > VERSION => bail!(
                "data: {} is of format version {found}, this program knows versions up to {VERSION}; \
                 start the newer program that wrote it",
                path.display()
            ),
            Ok(_) => Ok(folder),
            Err(_) => bail!(
                "data: {} holds \"{}\", expected a format version; is this a data folder of subspace?",
                path.join("version").display(),
                stated.trim()
            ),
        }
    }

    /// Takes the lock that prevents a second server.
    ///
    /// # Errors
    /// One sentence if another server runs on the folder.
    pub(crate) fn lock(&self) -> anyhow::Result<ServerLock> {
        let path = self.path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("data: cannot open {}", path.display()))?;
        if file.try_lock().is_err() {
            bail!(
                "data: another subspace serve uses {}; stop it or choose another folder with --data",
                self.path.display()
            );
        }
        Ok(ServerLock { file })
    }

    /// Returns where the parts of the server that runs on this folder listen for each other, if one does.
    pub(crate) fn running(&self) -> Option<SocketAddr> {
        let path = self.path.join("lock");
        let file = File::open(&path).ok()?;
        // If nobody holds the lock, no server runs, and the recorded address is outdated.
        if file.try_lock_shared().is_ok() {
            return None;
        }
        fs::read_to_string(&path).ok()?.trim().parse().ok()
    }

    /// Returns the master key, creating it at the first start.
    ///
    /// # Errors
    /// If the key cannot be read or is damaged.
    pub(crate) fn master_key(&self) -> anyhow::Result<[u8; 32]> {
        let text = self.read_or_create("master.key", random_hex::<32>)?;
        parse_hex(text.trim()).with_context(|| {
            format!(
                "data: {} is damaged, expected 64 hexadecimal digits; restore it from a backup",
                self.path.join("master.key").display()
            )
        })
    }

    /// Returns the token for creating the first account.
    ///
    /// # Errors
    /// If it cannot be read or created.
    pub(crate) fn setup_token(&self) -> anyhow::Result<String> {
        Ok(self
            .read_or_create("setup-token", random_hex::<16>)?
            .trim()
            .to_owned())
    }

    /// Opens the store, which is created once: if it is missing later, it was moved away or its disk is not mounted. Nor is
    /// another store taken for it: events of accounts that are not there would be refused permanently.
    ///
    /// # Errors
    /// One sentence if it cannot be used, is missing, or is another one.
    pub(crate) fn store(&self) -> anyhow::Result<FsStore> {
        let (path, made) = (self.folder("store"), "store-made");
        if !self.path.join(made).exists() {
            let store = FsStore::open(path)?;
            self.read_or_create(made, || Ok(store.identity().to_owned()))?;
            return Ok(store);
        }
        let store = FsStore::existing(&path)?;
        let noted = self.read_or_create(made, || Ok(store.identity().to_owned()))?;
        if noted != store.identity() {
            bail!(
                "data: {} is not the store of this data folder; put that one back, or remove {} to use this one",
                path.display(),
                self.path.join(made).display()
            );
        }
        Ok(store)
    }

    /// Returns the path of a folder inside it.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a small file; if it does not exist, creates it completely and durably, for this user only.
    fn read_or_create(
        &self,
        name: &str,
        make: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        let path = self.path.join(name);
        let read = || match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("data: cannot read {}", path.display()))
            }
        };
        if let Some(text) = read()? {
            return Ok(text);
        }
        let text = make()?;
        let fresh = self.path.join(format!("{name}.{}", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            // A link fails if another process was first; a rename would overwrite its key.
            match fs::hard_link(&fresh, &path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            }?;
            fs::remove_file(&fresh)?;
            File::open(&self.path)?.sync_all()
        };
        write().with_context(|| format!("data: cannot write {}", path.display()))?;
        read()?.with_context(|| format!("data: {} vanished", path.display()))
    }
}

fn random_hex<const BYTES: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(protocol::hex(&bytes))
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    protocol::from_hex(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_stay_and_are_private() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("data");
        let key = DataFolder::open(&path).unwrap().master_key().unwrap();
        assert_eq!(DataFolder::open(&path).unwrap().master_key().unwrap(), key);
        let mode = fs::metadata(path.join("master.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn a_newer_folder_is_refused_with_a_sentence() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("version"), "2\n").unwrap();
        let message = DataFolder::open(temp.path()).unwrap_err().to_string();
        assert!(
            message.contains("format version 2") && message.contains("newer"),
            "{message}"
        );
        fs::write(temp.path().join("version"), "what\n").unwrap();
        assert!(
            DataFolder::open(temp.path())
                .unwrap_err()
                .to_string()
                .contains("\"what\"")
        );
    }

    #[test]
    fn what_is_not_there_is_not_made() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("data");
        let message = DataFolder::existing(&path).unwrap_err().to_string();
        assert!(message.contains("there is no data folder at"), "{message}");
        assert!(!path.exists());
        DataFolder::open(&path).unwrap();
        DataFolder::existing(&path).unwrap();
    }

    #[test]
    fn one_server_a_folder() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        let lock = folder.lock().unwrap();
        assert!(
            folder
                .lock()
                .unwrap_err()
                .to_string()
                .contains("another subspace serve")
        );
        drop(lock);
        folder.lock().unwrap();
    }

    #[test]
    fn who_runs_is_found_only_while_they_run() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        assert_eq!(folder.running(), None);
        let inner = SocketAddr::from(([127, 0, 0, 1], 6701));
        let mut lock = folder.lock().unwrap();
        assert_eq!(folder.running(), None);
        lock.note(inner).unwrap();
        assert_eq!(folder.running(), Some(inner));
        drop(lock);
        assert_eq!(folder.running(), None);
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        fs::write(temp.path().join("master.key"), "short").unwrap();
        assert!(
            folder
                .master_key()
                .unwrap_err()
                .to_string()
                .contains("damaged")
        );
    }
}
