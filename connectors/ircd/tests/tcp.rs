//! The server over real sockets: TLS, restarts, misbehaving clients.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;

use common::{Client, LIMIT, config, start};
use ircd::TlsConfig;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const HISTORY: &str = "draft/chathistory batch message-tags";

#[tokio::test]
async fn history_and_channels_survive_a_restart() {
    let data = TempDir::new().unwrap();
    let server = start(config(data.path())).await;
    let mut alice = Client::register(server.address(), "alice", Some("pw-alice"), HISTORY).await;
    alice.say("JOIN #tea").await;
    alice.say("TOPIC #tea :Darjeeling").await;
    alice.say("PRIVMSG #tea :remember me").await;
    alice.say("PING over").await;
    alice.expect(" PONG ").await;
    assert!(server.metrics().contains("ircd_clients 1\n"));
    assert!(server.metrics().contains("ircd_damaged_lines 0\n"));
    server.shutdown().await;
    alice.expect("ERROR :The server is stopping").await;
    assert_eq!(alice.line().await, None);

    // What a machine that lost its power may leave.
    let log = std::fs::read_dir(data.path().join("log")).unwrap().next();
    let log = log.unwrap().unwrap().path();
    let mut lines = std::fs::read(&log).unwrap();
    lines.extend_from_slice(b"no line\n");
    std::fs::write(&log, lines).unwrap();
    let server = start(config(data.path())).await;
    assert!(server.metrics().contains("ircd_damaged_lines 1\n"));
    let mut alice =
        Client::register(server.address(), "alice", Some("alice:pw-alice"), HISTORY).await;
    alice.say("JOIN #tea").await;
    alice.expect(" 332 alice #tea :Darjeeling").await;
    alice.expect(" 353 alice = #tea :~alice").await;
    alice.say("CHATHISTORY LATEST #tea * 10").await;
    alice.expect("PRIVMSG #tea :remember me").await;
    server.shutdown().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let data = TempDir::new().unwrap();
    let server = start(config(data.path())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = ircd::start(config(data.path()), listener, Arc::new(ircd::NoAccounts)).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("in use by another IRC server")
    );
    server.shutdown().await;
}

#[tokio::test]
async fn tls_is_spoken_and_shown() {
    let data = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (data.path().join("cert.pem"), data.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut settings = config(data.path());
    settings.tls = Some(TlsConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        certificate,
        key,
    });
    let server = start(settings).await;
    let client = tls::trusting(&[made.cert.der().clone()]).unwrap();
    let stream = TcpStream::connect(server.tls_address().unwrap())
        .await
        .unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let mut stream = connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    stream
        .write_all(b"NICK bob\r\nUSER b 0 * :b\r\nWHOIS bob\r\n")
        .await
        .unwrap();
    let mut seen = String::new();
    let read = async {
        while !seen.contains(" 671 bob bob ") {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "{seen}");
            seen.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
    };
    timeout(LIMIT, read).await.expect("671 in time");
    server.shutdown().await;
}

