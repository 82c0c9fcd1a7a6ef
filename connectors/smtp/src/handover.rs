//! Parses queued mails and hands them over to the functions.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connector_kit::{Backoff, FunctionsClient, FunctionsError};
use program::{Broken, Seldom, Workshop};
use protocol::{MAIL_DOCUMENT, MailArrival};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::config::Limits;
use crate::mime::{self, Content, Excess};
use crate::outgoing::FIRST_PAUSE;
use crate::queue::{Envelope, Found, Queue};

/// How often mails that were set aside are checked for expiry.
const CLEAN: Duration = Duration::from_secs(3_600);
/// Logged for one mail on behalf of all that wait.
static WAITS: Seldom = Seldom::new();
static HANDED_OVER: Seldom = Seldom::new();
static REFUSED: Seldom = Seldom::new();
static SET_ASIDE: Seldom = Seldom::new();
static TRIED_ALONE: Seldom = Seldom::new();
static NOT_LOOKED_AT: Seldom = Seldom::new();
static NOT_SET_ASIDE: Seldom = Seldom::new();

/// Hands mails over until dropped. Anything unconfirmed is handed over again, with the same id.
pub(crate) async fn hand_over(
    queue: Arc<Queue>,
    client: FunctionsClient,
    workshop: Workshop,
    limits: Limits,
    found: Found,
    mut arrived: mpsc::UnboundedReceiver<String>,
) {
    let places = Arc::new(Semaphore::new(limits.handovers));
    let mut tasks = JoinSet::new();
    let mut clean = tokio::time::interval(CLEAN);
    let retry = limits.retry;
    let handover = || Handover {
        queue: Arc::clone(&queue),
        client: client.clone(),
        workshop: workshop.clone(),
        places: Arc::clone(&places),
        retry,
    };
    let start = |id: String, tasks: &mut JoinSet<()>| {
        let work = handover();
        tasks.spawn(async move { work.run(&id).await });
    };
    // Before all others, and each alone: if one of them ends the process again, it is known which.
    for id in found.suspects {
        handover().prove(&id).await;
        start(id, &mut tasks);
    }
    for id in found.waiting {
        start(id, &mut tasks);
    }
    loop {
        tokio::select! {
            id = arrived.recv() => match id {
                Some(id) => start(id, &mut tasks),
                None => return,
            },
            Some(_) = tasks.join_next() => {}
            _ = clean.tick() => {
                let (queue, keep) = (Arc::clone(&queue), limits.keep_refused);
                if let Ok(Err(error)) = tokio::task::spawn_blocking(move || queue.clean(keep)).await {
                    tracing::warn!(%error, "old mails could not be removed");
                }
            }
        }
    }
}

struct Handover {
    queue: Arc<Queue>,
    client: FunctionsClient,
    workshop: Workshop,
    places: Arc<Semaphore>,
    retry: Duration,
}

/// Anyone can send any number of mails that cannot be parsed.
fn tell_set_aside(id: &str, reason: &str) {
    if let Some(left_out) = SET_ASIDE.say() {
        tracing::error!(
            id,
            reason,
            left_out,
            "a mail could not be parsed; it is kept aside in broken/"
        );
    }
}

/// A parsed mail.
struct Pieces {
    envelope: Envelope,
    bytes: Vec<u8>,
    content: Content,
}

/// The result of parsing a mail.
enum Apart {
    Pieces(Box<Pieces>),
    /// It cannot be parsed: the reason.
    Never(String),
    /// It no longer exists.
    Gone,
}

/// The result of an attempt.
enum Attempt {
    Done,
    Gone,
    /// The functions will never accept it: the reason.
    Refused(String),
    /// It must not be processed any further: the reason.
    Never(String),
}

