//! A module's index in memory: immutable folders that commits share.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use model::Timestamp;

use super::path::DocumentPath;
use super::types::{DocumentInfo, Folder, Item, TreeError, Version, WriteCondition};
use super::version;
use crate::store::ETag;

/// How many commits a head remembers, for writers whose reply was lost.
pub(super) const RECENT_COMMITS: usize = 24;

/// A document that was overwritten or deleted and whose bytes are still there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Superseded {
    /// Where it was.
    pub path: DocumentPath,
    /// What it was.
    pub info: DocumentInfo,
    /// When it was overwritten or deleted.
    pub since: Timestamp,
}

/// One folder.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) folder: Arc<Folder>,
    pub(super) children: BTreeMap<String, Arc<Self>>,
    /// The folder's documents as they stand in the head, once they were written.
    pub(super) fragment: OnceLock<Bytes>,
}

impl Default for Node {
    fn default() -> Self {
        let folder = Folder {
            version: version::empty(),
            items: BTreeMap::new(),
        };
        Self {
            folder: Arc::new(folder),
            children: BTreeMap::new(),
            fragment: OnceLock::new(),
        }
    }
}

/// What a module may grow to, of an account's quota.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Allowance {
    /// The account's quota that this is a part of; 0 for none.
    pub(super) limit: u64,
    /// Bytes that the module may hold.
    pub(super) bytes: u64,
}

/// A head that was written again only to take an allowance back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fence {
    /// Makes the head different.
    pub(super) id: Version,
    /// The version of the module's folder, which stays.
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
    /// The document that has the module's name, if that is no folder.
    pub(super) document: Option<DocumentInfo>,
    pub(super) root: Arc<Node>,
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
            root: Arc::default(),
        }
    }
}

/// An index and the version of its object; no version if there is no object.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) etag: Option<ETag>,
    pub(super) index: Index,
    /// Length of the object in bytes.
    pub(super) length: usize,
}

impl Index {
    /// Finds a document by its names below the module.
    pub(super) fn document(&self, names: &[String]) -> Option<&DocumentInfo> {
        let Some((name, folders)) = names.split_last() else {
            return self.document.as_ref();
        };
        match self.folder(folders)?.items.get(name)? {
            Item::Document(info) => Some(info),
            Item::Folder(_) => None,
        }
    }

    /// Finds a folder by its names below the module.
    pub(super) fn folder(&self, names: &[String]) -> Option<&Arc<Folder>> {
        let mut node = &self.root;
        for name in names {
            node = node.children.get(name)?;
        }
        Some(&node.folder)
    }

    /// The module's folder has a version that only the store can give.
    pub(super) fn set_etag(&mut self, etag: &ETag) {
        if !self.root.folder.items.is_empty() {
            let folder = &mut Arc::make_mut(&mut self.root).folder;
            let held = self.fence.as_ref().map(|fence| fence.held.clone());
            Arc::make_mut(folder).version = held.unwrap_or_else(|| version::of_head(etag));
        }
    }

