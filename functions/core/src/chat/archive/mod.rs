//! The archive writer: messages become daily documents in the `chat-messages` format.
//!
//! All documents of an account change in one commit, or none do. Obstacles made by other programs are never
//! overwritten: a document that is not an archive is kept alongside, as `DD.damaged-<version>`; a day that has grown
//! too large continues in `DD-2`; and where no document can be created (a folder has that name, or a document takes the
//! place of a folder), messages go to `chat-messages/recovered/`.

mod away;
mod day;
mod day_cache;
mod day_store;
mod links;
mod plan;

pub(crate) use self::day_cache::DayCache;
use std::collections::BTreeMap;

use crate::kernel::config::Connector;
use crate::kernel::host::Host;
use crate::kernel::keys::{self, is_id};
use crate::kernel::records::Attempts;
use bytes::Bytes;
use protocol::{
    AccountName, ArchiveMessage, ArchiveTarget, Day, Event, EventBody, RefusedEvent, Timestamp,
};
use sha2::{Digest, Sha256};
use storage_adapter::{Change, DocumentPath, ObjectStore, StoreError, TreeError, WriteCondition};

use self::day_store::Home;
use self::plan::{Deletion, Plan, plan};
use crate::chat::Chat;
use crate::chat::events::Trouble;

/// As remotestorage.js writes JSON.
pub(super) const JSON: &str = "application/json; charset=UTF-8";

/// The messages of one archive.
pub(super) struct Group {
    pub(super) server: String,
    pub(super) target: ArchiveTarget,
    pub(super) folder: Vec<String>,
    /// One of the connections over which they came.
    pub(super) connection: String,
    pub(super) days: BTreeMap<Day, Vec<ArchiveMessage>>,
    pub(super) events: Vec<String>,
    deletions: Vec<Deletion>,
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// Returns the URI scheme of a connection's platform, for messages that a connector sent.
    async fn scheme(
        &self,
        connector: &Connector,
        account: &AccountName,
        connection: &str,
    ) -> Result<Option<String>, StoreError> {
        let platform = match connector.platforms.as_slice() {
            [one] => Some(one.clone()),
            _ if !is_id(connection) => None,
            _ => match self.kernel.load_connection(account, connection).await {
                Ok(found) => found.map(|(connection, _)| connection.platform),
                // An archive without an address is still an archive.
                Err(StoreError::Damaged(_)) => None,
                Err(error) => return Err(error),
            },
        };
        match platform {
            Some(id) => Ok(self.connectors.platform(&id).await?.scheme()),
            None => Ok(None),
        }
    }

    /// Archives messages of one account; refuses events that can never be archived.
    pub(super) async fn archive(
        &self,
        account: &AccountName,
        events: Vec<Event>,
        connector: &Connector,
        refused: &mut Vec<RefusedEvent>,
    ) -> Result<(), Trouble> {
        let archived = self.archive_here(account, events, connector, refused).await;
        let tree = keys::all_of(account);
        match &archived {
            Ok(()) => self.kernel.note_mended(&tree),
            Err(TreeError::Format(sentence)) => self.kernel.note_unread(&tree, sentence),
            Err(_) => {}
        }
        Ok(archived?)
    }

