//! A module's index in memory.

use std::sync::{Arc, LazyLock};

use protocol::Timestamp;

use super::path::DocumentPath;
use super::table::{self, Clash, Loaded, Missing, Seen, State, Table};
use super::types::{DocumentInfo, Folder, TreeError, Version, WriteCondition};
use super::version;
use crate::store::ETag;

/// A folder without items.
static EMPTY: LazyLock<Arc<Folder>> = LazyLock::new(|| {
    Arc::new(Folder {
        version: version::empty(),
        items: std::collections::BTreeMap::new(),
    })
});

/// How many commits a head remembers, for writers whose response was lost.
pub(super) const RECENT_COMMITS: usize = 24;

/// A document that was overwritten or deleted but whose bytes still exist.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Superseded {
    /// Where it was.
    pub path: DocumentPath,
    /// What it was.
    pub info: DocumentInfo,
    /// When it was overwritten or deleted.
    pub since: Timestamp,
}

/// The part of an account's quota that a module may use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Allowance {
    /// The account's quota that this is a part of; 0 for none.
    pub(super) limit: u64,
    /// Bytes that the module may hold.
    pub(super) bytes: u64,
}

/// Marks a head that was rewritten only to take back an allowance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fence {
    /// Makes the head different.
    pub(super) id: Version,
    /// The version of the module's folder, which is unchanged.
    pub(super) held: Version,
}

/// A module.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The last commit.
    pub(super) commit: Version,
    /// How many commits there were.
    pub(super) serial: u64,
    /// Bytes of all documents.
    pub(super) bytes: u64,
    pub(super) allowance: Allowance,
    pub(super) fence: Option<Fence>,
    /// The last commits, oldest first.
    pub(super) recent: Vec<Version>,
    /// Newest last.
    pub(super) superseded: Vec<Superseded>,
    /// The document that has the module's name, if it is not a folder.
    pub(super) document: Option<DocumentInfo>,
    /// The version of the module's folder.
    pub(super) version: Version,
    pub(super) root: Arc<Table>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            commit: version::empty(),
            serial: 0,
            bytes: 0,
            allowance: Allowance::default(),
            fence: None,
            recent: Vec::new(),
            superseded: Vec::new(),
            document: None,
            version: version::empty(),
            root: Arc::default(),
        }
    }
}

/// An index and the version of its object; no version if the object does not exist.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) etag: Option<ETag>,
    pub(super) index: Index,
    /// Length of the object in bytes.
    pub(super) length: usize,
}

impl Index {
    /// Whether it is a folder rather than a document or nothing.
    pub(super) fn is_module(&self) -> bool {
        !self.root.is_empty()
    }

    /// Returns the state of a path, given as names below the module.
    pub(super) fn state(&self, names: &[String], loaded: &Loaded) -> Result<State, Missing> {
        let clash = |what| Some(Clash { depth: 0, what });
        if names.is_empty() {
            return Ok(State {
                document: self.document.clone(),
                clash: clash("folder").filter(|_| self.is_module()),
            });
        }
        if self.document.is_some() {
            return Ok(State {
                document: None,
                clash: clash("document"),
            });
        }
        self.root.state(names, loaded)
    }

    /// Lists a folder; a missing one is empty.
    pub(super) fn list(&self, names: &[String], loaded: &Loaded) -> Result<Arc<Folder>, Missing> {
        Ok(match self.folder(names, loaded)? {
            Some((version, table)) => {
                let items = table.list(loaded)?;
                Arc::new(Folder { version, items })
            }
            None => Arc::clone(&EMPTY),
        })
    }

    /// Finds a folder by its names below the module.
    pub(super) fn folder(
        &self,
        names: &[String],
        loaded: &Loaded,
    ) -> Result<Option<(Version, Arc<Table>)>, Missing> {
        if names.is_empty() {
            let root = (self.version.clone(), Arc::clone(&self.root));
            return Ok(self.is_module().then_some(root));
        }
        match self.root.folder(names, loaded)? {
            Some((version, below)) => {
                let table = below.table(loaded)?;
                Ok(Some((version.clone(), Arc::clone(table))))
            }
            None => Ok(None),
        }
    }

