//! Outgoing mail: invites, confirmations and digests of missed messages. The functions write the text; the mail
//! connector fetches it like every task, stores it, sends it, and reports the outcome.

mod addressee;

use std::sync::Arc;

use crate::connectors::Connectors;
use crate::kernel::Kernel;
use crate::kernel::records::Invite;
use protocol::{AccountName, EmailAddress, OutboxTask, OutgoingMail, Timestamp};
use storage_adapter::{ObjectStore, StoreError};

use crate::kernel::config::Connector;
use crate::kernel::config::MailService;
use crate::kernel::host::Host;
use crate::kernel::problem::Failure;

/// How long an invite or a confirmation is worth sending, in milliseconds: 2 days.
const SEND_WITHIN_MS: i64 = 2 * 24 * 60 * 60 * 1000;

/// Outgoing mail.
pub(crate) struct Outgoing<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
}

impl<S, H> Outgoing<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(kernel: &Arc<Kernel<S, H>>, connectors: &Arc<Connectors<S, H>>) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            connectors: Arc::clone(connectors),
        }
    }
}

impl<S: ObjectStore, H: Host> Outgoing<S, H> {
    /// Returns the mail service, from the configuration or of a registered mail connector.
    pub(crate) async fn mail_service(&self) -> Result<Option<MailService>, StoreError> {
        if self.kernel.config().mail.is_some() {
            return Ok(self.kernel.config().mail.clone());
        }
        let registry = self.connectors.registry().await?;
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
            Some(service) if service.sends => {
                self.connectors.find_connector(&service.connector).await
            }
            _ => Ok(None),
        }
    }

    /// Returns the connector that sends mail, or an error.
    pub(crate) async fn must_send(&self) -> Result<Connector, Failure> {
        self.mail_sender().await?.ok_or_else(|| {
            Failure::conflict(
                "this installation sends no mail; its operator can set up a smarthost (mail-out)",
            )
        })
    }

    /// Mails an invite.
    pub(crate) async fn mail_invite(
        &self,
        connector: &Connector,
        invite: &Invite,
        to: &EmailAddress,
        token: &str,
    ) -> Result<(), StoreError> {
        let (name, origin) = (&self.kernel.config().name, &self.kernel.config().origin);
        let inviter = &invite.inviter;
        let text = format!(
            "{inviter} invites you to {name} at {origin}.\n\n\
             This link opens it; it can be used once, until {until}:\n\n{origin}/#/invite/{token}\n\n\
             If you do not know {inviter}, do nothing: you will get no further mail.\n",
            until = until(invite.expires),
        );
        let subject = format!("{inviter} invites you to {name}");
        let source = format!("invites/{}", invite.id);
        let mail = self.compose(inviter, to, subject, text, source);
        self.connectors
            .deliver(
                connector,
                &self.connectors.task_id(),
                OutboxTask::Mail(mail),
            )
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
        let now = self.kernel.now();
        OutgoingMail {
            account: account.clone(),
            to: to.clone(),
            from: self.kernel.config().name.clone(),
            subject,
            text,
            unsubscribe: None,
            source,
            created: now,
            expires: now.plus_millis(SEND_WITHIN_MS),
        }
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