#[tokio::test]
async fn a_missing_certificate_is_named() {
    let data = TempDir::new().unwrap();
    let mut settings = config(data.path());
    let certificate = data.path().join("absent.pem");
    settings.tls = Some(TlsConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        key: certificate.clone(),
        certificate,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = ircd::start(settings, listener, Arc::new(ircd::NoAccounts)).await;
    assert!(refused.unwrap_err().to_string().contains("absent.pem"));
}

#[tokio::test]
async fn whoever_is_signed_out_elsewhere_is_disconnected_within_seconds() {
    let data = TempDir::new().unwrap();
    let accounts = Arc::<common::TestAccounts>::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = ircd::start(config(data.path()), listener, accounts.clone())
        .await
        .unwrap();
    let mut alice = Client::register(server.address(), "alice", Some("pw-alice"), "batch").await;
    let mut bob = Client::register(server.address(), "bob", Some("pw-bob"), "batch").await;
    accounts
        .ended
        .lock()
        .unwrap()
        .push("alice".parse().unwrap());
    alice.expect("ERROR :You are signed out").await;
    bob.say("PING x").await;
    bob.expect(" PONG ").await;
    server.shutdown().await;
}

#[tokio::test]
async fn a_proxys_header_says_where_a_client_is() {
    let data = TempDir::new().unwrap();
    let mut settings = config(data.path());
    settings.proxies = vec!["127.0.0.0/8".parse().unwrap()];
    settings.limits.clients_per_address = 1;
    settings.guests = ircd::Guests::On;
    let server = start(settings).await;
    let v1 = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 6667\r\n".to_vec();
    let v2 = [
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x2c".as_slice(),
        &[0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0; 20],
        &[0x20, 0, 5, 1, 0, 0, 0, 0],
    ]
    .concat();
    let mut held = Vec::new();
    for (header, host, secure) in [
        (v1.as_slice(), " guest/192.0.2.7 ", false),
        (v2.as_slice(), " guest/2001:db8:1:2::9 ", true),
        (b"".as_slice(), " guest/127.0.0.1 ", false),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let lines = format!("NICK n{}\r\nUSER u 0 * :u\r\nWHOIS n{0}\r\n", held.len());
        // In pieces, with the client's first line directly after it.
        let (first, rest) = header.split_at(header.len() / 2);
        stream.write_all(first).await.unwrap();
        stream.flush().await.unwrap();
        stream
            .write_all(&[rest, lines.as_bytes()].concat())
            .await
            .unwrap();
        let mut seen = Vec::new();
        let read = async {
            while !String::from_utf8_lossy(&seen).contains(" 318 ") {
                assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
            }
        };
        timeout(LIMIT, read).await.expect("318 in time");
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(seen.contains(host), "{seen}");
        assert_eq!(seen.contains(" 671 "), secure, "{seen}");
        held.push(stream);
    }
    // The per-address limit applies to the announced address.
    let mut second = TcpStream::connect(server.address()).await.unwrap();
    second.write_all(&v1).await.unwrap();
    let mut seen = String::new();
    timeout(LIMIT, second.read_to_string(&mut seen))
        .await
        .unwrap()
        .unwrap();
    assert!(seen.contains("connections from 192.0.2.7"), "{seen}");
    let mut wrong = TcpStream::connect(server.address()).await.unwrap();
    wrong.write_all(b"PROXY TCP9 nonsense\r\n").await.unwrap();
    let mut seen = Vec::new();
    let _ = timeout(LIMIT, wrong.read_to_end(&mut seen)).await.unwrap();
    assert!(seen.is_empty());
    server.shutdown().await;
}

#[tokio::test]
async fn rubbish_and_long_lines_disturb_nobody() {
    let data = TempDir::new().unwrap();
    let server = start(config(data.path())).await;
    let mut bad = TcpStream::connect(server.address()).await.unwrap();
    let mut rubbish: Vec<u8> = (0..20_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    rubbish.extend_from_slice(&[b'x'; 100_000]);
    rubbish.extend_from_slice(b"\r\nNICK bad\r\nUSER b 0 * :b\r\n");
    bad.write_all(&rubbish).await.unwrap();
    let mut seen = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&seen).contains(" 001 bad ") {
            assert!(bad.read_buf(&mut seen).await.unwrap() > 0);
        }
    };
    timeout(LIMIT, read).await.expect("a welcome in time");
    assert!(String::from_utf8_lossy(&seen).contains(" 417 "));
    let mut good = Client::register(server.address(), "good", None, "batch").await;
    good.say("PING x").await;
    good.expect(" PONG ").await;
    server.shutdown().await;
}

#[tokio::test]
async fn who_does_not_read_is_dropped_and_others_go_on() {
    dropped(64 << 10, 256 << 20).await;
}

#[tokio::test]
async fn if_much_waits_for_all_together_who_does_not_read_is_dropped_sooner() {
    dropped(1 << 30, 256 << 10).await;
}

async fn dropped(sendq: usize, sendq_in_all: usize) {
    let data = TempDir::new().unwrap();
    let mut settings = config(data.path());
    settings.limits.sendq = sendq;
    settings.limits.sendq_in_all = sendq_in_all;
    settings.limits.line_burst = 1_000_000;
    settings.limits.lines_per_second = 1_000_000;
    let server = start(settings).await;
    let mut deaf = Client::register(server.address(), "deaf", None, "batch").await;
    deaf.say("JOIN #tea").await;
    deaf.expect(" 366 ").await;
    let mut loud = Client::register(server.address(), "loud", None, "batch").await;
    loud.say("JOIN #tea").await;
    loud.expect(" 366 ").await;
    let line = format!("PRIVMSG #tea :{}", "x".repeat(400));
    let gone = async {
        loop {
            for _ in 0..100 {
                loud.say(&line).await;
            }
            loud.say("PING x").await;
            if loud
                .until(" PONG ")
                .await
                .iter()
                .any(|line| line.contains("QUIT :SendQ exceeded"))
            {
                return;
            }
        }
    };
    timeout(LIMIT + LIMIT, gone)
        .await
        .expect("the deaf client is dropped");
    server.shutdown().await;
}

#[tokio::test]
async fn a_client_that_asks_much_and_reads_slowly_gets_it_all() {
    let data = TempDir::new().unwrap();
    let mut settings = config(data.path());
    settings.limits.sendq = 256 << 10;
    settings.limits.lines_per_second = 1_000_000;
    let server = start(settings).await;
    let mut alice = Client::register(server.address(), "alice", Some("pw-alice"), HISTORY).await;
    alice.say("JOIN #tea").await;
    for number in 0..300 {
        alice
            .say(&format!("PRIVMSG #tea :{number} {}", "y".repeat(380)))
            .await;
    }
    for number in 0..100 {
        alice.say("CHATHISTORY LATEST #tea * 1000").await;
        alice.say(&format!("PING {number}")).await;
    }
    for number in 0..100 {
        let lines = alice
            .until(&format!(" PONG irc.subspace.local {number}"))
            .await;
        let found = lines
            .iter()
            .filter(|line| line.contains(" PRIVMSG #tea :"))
            .count();
        // As many as fit into half of the send queue.
        assert!(found > 200, "{found} messages in answer {number}");
    }
    server.shutdown().await;
}
