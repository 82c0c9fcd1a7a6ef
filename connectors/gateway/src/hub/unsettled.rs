//! Accounts whose connections changed in what an earlier run left in the spool: until the functions have those
//! changes, such as a joined channel, what they assign to these accounts is out of date. Everybody else is served at
//! once, however much is left.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mutex::lock;
use protocol::AccountName;
use std::sync::Mutex;
use tokio::time::Instant;

use connector_kit::Backoff;

/// Maximum interval between two checks.
const PAUSE: Duration = Duration::from_millis(500);

/// By account, the spool's record number after its last change that the functions may not have.
pub(crate) type Changes = HashMap<AccountName, u64>;

/// The accounts that have to wait.
#[derive(Debug)]
pub(super) struct Unsettled {
    changes: Mutex<Changes>,
    /// How long they wait once the functions respond.
    most: Duration,
    /// When they no longer wait.
    until: Mutex<Option<Instant>>,
}

impl Unsettled {
    pub(super) fn new(changes: Changes, most: Duration) -> Self {
        Self {
            changes: Mutex::new(changes),
            most,
            until: Mutex::default(),
        }
    }

    /// Notes that the functions respond: from now on, time counts.
    pub(super) fn responded(&self) {
        lock(&self.until).get_or_insert_with(|| Instant::now() + self.most);
    }

    /// Returns the accounts that still have to wait, given the number before which all changes are published.
    pub(super) fn waiting(&self, settled: u64) -> HashSet<AccountName> {
        let mut changes = lock(&self.changes);
        if lock(&self.until).is_some_and(|until| until <= Instant::now()) {
            changes.clear();
        }
        changes.retain(|_, after| *after > settled);
        changes.keys().cloned().collect()
    }

    /// Waits until no account has to wait any longer, or until this one does not.
    pub(super) async fn settle(&self, only: Option<&AccountName>, settled: impl Fn() -> u64) {
        let mut pause = Backoff::new(PAUSE);
        loop {
            let waiting = self.waiting(settled());
            if only.map_or(waiting.is_empty(), |account| !waiting.contains(account)) {
                return;
            }
            tokio::time::sleep(pause.pause()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &Unsettled, settled: u64) -> Vec<String> {
        let waiting = of.waiting(settled);
        let mut names: Vec<String> = waiting.iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_waits_for_its_own_changes_and_not_for_ever() {
        let (alice, bob): (AccountName, AccountName) =
            ("alice".parse().unwrap(), "bob".parse().unwrap());
        let changes = HashMap::from([(alice.clone(), 5), (bob, 9)]);
        let unsettled = Unsettled::new(changes, Duration::from_secs(60));
        assert_eq!(names(&unsettled, 4), ["alice", "bob"]);
        assert_eq!(names(&unsettled, 5), ["bob"]);
        unsettled.settle(Some(&alice), || 5).await;
        // As long as the functions do not respond, they have not had a chance to take the changes.
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(names(&unsettled, 5), ["bob"]);
        unsettled.responded();
        tokio::time::advance(Duration::from_secs(50)).await;
        unsettled.responded();
        assert_eq!(names(&unsettled, 5), ["bob"]);
        tokio::time::advance(Duration::from_secs(11)).await;
        unsettled.settle(None, || 5).await;
        assert!(names(&unsettled, 5).is_empty());
    }
}
