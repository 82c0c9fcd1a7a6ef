//! Records of deliveries: storing them, listing them, and recording their outcomes.

use protocol::{AccountName, HookDelivery, HookOutcome, Say};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use super::{Delivery, Hook, QueuedTask, key};
use crate::kernel::host::Host;
use crate::kernel::keys::is_id;
use crate::kernel::records::Edit;
use crate::webhooks::Webhooks;

/// The most deliveries that are shown.
const SHOWN: usize = 20;
/// How often a step is tried when the store does not answer. All steps are repeatable.
const ATTEMPTS: u32 = 3;

impl From<Delivery> for HookDelivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            time: delivery.time,
            event: delivery.event,
            lines: delivery.say.map(|say| say.lines).unwrap_or_default(),
            outcome: delivery.outcome,
            again: delivery.again,
        }
    }
}

/// The outcome of recording a delivery.
pub(super) enum Taken {
    /// It is new, and durable.
    New,
    /// It arrived before; its outcome is known.
    Repeat(Box<Delivery>),
}

impl<S: ObjectStore, H: Host> Webhooks<S, H> {
    /// Accepts a delivery durably: record, mark, task (see [`super`]).
    pub(super) async fn take_delivery(
        &self,
        account: &AccountName,
        hook: &Hook,
        delivery: &Delivery,
    ) -> Result<Taken, StoreError> {
        let mut attempt = 0;
        loop {
            match self.try_take(account, hook, delivery).await {
                Err(StoreError::Unavailable(_) | StoreError::AccountUnavailable(_))
                    if attempt + 1 < ATTEMPTS =>
                {
                    self.kernel.back_off(attempt).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    async fn try_take(
        &self,
        account: &AccountName,
        hook: &Hook,
        delivery: &Delivery,
    ) -> Result<Taken, StoreError> {
        let name = key::delivery(account, &hook.id, &delivery.id);
        match self.kernel.store(&name, delivery, PutMode::IfAbsent).await {
            Ok(_) => {
                self.pass_on(account, hook, delivery).await?;
                Ok(Taken::New)
            }
            Err(StoreError::Precondition) => {
                // It only vanishes when it is old.
                let Some((found, _)) = self.kernel.load::<Delivery>(&name).await? else {
                    return Err(StoreError::Unavailable(
                        "the record of a delivery vanished".to_owned(),
                    ));
                };
                if found.outcome == HookOutcome::Queued {
                    self.pass_on(account, hook, &found).await?;
                }
                // It may be from this very call, if the response to the first attempt was lost.
                let ours = found.task.as_ref().map(|task| &task.id)
                    == delivery.task.as_ref().map(|task| &task.id)
                    && found.time == delivery.time;
                Ok(if ours {
                    Taken::New
                } else {
                    Taken::Repeat(Box::new(found))
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The steps after the record; they are repeatable.
    async fn pass_on(
        &self,
        account: &AccountName,
        hook: &Hook,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let mark = key::mark(account, &hook.id, delivery.time, &delivery.id);
        self.kernel.store(&mark, &(), PutMode::Overwrite).await?;
        let (HookOutcome::Queued, Some(say), Some(QueuedTask { connector, id })) =
            (&delivery.outcome, &delivery.say, &delivery.task)
        else {
            return Ok(());
        };
        match self.connectors.find_connector(connector).await? {
            Some(connector) => {
                self.connectors
                    .deliver(&connector, id, protocol::OutboxTask::Say(say.clone()))
                    .await
            }
            None => Err(StoreError::Unavailable(
                "the connector is no longer in this installation's configuration".to_owned(),
            )),
        }
    }

    /// Returns the latest deliveries of a hook, newest first.
    pub(super) async fn recent_deliveries(
        &self,
        account: &AccountName,
        hook: &str,
    ) -> Result<Vec<HookDelivery>, StoreError> {
        let marks = self
            .kernel
            .storage()
            .store()
            .list(&key::recent(account, hook), None)
            .await?;
        let mut views = Vec::new();
        for mark in marks.iter().take(SHOWN) {
            let Some(id) = key::marked(&mark.key) else {
                continue;
            };
            let name = key::delivery(account, hook, id);
            match self.kernel.load::<Delivery>(&name).await {
                Ok(Some((delivery, _))) => views.push(HookDelivery::from(delivery)),
                // One that is damaged hides none of the others.
                Ok(None) | Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(views)
    }

    /// Records the outcome of lines that were made from a delivery; lines of other sources have no record.
    pub(crate) async fn note_outcome(
        &self,
        say: &Say,
        refused: Option<&str>,
    ) -> Result<(), StoreError> {
        let source = say.source.as_deref().unwrap_or("");
        let mut parts = source.split('/');
        let (Some("hooks"), Some(hook), Some(delivery), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Ok(());
        };
        if !is_id(hook) || !is_id(delivery) {
            return Ok(());
        }
        let outcome = match refused {
            Some(reason) => HookOutcome::Refused {
                reason: reason.chars().take(300).collect(),
            },
            None => HookOutcome::Delivered {
                at: self.kernel.now(),
            },
        };
        let name = key::delivery(&say.account, hook, delivery);
        let change = |record: &mut Delivery| {
            if record.outcome == HookOutcome::Queued {
                record.outcome = outcome.clone();
                Edit::Write(())
            } else {
                Edit::Keep(())
            }
        };
        match self.kernel.edit::<Delivery, ()>(&name, change).await {
            // The record is damaged: nobody will read its outcome, and the task must not be repeated because of that.
            Ok(_) | Err(StoreError::Damaged(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
