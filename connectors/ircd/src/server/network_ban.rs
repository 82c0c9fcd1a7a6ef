//! Bans from the server, by administrators: KLINE by account or mask, DLINE by address, with a time and a reason.
//! STATS k lists them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use irc_codec::{Message, Source, numeric};
use protocol::{AccountName, Timestamp};

use super::ban_words::{dline_mask, duration, kline_mask};
use super::client::UserId;
use super::masks::{MASK, Matcher, Who};
use super::reply::Reply;
use super::unsaved::Subject;
use super::{ClientId, Server, names};
use crate::record::{Body, NetworkBan};
use program::AddressRange;

/// Bans that may be in effect: each is compared with everyone who connects.
pub(crate) const MAX_BANS: usize = 1_000;

/// Maximum length of a reason, in bytes.
const REASON: usize = 200;

const MINUTE: i64 = 60_000;

#[derive(Debug)]
enum Target {
    User(Matcher),
    Address(AddressRange),
}

/// The bans in effect, by mask.
#[derive(Debug, Default)]
pub(super) struct NetworkBans(BTreeMap<String, (NetworkBan, Target)>);

impl NetworkBans {
    pub(super) fn new(bans: impl IntoIterator<Item = NetworkBan>) -> Self {
        let mut all = Self::default();
        for ban in bans {
            all.insert(ban);
        }
        all
    }

    fn insert(&mut self, ban: NetworkBan) {
        let target = match ban.mask.parse() {
            Ok(range) => Target::Address(range),
            Err(_) => Target::User(Matcher::new(&ban.mask)),
        };
        self.0.insert(ban.mask.clone(), (ban, target));
    }

