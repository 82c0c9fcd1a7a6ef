//! What has to be written so that messages are in their days' documents, wherever the archive is.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{ArchiveMeta, Day};
use serde_json::{Map, Value};
use storage_adapter::{Change, DocumentPath, TreeError, Version, WriteCondition};

use super::archive::{Group, JSON, document};
use super::archive_day::DayDocument;
use super::archive_links::{Side, neighbour};
use super::archive_place::{Found, Place};

/// The most documents of one day.
const MAX_PARTS: u32 = 100;

/// A day that is being edited.
struct Draft {
    path: DocumentPath,
    document: DayDocument,
    condition: WriteCondition,
    changed: bool,
}

/// Adds to `changes` what has to be written for one archive.
pub(super) async fn plan<P: Place>(
    place: &P,
    group: &Group,
    changes: &mut Vec<Change>,
) -> Result<(), P::Error> {
    let mut drafts: BTreeMap<Day, Draft> = BTreeMap::new();
    let mut new_days = Vec::new();
    for (&day, messages) in &group.days {
        let mut draft = open_day(place, group, day, changes).await?;
        if draft.document.merge(messages) == 0 {
            continue;
        }
        draft.changed = true;
        if draft.condition == WriteCondition::IfAbsent {
            new_days.push(day);
        }
        drafts.insert(day, draft);
    }
    if !new_days.is_empty() {
        link_days(place, group, &new_days, &mut drafts, changes).await?;
    }
    changes.extend(
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

/// Reads a day, or begins it; moves aside what is no archive.
async fn open_day<P: Place>(
    place: &P,
    group: &Group,
    day: Day,
    changes: &mut Vec<Change>,
) -> Result<Draft, P::Error> {
    for part in 1..=MAX_PARTS {
        let path = group.day_path(day, part)?;
        let new = || DayDocument::new(&group.server, &group.target, day);
        let (document, condition) = match place.find(&path).await? {
            Found::TooLarge => continue,
            Found::Absent => (new(), WriteCondition::IfAbsent),
            Found::Here(bytes, content_type, version) => {
                let document = match DayDocument::parse(&bytes) {
                    Some(document) => document,
                    None => {
                        changes.push(aside(&path, bytes, content_type, &version)?);
                        new()
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
    Err(TreeError::Conflict(format!("the archive of {day} has no room left")).into())
}

/// Links new days with the days before and after, and keeps `meta` up to date.
async fn link_days<P: Place>(
    place: &P,
    group: &Group,
    new_days: &[Day],
    drafts: &mut BTreeMap<Day, Draft>,
    changes: &mut Vec<Change>,
) -> Result<(), P::Error> {
    for &day in new_days {
        for (side, own, theirs) in [
            (Side::Before, "previous", "next"),
            (Side::After, "next", "previous"),
        ] {
            let stored = neighbour(place, &group.folder, day, side).await?;
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
                && let Some(draft) = existing_day(place, group, nearest).await?
            {
                drafts.insert(nearest, draft);
            }
            if let Some(draft) = drafts.get_mut(&nearest) {
                draft.changed |= draft.document.link(theirs, day);
            }
        }
    }
    plan_meta(place, group, new_days, changes).await
}

/// Opens a day that is there, to link it; others are left alone.
async fn existing_day<P: Place>(
    place: &P,
    group: &Group,
    day: Day,
) -> Result<Option<Draft>, P::Error> {
    let path = group.day_path(day, 1)?;
    let Found::Here(bytes, _, version) = place.find(&path).await? else {
        return Ok(None);
    };
    Ok(DayDocument::parse(&bytes).map(|document| Draft {
        path,
        document,
        condition: WriteCondition::IfMatch(vec![version]),
        changed: false,
    }))
}

async fn plan_meta<P: Place>(
    place: &P,
    group: &Group,
    new_days: &[Day],
    changes: &mut Vec<Change>,
) -> Result<(), P::Error> {
    let (Some(&first), Some(&last)) = (new_days.first(), new_days.last()) else {
        return Ok(());
    };
    let path = group.path(&["meta"])?;
    let (meta, condition) = match place.find(&path).await? {
        Found::TooLarge => return Ok(()),
        Found::Absent => (None, WriteCondition::IfAbsent),
        Found::Here(bytes, content_type, version) => {
            let meta = serde_json::from_slice::<Map<String, Value>>(&bytes).ok();
            if meta.is_none() {
                changes.push(aside(&path, bytes, content_type, &version)?);
            }
            (meta, WriteCondition::IfMatch(vec![version]))
        }
    };
    let known = |key: &str| meta.as_ref()?.get(key)?.as_str()?.parse::<Day>().ok();
    let (known_first, known_last) = match (known("first"), known("last")) {
        (Some(first), Some(last)) => (first, last),
        // Written by another program, or before there was such a document: look for the ends.
        _ => {
            let folder = &group.folder;
            let before = neighbour(place, folder, first, Side::Before).await?;
            let after = neighbour(place, folder, last, Side::After).await?;
            (before.unwrap_or(first), after.unwrap_or(last))
        }
    };
    let mut fresh = ArchiveMeta::new(&group.server, &group.target, first);
    fresh.first = first.min(known_first);
    fresh.last = last.max(known_last);
    let Ok(Value::Object(fresh)) = serde_json::to_value(&fresh) else {
        return Ok(());
    };
    // Other programs' additions stay.
    let mut updated = meta.clone().unwrap_or_default();
    for (key, value) in fresh {
        if matches!(key.as_str(), "first" | "last") || !updated.contains_key(&key) {
            updated.insert(key, value);
        }
    }
    if meta.as_ref() != Some(&updated) {
        changes.push(Change::Put {
            path,
            content_type: JSON.to_owned(),
            body: Bytes::from(serde_json::to_vec(&updated).unwrap_or_default()),
            condition,
        });
    }
    Ok(())
}

/// Keeps a document that is no archive under another name beside.
fn aside(
    path: &DocumentPath,
    body: Bytes,
    content_type: String,
    version: &Version,
) -> Result<Change, TreeError> {
    let mut segments = path.segments().to_vec();
    if let Some(name) = segments.last_mut() {
        name.push_str(".damaged-");
        name.extend(version.0.chars().filter(char::is_ascii_alphanumeric));
    }
    Ok(Change::Put {
        path: document(segments)?,
        content_type,
        body,
        condition: WriteCondition::None,
    })
}
