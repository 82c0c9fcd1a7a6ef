//! Folders as stored in heads and pages: flat, by path; described in `FORMAT.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::json::{DocumentJson, DocumentRef, damaged, json};
use super::table::{Child, Entry, PageId, Table};
use super::types::{TreeError, Version};

/// By path below the object's own folder, each with a trailing slash; "" for that folder.
pub(super) type FoldersJson = BTreeMap<String, FolderJson>;

#[derive(Deserialize)]
pub(super) struct FolderJson {
    #[serde(default)]
    version: String,
    #[serde(default)]
    documents: BTreeMap<String, DocumentJson>,
    page: Option<String>,
    ranges: Option<BTreeMap<String, String>>,
}

/// Whether a part of the table is in a page.
pub(super) fn is_paged(table: &Table) -> bool {
    match table {
        Table::Ranges(_) => true,
        Table::Items(items) => items.values().any(|entry| match entry {
            Entry::Document(_) => false,
            Entry::Folder { below, .. } => match below {
                Child::Page(_) => true,
                Child::Here(table) => is_paged(table),
            },
        }),
    }
}

/// Writes a table and everything below it.
pub(super) fn write(out: &mut Vec<u8>, table: &Table) {
    out.extend_from_slice(b"{\"\":{");
    write_own(out, table);
    out.push(b'}');
    write_below(out, table, &mut String::new());
    out.push(b'}');
}

fn write_own(out: &mut Vec<u8>, table: &Table) {
    let mut is_first = true;
    let mut separate = |out: &mut Vec<u8>| {
        out.extend_from_slice(if is_first { b"\n" } else { b",\n" });
        is_first = false;
    };
    match table {
        Table::Items(items) => {
            out.extend_from_slice(b"\"documents\":{");
            for (name, entry) in items {
                if let Entry::Document(info) = entry {
                    separate(out);
                    json(out, name);
                    out.push(b':');
                    json(out, &DocumentRef::from(info));
                }
            }
        }
        Table::Ranges(parts) => {
            out.extend_from_slice(b"\"ranges\":{");
            for (from, child) in parts {
                // All parts were put into pages before.
                if let Child::Page(id) = child {
                    separate(out);
                    json(out, from);
                    out.push(b':');
                    json(out, &id.0);
                }
            }
        }
    }
    out.push(b'}');
}

fn write_below(out: &mut Vec<u8>, table: &Table, path: &mut String) {
    let Table::Items(items) = table else {
        return;
    };
    for (name, entry) in items {
        let Entry::Folder { version, below } = entry else {
            continue;
        };
        let length = path.len();
        path.push_str(name);
        path.push('/');
        out.extend_from_slice(b",\n");
        json(out, path.as_str());
        out.extend_from_slice(b":{\"version\":");
        json(out, &version.0);
        out.push(b',');
        match below {
            Child::Page(id) => {
                out.extend_from_slice(b"\"page\":");
                json(out, &id.0);
                out.push(b'}');
            }
            Child::Here(table) => {
                write_own(out, table);
                out.push(b'}');
                write_below(out, table, path);
            }
        }
        path.truncate(length);
    }
}

/// Reads a table.
pub(super) fn read(key: &str, folders: FoldersJson) -> Result<Table, TreeError> {
    let mut root = Building::default();
    for (path, folder) in folders {
        let mut at = &mut root;
        for name in path.split_terminator('/') {
            at = at.children.entry(name.to_owned()).or_default();
        }
        at.folder = Some(folder);
    }
    match root.finish(key)? {
        (_, Child::Here(table)) => Ok(Arc::unwrap_or_clone(table)),
        (_, Child::Page(_)) => Err(damaged(key, "its own folder is in another page")),
    }
}

#[derive(Default)]
struct Building {
    folder: Option<FolderJson>,
    children: BTreeMap<String, Self>,
}

impl Building {
    fn finish(self, key: &str) -> Result<(Version, Child), TreeError> {
        let (version, documents, page, ranges) = match self.folder {
            Some(folder) => (folder.version, folder.documents, folder.page, folder.ranges),
            None => Default::default(),
        };
        let version = Version(version);
        if page.is_some() || ranges.is_some() {
            let alone = documents.is_empty() && self.children.is_empty();
            return match (page, ranges) {
                (Some(id), None) if alone => Ok((version, Child::Page(PageId(id)))),
                (None, Some(ranges)) if alone && !ranges.is_empty() => {
                    let ranges = ranges.into_iter();
                    let ranges = ranges.map(|(from, id)| (from, Child::Page(PageId(id))));
                    let table = Table::Ranges(ranges.collect());
                    Ok((version, Child::Here(Arc::new(table))))
                }
                _ => Err(damaged(key, "a folder is in a page and here")),
            };
        }
        let documents = documents.into_iter();
        let mut items: BTreeMap<String, Entry> = documents
            .map(|(name, json)| (name, Entry::Document(json.into())))
            .collect();
        for (name, child) in self.children {
            let (version, below) = child.finish(key)?;
            if matches!(&below, Child::Here(table) if table.is_empty()) {
                return Err(damaged(key, format!("the folder \"{name}\" is empty")));
            }
            let folder = Entry::Folder { version, below };
            if items.insert(name.clone(), folder).is_some() {
                return Err(damaged(
                    key,
                    format!("\"{name}\" is a document and a folder"),
                ));
            }
        }
        Ok((version, Child::Here(Arc::new(Table::Items(items)))))
    }
}
