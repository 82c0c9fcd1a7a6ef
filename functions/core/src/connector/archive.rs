//! The archive writer: messages become daily documents in the `chat-messages` format.
//!
//! All documents of an account change in one commit, or none. What somebody else has put in the way is
//! never overwritten: a document that is no archive is kept beside, under `DD.damaged-<version>`; a day that has
//! grown too large goes on in `DD-2`; and where no document can be (a folder of that name, or a document
//! in place of a folder) messages are kept in `chat-messages/recovered/`.

use std::collections::BTreeMap;

use crate::Host;
use bytes::Bytes;
use model::{
    AccountName, ArchiveMessage, ArchiveMeta, ArchiveTarget, Day, Event, EventBody, RefusedEvent,
    Timestamp,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use storage_adapter::{
    Change, DocumentPath, DocumentRead, ObjectStore, TreeError, Version, WriteCondition,
};

use super::archive_day::DayDocument;
use super::archive_links::Side;
use super::events::Trouble;
use crate::Functions;
use crate::body::collect;

/// As remotestorage.js writes JSON.
const JSON: &str = "application/json; charset=UTF-8";
/// A day's document that is larger, in bytes, goes on in another one.
const MAX_DAY: u64 = 16 * 1024 * 1024;
/// The most documents of one day.
const MAX_PARTS: u32 = 100;
/// How often a commit is tried when others write to the same documents.
const MAX_ATTEMPTS: u32 = 12;

/// The messages of one archive.
struct Group {
    server: String,
    target: ArchiveTarget,
    folder: Vec<String>,
    days: BTreeMap<Day, Vec<ArchiveMessage>>,
    events: Vec<String>,
}

/// A document as it was found.
enum Found {
    Absent,
    /// Bytes, content type, version.
    Here(Bytes, String, Version),
    TooLarge,
}

/// A day that is being edited.
struct Draft {
    path: DocumentPath,
    document: DayDocument,
    condition: WriteCondition,
    changed: bool,
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Archives messages of one account; events that can never be archived are refused.
    pub(super) async fn archive(
        &self,
        account: &AccountName,
        events: Vec<Event>,
        refused: &mut Vec<RefusedEvent>,
    ) -> Result<(), Trouble> {
        let groups = group(events, refused);
        match self.write_groups(account, &groups).await {
            Err(TreeError::Conflict(_)) => {}
            result => return Ok(result?),
        }
        // Something is in the way of one archive: it must not hold up the others.
        for group in &groups {
            match self
                .write_groups(account, std::slice::from_ref(group))
                .await
            {
                Err(TreeError::Conflict(_)) => {}
                result => {
                    result?;
                    continue;
                }
            }
            match self.recover(account, group).await {
                Err(TreeError::Conflict(reason)) => {
                    refused.extend(group.events.iter().map(|id| RefusedEvent {
                        id: id.clone(),
                        reason: reason.clone(),
                    }));
                }
                result => result?,
            }
        }
        Ok(())
    }

    async fn write_groups(&self, account: &AccountName, groups: &[Group]) -> Result<(), TreeError> {
        for attempt in 0..MAX_ATTEMPTS {
            let mut changes = Vec::new();
            for group in groups {
                self.plan(account, group, &mut changes).await?;
            }
            if changes.is_empty() {
                return Ok(());
            }
            // What was accepted must be kept, so archives do not count against the quota.
            match self.storage.commit(account, changes, None).await {
                Err(TreeError::Precondition { .. }) => self.back_off(attempt).await,
                result => return result.map(drop),
            }
        }
        Err(TreeError::Busy)
    }

    /// Adds to `changes` what has to be written for one archive.
    async fn plan(
        &self,
        account: &AccountName,
        group: &Group,
        changes: &mut Vec<Change>,
    ) -> Result<(), TreeError> {
        let mut drafts: BTreeMap<Day, Draft> = BTreeMap::new();
        let mut new_days = Vec::new();
        for (&day, messages) in &group.days {
            let mut draft = self.open_day(account, group, day, changes).await?;
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
            self.link_days(account, group, &new_days, &mut drafts, changes)
                .await?;
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
    async fn open_day(
        &self,
        account: &AccountName,
        group: &Group,
        day: Day,
        changes: &mut Vec<Change>,
    ) -> Result<Draft, TreeError> {
        for part in 1..=MAX_PARTS {
            let path = group.day_path(day, part)?;
            let new = || DayDocument::new(&group.server, &group.target, day);
            let (document, condition) = match self.find(account, &path).await? {
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
        Err(TreeError::Conflict(format!(
            "the archive of {day} has no room left"
        )))
    }

    /// Links new days with the days before and after, and keeps `meta` up to date.
    async fn link_days(
        &self,
        account: &AccountName,
        group: &Group,
        new_days: &[Day],
        drafts: &mut BTreeMap<Day, Draft>,
        changes: &mut Vec<Change>,
    ) -> Result<(), TreeError> {
        for &day in new_days {
            for (side, own, theirs) in [
                (Side::Before, "previous", "next"),
                (Side::After, "next", "previous"),
            ] {
                let stored = self.neighbour(account, &group.folder, day, side).await?;
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
                    && let Some(draft) = self.existing_day(account, group, nearest).await?
                {
                    drafts.insert(nearest, draft);
                }
                if let Some(draft) = drafts.get_mut(&nearest) {
                    draft.changed |= draft.document.link(theirs, day);
                }
            }
        }
        self.plan_meta(account, group, new_days, changes).await
    }

    /// Opens a day that is there, to link it; others are left alone.
    async fn existing_day(
        &self,
        account: &AccountName,
        group: &Group,
        day: Day,
    ) -> Result<Option<Draft>, TreeError> {
        let path = group.day_path(day, 1)?;
        let Found::Here(bytes, _, version) = self.find(account, &path).await? else {
            return Ok(None);
        };
        Ok(DayDocument::parse(&bytes).map(|document| Draft {
            path,
            document,
            condition: WriteCondition::IfMatch(vec![version]),
            changed: false,
        }))
    }

    async fn plan_meta(
        &self,
        account: &AccountName,
        group: &Group,
        new_days: &[Day],
        changes: &mut Vec<Change>,
    ) -> Result<(), TreeError> {
        let (Some(&first), Some(&last)) = (new_days.first(), new_days.last()) else {
            return Ok(());
        };
        let path = group.path(&["meta"])?;
        let (meta, condition) = match self.find(account, &path).await? {
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
                let before = self.neighbour(account, folder, first, Side::Before).await?;
                let after = self.neighbour(account, folder, last, Side::After).await?;
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

    async fn find(&self, account: &AccountName, path: &DocumentPath) -> Result<Found, TreeError> {
        match self.storage.read_document(account, path, &[], None).await {
            Ok(DocumentRead::Found { info, body, .. }) if info.length <= MAX_DAY => {
                let bytes = collect(body, MAX_DAY).await?;
                Ok(Found::Here(bytes, info.content_type, info.version))
            }
            Ok(DocumentRead::Found { .. }) => Ok(Found::TooLarge),
            Ok(DocumentRead::NotModified(_)) | Err(TreeError::NotFound) => Ok(Found::Absent),
            Err(error) => Err(error),
        }
    }

    /// Keeps messages that have no place. Repeating it writes the same document again.
    async fn recover(&self, account: &AccountName, group: &Group) -> Result<(), TreeError> {
        let messages: Vec<&ArchiveMessage> = group.days.values().flatten().collect();
        let mut hash = Sha256::new();
        for part in group
            .folder
            .iter()
            .map(String::as_str)
            .chain(messages.iter().filter_map(|message| message.id.as_deref()))
        {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let name: String = hash.finalize()[..16]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let body = serde_json::json!({"folder": group.folder.join("/"), "messages": messages});
        let path = vec!["chat-messages".to_owned(), "recovered".to_owned(), name];
        let change = Change::Put {
            path: document(path)?,
            content_type: JSON.to_owned(),
            body: Bytes::from(body.to_string()),
            condition: WriteCondition::None,
        };
        self.storage
            .commit(account, vec![change], None)
            .await
            .map(drop)
    }
}

impl Group {
    fn path(&self, below: &[&str]) -> Result<DocumentPath, TreeError> {
        let below = below.iter().map(|&segment| segment.to_owned());
        document(self.folder.iter().cloned().chain(below).collect())
    }

    fn day_path(&self, day: Day, part: u32) -> Result<DocumentPath, TreeError> {
        let (year, month) = (format!("{:04}", day.year), format!("{:02}", day.month));
        let name = match part {
            1 => format!("{:02}", day.day),
            part => format!("{:02}-{part}", day.day),
        };
        self.path(&[&year, &month, &name])
    }
}

fn document(segments: Vec<String>) -> Result<DocumentPath, TreeError> {
    DocumentPath::from_segments(segments).map_err(|error| TreeError::Conflict(error.to_string()))
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

/// Sorts messages by archive and day; refuses those that no archive can be named for.
fn group(events: Vec<Event>, refused: &mut Vec<RefusedEvent>) -> Vec<Group> {
    let mut groups: BTreeMap<Vec<String>, Group> = BTreeMap::new();
    for event in events {
        let EventBody::Message {
            server,
            target,
            mut message,
        } = event.body
        else {
            continue;
        };
        let folder = target.folder(&server).to_vec();
        let mut sample = folder.clone();
        sample.extend(["2000", "01", "01"].map(str::to_owned));
        let named = !server.is_empty() && !target.name().trim_start_matches('#').is_empty();
        if !named || DocumentPath::from_segments(sample).is_err() {
            refused.push(RefusedEvent {
                id: event.id,
                reason: "no archive can be named for this server and target".to_owned(),
            });
            continue;
        }
        if message.id.is_none() {
            message.id = Some(event.id.clone());
        }
        let day = Timestamp::from_millis(message.timestamp).day();
        let group = groups.entry(folder.clone()).or_insert_with(|| Group {
            server,
            target,
            folder,
            days: BTreeMap::new(),
            events: Vec::new(),
        });
        group.days.entry(day).or_default().push(message);
        group.events.push(event.id);
    }
    groups.into_values().collect()
}
