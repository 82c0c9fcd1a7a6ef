//! NICK and SETNAME: who may have which name.

use irc_codec::{Message, numeric};
use protocol::AccountName;

use super::caps::Caps;
use super::channel::Channel;
use super::claim::Claim;
use super::client::UserId;
use super::lookalike::visible;
use super::outbox::When;
use super::registration::REAL_NAME;
use super::reply::Reply;
use super::{ClientId, Server, names};

/// Entries of lists with which a user who changes nicknames is compared for each millisecond, and how many milliseconds
/// may be owed. Who is in few channels with long lists never notices.
const MASKS_PER_TICK: u64 = 2;
const MOST_OWED: u64 = 20_000;

impl Server {
    pub(super) fn on_nick(&mut self, id: ClientId, message: &Message) {
        let nick = message.param(0);
        if nick.is_empty() {
            return self.reply(
                id,
                Reply::new(numeric::ERR_NONICKNAMEGIVEN, ["No nickname given"]),
            );
        }
        if !names::is_nick(nick, self.config.limits.nick) {
            let text = format!(
                "Not a nickname: use letters, digits and -_[]{{}}\\|^`, at most {}, and do not begin with a digit or -",
                self.config.limits.nick
            );
            return self.reply(id, Reply::new(numeric::ERR_ERRONEUSNICKNAME, [nick, &text]));
        }
        self.take_nick(id, nick);
    }

    /// Gives a client a nickname, or explains why not.
    pub(super) fn take_nick(&mut self, id: ClientId, nick: &str) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let account = client.account.clone();
        let Some(user_id) = client.user else {
            // Whether it is available to this client is decided once the client has had time to sign in.
            if let Some(registration) = &mut client.registration {
                registration.nick = Some(nick.to_owned());
            }
            return self.try_register(id);
        };
        let same = self
            .users
            .get(&user_id)
            .is_some_and(|user| user.nick == nick);
        if same || self.must_look_up(id, nick) {
            return;
        }
        if !self.pay_for_nick(user_id) {
            let text = "You changed it too often for the bans there are: wait";
            return self.reply(id, Reply::new(numeric::ERR_NICKTOOFAST, [nick, text]));
        }
        if let Some(text) = self.banned_as(user_id, nick) {
            let reply = Reply::new(numeric::ERR_ERRONEUSNICKNAME, [nick, &text]);
            return self.reply(id, reply);
        }
        let holder = self.nicks.get(&names::fold(nick)).copied();
        if holder.is_some_and(|holder| {
            holder != user_id && !self.may_evict(holder, nick, account.as_ref())
        }) || !self.is_nick_free(nick, account.as_ref(), Some(user_id))
        {
            return self.nick_in_use(id, nick);
        }
        // Who is signed in may always have the account's own name.
        let own = account.is_some_and(|account| account.as_str() == names::fold(nick).as_str());
        if let Some(channel) = self.banned_in(user_id).filter(|_| !own) {
            let text = "You are banned there: leave it before you take another nickname";
            let reply = Reply::new(numeric::ERR_BANNICKCHANGE, [nick, channel, text]);
            return self.reply(id, reply);
        }
        self.rename(user_id, nick);
    }

    /// With each nickname a user is compared anew with the server's bans and the lists of all channels the user is in.
    /// Returns whether that may be done now.
    fn pay_for_nick(&mut self, user_id: UserId) -> bool {
        let Some(user) = self.users.get_mut(&user_id) else {
            return false;
        };
        let channels = user
            .channels
            .iter()
            .filter_map(|key| self.channels.get(key));
        let masks = channels.map(Channel::masks).sum::<usize>() + self.bans.count();
        let from = user.paid_at.max(self.now.ticks);
        let may = from <= self.now.ticks + MOST_OWED;
        if may {
            user.paid_at = from + masks as u64 / MASKS_PER_TICK;
        }
        may
    }

    pub(super) fn nick_in_use(&mut self, id: ClientId, nick: &str) {
        let account = self.clients.get(&id).and_then(|c| c.account.clone());
        let text = match self.claim(nick, account.as_ref()) {
            Some(Claim::Account) => {
                let folded = names::fold(nick);
                format!(
                    "The nickname belongs to the account {folded}: sign in to it, or take another"
                )
            }
            Some(Claim::LooksLikeAccount) => {
                "The nickname looks like a member's: sign in, or take another".to_owned()
            }
            Some(Claim::Program) => {
                "The nickname looks like that of a service or a program; take another".to_owned()
            }
            None => "The nickname is in use; take another".to_owned(),
        };
        self.reply(id, Reply::new(numeric::ERR_NICKNAMEINUSE, [nick, &text]));
    }

    /// Returns whether the owner of an account may take its name back from the current holder.
    fn may_evict(&self, holder: UserId, nick: &str, account: Option<&AccountName>) -> bool {
        let owns = account.is_some_and(|account| account.as_str() == names::fold(nick).as_str());
        owns && self
            .users
            .get(&holder)
            .is_some_and(|user| user.account.as_ref() != account)
    }

    /// Returns whether a user with this account may have a nickname; a holder of another account's name is given a
    /// different nickname to free it.
    pub(super) fn is_nick_free(
        &mut self,
        nick: &str,
        account: Option<&AccountName>,
        own: Option<UserId>,
    ) -> bool {
        let folded = names::fold(nick);
        if self.claim(nick, account).is_some() {
            return false;
        }
        let Some(&holder) = self.nicks.get(&folded) else {
            return true;
        };
        if own == Some(holder) {
            return true;
        }
        if self.may_evict(holder, nick, account) {
            self.evict(holder);
            return true;
        }
        let same_account = account.is_some()
            && self
                .users
                .get(&holder)
                .is_some_and(|user| user.account.as_ref() == account);
        // Registering clients become a session of that user; an existing user cannot become another.
        same_account && own.is_none()
    }

    fn evict(&mut self, holder: UserId) {
        loop {
            let nick = format!("Guest{}", self.next_count());
            if !self.nicks.contains_key(&names::fold(&nick)) {
                for session in self.sessions(holder) {
                    let text = "Your nickname belongs to an account that signed in; you were given another";
                    let message = Message::new("NOTICE", [nick.as_str(), text]);
                    self.reply_message(session, message);
                }
                self.rename(holder, &nick);
                return self.end_user_if_banned(holder);
            }
        }
    }

    fn rename(&mut self, user_id: UserId, nick: &str) {
        let event = self.event(user_id, "NICK", [nick]);
        let mut audience = self.neighbours(user_id);
        audience.extend(self.sessions(user_id));
        self.relay(audience, &event, When::Always);
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        let old = std::mem::replace(&mut user.nick, nick.to_owned());
        user.names += 1;
        self.nicks.remove(&names::fold(&old));
        self.nicks.insert(names::fold(nick), user_id);
        if !names::same(&old, nick) {
            self.notify_monitors(&old, false);
            self.notify_monitors(nick, true);
        }
    }

    pub(super) fn on_setname(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let real = visible(message.param(0));
        if real.is_empty() || real.len() > REAL_NAME {
            let text = format!("A real name has 1 to {REAL_NAME} bytes");
            return self.fail(id, "SETNAME", "INVALID_REALNAME", &[], &text);
        }
        if let Some(user) = self.users.get_mut(&user_id) {
            user.real.clone_from(&real);
        }
        let event = self.event(user_id, "SETNAME", [real]);
        let (mut audience, _) = self.divide(user_id, self.watchers(user_id));
        audience.extend(self.sessions(user_id));
        let audience = self.with_cap(audience, Caps::SETNAME);
        self.relay(audience, &event, When::Always);
    }
}
