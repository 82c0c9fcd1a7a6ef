//! Load on one server: connections that each send the next request after a response.

use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::wire::{Answer, Connection, request};

/// Size of the documents, in bytes.
pub(crate) const DOCUMENT: usize = 1024;

/// A server under test.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Path of the folder with the documents, with a trailing slash.
    pub(crate) folder: String,
    /// Value of the Authorization header, or empty.
    pub(crate) authorization: String,
    /// Path requested by a folder GET; not always the folder.
    pub(crate) listing: String,
    /// Paths of webhooks, one per connection.
    pub(crate) hooks: Vec<String>,
}

/// The requested operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    /// A document.
    Get,
    /// A document that the client already has.
    Poll,
    /// The listing of the folder.
    Folder,
    /// Writes a document, one per connection, with new content each time.
    Put,
    /// An event for a webhook, one per connection, as often as a hook accepts events at once.
    Hook,
}

/// The results of one connection or of all.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Correct responses within the time.
    pub(crate) answers: u64,
    /// How long each took, in microseconds.
    pub(crate) latencies: Vec<u32>,
    /// When the last of them arrived.
    pub(crate) last: Option<Instant>,
}

impl Target {
    fn headers<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut headers = more.to_vec();
        if !self.authorization.is_empty() {
            headers.push(("Authorization", &self.authorization));
        }
        headers
    }

    /// Creates a request to this server.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        request(method, path, &self.headers(more), body)
    }

    /// Returns the path of a connection's document.
    pub(crate) fn document(&self, index: usize) -> String {
        format!("{}document-{index:03}", self.folder)
    }
}

/// Returns the content of a document: readable, and different for each `index` and `turn`.
pub(crate) fn content(index: usize, turn: u64) -> Vec<u8> {
    let mut content = format!("{index:03} {turn:016x} ").into_bytes();
    content.resize(DOCUMENT, b'.');
    content
}

/// Sends requests on `connections` connections for `warm_up` and then `time`; counts the latter.
///
/// # Errors
///
/// If a response was incorrect: then no figure means anything.
pub(crate) fn run(
    target: &Target,
    operation: Operation,
    connections: usize,
    warm_up: Duration,
    time: Duration,
    at_start: impl FnOnce() + 'static,
) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = tokio::task::LocalSet::new();
    let target = Rc::new(target.clone());
    tasks.block_on(&runtime, async move {
        let start = Instant::now() + warm_up;
        let end = start + time;
        let most = match operation {
            Operation::Hook => EVENTS,
            _ => u64::MAX,
        };
        let asking: Vec<_> = (0..connections)
            .map(|index| {
                let target = Rc::clone(&target);
                tokio::task::spawn_local(async move {
                    ask(&target, operation, index, start..end, most).await
                })
            })
            .collect();
        tokio::time::sleep_until(start.into()).await;
        at_start();
        let mut sum = Outcome::default();
        for task in asking {
            let outcome = task
                .await?
                .with_context(|| format!("{operation:?} on {}", target.address))?;
            sum.answers += outcome.answers;
            sum.last = sum.last.max(outcome.last);
            sum.latencies.extend(outcome.latencies);
        }
        Ok(sum)
    })
}

async fn ask(
    target: &Target,
    operation: Operation,
    index: usize,
    time: Range<Instant>,
    most: u64,
) -> Result<Outcome> {
    let Range { start, end } = time;
    let path = target.document(index);
    let mut connection = Connection::open(target.address).await?;
    let mut answer = Answer::default();
    let first_path = match operation {
        Operation::Folder => &target.listing,
        _ => &path,
    };
    let read = target.request("GET", first_path, &[], &[]);
    connection.ask(&read, &mut answer).await?;
    if answer.status != 200 {
        bail!("GET {first_path} was answered with {}", answer.status);
    }
    let known = answer.header("etag").unwrap_or_default().to_owned();
    let known_body = answer.body.clone();
    let mut question = match operation {
        Operation::Get | Operation::Folder => read.clone(),
        Operation::Poll => target.request("GET", &path, &[("If-None-Match", &known)], &[]),
        Operation::Put => target.request("PUT", &path, &[TEXT], &content(index, 0)),
        Operation::Hook => {
            let hook = target.hooks.get(index).context("there are too few hooks")?;
            request("POST", hook, &[JSON], &event(index, 0))
        }
    };
    let mut outcome = Outcome::default();
    let mut turn = 0;
    let mut version = known;
    loop {
        if operation == Operation::Put {
            turn += 1;
            let body = question.len() - DOCUMENT;
            question[body..].copy_from_slice(&content(index, turn));
        }
        if operation == Operation::Hook {
            turn += 1;
            let event = event(index, turn);
            let body = question.len() - event.len();
            question[body..].copy_from_slice(&event);
        }
        let asked = Instant::now();
        connection.ask(&question, &mut answer).await?;
        let now = Instant::now();
        let right = match operation {
            Operation::Get | Operation::Folder => answer.status == 200 && answer.body == known_body,
            Operation::Poll => answer.status == 304,
            Operation::Hook => {
                answer.status == 200 && answer.body.windows(8).any(|part| part == b"\"queued\"")
            }
            Operation::Put => {
                let new = answer.header("etag").unwrap_or_default();
                // nginx responds with 204 to a PUT that replaces, and returns no version.
                let right = (matches!(answer.status, 200 | 201) && new != version)
                    || (answer.status == 204 && new.is_empty());
                new.clone_into(&mut version);
                right
            }
        };
        if !right {
            bail!(
                "{operation:?} {path} was answered wrongly: {}",
                answer.status
            );
        }
        if now >= end {
            break;
        }
        if asked >= start {
            outcome.answers += 1;
            outcome.last = Some(now);
            let micros = now.duration_since(asked).as_micros();
            outcome
                .latencies
                .push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
        if turn >= most {
            break;
        }
    }
    if operation == Operation::Put {
        connection.ask(&read, &mut answer).await?;
        if answer.body != content(index, turn) {
            bail!("{path} is not what was written last");
        }
    }
    Ok(outcome)
}

/// The type of the documents.
pub(crate) const TEXT: (&str, &str) = ("Content-Type", "text/plain");
const JSON: (&str, &str) = ("Content-Type", "application/json");
/// Events that a hook accepts at once; after that it accepts one per second.
const EVENTS: u64 = 110;

/// An event for a webhook that accepts any JSON, always of the same length.
fn event(index: usize, turn: u64) -> Vec<u8> {
    format!("{{\"text\":\"event {turn:08} of connection {index:03}\"}}").into_bytes()
}
