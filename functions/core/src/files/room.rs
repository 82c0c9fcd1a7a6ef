//! When the store is full, old versions are the first to be removed: those of the writing account, before a write is
//! refused, and those of all accounts when maintenance finds no space left for documents.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mutex::lock;
use protocol::{AccountName, Bounded, Timestamp};
use storage_adapter::{GiveWay, Kept, ObjectStore, StoreError, TreeError};

use crate::files::Files;
use crate::files::stores::Tree;
use crate::kernel::host::Host;

/// This many bytes more than needed are freed, if possible, so that not every write has to check.
const MORE: u64 = 16 << 20;
/// What a document takes on disk besides its bytes.
const OVERHEAD: u64 = 64 << 10;
/// An account that did not have enough old versions is not searched again for this many milliseconds.
const PAUSE: i64 = 60_000;
/// The most accounts for which that is remembered.
const MAX_PAUSES: usize = 10_000;

const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Maintenance removes the versions superseded longest ago, across all accounts, before it moves on to the next age;
/// milliseconds.
const AGES: [i64; 4] = [7 * DAY, DAY, HOUR, 5 * MINUTE];

/// Accounts that did not have enough old versions, with the time and the bytes needed.
#[derive(Debug)]
pub(crate) struct Pauses(Mutex<Bounded<AccountName, (Timestamp, u64)>>);

impl Default for Pauses {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MAX_PAUSES)))
    }
}

impl Pauses {
    fn holds(&self, account: &AccountName, bytes: u64, now: Timestamp) -> bool {
        let pauses = lock(&self.0);
        pauses.get(account).is_some_and(|(at, missing)| {
            bytes >= *missing && (0..PAUSE).contains(&(now.millis() - at.millis()))
        })
    }

    fn begin(&self, account: &AccountName, bytes: u64, now: Timestamp) {
        let mut pauses = lock(&self.0);
        pauses.insert(account.clone(), (now, bytes));
    }
}

/// What is being written to the installation's own store at the moment, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Coming(AtomicU64);

/// A write for which there is room; it counts as long as this is held.
#[must_use = "what is written meanwhile does not count it"]
#[derive(Debug)]
pub(crate) struct Room<'a> {
    coming: &'a Coming,
    bytes: u64,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.coming.0.fetch_sub(self.bytes, Relaxed);
    }
}

