//! The steps of a move: copy, close, copy the rest, compare, switch.

use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::AccountName;
use storage_adapter::{Copied, ObjectStore};

use super::{MoveError, MoveReport, Raw, Session};
use crate::files::Files;
use crate::files::stores::SETTLE_MS;
use crate::files::stores::record::Phase;
use crate::kernel::host::Host;

/// Objects copied between two updates of the record.
const BATCH: usize = 128;
/// Objects copied concurrently.
const AT_ONCE: usize = 8;
/// Once a pass over everything finds no more than this, the account is closed for the rest.
const FEW: u64 = 256;
/// The most passes, however much is written in the meantime.
const MAX_PASSES: u32 = 5;

/// The outcome of a step.
pub(super) enum Step {
    Done(MoveReport),
    /// There is more to do, but the time is up.
    Later(MoveReport),
    /// Continue with the current record.
    Again,
}

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Takes the move of an account one step further.
    pub(super) async fn step(&self, account: &AccountName, until: i64) -> Result<Step, MoveError> {
        let known = self.places.known(account, true).await?;
        let mut session = Session {
            record: known.record.clone(),
            etag: known.etag.clone(),
        };
        let Some(moving) = session.record.moving.clone() else {
            let done = true;
            return Ok(Step::Done(MoveReport {
                done,
                ..MoveReport::default()
            }));
        };
        let from = self.raw(account, &session.record.place).await?;
        let to = self.raw(account, &moving.to).await?;
        match moving.phase {
            Phase::Copying => {
                for _ in 0..MAX_PASSES {
                    let before = session.objects();
                    match self
                        .copy_all(account, &mut session, &from, &to, until)
                        .await?
                    {
                        Some(step) => return Ok(step),
                        None if session.objects() - before <= FEW => break,
                        None => {}
                    }
                }
                self.check_room(account, &from, &moving.to).await?;
                session.enter(Phase::Closed);
                self.save(account, &mut session).await?;
                Ok(Step::Again)
            }
            Phase::Closed => {
                // Until no process has the open account cached.
                self.kernel.storage().host().sleep(SETTLE_MS).await;
                from.fence(account, &moving.id).await?;
                session.enter(Phase::Marked);
                self.save(account, &mut session).await?;
                Ok(Step::Again)
            }
            Phase::Marked => {
                if let Some(step) = self
                    .copy_all(account, &mut session, &from, &to, until)
                    .await?
                {
                    return Ok(step);
                }
                if !from.copy_heads(account, &to, &moving.id).await? {
                    return Ok(Step::Again);
                }
                let compared = from.compare(account, &to).await?;
                let report = MoveReport {
                    done: true,
                    objects: session.objects(),
                    bytes: session
                        .record
                        .moving
                        .as_ref()
                        .map_or(0, |moving| moving.bytes),
                    documents: compared.documents,
                };
                let old = std::mem::replace(&mut session.record.place, moving.to);
                session.record.moving = None;
                session.leave(old);
                Ok(if self.save(account, &mut session).await? {
                    Step::Done(report)
                } else {
                    Step::Again
                })
            }
        }
    }

    /// Copies all immutable objects that are not yet there. Objects are recorded before they are copied, so everything
    /// at the target that is not recorded has been verified. Returns `None` at the end.
    async fn copy_all(
        &self,
        account: &AccountName,
        session: &mut Session,
        from: &Raw<H>,
        to: &Raw<H>,
        until: i64,
    ) -> Result<Option<Step>, MoveError> {
        let mut after = None;
        let mut batch = session.pending();
        loop {
            if !batch.is_empty() {
                let copy = |key: String| async move { from.copy_object(to, &key).await };
                let copies = stream::iter(batch).map(copy).buffer_unordered(AT_ONCE);
                let copied: Vec<Copied> = copies.try_collect().await?;
                session.count(&copied);
                session.note(Vec::new());
            }
            let late = self.kernel.now().millis() >= until;
            batch = Vec::new();
            while batch.is_empty() && !late {
                let missing = from.missing_in(account, to, after.as_deref()).await?;
                let more = missing.entries.len() > BATCH;
                let keys = missing.entries.into_iter().map(|entry| entry.key);
                batch = keys.take(BATCH).collect();
                if !more {
                    after = missing.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
            session.note(batch.clone());
            if !self.save(account, session).await? {
                return Ok(Some(Step::Again));
            }
            if late {
                return Ok(Some(Step::Later(session.report())));
            }
            if batch.is_empty() {
                return Ok(None);
            }
        }
    }
}
