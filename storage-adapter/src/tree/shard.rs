//! Which index a path belongs to, and the keys of all of an account's objects.

use protocol::AccountName;

use super::path::{DocumentPath, FolderPath, PUBLIC};
use super::types::{TreeError, Version};

/// The longest path that is contained in the key of a document's bytes, so that the key stays below the 1,024 bytes
/// that S3 allows. Longer ones are cut; the version keeps them apart.
const MAX_KEY_PATH: usize = 900;

/// The content of one head: a module, or the single document of that name directly in the root (or in `/public/`). Both
/// have the same head, so they can never exist at the same time.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Shard {
    pub(super) public: bool,
    pub(super) name: String,
}

impl Shard {
    /// Returns the document's shard and its names below.
    pub(super) fn of_document(path: &DocumentPath) -> Result<(Self, &[String]), TreeError> {
        match path.segments() {
            [public, name, rest @ ..] if public == PUBLIC => Ok((
                Self {
                    public: true,
                    name: name.clone(),
                },
                rest,
            )),
            [name, rest @ ..] if name != PUBLIC => Ok((
                Self {
                    public: false,
                    name: name.clone(),
                },
                rest,
            )),
            _ => Err(TreeError::Conflict(
                "\"/public\" is always a folder".to_owned(),
            )),
        }
    }

    /// Returns the folder's shard and its names below; `None` for `/` and `/public/`.
    pub(super) fn of_folder(path: &FolderPath) -> Option<(Self, &[String])> {
        match path.segments() {
            [public, name, rest @ ..] if public == PUBLIC => Some((
                Self {
                    public: true,
                    name: name.clone(),
                },
                rest,
            )),
            [name, rest @ ..] if name != PUBLIC => Some((
                Self {
                    public: false,
                    name: name.clone(),
                },
                rest,
            )),
            _ => None,
        }
    }

    /// The inverse of [`Self::head_key`].
    pub(super) fn of_head_key(account: &AccountName, key: &str) -> Option<Self> {
        Self::of_name(key.strip_prefix(&heads(account))?)
    }

    /// The inverse of [`Self::path`].
    pub(super) fn of_name(path: &str) -> Option<Self> {
        match path.split_once('/') {
            Some((PUBLIC, name)) if !name.contains('/') => Some(Self {
                public: true,
                name: name.to_owned(),
            }),
            None => Some(Self {
                public: false,
                name: path.to_owned(),
            }),
            Some(_) => None,
        }
    }

    /// Returns `notes` or `public/notes`. There is no module `public`, so they are distinct.
    pub(super) fn path(&self) -> String {
        if self.public {
            format!("{PUBLIC}/{}", self.name)
        } else {
            self.name.clone()
        }
    }

    pub(super) fn head_key(&self, account: &AccountName) -> String {
        let public = if self.public { "public/" } else { "" };
        format!("accounts/{account}/index/{public}{}", self.name)
    }

    /// The prefix of the pages of a large index.
    pub(super) fn pages_prefix(&self, account: &AccountName) -> String {
        format!("{}{}/", pages_prefix(account), self.path())
    }

    /// The prefix of lists of superseded documents that are too long for the head.
    pub(super) fn superseded_prefix(&self, account: &AccountName) -> String {
        format!("accounts/{account}/superseded/{}/", self.path())
    }
}

/// Returns a document's names below its module.
pub(super) fn names_below(path: &DocumentPath) -> &[String] {
    let above = 1 + usize::from(path.is_public());
    path.segments().get(above..).unwrap_or_default()
}

pub(super) fn heads(account: &AccountName) -> String {
    format!("accounts/{account}/index/")
}

pub(super) fn ledger_key(account: &AccountName) -> String {
    format!("accounts/{account}/quota.json")
}

/// The prefix of the pages of all indexes.
pub(super) fn pages_prefix(account: &AccountName) -> String {
    format!("accounts/{account}/pages/")
}

pub(super) fn data_prefix(account: &AccountName) -> String {
    format!("accounts/{account}/data/")
}

/// The key of a document's bytes.
pub(super) fn data_key(account: &AccountName, path: &DocumentPath, version: &Version) -> String {
    let mut key = data_prefix(account);
    let start = key.len();
    for (at, name) in path.segments().iter().enumerate() {
        if at > 0 {
            key.push('/');
        }
        key.push_str(name);
    }
    if key.len() - start > MAX_KEY_PATH {
        let mut end = start + MAX_KEY_PATH;
        while !key.is_char_boundary(end) {
            end -= 1;
        }
        key.truncate(end);
        // The rest of a name must be valid: not empty, not a dot.
        let cut = key.trim_end_matches(['/', '.']).len();
        key.truncate(cut);
    }
    key.push('@');
    key.push_str(&version.0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(names: &[&str]) -> DocumentPath {
        DocumentPath::from_segments(names.iter().map(|&n| n.to_owned()).collect()).unwrap()
    }

    #[test]
    fn heads_are_apart_and_found_again() {
        let account: AccountName = "alice".parse().unwrap();
        for (path, key) in [
            (&["notes", "a"][..], "accounts/alice/index/notes"),
            (
                &["public", "notes", "a"],
                "accounts/alice/index/public/notes",
            ),
            (&["notes"], "accounts/alice/index/notes"),
            (&["public", "notes"], "accounts/alice/index/public/notes"),
        ] {
            let path = document(path);
            let (shard, _) = Shard::of_document(&path).unwrap();
            assert_eq!(shard.head_key(&account), key);
            assert_eq!(Shard::of_head_key(&account, key), Some(shard));
        }
        assert!(Shard::of_document(&document(&["public"])).is_err());
    }

    #[test]
    fn keys_spell_the_path_and_fit_s3() {
        let account: AccountName = "alice".parse().unwrap();
        let version = Version("v".repeat(26));
        let key = |names: &[&str]| data_key(&account, &document(names), &version);
        assert_eq!(
            key(&["notes", "a b.txt"]),
            format!("accounts/alice/data/notes/a b.txt@{}", version.0)
        );
        let name = "ä".repeat(350);
        let long = key(&[&name, ".x", &name]);
        assert!(long.len() < 1000, "{}", long.len());
        let dots = key(&["a", &"b".repeat(700), &".".repeat(700)]);
        assert!(dots.ends_with(&format!("b@{}", version.0)));
    }
}
