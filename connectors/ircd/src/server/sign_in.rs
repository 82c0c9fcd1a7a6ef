//! Passwords, from PASS or SASL: they are checked, and a correct one signs a client in to its account. Wrong ones are
//! counted.

use std::net::IpAddr;

use irc_codec::numeric;
use protocol::SessionRef;

use super::client::Busy;
use super::reply::Reply;
use super::{ClientId, Now, Server};
use crate::accounts::{Proof, Refusal};

/// Failed sign-in attempts after which a connection is closed.
pub(super) const MAX_FAILURES: u32 = 3;

/// How long failed sign-in attempts count against an address, in milliseconds.
const FAILURES_KEPT: u64 = 600_000;

impl Server {
    pub(super) fn check_password(&mut self, id: ClientId, mut next: Vec<(String, String)>) {
        let (name, password) = next.remove(0);
        if let Some(client) = self.clients.get_mut(&id) {
            client.busy = Some(Busy::Password { next });
            let address = client.peer.address;
            self.authenticate(id, name, password, address);
        }
    }

    /// Submits a password for checking. For an address that many clients share, guesses are counted by account only.
    pub(super) fn authenticate(
        &mut self,
        id: ClientId,
        name: String,
        password: String,
        address: IpAddr,
    ) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.checked = self.now.wall;
        }
        let address = Some(address).filter(|&address| !self.config.is_shared(address));
        self.outbox.authenticate(id, name, password, address);
    }

    /// A password was checked.
    pub fn handle_authenticated(&mut self, id: ClientId, result: Result<Proof, Refusal>, now: Now) {
        self.now = now;
        let Some(busy) = self
            .clients
            .get_mut(&id)
            .and_then(|client| client.busy.take())
        else {
            return;
        };
        match busy {
            Busy::Sasl { label } => self.finish_sasl(id, label, result),
            Busy::Password { next } => match result {
                Ok(proof) => {
                    self.sign_in(id, &proof);
                    self.try_register(id);
                }
                Err(Refusal::Wrong) if !next.is_empty() => self.check_password(id, next),
                Err(Refusal::Wrong) => {
                    let text =
                        "Wrong password; send PASS account:password, or your own nickname as NICK";
                    self.reply(id, Reply::new(numeric::ERR_PASSWDMISMATCH, [text]));
                    self.count_failure(id);
                    self.disconnect(id, "Wrong password");
                }
                Err(Refusal::Disabled) => {
                    self.reply(id, Reply::new(numeric::ERR_YOUREBANNEDCREEP, [DISABLED]));
                    self.disconnect(id, DISABLED);
                }
                Err(Refusal::Wait(seconds)) => {
                    let text = wait(seconds);
                    self.reply(id, Reply::new(numeric::ERR_PASSWDMISMATCH, [text.as_str()]));
                    self.disconnect(id, &text);
                }
                Err(Refusal::Unavailable(reason)) => {
                    self.reply(id, Reply::new(numeric::ERR_PASSWDMISMATCH, [reason]));
                    self.disconnect(id, "Your password could not be checked");
                }
            },
            other => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.busy = Some(other);
                }
            }
        }
    }

    /// Gives a client an account.
    pub(super) fn sign_in(&mut self, id: ClientId, proof: &Proof) {
        let account = &proof.account;
        self.remember_account(account);
        if let Some(client) = self.clients.get_mut(&id) {
            client.account = Some(account.clone());
            client.administrator = proof.administrator;
            client.session = Some(SessionRef {
                account: account.clone(),
                grant: proof.grant.clone(),
                since: client.checked,
            });
        }
        let user = self.clients.get(&id).and_then(|client| client.user);
        let mask = match user.and_then(|user| self.users.get(&user)) {
            Some(user) => user.source().to_string(),
            None => format!("{}!*@user/{account}", self.name_for(id)),
        };
        let text = format!("You are now signed in as {account}");
        self.reply(
            id,
            Reply::new(numeric::RPL_LOGGEDIN, [mask, account.to_string(), text]),
        );
        self.end_if_banned(id, account);
    }

    pub(super) fn count_failure(&mut self, id: ClientId) {
        self.statistics.failures += 1;
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.failures += 1;
        let address = self
            .addresses
            .entry(program::network(client.peer.address))
            .or_default();
        if address.forget_failures_at <= self.now.ticks {
            address.failures = 0;
        }
        address.failures += 1;
        address.forget_failures_at = self.now.ticks + FAILURES_KEPT;
    }
}

/// Explains that there were too many wrong passwords; this one was not checked.
pub(super) fn wait(seconds: u64) -> String {
    format!("Too many attempts with wrong passwords, wait {seconds} s")
}

/// Sent to the owner of a disabled account after a correct password.
pub(super) const DISABLED: &str = "This account is disabled; ask an admin of this installation";
