//! SIGKILL at any moment: everything shown to anyone is in the archives of those concerned, exactly once.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use common::archives::{self, Archives};
use common::irc::Plain;
use common::random;
use common::socket::{Socket, act, is, name, person, room, say};
use common::{LIMIT, Space, server, until_or};
use serde_json::{Value, json};

/// How often the server is killed while people talk.
const ROUNDS: u32 = 6;

/// The accounts whose archives are checked; `carol` is a guest with a plain client.
const ACCOUNTS: [&str; 2] = ["alice", "bob"];

/// Everything that was shown: by conversation of an account, texts with their ids as far as these were shown.
#[derive(Default)]
struct Shown {
    conversations: BTreeMap<(String, String), BTreeMap<String, Option<String>>>,
    /// The number of items in this round, including repeats.
    count: u64,
    /// Channels for which it was shown that alice is in them, or not.
    channels: BTreeMap<String, bool>,
}

/// Shared by all observers.
#[derive(Clone, Default)]
struct Ledger(Arc<(Mutex<Shown>, Condvar)>);

impl Ledger {
    fn note(&self, from: &str, target: &str, text: &str, id: Option<&str>) {
        let mut shown = self.0.0.lock().unwrap();
        let mut keep = |account: &str, conversation: String| {
            let key = (account.to_owned(), conversation);
            let known = shown.conversations.entry(key).or_default();
            let known = known.entry(text.to_owned()).or_default();
            if let (Some(known), Some(id)) = (&known, id) {
                assert_eq!(known, id, "{text} was shown with two ids");
            }
            if let Some(id) = id {
                *known = Some(id.to_owned());
            }
        };
        if let Some(channel) = target.strip_prefix('#') {
            for account in ACCOUNTS {
                keep(account, format!("channels/{channel}"));
            }
        } else {
            for account in ACCOUNTS {
                if account == from {
                    keep(account, format!("users/{target}"));
                } else if account == target {
                    keep(account, format!("users/{from}"));
                }
            }
        }
        shown.count += 1;
        self.0.1.notify_all();
    }

    /// Records a message event or an ack.
    fn note_activity(&self, value: &Value) {
        if value["type"] == "send"
            && let Some(text) = value["object"]["content"].as_str()
        {
            let (from, target) = (name(&value["actor"]), name(&value["target"]));
            let id = value["id"].as_str();
            assert!(id.is_some(), "without id: {value}");
            self.note(from, target, text, id);
        }
    }

    /// Records a line that a plain client received.
    fn note_line(&self, line: &str) {
        let (tags, line) = match line.strip_prefix('@') {
            Some(tagged) => tagged.split_once(' ').unwrap(),
            None => ("", line),
        };
        let id = tags.split(';').find_map(|tag| tag.strip_prefix("msgid="));
        if let Some((source, rest)) = line
            .strip_prefix(':')
            .and_then(|l| l.split_once(" PRIVMSG "))
            && let Some((target, text)) = rest.split_once(" :")
        {
            let from = source.split('!').next().unwrap();
            self.note(from, target, text, id);
        }
    }

    fn is_in(&self, channel: &str, inside: bool) {
        self.0
            .0
            .lock()
            .unwrap()
            .channels
            .insert(channel.to_owned(), inside);
    }

    /// Waits until this much was shown since [`Ledger::begin`].
    fn reach(&self, count: u64) {
        let shown = self.0.0.lock().unwrap();
        let waited = self
            .0
            .1
            .wait_timeout_while(shown, LIMIT, |shown| shown.count < count);
        let (shown, late) = waited.unwrap();
        assert!(
            !late.timed_out(),
            "only {} of {count} were shown",
            shown.count
        );
    }

    fn begin(&self) {
        self.0.0.lock().unwrap().count = 0;
    }
}

/// Sends numbered messages until the server is gone.
fn talk(
    socket: &Socket,
    ledger: &Ledger,
    nick: &str,
    other: &str,
    round: u32,
    numbers: &AtomicU32,
) {
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let target = match number % 5 {
            3 => person(other),
            4 => person("carol"),
            _ => room("#general"),
        };
        let Some(ack) = socket.ask(&say(nick, target, &format!("{nick} {round}.{number}"))) else {
            return;
        };
        match ack["error"].as_str() {
            // Somebody whom the server does not know yet after its start cannot be written to.
            Some(error) => assert!(error.starts_with("There is nobody called"), "{ack}"),
            None => ledger.note_activity(&ack),
        }
    }
}

