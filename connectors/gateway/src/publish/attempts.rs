//! A circuit breaker for publishing: an event that ends the process whenever the functions take it (they may run in
//! this very process) must not do so at every start.
//!
//! The events being published are noted in a file beforehand, and the note is removed whatever the response is.
//! Events in a note found at startup were being published when the process ended. They are retried in small groups,
//! then each alone, and one that still gets no response is set aside.
//!
//! If the disk does not accept the note, events that were never suspected are published anyway, since that frees
//! space; suspected events wait until their attempt can be noted. For the same reason an event that the functions refused
//! permanently holds up nothing if it cannot be set aside: it is kept in memory and written when the disk accepts it.

mod aside;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use durable::Disk;
use program::Seldom;
use protocol::{EventReceipt, RefusedEvent};
use serde::{Deserialize, Serialize};

use self::aside::Aside;
use super::Trouble;
use super::pending::Head;
use crate::channel_keys::ChannelKeys;
use connector_kit::{FunctionsClient, FunctionsError};
use mutex::lock;

/// The note's file name.
const FILE: &str = "publishing.json";
/// Folder of events that were set aside.
const ASIDE: &str = "aside";
/// How often an event that never gets a response is tried.
pub(crate) const MAX_TRIES: u32 = 5;
/// Suspected events that are retried together.
const SMALL: usize = 20;
/// Refused events that are kept in memory while they cannot be set aside, in bytes.
const MAX_UNKEPT: usize = 8 << 20;
/// Maximum number of suspected events.
const MAX_SUSPECTS: usize = 10_000;

static NOT_NOTED: Seldom = Seldom::new();
static GIVEN_UP: Seldom = Seldom::new();
static REMOVED: Seldom = Seldom::new();
static TOO_MUCH: Seldom = Seldom::new();
static NOT_KEPT: Seldom = Seldom::new();
static LOST: Seldom = Seldom::new();

/// The circuit breaker.
#[derive(Debug)]
pub(crate) struct Attempts {
    disk: Disk,
    dir: PathBuf,
    aside: Aside,
    note: Mutex<Note>,
    unkept: Mutex<Unkept>,
    keys: ChannelKeys,
}

/// Refused events that could not be set aside yet, with their ids.
#[derive(Debug, Default)]
struct Unkept {
    events: VecDeque<(String, Vec<u8>)>,
    bytes: usize,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Note {
    /// How often events were tried without a response, by id.
    #[serde(default)]
    tries: BTreeMap<String, u32>,
    /// The events being published.
    #[serde(default)]
    now: BTreeSet<String>,
}

impl Attempts {
    /// Reads the previous process's note; each event that was being published when it ended counts as tried once
    /// more.
    pub(crate) fn open(disk: &Disk, dir: &Path, keys: ChannelKeys) -> Self {
        let note = fs::read(dir.join(FILE)).ok();
        let mut note: Note = note
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        for id in std::mem::take(&mut note.now) {
            if note.tries.len() < MAX_SUSPECTS || note.tries.contains_key(&id) {
                *note.tries.entry(id).or_default() += 1;
            }
        }
        let attempts = Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            aside: Aside::new(disk, dir),
            note: Mutex::new(note),
            unkept: Mutex::default(),
            keys,
        };
        if let Err(error) = attempts.write(&lock(&attempts.note)) {
            not_noted(&error);
        }
        attempts
    }

    /// Publishes records, suspected ones separately from others. All events in `refused` are set aside, except those
    /// of removed accounts, which are in none of the lists.
    ///
    /// # Errors
    /// The error of the first request that fails, or of the disk if a suspected event's attempt cannot be noted or it
    /// cannot be set aside. Everything must then be sent again, which the ids make harmless.
    pub(super) async fn publish(
        self: &Arc<Self>,
        client: &FunctionsClient,
        records: &[Vec<u8>],
    ) -> Result<EventReceipt, Trouble> {
        let mut all = EventReceipt::default();
        self.keep_rest().await;
        for part in self.parts(records) {
            if part.tries >= MAX_TRIES {
                let tries = part.tries;
                for (id, record) in &part.records {
                    self.aside.put(id, record)?;
                    let reason = format!(
                        "the process ended on each of {tries} attempts to publish it; it is set aside in the spool's folder {ASIDE}/"
                    );
                    let id = id.clone();
                    all.refused.push(RefusedEvent { id, reason });
                }
                self.note_or_tell(&part, Note::stored).await;
                continue;
            }
            if let Err(error) = self.change(&part, Note::begin).await {
                if part.tries > 0 {
                    // It was not started.
                    lock(&self.note).failed(part.ids());
                    return Err(error.into());
                }
                not_noted(&error);
            }
            let body = batch_body(
                part.records
                    .iter()
                    .map(|(_, record)| self.keys.open(record)),
            );
            let answer = client.events_json(body).await;
            let over = match answer {
                Ok(_) => Note::stored,
                Err(_) => Note::failed,
            };
            self.note_or_tell(&part, over).await;
            let mut answer = answer?;
            self.keep_refused(&part, &mut answer).await;
            all.stored += answer.stored;
            all.refused.extend(answer.refused);
            all.elsewhere.extend(answer.elsewhere);
            for waiting in answer.waiting {
                if !all
                    .waiting
                    .iter()
                    .any(|known| known.account == waiting.account)
                {
                    all.waiting.push(waiting);
                }
            }
        }
        Ok(all)
    }

