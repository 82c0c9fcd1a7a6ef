//! Takes complete mails: looks at them, makes them durable, and hands them to the functions.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connector::{FunctionsClient, FunctionsError};
use model::{MAIL_DOCUMENT, MailArrival};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::checks::{Checked, Checker};
use crate::config::Limits;
use crate::directory::Directory;
use crate::mime;
use crate::outgoing::{Outgoing, failure};
use crate::pause::{Backoff, now};
use crate::queue::{Envelope, Queue, QueueError};
use crate::session::{Mail, Verdict};
use crate::trace;

/// How often mails that were put aside are looked through.
const CLEAN: Duration = Duration::from_secs(3_600);

/// Takes mails.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) queue: Arc<Queue>,
    pub(crate) checker: Option<Checker>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) hostname: String,
    pub(crate) hops: usize,
    pub(crate) arrived: mpsc::UnboundedSender<String>,
    pub(crate) outgoing: Option<Arc<Outgoing>>,
}

impl Inbox {
    /// Decides about a mail. It is durable if the answer says so.
    pub(crate) async fn take(&self, mut mail: Mail, peer: IpAddr) -> Verdict {
        if trace::count(&mail.bytes, "received") > self.hops {
            let sentence = format!(
                "the mail goes in circles: it made more than {} hops",
                self.hops
            );
            return Verdict::Refused("554 5.4.6", sentence);
        }
        let checked = match &self.checker {
            Some(checker) => checker.check(&mail, peer).await,
            None => Checked::skipped(),
        };
        if let Some(reason) = checked.refused {
            return Verdict::Refused("550 5.7.1", reason);
        }
        if let Err(error) = self.take_bounces(&mut mail).await {
            tracing::error!(%error, "a bounce could not be kept; its sender will try again");
            return Verdict::Refused("451 4.3.0", "try again later".to_owned());
        }
        if mail.to.is_empty() {
            return Verdict::Queued("bounce".to_owned());
        }
        let received = now();
        let envelope = Envelope {
            id: mail_id(&mail),
            received,
            from: mail.from.clone(),
            to: mail.to.clone(),
            checks: checked.checks,
        };
        let id = envelope.id.clone();
        let stamped = trace::stamp(&mail, peer, &self.hostname, &id, &checked.results, received);
        drop(mail.bytes);
        let queue = Arc::clone(&self.queue);
        let to = envelope.to.clone();
        let kept = tokio::task::spawn_blocking(move || queue.push(&envelope, &stamped)).await;
        match kept {
            Ok(Ok(new)) => {
                if new {
                    for address in &to {
                        self.directory.count(address);
                    }
                    drop(self.arrived.send(id.clone()));
                }
                Verdict::Queued(id)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "a mail could not be kept; its sender will try again");
                let full = matches!(error, QueueError::Full(_));
                let code = if full { "452 4.3.1" } else { "451 4.3.0" };
                Verdict::Refused(
                    code,
                    "the mail cannot be kept at the moment; try again later".to_owned(),
                )
            }
            Err(_) => Verdict::Refused("451 4.3.0", "try again later".to_owned()),
        }
    }
}

impl Inbox {
    /// Takes what came to return paths of ours away from a mail; what it says is durable then. Whatever is no
    /// report of a failure, like what somebody's mailbox answers by itself, has no reader.
    async fn take_bounces(&self, mail: &mut Mail) -> std::io::Result<()> {
        let Some(outgoing) = &self.outgoing else {
            return Ok(());
        };
        let (bounces, to): (Vec<_>, Vec<_>) = std::mem::take(&mut mail.to)
            .into_iter()
            .partition(|address| outgoing.is_bounce_address(address));
        mail.to = to;
        if bounces.is_empty() {
            return Ok(());
        }
        if let Some(reason) = failure(&mail.bytes) {
            for address in bounces {
                outgoing.came_back(&address, reason.clone()).await?;
            }
        }
        Ok(())
    }
}

/// Names a mail. A sender that did not hear the 250 sends the same bytes to the same people once more; that is
/// then the same mail. Without a `Message-ID` two equal mails may be two.
fn mail_id(mail: &Mail) -> String {
    let mut hash = Sha256::new();
    for part in mail.to.iter().chain([&mail.from]) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(&mail.bytes);
    if !trace::has_message_id(&mail.bytes) {
        let mut random = [0; 16];
        if getrandom::fill(&mut random).is_ok() {
            hash.update(random);
        }
    }
    hash.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Hands mails over until it is dropped. Whatever was not confirmed is handed over again, under the same id.
pub(crate) async fn hand_over(
    queue: Arc<Queue>,
    client: FunctionsClient,
    limits: Limits,
    waiting: Vec<String>,
    mut arrived: mpsc::UnboundedReceiver<String>,
) {
    let places = Arc::new(Semaphore::new(limits.handovers));
    let mut tasks = JoinSet::new();
    let mut clean = tokio::time::interval(CLEAN);
    let retry = limits.retry;
    let start = |id: String, tasks: &mut JoinSet<()>| {
        let work = Handover {
            queue: Arc::clone(&queue),
            client: client.clone(),
            places: Arc::clone(&places),
            retry,
        };
        tasks.spawn(async move { work.run(&id).await });
    };
    for id in waiting {
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
    places: Arc<Semaphore>,
    retry: Duration,
}

/// What became of an attempt.
enum Attempt {
    Done,
    /// The functions will never take it: the reason.
    Refused(String),
}

impl Handover {
    async fn run(&self, id: &str) {
        let mut backoff = Backoff::new(self.retry);
        let mut complained = String::new();
        loop {
            let result = match self.places.acquire().await {
                Ok(_place) => self.attempt(id).await,
                Err(_) => return,
            };
            let settled = match result {
                Ok(Attempt::Done) => {
                    tracing::info!(id, "mail handed over");
                    self.blocking(id, Queue::remove).await
                }
                Ok(Attempt::Refused(reason)) => {
                    tracing::error!(id, reason, "the functions refused a mail; it is kept aside");
                    self.blocking(id, Queue::set_aside).await
                }
                Err(error) => Err(error),
            };
            let Err(error) = settled else { return };
            if error != complained {
                tracing::warn!(
                    id,
                    error,
                    "a mail cannot be handed over yet; it waits in the queue"
                );
                complained = error;
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    async fn blocking(
        &self,
        id: &str,
        work: fn(&Queue, &str) -> std::io::Result<()>,
    ) -> Result<(), String> {
        let (queue, id) = (Arc::clone(&self.queue), id.to_owned());
        match tokio::task::spawn_blocking(move || work(&queue, &id)).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn attempt(&self, id: &str) -> Result<Attempt, String> {
        let (queue, name) = (Arc::clone(&self.queue), id.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            queue.read(&name).map(|(envelope, bytes)| {
                let content = mime::read(&bytes);
                (envelope, bytes, content)
            })
        });
        let (envelope, bytes, content) = read
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
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
