//! Outgoing mail: invites, confirmations and digests of what was missed. The functions write what is to be said;
//! the mail connector fetches it like every task, keeps it, sends it, and tells what became of it.

mod addressee;

use crate::kernel::records::Invite;
use bytes::Bytes;
use http::StatusCode;
use protocol::{AccountName, EmailAddress, MailOutcome, MailResult, OutgoingMail, Task, Timestamp};
use storage_adapter::{ObjectStore, StoreError};

use crate::Functions;
use crate::kernel::config::Connector;
use crate::kernel::config::MailService;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{empty, parse_json};
use crate::notify::Notifications;

/// How long an invite or a confirmation is worth sending: 2 days.
const SEND_WITHIN_MS: i64 = 2 * 24 * 60 * 60 * 1000;
/// Longest reason that is kept, in characters.
const MAX_REASON: usize = 300;

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Returns who takes and sends mail: of the configuration, or a mail connector that registered.
    pub(crate) async fn mail_service(&self) -> Result<Option<MailService>, StoreError> {
        if self.config.mail.is_some() {
            return Ok(self.config.mail.clone());
        }
        let registry = self.registry().await?;
        let mut registered = registry.connectors.iter().filter_map(|connector| {
            let mail = connector.registration.mail.clone()?;
            Some(MailService {
                domain: mail.domain,
                connector: connector.id.clone(),
                sends: mail.sends,
            })
        });
        Ok(registered.next())
    }

    /// Returns the connector that sends mail, if there is one.
    pub(crate) async fn mail_sender(&self) -> Result<Option<Connector>, StoreError> {
        match self.mail_service().await? {
            Some(service) if service.sends => self.find_connector(&service.connector).await,
            _ => Ok(None),
        }
    }

    /// Returns the connector that sends mail.
    pub(crate) async fn must_send(&self) -> Result<Connector, Failure> {
        self.mail_sender().await?.ok_or_else(|| {
            Failure::conflict(
                "this installation sends no mail; its operator can set up a smarthost (mail-out)",
            )
        })
    }

    /// Mails somebody an invite.
    pub(crate) async fn mail_invite(
        &self,
        connector: &Connector,
        invite: &Invite,
        to: &EmailAddress,
        token: &str,
    ) -> Result<(), StoreError> {
        let (name, origin) = (&self.config.name, &self.config.origin);
        let inviter = &invite.inviter;
        let text = format!(
            "{inviter} invites you to {name} at {origin}.\n\n\
             This link opens it; it can be used once, until {until}:\n\n{origin}/#/invite/{token}\n\n\
             If you do not know {inviter}, do nothing: no further mail comes of it.\n",
            until = until(invite.expires),
        );
        let subject = format!("{inviter} invites you to {name}");
        let source = format!("invites/{}", invite.id);
        let mail = self.compose(inviter, to, subject, text, source);
        self.deliver(connector, &self.task_id(), Task::Mail(mail))
            .await
    }

    pub(crate) fn compose(
        &self,
        account: &AccountName,
        to: &EmailAddress,
        subject: String,
        text: String,
        source: String,
    ) -> OutgoingMail {
        let now = self.now();
        OutgoingMail {
            account: account.clone(),
            to: to.clone(),
            from: self.config.name.clone(),
            subject,
            text,
            unsubscribe: None,
            source,
            created: now,
            expires: now.plus_millis(SEND_WITHIN_MS),
        }
    }

    /// `POST /connector/mail/outcome`.
    pub(crate) async fn post_mail_outcome(&self, connector: &Connector, body: &Bytes) -> Answer {
        let mut outcome: MailOutcome = parse_json(body)?;
        let service = self.mail_service().await?;
        if service.is_none_or(|service| service.connector != connector.id) {
            return Err(Failure::forbidden(
                "only the connector that sends mail may tell what became of it",
            ));
        }
        outcome.reason = crate::mail::incoming::plain(&outcome.reason, MAX_REASON);
        if outcome.result == MailResult::Undeliverable {
            self.mark_undeliverable(&outcome.to, &outcome.reason)
                .await?;
            self.edit::<Notifications, ()>(&keys::notifications(&outcome.account), |settings| {
                if settings.email.as_ref() != Some(&outcome.to) {
                    return Edit::Keep(());
                }
                settings.undeliverable = Some(outcome.reason.clone());
                Edit::Write(())
            })
            .await?;
        }
        if let Some(id) = outcome.source.strip_prefix("invites/")
            && crate::routes::api::is_id(id)
        {
            self.edit::<Invite, ()>(&keys::invite(id), |invite| {
                if invite.inviter != outcome.account || invite.email.as_ref() != Some(&outcome.to) {
                    return Edit::Keep(());
                }
                invite.mail = Some(outcome.result);
                let told = outcome.result != MailResult::Sent && !outcome.reason.is_empty();
                invite.mail_problem = told.then(|| outcome.reason.clone());
                Edit::Write(())
            })
            .await?;
        }
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

/// A time for people, in UTC.
pub(crate) fn until(time: Timestamp) -> String {
    let text = time.to_string();
    format!(
        "{} {} UTC",
        text.get(..10).unwrap_or_default(),
        text.get(11..16).unwrap_or_default()
    )
}
