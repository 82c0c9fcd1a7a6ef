//! Stories for the state machine: lines in, lines out, a simulated clock, a list as the disk.

mod accounts;
mod alone;
mod chat;
mod claims;
mod commands;
mod drafts;
mod durable;
mod history;
mod labels;
mod limits;
mod lists;
mod metadata;
mod missed;
mod multiline;
mod mute;
mod opers;
mod presence;
mod proxies;
mod random;
mod redact;
mod relay;
mod roles;
mod sasl;
mod wire;

use std::collections::HashMap;

use protocol::{AccountName, Timestamp};

use super::*;
use crate::accounts::{Proof, Refusal};
use crate::config::{Guests, IrcdConfig};
use crate::query::{Answer, Query};
use crate::record::{Body, Record, Stored};

/// The time at which stories begin.
const START: i64 = 1_800_000_000_000;

/// A server with its world: clients, a disk, accounts whose password is `pw-` and their name.
pub(super) struct World {
    pub server: Server,
    pub now: Now,
    pub lines: HashMap<ClientId, Vec<String>>,
    pub closed: Vec<ClientId>,
    /// What was written to the program's log.
    pub audit: Vec<String>,
    pub log: Vec<Record>,
    pub waiting: Vec<AppendId>,
    /// Appends are settled immediately and successfully.
    pub disk_works: bool,
    /// The error otherwise.
    pub problem: NotStored,
    /// Every password is answered with "wait this many seconds".
    pub slow_down: Option<u64>,
    /// Accounts that are disabled.
    pub disabled: Vec<&'static str>,
    /// The addresses given for passwords.
    pub asked_from: Vec<Option<IpAddr>>,
    /// What passwords are taken for: that of an `irc` grant, or the account's own.
    pub grant: Option<String>,
    /// Accounts that have never signed in.
    pub members: Vec<String>,
    /// They can be looked up.
    pub functions_work: bool,
    /// The log can be read.
    pub log_works: bool,
    next: u64,
}

pub(super) fn config() -> IrcdConfig {
    IrcdConfig {
        guests: Guests::On,
        ..IrcdConfig::default()
    }
}

impl World {
    pub(super) fn new(config: IrcdConfig) -> Self {
        let now = Now {
            ticks: 0,
            wall: Timestamp::from_millis(START),
        };
        let server = Server::new(
            config,
            State {
                version: 1,
                ..State::default()
            },
            0,
            now,
        );
        Self::of(server, now, Vec::new())
    }

    fn of(server: Server, now: Now, log: Vec<Record>) -> Self {
        let mut world = Self {
            server,
            now,
            lines: HashMap::new(),
            closed: Vec::new(),
            audit: Vec::new(),
            log,
            waiting: Vec::new(),
            disk_works: true,
            problem: NotStored::Failed,
            slow_down: None,
            disabled: Vec::new(),
            asked_from: Vec::new(),
            grant: None,
            members: Vec::new(),
            functions_work: true,
            log_works: true,
            next: 0,
        };
        world.drain();
        world
    }

    /// The same data in a new process; what was not stored is lost.
    pub(super) fn restarted(self, config: IrcdConfig) -> Self {
        let mut state = State {
            version: 1,
            ..State::default()
        };
        for record in &self.log {
            state.apply(record);
        }
        self.restarted_with(config, state)
    }

    /// The same with a snapshot.
    pub(super) fn restarted_with(self, config: IrcdConfig, state: State) -> Self {
        let last = self.log.last().map_or(0, |record| record.id);
        let mut server = Server::new(config, state, last, self.now);
        let task = |record: &Record| match &record.body {
            Body::Message(stored) => Some((stored.task()?, record.id)),
            _ => None,
        };
        let tasks: Vec<_> = self.log.iter().filter_map(task).collect();
        server.remember_tasks(tasks);
        Self::of(server, self.now, self.log)
    }

    pub(super) fn connect_from(&mut self, address: &str) -> ClientId {
        self.next += 1;
        let id = ClientId(self.next);
        let peer = Peer {
            address: address.parse().unwrap(),
            secure: false,
        };
        self.lines.insert(id, Vec::new());
        self.server.handle_connected(id, peer, self.now);
        self.drain();
        id
    }

    /// Connects a guest or, with `account`, a user of that account; discards the welcome.
    pub(super) fn join_as(&mut self, nick: &str, account: bool, caps: &str) -> ClientId {
        let id = self.connect_from("127.0.0.1");
        if !caps.is_empty() {
            self.say(id, &format!("CAP REQ :{caps}"));
        }
        if account {
            self.say(id, &format!("PASS {nick}:pw-{nick}"));
        }
        self.say(id, &format!("NICK {nick}"));
        self.say(id, &format!("USER {nick} 0 * :{nick} the person"));
        self.say(id, "CAP END");
        let welcome = self.take(id);
        assert!(
            welcome.iter().any(|line| line.contains(" 001 ")),
            "{welcome:?}"
        );
        id
    }

    /// Signs a user in while the disk does not work; discards the welcome.
    pub(super) fn join_as_slowly(&mut self, nick: &str) -> ClientId {
        let id = self.connect_from("127.0.0.1");
        self.say(id, &format!("PASS {nick}:pw-{nick}"));
        self.say(id, &format!("NICK {nick}"));
        self.say(id, &format!("USER {nick} 0 * :{nick} the person"));
        self.settle(false);
        self.take(id);
        id
    }

    pub(super) fn say(&mut self, id: ClientId, line: &str) {
        self.tick(1);
        assert!(!self.server.is_busy(id), "{line}");
        self.server.handle_line(id, line.as_bytes(), self.now);
        self.drain();
    }