impl Coming {
    /// Counts a write; also returns the bytes of all.
    fn begin(&self, bytes: u64) -> (Room<'_>, u64) {
        // Far more than any disk has, and far from an overflow.
        let bytes = bytes.min(1 << 50);
        let before = self.0.fetch_add(bytes, Relaxed);
        let coming = self;
        (Room { coming, bytes }, before.saturating_add(bytes))
    }
}

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Before a write of this many bytes: if they no longer fit beside what is being written already, removes the
    /// account's oldest versions, if that frees enough space for these. Failures here are reported by the write itself.
    /// Hold the result until the write is done.
    pub(crate) async fn make_room(&self, account: &AccountName, bytes: u64) -> Option<Room<'_>> {
        let needed = bytes.saturating_add(OVERHEAD);
        let tree = self.tree(account).await.ok()?;
        let room = tree.store().room()?;
        let (held, all) = self.coming.begin(needed);
        let least = needed.saturating_sub(room);
        // Some of what is being written may be in place already: that is more than is missing, never less.
        let missing = all.saturating_sub(room);
        if missing > 0 {
            let made = self.give_way(account, &tree, least, missing).await;
            drop(made);
        }
        Some(held)
    }

    /// After a write that the store refused because it is full, which could not be foreseen because its length or the
    /// free space was unknown. Removes the account's oldest versions, so that the next attempt may succeed.
    pub(crate) async fn make_room_for_next(
        &self,
        account: &AccountName,
        bytes: Option<u64>,
        refused: &TreeError,
    ) {
        if !matches!(refused, TreeError::Store(StoreError::Full(_))) {
            return;
        }
        let made: Result<(), TreeError> = async {
            let tree = self.tree(account).await?;
            let (least, wanted) = match (bytes, tree.store().room()) {
                // Others may have taken what there was.
                (Some(bytes), Some(room)) => {
                    let missing = bytes.saturating_add(OVERHEAD).saturating_sub(room);
                    if missing == 0 {
                        return Ok(());
                    }
                    (missing, missing)
                }
                (bytes, _) => (0, bytes.unwrap_or(0)),
            };
            self.give_way(account, &tree, least, wanted).await
        }
        .await;
        drop(made);
    }

    async fn give_way(
        &self,
        account: &AccountName,
        tree: &Tree<S, H>,
        least: u64,
        wanted: u64,
    ) -> Result<(), TreeError> {
        let now = self.kernel.now();
        if self.pauses.holds(account, wanted, now) {
            return Ok(());
        }
        // Versions younger than a slot stay, so that an accidental overwrite can be undone.
        let before = now.plus_millis(-tree.options().slot_millis);
        let most = wanted.saturating_add(MORE);
        let given = GiveWay {
            before,
            least,
            most,
        };
        let given = tree.give_way(account, given).await?;
        if given.versions == 0 {
            self.pauses.begin(account, wanted, now);
        }
        Ok(())
    }

    /// If there is no space left for documents, removes old versions of all accounts until there is; the oldest first,
    /// roughly by [`AGES`]. Returns what was removed.
    ///
    /// # Errors
    /// The first one of any account, after the others have been processed.
    pub(crate) async fn make_room_for_all(
        &self,
        accounts: &[AccountName],
    ) -> (Kept, Result<(), TreeError>) {
        let (mut removed, mut result) = (Kept::default(), Ok(()));
        let room = || self.kernel.storage().store().room();
        if room() != Some(0) {
            return (removed, result);
        }
        let now = self.kernel.now();
        for age in AGES {
            for account in accounts {
                let missing = MORE.saturating_sub(room().unwrap_or(MORE));
                if missing == 0 {
                    return (removed, result);
                }
                match self.give_age(account, now.plus_millis(-age), missing).await {
                    Ok(given) => {
                        removed.versions += given.versions;
                        removed.bytes += given.bytes;
                    }
                    Err(error) => result = result.and(Err(error)),
                }
            }
        }
        (removed, result)
    }

    async fn give_age(
        &self,
        account: &AccountName,
        before: Timestamp,
        most: u64,
    ) -> Result<Kept, TreeError> {
        if !self.is_at_home(account).await? {
            // It would free no space here.
            return Ok(Kept::default());
        }
        let wanted = GiveWay {
            before,
            least: 0,
            most,
        };
        self.tree(account).await?.give_way(account, wanted).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{Reply, TestFunctions, block_on, functions, functions_with};

    const MIB: usize = 1 << 20;

    struct Member<'a> {
        functions: &'a TestFunctions,
        name: &'a str,
        session: String,
        token: String,
    }

    impl<'a> Member<'a> {
        fn new(functions: &'a TestFunctions, name: &'a str) -> Self {
            Self {
                functions,
                name,
                session: functions.sign_up(name),
                token: format!("Bearer {}", functions.grant(name, "*:rw")),
            }
        }

        fn put_as(&self, name: &str, bytes: usize, says_length: bool) -> Reply {
            let length = bytes.to_string();
            let mut headers = vec![
                ("authorization", &*self.token),
                ("content-type", "text/plain"),
            ];
            if says_length {
                headers.push(("content-length", &length));
            }
            let target = format!("/storage/{}/notes/{name}", self.name);
            self.functions
                .request("PUT", &target, &headers, vec![b'x'; bytes])
        }

        fn put(&self, name: &str, bytes: usize) -> u16 {
            self.put_as(name, bytes, true).status.as_u16()
        }

        /// The number of old versions.
        fn kept(&self) -> u64 {
            let kept = self
                .functions
                .api("GET", "/api/store/kept", &self.session, Value::Null);
            kept.json()["versions"].as_u64().unwrap()
        }

        /// Writes a document this many times, six minutes apart; all but the last become old versions.
        fn rewrite(&self, times: u64) {
            for _ in 0..times {
                assert!(matches!(self.put("a", MIB), 200 | 201));
                self.functions.host().advance(6 * MINUTE);
            }
        }
    }

    /// This many bytes are left for documents from now on.
    fn leave(functions: &TestFunctions, bytes: usize) {
        let memory = functions.memory();
        memory.set_capacity(Some(u64::MAX));
        let used = u64::MAX - memory.room().unwrap();
        memory.set_capacity(Some(used + bytes as u64));
    }

    #[test]
    fn old_versions_give_way_to_what_is_written() {
        let f = functions();
        let (alice, bob) = (Member::new(&f, "alice"), Member::new(&f, "bob"));
        alice.rewrite(5);
        bob.rewrite(3);
        leave(&f, MIB / 2);
        assert_eq!((alice.kept(), bob.kept()), (4, 2));
        // Nothing is removed for a document that would not fit anyway.
        assert_eq!(alice.put("large", 8 * MIB), 507);
        assert_eq!(alice.kept(), 4);
        assert_eq!(alice.put("b", 2 * MIB), 201);
        assert_eq!((alice.kept(), bob.kept()), (0, 2));
        // What was overwritten just now stays.
        f.host().advance(6 * MINUTE);
        assert_eq!(alice.put("b", MIB), 200);
        leave(&f, 0);
        assert_eq!(alice.put("c", MIB), 507);
        assert_eq!(alice.kept(), 1);
        // Until it is old enough, and a minute has passed since the last check.
        f.host().advance(6 * MINUTE);
        assert_eq!(alice.put("c", MIB), 201);
        leave(&f, 0);
        assert_eq!(bob.put("a", MIB / 2), 200);
    }

    /// A document that the quota refuses anyway costs nobody an old version.
    #[test]
    fn nothing_gives_way_to_what_the_quota_refuses() {
        let quota = 3 * MIB as u64;
        let f = functions_with(|config| config.default_quota = Some(quota));
        let alice = Member::new(&f, "alice");
        alice.rewrite(4);
        leave(&f, 5 * MIB / 2);
        let kept = alice.kept();
        assert_eq!(kept, 3, "enough for what follows");
        assert_eq!(alice.put("large", 7 * MIB / 2), 507);
        assert_eq!(alice.kept(), kept);
        // What the quota permits has room.
        leave(&f, MIB);
        assert_eq!(alice.put("b", 3 * MIB / 2), 201);
        assert!(alice.kept() < kept);
    }

    /// Who has nothing that could give way is not searched with every write.
    #[test]
    fn an_account_without_old_versions_is_left_alone_for_a_while() {
        let f = functions();
        let alice = Member::new(&f, "alice");
        alice.rewrite(1);
        leave(&f, 0);
        let requests = |pause: i64| {
            f.host().advance(pause);
            f.memory().take_requests();
            assert_eq!(alice.put("b", MIB), 507);
            f.memory().take_requests().total()
        };
        requests(PAUSE);
        let (searched, left_alone) = (requests(PAUSE), requests(PAUSE / 2));
        assert!(left_alone < searched, "{left_alone} of {searched}");
        assert_eq!(requests(PAUSE), searched);
    }

    #[test]
    fn what_is_being_written_at_the_same_time_counts() {
        let f = functions();
        let alice = Member::new(&f, "alice");
        alice.rewrite(5);
        leave(&f, 3 * MIB);
        let name: AccountName = "alice".parse().unwrap();
        let files = &f.files;
        let write = || block_on(files.make_room(&name, MIB as u64));
        let first = [write(), write()];
        assert_eq!(alice.kept(), 4, "there is room for both");
        let third = write();
        assert_eq!(alice.kept(), 0, "there is none for a third beside them");
        drop((first, third));
        assert_eq!(files.coming.0.load(Relaxed), 0);
    }

    #[test]
    fn who_does_not_say_how_much_comes_has_room_the_next_time() {
        let f = functions();
        let alice = Member::new(&f, "alice");
        alice.rewrite(3);
        leave(&f, MIB / 2);
        assert_eq!(alice.put_as("b", MIB, false).status, 507);
        assert_eq!(alice.put_as("b", MIB, false).status, 201);
        // A refusal for another reason removes nothing.
        alice.rewrite(1);
        leave(&f, 0);
        let kept = alice.kept();
        assert!(kept > 0);
        for (header, status) in [
            (("content-type", "text"), 400),
            (("if-none-match", "*"), 412),
        ] {
            let headers = [
                ("authorization", &*alice.token),
                header,
                ("content-type", "text/plain"),
            ];
            let refused = f.request("PUT", "/storage/alice/notes/a", &headers, "c");
            assert_eq!((refused.status.as_u16(), alice.kept()), (status, kept));
        }
    }

    #[test]
    fn old_versions_give_way_to_what_is_said() {
        let f = functions();
        let alice = Member::new(&f, "alice");
        alice.rewrite(3);
        leave(&f, 0);
        assert_eq!(alice.kept(), 2);
        let said = serde_json::json!({"events": [{
            "id": "1", "account": "alice", "connection": "private", "event": "message",
            "server": "chat.example.org", "target": {"type": "channel", "name": "#lobby"},
            "message": {"id": "1", "timestamp": f.kernel.now().millis(), "from": "x", "text": "hello", "type": "text"},
        }]});
        let stored = f.signed("irc-1", "POST", "/connector/events", said.to_string());
        assert_eq!(stored.status, 200, "{stored:?}");
        assert_eq!((&stored.json()["stored"], alice.kept()), (&1.into(), 0));
    }

    #[test]
    fn maintenance_makes_room_at_the_cost_of_the_oldest() {
        let f = functions();
        let (alice, bob) = (Member::new(&f, "alice"), Member::new(&f, "bob"));
        let carol = Member::new(&f, "carol");
        bob.rewrite(20);
        f.host().advance(2 * DAY);
        alice.rewrite(3);
        leave(&f, 1);
        let done = block_on(f.lifecycle.maintain());
        assert_eq!(done.gave_way.versions, 0, "there is room: {done:?}");
        leave(&f, 0);
        let done = block_on(f.lifecycle.maintain());
        assert_eq!(done.gave_way.versions, 16, "{done:?}");
        assert!(done.failed.is_empty(), "{done:?}");
        assert_eq!((alice.kept(), bob.kept()), (2, 3));
        assert_eq!(carol.put("a", 15 * MIB), 201);
        leave(&f, 0);
        let done = block_on(f.lifecycle.maintain());
        assert_eq!((alice.kept(), bob.kept()), (0, 0), "{done:?}");
    }
}
