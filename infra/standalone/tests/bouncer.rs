//! The bouncer in the one process: a plain client on its account's connection, checked by the real functions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::irc::Plain;
use common::server::{Server, account, free_address};
use common::{PASSWORD, Space};
use serde_json::{Value, json};

/// Signs in with SASL PLAIN, up to its outcome.
fn sign_in(address: &str, name: &str, password: &str) -> Plain {
    let client = Plain::connect(address).unwrap();
    client.say("CAP REQ :sasl message-tags echo-message");
    client.say("NICK whoever");
    client.say("USER whoever 0 * :whoever");
    client.say("AUTHENTICATE PLAIN");
    client.expect("AUTHENTICATE +");
    let payload = STANDARD.encode(format!("\0{name}\0{password}"));
    client.say(&format!("AUTHENTICATE {payload}"));
    client.expect(" 90");
    client
}

/// The same, up to the end of the list of members of the first channel.
fn welcomed(address: &str, name: &str, password: &str) -> Plain {
    let client = sign_in(address, name, password);
    client.expect(" 903 ");
    client.say("CAP END");
    client.expect(" 422 ");
    client.say("JOIN #general");
    client.expect(" 366 ");
    client
}

fn done(server: &Space, arguments: &[&str], input: &str) {
    let output = account(&server.data(), arguments, input);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_member_uses_the_network_with_a_plain_client() {
    let address = free_address();
    let space = Space::new(&["--bouncer-listen", &address]);
    let server: Server = space.start();
    assert_eq!(server.line("bouncer"), Some(address.as_str()));
    for name in ["alice", "bob"] {
        space.add(name);
    }
    // The account is new: nobody has opened the web page, and its connection was not listed yet.
    let alice = welcomed(&address, "alice@desk", PASSWORD);
    let password = format!("bob:{PASSWORD}");
    let bob = Plain::register(&space.irc, "bob", Some(&password), "").unwrap();
    bob.join("#general").unwrap();
    alice.say("PRIVMSG #general :from the bouncer");
    bob.expect(":alice!alice@user/alice PRIVMSG #general :from the bouncer");
    let echo = alice.expect("PRIVMSG #general :from the bouncer");
    assert!(echo.contains("msgid="), "{echo}");
    bob.say("PRIVMSG #general :from bob");
    alice.expect(" PRIVMSG #general :from bob");

    // With a token, until it is revoked.
    let session = space.sign_in("alice");
    let wanted = json!({"kind": "irc", "client": "phone"});
    let (status, grant) = space.call("POST /api/grants", &session, &wanted);
    assert_eq!(status, 201, "{grant}");
    let phone = welcomed(&address, "alice@phone", grant["token"].as_str().unwrap());
    let path = format!("DELETE /api/grants/{}", grant["id"].as_str().unwrap());
    assert_eq!(space.call(&path, &session, &Value::Null).0, 204);
    phone.expect("ERROR :");
    alice.say("PING still");
    alice.expect(" PONG ");

    // With the password, until it is changed.
    done(&space, &["password", "alice"], "another good password");
    alice.expect("ERROR :");
    sign_in(&address, "alice", PASSWORD).expect(" 904 ");
    welcomed(&address, "alice", "another good password");
}
