//! `POST /connector/events`: what happened on connections. The answer comes once everything is durable.

use std::collections::BTreeMap;

use crate::kernel::host::Host;
use crate::kernel::records::ArchivePlace;
use bytes::Bytes;
use http::StatusCode;
use protocol::{
    AccountName, Connection, Event, EventBatch, EventBody, EventReceipt, RefusedEvent, Timestamp,
    WaitingAccount,
};
use storage_adapter::{ObjectStore, StoreError};

use crate::chat::Chat;
use crate::kernel::fields::{self, InvalidField};
use crate::kernel::keys::is_id;
use crate::kernel::platform::Platform;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{answer, parse_json};
use crate::notify::Missed;

/// The most events of one batch.
const MAX_EVENTS: usize = 10_000;
/// How long all writing to external storages may take in one request, in milliseconds: less than connectors
/// wait for the answer.
const AWAY_MS: i64 = 15_000;

/// Seconds until it is worth trying again to write to a bucket of an account's own.
const OWN_RETRY: u64 = 30;

/// Why messages of an account could not be archived.
pub(super) enum Trouble {
    /// The installation itself has a problem: the whole batch is to be sent again.
    Everybody(Failure),
    /// Only this account's archive cannot be written: everybody else's events continue.
    Account {
        /// One sentence, for the log of the connector.
        reason: String,
        /// Seconds until it is worth trying again.
        retry_after: u64,
    },
}

impl<E: Into<Failure>> From<E> for Trouble {
    fn from(error: E) -> Self {
        let failure = error.into();
        if failure.own {
            return Self::Account {
                reason: failure.detail.into_owned(),
                retry_after: OWN_RETRY,
            };
        }
        Self::Everybody(failure)
    }
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    pub(crate) async fn post_events(&self, body: &Bytes) -> Answer {
        let batch: EventBatch = parse_json(body)?;
        if batch.events.len() > MAX_EVENTS {
            return Err(Failure::unprocessable(format!(
                "a batch takes at most {MAX_EVENTS} events; send them in several"
            )));
        }
        let mut accounts: BTreeMap<AccountName, Vec<Event>> = BTreeMap::new();
        for event in batch.events {
            accounts
                .entry(event.account.clone())
                .or_default()
                .push(event);
        }
        let mut receipt = EventReceipt::default();
        let mut away = Vec::new();
        for (account, events) in accounts {
            let found = match self.identity.account(&account).await {
                Err(StoreError::Damaged(reason)) => {
                    receipt.waiting.push(WaitingAccount {
                        account,
                        reason,
                        retry_after: OWN_RETRY,
                    });
                    continue;
                }
                found => found?,
            };
            let Some((record, _)) = found else {
                let reason = format!("there is no account \"{account}\", or it was removed");
                receipt
                    .refused
                    .extend(events.into_iter().map(|event| RefusedEvent {
                        id: event.id,
                        reason: reason.clone(),
                    }));
                continue;
            };
            match record.archive {
                Some(place) => away.push((account, place, events)),
                None => {
                    self.account_events(&account, None, events, &mut receipt)
                        .await?;
                }
            }
        }
        // Those whose archives are elsewhere come last, and have only so much time together: nobody
        // waits for an external server.
        let until = self.kernel.now().plus_millis(AWAY_MS);
        for (account, place, events) in away {
            receipt.elsewhere.push(account.clone());
            let place = Some((&place, until));
            self.account_events(&account, place, events, &mut receipt)
                .await?;
        }
        Ok(answer(StatusCode::OK, &receipt))
    }