/// A socket of an account until the server is gone; announces itself once it is in the channel.
fn person_at_a_browser(
    space: &Space,
    ledger: &Ledger,
    nick: &str,
    other: &str,
    session: &str,
    round: u32,
) {
    let Some(socket) = space.attach(nick, session, None) else {
        return;
    };
    let numbers = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut next = 0;
            while let Ok(Some((at, value))) = socket.got.find(next, |value| value["type"] == "send")
            {
                ledger.note_activity(&value);
                next = at + 1;
            }
        });
        if socket
            .got
            .find(0, is("join", nick, "#general"))
            .unwrap()
            .is_none()
        {
            return;
        }
        scope.spawn(|| talk(&socket, ledger, nick, other, round, &numbers));
        scope.spawn(|| talk(&socket, ledger, nick, other, round, &numbers));
        if nick == "alice" {
            come_and_go(&socket, ledger, round);
        }
    });
}

/// Joins a channel in each round, and leaves that of the previous round.
fn come_and_go(socket: &Socket, ledger: &Ledger, round: u32) {
    let new = format!("#round{round}");
    match socket.ask(&act("join", "alice", json!({"target": room(&new)}))) {
        Some(ack) => assert_eq!(ack.get("error"), None, "{ack}"),
        None => return,
    }
    ledger.is_in(&new, true);
    let Some(old) = round.checked_sub(1).map(|old| format!("#round{old}")) else {
        return;
    };
    let known = ledger.0.0.lock().unwrap().channels.get(&old).copied();
    if known == Some(true) {
        if socket
            .got
            .find(0, is("join", "alice", &old))
            .unwrap()
            .is_none()
        {
            return;
        }
        // From here on, until it is acknowledged, either may be true.
        ledger.0.0.lock().unwrap().channels.remove(&old);
        if let Some(ack) = socket.ask(&act("leave", "alice", json!({"target": room(&old)}))) {
            assert_eq!(ack.get("error"), None, "{ack}");
            ledger.is_in(&old, false);
        }
    }
}

/// The guest, until the server is gone. In every other round the client does not support IRCv3.
fn guest(space: &Space, ledger: &Ledger, round: u32) {
    let caps = if round.is_multiple_of(2) {
        ""
    } else {
        "echo-message message-tags"
    };
    let Some(plain) = Plain::register(&space.irc, "carol", None, caps) else {
        return;
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut next = 0;
            while let Ok(Some((at, line))) =
                plain.lines.find(next, |line| line.contains(" PRIVMSG "))
            {
                ledger.note_line(&line);
                next = at + 1;
            }
        });
        if plain.join("#general").is_none() {
            return;
        }
        for number in 0.. {
            let target = ["#general", "#general", "alice", "bob"][number % 4];
            plain.say(&format!("PRIVMSG {target} :carol {round}.{number}"));
            plain.say(&format!("PING token-{number}."));
            if plain.find(&format!("token-{number}.")).is_none() {
                return;
            }
        }
    });
}

/// Describes everything that is not as it must be.
fn faults(shown: &Shown, found: &BTreeMap<&str, Archives>) -> Vec<String> {
    let mut faults = Vec::new();
    for (account, archives) in found {
        for (conversation, messages) in archives {
            let ids: BTreeSet<&str> = messages.iter().filter_map(|m| m["id"].as_str()).collect();
            if ids.len() != messages.len() {
                faults.push(format!("{account}: {conversation}: ids are not unique"));
            }
        }
    }
    for ((account, conversation), texts) in &shown.conversations {
        let none = Vec::new();
        let messages = found[account.as_str()].get(conversation).unwrap_or(&none);
        for (text, id) in texts {
            let kept: Vec<_> = messages.iter().filter(|m| m["text"] == **text).collect();
            let right_id =
                |message: &Value| id.is_none() || message["id"].as_str() == id.as_deref();
            if kept.len() != 1 || !kept.iter().all(|message| right_id(message)) {
                faults.push(format!(
                    "{account}: {conversation}: {text:?} ({id:?}) is there as {kept:?}"
                ));
            }
        }
        // Messages that nobody was shown may be there, but not twice either.
        let mut texts = BTreeSet::new();
        for message in messages.iter().filter(|message| message["type"] == "text") {
            if !texts.insert(message["text"].as_str()) {
                faults.push(format!("{account}: {conversation}: twice: {message}"));
            }
        }
    }
    faults
}

