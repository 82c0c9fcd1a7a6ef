//! Divides a module's index into pages: small immutable objects.
//!
//! A commit has opened the pages on the paths of its documents; what it changed is stored again here, bottom-up. A
//! table that is too large moves its largest folders into separate pages; if that is not enough, it becomes ranges of
//! names, one page each. A folder that fits into the table above stays there, so recent changes are near the head.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::folders;
use super::table::{Child, Entry, Loaded, PageId, Table};

/// Folders smaller than the limit divided by this do not get a separate page.
const MIN_SHARE: usize = 8;
/// Parts smaller than the limit divided by this are joined with a neighbour.
const SMALL_SHARE: usize = 4;
/// A table with fewer parts than this is not divided: it would not get smaller.
const MIN_PARTS: usize = 4;

/// The approximate size of something within an object.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) bytes: usize,
    /// Folders in it: each has its path from the object's own folder.
    folders: usize,
}

/// The pages of one commit.
pub(super) struct Packer<'a> {
    /// The approximate limit of a page, in bytes.
    pub(super) bound: usize,
    pub(super) loaded: &'a Loaded,
    pub(super) new_id: &'a dyn Fn() -> PageId,
    /// What has to be stored before the head.
    pub(super) pages: Vec<(PageId, Arc<Table>)>,
}

/// Whether a table of this size would be joined with a neighbour.
pub(super) const fn is_small(size: Size, bound: usize) -> bool {
    size.bytes < bound / SMALL_SHARE
}

/// Measures a table, without what is in pages.
pub(super) fn size(table: &Table) -> Size {
    let mut sum = Size::default();
    match table {
        Table::Items(items) => items
            .iter()
            .for_each(|(name, entry)| sum.add(entry_size(name, entry))),
        Table::Ranges(parts) => sum.bytes = parts.keys().map(|from| from.len() + 35).sum(),
    }
    sum
}

fn entry_size(name: &str, entry: &Entry) -> Size {
    match entry {
        // As serialised in JSON: punctuation and field names.
        Entry::Document(info) => Size {
            bytes: name.len() + info.version.0.len() + info.content_type.len() + 75,
            folders: 0,
        },
        Entry::Folder { below, .. } => folder_size(name, below),
    }
}

fn folder_size(name: &str, below: &Child) -> Size {
    let inner = match below {
        Child::Here(table) => size(table),
        Child::Page(_) => Size::default(),
    };
    Size {
        bytes: inner.bytes + 100 + (inner.folders + 1) * (name.len() + 1),
        folders: inner.folders + 1,
    }
}

impl Size {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.folders += other.folders;
    }
}