impl Handover {
    async fn run(&self, id: &str) {
        let mut backoff = Backoff::between(FIRST_PAUSE, self.retry);
        let mut complained = String::new();
        loop {
            let result = match self.places.acquire().await {
                Ok(_place) => self.attempt(id).await,
                Err(_) => return,
            };
            let settled = match result {
                Ok(Attempt::Done) => {
                    if let Some(left_out) = HANDED_OVER.say() {
                        tracing::info!(id, left_out, "mail handed over");
                    }
                    self.blocking(id, Queue::remove).await
                }
                Ok(Attempt::Refused(reason)) => {
                    if let Some(left_out) = REFUSED.say() {
                        tracing::error!(
                            id,
                            reason,
                            left_out,
                            "the functions refused a mail; it is kept aside"
                        );
                    }
                    self.blocking(id, Queue::refuse).await
                }
                Ok(Attempt::Never(reason)) => {
                    tell_set_aside(id, &reason);
                    self.blocking(id, Queue::set_aside).await
                }
                Ok(Attempt::Gone) => return,
                Err(error) => Err(error),
            };
            let Err(error) = settled else { return };
            if error != complained {
                if let Some(left_out) = WAITS.say() {
                    tracing::warn!(
                        id,
                        error,
                        left_out,
                        "a mail cannot be handed over yet; it stays in the queue"
                    );
                }
                complained = error;
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    /// Parses a mail that was being processed when the process ended.
    async fn prove(&self, id: &str) {
        if let Some(left_out) = TRIED_ALONE.say() {
            tracing::warn!(
                id,
                left_out,
                "the process ended while processing a mail; retrying it alone"
            );
        }
        let reason = match self.take_apart(id, true).await {
            Ok(Apart::Never(reason)) => reason,
            Ok(Apart::Pieces(_) | Apart::Gone) => return,
            Err(error) => {
                if let Some(left_out) = NOT_LOOKED_AT.say() {
                    tracing::warn!(id, error, left_out, "a mail cannot be parsed yet");
                }
                return;
            }
        };
        tell_set_aside(id, &reason);
        if let Err(error) = self.blocking(id, Queue::set_aside).await
            && let Some(left_out) = NOT_SET_ASIDE.say()
        {
            tracing::error!(id, error, left_out, "a mail cannot be set aside");
        }
    }

    /// Parses a mail. The start of an attempt is made durable beforehand, and its end is noted whatever the result,
    /// unless there is none.
    async fn take_apart(&self, id: &str, alone: bool) -> Result<Apart, String> {
        let (queue, name) = (Arc::clone(&self.queue), id.to_owned());
        let begun = tokio::task::spawn_blocking(move || queue.begin(&name)).await;
        match begun.map_err(|error| error.to_string())? {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Apart::Gone),
            begun => begun.map_err(|error| error.to_string())?,
        }
        let (queue, name) = (Arc::clone(&self.queue), id.to_owned());
        let work = move || -> io::Result<Result<Pieces, Excess>> {
            let (envelope, bytes) = queue.read(&name)?;
            Ok(mime::read(&bytes).map(|content| Pieces {
                envelope,
                bytes,
                content,
            }))
        };
        let done = if alone {
            self.workshop.run_alone(work).await
        } else {
            self.workshop.run(work).await
        };
        match done {
            Err(reason @ (Broken::Panicked | Broken::TooLong)) => {
                return Ok(Apart::Never(reason.to_string()));
            }
            Ok(Ok(Err(excess))) => return Ok(Apart::Never(excess.to_string())),
            _ => {}
        }
        self.blocking(id, Queue::end).await?;
        match done.map_err(|error| error.to_string())? {
            Ok(Ok(pieces)) => Ok(Apart::Pieces(Box::new(pieces))),
            Ok(Err(excess)) => Ok(Apart::Never(excess.to_string())),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn blocking(
        &self,
        id: &str,
        work: fn(&Queue, &str) -> io::Result<()>,
    ) -> Result<(), String> {
        let (queue, id) = (Arc::clone(&self.queue), id.to_owned());
        match tokio::task::spawn_blocking(move || work(&queue, &id)).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn attempt(&self, id: &str) -> Result<Attempt, String> {
        let pieces = match self.take_apart(id, false).await? {
            Apart::Pieces(pieces) => *pieces,
            Apart::Never(reason) => return Ok(Attempt::Never(reason)),
            Apart::Gone => return Ok(Attempt::Gone),
        };
        let Pieces {
            envelope,
            bytes,
            content,
        } = pieces;
        let size = bytes.len() as u64;
        let bytes = Bytes::from(bytes);
        let (mut documents, mut attachments) = (
            vec![(MAIL_DOCUMENT.to_owned(), "message/rfc822".to_owned(), bytes)],
            Vec::new(),
        );
        for (file, bytes) in content.files {
            documents.push((
                file.document.clone(),
                file.content_type.clone(),
                Bytes::from(bytes),
            ));
            attachments.push(file);
        }
        let mut arrival = MailArrival {
            id: envelope.id,
            address: String::new(),
            received: envelope.received,
            sender: envelope.from,
            from: content.from,
            to: content.to,
            subject: content.subject,
            date: content.date,
            text: content.text,
            checks: envelope.checks,
            attachments,
            size,
        };
        let mut refused = Vec::new();
        for address in envelope.to {
            arrival.address = address;
            match self.deliver(&arrival, &documents).await {
                Ok(()) => {}
                Err(FunctionsError::Status {
                    status: status @ (400 | 404 | 413 | 422),
                    detail,
                    ..
                }) => refused.push(format!("{}: {status} {detail}", arrival.address)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(if refused.is_empty() {
            Attempt::Done
        } else {
            Attempt::Refused(refused.join("; "))
        })
    }

    async fn deliver(
        &self,
        arrival: &MailArrival,
        documents: &[(String, String, Bytes)],
    ) -> Result<(), FunctionsError> {
        for (name, kind, bytes) in documents {
            self.client
                .mail_document(
                    &arrival.address,
                    &arrival.id,
                    arrival.received,
                    name,
                    kind,
                    bytes.clone(),
                )
                .await?;
        }
        self.client.mail(arrival).await
    }
}
