//! Periodic maintenance: removes superseded documents after their retention time, reminds connectors of waiting tasks,
//! and gives up tasks that have waited too long.

use std::collections::BTreeMap;

use http::StatusCode;
use protocol::{AccountName, Maintenance, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{Kept, ObjectStore, StoreError, SweepReport, TreeError};

use crate::files::stores::MoveError;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Answer;
use crate::kernel::request::answer;
use crate::lifecycle::Lifecycle;

/// The shortest time between rounds, whoever requests them, in milliseconds: 25 minutes.
const APART: i64 = 25 * 60 * 1000;

/// How long a task waits for its connector, in milliseconds: 30 days. A message that arrives later does more harm than
/// good.
const MAX_TASK_AGE: i64 = 30 * 24 * 60 * 60 * 1000;

/// Age at which an unfinished write counts as abandoned, in milliseconds: the same as for orphans of the tree.
const ABANDONED: i64 = 24 * 60 * 60 * 1000;

/// How long one round continues the move of an account, in milliseconds.
const MOVE_MS: u64 = 10 * 60 * 1000;

/// When the last round started.
#[derive(Deserialize, Serialize)]
struct LastRound {
    at: Timestamp,
}

/// The outcome of one round.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Maintained {
    /// Accounts from which something was removed, and what.
    pub swept: Vec<(AccountName, SweepReport)>,
    /// Abandoned uploads that were removed from the store itself.
    pub tidied: usize,
    /// Old versions that were removed because there was no space left for documents.
    pub gave_way: Kept,
    /// Tasks that still wait for their connectors.
    pub waiting: usize,
    /// Tasks that were given up.
    pub given_up: usize,
    /// What failed, keyed by its kind: an account's name, its hooks or calls, `accounts`, `counters`, `queues`, `room`,
    /// `set-aside` or `uploads`. It is retried in the next round.
    pub failed: BTreeMap<String, String>,
}

