//! The content of a folder, in memory: items, or ranges of them with one page each.
//!
//! Tables are immutable and shared by commits. A part may be in a page that was not read yet: a lookup gets the pages
//! that were read, and returns which ones are missing.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::types::{DocumentInfo, Item, Version};
use super::version;

/// The name of a page, an immutable object.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct PageId(pub(super) String);

/// The content of a folder, or a part of it.
#[derive(Clone, Debug)]
pub(super) enum Table {
    /// All items.
    Items(BTreeMap<String, Entry>),
    /// Each part's key is not after its own names and after all names of the previous part; names before the first key
    /// belong to the first part.
    Ranges(BTreeMap<String, Child>),
}

/// One item of a folder.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Document(DocumentInfo),
    Folder { version: Version, below: Child },
}

/// A table below another one.
#[derive(Clone, Debug)]
pub(super) enum Child {
    Here(Arc<Table>),
    Page(PageId),
}

/// Pages that were read.
pub(super) type Loaded = HashMap<PageId, Arc<Table>>;

/// These pages have to be read first.
#[derive(Debug)]
pub(super) struct Missing(pub(super) Vec<PageId>);

/// The state of a path.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The document.
    pub(super) document: Option<DocumentInfo>,
    /// Why there cannot be a document.
    pub(super) clash: Option<Clash>,
}

/// A document above it, or a folder in the same place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clash {
    /// The number of names below the module that lead there.
    pub(super) depth: usize,
    /// "document" or "folder".
    pub(super) what: &'static str,
}

impl Default for Table {
    fn default() -> Self {
        Self::Items(BTreeMap::new())
    }
}

impl Child {
    /// Returns the table if it is in memory.
    pub(super) fn table<'a>(&'a self, loaded: &'a Loaded) -> Result<&'a Arc<Table>, Missing> {
        match self {
            Self::Here(table) => Ok(table),
            Self::Page(id) => loaded.get(id).ok_or_else(|| Missing(vec![id.clone()])),
        }
    }

    /// Returns the table for a change: it is no longer in its page from now on.
    fn open(&mut self, loaded: &Loaded) -> Option<&mut Table> {
        if let Self::Page(id) = self {
            *self = Self::Here(Arc::clone(loaded.get(id)?));
        }
        match self {
            Self::Here(table) => Some(Arc::make_mut(table)),
            Self::Page(_) => None,
        }
    }
}