impl Packer<'_> {
    /// Makes a head small enough: up to this limit if it contains everything, else up to the limit of a page.
    pub(super) fn head(&mut self, root: &mut Arc<Table>, alone: usize) {
        if folders::is_paged(root) || size(root).bytes > alone {
            let table = std::mem::take(Arc::make_mut(root));
            *root = Arc::new(self.fit(table));
        }
    }

    /// Makes a table small enough to stay where it is.
    pub(super) fn fit(&mut self, table: Table) -> Table {
        let (mut table, mut bytes) = self.pack(table);
        while bytes > self.bound && can_split(&table) {
            let mut parts = self.split(table, bytes, true);
            if let Some((first, _)) = parts.first_mut() {
                first.clear();
            }
            table = Table::Ranges(self.put_away(parts));
            bytes = size(&table).bytes;
        }
        table
    }

    fn fit_child(&mut self, child: &mut Child) {
        if let Child::Here(table) = child {
            let fitting = self.fit(std::mem::take(Arc::make_mut(table)));
            *table = Arc::new(fitting);
        }
    }

    /// Moves everything below a table into pages; the table itself may still be too large.
    fn pack(&mut self, table: Table) -> (Table, usize) {
        let table = match table {
            Table::Items(mut items) => {
                self.pack_items(&mut items);
                Table::Items(items)
            }
            Table::Ranges(parts) => self.pack_ranges(parts),
        };
        let bytes = size(&table).bytes;
        (table, bytes)
    }

    fn pack_items(&mut self, items: &mut BTreeMap<String, Entry>) {
        let mut total = 0;
        let mut large = Vec::new();
        for (name, entry) in items.iter_mut() {
            if let Entry::Folder { below, .. } = entry {
                self.fit_child(below);
            }
            let bytes = entry_size(name, entry).bytes;
            total += bytes;
            if let Entry::Folder {
                below: Child::Here(_),
                ..
            } = entry
                && bytes >= self.bound / MIN_SHARE
            {
                large.push((bytes, name.clone()));
            }
        }
        if total <= self.bound {
            return;
        }
        protocol::sort_by(&mut large, |a, b| b.cmp(a));
        for (bytes, name) in large {
            // Half full, like a divided part, so that not every commit has to do this.
            if total <= self.bound / 2 {
                break;
            }
            if let Some(Entry::Folder { below, .. }) = items.get_mut(&name)
                && let Child::Here(table) = below
            {
                *below = Child::Page(self.page(Arc::clone(table)));
                total = total - bytes + folder_size(&name, below).bytes;
            }
        }
    }

    fn pack_ranges(&mut self, parts: BTreeMap<String, Child>) -> Table {
        let mut packed: Vec<(String, Child, usize)> = Vec::with_capacity(parts.len());
        for (from, child) in parts {
            match child {
                Child::Page(_) => packed.push((from, child, 0)),
                Child::Here(table) => {
                    let (table, bytes) = self.pack(Arc::unwrap_or_clone(table));
                    if !table.is_empty() {
                        packed.push((from, Child::Here(Arc::new(table)), bytes));
                    }
                }
            }
        }
        self.join_small(&mut packed);
        // A single part that is here needs no page.
        if let [(_, Child::Here(_), _)] = packed.as_slice()
            && let Some((_, Child::Here(table), _)) = packed.pop()
        {
            return Arc::unwrap_or_clone(table);
        }
        let last = packed.len().saturating_sub(1);
        let mut ranges = BTreeMap::new();
        for (at, (from, child, bytes)) in packed.into_iter().enumerate() {
            let from = if at == 0 { String::new() } else { from };
            let table = match child {
                Child::Page(_) => {
                    ranges.insert(from, child);
                    continue;
                }
                Child::Here(table) => Arc::unwrap_or_clone(table),
            };
            if bytes > self.bound && can_split(&table) {
                let mut parts = self.split(table, bytes, at == last);
                if let Some((first, _)) = parts.first_mut() {
                    *first = from;
                }
                ranges.extend(self.put_away(parts));
            } else {
                ranges.insert(from, Child::Page(self.page(Arc::new(table))));
            }
        }
        if ranges.is_empty() {
            return Table::default();
        }
        Table::Ranges(ranges)
    }

    /// Joins small parts that are here with a loaded neighbour.
    fn join_small(&mut self, packed: &mut Vec<(String, Child, usize)>) {
        let mut at = 0;
        while at < packed.len() {
            let small = matches!(&packed[at], (_, Child::Here(_), bytes)
                if is_small(Size { bytes: *bytes, folders: 0 }, self.bound));
            let other = (at + 1 < packed.len()).then_some(at + 1);
            let others = other.into_iter().chain(at.checked_sub(1));
            let joined = small.then(|| {
                others.filter_map(|other| {
                    let (left, right) = (at.min(other), at.max(other));
                    let a = packed[left].1.table(self.loaded).ok()?;
                    let b = packed[right].1.table(self.loaded).ok()?;
                    Some((left, join(a, b)?))
                })
            });
            match joined.and_then(|mut joined| joined.next()) {
                Some((left, table)) => {
                    let (table, bytes) = self.pack(table);
                    packed[left].1 = Child::Here(Arc::new(table));
                    packed[left].2 = bytes;
                    packed.remove(left + 1);
                    at = left;
                }
                None => at += 1,
            }
        }
    }

    /// Divides a table that is too large. Names often grow in order, so the last part of a folder is left nearly full.
    fn split(&self, table: Table, bytes: usize, is_last: bool) -> Vec<(String, Table)> {
        let full = self.bound - self.bound / 8;
        let share = if is_last || bytes > 2 * self.bound {
            full.min(bytes - bytes / 8)
        } else {
            bytes / 2
        };
        match table {
            Table::Items(items) => {
                let sized = items
                    .into_iter()
                    .map(|(name, entry)| (entry_size(&name, &entry).bytes, name, entry));
                chunks(sized, share, 1, Table::Items)
            }
            Table::Ranges(parts) => {
                let sized = parts
                    .into_iter()
                    .map(|(from, child)| (from.len() + 35, from, child));
                chunks(sized, share, 2, Table::Ranges)
            }
        }
    }

    fn put_away(&mut self, parts: Vec<(String, Table)>) -> BTreeMap<String, Child> {
        parts
            .into_iter()
            .map(|(from, table)| (from, Child::Page(self.page(Arc::new(table)))))
            .collect()
    }

    fn page(&mut self, table: Arc<Table>) -> PageId {
        let id = (self.new_id)();
        self.pages.push((id.clone(), table));
        id
    }
}

fn can_split(table: &Table) -> bool {
    match table {
        Table::Items(items) => items.len() > 1,
        Table::Ranges(parts) => parts.len() >= MIN_PARTS,
    }
}

fn join(a: &Table, b: &Table) -> Option<Table> {
    match (a, b) {
        (Table::Items(a), Table::Items(b)) => {
            let (a, b) = (a.clone(), b.clone());
            Some(Table::Items(a.into_iter().chain(b).collect()))
        }
        _ => None,
    }
}

/// Divides into two or more parts of about this size, each with at least `least` entries.
fn chunks<T>(
    sized: impl Iterator<Item = (usize, String, T)>,
    share: usize,
    least: usize,
    make: impl Fn(BTreeMap<String, T>) -> Table,
) -> Vec<(String, Table)> {
    let mut all: Vec<(usize, String, T)> = sized.collect();
    let mut starts = vec![0];
    let (mut sum, mut count) = (0, 0);
    for (at, (bytes, ..)) in all.iter().enumerate() {
        let rest = all.len() - at;
        if count >= least && rest >= least && sum + bytes > share {
            starts.push(at);
            (sum, count) = (0, 0);
        }
        sum += bytes;
        count += 1;
    }
    if starts.len() == 1 && all.len() >= 2 * least {
        starts.push(all.len() - least);
    }
    let mut parts = Vec::with_capacity(starts.len());
    for start in starts.into_iter().rev() {
        let part = all.split_off(start);
        let from = part.first().map(|(_, name, _)| name.clone());
        let entries = part.into_iter().map(|(_, name, entry)| (name, entry));
        parts.push((from.unwrap_or_default(), make(entries.collect())));
    }
    parts.reverse();
    parts
}
