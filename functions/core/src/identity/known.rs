//! The networks from which an account's password was recently proved.
//!
//! Guessing from many addresses makes strangers wait for an account. Somebody who proved the password from the same
//! network before does not wait with them. This is a record in the store, since another instance may serve the next
//! request.

use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, StoreError};

use crate::identity::Identity;
use crate::kernel::guard::{ClientAddress, network_of};
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::records::Edit;

/// The most networks of an account; the one proved longest ago is dropped first.
const MAX_NETWORKS: usize = 16;
const DAY: i64 = 24 * 60 * 60 * 1_000;
/// How long a network is remembered, in milliseconds: as long as a session lasts.
const KNOWN_MS: i64 = 90 * DAY;

/// `networks.json` of an account.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Networks {
    version: u32,
    networks: Vec<Network>,
}

/// A network from which the password was proved.
#[derive(Debug, Deserialize, Serialize)]
struct Network {
    /// Does not reveal the address.
    name: String,
    /// When that was last recorded.
    proved: Timestamp,
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Returns whether the account's password was recently proved from the client's network. Always false for clients
    /// behind a shared address.
    pub(super) async fn is_known(
        &self,
        account: &AccountName,
        client: ClientAddress,
    ) -> Result<bool, StoreError> {
        if !client.is_somewhere() {
            return Ok(false);
        }
        let key = keys::networks(account);
        let known = match self.kernel.load_note::<Networks>(&key).await {
            Ok((known, _)) => known,
            // Nobody is known then.
            Err(error) if error.is_own() => None,
            Err(error) => return Err(error),
        };
        let (name, now) = (network_of(account, client), self.kernel.now());
        Ok(known.is_some_and(|known| {
            let mut networks = known.networks.iter();
            networks.any(|network| network.name == name && network.age(now) < KNOWN_MS)
        }))
    }

    /// Records, once a day, that the account's password was proved from the client's network.
    pub(super) async fn note_network(
        &self,
        account: &AccountName,
        client: ClientAddress,
    ) -> Result<(), StoreError> {
        if !client.is_somewhere() {
            return Ok(());
        }
        let (name, now) = (network_of(account, client), self.kernel.now());
        let note = |known: &mut Networks| {
            let of_client = |network: &Network| network.name == name;
            let noted = known.networks.iter().find(|network| of_client(network));
            if noted.is_some_and(|network| network.age(now) < DAY) {
                return Edit::Keep(());
            }
            known.version = 1;
            known
                .networks
                .retain(|network| !of_client(network) && network.age(now) < KNOWN_MS);
            let surplus = (known.networks.len() + 1).saturating_sub(MAX_NETWORKS);
            known.networks.drain(..surplus);
            known.networks.push(Network {
                name: name.clone(),
                proved: now,
            });
            Edit::Write(())
        };
        match self.kernel.upsert(&keys::networks(account), note).await {
            // A concurrent sign-in, a full disk, a note that cannot be read: no reason to refuse somebody.
            Err(StoreError::Precondition | StoreError::Full(_)) => Ok(()),
            Err(error) if error.is_own() => Ok(()),
            noted => noted,
        }
    }
}