    async fn archive_here(
        &self,
        account: &AccountName,
        events: Vec<Event>,
        connector: &Connector,
        refused: &mut Vec<RefusedEvent>,
    ) -> Result<(), TreeError> {
        let groups = group(events, refused);
        match self.write_groups(account, &groups, connector).await {
            Err(TreeError::Conflict(_)) => {}
            result => return result,
        }
        // An obstacle to one archive must not hold up the others.
        for group in &groups {
            match self
                .write_groups(account, std::slice::from_ref(group), connector)
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

    async fn write_groups(
        &self,
        account: &AccountName,
        groups: &[Group],
        connector: &Connector,
    ) -> Result<(), TreeError> {
        let mut attempts = Attempts::default();
        while self.kernel.attempt(&mut attempts).await {
            let home = Home::of(self, account, connector).await?;
            // The local storage is always consistent, so there are no doubts.
            let mut planned = Plan::default();
            for group in groups {
                plan(&home, group, &mut planned).await?;
            }
            let changes = planned.changes;
            if changes.is_empty() {
                return Ok(());
            }
            let bytes = changes.iter().map(|change| match change {
                Change::Put { body, .. } => body.len() as u64,
                Change::Delete { .. } => 0,
            });
            let _room = self.files.make_room(account, bytes.sum()).await;
            // What was accepted must be kept, so archives do not count towards the quota. The new documents contain
            // everything that was in the old ones, so those are not kept as old versions.
            match home.append(changes).await {
                Err(TreeError::Precondition { .. }) => {}
                result => return result,
            }
        }
        Err(TreeError::Busy)
    }

    /// Keeps messages that cannot be written to their day.
    async fn recover(&self, account: &AccountName, group: &Group) -> Result<(), TreeError> {
        let change = group.recovered()?;
        self.files
            .tree(account)
            .await?
            .append(account, vec![change])
            .await
            .map(drop)
    }
}

impl Group {
    pub(crate) fn path(&self, below: &[&str]) -> Result<DocumentPath, TreeError> {
        let below = below.iter().map(|&segment| segment.to_owned());
        document(self.folder.iter().cloned().chain(below).collect())
    }

    /// The document that keeps them. Repeating it writes the same document again.
    pub(crate) fn recovered(&self) -> Result<Change, TreeError> {
        let messages: Vec<&ArchiveMessage> = self.days.values().flatten().collect();
        let mut hash = Sha256::new();
        for part in self
            .folder
            .iter()
            .map(String::as_str)
            .chain(messages.iter().filter_map(|message| message.id.as_deref()))
        {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let name = protocol::hex(&hash.finalize()[..16]);
        let body = serde_json::json!({"folder": self.folder.join("/"), "messages": messages});
        let path = vec!["chat-messages".to_owned(), "recovered".to_owned(), name];
        Ok(Change::Put {
            path: document(path)?,
            content_type: JSON.to_owned(),
            body: Bytes::from(body.to_string()),
            condition: WriteCondition::None,
        })
    }

    pub(crate) fn day_path(&self, day: Day, part: u32) -> Result<DocumentPath, TreeError> {
        let (year, month) = (format!("{:04}", day.year), format!("{:02}", day.month));
        let name = match part {
            1 => format!("{:02}", day.day),
            part => format!("{:02}-{part}", day.day),
        };
        self.path(&[&year, &month, &name])
    }
}

pub(super) fn document(segments: Vec<String>) -> Result<DocumentPath, TreeError> {
    DocumentPath::from_segments(segments).map_err(|error| TreeError::Conflict(error.to_string()))
}

/// Groups messages by archive and day; refuses those for which no archive can be named.
pub(super) fn group(events: Vec<Event>, refused: &mut Vec<RefusedEvent>) -> Vec<Group> {
    let mut groups: BTreeMap<Vec<String>, Group> = BTreeMap::new();
    for event in events {
        let EventBody::Message {
            server,
            target,
            mut message,
            missed: _,
            about_time,
        } = event.body
        else {
            continue;
        };
        let folder = target.folder(&server).to_vec();
        let mut sample = folder.clone();
        sample.extend(["2000", "01", "01"].map(str::to_owned));
        let named = !server.is_empty() && target.is_named();
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
            connection: event.connection.clone(),
            days: BTreeMap::new(),
            events: Vec::new(),
            deletions: Vec::new(),
        });
        group
            .deletions
            .extend(Deletion::of(&message, day, about_time));
        group.days.entry(day).or_default().push(message);
        group.events.push(event.id);
    }
    groups.into_values().collect()
}
