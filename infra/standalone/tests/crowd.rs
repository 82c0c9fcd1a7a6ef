//! One address that takes all the connections it can get: everybody else, and the parts of the server among themselves,
//! notice nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::irc::Plain;
use common::server::{Server, add};
use common::{LIMIT, PASSWORD};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// As few as an old system gives.
const DESCRIPTORS: u32 = 256;
/// More than there are.
const CONNECTIONS: usize = 300;

async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from.parse().unwrap()).unwrap();
    let connecting = tokio::time::timeout(LIMIT, socket.connect(to));
    connecting.await.unwrap().unwrap()
}

#[tokio::test]
async fn idle_connections_of_one_address_stop_nobody_else() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let server = Server::start_with_few(&data, &[], DESCRIPTORS);
    assert!(add(&data, "alice", PASSWORD, &[]).status.success());
    let web: SocketAddr = server.origin()["http://".len()..].parse().unwrap();
    let mut idle = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = connect("127.0.0.3:0", web).await;
        if number % 2 == 0 {
            // Those that are closed as they come may be so already.
            drop(stream.write_all(b"GET / HTTP/1.1\r\nX: ").await);
        }
        idle.push(stream);
    }
    let mut other = connect("127.0.0.2:0", web).await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    other.write_all(request).await.unwrap();
    let mut answer = String::new();
    let reading = tokio::time::timeout(LIMIT, other.read_to_string(&mut answer));
    reading.await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    // The IRC server asks the functions whether the password is right.
    let irc = server.line("irc").unwrap().to_owned();
    let signed_in = tokio::task::spawn_blocking(move || {
        let password = format!("alice:{PASSWORD}");
        Plain::register(&irc, "alice", Some(&password), "").is_some()
    });
    let signed_in = tokio::time::timeout(LIMIT + Duration::from_secs(5), signed_in);
    assert!(signed_in.await.unwrap().unwrap());
    assert!(server.log().contains("too many connections"));
    assert_eq!(server.log().matches("too many connections").count(), 1);
}