    /// Sets aside the events that the functions refused permanently. Events of removed accounts are dropped and taken
    /// out of the response: their owners had everything removed, and there may be any number of them.
    async fn keep_refused(self: &Arc<Self>, part: &Part<'_>, answer: &mut EventReceipt) {
        if answer.refused.is_empty() {
            return;
        }
        let refused: HashSet<&str> = answer.refused.iter().map(|event| &*event.id).collect();
        let (mut dropped, mut kept) = (HashSet::new(), Vec::new());
        for (id, record) in &part.records {
            if !refused.contains(id.as_str()) {
                continue;
            }
            let head = Head::of(record);
            if head.is_some_and(|head| answer.removed.contains(&head.account)) {
                dropped.insert(id.clone());
            } else {
                kept.push((id.clone(), record.to_vec()));
            }
        }
        answer.refused.retain(|event| !dropped.contains(&event.id));
        if !dropped.is_empty()
            && let Some(left_out) = REMOVED.say()
        {
            let events = dropped.len();
            tracing::info!(events, left_out, "dropping events of removed accounts");
        }
        self.keep(kept).await;
    }

    /// Sets aside the refused events that could not be before, if the disk accepts them now.
    pub(super) async fn keep_rest(self: &Arc<Self>) {
        self.keep(Vec::new()).await;
    }

    /// Sets refused events aside, after those that could not be before. What the disk does not accept stays in memory.
    async fn keep(self: &Arc<Self>, events: Vec<(String, Vec<u8>)>) {
        if events.is_empty() && lock(&self.unkept).events.is_empty() {
            return;
        }
        let attempts = Arc::clone(self);
        let keep = move || {
            let mut unkept = lock(&attempts.unkept);
            for (id, record) in events {
                unkept.push(id, record);
            }
            while let Some((id, record)) = unkept.events.front() {
                match attempts.aside.put_if_room(id, record) {
                    Ok(true) => {}
                    Ok(false) => {
                        if let Some(left_out) = TOO_MUCH.say() {
                            tracing::error!(
                                id,
                                left_out,
                                "the spool's folder {ASIDE}/ is full, so an event that the functions refused permanently is dropped; inspect the files there and remove them"
                            );
                        }
                    }
                    Err(error) => {
                        if let Some(left_out) = NOT_KEPT.say() {
                            tracing::error!(
                                id,
                                %error,
                                left_out,
                                "the spool's folder {ASIDE}/ cannot be written: events that the functions refused permanently wait in memory, and are lost if the process ends"
                            );
                        }
                        return;
                    }
                }
                unkept.pop();
            }
        };
        // Fails only if it panics.
        let _ = tokio::task::spawn_blocking(keep).await;
    }

