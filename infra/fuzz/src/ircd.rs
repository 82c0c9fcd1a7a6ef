//! The private server: several clients, passwords, a disk that may fail, time that passes.
//!
//! Each line of the input begins with a byte that says whose it is: a digit is a client, which says the rest of the line; `+` connects another one,
//! `-` and a digit end one, `>` lets time pass, `!` makes the disk fail or work again.

use ircd::server::{AppendId, ClientId, Departure, NotStored, Now, Output, Peer, Server};
use ircd::{Answer, Body, Guests, IrcdConfig, Proof, Query, Record, Refusal, State, Stored};
use protocol::{AccountName, Timestamp};

use crate::script;

const START: i64 = 1_800_000_000_000;
const MOST_CLIENTS: u64 = 8;

pub(crate) fn run(input: &[u8]) {
    let mut world = World::new();
    for line in script::lines(input) {
        match line.split_first() {
            Some((digit @ b'0'..=b'9', rest)) => world.say(*digit, rest),
            Some((b'+', rest)) => world.connect(rest),
            Some((b'-', rest)) => world.close(rest.first().copied().unwrap_or(b'0')),
            Some((b'>', rest)) => world.wait(rest.len()),
            Some((b'!', _)) => world.disk_works = !world.disk_works,
            _ => {}
        }
    }
    world.settle(true);
    assert_eq!(world.server.pending(), 0);
    world.server.handle_shutdown("the end", world.now);
    world.drain();
}

struct World {
    server: Server,
    now: Now,
    log: Vec<Record>,
    waiting: Vec<AppendId>,
    disk_works: bool,
    clients: u64,
}

impl World {
    /// A server with two members and a guest, which are in a channel.
    fn new() -> Self {
        let now = Now {
            ticks: 0,
            wall: Timestamp::from_millis(START),
        };
        let config = IrcdConfig {
            guests: Guests::On,
            ..IrcdConfig::default()
        };
        let state = State {
            version: State::VERSION,
            ..State::default()
        };
        let mut world = Self {
            server: Server::new(config, state, 0, now),
            now,
            log: Vec::new(),
            waiting: Vec::new(),
            disk_works: true,
            clients: 0,
        };
        for (nick, password) in [
            ("admin", Some("pw-admin")),
            ("alice", Some("pw-alice")),
            ("guest", None),
        ] {
            world.connect(b"");
            let client = b'0' + u8::try_from(world.clients - 1).unwrap_or_default();
            if let Some(password) = password {
                world.say(client, format!("PASS {nick}:{password}").as_bytes());
            }
            world.say(client, format!("NICK {nick}").as_bytes());
            world.say(client, b"USER u 0 * :A person");
            world.say(client, b"JOIN #a");
        }
        world
    }

    fn id(&self, digit: u8) -> ClientId {
        ClientId(u64::from(digit.saturating_sub(b'0')) % self.clients.max(1))
    }

    /// Half of the addresses are loopback's, which many share.
    fn connect(&mut self, address: &[u8]) {
        if self.clients == MOST_CLIENTS {
            return;
        }
        let last = address.first().copied().unwrap_or_default();
        let peer = Peer {
            address: match last % 2 {
                0 => [127, 0, 0, 1].into(),
                _ => [192, 0, 2, last].into(),
            },
            secure: last % 4 == 1,
        };
        self.server
            .handle_connected(ClientId(self.clients), peer, self.now);
        self.clients += 1;
        self.drain();
    }

    fn say(&mut self, digit: u8, line: &[u8]) {
        let id = self.id(digit);
        self.tick(7);
        if self.server.is_busy(id) {
            self.settle(true);
        }
        if self.server.is_busy(id) {
            return;
        }
        // As the shell does: a line is never longer than this.
        let most = irc_codec::MAX_TAGS + irc_codec::MAX_BODY;
        if line.len() > most {
            self.server.handle_too_long(id, self.now);
        } else if !line.is_empty() {
            self.server.handle_line(id, line, self.now);
        }
        self.drain();
    }

    fn close(&mut self, digit: u8) {
        let id = self.id(digit);
        let how = Departure::Lost("gone".to_owned());
        self.server.handle_closed(id, &how, self.now);
        self.drain();
    }

    fn wait(&mut self, seconds: usize) {
        let seconds = u32::try_from(seconds % 600).unwrap_or_default();
        self.tick(seconds * 1000);
        self.server.handle_timeout(self.now);
        self.drain();
    }

    fn tick(&mut self, millis: u32) {
        self.now.ticks += u64::from(millis);
        self.now.wall = self.now.wall.plus_millis(i64::from(millis));
    }

    fn settle(&mut self, stored: bool) {
        // What is settled may cause more to be stored.
        for _ in 0..8 {
            for id in std::mem::take(&mut self.waiting) {
                let result = if stored { Ok(()) } else { Err(NotStored::Full) };
                self.server.handle_stored(id, result, self.now);
            }
            let worked = std::mem::replace(&mut self.disk_works, stored);
            self.drain();
            self.disk_works = worked;
            if self.waiting.is_empty() {
                return;
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { line, .. } => {
                    let line = line.strip_suffix("\r\n");
                    assert!(line.is_some(), "a line does not end with CR LF");
                    script::check_sent(line.unwrap_or_default());
                }
                Output::Close { .. } | Output::Audit { .. } => {}
                Output::Authenticate {
                    client,
                    name,
                    password,
                    ..
                } => {
                    let result = authenticate(&name, &password.0);
                    self.server.handle_authenticated(client, result, self.now);
                }
                Output::Names { client, names } => {
                    let known = names.into_iter().filter(|name| name.as_str() == "carol");
                    let known = known.collect();
                    self.server.handle_names(client, Ok(known), self.now);
                }
                Output::Append { id, record } => {
                    self.log.push(record);
                    if self.disk_works {
                        self.server.handle_stored(id, Ok(()), self.now);
                    } else {
                        self.waiting.push(id);
                    }
                }
                Output::Query { client, query } => {
                    let answer = answer(&self.log, &query);
                    self.server.handle_history(client, answer, self.now);
                }
            }
        }
    }
}

fn authenticate(name: &str, password: &str) -> Result<Proof, Refusal> {
    let account: AccountName = name.parse().map_err(|_| Refusal::Wrong)?;
    match password.strip_prefix("pw-") {
        Some(right) if right == name => Ok(Proof {
            administrator: name == "admin",
            grant: None,
            account,
        }),
        _ => Err(Refusal::Wrong),
    }
}

/// What the log has of a conversation; which of it was deleted is the log's concern, and not tested here.
fn answer(log: &[Record], query: &Query) -> Answer {
    let Query::Messages {
        target,
        range,
        limit,
        text_only,
    } = query
    else {
        return Answer::Targets(Vec::new());
    };
    let of = |record: &Record| match &record.body {
        Body::Message(stored) if stored.target == *target && (stored.is_text() || !text_only) => {
            Some((record.id, stored.clone()))
        }
        _ => None,
    };
    let mut found: Vec<(i64, Stored)> = log.iter().filter_map(of).collect();
    range.pick(&mut found, *limit);
    Answer::Messages(found)
}
