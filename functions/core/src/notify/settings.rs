//! `/api/notifications`: where missed mentions are mailed to. Nothing is sent to an address before its owner has
//! followed a link that was mailed there.

use http::StatusCode;
use protocol::{
    AccountName, BearerToken, EmailAddress, NewNotifications, NotificationsView, OutboxTask,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, StoreError};

use crate::identity::call::Call;
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{answer, json};
use crate::notify::Notify;
use crate::outgoing::until;

/// Minutes that a message waits to be read, unless the user chose otherwise.
const DEFAULT_MINUTES: u32 = 15;
/// The most minutes: a day.
const MAX_MINUTES: u32 = 24 * 60;
/// How long a confirmation link is valid: 3 days.
const CONFIRM_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// `accounts/<account>/notifications/settings.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Notifications {
    pub(crate) version: u32,
    pub(crate) email: Option<EmailAddress>,
    /// Whether the address's owner followed the link.
    pub(crate) confirmed: bool,
    pub(crate) enabled: bool,
    /// Minutes that a message waits to be read.
    pub(crate) minutes: u32,
    /// The confirmation link: its secret's SHA-256 in hexadecimal, and when it expires.
    #[serde(default)]
    pub(crate) link: Option<(String, Timestamp)>,
    /// Why the address refused mail.
    #[serde(default)]
    pub(crate) undeliverable: Option<String>,
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            version: 1,
            email: None,
            confirmed: false,
            enabled: false,
            minutes: DEFAULT_MINUTES,
            link: None,
            undeliverable: None,
        }
    }
}

impl Notifications {
    /// Returns the address that mail goes to, if it may be sent.
    pub(crate) fn active(&self) -> Option<&EmailAddress> {
        let may = self.confirmed && self.enabled && self.undeliverable.is_none();
        self.email.as_ref().filter(|_| may)
    }
}

impl<S: ObjectStore, H: Host> Notify<S, H> {
    pub(super) async fn notifications(
        &self,
        account: &AccountName,
    ) -> Result<Notifications, StoreError> {
        let found = self.kernel.load(&keys::notifications(account)).await?;
        Ok(found.map(|(settings, _)| settings).unwrap_or_default())
    }

    /// `GET /api/notifications`.
    pub(crate) async fn get_notifications(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let settings = self.notifications(&held.account).await?;
        self.show_notifications(settings).await
    }

    async fn show_notifications(&self, settings: Notifications) -> Answer {
        let view = NotificationsView {
            available: self.outgoing.mail_sender().await?.is_some(),
            email: settings.email,
            confirmed: settings.confirmed,
            enabled: settings.enabled,
            minutes: settings.minutes,
            undeliverable: settings.undeliverable,
        };
        Ok(answer(StatusCode::OK, &view))
    }

    /// `PUT /api/notifications`: a new address has to be confirmed by its owner first.
    pub(crate) async fn put_notifications(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let held = call.session()?;
        let wanted: NewNotifications = json(body).await?;
        let email: Option<EmailAddress> = wanted
            .email
            .filter(|email| !email.trim().is_empty())
            .map(|email| email.parse())
            .transpose()
            .map_err(|error: protocol::InvalidEmail| {
                Failure::unprocessable(format!("email: {error}"))
            })?;
        let enabled = wanted.enabled.unwrap_or(true);
        let minutes = wanted.minutes.unwrap_or(DEFAULT_MINUTES);
        if minutes > MAX_MINUTES {
            return Err(Failure::unprocessable(format!(
                "minutes must be 0 to {MAX_MINUTES}"
            )));
        }
        let before = self.notifications(&held.account).await?;
        let ask = email
            .clone()
            .filter(|_| email != before.email || before.undeliverable.is_some());
        let link = match &ask {
            Some(email) => Some(self.ask(&held.account, email).await?),
            None => None,
        };
        let settings = self
            .kernel
            .upsert::<Notifications, _>(&keys::notifications(&held.account), |settings| {
                settings.enabled = enabled;
                settings.minutes = minutes;
                if settings.email != email || ask.is_some() {
                    settings.email.clone_from(&email);
                    settings.confirmed = false;
                    settings.undeliverable = None;
                    settings.link.clone_from(&link);
                }
                Edit::Write(settings.clone())
            })
            .await?;
        self.show_notifications(settings).await
    }

    /// `POST /api/notifications`: sends the confirmation link again.
    pub(crate) async fn post_notifications(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let settings = self.notifications(&held.account).await?;
        let Some(email) = settings.email.filter(|_| !settings.confirmed) else {
            return Err(Failure::conflict("no address is waiting for confirmation"));
        };
        let link = self.ask(&held.account, &email).await?;
        let settings = self
            .kernel
            .upsert::<Notifications, _>(&keys::notifications(&held.account), |settings| {
                if settings.email.as_ref() == Some(&email) && !settings.confirmed {
                    settings.link = Some(link.clone());
                    settings.undeliverable = None;
                }
                Edit::Write(settings.clone())
            })
            .await?;
        self.show_notifications(settings).await
    }

    /// Mails a confirmation link to an address; returns what is stored about the link.
    async fn ask(
        &self,
        account: &AccountName,
        to: &EmailAddress,
    ) -> Result<(String, Timestamp), Failure> {
        let connector = self.outgoing.must_send().await?;
        self.outgoing.may_mail(account, to).await?;
        let token = BearerToken::new(account.clone(), &self.kernel.random());
        let expires = self.kernel.now().plus_millis(CONFIRM_MS);
        let (name, origin) = (&self.kernel.config().name, &self.kernel.config().origin);
        let text = format!(
            "{account} at {name} ({origin}) would like to have missed messages mailed to this address.\n\n\
             If that is you, confirm it here, until {until}:\n\n{origin}/notifications/confirm/{token}\n\n\
             If not, do nothing: you will get no further mail.\n",
            until = until(expires),
        );
        let subject = format!("Confirm this address for {name}");
        let mail = self
            .outgoing
            .compose(account, to, subject, text, "notifications".to_owned());
        self.connectors
            .deliver(
                &connector,
                &self.connectors.task_id(),
                OutboxTask::Mail(mail),
            )
            .await?;
        Ok((token.secret_hash(), expires))
    }

    /// Confirms the address of a link; `None` if the link is not valid.
    pub(crate) async fn confirm_address(
        &self,
        token: &BearerToken,
    ) -> Result<Option<EmailAddress>, StoreError> {
        let now = self.kernel.now();
        let confirmed = self
            .kernel
            .edit::<Notifications, _>(&keys::notifications(&token.owner), |settings| {
                let fits = settings
                    .link
                    .as_ref()
                    .is_some_and(|(hash, until)| token.matches(hash) && *until > now);
                if !fits {
                    return Edit::Keep(None);
                }
                // The link stays valid until it expires: people follow links twice.
                let email = settings.email.clone();
                if settings.confirmed {
                    return Edit::Keep(email);
                }
                settings.confirmed = true;
                Edit::Write(email)
            })
            .await?;
        Ok(confirmed.flatten())
    }

    /// Stops the mails to an account.
    pub(crate) async fn unsubscribe(&self, account: &AccountName) -> Result<(), StoreError> {
        self.kernel
            .edit::<Notifications, ()>(&keys::notifications(account), |settings| {
                if !settings.enabled {
                    return Edit::Keep(());
                }
                settings.enabled = false;
                Edit::Write(())
            })
            .await?;
        Ok(())
    }
}
