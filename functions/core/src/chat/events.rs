//! `POST /connector/events`: what happened on connections. The response is sent once everything is durable.

use std::collections::BTreeMap;

use crate::kernel::host::Host;
use crate::kernel::records::ArchivePlace;
use bytes::Bytes;
use http::StatusCode;
use protocol::{
    AccountName, Connection, Event, EventBatch, EventBody, EventReceipt, MessageType, RefusedEvent,
    Timestamp, WaitingAccount,
};
use storage_adapter::{ObjectStore, StoreError};

use crate::chat::Chat;
use crate::identity::accounts::Missing;
use crate::kernel::config::Connector;
use crate::kernel::fields::{self, InvalidField};
use crate::kernel::keys::{self, is_id};
use crate::kernel::platform::Platform;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{answer, parse_json};
use crate::notify::Missed;

/// The most events of one batch.
const MAX_EVENTS: usize = 10_000;
/// The time limit for all writes to external storages in one request, in milliseconds: less than connectors wait for
/// the response.
const AWAY_MS: i64 = 15_000;

/// Seconds before retrying a write to an account's own bucket.
const OWN_RETRY: u64 = 30;
/// The same, for an account whose data the store did not take although it takes others'.
const DOUBT_RETRY: u64 = 5;
/// If the store fails for this many more accounts than it serves, the rest of a batch is not tried.
const MAX_DOUBTS: usize = 2;

/// Why messages of an account could not be archived.
pub(super) enum Trouble {
    /// The store fails, for everyone or for this account only: the outcome for other accounts decides.
    Store(Failure),
    /// Only this account's archive cannot be written: other accounts' events are processed.
    Account {
        /// One sentence, for the log of the connector.
        reason: String,
        /// Seconds before a retry.
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
        Self::Store(failure)
    }
}

/// Where an account's messages belong.
enum Place<'a> {
    /// In its storage here.
    Here,
    /// On an external server, with a deadline.
    Away(&'a ArchivePlace, Timestamp),
    /// The account's record cannot be read, so this is not known.
    Unknown(Failure),
}

/// The outcome of a batch so far.
#[derive(Default)]
struct Progress {
    receipt: EventReceipt,
    /// Accounts whose messages were archived here.
    served: usize,
    /// Accounts whose messages the store did not take.
    doubts: Vec<(AccountName, Failure)>,
    /// A change that could not be written. The batch is the connector's only copy of it.
    failed: Option<Failure>,
}

impl Progress {
    fn wait(&mut self, account: &AccountName, reason: String, retry_after: u64) {
        self.receipt.waiting.push(WaitingAccount {
            account: account.clone(),
            reason,
            retry_after,
        });
    }

    /// Refuses the events of an account that does not exist and never will.
    fn refuse(&mut self, account: AccountName, events: Vec<Event>, missing: Missing) {
        let reason = format!("there is no account \"{account}\", or it was removed");
        let refused = events.into_iter().map(|event| RefusedEvent {
            id: event.id,
            reason: reason.clone(),
        });
        self.receipt.refused.extend(refused);
        if missing == Missing::Removed {
            self.receipt.removed.push(account);
        }
    }

    /// Records that the store did not take an account's messages.
    ///
    /// # Errors
    /// The batch's, if everyone is affected: as far as we know the store is down, and trying all the others would only
    /// waste time.
    fn doubt(&mut self, account: &AccountName, failure: Failure) -> Result<(), Failure> {
        if failure.is_full() || self.doubts.len() + 1 >= self.served + MAX_DOUBTS {
            return Err(failure);
        }
        self.doubts.push((account.clone(), failure));
        Ok(())
    }
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    pub(crate) async fn post_events(&self, connector: &Connector, body: &Bytes) -> Answer {
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
        let mut progress = Progress::default();
        let mut away = Vec::new();
        for (account, events) in accounts {
            let place = match self.identity.account(&account).await {
                Ok(Some((record, _))) => match record.archive {
                    Some(place) => {
                        away.push((account, place, events));
                        continue;
                    }
                    None => Place::Here,
                },
                Ok(None) => match self.identity.missing(&account).await {
                    Ok(Missing::Lost) => Place::Unknown(self.lost(&account)),
                    // Nothing is refused permanently for an empty store in the place of one that is not mounted.
                    Ok(Missing::Unknown) if self.identity.needs_setup().await? => {
                        Place::Unknown(Self::no_accounts())
                    }
                    Ok(missing) => {
                        progress.refuse(account, events, missing);
                        continue;
                    }
                    Err(error) => Place::Unknown(error.into()),
                },
                Err(error) => Place::Unknown(error.into()),
            };
            self.account_events(connector, &account, place, events, &mut progress)
                .await?;
        }
        // Those with external archives come last and share one time limit: nobody waits for an external server.
        let until = self.kernel.now().plus_millis(AWAY_MS);
        for (account, place, events) in away {
            progress.receipt.elsewhere.push(account.clone());
            let place = Place::Away(&place, until);
            self.account_events(connector, &account, place, events, &mut progress)
                .await?;
        }
        Ok(answer(StatusCode::OK, &self.receipt(progress)?))
    }