#[test]
fn nothing_that_was_shown_is_lost_or_doubled() {
    let (seed, mut random) = random::seeded();
    let space = Space::new(&[]);
    ACCOUNTS.iter().for_each(|name| space.add(name));
    let ledger = Ledger::default();
    let mut sessions = Vec::new();
    for round in 0..ROUNDS {
        if random.below(3) == 0 {
            // Killed during its start.
            let mut child = server::spawn(&space.data(), &space.flags());
            std::thread::sleep(Duration::from_millis(random.below(400)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let running = space.start();
        if sessions.is_empty() {
            sessions = ACCOUNTS.map(|name| space.sign_in(name)).to_vec();
        }
        ledger.begin();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                person_at_a_browser(&space, &ledger, "alice", "bob", &sessions[0], round)
            });
            scope.spawn(|| {
                person_at_a_browser(&space, &ledger, "bob", "alice", &sessions[1], round)
            });
            scope.spawn(|| guest(&space, &ledger, round));
            ledger.reach(1 + random.below(400));
            running.kill();
        });
    }

    {
        let shown = ledger.0.0.lock().unwrap();
        let of = |who: &str| {
            let texts = shown.conversations.values().flat_map(BTreeMap::keys);
            texts.filter(|text| text.starts_with(who)).count()
        };
        let said = ["alice ", "bob ", "carol "].map(of);
        println!("entries of archives that were shown: {said:?}");
        assert!(!said.contains(&0), "somebody was never heard: {said:?}");
    }
    let running = space.start();
    let tokens = ACCOUNTS.map(|name| space.storage_token(name));
    let read = || -> BTreeMap<&str, Archives> {
        let read = |(name, token): (_, &String)| (name, archives::read(&space, name, token));
        ACCOUNTS.into_iter().zip(&tokens).map(read).collect()
    };
    let shown = ledger.0.0.lock().unwrap();
    let complete = until_or(|| faults(&shown, &read()).is_empty().then_some(()));
    assert!(
        complete.is_some(),
        "TEST_SEED={seed}: {:#?}",
        faults(&shown, &read())
    );

    for (nick, session) in ACCOUNTS.into_iter().zip(&sessions) {
        let socket = space.attach(nick, session, None).unwrap();
        socket.wait("the default channel again", is("join", nick, "#general"));
        let inside = |value: &Value| value["type"] == "join" && name(&value["actor"]) == nick;
        if nick == "alice" {
            for (channel, expected) in &shown.channels {
                if *expected {
                    socket.wait("a joined channel again", is("join", nick, channel));
                }
            }
            let rooms: BTreeSet<String> = socket
                .got
                .all()
                .iter()
                .filter(|v| inside(v))
                .map(|value| name(&value["target"]).to_owned())
                .collect();
            for (channel, expected) in &shown.channels {
                assert_eq!(rooms.contains(channel), *expected, "{channel} {rooms:?}");
            }
        }
        let (_, answer) = space.call("GET /api/connections", session, &Value::Null);
        let record = &answer["connections"][0];
        assert_eq!(
            (&record["nick"], &record["id"]),
            (&json!(nick), &json!("private")),
            "{answer}"
        );
        let channels = record["channels"].as_array().unwrap();
        assert!(channels.contains(&json!("#general")), "{answer}");
        if nick == "alice" {
            for (channel, expected) in &shown.channels {
                assert_eq!(
                    channels.contains(&json!(channel)),
                    *expected,
                    "{channel} {answer}"
                );
            }
        }
    }
    // A clean stop and start adds nothing.
    assert!(running.stop());
    let _running = space.start();
    let socket = space.attach("alice", &sessions[0], None).unwrap();
    socket.wait(
        "the default channel once more",
        is("join", "alice", "#general"),
    );
    assert_eq!(
        faults(&shown, &read()),
        Vec::<String>::new(),
        "TEST_SEED={seed}"
    );
}
