//! AUTHENTICATE PLAIN (IRCv3 sasl-3.2, RFC 4616).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// A chunk of this length is followed by another.
const CHUNK: usize = 400;

const NOT_PLAIN: &str =
    "SASL authentication failed: expected base64 of authzid NUL name NUL password";

/// Said to who proves to be one account and wants to be another (RFC 4616 section 2).
const FOR_ANOTHER: &str = "SASL authentication failed: you can sign in only as the account whose password you give; leave the authorization identity (authzid) empty";

const ABORTED: &str = "SASL authentication aborted";

/// Maximum length of the payload in base64.
const MAX_PAYLOAD: usize = 4 * CHUNK;

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
        if argument == "*" {
            client.sasl = None;
            return self.reply(id, Reply::new(numeric::ERR_SASLABORTED, [ABORTED]));
        }
        if client.account.is_some() {
            return self.reply(
                id,
                Reply::new(numeric::ERR_SASLALREADY, ["You are already signed in"]),
            );
        }
        let Some(so_far) = &mut client.sasl else {
            if !argument.eq_ignore_ascii_case("PLAIN") {
                self.reply(
                    id,
                    Reply::new(
                        numeric::RPL_SASLMECHS,
                        ["PLAIN", "are the available SASL mechanisms"],
                    ),
                );
                return self.reply(
                    id,
                    Reply::new(
                        numeric::ERR_SASLFAIL,
                        ["SASL authentication failed: only PLAIN is supported"],
                    ),
                );
            }
            client.sasl = Some(String::new());
            return self.push(id, "AUTHENTICATE +".to_owned(), When::Always);
        };
        if argument.len() > CHUNK || so_far.len() + argument.len() > MAX_PAYLOAD {
            client.sasl = None;
            return self.failed_attempt(id, numeric::ERR_SASLTOOLONG, "SASL message too long");
        }
        if argument != "+" {
            so_far.push_str(argument);
        }
        if argument.len() == CHUNK {
            return;
        }
        let payload = client.sasl.take().unwrap_or_default();
        match parse_plain(&payload) {
            Ok((name, password)) => {
                let label = self.response.take().map(|response| response.label);
                if let Some(client) = self.clients.get_mut(&id) {
                    let (name, device) = split_device(&name);
                    let name = name.to_owned();
                    client.device = device;
                    client.busy = Some(Busy::Sasl { label });
                    let address = client.peer.address;
                    self.authenticate(id, name, password, address);
                }
            }
            Err(text) => self.failed_attempt(id, numeric::ERR_SASLFAIL, text),
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
        let exchange = self.clients.get_mut(&id).and_then(|c| c.sasl.take());
        if exchange.is_some() {
            self.reply(id, Reply::new(numeric::ERR_SASLABORTED, [ABORTED]));
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

/// Parses `authzid NUL authcid NUL password`.
///
/// # Errors
/// It is malformed, or the authzid is that of another account.
fn parse_plain(payload: &str) -> Result<(String, String), &'static str> {
    let bytes = STANDARD.decode(payload).map_err(|_| NOT_PLAIN)?;
    let text = String::from_utf8(bytes).map_err(|_| NOT_PLAIN)?;
    let parts: Vec<&str> = text.split('\0').collect();
    let &[authzid, name, password] = parts.as_slice() else {
        return Err(NOT_PLAIN);
    };
    if name.is_empty() || password.is_empty() {
        return Err(NOT_PLAIN);
    }
    let account = split_device(name).0;
    if !authzid.is_empty() && !split_device(authzid).0.eq_ignore_ascii_case(account) {
        return Err(FOR_ANOTHER);
    }
    Ok((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_payloads() {
        let read = |text: &str| parse_plain(&STANDARD.encode(text));
        let pair = Ok(("alice".to_owned(), "pw".to_owned()));
        assert_eq!(read("\0alice\0pw"), pair);
        assert_eq!(read("alice\0alice\0pw"), pair);
        assert_eq!(read("Alice@phone\0alice\0pw"), pair);
        for bad in ["", "alice", "\0alice", "\0\0pw", "\0alice\0", "\0a\0b\0c"] {
            assert_eq!(read(bad), Err(NOT_PLAIN), "{bad:?}");
        }
        assert_eq!(parse_plain("%%%"), Err(NOT_PLAIN));
        assert_eq!(read("bob\0alice\0pw"), Err(FOR_ANOTHER));
    }
}
