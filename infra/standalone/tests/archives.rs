//! Archives on an external server, end to end: posted in a channel, kept in the spool while that server is down or the
//! token is revoked, and written there once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking and says why; not all of what is shared is used"
)]

#[path = "../../../functions/suite/src/armadietto.rs"]
mod armadietto;
mod common;

use armadietto::Armadietto;
use common::socket::{Socket, is, is_state, room, say, says};
use common::{IRC, Space, until};
use serde_json::{Value, json};

const SCOPE: &str = "chat-messages:rw";

/// A socket that is online and in the default channel.
fn online(space: &Space, nick: &str, session: &str) -> Socket {
    let socket = space.attach(nick, session, None).unwrap();
    socket.wait("online", is_state("online"));
    socket.wait("the default channel", is("join", nick, "#general"));
    socket
}

/// All texts of #general that alice's external storage has, in order. Nothing while that server is writing: for a
/// moment it may deny what it lists.
fn archived(away: &Armadietto, token: &str) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    let folder = format!("chat-messages/{IRC}/channels/general/");
    read_below(away, token, &folder, &mut texts)?;
    Some(texts)
}

fn read_below(away: &Armadietto, token: &str, folder: &str, texts: &mut Vec<String>) -> Option<()> {
    let listing = away.read(token, folder)?;
    for name in listing["items"].as_object().unwrap().keys() {
        let path = format!("{folder}{name}");
        if name.ends_with('/') {
            read_below(away, token, &path, texts)?;
        } else if name != "meta" {
            let document = away.read(token, &path)?;
            let messages = document["today"]["messages"].as_array().unwrap();
            let spoken = messages.iter().filter(|message| message["type"] == "text");
            texts.extend(spoken.map(|message| message["text"].as_str().unwrap().to_owned()));
        }
    }
    Some(())
}

/// The same once it is at rest.
fn settled(away: &Armadietto, token: &str) -> Vec<String> {
    until("that server holds still", || archived(away, token))
}

#[test]
fn archives_elsewhere_wait_for_that_server_and_for_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let mut away = Armadietto::start(folder.path());
    let space = Space::new(&["--networks", "any"]);
    space.add("alice");
    space.add("bob");
    let running = space.start();
    let sessions = ["alice", "bob"].map(|nick| space.sign_in(nick));
    let connect = |away: &Armadietto, token: &str| {
        let body = json!({"user_address": away.user(), "token": token});
        let (status, answer) = space.call("PUT /api/archive", &sessions[0], &body);
        assert_eq!(status, 200, "{answer}");
    };
    let state = || {
        let (_, session) = space.call("GET /api/session", &sessions[0], &Value::Null);
        session["archive"]["state"]
            .as_str()
            .unwrap_or("")
            .to_owned()
    };
    let token = away.authorise(SCOPE);
    connect(&away, &token);

    // While everything works.
    let alice = online(&space, "alice", &sessions[0]);
    let bob = online(&space, "bob", &sessions[1]);
    alice.done(&say("alice", room("#general"), "one"));
    bob.wait("heard", says("one"));
    until("one is archived there", || {
        (archived(&away, &token)? == ["one"]).then_some(())
    });

    // That server is down; this one is killed in the meantime.
    away.stop();
    alice.done(&say("alice", room("#general"), "two"));
    bob.done(&say("bob", room("#general"), "three"));
    until("the user is told", || {
        (state() == "unreachable").then_some(())
    });
    let at_home = || {
        let token = space.storage_token("bob");
        let all = common::archives::read(&space, "bob", &token);
        let general = all.get("channels/general").cloned().unwrap_or_default();
        general.iter().any(|message| message["text"] == "three")
    };
    until("bob does not wait for alice's server", || {
        at_home().then_some(())
    });
    drop((alice, bob));
    running.kill();
    let running = space.start();
    away.start_again();
    until("what waited is there", || {
        (archived(&away, &token)? == ["one", "two", "three"]).then_some(())
    });
    until("all is well", || (state() == "ok").then_some(()));

    // The token is revoked, and renewed.
    away.revoke(&token);
    let alice = online(&space, "alice", &sessions[0]);
    alice.done(&say("alice", room("#general"), "four"));
    until("the user is told to renew", || {
        (state() == "renew").then_some(())
    });
    alice.done(&say("alice", room("#general"), "five"));
    let renewed = away.authorise(SCOPE);
    assert_eq!(settled(&away, &renewed), ["one", "two", "three"]);
    connect(&away, &renewed);
    let all = ["one", "two", "three", "four", "five"];
    until("what waited is there, once", || {
        (archived(&away, &renewed)? == all).then_some(())
    });
    assert_eq!(state(), "ok");
    assert!(running.stop());
    assert_eq!(settled(&away, &renewed), all);
}
