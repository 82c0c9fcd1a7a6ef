//! Registration (PASS, USER and what completes it), QUIT, and the end of a connection
//! (RFC 2812, section 3.1).

use std::net::IpAddr;

use irc_codec::{Message, numeric};
use protocol::SessionRef;

use super::client::{Busy, User, UserId};
use super::lookalike::visible;
use super::outbox::When;
use super::pass::candidates;
use super::reply::Reply;
use super::seen::ANY;
use super::{ClientId, Now, Server, names};
use crate::accounts::{Proof, Refusal};

/// Failed attempts to sign in after which a connection is closed.
pub(super) const MAX_FAILURES: u32 = 3;

/// How long failed attempts to sign in count against an address, in milliseconds.
const FAILURES_KEPT: u64 = 600_000;

impl Server {
    pub(super) fn on_pass(&mut self, id: ClientId, message: &Message) {
        match self
            .clients
            .get_mut(&id)
            .and_then(|client| client.registration.as_mut())
        {
            Some(registration) => registration.password = Some(message.param(0).to_owned()),
            None => self.already_registered(id),
        }
    }

    pub(super) fn on_user(&mut self, id: ClientId, message: &Message) {
        if !names::is_user_name(message.param(0)) {
            let text = "Your user name is not valid: it takes letters, digits and . _ -";
            return self.reply(id, Reply::new(numeric::ERR_INVALIDUSERNAME, [text]));
        }
        match self
            .clients
            .get_mut(&id)
            .and_then(|client| client.registration.as_mut())
        {
            Some(registration) => {
                let real = names::clip(&visible(message.param(3)), REAL_NAME).to_owned();
                registration.user = Some((message.param(0).to_owned(), real));
                self.try_register(id);
            }
            None => self.already_registered(id),
        }
    }

    fn already_registered(&mut self, id: ClientId) {
        self.reply(
            id,
            Reply::new(
                numeric::ERR_ALREADYREGISTERED,
                ["You are registered already"],
            ),
        );
    }