    pub(super) fn get(&self, mask: &str) -> Option<&NetworkBan> {
        self.0.get(mask).map(|(ban, _)| ban)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &NetworkBan> {
        self.0.values().map(|(ban, _)| ban)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Forgets those whose time is over.
    fn expire(&mut self, now: Timestamp) {
        self.0.retain(|_, (ban, _)| ban.is_in_effect(now));
    }

    fn user(&self, who: &Who, now: Timestamp) -> Option<&NetworkBan> {
        let matches = |target: &Target| match target {
            Target::User(matcher) => matcher.matches(who),
            Target::Address(_) => false,
        };
        self.find(now, matches)
    }

    fn address(&self, address: IpAddr, now: Timestamp) -> Option<&NetworkBan> {
        let matches = |target: &Target| match target {
            Target::User(_) => false,
            Target::Address(range) => range.contains(address),
        };
        self.find(now, matches)
    }

    fn find(&self, now: Timestamp, matches: impl Fn(&Target) -> bool) -> Option<&NetworkBan> {
        let mut bans = self.0.values();
        let found = bans.find(|(ban, target)| ban.is_in_effect(now) && matches(target));
        found.map(|(ban, _)| ban)
    }
}

impl NetworkBan {
    fn is_in_effect(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// What whoever is banned is told.
    fn text(&self) -> String {
        let until = match self.until {
            Some(until) => format!(" until {until}"),
            None => String::new(),
        };
        format!("You are banned from this server{until}: {}", self.reason)
    }
}

impl Server {
    /// KLINE, DLINE: `[duration] mask [reason]`.
    pub(super) fn on_ban(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        if !self.check_administrator(id, user_id) {
            return;
        }
        let (minutes, rest) = match duration(message.param(0)) {
            Some(minutes) if message.params.len() > 1 => (minutes, 1),
            _ => (0, 0),
        };
        let typed = message.param(rest);
        let reason = match message.param(rest + 1) {
            "" => "no reason given",
            text => names::clip(text, REASON),
        };
        let command = message.command.as_str();
        let Some(mask) = self.ban_mask(id, command, typed) else {
            return;
        };
        self.bans.expire(self.now.wall);
        if self.bans.0.len() >= MAX_BANS && self.bans.get(&mask).is_none() {
            let text = format!("There are {MAX_BANS} bans; remove one first");
            return self.fail(id, command, "LIMIT_REACHED", &[&mask], &text);
        }
        let now = self.now.wall;
        let ban = NetworkBan {
            mask: mask.clone(),
            by: self.name_for(id),
            at: now,
            until: (minutes > 0).then(|| now.plus_millis(minutes * MINUTE)),
            reason: reason.to_owned(),
        };
        let only = NetworkBans::new([ban.clone()]);
        let clients = self.clients.keys().copied();
        let concerned: Vec<ClientId> = clients
            .filter(|&client| self.is_concerned(client, &only))
            .collect();
        let administrators = concerned.iter().filter_map(|client| {
            let user = self.clients.get(client)?.user?;
            self.is_administrator(user).then_some(())
        });
        if administrators.count() > 0 {
            let text = "That would ban an administrator who is connected";
            return self.fail(id, command, "INVALID_MASK", &[&mask], text);
        }
        let text = ban.text();
        self.bans.insert(ban.clone());
        let record = self.next_id();
        let append = self.save(
            record,
            Subject::Ban(mask.clone()),
            Body::Ban(ban.clone()),
            None,
        );
        let until = ban
            .until
            .map_or_else(|| "for ever".to_owned(), |until| format!("until {until}"));
        self.tell(id, [format!("{mask} is banned {until}: {reason}")]);
        self.explain_unsaved([id], &mask, Some(append));
        self.audit(id, &format!("banned {mask} {until}: {reason}"));
        for client in concerned {
            self.reply(
                client,
                Reply::new(numeric::ERR_YOUREBANNEDCREEP, [text.as_str()]),
            );
            self.disconnect(client, &text);
        }
    }

    /// UNKLINE, UNDLINE.
    pub(super) fn on_unban(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        if !self.check_administrator(id, user_id) {
            return;
        }
        self.bans.expire(self.now.wall);
        let typed = message.param(0);
        let kline = message.command == "UNKLINE";
        let mask = if kline {
            kline_mask(typed)
        } else {
            // Those of earlier versions are as they were typed.
            let wanted = dline_mask(typed);
            let mut known = self.bans.0.keys();
            let found = known.find(|mask| wanted.is_some() && dline_mask(mask) == wanted);
            found.cloned()
        };
        let mask = mask.filter(|mask| self.bans.0.remove(mask).is_some());
        let Some(mask) = mask else {
            let about = [super::claim::known_or(typed)];
            let text = "There is no such ban; STATS k lists them";
            return self.fail(id, &message.command, "INVALID_MASK", &about, text);
        };
        let body = Body::Unban { mask: mask.clone() };
        let record = self.next_id();
        let append = self.save(record, Subject::Ban(mask.clone()), body, None);
        self.tell(id, [format!("{mask} is no longer banned")]);
        self.explain_unsaved([id], &mask, Some(append));
        self.audit(id, &format!("removed the ban of {mask}"));
    }

    /// Completes what is to be banned, or explains why it cannot be.
    fn ban_mask(&mut self, id: ClientId, command: &str, typed: &str) -> Option<String> {
        let found = if typed.len() > MASK {
            Err("A mask has at most 120 bytes")
        } else if command == "KLINE" {
            kline_mask(typed)
                .ok_or("Expected an account, $a:account, or nick!user@host with wildcards")
        } else {
            let range: Result<AddressRange, _> = typed.parse();
            match range {
                Ok(range) if self.is_range_shared(range) => Err(
                    "Many clients share an address in there: this machine's, a connector's or a proxy's",
                ),
                Ok(_) => dline_mask(typed).ok_or("Expected an address or a range"),
                Err(_) => Err("Expected an address or range like 192.0.2.7 or 10.0.0.0/8"),
            }
        };
        match found {
            Ok(mask) => Some(mask),
            Err(text) => {
                let about = [super::claim::known_or(typed)];
                self.fail(id, command, "INVALID_MASK", &about, text);
                None
            }
        }
    }

    fn is_range_shared(&self, range: AddressRange) -> bool {
        let loopback = [
            IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ];
        let mut shared = loopback.iter().chain(&self.config.trusted);
        shared.any(|address| range.contains(*address))
    }

    fn is_concerned(&self, id: ClientId, bans: &NetworkBans) -> bool {
        let Some(client) = self.clients.get(&id) else {
            return false;
        };
        let (address, now) = (client.peer.address, self.now.wall);
        let user = client.user.and_then(|user| self.users.get(&user));
        let banned = user.is_some_and(|user| bans.user(&Who::of(user), now).is_some());
        banned || !self.config.is_shared(address) && bans.address(address, now).is_some()
    }

    /// Returns why an address may not connect.
    pub(super) fn banned_address(&self, address: IpAddr) -> Option<String> {
        self.bans
            .address(address, self.now.wall)
            .map(NetworkBan::text)
    }

    /// Returns why a client may not register under these names.
    pub(super) fn banned_source(
        &self,
        source: Source,
        account: Option<&AccountName>,
    ) -> Option<String> {
        self.bans
            .user(&Who::new(source, account), self.now.wall)
            .map(NetworkBan::text)
    }

    /// Returns why a user may not take a nickname.
    pub(super) fn banned_as(&self, user_id: UserId, nick: &str) -> Option<String> {
        let user = self.users.get(&user_id)?;
        let source = Source {
            nick: nick.to_owned(),
            ..user.source()
        };
        self.banned_source(source, user.account.as_ref())
    }

    /// A user was given another nickname, which may be banned.
    pub(super) fn end_user_if_banned(&mut self, user_id: UserId) {
        let user = self.users.get(&user_id);
        let Some(text) = user.and_then(|user| self.banned_as(user_id, &user.nick)) else {
            return;
        };
        for id in self.sessions(user_id) {
            let reply = Reply::new(numeric::ERR_YOUREBANNEDCREEP, [text.as_str()]);
            self.reply(id, reply);
            self.disconnect(id, &text);
        }
    }

    /// A guest signed in: the account may be banned.
    pub(super) fn end_if_banned(&mut self, id: ClientId, account: &AccountName) {
        let user = self.clients.get(&id).and_then(|client| client.user);
        let source = user.and_then(|user| Some(self.users.get(&user)?.source()));
        let text = source.and_then(|source| self.banned_source(source, Some(account)));
        if let Some(text) = text {
            self.reply(
                id,
                Reply::new(numeric::ERR_YOUREBANNEDCREEP, [text.as_str()]),
            );
            self.disconnect(id, &text);
        }
    }
}
