//! Digests of missed messages: at most one an hour, with a link to every conversation and an unsubscribe link.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::{AccountName, DigestsAnswer, Folding, OutboxTask, OutgoingMail, Timestamp};
use storage_adapter::{ObjectStore, StoreError};

use super::pending::{Missed, Pending, Sending};
use crate::kernel::config::Connector;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::answer;
use crate::notify::Notify;
use crate::outgoing::until;

/// Everything in a path segment but unreserved characters (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The most marks that one request processes.
const MAX_MARKS: usize = 200;
/// How long a digest is worth sending, in milliseconds: a day.
const SEND_WITHIN_MS: i64 = 24 * 60 * 60 * 1000;

impl<S: ObjectStore, H: Host> Notify<S, H> {
    /// `POST /connector/notifications`: queues the digests that are due. The connector that sends mail requests this
    /// twice a minute, so it happens on every kind of host.
    pub(crate) async fn post_digests(&self, connector: &Connector) -> Answer {
        let sender = self.outgoing.mail_sender().await?;
        if sender.is_none_or(|sender| sender.id != connector.id) {
            return Err(Failure::forbidden(
                "only the connector that sends mail may request digests",
            ));
        }
        let now = self.kernel.now();
        let marks = self
            .kernel
            .storage()
            .store()
            .list(keys::NOTIFICATIONS_DUE, None)
            .await?;
        let mut queued = 0;
        for mark in marks.into_iter().take(MAX_MARKS) {
            let Some((due, account)) = keys::parse_notifications_due(&mark.key) else {
                self.kernel.storage().store().delete(&mark.key).await?;
                continue;
            };
            if due > now {
                break;
            }
            match self.digest(connector, &account, &mark.key, now).await {
                Ok(made) => queued += usize::from(made),
                // That account waits; all others continue.
                Err(error) if error.is_own() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(answer(StatusCode::OK, &DigestsAnswer { queued }))
    }

    /// Creates the digest of a mark; true if one was queued. After an interruption it is repeated under the same id.
    async fn digest(
        &self,
        connector: &Connector,
        account: &AccountName,
        mark: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = keys::notifications_pending(account);
        let mut settings = self.notifications(account).await?;
        if self.identity.is_closed(account).await? {
            settings.enabled = false;
        }
        let id = self.connectors.task_id();
        let mut later = None;
        let sending = self
            .kernel
            .edit::<Pending, Option<Sending>>(&key, |pending| {
                later = None;
                if settings.active().is_none() {
                    *pending = Pending::default();
                    return Edit::Write(None);
                }
                if let Some(sending) = &pending.sending {
                    return Edit::Keep(Some(sending.clone()));
                }
                match pending.due(settings.minutes) {
                    Some(due) if due > now => later = Some(due),
                    Some(_) => return Edit::Write(Some(pending.take(id.clone(), now))),
                    None => {}
                }
                Edit::Keep(None)
            })
            .await?
            .flatten();
        let queued = sending.is_some();
        if let (Some(sending), Some(to)) = (sending, settings.active()) {
            let unsubscribe = self.unsubscribe_link(account);
            let mail = OutgoingMail {
                account: account.clone(),
                to: to.clone(),
                from: self.kernel.config().name.clone(),
                subject: subject(&self.kernel.config().name, &sending),
                text: text(&self.kernel.config().origin, &sending, &unsubscribe),
                unsubscribe: Some(unsubscribe),
                source: "notifications".to_owned(),
                created: now,
                expires: now.plus_millis(SEND_WITHIN_MS),
            };
            self.connectors
                .deliver(connector, &sending.id, OutboxTask::Mail(mail))
                .await?;
            // Anything that arrived in the meantime has its own mark.
            self.kernel
                .edit::<Pending, ()>(&key, |pending| {
                    if pending
                        .sending
                        .as_ref()
                        .is_some_and(|known| known.id == sending.id)
                    {
                        pending.sending = None;
                        return Edit::Write(());
                    }
                    Edit::Keep(())
                })
                .await?;
        }
        if let Some(due) = later {
            self.mark_due(account, due).await?;
        }
        self.kernel.storage().store().delete(mark).await?;
        Ok(queued)
    }
}

fn subject(name: &str, sending: &Sending) -> String {
    match (sending.items.as_slice(), sending.more) {
        // The target of a direct message is its sender.
        ([one], 0) if !Folding::Rfc1459.same(&one.target, &one.from) => {
            format!("{name}: {} mentioned you in {}", one.from, one.target)
        }
        ([one], 0) => format!("{name}: {} wrote to you", one.from),
        (items, more) => {
            let count = u32::try_from(items.len())
                .unwrap_or(u32::MAX)
                .saturating_add(more);
            format!("{name}: {count} messages for you")
        }
    }
}

fn text(origin: &str, sending: &Sending, unsubscribe: &str) -> String {
    let mut places: BTreeMap<(&str, &str), Vec<&Missed>> = BTreeMap::new();
    for item in &sending.items {
        places
            .entry((&item.connection, &item.target))
            .or_default()
            .push(item);
    }
    let mut out = "This was for you while you were away:\n".to_owned();
    for ((connection, target), items) in places {
        let _ = write!(out, "\n{target}\n");
        for item in items {
            let _ = writeln!(out, "  {}  {}: {}", until(item.at), item.from, item.text);
        }
        let _ = writeln!(
            out,
            "  {origin}/#/{connection}/{}",
            utf8_percent_encode(target, SEGMENT)
        );
    }
    if sending.more > 0 {
        let _ = write!(out, "\nAnd {} more.\n", sending.more);
    }
    let _ = write!(
        out,
        "\nYou get such a mail at most once an hour. To unsubscribe:\n{unsubscribe}\n"
    );
    out
}