    /// Sends a line and returns what that client received.
    pub(super) fn ask(&mut self, id: ClientId, line: &str) -> Vec<String> {
        self.lines.get_mut(&id).unwrap().clear();
        self.say(id, line);
        self.take(id)
    }

    pub(super) fn take(&mut self, id: ClientId) -> Vec<String> {
        std::mem::take(self.lines.get_mut(&id).unwrap())
    }

    /// Returns what everyone received, and discards it.
    pub(super) fn clear(&mut self) {
        self.lines.values_mut().for_each(Vec::clear);
    }

    fn tick(&mut self, millis: u64) {
        self.now.ticks += millis;
        self.now.wall = self.now.wall.plus_millis(i64::try_from(millis).unwrap());
    }

    pub(super) fn wait(&mut self, millis: u64) {
        self.tick(millis);
        self.server.handle_timeout(self.now);
        self.drain();
    }

    pub(super) fn settle(&mut self, stored: bool) {
        for id in std::mem::take(&mut self.waiting) {
            let result = stored.then_some(()).ok_or(self.problem);
            self.server.handle_stored(id, result, self.now);
        }
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { to, line } => {
                    check_line(&line);
                    for client in to.as_slice() {
                        let line = line.trim_end().to_owned();
                        self.lines.entry(*client).or_default().push(line);
                    }
                }
                Output::Close { client } => self.closed.push(client),
                Output::Authenticate {
                    client,
                    name,
                    password,
                    address,
                } => {
                    self.asked_from.push(address);
                    let right = password.0 == format!("pw-{name}");
                    let account = name.parse::<AccountName>().ok().filter(|_| right);
                    let proof = account.map(|account| Proof {
                        administrator: account.as_str() == "admin",
                        grant: self.grant.clone(),
                        account,
                    });
                    let result = match self.slow_down {
                        Some(seconds) => Err(Refusal::Wait(seconds)),
                        None if right && self.disabled.contains(&name.as_str()) => {
                            Err(Refusal::Disabled)
                        }
                        None => proof.ok_or(Refusal::Wrong),
                    };
                    self.server.handle_authenticated(client, result, self.now);
                }
                Output::Audit { by, what } => self.audit.push(format!("{by} {what}")),
                Output::Append { id, record } => {
                    if self.disk_works {
                        self.log.push(record);
                        self.server.handle_stored(id, Ok(()), self.now);
                    } else {
                        self.waiting.push(id);
                    }
                }
                Output::Names { client, names } => {
                    let known = names
                        .iter()
                        .filter(|name| self.members.contains(&name.to_string()));
                    let known = known.cloned().collect();
                    let result = match self.functions_work {
                        true => Ok(known),
                        false => Err("try again later".to_owned()),
                    };
                    self.server.handle_names(client, result, self.now);
                }
                Output::Query { client, query } => {
                    let answer = match self.log_works {
                        true => answer(&self.log, &query),
                        false => Answer::Failed,
                    };
                    self.server.handle_history(client, answer, self.now);
                }
            }
        }
    }
}

/// Invariants of every line that is sent.
pub(super) fn check_line(line: &str) {
    let inner = line.strip_suffix("\r\n").expect("a line ends with CR LF");
    assert!(!inner.contains(['\r', '\n', '\0']), "{line:?}");
    let body = match inner.strip_prefix('@') {
        Some(rest) => {
            let (tags, body) = rest
                .split_once(' ')
                .expect("tags are followed by a message");
            assert!(tags.len() <= 8190, "{} bytes of tags", tags.len());
            body
        }
        None => inner,
    };
    assert!(body.len() <= 510, "{} bytes: {body}", body.len());
}

/// A history without files, implemented in the simplest way.
fn answer(log: &[Record], query: &Query) -> Answer {
    let deleted = |id: i64| {
        let deletes = |record: &Record| matches!(&record.body, Body::Message(stored) if stored.about == Some(id));
        log.iter().any(deletes)
    };
    let all = |wanted: &str, text_only: bool| -> Vec<(i64, Stored)> {
        log.iter()
            .filter_map(|record| match &record.body {
                Body::Message(stored)
                    if stored.target == wanted
                        && (stored.is_text() || !text_only)
                        && !deleted(record.id) =>
                {
                    Some((record.id, stored.clone()))
                }
                _ => None,
            })
            .collect()
    };
    match query {
        Query::Messages {
            target,
            range,
            limit,
            text_only,
        } => {
            let mut found = all(target, *text_only);
            range.pick(&mut found, *limit);
            Answer::Messages(found)
        }
        Query::Targets {
            channels,
            account,
            before,
            after,
            newest,
            limit,
        } => {
            let mut keys: Vec<String> = channels.iter().map(|(key, _)| key.clone()).collect();
            for record in log {
                if let (Body::Message(stored), Some(account)) = (&record.body, account)
                    && crate::record::other_side(&stored.target, account.as_str()).is_some()
                    && !keys.contains(&stored.target)
                {
                    keys.push(stored.target.clone());
                }
            }
            let mut found: Vec<(String, i64)> = keys
                .into_iter()
                .filter_map(|key| all(&key, true).last().map(|(id, _)| (key, *id)))
                .filter(|(key, id)| {
                    let since = channels.iter().find(|(channel, _)| channel == key);
                    id > after && id < before && since.is_none_or(|(_, since)| id > since)
                })
                .collect();
            found.sort_by_key(|(_, id)| *id);
            if *newest {
                found.drain(..found.len().saturating_sub(*limit));
            }
            found.truncate(*limit);
            Answer::Targets(found)
        }
    }
}

/// Returns the lines without their tags.
pub(super) fn untagged(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| match line.strip_prefix('@') {
            Some(rest) => rest.split_once(' ').unwrap().1,
            None => line.as_str(),
        })
        .collect()
}