impl<S: ObjectStore, H: Host> Lifecycle<S, H> {
    /// Does one round, unless one started within the last 25 minutes, on this instance or another.
    ///
    /// # Errors
    /// If the store cannot be read for that time.
    pub async fn maintain_when_due(&self) -> Result<Option<Maintained>, StoreError> {
        let now = self.kernel.now();
        let (last, mode) = self.kernel.load_note::<LastRound>(keys::MAINTAINED).await?;
        // Nor one from the future: then a clock was wrong.
        let recent = |last: LastRound| (0..APART).contains(&(now.millis() - last.at.millis()));
        if last.is_some_and(recent) {
            return Ok(None);
        }
        match self
            .kernel
            .store(keys::MAINTAINED, &LastRound { at: now }, mode)
            .await
        {
            Ok(_) => Ok(Some(self.maintain().await)),
            // Another instance starts it.
            Err(StoreError::Precondition) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `POST /connector/maintain`: for hosts without a timer; connectors request it once an hour.
    pub(crate) async fn post_maintain(&self) -> Answer {
        let done = self.maintain_when_due().await?;
        let told = Maintenance {
            due: done.is_some(),
            failed: done.map(|done| done.failed).unwrap_or_default(),
        };
        Ok(answer(StatusCode::OK, &told))
    }

    /// Does one round. It can be interrupted anywhere, and concurrent rounds do no harm.
    pub async fn maintain(&self) -> Maintained {
        let mut done = Maintained::default();
        if let Err(error) = self.maintain_queues(&mut done).await {
            done.failed.insert("queues".to_owned(), error.to_string());
        }
        if let Err(error) = self.kernel.sweep_counters().await {
            done.failed.insert("counters".to_owned(), error.to_string());
        }
        match self.kernel.storage().store().tidy(ABANDONED).await {
            Ok(tidied) => done.tidied = tidied,
            Err(error) => {
                done.failed.insert("uploads".to_owned(), error.to_string());
            }
        }
        match self.identity.account_names().await {
            Ok(accounts) => {
                self.sweep_accounts(&accounts, &mut done).await;
                let (gave_way, result) = self.files.make_room_for_all(&accounts).await;
                done.gave_way = gave_way;
                if let Err(error) = result {
                    done.failed.insert("room".to_owned(), error.to_string());
                }
            }
            Err(error) => {
                done.failed.insert("accounts".to_owned(), error.to_string());
            }
        }
        done
    }

    async fn sweep_accounts(&self, accounts: &[AccountName], done: &mut Maintained) {
        for account in accounts {
            if let Err(error) = self.webhooks.sweep_hooks(account).await {
                let what = format!("{account}/hooks");
                done.failed.insert(what, error.to_string());
            }
            if let Err(error) = self.chat.count_call(account, None).await {
                let what = format!("{account}/calls");
                done.failed.insert(what, error.detail.into_owned());
            }
            if let Err(error) = self.finish_move(account).await {
                let what = format!("{account}/store");
                done.failed.insert(what, error.to_string());
            }
            match self.sweep_tree(account).await {
                Ok(report)
                    if report.expired + report.orphans + report.pages + report.trimmed > 0 =>
                {
                    done.swept.push((account.clone(), report));
                }
                Ok(_) => {}
                Err(error) => {
                    done.failed.insert(account.to_string(), error.to_string());
                }
            }
        }
    }

    /// Resumes an interrupted move: the account must not stay closed.
    async fn finish_move(&self, account: &AccountName) -> Result<(), MoveError> {
        if self.files.is_being_moved(account).await? {
            self.files.move_on(account, Some(MOVE_MS)).await?;
        }
        Ok(())
    }

    async fn sweep_tree(&self, account: &AccountName) -> Result<SweepReport, TreeError> {
        let tree = self.files.tree(account).await?;
        let most = self.files.most_kept(account).await?;
        tree.sweep_to(account, self.kernel.now(), Some(most)).await
    }

    async fn maintain_queues(&self, done: &mut Maintained) -> Result<(), StoreError> {
        let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
        for key in self.kernel.list_keys(keys::QUEUES).await? {
            let Some((connector, id)) = keys::read_task(&key) else {
                continue;
            };
            if is_too_old(id, self.kernel.now()) {
                self.kernel.storage().store().delete(&key).await?;
                done.given_up += 1;
            } else {
                *waiting.entry(connector.to_owned()).or_default() += 1;
            }
        }
        let aside = self.kernel.list_keys(keys::SET_ASIDE).await?.len();
        if aside > 0 {
            done.failed.insert(
                "set-aside".to_owned(),
                format!(
                    "{aside} damaged records were set aside, in {} of the store; look at them and delete them",
                    keys::SET_ASIDE
                ),
            );
        }
        for (id, count) in waiting {
            done.waiting += count;
            if let Some(connector) = self.connectors.find_connector(&id).await? {
                self.connectors.wake(&connector).await;
            }
        }
        Ok(())
    }
}

/// Ids begin with their creation time; see [`crate::connectors::Connectors::task_id`]. Others are left alone.
fn is_too_old(id: &str, now: Timestamp) -> bool {
    let time = id.split_once('-').map(|(time, _)| time);
    let made = time.and_then(|time| i64::from_str_radix(time, 16).ok());
    made.is_some_and(|made| made > 0 && now.millis() - made > MAX_TASK_AGE)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::testing::{block_on, functions, say};

    const PATH: &str = "/connector/maintain";

    #[test]
    fn queues_are_announced_again_and_given_up_in_the_end() {
        let f = functions();
        let connector = block_on(f.connectors.find_connector("irc-1"))
            .unwrap()
            .unwrap();
        let task = say("hello");
        block_on(
            f.connectors
                .enqueue(&connector, &f.connectors.task_id(), task.clone()),
        )
        .unwrap();
        block_on(f.connectors.enqueue(&connector, "not-by-time", task)).unwrap();
        let done = block_on(f.lifecycle.maintain());
        assert_eq!((done.waiting, done.given_up), (2, 0));
        assert_eq!(f.host().fetches.load(Ordering::Relaxed), 1);
        f.host().advance(MAX_TASK_AGE + 1);
        let done = block_on(f.lifecycle.maintain());
        assert_eq!((done.waiting, done.given_up), (1, 1));
        assert!(done.failed.is_empty());
    }

    #[test]
    fn rounds_keep_their_distance() {
        let f = functions();
        let ask = || {
            let reply = f.signed("irc-1", "POST", PATH, "");
            assert_eq!(reply.status, 200, "{reply:?}");
            reply.json()["due"].as_bool().unwrap()
        };
        assert!(ask());
        assert!(!ask());
        f.host().advance(APART - 1);
        assert!(block_on(f.lifecycle.maintain_when_due()).unwrap().is_none());
        f.host().advance(1);
        assert!(ask());
        f.host().advance(-2 * APART);
        assert!(ask(), "the clock was wrong");
        assert_eq!(f.request("POST", PATH, &[], "").status, 401);
        f.set_down(true);
        assert!(block_on(f.lifecycle.maintain_when_due()).is_err());
    }

    #[test]
    fn what_fails_is_said_and_the_rest_is_done() {
        let f = functions();
        f.sign_up("alice");
        f.set_down(true);
        let done = block_on(f.lifecycle.maintain());
        let failed: Vec<_> = done.failed.keys().map(String::as_str).collect();
        assert_eq!(failed, ["accounts", "counters", "queues"]);
        f.set_down(false);
        assert!(block_on(f.lifecycle.maintain()).failed.is_empty());
    }
}