    /// Groups records by degree of suspicion, keeping their order within each group.
    fn parts<'a>(&self, records: &'a [Vec<u8>]) -> Vec<Part<'a>> {
        let note = lock(&self.note);
        let mut parts: Vec<Part<'a>> = Vec::new();
        for record in records {
            let id = id_of(record);
            let tries = note.tries.get(&id).copied().unwrap_or_default();
            let most = match tries {
                0 => usize::MAX,
                1 => SMALL,
                _ => 1,
            };
            let fits = |part: &&mut Part<'_>| part.tries == tries && part.records.len() < most;
            match parts.iter_mut().rev().find(fits) {
                Some(part) => part.records.push((id, record)),
                None => parts.push(Part {
                    tries,
                    records: vec![(id, record)],
                }),
            }
        }
        // Unsuspected records first: whatever the others cause, these are stored.
        parts.sort_by_key(|part| part.tries);
        parts
    }

    /// Changes the note for a part; durable when this returns. The disk write runs on a separate thread.
    ///
    /// # Errors
    /// The disk's error. The note is still changed in memory, as it was on disk.
    async fn change(
        self: &Arc<Self>,
        part: &Part<'_>,
        change: fn(&mut Note, Vec<String>),
    ) -> io::Result<()> {
        let (attempts, ids) = (Arc::clone(self), part.ids());
        let noted = tokio::task::spawn_blocking(move || {
            let mut note = lock(&attempts.note);
            change(&mut note, ids);
            attempts.write(&note)
        });
        noted.await.map_err(io::Error::other)?
    }

    /// Like [`Self::change`]; if it cannot be noted, the worst case is an unjustified suspicion.
    async fn note_or_tell(self: &Arc<Self>, part: &Part<'_>, change: fn(&mut Note, Vec<String>)) {
        if let Err(error) = self.change(part, change).await {
            not_noted(&error);
        }
    }

    /// Sets aside an event that the functions cannot take, or never respond to while they respond to others.
    ///
    /// # Errors
    /// It cannot be written; then it is not set aside.
    pub(crate) fn give_up(&self, record: &[u8], error: &FunctionsError) -> io::Result<()> {
        let id = id_of(record);
        self.aside.put(&id, record)?;
        if let Some(left_out) = GIVEN_UP.say() {
            tracing::error!(
                id,
                %error,
                left_out,
                "the functions accept other events but not this one; it is set aside in the spool's folder {ASIDE}/"
            );
        }
        Ok(())
    }

    /// Notes that publishing was given up in an orderly way: no event that was being published is suspected for that.
    pub(crate) async fn end(self: &Arc<Self>) {
        let attempts = Arc::clone(self);
        let ended = tokio::task::spawn_blocking(move || {
            let mut note = lock(&attempts.note);
            note.now.clear();
            attempts.write(&note)
        });
        if let Ok(Err(error)) = ended.await {
            not_noted(&error);
        }
    }

    fn write(&self, note: &Note) -> io::Result<()> {
        let json = serde_json::to_vec(note).map_err(io::Error::other)?;
        self.disk.replace(&self.dir, FILE, &json)
    }
}

impl Unkept {
    /// Adds an event. If there are too many, the oldest is dropped.
    fn push(&mut self, id: String, record: Vec<u8>) {
        self.bytes += record.len();
        self.events.push_back((id, record));
        while self.bytes > MAX_UNKEPT
            && let Some(id) = self.pop()
        {
            if let Some(left_out) = LOST.say() {
                tracing::error!(
                    id,
                    left_out,
                    "too many events that the functions refused permanently wait to be set aside, so one is dropped"
                );
            }
        }
    }

    fn pop(&mut self) -> Option<String> {
        let (id, record) = self.events.pop_front()?;
        self.bytes -= record.len();
        Some(id)
    }
}

impl Note {
    fn begin(&mut self, ids: Vec<String>) {
        self.now.extend(ids);
    }

    /// Events that got a response are no longer suspected.
    fn stored(&mut self, ids: Vec<String>) {
        for id in ids {
            self.now.remove(&id);
            self.tries.remove(&id);
        }
    }

    /// A response that says no, or that nobody is there, does not clear any event.
    fn failed(&mut self, ids: Vec<String>) {
        for id in ids {
            self.now.remove(&id);
        }
    }
}

fn not_noted(error: &io::Error) {
    if let Some(left_out) = NOT_NOTED.say() {
        tracing::error!(%error, left_out, "the events being published cannot be noted: if one of them ends the process, it will do so again");
    }
}

/// Records that are published together.
struct Part<'a> {
    tries: u32,
    records: Vec<(String, &'a [u8])>,
}

impl Part<'_> {
    fn ids(&self) -> Vec<String> {
        self.records.iter().map(|(id, _)| id.clone()).collect()
    }
}

/// Builds a batch's body. The records are JSON already.
fn batch_body<'a>(records: impl Iterator<Item = Cow<'a, [u8]>>) -> Bytes {
    let mut body = b"{\"events\":[".to_vec();
    for (index, record) in records.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&record);
    }
    body.extend_from_slice(b"]}");
    body.into()
}

fn id_of(record: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Head {
        id: String,
    }
    serde_json::from_slice::<Head>(record).map_or_else(|_| String::new(), |head| head.id)
}

#[cfg(test)]
pub(super) mod tests;