    fn no_accounts() -> Failure {
        let sentence = "there are no accounts in the store; if its disk is not mounted, mount it";
        StoreError::AccountUnavailable(sentence.to_owned()).into()
    }

    /// Logs that the record of an account is missing although its name is registered; its events wait.
    fn lost(&self, account: &AccountName) -> Failure {
        let key = keys::account(account);
        let sentence = format!(
            "the record {key} is missing although the name of the account is registered; restore it from a backup"
        );
        self.kernel.note_unread(&key, &sentence);
        StoreError::AccountUnavailable(sentence).into()
    }

    /// Decides about the accounts for which the store failed: if it served more accounts than that, only they are
    /// affected.
    fn receipt(&self, mut progress: Progress) -> Result<EventReceipt, Failure> {
        if let Some(failure) = progress.failed {
            return Err(failure);
        }
        let doubts = std::mem::take(&mut progress.doubts);
        let are_few = doubts.len() <= progress.served;
        for (account, failure) in doubts {
            if !are_few {
                return Err(failure);
            }
            let reason = failure.reason().to_owned();
            let sentence =
                format!("the archive of the account \"{account}\" cannot be written: {reason}");
            self.kernel.note_unread(&keys::all_of(&account), &sentence);
            progress.wait(&account, reason, DOUBT_RETRY);
        }
        Ok(progress.receipt)
    }

    async fn account_events(
        &self,
        connector: &Connector,
        account: &AccountName,
        place: Place<'_>,
        events: Vec<Event>,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let (events, unknown) = known(events);
        progress.receipt.refused.extend(unknown);
        let mut stored = events.len();
        let mut refused = Vec::new();
        let mut messages = Vec::new();
        let missed: Vec<Missed> = events.iter().filter_map(missed).collect();
        let deleted: Vec<String> = events.iter().filter_map(deleted).collect();
        let deleted: Vec<&str> = deleted.iter().map(String::as_str).collect();
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
        let is_here = matches!(place, Place::Here);
        let archived = match place {
            Place::Here => {
                self.archive(account, messages, connector, &mut refused)
                    .await
            }
            // Nothing to write, so the store is not read.
            Place::Away(..) | Place::Unknown(_) if messages.is_empty() => Ok(()),
            Place::Away(place, until) => {
                self.archive_away(account, place, messages, connector, &mut refused, until)
                    .await
            }
            Place::Unknown(failure) => Err(failure.into()),
        };
        // Repeats are recognised, so this need not wait for an archive that is away.
        let noted = self.notify.note_missed(account, &missed).await;
        let withdrawn = self.notify.withdraw_missed(account, &deleted).await;
        let noted = match noted.and(withdrawn) {
            // Nobody is mailed of it; it is archived anyway.
            Ok(()) | Err(StoreError::Damaged(_)) => Ok(()),
            Err(error) => Err(Trouble::from(error)),
        };
        match archived.and(noted) {
            Ok(()) => progress.served += usize::from(is_here && count > 0),
            Err(trouble) => {
                stored = stored - count + refused.len();
                match trouble {
                    Trouble::Store(failure) => progress.doubt(account, failure)?,
                    Trouble::Account {
                        reason,
                        retry_after,
                    } => progress.wait(account, reason, retry_after),
                }
            }
        }
        for (connection, changes) in changes {
            let changed = self
                .change_connection(account, &connection, &changes, &mut refused)
                .await;
            match changed {
                Ok(()) => {}
                // It is sent again with the batch; the others need not wait until then.
                Err(failure) if failure.own => {
                    progress.failed.get_or_insert(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        progress.receipt.stored += stored - refused.len();
        progress.receipt.refused.extend(refused);
        Ok(())
    }

    /// Stores channels and the nickname. A connection that has been deleted needs nothing.
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
            // The connection's record is unreadable, so nothing can be stored in it.
            Err(StoreError::Damaged(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Parts events from those of a kind that is not known here, which are refused one by one: whoever sent them keeps them.
fn known(events: Vec<Event>) -> (Vec<Event>, Vec<RefusedEvent>) {
    let (mut known, mut refused) = (Vec::with_capacity(events.len()), Vec::new());
    for event in events {
        let EventBody::Other(body) = &event.body else {
            known.push(event);
            continue;
        };
        let kind = body.get("event").and_then(serde_json::Value::as_str);
        let kind: String = kind.unwrap_or_default().chars().take(64).collect();
        let reason = format!("the functions know no event \"{kind}\" with these fields");
        let id = event.id;
        refused.push(RefusedEvent { id, reason });
    }
    (known, refused)
}

/// The id of the message that was deleted.
fn deleted(event: &Event) -> Option<String> {
    match &event.body {
        EventBody::Message { message, .. } if message.kind == MessageType::Deletion => {
            message.about.clone()
        }
        _ => None,
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

/// Applies an event; returns whether that changed anything.
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
        EventBody::Message { .. } | EventBody::Other(_) => false,
    })
}
