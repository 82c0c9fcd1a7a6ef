//! AUTHENTICATE PLAIN (IRCv3 sasl-3.2, RFC 4616).

use irc_codec::sasl::Step;
use irc_codec::{Message, Numeric, numeric};
use protocol::AccountName;

use super::caps::Caps;
use super::client::Busy;
use super::outbox::When;
use super::pass::split_device;
use super::reply::Reply;
use super::sign_in::{DISABLED, MAX_FAILURES, wait};
use super::{ClientId, Server};
use crate::accounts::{Proof, Refusal};

impl Server {
    pub(super) fn on_authenticate(&mut self, id: ClientId, message: &Message) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if !client.caps.has(Caps::SASL) {
            let text = "Request the capability sasl before AUTHENTICATE";
            return self.reply(id, Reply::new(numeric::ERR_SASLFAIL, [text]));
        }
        let argument = message.param(0);
        if client.account.is_some() && argument != "*" {
            return self.reply(
                id,
                Reply::new(numeric::ERR_SASLALREADY, ["You are already signed in"]),
            );
        }
        let same = |authzid: &str, name: &str| {
            let account = split_device(name).0;
            split_device(authzid).0.eq_ignore_ascii_case(account)
        };
        match client.sasl.step(argument, same) {
            Step::Begun => self.push(id, "AUTHENTICATE +".to_owned(), When::Always),
            Step::More => {}
            Step::Aborted(code, text) => self.reply(id, Reply::new(code, [text])),
            Step::OtherMechanism { available, refusal } => {
                self.reply(id, Reply::new(numeric::RPL_SASLMECHS, ["PLAIN", available]));
                self.reply(id, Reply::new(numeric::ERR_SASLFAIL, [refusal]));
            }
            Step::Failed(code, text) => self.failed_attempt(id, code, text),
            Step::Plain(plain) => {
                let label = self.response.take().map(|response| response.label);
                if let Some(client) = self.clients.get_mut(&id) {
                    let (name, device) = split_device(&plain.name);
                    let name = name.to_owned();
                    client.device = device;
                    client.busy = Some(Busy::Sasl { label });
                    let address = client.peer.address;
                    self.authenticate(id, name, plain.password, address);
                }
            }
        }
    }

    pub(super) fn finish_sasl(
        &mut self,
        id: ClientId,
        label: Option<String>,
        result: Result<Proof, Refusal>,
    ) {
        self.response = label.map(|label| super::deliver::Response::new(id, label));
        match result {
            Ok(proof) => {
                self.sign_in(id, &proof);
                self.reply(
                    id,
                    Reply::new(numeric::RPL_SASLSUCCESS, ["SASL authentication successful"]),
                );
                self.adopt_account(id, &proof.account);
            }
            // The account is "held, or otherwise administratively made unavailable" (IRCv3 sasl-3.1).
            Err(Refusal::Disabled) => {
                self.reply(id, Reply::new(numeric::ERR_NICKLOCKED, [DISABLED]))
            }
            Err(Refusal::Wait(seconds)) => {
                let text = format!("SASL authentication failed: {}", wait(seconds));
                self.reply(id, Reply::new(numeric::ERR_SASLFAIL, [text]));
            }
            Err(Refusal::Wrong) => {
                let text = "SASL authentication failed: wrong account name or password";
                self.failed_attempt(id, numeric::ERR_SASLFAIL, text);
            }
            Err(Refusal::Unavailable(reason)) => {
                let text = format!("SASL authentication failed: {reason}");
                self.reply(id, Reply::new(numeric::ERR_SASLFAIL, [text]));
            }
        }
        self.finish_response();
        self.show_next_missed(id);
    }

    /// Aborts the exchange of a client that completes its registration while it is in progress (IRCv3 sasl-3.1).
    pub(super) fn abort_sasl(&mut self, id: ClientId) {
        let exchange = self.clients.get_mut(&id).and_then(|c| c.sasl.abort());
        if let Some((code, text)) = exchange {
            self.reply(id, Reply::new(code, [text]));
        }
    }

    /// An exchange ended without a sign-in because of what the client sent. Malformed data counts like a wrong
    /// password, otherwise an unauthenticated client could go on for ever at no cost. It names no account, so it does
    /// not count as a guess for one. An exchange that the client aborts (`*`) and an unsupported mechanism are not
    /// attempts.
    fn failed_attempt(&mut self, id: ClientId, code: Numeric, text: &str) {
        self.reply(id, Reply::new(code, [text]));
        self.count_failure(id);
        if self
            .clients
            .get(&id)
            .is_some_and(|client| client.failures >= MAX_FAILURES)
        {
            self.disconnect(id, "Too many failed attempts to sign in");
        }
    }

    /// A guest who signs in while connected becomes the account (IRCv3 account-notify).
    fn adopt_account(&mut self, id: ClientId, account: &AccountName) {
        let Some(user_id) = self.clients.get(&id).and_then(|client| client.user) else {
            return;
        };
        if let Some(user) = self.users.get_mut(&user_id) {
            user.account = Some(account.clone());
            user.names += 1;
        }
        let event = self.event(user_id, "ACCOUNT", [account.as_str()]);
        let mut audience = self.watchers(user_id);
        audience.extend(self.sessions(user_id));
        let audience = self.with_cap(audience, Caps::ACCOUNT_NOTIFY);
        self.relay(audience, &event, When::Always);
        self.start_playback(id, user_id, false);
        let channels: Vec<_> = self
            .users
            .get(&user_id)
            .map_or_else(Vec::new, |user| user.channels.iter().cloned().collect());
        for key in channels {
            self.remember_member(&key, account);
        }
    }
}
