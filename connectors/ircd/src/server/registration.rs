//! Registration: PASS, USER and completion (RFC 2812, section 3.1).

use irc_codec::{Message, Source, numeric};

use super::client::{User, UserId};
use super::lookalike::visible;
use super::pass::candidates;
use super::reply::Reply;
use super::{ClientId, Server, names};

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
            let text = "Your user name is not valid: use letters, digits and . _ -";
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

    pub(super) fn already_registered(&mut self, id: ClientId) {
        self.reply(
            id,
            Reply::new(
                numeric::ERR_ALREADYREGISTERED,
                ["You are already registered"],
            ),
        );
    }

    /// Registers a client that has sent everything required.
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
                let text = "This server is for its members: sign in with SASL PLAIN, or with PASS account:password";
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
        let source = Source {
            nick: nick.clone(),
            user: Some(names::user_name(&user)),
            host: Some(self.host_of(id)),
        };
        if let Some(text) = self.banned_source(source, account.as_ref()) {
            self.reply(
                id,
                Reply::new(numeric::ERR_YOUREBANNEDCREEP, [text.as_str()]),
            );
            return self.disconnect(id, &text);
        }
        self.abort_sasl(id);
        match self.nicks.get(&names::fold(&nick)).copied() {
            Some(same) => self.attach(id, same),
            None => self.register(id, nick, &user, real),
        }
    }

    /// The host that is shown: everyone can see who is a guest.
    fn host_of(&self, id: ClientId) -> String {
        let Some(client) = self.clients.get(&id) else {
            return String::new();
        };
        match &client.account {
            Some(account) => format!("user/{account}"),
            None => format!("guest/{}", client.peer.address.to_canonical()),
        }
    }

    fn register(&mut self, id: ClientId, nick: String, user: &str, real: String) {
        let user_id = UserId(self.next_count());
        let host = self.host_of(id);
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.registration = None;
        client.user = Some(user_id);
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
                away: None,
                modes: Default::default(),
                since: self.now.wall,
                active: self.now.wall,
                names: 0,
                paid_at: 0,
            },
        );
        self.update_away(user_id);
        self.most_users = self.most_users.max(self.users.len());
        self.start_pings(id);
        self.send_welcome(id);
        self.notify_monitors(&nick, true);
        self.start_playback(id, user_id, false);
    }

    /// Adds a client as a further session of the user with the same account and nickname.
    fn attach(&mut self, id: ClientId, user_id: UserId) {
        let sessions = self
            .users
            .get(&user_id)
            .map_or(0, |user| user.sessions.len());
        if sessions >= self.config.limits.sessions {
            let text = format!(
                "You are already connected {sessions} times; close one of these connections"
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
}

/// Maximum length of a real name, in bytes.
pub(super) const REAL_NAME: usize = 150;