impl Network {
    /// How long ago it was proved, in milliseconds, whichever of two clocks is slow.
    const fn age(&self, now: Timestamp) -> i64 {
        let age = now.millis().saturating_sub(self.proved.millis());
        age.saturating_abs()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{PASSWORD, TestFunctions, block_on, functions_with};

    fn sign_in(f: &TestFunctions, address: &str, name: &str, password: &str) -> u16 {
        let body = json!({"name": name, "password": password}).to_string();
        let client = ClientAddress::parse(address);
        let reply = f.request_from(client, "POST", "/api/session", &[], body);
        reply.status.as_u16()
    }

    /// Signs in to IRC; true if that succeeds, else the wait, if waiting is all that is needed.
    fn irc(f: &TestFunctions, address: Option<&str>, password: &str) -> Result<(), Option<u64>> {
        let body = json!({"name": "alice", "password": password, "address": address});
        let reply = f.signed(
            "ircd-1",
            "POST",
            "/connector/authenticate",
            body.to_string(),
        );
        let reply = reply.json();
        match reply["account"].is_string() {
            true => Ok(()),
            false => Err(reply["wait"].as_u64()),
        }
    }

    fn networks(f: &TestFunctions, name: &str) -> Vec<Network> {
        let key = keys::networks(&name.parse().unwrap());
        let known = block_on(f.kernel.load::<Networks>(&key)).unwrap();
        known.map_or_else(Vec::new, |(known, _)| known.networks)
    }

    const HOME: &str = "192.0.2.1";

    #[test]
    fn whoever_guesses_from_many_addresses_keeps_nobody_out_who_is_known() {
        for shared in [false, true] {
            let f = functions_with(|config| config.shared_counters = shared);
            f.sign_up("alice");
            f.sign_up("bob");
            assert_eq!(sign_in(&f, "203.0.113.9", "bob", PASSWORD), 201);
            let guess = |n: u32| sign_in(&f, &format!("198.51.{}.1", n), "alice", "a guess");
            let guesses: Vec<u16> = (0..60).map(guess).collect();
            assert!(guesses[..46].iter().all(|status| *status == 401));
            assert!(guesses[46..].iter().all(|status| *status == 429));

            // Only the account's own network counts, not another account's.
            assert_eq!(sign_in(&f, "203.0.113.9", "alice", PASSWORD), 429);
            assert_eq!(sign_in(&f, "198.51.100.7", "alice", PASSWORD), 429);
            assert_eq!(sign_in(&f, HOME, "alice", PASSWORD), 201);
            assert_eq!(guess(61), 429, "strangers wait on");
            // The same holds for IRC, where many may share an address.
            assert_eq!(irc(&f, Some("203.0.113.9"), PASSWORD), Err(Some(1)));
            assert_eq!(irc(&f, None, PASSWORD), Err(Some(1)));
            assert_eq!(irc(&f, Some(HOME), PASSWORD), Ok(()));

            // Guesses from there have to wait as well, and longer.
            let at_home: Vec<u16> = (0..4)
                .map(|_| sign_in(&f, HOME, "alice", "a guess"))
                .collect();
            assert_eq!(at_home, [401, 401, 401, 429]);
            assert_eq!(sign_in(&f, HOME, "alice", PASSWORD), 429);
            f.host().advance(40_000);
            assert_eq!(sign_in(&f, HOME, "alice", PASSWORD), 201);
            f.host().advance(40_000);
            assert_eq!(sign_in(&f, "198.51.100.7", "alice", PASSWORD), 201);
            assert!(!f.dump().contains(HOME), "the store shows nobody's address");
        }
    }

    #[test]
    fn what_is_known_is_bounded_and_forgotten() {
        let f = functions_with(|_| {});
        f.sign_up("alice");
        assert_eq!(networks(&f, "alice").len(), 1);
        let first = networks(&f, "alice")[0].proved;
        f.host().advance(DAY - 1);
        f.sign_in("alice");
        assert_eq!(networks(&f, "alice")[0].proved, first, "noted once a day");
        f.host().advance(1);
        f.sign_in("alice");
        assert_ne!(networks(&f, "alice")[0].proved, first);
        let alice: AccountName = "alice".parse().unwrap();
        let known = |address: &str| {
            block_on(f.identity.is_known(&alice, ClientAddress::parse(address))).unwrap()
        };
        for n in 0..20 {
            assert_eq!(
                sign_in(&f, &format!("198.51.100.{n}"), "alice", PASSWORD),
                201
            );
        }
        assert_eq!(networks(&f, "alice").len(), MAX_NETWORKS);
        assert!(!known(HOME) && !known("198.51.100.3") && known("198.51.100.4"));
        f.host().advance(KNOWN_MS);
        assert!(!known("198.51.100.19"));
        f.sign_in("alice");
        assert_eq!(networks(&f, "alice").len(), 1);
        // Addresses that do not identify anybody.
        for client in [ClientAddress::UNKNOWN, ClientAddress::SHARED] {
            block_on(f.identity.note_network(&alice, client)).unwrap();
            assert!(!block_on(f.identity.is_known(&alice, client)).unwrap());
        }
        assert_eq!(networks(&f, "alice").len(), 1);
    }
}