    async fn account_events(
        &self,
        account: &AccountName,
        away: Option<(&ArchivePlace, Timestamp)>,
        events: Vec<Event>,
        receipt: &mut EventReceipt,
    ) -> Result<(), Failure> {
        let mut stored = events.len();
        let mut refused = Vec::new();
        let mut messages = Vec::new();
        let missed: Vec<Missed> = events.iter().filter_map(missed).collect();
        let mut changes: BTreeMap<String, Vec<(String, EventBody)>> = BTreeMap::new();
        for event in events {
            match event.body {
                EventBody::Message { .. } => messages.push(event),
                body => {
                    let entry = changes.entry(event.connection).or_default();
                    entry.push((event.id, body));
                }
            }
        }
        let count = messages.len();
        let archived = match away {
            None => self.archive(account, messages, &mut refused).await,
            // Nothing to write: nobody is asked.
            Some(_) if messages.is_empty() => Ok(()),
            Some((place, until)) => {
                self.archive_away(account, place, messages, &mut refused, until)
                    .await
            }
        };
        match archived {
            Ok(()) => {}
            Err(Trouble::Everybody(failure)) => return Err(failure),
            Err(Trouble::Account {
                reason,
                retry_after,
            }) => {
                stored = stored - count + refused.len();
                receipt.waiting.push(WaitingAccount {
                    account: account.clone(),
                    reason,
                    retry_after,
                });
            }
        }
        // Repeats are recognised, so this need not wait for an archive that is away.
        match self.notify.note_missed(account, &missed).await {
            // Nobody is mailed of it; it is archived anyway.
            Ok(()) | Err(StoreError::Damaged(_)) => {}
            Err(error) => return Err(error.into()),
        }
        for (connection, changes) in changes {
            self.change_connection(account, &connection, &changes, &mut refused)
                .await?;
        }
        receipt.stored += stored - refused.len();
        receipt.refused.extend(refused);
        Ok(())
    }

    /// Remembers channels and the nickname. A connection that was deleted meanwhile needs nothing.
    async fn change_connection(
        &self,
        account: &AccountName,
        id: &str,
        changes: &[(String, EventBody)],
        refused: &mut Vec<RefusedEvent>,
    ) -> Result<(), Failure> {
        if !is_id(id) {
            return Ok(());
        }
        let platforms = self.connectors.registry().await?;
        let configured = &self.kernel.config().connectors;
        let edited = self
            .kernel
            .edit_connection::<Vec<RefusedEvent>>(account, id, |connection| {
                let platform = platforms.platform(&connection.platform, configured);
                let (mut changed, mut refused) = (false, Vec::new());
                for (event, body) in changes {
                    match apply(connection, &platform, body) {
                        Ok(change) => changed |= change,
                        Err(error) => refused.push(RefusedEvent {
                            id: event.clone(),
                            reason: error.to_string(),
                        }),
                    }
                }
                if changed {
                    Edit::Write(refused)
                } else {
                    Edit::Keep(refused)
                }
            });
        match edited.await {
            Ok(found) => {
                refused.extend(found.into_iter().flatten());
                Ok(())
            }
            // The connection cannot be kept, so nothing is to be remembered of it.
            Err(StoreError::Damaged(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What somebody may have to be told about.
fn missed(event: &Event) -> Option<Missed> {
    let EventBody::Message {
        target,
        message,
        missed: true,
        ..
    } = &event.body
    else {
        return None;
    };
    is_id(&event.connection).then(|| Missed {
        id: message.id.clone().unwrap_or_else(|| event.id.clone()),
        at: Timestamp::from_millis(message.timestamp),
        connection: event.connection.clone(),
        target: target.name().to_owned(),
        from: message.from.clone(),
        text: message.text.clone(),
    })
}

/// Applies what happened; returns whether that changed anything.
fn apply(
    connection: &mut Connection,
    platform: &Platform,
    body: &EventBody,
) -> Result<bool, InvalidField> {
    Ok(match body {
        EventBody::Joined { channel } => {
            let channel = platform.channel(channel)?;
            fields::add_channel(&mut connection.channels, channel, platform.folding())
        }
        EventBody::Left { channel } => {
            platform.channel(channel)?;
            fields::remove_channel(&mut connection.channels, channel, platform.folding())
        }
        EventBody::Nick { nick } => {
            let nick = platform.own_name(nick)?;
            let changed = nick != connection.nick;
            connection.nick = nick;
            changed
        }
        EventBody::Message { .. } => false,
    })
}
