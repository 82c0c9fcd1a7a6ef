//! Plans what has to be written so that messages are in their days' documents, wherever the archive is.

mod deletions;

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::{ArchiveMeta, Day};
use serde_json::Value;
use storage_adapter::{Change, DocumentPath, TreeError, Version, WriteCondition};

pub(super) use self::deletions::Deletion;
use super::day::{self, DayDocument, NoDay};
use super::day_store::{DayStore, Found};
use super::links::{Doubt, Side, neighbour};
use super::{Group, JSON, document};

/// The most documents per day.
const MAX_PARTS: u32 = 100;

/// What has to be written.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    /// Inconsistent findings. They may be real, or somebody is writing there right now and the server exposes that. The
    /// local storage never does.
    pub(super) doubts: Vec<Doubt>,
}

/// A day being edited.
struct Draft {
    path: DocumentPath,
    document: DayDocument,
    condition: WriteCondition,
    changed: bool,
}

/// Adds to a plan what has to be written for one archive.
pub(crate) async fn plan<P: DayStore>(
    place: &P,
    group: &Group,
    plan: &mut Plan,
) -> Result<(), P::Error> {
    let mut drafts: BTreeMap<Day, Draft> = BTreeMap::new();
    let mut new_days = Vec::new();
    for (&day, messages) in &group.days {
        let mut draft = open_day(place, group, day, plan).await?;
        if draft.document.merge(messages) == 0 {
            if !group.deletions.is_empty() {
                drafts.insert(day, draft);
            }
            continue;
        }
        draft.changed = true;
        if draft.condition == WriteCondition::IfAbsent {
            new_days.push(day);
        }
        drafts.insert(day, draft);
    }
    if !new_days.is_empty() {
        link_days(place, group, &new_days, &mut drafts, plan).await?;
    }
    if !group.deletions.is_empty() {
        deletions::apply(place, group, &mut drafts, plan).await?;
    }
    plan.changes.extend(
        drafts
            .into_values()
            .filter(|draft| draft.changed)
            .map(|draft| Change::Put {
                path: draft.path,
                content_type: JSON.to_owned(),
                body: Bytes::from(draft.document.to_bytes()),
                condition: draft.condition,
            }),
    );
    Ok(())
}

async fn new_day<P: DayStore>(place: &P, group: &Group, day: Day) -> Result<DayDocument, P::Error> {
    let scheme = place.scheme(&group.connection).await?;
    let (server, target) = (&group.server, &group.target);
    Ok(DayDocument::new(server, target, day, scheme.as_deref()))
}

/// Reads a day, or starts a new one; moves aside a document that is not an archive.
async fn open_day<P: DayStore>(
    place: &P,
    group: &Group,
    day: Day,
    plan: &mut Plan,
) -> Result<Draft, P::Error> {
    for part in 1..=MAX_PARTS {
        let path = group.day_path(day, part)?;
        let (document, condition) = match place.find(&path).await? {
            Found::TooLarge => continue,
            Found::Absent => (new_day(place, group, day).await?, WriteCondition::IfAbsent),
            Found::Here(bytes, content_type, version) => {
                let document = match DayDocument::parse(&bytes) {
                    Ok(document) => document,
                    Err(NoDay::TooLarge) => continue,
                    Err(NoDay::Other) => {
                        plan.move_aside(&path, bytes, content_type, &version)?;
                        new_day(place, group, day).await?
                    }
                };
                (document, WriteCondition::IfMatch(vec![version]))
            }
        };
        return Ok(Draft {
            path,
            document,
            condition,
            changed: false,
        });
    }
    Err(TreeError::Conflict(format!("the archive of {day} is full")).into())
}

/// Links new days with the previous and next day, and keeps `meta` up to date.
async fn link_days<P: DayStore>(
    place: &P,
    group: &Group,
    new_days: &[Day],
    drafts: &mut BTreeMap<Day, Draft>,
    plan: &mut Plan,
) -> Result<(), P::Error> {
    let path = group.path(&["meta"])?;
    // Read before the folders: anyone who adds a first or last day from now on changes it.
    let meta = place.find(&path).await?;
    for &day in new_days {
        for (side, own, theirs) in [
            (Side::Before, "previous", "next"),
            (Side::After, "next", "previous"),
        ] {
            let stored = neighbour(place, &group.folder, day, side, &mut plan.doubts).await?;
            let planned = match side {
                Side::Before => drafts.range(..day).next_back(),
                Side::After => drafts.range(day..).find(|(other, _)| **other != day),
            };
            let planned = planned.map(|(day, _)| *day);
            let nearest = match side {
                Side::Before => stored.max(planned),
                Side::After => stored.into_iter().chain(planned).min(),
            };
            let Some(nearest) = nearest else { continue };
            if let Some(draft) = drafts.get_mut(&day) {
                draft.document.link(own, nearest);
            }
            if !drafts.contains_key(&nearest)
                && let Some(draft) = existing_day(place, group, nearest, plan).await?
            {
                drafts.insert(nearest, draft);
            }
            if let Some(draft) = drafts.get_mut(&nearest) {
                draft.changed |= draft.document.link(theirs, day);
            }
        }
    }
    if matches!(meta, Found::Absent) {
        // A new archive is empty.
        let begins = Doubt::Empty(group.folder.clone());
        plan.doubts.retain(|doubt| *doubt != begins);
    }
    plan_meta(place, group, new_days, (path, meta), plan).await
}

