//! The thread that owns the log: combines queued appends into one write and one sync.

use std::io;
use std::ops::RangeInclusive;
use std::sync::mpsc;
use std::thread;

use durable::Refusal;
use program::Seldom;
use tokio::sync::mpsc::UnboundedSender;

use super::History;
use crate::query::{Answer, Query};
use crate::record::{Record, State};
use crate::server::{AppendId, ClientId, NotStored};

/// Appends per sync.
const MAX_GROUP: usize = 512;

static NOT_WRITTEN: Seldom = Seldom::new();
static NO_SNAPSHOT: Seldom = Seldom::new();

pub(super) fn reason(error: &io::Error) -> NotStored {
    match Refusal::from(error) {
        Refusal::Full => NotStored::Full,
        Refusal::Failed(_) => NotStored::Failed,
    }
}

/// Requests to the thread, in order.
#[derive(Debug)]
pub(crate) enum Request {
    /// Make durable.
    Append(AppendId, Record),
    /// Run a query.
    Query(ClientId, Query),
    /// Write the snapshot.
    Snapshot(Box<State>),
}

/// Replies of the thread.
#[derive(Debug)]
pub(crate) enum Reply {
    /// These appends were settled.
    Stored(RangeInclusive<u64>, Result<(), NotStored>),
    /// A query's answer.
    Answer(ClientId, Answer),
    /// A snapshot is due.
    SnapshotDue,
}

/// Starts the thread. It ends when the sender of requests is dropped and all requests are done; then the channel of
/// replies closes.
pub(crate) fn spawn(
    history: History,
    replies: UnboundedSender<Reply>,
) -> io::Result<mpsc::Sender<Request>> {
    let (requests, receiver) = mpsc::channel();
    // Bounded in effect: the engine stops taking input while too many appends are pending, and each
    // client has one query at a time.
    thread::Builder::new()
        .name("ircd-log".to_owned())
        .spawn(move || run(history, &receiver, &replies))?;
    Ok(requests)
}

fn run(mut history: History, requests: &mpsc::Receiver<Request>, replies: &UnboundedSender<Reply>) {
    let mut group: Vec<(AppendId, Record)> = Vec::new();
    while let Ok(first) = requests.recv() {
        let mut next = Some(first);
        while let Some(request) = next.take() {
            match request {
                Request::Append(id, record) => {
                    group.push((id, record));
                    if group.len() >= MAX_GROUP {
                        store(&mut history, &mut group, replies);
                    }
                }
                Request::Query(client, query) => {
                    store(&mut history, &mut group, replies);
                    let answer = history.answer(&query);
                    let _ = replies.send(Reply::Answer(client, answer));
                }
                Request::Snapshot(state) => {
                    store(&mut history, &mut group, replies);
                    if let Err(error) = history.snapshot(&state)
                        && let Some(left_out) = NO_SNAPSHOT.say()
                    {
                        tracing::error!(%error, left_out, "the snapshot of the IRC server could not be written");
                    }
                }
            }
            next = requests.try_recv().ok();
        }
        store(&mut history, &mut group, replies);
    }
}

fn store(
    history: &mut History,
    group: &mut Vec<(AppendId, Record)>,
    replies: &UnboundedSender<Reply>,
) {
    let (Some((first, _)), Some((last, _))) = (group.first(), group.last()) else {
        return;
    };
    let ids = first.0..=last.0;
    let records: Vec<Record> = group.drain(..).map(|(_, record)| record).collect();
    let result = history.append(&records);
    if let Err(error) = &result
        && let Some(left_out) = NOT_WRITTEN.say()
    {
        tracing::error!(%error, left_out, "messages could not be written to the log of the IRC server");
    }
    let due = matches!(result, Ok(true));
    // The receiver is gone only when the server was dropped.
    let _ = replies.send(Reply::Stored(
        ids,
        result.map(drop).map_err(|error| reason(&error)),
    ));
    if due {
        let _ = replies.send(Reply::SnapshotDue);
    }
}
