//! Takes complete mails: looks at them and makes them durable.

use std::net::IpAddr;
use std::sync::Arc;

use connector_kit::now;
use durable::is_full;
use program::{Broken, Seldom, Workshop};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::checks::{Checked, Checker};
use crate::directory::Directory;
use crate::mime;
use crate::outgoing::{Outgoing, failure};
use crate::queue::{Envelope, Queue, QueueError};
use crate::session::{Mail, Verdict};
use crate::trace;

static NOT_KEPT: Seldom = Seldom::new();
static NOT_LOOKED_AT: Seldom = Seldom::new();

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
    /// Where mails are looked at.
    pub(crate) workshop: Workshop,
    /// Where their senders are checked, which waits for DNS.
    pub(crate) checking: Workshop,
}

impl Inbox {
    /// Decides about a mail. It is durable if the answer says so.
    pub(crate) async fn take(&self, mail: Mail, peer: IpAddr) -> Verdict {
        match self.decide(Arc::new(mail), peer).await {
            Ok(id) => Verdict::Queued(id),
            Err(refused) => refused,
        }
    }

    /// Whether a mail of so many bytes has room; said before its sender gives it away.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        match self.queue.check_room(length as u64) {
            Ok(()) => true,
            Err(error) => {
                log_not_kept(&error);
                false
            }
        }
    }

    async fn decide(&self, mail: Arc<Mail>, peer: IpAddr) -> Result<String, Verdict> {
        self.look_at(&mail).await?;
        let checked = self.check(&mail, peer).await?;
        if let Some(reason) = checked.refused {
            return Err(Verdict::Refused("550 5.7.1", reason));
        }
        let to = self.take_bounces(&mail).await?;
        if to.is_empty() {
            return Ok("bounce".to_owned());
        }
        let received = now();
        let (queue, hostname) = (Arc::clone(&self.queue), self.hostname.clone());
        let (checks, results) = (checked.checks, checked.results);
        let kept = tokio::task::spawn_blocking(move || {
            let envelope = Envelope {
                id: mail_id(&mail, &to),
                received,
                from: mail.from.clone(),
                to,
                checks,
            };
            let id = &envelope.id;
            let stamped = trace::stamp(&mail, peer, &hostname, id, &results, received);
            drop(mail);
            let new = queue.push(&envelope, &stamped)?;
            Ok::<_, QueueError>((new, envelope.id, envelope.to))
        });
        match kept.await {
            Ok(Ok((new, id, to))) => {
                if new {
                    for address in &to {
                        self.directory.count(address);
                    }
                    drop(self.arrived.send(id.clone()));
                }
                Ok(id)
            }
            Ok(Err(error)) => Err(not_kept(&error)),
            Err(_) => Err(later()),
        }
    }

    /// Looks whether it can be taken apart, before anything else does.
    async fn look_at(&self, mail: &Arc<Mail>) -> Result<(), Verdict> {
        let (looked_at, hops) = (Arc::clone(mail), self.hops);
        let work = move || {
            mime::check(&looked_at.bytes)?;
            if trace::count(&looked_at.bytes, "received") > hops {
                let sentence = format!("the mail goes in circles: it made more than {hops} hops");
                return Err(mime::Refusal("554 5.4.6", sentence));
            }
            Ok(())
        };
        match self.workshop.run(work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(mime::Refusal(code, sentence))) => Err(Verdict::Refused(code, sentence)),
            Err(broken) => Err(not_looked_at(broken)),
        }
    }

    /// Asks about its sender. Signatures are computed over the whole mail, which is not done where all others wait.
    async fn check(&self, mail: &Arc<Mail>, peer: IpAddr) -> Result<Checked, Verdict> {
        let Some(checker) = self.checker.clone() else {
            return Ok(Checked::skipped());
        };
        let (mail, runtime) = (Arc::clone(mail), Handle::current());
        let work = move || runtime.block_on(checker.check(&mail, peer));
        self.checking.run(work).await.map_err(not_looked_at)
    }

    /// Takes what came to return paths of ours away from a mail and returns who else it is for; what it says is durable
    /// then. Whatever is no report of a failure, like what somebody's mailbox answers by itself, has no reader.
    async fn take_bounces(&self, mail: &Arc<Mail>) -> Result<Vec<String>, Verdict> {
        let Some(outgoing) = &self.outgoing else {
            return Ok(mail.to.clone());
        };
        let (bounces, to): (Vec<_>, Vec<_>) = mail
            .to
            .iter()
            .cloned()
            .partition(|address| outgoing.is_bounce_address(address));
        if bounces.is_empty() {
            return Ok(to);
        }
        let report = Arc::clone(mail);
        let reason = self.workshop.run(move || failure(&report.bytes)).await;
        if let Some(reason) = reason.map_err(not_looked_at)? {
            for address in bounces {
                let kept = outgoing.came_back(&address, reason.clone()).await;
                kept.map_err(|error| not_kept(&error.into()))?;
            }
        }
        Ok(to)
    }
}

fn log_not_kept(error: &QueueError) {
    if let Some(left_out) = NOT_KEPT.say() {
        tracing::error!(%error, left_out, "a mail could not be kept; its sender will try again");
    }
}

/// What is said when a mail cannot be made durable.
fn not_kept(error: &QueueError) -> Verdict {
    log_not_kept(error);
    let full = match error {
        QueueError::Full(_) | QueueError::NoRoom(_) => true,
        QueueError::Io(error) => is_full(error),
        QueueError::Busy => false,
    };
    let (code, sentence) = if full {
        ("452 4.3.1", "there is no room for the mail at the moment")
    } else {
        ("451 4.3.0", "the mail cannot be kept at the moment")
    };
    Verdict::Refused(code, format!("{sentence}; try again later"))
}

/// What is said when looking at a mail had no end.
fn not_looked_at(broken: Broken) -> Verdict {
    if let Some(left_out) = NOT_LOOKED_AT.say() {
        tracing::error!(reason = %broken, left_out, "a mail could not be looked at");
    }
    match broken {
        Broken::Busy => later(),
        // It would go the same way the next time.
        Broken::Panicked | Broken::TooLong => {
            let sentence = "the mail cannot be taken apart".to_owned();
            Verdict::Refused("554 5.6.0", sentence)
        }
    }
}

fn later() -> Verdict {
    Verdict::Refused("451 4.3.0", "try again later".to_owned())
}

/// Names a mail. A sender that did not hear the 250 sends the same bytes to the same people once more; that is
/// then the same mail. Without a `Message-ID` two equal mails may be two.
fn mail_id(mail: &Mail, to: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in to.iter().chain([&mail.from]) {
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
