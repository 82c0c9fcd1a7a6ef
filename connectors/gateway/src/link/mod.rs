//! One always-on connection of an account, connecting its platform task, the spool and the clients.

mod deliver;
mod delivery;
mod missed;
mod readable;
mod requests;
mod ring;
mod roster;
mod run;
mod unanswered;
mod viewer;

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::{
    Activity, Assignment, Connection, ConnectionStatus, EventBody, Folding, RoomId, RoomSpelling,
    Timestamp,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

pub(crate) use self::delivery::Delivery;
pub(crate) use self::ring::activity_of;
pub(crate) use self::run::start;
use crate::clients::{Answer, Client};
use crate::outbox;
use crate::platform::{SayTask, SocketId};
use mutex::lock;

/// Messages that may be queued for a connection's task.
const INBOX: usize = 1_024;

/// Messages to a connection's task.
#[derive(Debug)]
pub(crate) enum ToLink {
    Attach {
        client: Arc<dyn Client>,
        echo: Activity,
        nick: String,
        /// Full clients are shown what was published after this.
        since: Option<Timestamp>,
        reply: Box<dyn Answer>,
    },
    Detach(SocketId),
    Perform {
        client: Arc<dyn Client>,
        activity: Activity,
        room: Option<(RoomId, RoomSpelling)>,
        reply: Box<dyn Answer>,
    },
    /// Return the recent messages of a conversation, or of all.
    Recall {
        conversation: Option<String>,
        answer: oneshot::Sender<Vec<Activity>>,
    },
    Say(Box<SayTask>),
    Reassign(Box<Assignment>),
    Stop(String),
}

/// A connection as the rest of the gateway sees it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) created: Instant,
    /// Boxed: a queue reserves room for dozens, for each connection.
    inbox: mpsc::Sender<Box<ToLink>>,
    /// The record as the functions will have it once the spool is published.
    record: Mutex<Connection>,
    /// The current nickname.
    nick: Mutex<String>,
    status: AtomicU8,
    /// How the network compares names, as [`Folding`].
    folding: AtomicU8,
    /// The spool's record number after the last event that changes the record.
    changed: AtomicU64,
    /// Becomes true when the task has ended.
    ended: watch::Sender<bool>,
}

impl Link {
    fn new(record: &Connection, folding: Folding) -> (Arc<Self>, mpsc::Receiver<Box<ToLink>>) {
        let (inbox, messages) = mpsc::channel(INBOX);
        let link = Self {
            created: Instant::now(),
            inbox,
            nick: Mutex::new(record.nick.clone()),
            record: Mutex::new(record.clone()),
            status: AtomicU8::new(ConnectionStatus::Connecting as u8),
            folding: AtomicU8::new(folding as u8),
            changed: AtomicU64::new(0),
            ended: watch::Sender::new(false),
        };
        (Arc::new(link), messages)
    }

    /// Sends a message to the task; its inbox is full only briefly, so a spawned task may wait for room.
    pub(crate) fn tell(&self, message: ToLink) {
        if let Err(mpsc::error::TrySendError::Full(message)) =
            self.inbox.try_send(Box::new(message))
        {
            let inbox = self.inbox.clone();
            tokio::spawn(async move {
                let _ = inbox.send(message).await;
            });
        }
    }

