//! The tree as a simple, sequential model.

use std::collections::BTreeMap;

use storage_adapter::{Version, WriteCondition};

use super::linear::Model;

/// A requested write.
#[derive(Clone, Debug)]
pub struct Write {
    pub path: &'static str,
    /// `None` deletes.
    pub bytes: Option<Vec<u8>>,
    pub condition: WriteCondition,
}

#[derive(Clone, Debug)]
pub enum Asked {
    Write(Vec<Write>, Option<u64>),
    Read(&'static str),
    List(&'static str),
}

/// The tree's result, as far as a model covers it.
#[derive(Clone, Debug)]
pub enum Said {
    /// For each write the version written or deleted, and whether it was created.
    Written(Vec<(Version, bool)>),
    Refused(Refusal),
    Read(Option<(Version, Vec<u8>)>),
    /// The folder's version, its documents' and folders' versions.
    Listed(Version, BTreeMap<String, (Version, bool)>),
    /// Unknown.
    Nothing,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    NotFound,
    Precondition(Option<Version>),
    Conflict,
    Quota,
}

pub type Op = (Asked, Said);

/// The sequential tree. Versions of documents are those that the tree returned; a folder's is known only once a listing
/// has shown it, and must then stay until something below changes.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Sequential {
    documents: BTreeMap<String, (Option<Version>, Vec<u8>)>,
    folders: BTreeMap<String, Version>,
}

impl Sequential {
    fn used(&self) -> u64 {
        self.documents
            .values()
            .map(|(_, bytes)| bytes.len() as u64)
            .sum()
    }

    fn refuse(&self, write: &Write) -> Option<Refusal> {
        let current = self
            .documents
            .get(write.path)
            .map(|(version, _)| version.clone());
        let precondition = || Some(Refusal::Precondition(current.clone().flatten()));
        match (&write.condition, &current) {
            (WriteCondition::IfAbsent, Some(_))
            | (WriteCondition::IfExists | WriteCondition::IfMatch(_), None) => {
                return precondition();
            }
            (WriteCondition::IfMatch(wanted), Some(Some(version))) if !wanted.contains(version) => {
                return precondition();
            }
            (WriteCondition::IfNoneOf(unwanted), Some(Some(version)))
                if unwanted.contains(version) =>
            {
                return precondition();
            }
            // A version that nobody was given cannot have been requested.
            (WriteCondition::IfMatch(_), Some(None)) => return precondition(),
            _ => {}
        }
        if write.bytes.is_none() {
            return current.is_none().then_some(Refusal::NotFound);
        }
        let below = format!("{}/", write.path);
        let is_folder = self.documents.keys().any(|path| path.starts_with(&below));
        let below_document = self
            .documents
            .keys()
            .any(|path| write.path.starts_with(&format!("{path}/")));
        (is_folder || below_document).then_some(Refusal::Conflict)
    }

    fn apply(&mut self, write: &Write, version: Option<Version>) {
        match &write.bytes {
            Some(bytes) => self
                .documents
                .insert(write.path.to_owned(), (version, bytes.clone())),
            None => self.documents.remove(write.path),
        };
        self.folders
            .retain(|folder, _| !write.path.starts_with(folder.as_str()));
    }

    fn items(&self, folder: &str) -> BTreeMap<String, bool> {
        let below = self
            .documents
            .keys()
            .filter_map(|path| path.strip_prefix(folder));
        below
            .map(|rest| match rest.split_once('/') {
                Some((name, _)) => (name.to_owned(), true),
                None => (rest.to_owned(), false),
            })
            .collect()
    }

    /// A folder without items has the version that all empty ones have.
    fn learn(&mut self, folder: String, version: &Version) -> bool {
        if (version.0 == "empty") != self.items(&folder).is_empty() {
            return false;
        }
        let known = self
            .folders
            .entry(folder)
            .or_insert_with(|| version.clone());
        known == version
    }

    fn write(&self, writes: &[Write], quota: Option<u64>, said: &Said) -> Option<Self> {
        let mut next = self.clone();
        for (at, write) in writes.iter().enumerate() {
            if let Some(refusal) = next.refuse(write) {
                return match said {
                    Said::Refused(said) if *said == refusal => Some(self.clone()),
                    Said::Refused(Refusal::Precondition(Some(version))) => {
                        // It may be known here for the first time.
                        let told = next
                            .documents
                            .get_mut(write.path)?
                            .0
                            .replace(version.clone());
                        let first = told.is_none() && refusal == Refusal::Precondition(None);
                        // Nothing that this commit wrote before stays.
                        let mut same = self.clone();
                        if let Some((known, _)) =
                            same.documents.get_mut(write.path).filter(|_| at == 0)
                        {
                            *known = Some(version.clone());
                        }
                        first.then_some(same)
                    }
                    // One with an unknown outcome was refused: then it did not happen.
                    Said::Nothing => Some(self.clone()),
                    _ => None,
                };
            }
            let version = match (said, &write.bytes) {
                (Said::Written(versions), Some(_)) => {
                    let (version, created) = versions.get(at)?;
                    if *created == next.documents.contains_key(write.path) {
                        return None;
                    }
                    Some(version.clone())
                }
                (Said::Written(versions), None) => {
                    let known = &next.documents.get(write.path)?.0;
                    if known.as_ref().is_some_and(|known| {
                        Some(known) != versions.get(at).map(|(version, _)| version)
                    }) {
                        return None;
                    }
                    None
                }
                _ => None,
            };
            next.apply(write, version);
        }
        let over = quota.is_some_and(|limit| next.used() > limit && next.used() > self.used());
        match (said, over) {
            (Said::Refused(Refusal::Quota), true) | (Said::Nothing, true) => Some(self.clone()),
            (Said::Written(_) | Said::Nothing, false) => Some(next),
            _ => None,
        }
    }
}

impl Model for Sequential {
    type Op = Op;

    fn step(&self, (asked, said): &Op) -> Option<Self> {
        let mut next = self.clone();
        match (asked, said) {
            (Asked::Write(writes, quota), said) => self.write(writes, *quota, said),
            (_, Said::Nothing) => Some(next),
            (Asked::Read(path), Said::Read(read)) => match (next.documents.get_mut(*path), read) {
                (None, None) => Some(next),
                (Some((known, bytes)), Some((version, read))) => {
                    let same =
                        known.get_or_insert_with(|| version.clone()) == version && bytes == read;
                    same.then_some(next)
                }
                _ => None,
            },
            (Asked::List(path), Said::Listed(version, items)) => {
                let expected = next.items(path);
                let found: BTreeMap<_, _> = items
                    .iter()
                    .map(|(name, (_, folder))| (name.clone(), *folder))
                    .collect();
                if expected != found || !next.learn((*path).to_owned(), version) {
                    return None;
                }
                for (name, (version, is_folder)) in items {
                    let same = if *is_folder {
                        next.learn(format!("{path}{name}/"), version)
                    } else {
                        let (known, _) = next.documents.get_mut(&format!("{path}{name}"))?;
                        known.get_or_insert_with(|| version.clone()) == version
                    };
                    if !same {
                        return None;
                    }
                }
                Some(next)
            }
            _ => None,
        }
    }
}