impl Child {
    fn walk(
        &self,
        loaded: &Loaded,
        missing: &mut Vec<PageId>,
        names: &mut Vec<String>,
        visit: &mut impl FnMut(&[String], Seen<'_>),
    ) {
        if let Self::Page(id) = self {
            visit(names, Seen::Page(id));
        }
        match self.table(loaded) {
            Ok(table) => table.walk(loaded, missing, names, visit),
            Err(Missing(more)) => missing.extend(more),
        }
    }
}

impl Table {
    /// Whether it is empty. (Parts in pages are never empty.)
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Items(items) => items.is_empty(),
            Self::Ranges(parts) => parts.is_empty(),
        }
    }

    /// Returns the items that contain the name, or would.
    fn part<'a>(
        &'a self,
        name: &str,
        loaded: &'a Loaded,
    ) -> Result<&'a BTreeMap<String, Entry>, Missing> {
        static NOTHING: BTreeMap<String, Entry> = BTreeMap::new();
        let mut table = self;
        loop {
            match table {
                Self::Items(items) => return Ok(items),
                Self::Ranges(parts) => match part_of(parts, name) {
                    Some((_, child)) => table = child.table(loaded)?,
                    None => return Ok(&NOTHING),
                },
            }
        }
    }

    /// Returns the state of a path, which has at least one name.
    pub(super) fn state(&self, names: &[String], loaded: &Loaded) -> Result<State, Missing> {
        let mut table = self;
        for (at, name) in names.iter().enumerate() {
            let depth = at + 1;
            let is_last = depth == names.len();
            match table.part(name, loaded)?.get(name) {
                None => break,
                Some(Entry::Document(info)) => {
                    let what = "document";
                    return Ok(State {
                        document: is_last.then(|| info.clone()),
                        clash: (!is_last).then_some(Clash { depth, what }),
                    });
                }
                Some(Entry::Folder { .. }) if is_last => {
                    let what = "folder";
                    return Ok(State {
                        document: None,
                        clash: Some(Clash { depth, what }),
                    });
                }
                Some(Entry::Folder { below, .. }) => table = below.table(loaded)?,
            }
        }
        Ok(State::default())
    }

    /// Finds a folder and its version; the path has at least one name.
    pub(super) fn folder<'a>(
        &'a self,
        names: &[String],
        loaded: &'a Loaded,
    ) -> Result<Option<(&'a Version, &'a Child)>, Missing> {
        let mut table = self;
        let mut found = None;
        for (at, name) in names.iter().enumerate() {
            match table.part(name, loaded)?.get(name) {
                Some(Entry::Folder { version, below }) => {
                    found = Some((version, below));
                    if at + 1 < names.len() {
                        table = below.table(loaded)?;
                    }
                }
                _ => return Ok(None),
            }
        }
        Ok(found)
    }

    /// Lists the items; requests all missing pages of a level at once.
    pub(super) fn list(&self, loaded: &Loaded) -> Result<BTreeMap<String, Item>, Missing> {
        let mut items = BTreeMap::new();
        let mut missing = Vec::new();
        self.each_part(loaded, &mut missing, &mut |part| {
            items.extend(part.iter().map(|(name, entry)| {
                let item = match entry {
                    Entry::Document(info) => Item::Document(info.clone()),
                    Entry::Folder { version, .. } => Item::Folder(version.clone()),
                };
                (name.clone(), item)
            }));
        });
        all_loaded(missing)?;
        Ok(items)
    }

    fn each_part(
        &self,
        loaded: &Loaded,
        missing: &mut Vec<PageId>,
        visit: &mut impl FnMut(&BTreeMap<String, Entry>),
    ) {
        match self {
            Self::Items(items) => visit(items),
            Self::Ranges(parts) => {
                for child in parts.values() {
                    match child.table(loaded) {
                        Ok(table) => table.each_part(loaded, missing, visit),
                        Err(Missing(more)) => missing.extend(more),
                    }
                }
            }
        }
    }

    /// Visits all documents with their names below, and all pages; missing pages are skipped.
    pub(super) fn walk(
        &self,
        loaded: &Loaded,
        missing: &mut Vec<PageId>,
        names: &mut Vec<String>,
        visit: &mut impl FnMut(&[String], Seen<'_>),
    ) {
        match self {
            Self::Items(items) => {
                for (name, entry) in items {
                    names.push(name.clone());
                    match entry {
                        Entry::Document(info) => visit(names, Seen::Document(info)),
                        Entry::Folder { below, .. } => below.walk(loaded, missing, names, visit),
                    }
                    names.pop();
                }
            }
            Self::Ranges(parts) => {
                for child in parts.values() {
                    child.walk(loaded, missing, names, visit);
                }
            }
        }
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
        let (name, rest) = names.split_first()?;
        match self {
            Self::Ranges(parts) => {
                let child = part_of_mut(parts, name)?;
                child.open(loaded)?.insert(names, info, commit, loaded)
            }
            Self::Items(items) if rest.is_empty() => {
                match items.insert(name.clone(), Entry::Document(info)) {
                    Some(Entry::Document(old)) => Some(old),
                    _ => None,
                }
            }
            Self::Items(items) => {
                let new = || Entry::Folder {
                    version: version::empty(),
                    below: Child::Here(Arc::default()),
                };
                match items.entry(name.clone()).or_insert_with(new) {
                    Entry::Folder { version, below } => {
                        *version = commit.clone();
                        below.open(loaded)?.insert(rest, info, commit, loaded)
                    }
                    Entry::Document(_) => None,
                }
            }
        }
    }

    /// Removes an existing document and the folders that become empty; all pages of the path must have been read. Every
    /// remaining folder above gets the version `commit`.
    pub(super) fn remove(
        &mut self,
        names: &[String],
        commit: &Version,
        loaded: &Loaded,
    ) -> Option<DocumentInfo> {
        let (name, rest) = names.split_first()?;
        let old = match self {
            Self::Ranges(parts) => {
                let from = part_of(parts, name)?.0.clone();
                let table = parts.get_mut(&from)?.open(loaded)?;
                let old = table.remove(names, commit, loaded);
                if table.is_empty() {
                    parts.remove(&from);
                }
                old
            }
            Self::Items(items) if rest.is_empty() => match items.remove(name)? {
                Entry::Document(old) => Some(old),
                Entry::Folder { .. } => None,
            },
            Self::Items(items) => {
                let Entry::Folder { version, below } = items.get_mut(name)? else {
                    return None;
                };
                *version = commit.clone();
                let table = below.open(loaded)?;
                let old = table.remove(rest, commit, loaded);
                if table.is_empty() {
                    items.remove(name);
                }
                old
            }
        };
        if self.is_empty() {
            *self = Self::default();
        }
        old
    }

    /// Requests the neighbours of small parts on the path of a document that is to be deleted, so that they can be
    /// joined.
    pub(super) fn neighbours(
        &self,
        names: &[String],
        loaded: &Loaded,
        is_small: &impl Fn(&Self) -> bool,
        missing: &mut Vec<PageId>,
    ) {
        let Some((name, rest)) = names.split_first() else {
            return;
        };
        match self {
            Self::Ranges(parts) => {
                let Some((from, child)) = part_of(parts, name) else {
                    return;
                };
                let Ok(table) = child.table(loaded) else {
                    return;
                };
                if is_small(table) {
                    let after = (Bound::Excluded(from.as_str()), Bound::Unbounded);
                    let before = (Bound::Unbounded, Bound::Excluded(from.as_str()));
                    let next = parts.range::<str, _>(after).next();
                    let next = next.or_else(|| parts.range::<str, _>(before).next_back());
                    if let Some(Err(Missing(more))) = next.map(|(_, child)| child.table(loaded)) {
                        missing.extend(more);
                    }
                }
                table.neighbours(names, loaded, is_small, missing);
            }
            Self::Items(items) => {
                if let Some(Entry::Folder { below, .. }) = items.get(name)
                    && let Ok(table) = below.table(loaded)
                {
                    table.neighbours(rest, loaded, is_small, missing);
                }
            }
        }
    }
}

/// An element of a walk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'a> {
    Document(&'a DocumentInfo),
    Page(&'a PageId),
}

fn part_of<'a>(parts: &'a BTreeMap<String, Child>, name: &str) -> Option<(&'a String, &'a Child)> {
    let upto = (Bound::Unbounded, Bound::Included(name));
    let found = parts.range::<str, _>(upto).next_back();
    found.or_else(|| parts.iter().next())
}

fn part_of_mut<'a>(parts: &'a mut BTreeMap<String, Child>, name: &str) -> Option<&'a mut Child> {
    let from = part_of(parts, name)?.0.clone();
    parts.get_mut(&from)
}

/// Nothing, or the pages to be read, without duplicates.
pub(super) fn all_loaded(mut missing: Vec<PageId>) -> Result<(), Missing> {
    if missing.is_empty() {
        return Ok(());
    }
    protocol::sort(&mut missing);
    missing.dedup();
    Err(Missing(missing))
}