/// Opens a day that is there, to link it or to empty an entry; others are left alone.
async fn existing_day<P: DayStore>(
    place: &P,
    group: &Group,
    day: Day,
    plan: &mut Plan,
) -> Result<Option<Draft>, P::Error> {
    let path = group.day_path(day, 1)?;
    let (bytes, version) = match place.find(&path).await? {
        Found::Here(bytes, _, version) => (bytes, version),
        Found::TooLarge => return Ok(None),
        Found::Absent => {
            plan.doubts.push(Doubt::Missing(day));
            return Ok(None);
        }
    };
    let document = match DayDocument::parse(&bytes) {
        Ok(document) => document,
        Err(NoDay::TooLarge) => return Ok(None),
        Err(NoDay::Other) => {
            plan.doubts.push(Doubt::NoArchive(path, version));
            return Ok(None);
        }
    };
    Ok(Some(Draft {
        path,
        document,
        condition: WriteCondition::IfMatch(vec![version]),
        changed: false,
    }))
}

async fn plan_meta<P: DayStore>(
    place: &P,
    group: &Group,
    new_days: &[Day],
    (path, found): (DocumentPath, Found),
    plan: &mut Plan,
) -> Result<(), P::Error> {
    let (Some(&first), Some(&last)) = (new_days.first(), new_days.last()) else {
        return Ok(());
    };
    let (meta, condition) = match found {
        Found::TooLarge => return Ok(()),
        Found::Absent => (None, WriteCondition::IfAbsent),
        Found::Here(bytes, content_type, version) => {
            let meta = match day::read(&bytes) {
                Ok(Value::Object(meta)) => Some(meta),
                Err(NoDay::TooLarge) => return Ok(()),
                _ => None,
            };
            if meta.is_none() {
                plan.move_aside(&path, bytes, content_type, &version)?;
            }
            (meta, WriteCondition::IfMatch(vec![version]))
        }
    };
    let known = |key: &str| meta.as_ref()?.get(key)?.as_str()?.parse::<Day>().ok();
    let (known_first, known_last) = match (known("first"), known("last")) {
        (Some(first), Some(last)) => (first, last),
        // Written by another program, or before this document existed: search for the first and last day.
        _ => {
            let (folder, doubts) = (&group.folder, &mut plan.doubts);
            let before = neighbour(place, folder, first, Side::Before, doubts).await?;
            let after = neighbour(place, folder, last, Side::After, doubts).await?;
            (before.unwrap_or(first), after.unwrap_or(last))
        }
    };
    let mut fresh = ArchiveMeta::new(&group.server, &group.target, first);
    fresh.first = first.min(known_first);
    fresh.last = last.max(known_last);
    let Ok(Value::Object(fresh)) = serde_json::to_value(&fresh) else {
        return Ok(());
    };
    // Preserve additions by other programs.
    let mut updated = meta.clone().unwrap_or_default();
    for (key, value) in fresh {
        if matches!(key.as_str(), "first" | "last") || !updated.contains_key(&key) {
            updated.insert(key, value);
        }
    }
    if meta.as_ref() != Some(&updated) {
        plan.changes.push(Change::Put {
            path,
            content_type: JSON.to_owned(),
            body: Bytes::from(serde_json::to_vec(&updated).unwrap_or_default()),
            condition,
        });
    }
    Ok(())
}

impl Plan {
    /// Keeps a document that is not an archive alongside, under another name.
    fn move_aside(
        &mut self,
        path: &DocumentPath,
        body: Bytes,
        content_type: String,
        version: &Version,
    ) -> Result<(), TreeError> {
        let mut segments = path.segments().to_vec();
        if let Some(name) = segments.last_mut() {
            name.push_str(".damaged-");
            name.extend(version.0.chars().filter(char::is_ascii_alphanumeric));
        }
        self.doubts
            .push(Doubt::NoArchive(path.clone(), version.clone()));
        self.changes.push(Change::Put {
            path: document(segments)?,
            content_type,
            body,
            condition: WriteCondition::None,
        });
        Ok(())
    }
}
