//! The IRC port from the point of view of strangers, members and proxies.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use common::irc::Plain;
use common::server::account;
use common::socket::act_on;
use common::{PASSWORD, Space, certificate};
use serde_json::{Value, json};

#[test]
fn tls_is_spoken_where_the_flags_say() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = certificate(folder.path(), "irc.test");
    let space = Space::new(&[
        "--ircd-tls-listen",
        "127.0.0.1:0",
        "--ircd-tls-certificate",
        &certificate,
        "--ircd-tls-key",
        &key,
    ]);
    let server = space.start();
    let address = server.line("ircs").unwrap();
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-servername",
            "irc.test",
        ])
        .args(["-CAfile", &certificate, "-connect", address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut to = client.stdin.take().unwrap();
    to.write_all(b"NICK carol\r\nUSER carol 0 * :carol\r\nWHOIS carol\r\nQUIT\r\n")
        .unwrap();
    let mut seen = String::new();
    client
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut seen)
        .unwrap();
    client.wait().unwrap();
    assert!(seen.contains(" 671 carol carol "), "{seen}");
}

#[test]
fn a_guest_has_no_members_name_although_it_was_never_here() {
    let space = Space::new(&[]);
    let _server = space.start();
    space.add("alice");
    let guest = Plain::connect(&space.irc).unwrap();
    guest.say("NICK alice");
    guest.say("USER guest 0 * :guest");
    let told = guest.expect(" 433 ");
    assert!(told.contains("belongs to the account alice"), "{told}");
    guest.say("NICK visitor");
    guest.expect(" 001 visitor ");
}

#[test]
fn no_member_is_a_guest_by_way_of_the_gateway() {
    // Even where members may connect anywhere.
    let space = Space::new(&["--networks", "any"]);
    let _server = space.start();
    space.add("alice");
    let session = space.sign_in("alice");
    let alice = space.attach("alice", &session, None).unwrap();
    let port: u16 = space.irc.rsplit_once(':').unwrap().1.parse().unwrap();
    for host in ["127.0.0.1", "localhost", "::1", "0.0.0.0"] {
        let wanted = json!({"platform": "irc", "host": host, "port": port, "secure": false, "nick": "GitHub"});
        let (status, problem) = space.call("POST /api/connections", &session, &wanted);
        assert_eq!(status, 409, "{host} {problem}");
        // Nor with credentials of a Sockethub client.
        let credentials = json!({"type": "credentials", "nick": "GitHub", "server": host, "port": port, "secure": false});
        let act = |kind, more| act_on("elsewhere.example", kind, "GitHub", more);
        let kept = alice.ask_as(
            "credentials",
            &act("credentials", json!({"object": credentials})),
        );
        assert_eq!(kept.unwrap().get("error"), None);
        let sentence = alice.refused(&act("connect", json!({})));
        assert!(sentence.contains("own network"), "{host}: {sentence}");
    }
    // An IRC program on this machine is welcome.
    Plain::register(&space.irc, "carol", None, "").unwrap();
}

#[test]
fn wrong_passwords_for_one_account_keep_nobody_else_out() {
    let space = Space::new(&[]);
    let _server = space.start();
    for name in ["alice", "bob"] {
        space.add(name);
    }
    for guess in 0..45 {
        let client = Plain::connect(&space.irc).unwrap();
        client.say(&format!("PASS alice:wrong {guess}"));
        client.say("NICK alice");
        client.say("USER alice 0 * :alice");
        client.expect(" 464 ");
    }
    for name in ["bob", "alice"] {
        let password = format!("{name}:{PASSWORD}");
        Plain::register(&space.irc, name, Some(&password), "").unwrap();
    }
    // More of them slow down that account, and the error says so.
    let guess = |guess: u32| {
        let client = Plain::connect(&space.irc).unwrap();
        client.say(&format!("PASS alice:wrong {guess}"));
        client.say("NICK alice");
        client.say("USER alice 0 * :alice");
        client.expect(" 464 ")
    };
    let said = (0..20).map(guess).find(|line| line.contains("wait "));
    assert!(said.unwrap().contains("Too many attempts"));
    let password = format!("bob:{PASSWORD}");
    Plain::register(&space.irc, "bob", Some(&password), "").unwrap();
}

