//! One address, or several, that take all the connections they can get: everyone else, and the parts of the server
//! among themselves, are not affected.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use common::irc::Plain;
use common::server::{Server, add, printed_token};
use common::{LIMIT, PASSWORD};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// As few as old systems allow.
const DESCRIPTORS: u32 = 256;
/// More than are available.
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
            // Those closed immediately may be closed already.
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

    // The IRC server asks the functions to verify the password.
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

/// Strangers at a port.
struct Crowd<'a> {
    port: &'a str,
    /// Their addresses, 127.0.0.x.
    from: RangeInclusive<u8>,
    of_address: usize,
    says: &'a dyn Fn(u8) -> String,
    /// How many the server may keep.
    most: usize,
}

impl Crowd<'_> {
    /// Connects, and reads until the server closes; done when no more are left than allowed.
    async fn come(&self, reading: &mut JoinSet<()>) {
        let to: SocketAddr = self.port.parse().unwrap();
        let (gone, mut told) = watch::channel(0);
        for last in self.from.clone() {
            for _ in 0..self.of_address {
                let mut stream = connect(&format!("127.0.0.{last}:0"), to).await;
                let (says, gone) = ((self.says)(last), gone.clone());
                reading.spawn(async move {
                    let mut some = [0; 1024];
                    // Those closed immediately may be closed already.
                    if stream.write_all(says.as_bytes()).await.is_ok() {
                        while let Ok(1..) = stream.read(&mut some).await {}
                    }
                    gone.send_modify(|gone| *gone += 1);
                });
            }
        }
        let all = self.from.clone().count() * self.of_address;
        let fewer = told.wait_for(|gone| all - gone <= self.most);
        let fewer = tokio::time::timeout(LIMIT, fewer).await;
        assert!(fewer.is_ok(), "too many are left at {}", self.port);
    }
}

#[tokio::test]
async fn crowds_of_many_addresses_at_all_ports_stop_no_part_of_the_server() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    // The IRC server does not count clients on this machine by address, unless they come through a proxy.
    let flags = ["--ircd-proxies", "127.0.0.0/8"];
    let server = Server::start_with_few(&data, &flags, DESCRIPTORS);
    assert!(add(&data, "alice", PASSWORD, &[]).status.success());
    let token = printed_token(&data, "alice", "notes:rw", &[]);
    // Half of the descriptors, for four ports and the sockets of relays.
    let share = (DESCRIPTORS as usize / 2).div_ceil(5);
    let crowd = |port| Crowd {
        port,
        from: 11..=17,
        of_address: 30,
        says: &|_| String::new(),
        most: share,
    };
    let irc = server.line("irc").unwrap();
    let crowds = [
        crowd(server.line("turn").unwrap()),
        crowd(server.line("smtp").unwrap()),
        Crowd {
            says: &|_| "GET / HTTP/1.1\r\nX: ".to_owned(),
            from: 11..=13,
            most: 3 * (share / 4),
            ..crowd(&server.origin()["http://".len()..])
        },
        Crowd {
            says: &|last| format!("PROXY TCP4 192.0.2.{last} 127.0.0.1 4711 6667\r\nCAP LS\r\n"),
            from: 11..=12,
            most: 2 * (share / 4),
            ..crowd(irc)
        },
    ];
    let mut reading = JoinSet::new();
    for crowd in &crowds {
        crowd.come(&mut reading).await;
    }

    let irc = irc.to_owned();
    let others = tokio::task::spawn_blocking(move || {
        assert_eq!(server.request("GET /healthz", "").0, 200);
        let put = format!(
            "PUT /storage/alice/notes/a\nauthorization: Bearer {token}\ncontent-type: text/plain"
        );
        assert_eq!(server.request(&put, "hello").0, 201);
        let password = format!("alice:{PASSWORD}");
        assert!(Plain::register(&irc, "alice", Some(&password), "").is_some());
        assert!(!server.log().contains("os error 24"), "{}", server.log());
    });
    others.await.unwrap();
}