    /// Registers a client that has sent all that is needed.
    pub(super) fn try_register(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id).filter(|c| c.busy.is_none()) else {
            return;
        };
        let Some(registration) = &mut client.registration else {
            return;
        };
        let (false, Some(nick), Some((user, real))) = (
            registration.negotiating,
            registration.nick.clone(),
            registration.user.clone(),
        ) else {
            return;
        };
        if client.account.is_none() {
            if let Some(password) = registration.password.take() {
                let (found, device) = candidates(&password, &nick, &user);
                client.device = device;
                return self.check_password(id, found);
            }
            if !self.config.guests.admit(client.peer.address) {
                let text = "This server is for its members: sign in by SASL PLAIN, or with PASS account:password";
                self.reply(id, Reply::new(numeric::ERR_PASSWDMISMATCH, [text]));
                self.disconnect(id, "You are not signed in");
                return;
            }
        }
        let account = client.account.clone();
        if self.must_look_up(id, &nick) {
            return;
        }
        if !self.is_nick_free(&nick, account.as_ref(), None) {
            if let Some(registration) = self
                .clients
                .get_mut(&id)
                .and_then(|c| c.registration.as_mut())
            {
                registration.nick = None;
            }
            return self.nick_in_use(id, &nick);
        }
        self.abort_sasl(id);
        match self.nicks.get(&names::fold(&nick)).copied() {
            Some(same) => self.attach(id, same),
            None => self.register(id, nick, &user, real),
        }
    }

    fn register(&mut self, id: ClientId, nick: String, user: &str, real: String) {
        let user_id = UserId(self.next_count());
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.registration = None;
        client.user = Some(user_id);
        let host = match &client.account {
            Some(account) => format!("user/{account}"),
            None => {
                // Everybody can see that this is a guest.
                format!("guest/{}", client.peer.address.to_canonical())
            }
        };
        self.nicks.insert(names::fold(&nick), user_id);
        self.users.insert(
            user_id,
            User {
                nick: nick.clone(),
                name: names::user_name(user),
                host,
                real,
                account: client.account.clone(),
                sessions: vec![id],
                channels: Default::default(),
                invites: Default::default(),
                away: client.away.clone(),
                invisible: false,
                since: self.now.wall,
                active: self.now.wall,
            },
        );
        self.most_users = self.most_users.max(self.users.len());
        self.start_pings(id);
        self.send_welcome(id);
        self.notify_monitors(&nick, true);
        self.start_playback(id, user_id, false);
    }

    /// Makes a client a further session of a user with the same account and nickname.
    fn attach(&mut self, id: ClientId, user_id: UserId) {
        let sessions = self
            .users
            .get(&user_id)
            .map_or(0, |user| user.sessions.len());
        if sessions >= self.config.limits.sessions {
            let text = format!(
                "You are connected {sessions} times already; close one of these connections"
            );
            return self.disconnect(id, &text);
        }
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.registration = None;
        client.user = Some(user_id);
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        user.sessions.push(id);
        let channels: Vec<_> = user.channels.iter().cloned().collect();
        self.start_pings(id);
        self.send_welcome(id);
        for channel in channels {
            self.show_joined(id, user_id, &channel);
        }
        self.update_away(user_id);
        self.start_playback(id, user_id, true);
    }

    fn start_pings(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            self.deadlines.remove(&(client.deadline, id));
            client.deadline = self.now.ticks + self.config.limits.ping_ms;
            self.deadlines.insert((client.deadline, id));
        }
    }

    fn check_password(&mut self, id: ClientId, mut next: Vec<(String, String)>) {
        let (name, password) = next.remove(0);
        if let Some(client) = self.clients.get_mut(&id) {
            client.busy = Some(Busy::Password { next });
            let address = client.peer.address;
            self.authenticate(id, name, password, address);
        }
    }

    /// Has a password checked. For an address that many share, guesses are counted by account only.
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

    pub(super) fn on_quit(&mut self, id: ClientId, message: &Message) {
        let text = match message.param(0) {
            "" => "Quit".to_owned(),
            text => format!("Quit: {}", names::clip(text, self.config.limits.text)),
        };
        self.disconnect(id, &text);
    }

    /// Sends ERROR with the reason, closes, and forgets a client.
    pub(super) fn disconnect(&mut self, id: ClientId, reason: &str) {
        // The response so far comes before the ERROR.
        if self
            .response
            .as_ref()
            .is_some_and(|response| response.client == id)
        {
            self.finish_response();
        }
        let line = super::reply::wire(&Message::new("ERROR", [reason]));
        self.push(
            id,
            names::clip(&line, super::reply::LINE - 2).to_owned(),
            When::Always,
        );
        self.outbox.close(id);
        self.forget(id, reason);
    }

    /// A connection ended by itself.
    pub fn handle_closed(&mut self, id: ClientId, reason: &str, now: Now) {
        self.now = now;
        self.forget(id, reason);
    }

    /// The server stops: everybody is told.
    pub fn handle_shutdown(&mut self, reason: &str, now: Now) {
        self.now = now;
        self.end_all_playbacks();
        let all: Vec<ClientId> = self.clients.keys().copied().collect();
        for id in all {
            let line = super::reply::wire(&Message::new("ERROR", [reason]));
            self.push(id, line, When::Always);
            self.outbox.close(id);
        }
        self.clients.clear();
    }

    fn forget(&mut self, id: ClientId, reason: &str) {
        let Some(client) = self.clients.remove(&id) else {
            return;
        };
        self.deadlines.remove(&(client.deadline, id));
        for nick in client.monitor.keys() {
            self.unmonitor(id, nick);
        }
        self.leave_address(client.peer.address);
        self.end_playback(&client, reason);
        let Some(user_id) = client.user else {
            return;
        };
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        user.sessions.retain(|session| *session != id);
        if user.sessions.is_empty() {
            self.quit(user_id, reason);
        } else {
            self.update_away(user_id);
        }
    }

    fn quit(&mut self, user_id: UserId, reason: &str) {
        let event = self.event(user_id, "QUIT", [reason]);
        let audience = self.neighbours(user_id);
        self.relay(audience, &event, When::Always);
        let Some(user) = self.users.remove(&user_id) else {
            return;
        };
        self.nicks.remove(&names::fold(&user.nick));
        for key in &user.channels {
            if let Some(channel) = self.channels.get_mut(key) {
                channel.members.remove(&user_id);
            }
            self.forget_if_empty(key);
        }
        self.notify_monitors(&user.nick, false);
        if let Some(account) = &user.account {
            self.note_seen(account, ANY, self.last_id);
        }
        self.remember_for_whowas(&user);
    }
}

/// Explains that there were too many wrong passwords; this one was not even checked.
pub(super) fn wait(seconds: u64) -> String {
    format!("Too many attempts with wrong passwords, wait {seconds} s")
}

/// What the owner of a disabled account is told after showing the right password.
pub(super) const DISABLED: &str = "This account is disabled; ask an admin of this installation";

/// The longest real name, in bytes.
pub(super) const REAL_NAME: usize = 150;