    /// Finds only a folder's version, for which the folder itself need not be read.
    pub(super) fn folder_version(
        &self,
        names: &[String],
        loaded: &Loaded,
    ) -> Result<Version, Missing> {
        if names.is_empty() {
            return Ok(self.version.clone());
        }
        let found = self.root.folder(names, loaded)?;
        Ok(found.map_or_else(version::empty, |(version, _)| version.clone()))
    }

    /// Sets the version of the module's folder, which depends on the store's ETag.
    pub(super) fn set_etag(&mut self, etag: &ETag) {
        self.version = if self.is_module() {
            let held = self.fence.as_ref().map(|fence| fence.held.clone());
            held.unwrap_or_else(|| version::of_head(etag))
        } else {
            version::empty()
        };
    }

    /// Stores a document; conflicts must have been ruled out and all pages of the path read. Every folder above gets
    /// the version `commit`. Returns the previous document.
    pub(super) fn insert(
        &mut self,
        names: &[String],
        info: DocumentInfo,
        commit: &Version,
        loaded: &Loaded,
    ) -> Option<DocumentInfo> {
        self.bytes = self.bytes.saturating_add(info.length);
        let old = if names.is_empty() {
            self.document.replace(info)
        } else {
            Arc::make_mut(&mut self.root).insert(names, info, commit, loaded)
        };
        self.bytes = self
            .bytes
            .saturating_sub(old.as_ref().map_or(0, |old| old.length));
        old
    }

    /// Removes an existing document, and the folders that become empty; all pages of the path must have been read.
    /// Every remaining folder above gets the version `commit`. Returns the document.
    pub(super) fn remove(
        &mut self,
        names: &[String],
        commit: &Version,
        loaded: &Loaded,
    ) -> Option<DocumentInfo> {
        let old = if names.is_empty() {
            self.document.take()
        } else {
            Arc::make_mut(&mut self.root).remove(names, commit, loaded)
        };
        self.bytes = self
            .bytes
            .saturating_sub(old.as_ref().map_or(0, |old| old.length));
        old
    }

    /// Visits all documents with their names below the module, and all pages.
    pub(super) fn walk(
        &self,
        loaded: &Loaded,
        visit: &mut impl FnMut(&[String], Seen<'_>),
    ) -> Result<(), Missing> {
        if let Some(info) = &self.document {
            visit(&[], Seen::Document(info));
        }
        let mut missing = Vec::new();
        self.root.walk(loaded, &mut missing, &mut Vec::new(), visit);
        table::all_loaded(missing)
    }
}

impl State {
    /// Decides a write's condition.
    pub(super) fn check(&self, condition: &WriteCondition) -> Result<(), TreeError> {
        let current = self.document.as_ref().map(|info| &info.version);
        let holds = match (condition, current) {
            (WriteCondition::None, _)
            | (WriteCondition::IfAbsent, None)
            | (WriteCondition::IfExists, Some(_)) => true,
            (WriteCondition::IfMatch(wanted), Some(current)) => wanted.contains(current),
            (WriteCondition::IfNoneOf(unwanted), current) => {
                current.is_none_or(|current| !unwanted.contains(current))
            }
            _ => false,
        };
        if holds {
            Ok(())
        } else {
            Err(TreeError::Precondition {
                current: current.cloned(),
            })
        }
    }

    /// Refuses a document in place of a folder, or below a document; it has `below` names below its module.
    pub(super) fn check_clash(&self, path: &DocumentPath, below: usize) -> Result<(), TreeError> {
        let Some(Clash { depth, what }) = self.clash else {
            return Ok(());
        };
        let above = path.segments().len().saturating_sub(below);
        let name = path.segments()[..above + depth].join("/");
        Err(TreeError::Conflict(format!(
            "there is a {what} \"/{name}\" already"
        )))
    }
}