    /// Decides a write's condition.
    pub(super) fn check(
        &self,
        names: &[String],
        condition: &WriteCondition,
    ) -> Result<(), TreeError> {
        let current = self.document(names).map(|info| &info.version);
        let holds = match (condition, current) {
            (WriteCondition::None, _)
            | (WriteCondition::IfAbsent, None)
            | (WriteCondition::IfExists, Some(_)) => true,
            (WriteCondition::IfMatch(wanted), Some(current)) => wanted.contains(current),
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

    /// Refuses a document where a folder is, or below a document.
    pub(super) fn check_clash(
        &self,
        path: &DocumentPath,
        names: &[String],
    ) -> Result<(), TreeError> {
        let above = path.segments().len() - names.len();
        let taken = |count: usize, what: &str| {
            let name = path.segments()[..above + count].join("/");
            Err(TreeError::Conflict(format!(
                "there is a {what} \"/{name}\" already"
            )))
        };
        let Some((_, folders)) = names.split_last() else {
            return if self.root.folder.items.is_empty() {
                Ok(())
            } else {
                taken(0, "folder")
            };
        };
        if self.document.is_some() {
            return taken(0, "document");
        }
        let mut node = &self.root;
        for (at, name) in names.iter().enumerate() {
            match node.folder.items.get(name) {
                None => return Ok(()),
                Some(Item::Document(_)) if at < folders.len() => return taken(at + 1, "document"),
                Some(Item::Document(_)) => return Ok(()),
                Some(Item::Folder(_)) if at == folders.len() => return taken(at + 1, "folder"),
                Some(Item::Folder(_)) => {}
            }
            let Some(child) = node.children.get(name) else {
                return Ok(());
            };
            node = child;
        }
        Ok(())
    }

    /// Stores a document; clashes were ruled out before. Every folder above gets the version
    /// `commit`. Returns what was there.
    pub(super) fn insert(
        &mut self,
        names: &[String],
        info: DocumentInfo,
        commit: &Version,
    ) -> Option<DocumentInfo> {
        self.bytes = self.bytes.saturating_add(info.length);
        let old = if names.is_empty() {
            self.document.replace(info)
        } else {
            insert(Arc::make_mut(&mut self.root), names, info, commit)
        };
        self.bytes = self
            .bytes
            .saturating_sub(old.as_ref().map_or(0, |old| old.length));
        old
    }

    /// Removes a document and the folders it leaves empty. Every folder above that remains gets
    /// the version `commit`. Returns what was there.
    pub(super) fn remove(&mut self, names: &[String], commit: &Version) -> Option<DocumentInfo> {
        let old = if names.is_empty() {
            self.document.take()
        } else if self.document(names).is_some() {
            remove(Arc::make_mut(&mut self.root), names, commit)
        } else {
            None
        };
        self.bytes = self
            .bytes
            .saturating_sub(old.as_ref().map_or(0, |old| old.length));
        old
    }

    /// Visits all documents with their names below the module.
    pub(super) fn for_each(&self, visit: &mut impl FnMut(&[String], &DocumentInfo)) {
        if let Some(info) = &self.document {
            visit(&[], info);
        }
        walk(&self.root, &mut Vec::new(), visit);
    }
}

fn insert(
    node: &mut Node,
    names: &[String],
    info: DocumentInfo,
    commit: &Version,
) -> Option<DocumentInfo> {
    let (name, below) = names.split_first()?;
    let folder = Arc::make_mut(&mut node.folder);
    folder.version = commit.clone();
    if below.is_empty() {
        node.fragment = OnceLock::new();
        match folder.items.insert(name.clone(), Item::Document(info)) {
            Some(Item::Document(old)) => Some(old),
            _ => None,
        }
    } else {
        folder
            .items
            .insert(name.clone(), Item::Folder(commit.clone()));
        let child = node.children.entry(name.clone()).or_default();
        insert(Arc::make_mut(child), below, info, commit)
    }
}

fn remove(node: &mut Node, names: &[String], commit: &Version) -> Option<DocumentInfo> {
    let (name, below) = names.split_first()?;
    let folder = Arc::make_mut(&mut node.folder);
    folder.version = commit.clone();
    let old = if below.is_empty() {
        node.fragment = OnceLock::new();
        match folder.items.remove(name) {
            Some(Item::Document(old)) => Some(old),
            _ => None,
        }
    } else {
        let child = node.children.get_mut(name)?;
        let old = remove(Arc::make_mut(child), below, commit);
        if child.folder.items.is_empty() {
            node.children.remove(name);
            folder.items.remove(name);
        } else {
            folder
                .items
                .insert(name.clone(), Item::Folder(commit.clone()));
        }
        old
    };
    if folder.items.is_empty() {
        folder.version = version::empty();
    }
    old
}

fn walk(node: &Node, names: &mut Vec<String>, visit: &mut impl FnMut(&[String], &DocumentInfo)) {
    for (name, item) in &node.folder.items {
        names.push(name.clone());
        match item {
            Item::Document(info) => visit(names, info),
            Item::Folder(_) => {
                if let Some(child) = node.children.get(name) {
                    walk(child, names, visit);
                }
            }
        }
        names.pop();
    }
}
