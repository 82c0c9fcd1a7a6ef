//! Accepts complete mails: checks them and makes them durable.
//!
//! A mail is read twice before it is durable. First by our own code, which has no recursion and whose work and memory
//! are bounded (`mime/tree.rs`, `mime/bounds.rs`, and later `outgoing/bounce.rs`), so nothing needs to be noted for
//! that. Then, within these bounds, by the library that checks its sender: the start of that is noted beforehand, and
//! a mail that has repeatedly ended the process is no longer checked, but refused and kept aside in `broken/`.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use connector_kit::now;
use durable::{Tries, is_full};
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
static HOPELESS: Seldom = Seldom::new();

/// How often a mail whose check ends the process is checked. More often than a queued mail: its sender resubmits it
/// at will, and may happen to do so while the process ends for other reasons.
pub(crate) const MAX_TRIES: u8 = 5;

/// Accepts mails.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) queue: Arc<Queue>,
    pub(crate) checker: Option<Checker>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) hostname: String,
    pub(crate) hops: usize,
    pub(crate) arrived: mpsc::UnboundedSender<String>,
    pub(crate) outgoing: Option<Arc<Outgoing>>,
    /// Where mails are parsed.
    pub(crate) workshop: Workshop,
    /// Where their senders are checked, which involves waiting for DNS.
    pub(crate) checking: Workshop,
    /// Which mails are being checked.
    pub(crate) tries: Arc<Tries>,
}

/// Why a check has no result.
enum Unchecked {
    /// Its start cannot be noted.
    Disk(io::Error),
    /// The mail ended the process too often.
    Hopeless,
}

impl Inbox {
    /// Decides about a mail. It is durable if the verdict says so.
    pub(crate) async fn take(&self, mail: Mail, peer: IpAddr) -> Verdict {
        match self.decide(Arc::new(mail), peer).await {
            Ok(id) => Verdict::Queued(id),
            Err(refused) => refused,
        }
    }

    /// Checks whether there is room for a mail of this size, before its sender transmits it.
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
        let name = self.look_at(&mail).await?;
        let checked = self.check(&mail, name, peer).await?;
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

    /// Checks whether it can be parsed, before anything else processes it; returns its fingerprint.
    async fn look_at(&self, mail: &Arc<Mail>) -> Result<String, Verdict> {
        let (looked_at, hops) = (Arc::clone(mail), self.hops);
        let work = move || {
            mime::check(&looked_at.bytes)?;
            if trace::count(&looked_at.bytes, "received") > hops {
                let sentence = format!("mail loop: the mail has made more than {hops} hops");
                return Err(mime::Refusal("554 5.4.6", sentence));
            }
            Ok(fingerprint(&looked_at))
        };
        match self.workshop.run(work).await {
            Ok(Ok(name)) => Ok(name),
            Ok(Err(mime::Refusal(code, sentence))) => Err(Verdict::Refused(code, sentence)),
            Err(broken) => Err(not_looked_at(broken)),
        }
    }

    /// Checks its sender. Signatures are computed over the whole mail, which must not happen on a thread shared with
    /// everyone else.
    async fn check(
        &self,
        mail: &Arc<Mail>,
        name: String,
        peer: IpAddr,
    ) -> Result<Checked, Verdict> {
        let Some(checker) = self.checker.clone() else {
            return Ok(Checked::skipped());
        };
        let (checked, runtime) = (Arc::clone(mail), Handle::current());
        let tries = Arc::clone(&self.tries);
        // If it ends the process again, it is known which mail it was.
        let alone = self.tries.is_suspected(&name);
        let work = move || {
            if tries.is_hopeless(&name) {
                return Err(Unchecked::Hopeless);
            }
            let _trying = tries.begin(&name).map_err(Unchecked::Disk)?;
            Ok(runtime.block_on(checker.check(&checked, peer)))
        };
        let checked = if alone {
            self.checking.run_alone(work).await
        } else {
            self.checking.run(work).await
        };
        match checked.map_err(not_looked_at)? {
            Ok(checked) => Ok(checked),
            Err(Unchecked::Disk(error)) => Err(not_kept(&error.into())),
            Err(Unchecked::Hopeless) => Err(self.set_aside(mail).await),
        }
    }

    /// Keeps a mail for the operator to inspect, and returns that it is refused.
    async fn set_aside(&self, mail: &Arc<Mail>) -> Verdict {
        let (mail, queue) = (Arc::clone(mail), Arc::clone(&self.queue));
        let kept = tokio::task::spawn_blocking(move || {
            let envelope = Envelope {
                id: fingerprint(&mail),
                received: now(),
                from: mail.from.clone(),
                to: mail.to.clone(),
                checks: Checked::skipped().checks,
            };
            queue.keep_aside(&envelope, &mail.bytes)
        });
        let kept = kept.await;
        if let Some(left_out) = HOPELESS.say() {
            let kept = matches!(kept, Ok(Ok(())));
            tracing::error!(
                left_out,
                kept,
                "the process ended {MAX_TRIES} times while checking the sender of a mail; the mail is refused and kept aside in broken/"
            );
        }
        Verdict::Refused("554 5.6.0", CANNOT_BE_TAKEN_APART.to_owned())
    }

    /// Processes a mail's deliveries to our return paths and returns its other recipients; the reported failures are
    /// durable then. Anything that is not a failure report, such as an automatic reply, is dropped.
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
        tracing::error!(%error, left_out, "a mail could not be stored; its sender will retry");
    }
}

/// The response when a mail cannot be made durable.
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
        ("451 4.3.0", "the mail cannot be stored at the moment")
    };
    Verdict::Refused(code, format!("{sentence}; try again later"))
}

const CANNOT_BE_TAKEN_APART: &str = "the mail cannot be parsed";

/// The response when parsing a mail did not complete.
fn not_looked_at(broken: Broken) -> Verdict {
    if let Some(left_out) = NOT_LOOKED_AT.say() {
        tracing::error!(reason = %broken, left_out, "a mail could not be parsed");
    }
    match broken {
        Broken::Busy => later(),
        // It would do the same the next time.
        Broken::Panicked | Broken::TooLong => {
            Verdict::Refused("554 5.6.0", CANNOT_BE_TAKEN_APART.to_owned())
        }
    }
}

fn later() -> Verdict {
    Verdict::Refused("451 4.3.0", "try again later".to_owned())
}

/// The id of a mail. A sender that missed the 250 sends the same bytes to the same recipients again; that is then the
/// same mail. Without a `Message-ID`, two identical mails may be different ones.
fn mail_id(mail: &Mail, to: &[String]) -> String {
    let mut hash = hash_of(mail, to);
    if !trace::has_message_id(&mail.bytes) {
        let mut random = [0; 16];
        if getrandom::fill(&mut random).is_ok() {
            hash.update(random);
        }
    }
    hex(hash)
}

/// Identifies a mail that is sent again unchanged.
fn fingerprint(mail: &Mail) -> String {
    hex(hash_of(mail, &mail.to))
}

fn hash_of(mail: &Mail, to: &[String]) -> Sha256 {
    let mut hash = Sha256::new();
    for part in to.iter().chain([&mail.from]) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(&mail.bytes);
    hash
}

fn hex(hash: Sha256) -> String {
    protocol::hex(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests;
