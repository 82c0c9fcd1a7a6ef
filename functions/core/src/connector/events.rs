//! `POST /connector/events`: what happened on connections. The answer comes once everything is durable.

use std::collections::BTreeMap;

use crate::Host;
use bytes::Bytes;
use http::StatusCode;
use model::{AccountName, Connection, Event, EventBatch, EventBody, EventReceipt, RefusedEvent};
use storage_adapter::ObjectStore;

use crate::api::{fields, is_id};
use crate::problem::{Answer, Failure};
use crate::records::Edit;
use crate::request::{answer, parse_json};
use crate::{Functions, keys};

/// The most events of one batch.
const MAX_EVENTS: usize = 10_000;

impl<S: ObjectStore, H: Host> Functions<S, H> {
    pub(super) async fn post_events(&self, body: &Bytes) -> Answer {
        let batch: EventBatch = parse_json(body)?;
        let total = batch.events.len();
        if total > MAX_EVENTS {
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
        let mut refused = Vec::new();
        for (account, events) in accounts {
            if self.account(&account).await?.is_none() {
                let reason = format!("there is no account \"{account}\" (any more)");
                refused.extend(events.into_iter().map(|event| RefusedEvent {
                    id: event.id,
                    reason: reason.clone(),
                }));
                continue;
            }
            self.account_events(&account, events, &mut refused).await?;
        }
        let receipt = EventReceipt {
            stored: total - refused.len(),
            refused,
        };
        Ok(answer(StatusCode::OK, &receipt))
    }

    async fn account_events(
        &self,
        account: &AccountName,
        events: Vec<Event>,
        refused: &mut Vec<RefusedEvent>,
    ) -> Result<(), Failure> {
        let mut messages = Vec::new();
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
        self.archive(account, messages, refused).await?;
        for (connection, changes) in changes {
            self.change_connection(account, &connection, &changes, refused)
                .await?;
        }
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
        for (event, body) in changes {
            if let Err(reason) = check(body) {
                refused.push(RefusedEvent {
                    id: event.clone(),
                    reason,
                });
            }
        }
        if !is_id(id) {
            return Ok(());
        }
        self.edit::<Connection, ()>(&keys::connection(account, id), |connection| {
            let mut changed = false;
            for (_, body) in changes {
                changed |= apply(connection, body);
            }
            if changed {
                Edit::Write(())
            } else {
                Edit::Keep(())
            }
        })
        .await?;
        Ok(())
    }
}

fn check(body: &EventBody) -> Result<(), String> {
    match body {
        EventBody::Joined { channel } | EventBody::Left { channel } => {
            fields::channel(channel).map(drop)
        }
        EventBody::Nick { nick } => fields::nick(nick).map(drop),
        EventBody::Message { .. } => Ok(()),
    }
    .map_err(|error| error.to_string())
}

fn apply(connection: &mut Connection, body: &EventBody) -> bool {
    match body {
        EventBody::Joined { channel } => fields::channel(channel)
            .is_ok_and(|channel| fields::add_channel(&mut connection.channels, channel)),
        EventBody::Left { channel } => fields::remove_channel(&mut connection.channels, channel),
        EventBody::Nick { nick } => match fields::nick(nick) {
            Ok(nick) if nick != connection.nick => {
                connection.nick = nick;
                true
            }
            _ => false,
        },
        EventBody::Message { .. } => false,
    }
}
