//! How much mail is sent on whose behalf and to whom, and which addresses refused it. Without limits any account could
//! be used to flood strangers with mail.

use protocol::{AccountName, EmailAddress, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, StoreError};

use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;
use crate::kernel::records::Edit;
use crate::outgoing::Outgoing;

/// Mails to unconfirmed addresses, on behalf of one account, within [`WINDOW_MS`].
pub(super) const MAX_OF_ACCOUNT: usize = 20;
/// Mails to one unconfirmed address within [`WINDOW_MS`].
pub(super) const MAX_TO_ADDRESS: usize = 3;
/// A day, in milliseconds.
const WINDOW_MS: i64 = 24 * 60 * 60 * 1000;

/// `outgoing/accounts/<account>.json` and `outgoing/addresses/<hash of the address>.json`.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Mailed {
    version: u32,
    /// When mails were sent, within the last day.
    #[serde(default)]
    times: Vec<Timestamp>,
    /// When and why the address refused mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undeliverable: Option<(Timestamp, String)>,
}

impl Mailed {
    /// Counts one more; else returns the seconds until another one is allowed.
    fn count(&mut self, now: Timestamp, most: usize) -> Result<(), u64> {
        let left = |time: &Timestamp| time.millis() + WINDOW_MS - now.millis();
        self.version = 1;
        // Times are in the future only if a clock was set back.
        self.times
            .retain(|time| (1..=WINDOW_MS).contains(&left(time)));
        if self.times.len() >= most {
            let wait = self.times.iter().map(left).min().unwrap_or_default();
            return Err(u64::try_from(wait / 1000 + 1).unwrap_or(1));
        }
        self.times.push(now);
        Ok(())
    }
}

impl<S: ObjectStore, H: Host> Outgoing<S, H> {
    /// Counts a mail to an unconfirmed address; refuses it if there were too many, or if the address refused one within
    /// the last day.
    pub(crate) async fn may_mail(
        &self,
        account: &AccountName,
        to: &EmailAddress,
    ) -> Result<(), Failure> {
        let now = self.kernel.now();
        let key = keys::mailed_to(to);
        if let (Some(known), _) = self.kernel.load_note::<Mailed>(&key).await?
            && let Some((at, reason)) = &known.undeliverable
            && (0..WINDOW_MS).contains(&(now.millis() - at.millis()))
        {
            return Err(Failure::unprocessable(format!(
                "mail to {to} came back ({reason}); check the address, or try again tomorrow"
            )));
        }
        let too_many = |wait: u64, whose: &str| {
            Failure::too_many(
                format!("too much mail went out {whose} today; try again later"),
                wait,
            )
        };
        self.kernel
            .upsert::<Mailed, _>(&keys::mailed_by(account), |mailed| {
                match mailed.count(now, MAX_OF_ACCOUNT) {
                    Ok(()) => Edit::Write(Ok(())),
                    Err(wait) => Edit::Keep(Err(wait)),
                }
            })
            .await?
            .map_err(|wait| too_many(wait, "for you"))?;
        self.kernel
            .upsert::<Mailed, _>(&key, |mailed| match mailed.count(now, MAX_TO_ADDRESS) {
                Ok(()) => Edit::Write(Ok(())),
                Err(wait) => Edit::Keep(Err(wait)),
            })
            .await?
            .map_err(|wait| too_many(wait, "to this address"))
    }

    pub(crate) async fn mark_undeliverable(
        &self,
        to: &EmailAddress,
        reason: &str,
    ) -> Result<(), StoreError> {
        let now = self.kernel.now();
        self.kernel
            .upsert::<Mailed, _>(&keys::mailed_to(to), |mailed| {
                mailed.version = 1;
                mailed.undeliverable = Some((now, reason.to_owned()));
                Edit::Write(())
            })
            .await
    }
}
