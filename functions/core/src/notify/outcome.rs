//! The outcome of a mail, as reported by the connector that sends mail.

use bytes::Bytes;
use http::StatusCode;
use protocol::{MailOutcome, MailResult};
use storage_adapter::ObjectStore;

use super::settings::Notifications;
use crate::kernel::config::Connector;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::{Edit, Invite};
use crate::kernel::request::{empty, parse_json};
use crate::kernel::text::plain;
use crate::notify::Notify;

/// The longest reason that is stored, in characters.
const MAX_REASON: usize = 300;

impl<S: ObjectStore, H: Host> Notify<S, H> {
    /// `POST /connector/mail/outcome`.
    pub(crate) async fn post_mail_outcome(&self, connector: &Connector, body: &Bytes) -> Answer {
        let mut outcome: MailOutcome = parse_json(body)?;
        let service = self.outgoing.mail_service().await?;
        if service.is_none_or(|service| service.connector != connector.id) {
            return Err(Failure::forbidden(
                "only the connector that sends mail may report its outcome",
            ));
        }
        outcome.reason = plain(&outcome.reason, MAX_REASON);
        if outcome.result == MailResult::Undeliverable {
            self.outgoing
                .mark_undeliverable(&outcome.to, &outcome.reason)
                .await?;
            self.kernel
                .edit::<Notifications, ()>(&keys::notifications(&outcome.account), |settings| {
                    if settings.email.as_ref() != Some(&outcome.to) {
                        return Edit::Keep(());
                    }
                    settings.undeliverable = Some(outcome.reason.clone());
                    Edit::Write(())
                })
                .await?;
        }
        if let Some(id) = outcome.source.strip_prefix("invites/")
            && keys::is_id(id)
        {
            self.kernel
                .edit::<Invite, ()>(&keys::invite(id), |invite| {
                    if invite.inviter != outcome.account
                        || invite.email.as_ref() != Some(&outcome.to)
                    {
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
