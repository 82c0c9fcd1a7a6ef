//! The server from an operator's perspective: refusals, metrics, STUN, draining.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use common::{LIMIT, SECRET, Server, refused, username};
use turn_server::credentials::password;
use turn_server::stun::{Class, Message, Writer, attribute, long_term_key, method};

fn exchange(socket: &UdpSocket, server: SocketAddr, request: &[u8]) -> Vec<u8> {
    socket.send_to(request, server).unwrap();
    let mut buffer = vec![0; 2000];
    let (size, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(from, server);
    buffer.truncate(size);
    buffer
}

fn code(answer: &[u8]) -> u16 {
    let message = Message::parse(answer).unwrap();
    message
        .get(attribute::ERROR_CODE)
        .map_or(0, |value| u16::from(value[2]) * 100 + u16::from(value[3]))
}

/// An Allocate or Refresh request, with credentials once there is a nonce.
fn request(kind: u16, nonce: Option<&[u8]>, lifetime: Option<u32>, number: u8) -> Vec<u8> {
    let mut buffer = Vec::new();
    let mut writer = Writer::new(&mut buffer, Class::Request, kind, [number; 12]);
    if kind == method::ALLOCATE {
        writer.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    }
    if let Some(lifetime) = lifetime {
        writer.number(attribute::LIFETIME, lifetime);
    }
    let Some(nonce) = nonce else {
        return writer.finish(None, true).to_vec();
    };
    let user = username("alice");
    writer.attribute(attribute::USERNAME, user.as_bytes());
    writer
        .attribute(attribute::REALM, b"subspace")
        .attribute(attribute::NONCE, nonce);
    let key = long_term_key(&user, "subspace", &password(SECRET.as_bytes(), &user));
    writer.finish(Some(&key), true).to_vec()
}

fn client() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

fn nonce(socket: &UdpSocket, server: SocketAddr) -> Vec<u8> {
    let answer = exchange(socket, server, &request(method::ALLOCATE, None, None, 1));
    assert_eq!(code(&answer), 401);
    Message::parse(&answer)
        .unwrap()
        .get(attribute::NONCE)
        .unwrap()
        .to_vec()
}

#[test]
fn names_and_help_of_metrics_are_those_that_dashboards_know() {
    let server = Server::start(&[]);
    let (status, text) = server.http("/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(text, include_str!("metrics.txt"));
}

#[test]
fn a_wrong_start_is_refused_in_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = refused(&["--listen", &address, "--metrics", "off"]);
    assert!(
        text.contains("in use") && text.contains(&address) && text.contains("--listen"),
        "{text}"
    );
    let running = Server::start(&[]);
    let text = refused(&["--listen", running.said("turn"), "--metrics", "off"]);
    assert!(text.contains("in use"), "a second server got in: {text}");
    let text = refused(&[
        "--listen",
        "127.0.0.1:0",
        "--relay-ip",
        "192.0.2.77",
        "--metrics",
        "off",
    ]);
    assert!(text.contains("relay-ip: 192.0.2.77"), "{text}");
    let text = refused(&["--listen", "127.0.0.1:0", "--metrics", "0.0.0.0:0"]);
    assert!(text.contains("metrics: found"), "{text}");
}

#[test]
fn stun_is_answered_over_udp_and_tcp_in_pieces() {
    let server = Server::start(&[]);
    let address = server.address("turn");
    let mut buffer = Vec::new();
    let writer = Writer::new(&mut buffer, Class::Request, method::BINDING, [5; 12]);
    let binding = writer.finish(None, true).to_vec();
    let socket = client();
    let answer = exchange(&socket, address, &binding);
    let mapped = |answer: &[u8]| {
        let message = Message::parse(answer).unwrap();
        message
            .xor_address(message.get(attribute::XOR_MAPPED_ADDRESS).unwrap())
            .unwrap()
    };
    assert_eq!(mapped(&answer), socket.local_addr().unwrap());

    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let twice = [&binding[..], &binding[..]].concat();
    for piece in twice.chunks(7) {
        stream.write_all(piece).unwrap();
    }
    let mut answers = vec![0; answer.len() * 2];
    stream.read_exact(&mut answers).unwrap();
    assert_eq!(
        mapped(&answers[answer.len()..]),
        stream.local_addr().unwrap()
    );
    // Anything that is not TURN ends the connection.
    stream.write_all(b"\xFFGET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(stream.read(&mut [0; 10]).unwrap_or(0), 0);
    server.wait_for("connections", |count| count == 0);
}

#[test]
fn it_drains_and_then_stops() {
    let mut server = Server::start(&[]);
    let address = server.address("turn");
    let (first, second) = (client(), client());
    let own = nonce(&first, address);
    assert_eq!(
        code(&exchange(
            &first,
            address,
            &request(method::ALLOCATE, Some(&own), None, 2)
        )),
        0
    );
    assert_eq!(server.http("/healthz").0, "HTTP/1.1 200 OK");
    assert_eq!(server.metric("allocations"), 1);
    server.terminate();
    server.wait_for("draining", |draining| draining == 1);
    assert!(server.http("/healthz").0.contains("503"));
    let other = nonce(&second, address);
    assert_eq!(
        code(&exchange(
            &second,
            address,
            &request(method::ALLOCATE, Some(&other), None, 3)
        )),
        508
    );
    assert_eq!(
        code(&exchange(
            &first,
            address,
            &request(method::REFRESH, Some(&own), None, 4)
        )),
        0
    );
    assert!(server.is_running());
    assert_eq!(
        code(&exchange(
            &first,
            address,
            &request(method::REFRESH, Some(&own), Some(0), 5)
        )),
        0
    );
    assert!(server.ended());
}

#[test]
fn draining_is_bounded_and_a_second_signal_hurries() {
    let mut server = Server::start(&["--drain-seconds", "0"]);
    let socket = client();
    let own = nonce(&socket, server.address("turn"));
    let allocate = request(method::ALLOCATE, Some(&own), None, 2);
    assert_eq!(
        code(&exchange(&socket, server.address("turn"), &allocate)),
        0
    );
    server.terminate();
    assert!(server.ended());
    let mut server = Server::start(&[]);
    let own = nonce(&socket, server.address("turn"));
    let allocate = request(method::ALLOCATE, Some(&own), None, 2);
    assert_eq!(
        code(&exchange(&socket, server.address("turn"), &allocate)),
        0
    );
    server.terminate();
    server.wait_for("draining", |draining| draining == 1);
    server.terminate();
    assert!(server.ended());
}

#[test]
fn what_the_system_drops_or_refuses_is_counted() {
    let server = Server::start(&["--allow-peers", "192.0.2.0/24", "--relay-ip", "127.0.0.3"]);
    let address = server.address("turn");
    let socket = client();
    let own = nonce(&socket, address);
    let allocate = request(method::ALLOCATE, Some(&own), None, 2);
    assert_eq!(code(&exchange(&socket, address, &allocate)), 0);
    // From a relay on loopback there is no route to this peer: the system refuses every datagram.
    let peer = [
        0,
        1,
        0x12 ^ 0x21,
        0x34 ^ 0x12,
        192 ^ 0x21,
        0x12,
        2 ^ 0xA4,
        1 ^ 0x42,
    ];
    let mut buffer = Vec::new();
    let user = username("alice");
    let key = long_term_key(&user, "subspace", &password(SECRET.as_bytes(), &user));
    let mut writer = Writer::new(
        &mut buffer,
        Class::Request,
        method::CREATE_PERMISSION,
        [3; 12],
    );
    writer
        .attribute(attribute::XOR_PEER_ADDRESS, &peer)
        .attribute(attribute::USERNAME, user.as_bytes())
        .attribute(attribute::REALM, b"subspace")
        .attribute(attribute::NONCE, &own);
    let permission = writer.finish(Some(&key), true).to_vec();
    assert_eq!(code(&exchange(&socket, address, &permission)), 0);
    let mut writer = Writer::new(&mut buffer, Class::Indication, method::SEND, [4; 12]);
    writer
        .attribute(attribute::XOR_PEER_ADDRESS, &peer)
        .attribute(attribute::DATA, b"hello");
    let indication = writer.finish(None, false).to_vec();
    for _ in 0..3 {
        socket.send_to(&indication, address).unwrap();
    }
    server.wait_for("unsent_total", |count| count == 3);
    assert_eq!(server.metric("overflowed_total"), 0);

    // While the server is suspended its buffer fills up; no buffer holds 32 MiB.
    server.halt(true);
    for _ in 0..32 << 10 {
        socket.send_to(&[0xFF; 1024], address).unwrap();
    }
    server.halt(false);
    server.wait_for("overflowed_total", |count| count > 0);
    // What was dropped and what was read add up to everything: nothing is lost without being counted.
    let begun = std::time::Instant::now();
    while server.metric("overflowed_total") + server.metric("malformed_total") < 32 << 10 {
        assert!(begun.elapsed() < LIMIT, "some are neither read nor counted");
    }
    assert_eq!(
        server.metric("overflowed_total") + server.metric("malformed_total"),
        32 << 10
    );
}
