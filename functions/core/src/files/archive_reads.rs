//! Reads of archives: messages that connectors still hold are published before the response.
//!
//! Connectors write archives as rarely as they can, so reading one through these functions has it written first. How
//! often is limited per account, so that a reader who polls every second does not undo that: what is read is then at
//! most a minute old. A connector that cannot be reached finds the request in its queue: this response then has what
//! was published before, and responses some seconds later have the rest.

use std::sync::Mutex;

use futures_util::future::join_all;
use mutex::lock;
use protocol::{AccountName, Bounded, Timestamp};
use storage_adapter::{ItemPath, ObjectStore};

use crate::files::Files;
use crate::kernel::host::Host;

/// The module of archives.
const MODULE: &str = "chat-messages";
/// The most accounts that are remembered; for others connectors are notified at once.
const MAX_ACCOUNTS: usize = 10_000;
/// Connectors are notified again after this many milliseconds at first, …
const FIRST: i64 = 1_000;
/// … each time this much later, …
const MORE: i64 = 3_000;
/// … but after this long at the latest, …
const LONGEST: i64 = 55_000;
/// … and sooner again by this fraction of the time that has passed.
const LESS: i64 = 17;

/// When connectors were last notified, by account.
#[derive(Debug)]
pub(crate) struct ArchiveReads(Mutex<Bounded<AccountName, LastRead>>);

impl Default for ArchiveReads {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MAX_ACCOUNTS)))
    }
}

#[derive(Clone, Copy, Debug)]
struct LastRead {
    at: Timestamp,
    pause: i64,
}

impl ArchiveReads {
    /// Returns whether connectors have to be notified now.
    fn is_due(&self, account: &AccountName, now: Timestamp) -> bool {
        let mut reads = lock(&self.0);
        let pause = match reads.get(account) {
            None => FIRST,
            Some(last) => {
                let passed = now.millis() - last.at.millis();
                // Ignored if the clock was set back.
                if (0..last.pause).contains(&passed) {
                    return false;
                }
                (last.pause + MORE - passed.max(0) / LESS).clamp(FIRST, LONGEST)
            }
        };
        reads.insert(account.clone(), LastRead { at: now, pause });
        true
    }
}

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// If this is an archive, has connectors publish what is not yet written, as far as that takes only a moment.
    pub(crate) async fn publish_before_read(&self, account: &AccountName, item: &ItemPath) {
        let everything = matches!(item, ItemPath::Folder(path) if path.segments().is_empty());
        let archive = !item.is_public() && item.module() == Some(MODULE);
        if !(archive || everything) || !self.archive_reads.is_due(account, self.kernel.now()) {
            return;
        }
        Box::pin(self.have_published(account)).await;
    }

    async fn have_published(&self, account: &AccountName) {
        // Without it the response has what was written before.
        let Ok(all) = self.connectors.all_connectors().await else {
            return;
        };
        let gateways = all.iter().filter(|one| !one.platforms.is_empty());
        join_all(gateways.map(|one| self.connectors.publish_archive(one, account))).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::testing::functions;

    #[test]
    fn who_asks_all_the_time_is_at_most_a_minute_behind_and_costs_one_commit_a_minute() {
        let (reads, alice) = (ArchiveReads::default(), "alice".parse().unwrap());
        let mut due = Vec::new();
        for second in 0..7_200 {
            if reads.is_due(&alice, Timestamp::from_millis(second * 1_000)) {
                due.push(second);
            }
        }
        let pauses: Vec<i64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| *pause < 60), "{pauses:?}");
        assert!(
            pauses.iter().rev().take(60).all(|pause| *pause >= 50),
            "{pauses:?}"
        );
        assert_eq!(due[..3], [0, 1, 5], "the first ones do not wait");
        // After a while without reads it starts over, and also with a clock that was wrong.
        let later = Timestamp::from_millis(20_000_000);
        assert!(reads.is_due(&alice, later));
        assert!(reads.is_due(&alice, later.plus_millis(FIRST)));
        assert!(reads.is_due(&alice, Timestamp::from_millis(0)));
    }

    #[test]
    fn archives_are_asked_for_before_they_are_read() {
        let f = functions();
        f.sign_up("alice");
        let token = f.grant("alice", "*:rw");
        let read = |path: &str| {
            let before = f.host().fetches.load(Ordering::Relaxed);
            f.host().advance(200_000);
            f.api(
                "GET",
                &format!("/storage/alice{path}"),
                &token,
                serde_json::Value::Null,
            );
            f.host().fetches.load(Ordering::Relaxed) - before
        };
        assert_eq!(read("/notes/"), 0);
        assert_eq!(read("/chat-messages/irc.example/"), 1);
        assert_eq!(read("/chat-messages/irc.example/meta"), 1);
        assert_eq!(read("/"), 1);
        assert_eq!(read("/public/chat-messages/a"), 0);
    }
}
