//! Conformance: coturn's client tools in every mode that this server supports, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{LIMIT, Peer, SECRET, Server, uclient, username};

/// Two clients exchange data with each other, and one with an external peer, in each mode; nothing may be lost.
const LOAD: [&str; 8] = ["-n", "20", "-m", "4", "-l", "170", "-z", "10"];

fn conforms(server: &Server, flags: &[&str]) {
    conforms_at(server, "turn", flags);
}

fn conforms_at(server: &Server, word: &str, flags: &[&str]) {
    let address = server.address(word);
    let all = [&LOAD[..], flags].concat();
    let outcome = uclient(address, &["-u", "alice", "-W", SECRET], &all, LIMIT);
    assert!(outcome.lost_nothing(), "{flags:?}: {outcome:#?}");
}

fn both_ways(flags: &[&str]) {
    let server = Server::start(&[]);
    let peer = Peer::start();
    conforms(&server, &[flags, &["-y"]].concat());
    let port = peer.port.to_string();
    conforms(
        &server,
        &[flags, &["-e", "127.0.0.1", "-r", &port]].concat(),
    );
    server.wait_for("messages_out_total", |count| count >= 160);
}

#[test]
fn channels_over_udp() {
    both_ways(&["-X", "-c"]);
}

#[test]
fn indications_over_udp() {
    both_ways(&["-X", "-c", "-s"]);
}

#[test]
fn channels_over_tcp() {
    both_ways(&["-X", "-c", "-t"]);
}

#[test]
fn indications_over_tcp() {
    both_ways(&["-X", "-c", "-t", "-s"]);
}

#[test]
fn rtp_and_rtcp_pairs() {
    // Without -c: even ports and reservation tokens.
    both_ways(&["-X"]);
}

#[test]
fn extra_requests_padding_and_dont_fragment() {
    both_ways(&["-X", "-c", "-G", "-D", "-g"]);
    both_ways(&["-X", "-c", "-s", "-g"]);
}

#[test]
fn ipv6_relays_and_dual_allocations() {
    let server = Server::start(&[]);
    conforms(&server, &["-x", "-c", "-y"]);
    conforms(&server, &["-Z", "-y"]);
    conforms(&server, &["-Z", "-s", "-y"]);
}

#[test]
fn ipv6_relays_are_refused_without_an_address() {
    let server = Server::start(&["--relay-ip", "127.0.0.3"]);
    let outcome = uclient(
        server.address("turn"),
        &["-u", "alice", "-W", SECRET],
        &["-x", "-c", "-y"],
        LIMIT,
    );
    assert_eq!(outcome.code, Some(255), "{outcome:#?}");
}

#[test]
fn disconnects_and_negative_tests() {
    let server = Server::start(&[]);
    conforms(&server, &["-X", "-c", "-N", "-y"]);
    // These lose some by design: a client that disappears at random (-B) does not receive what is in flight to it,
    // and -R sends what is refused. The server survives, and an ordinary run passes afterwards.
    for mode in ["-B", "-R"] {
        let flags = [&LOAD[..], &["-X", "-c", mode, "-y"]].concat();
        let account = ["-u", "alice", "-W", SECRET];
        uclient(server.address("turn"), &account, &flags, LIMIT);
        conforms(&server, &["-X", "-c", "-y"]);
    }
}

#[test]
fn tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["turn.test".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let flags = [
        "--tls-listen",
        "127.0.0.1:0",
        "--tls-certificate",
        files[0],
        "--tls-key",
        files[1],
    ];
    let server = Server::start(&flags);
    let peer = Peer::start();
    let port = peer.port.to_string();
    for more in [&[][..], &["-s"]] {
        let flags = [
            &["-X", "-c", "-S", "-t", "-e", "127.0.0.1", "-r", &port],
            more,
        ]
        .concat();
        conforms_at(&server, "turns", &flags);
    }
    let wrong = common::refused(&[
        "--tls-listen",
        "127.0.0.1:0",
        "--tls-certificate",
        files[1],
        "--tls-key",
        files[1],
    ]);
    assert!(wrong.contains("tls-certificate: "), "{wrong}");
}

#[test]
fn wrong_credentials_are_refused() {
    let server = Server::start(&[]);
    let address = server.address("turn");
    let flags = ["-X", "-c", "-y", "-n", "5"];
    let user = username("alice");
    let password = turn_server::credentials::password(SECRET.as_bytes(), &user);
    let right = uclient(address, &["-u", &user, "-w", &password], &flags, LIMIT);
    assert!(right.lost_nothing(), "{right:#?}");
    for wrong in [
        ["-u", &user, "-w", "WRONG"],
        ["-u", "alice", "-W", "another secret"],
        ["-u", "1000000000:alice", "-w", "x"],
    ] {
        let outcome = uclient(address, &wrong, &flags, LIMIT);
        assert_eq!(outcome.code, Some(255), "{wrong:?}: {outcome:#?}");
        assert!(
            outcome.text.contains("Cannot complete Allocation"),
            "{outcome:#?}"
        );
    }
    server.wait_for("unauthorized_total", |count| count >= 6);
}

#[test]
fn peers_on_loopback_are_denied_unless_everything_is() {
    // The same clients and peer; the only difference is that the server can be reached from elsewhere.
    let server = Server::start(&["--listen", "127.0.0.1:0,0.0.0.0:0"]);
    let peer = Peer::start();
    let port = peer.port.to_string();
    let flags = ["-X", "-c", "-n", "5", "-e", "127.0.0.1", "-r", &port];
    let credentials = ["-u", "alice", "-W", SECRET];
    let outcome = uclient(server.address("turn"), &credentials, &flags, LIMIT);
    assert!(
        !outcome.lost_nothing() && outcome.text.contains("403"),
        "{outcome:#?}"
    );
    let server = Server::start(&[
        "--listen",
        "127.0.0.1:0,0.0.0.0:0",
        "--allow-peers",
        "127.0.0.1",
    ]);
    let outcome = uclient(server.address("turn"), &credentials, &flags, LIMIT);
    assert!(outcome.lost_nothing(), "{outcome:#?}");
    let server = Server::start(&["--deny-peers", "127.0.0.1"]);
    let outcome = uclient(server.address("turn"), &credentials, &flags, LIMIT);
    assert!(
        outcome.lost_nothing(),
        "on loopback it is allowed, which wins: {outcome:#?}"
    );
}

#[test]
fn quotas_hold_over_sockets() {
    let server = Server::start(&["--max-user-allocations", "2"]);
    let flags = ["-X", "-c", "-y", "-n", "5", "-m", "4"];
    let outcome = uclient(
        server.address("turn"),
        &["-u", "alice", "-W", SECRET],
        &flags,
        LIMIT,
    );
    assert!(
        !outcome.lost_nothing() && outcome.text.contains("486"),
        "{outcome:#?}"
    );
}