#[test]
fn clients_behind_a_proxy_are_who_and_where_they_are() {
    let space = Space::new(&["--ircd-proxies", "127.0.0.1"]);
    let _server = space.start();
    // A stranger behind the proxy is not a local guest.
    let mut stream = TcpStream::connect(&space.irc).unwrap();
    stream
        .write_all(
            b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 6667\r\nNICK carol\r\nUSER carol 0 * :carol\r\n",
        )
        .unwrap();
    let mut seen = String::new();
    stream.read_to_string(&mut seen).unwrap();
    assert!(
        seen.contains(" 464 carol :This server is for its members"),
        "{seen}"
    );
    // A client on this machine still is.
    Plain::register(&space.irc, "carol", None, "").unwrap();
}

#[test]
fn admins_end_the_connections_of_others_and_members_do_not() {
    let space = Space::new(&[]);
    let _server = space.start();
    space.add_admin("alice");
    space.add("bob");
    let sign_in = |name: &str| {
        let password = format!("{name}:{PASSWORD}");
        Plain::register(&space.irc, name, Some(&password), "").unwrap()
    };
    let (alice, bob) = (sign_in("alice"), sign_in("bob"));
    bob.say("KILL alice :mine");
    bob.expect(" 481 bob ");
    alice.say("PING still");
    alice.expect(" PONG ");
    alice.say("KILL bob :spam");
    bob.expect("ERROR :Killed (alice (spam))");
    // So does an admin who uses a token, like the account's own connection.
    let wanted = json!({"kind": "irc", "client": "phone"});
    let session = space.sign_in("alice");
    let (status, grant) = space.call("POST /api/grants", &session, &wanted);
    assert_eq!(status, 201, "{grant}");
    drop(alice);
    let phone = Plain::register(&space.irc, "alice", grant["token"].as_str(), "").unwrap();
    let bob = sign_in("bob");
    phone.say("KILL bob :again");
    bob.expect("ERROR :Killed (alice (again))");
}

#[test]
fn a_disabled_account_is_told_that_once_its_password_is_proved() {
    let space = Space::new(&[]);
    let _server = space.start();
    space.add_admin("alice");
    space.add("bob");
    let disabled = account(&space.data(), &["disable", "bob"], "");
    assert!(disabled.status.success(), "{disabled:?}");
    let sign_in = |password: &str| {
        let client = Plain::connect(&space.irc).unwrap();
        client.say(&format!("PASS :bob:{password}"));
        client.say("NICK bob");
        client.say("USER bob 0 * :bob");
        client
    };
    let refused = sign_in(PASSWORD).expect(" 465 ");
    assert!(refused.contains("This account is disabled"), "{refused}");
    sign_in("not the password").expect(" 464 ");
}

#[test]
fn a_revoked_irc_password_ends_the_connections_that_it_opened() {
    let space = Space::new(&[]);
    let _server = space.start();
    space.add("alice");
    let session = space.sign_in("alice");
    let wanted = json!({"kind": "irc", "client": "phone"});
    let (status, grant) = space.call("POST /api/grants", &session, &wanted);
    assert_eq!(status, 201, "{grant}");
    let token = grant["token"].as_str().unwrap();
    let phone = Plain::register(&space.irc, "alice", Some(token), "").unwrap();
    let password = format!("alice:{PASSWORD}");
    let desk = Plain::register(&space.irc, "alice", Some(&password), "").unwrap();
    let path = format!("DELETE /api/grants/{}", grant["id"].as_str().unwrap());
    assert_eq!(space.call(&path, &session, &Value::Null).0, 204);
    phone.expect("ERROR :You are signed out");
    desk.say("PING still");
    desk.expect(" PONG ");
}