    /// Sends a message to the task, waiting for room in its inbox.
    ///
    /// # Errors
    /// The task has ended; returns the message.
    pub(crate) async fn send(&self, message: ToLink) -> Result<(), Box<ToLink>> {
        let sent = self.inbox.send(Box::new(message)).await;
        sent.map_err(|error| error.0)
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Connection> {
        lock(&self.record)
    }

    pub(crate) fn nick(&self) -> String {
        lock(&self.nick).clone()
    }

    fn set_nick(&self, new: &str) {
        new.clone_into(&mut lock(&self.nick));
    }

    pub(crate) fn folding(&self) -> Folding {
        Folding::from_number(self.folding.load(Ordering::Relaxed))
    }

    fn set_folding(&self, folding: Folding) {
        self.folding.store(folding as u8, Ordering::Relaxed);
    }

    pub(crate) fn status(&self) -> u8 {
        self.status.load(Ordering::Relaxed)
    }

    fn set_status(&self, status: ConnectionStatus) {
        self.status.store(status as u8, Ordering::Relaxed);
    }

    /// Returns whether a record fetched when everything before `cursor` was published is up to date.
    pub(crate) fn is_settled(&self, cursor: u64) -> bool {
        self.changed.load(Ordering::SeqCst) <= cursor
    }

    /// Applies to the record what the functions will apply when they receive the event.
    fn note(&self, body: &EventBody, next: u64) {
        let mut record = self.record();
        let folding = self.folding();
        let name = |channel: &str| folding.fold(channel.split(' ').next().unwrap_or_default());
        match body {
            EventBody::Message { .. } | EventBody::Other(_) => return,
            EventBody::Joined { channel } => {
                record.channels.retain(|known| name(known) != name(channel));
                record.channels.push(channel.clone());
            }
            EventBody::Left { channel } => {
                record.channels.retain(|known| name(known) != name(channel))
            }
            EventBody::Nick { nick } => record.nick.clone_from(nick),
        }
        self.changed.store(next, Ordering::SeqCst);
    }

    /// Waits until the task has ended.
    pub(crate) async fn ended(&self) {
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    pub(crate) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }
}

impl outbox::Connection for Link {
    fn is_online(&self) -> bool {
        self.status() == ConnectionStatus::Online as u8
    }

    fn server(&self) -> String {
        self.record().server.clone()
    }

    fn say(&self, saying: SayTask) {
        self.tell(ToLink::Say(Box::new(saying)));
    }
}

/// Returns whether two records ask for the same connection, regardless of the order of channels.
pub(crate) fn same(a: &Connection, b: &Connection, folding: Folding) -> bool {
    let comparable = |record: &Connection| {
        let mut record = record.clone();
        record.channels = record.channels.iter().map(|c| folded(c, folding)).collect();
        record.channels.sort();
        record
    };
    comparable(a) == comparable(b)
}

/// A channel's name folded; its key, after a space, is unchanged.
fn folded(channel: &str, folding: Folding) -> String {
    match channel.split_once(' ') {
        Some((name, key)) => format!("{} {key}", folding.fold(name)),
        None => folding.fold(channel),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Connection {
        let json = serde_json::json!({
            "version": 1, "id": "c", "platform": "irc", "name": "n", "server": "h", "nick": "a", "password": "p",
            "channels": ["#a", "#b key"], "enabled": true, "connector": "irc", "created": "2026-01-15T10:00:00.000Z",
            "host": "h", "port": 1,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn records_are_the_same_that_ask_for_the_same_connection() {
        let with = |change: fn(&mut Connection)| {
            let mut record = record();
            change(&mut record);
            record
        };
        let is_same = |other: &Connection| same(&record(), other, Folding::Ascii);
        assert!(is_same(&record()));
        assert!(is_same(&with(|r| {
            r.channels = vec!["#B key".to_owned(), "#A".to_owned()]
        })));
        let changes: [fn(&mut Connection); 10] = [
            |r| r.id = "d".to_owned(),
            |r| r.name = "m".to_owned(),
            |r| r.server = "i".to_owned(),
            |r| r.nick = "b".to_owned(),
            |r| r.password = None,
            |r| r.channels = vec!["#a".to_owned(), "#b KEY".to_owned()],
            |r| r.enabled = false,
            |r| r.set("port", 2),
            |r| r.set("secure", true),
            |r| drop(r.fields.remove("host")),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert!(!is_same(&with(change)), "{number}");
        }
        // Whatever a platform names its fields, they do not hide the fields that all records have.
        let (mut one, mut two) = (record(), with(|r| r.nick = "b".to_owned()));
        for record in [&mut one, &mut two] {
            record.set("nick", "c");
        }
        assert!(!same(&one, &two, Folding::Ascii));
    }
}
