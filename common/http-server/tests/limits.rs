//! What strangers may take from a server, over real sockets.

#![allow(clippy::unwrap_used, reason = "tests may fail")]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use http_server::{Limits, Lingering, serve};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// The longest wait for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// A timeout that expires soon.
const SHORT: Duration = Duration::from_millis(200);
/// The longest head of a request here.
const HEAD: usize = 200;
/// More than the system's buffers hold.
const LARGE: usize = 64 << 20;

async fn answer(mut request: Request<Lingering<Incoming>>, _: SocketAddr) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    match request.uri().path() {
        "/large" => *response.body_mut() = Full::new(vec![b'x'; LARGE].into()),
        "/pieces" => {
            let (mut came, mut within) = (0, true);
            while let Some(frame) = request.body_mut().frame().await {
                let piece = frame.unwrap().into_data().unwrap().len();
                within &= piece <= (8 * 1024).max((came + HEAD) / 4);
                came += piece;
            }
            *response.body_mut() = Full::new(format!("{came} bytes, {within}").into());
        }
        "/upload" => *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE,
        "/private" => *response.status_mut() = StatusCode::UNAUTHORIZED,
        "/echo" => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut stream = TokioIo::new(upgraded.await.unwrap());
                let (mut from, mut to) = tokio::io::split(&mut stream);
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert("connection", "upgrade".parse().unwrap());
            headers.insert("upgrade", "echo".parse().unwrap());
        }
        _ => *response.body_mut() = Full::new("hello".into()),
    }
    response
}

async fn start(limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, answer, limits, std::future::pending()));
    address
}

async fn send(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the server closes, in whichever way.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..length]);
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8(all).unwrap()
}

const ONE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Retries until a connection is served.
async fn until_served(address: SocketAddr) {
    let asking = async {
        loop {
            let Ok(mut stream) = TcpStream::connect(address).await else {
                continue;
            };
            if stream.write_all(ONE.as_bytes()).await.is_ok()
                && rest(&mut stream).await.ends_with("hello")
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap();
}

#[tokio::test]
async fn a_head_has_one_time_however_it_drips() {
    let address = start(Limits {
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut slow = send(address, "GET / HTTP/1.1\r\n").await;
    let dripping = async {
        while slow.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    tokio::time::timeout(PATIENCE, dripping).await.unwrap();
}

#[tokio::test]
async fn who_sends_nothing_has_no_longer() {
    let address = start(Limits {
        head_timeout: SHORT,
        idle_timeout: PATIENCE * 2,
        ..Limits::default()
    })
    .await;
    let mut silent = send(address, "").await;
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn pauses_between_requests_are_longer_than_heads_may_take() {
    let address = start(Limits {
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut stream = send(address, request).await;
    for _ in 0..3 {
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].ends_with(b"hello"));
        tokio::time::sleep(SHORT * 2).await;
        stream.write_all(request.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_after_a_while() {
    let address = start(Limits {
        head_timeout: PATIENCE * 2,
        idle_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut stream = send(address, request).await;
    assert!(rest(&mut stream).await.ends_with("hello"));
    // Likewise one whose last body was read completely after the response.
    let body = vec![b'x'; 1 << 20];
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = send(address, &head).await;
    stream.write_all(&body).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn each_head_of_a_connection_has_its_own_time() {
    let address = start(Limits {
        head_timeout: SHORT,
        idle_timeout: PATIENCE * 2,
        ..Limits::default()
    })
    .await;
    let mut stream = send(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].ends_with(b"hello"));
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_client_that_never_reads_gives_up_its_place() {
    let address = start(Limits {
        connections_of_address: 1,
        write_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let _deaf = send(address, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    until_served(address).await;
}

#[tokio::test]
async fn an_upgraded_connection_is_held_to_its_place_but_not_to_heads() {
    let address = start(Limits {
        connections_of_address: 1,
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let head = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut stream = send(address, head).await;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 101"));
    for _ in 0..2 {
        stream.write_all(b"a").await.unwrap();
        let mut one = [0];
        stream.read_exact(&mut one).await.unwrap();
        assert_eq!(one, *b"a");
        tokio::time::sleep(SHORT * 2).await;
    }
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut second).await, "", "there is one place");
    drop(stream);
    until_served(address).await;
}

#[tokio::test]
async fn one_address_leaves_places_for_others() {
    let address = start(Limits {
        connections: 5,
        connections_of_address: 2,
        ..Limits::default()
    })
    .await;
    let first = send(address, "GET").await;
    let _second = send(address, "GET").await;
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut third).await, "", "it is closed, not kept waiting");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(address).await.unwrap();
    other.write_all(ONE.as_bytes()).await.unwrap();
    assert!(rest(&mut other).await.ends_with("hello"));
    drop(first);
    until_served(address).await;
}

#[tokio::test]
async fn an_upload_that_is_refused_early_hears_why() {
    let address = start(Limits::default()).await;
    for (path, status) in [("/upload", "413"), ("/private", "401")] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n");
        let mut stream = send(address, &head).await;
        let piece = vec![b'x'; 1 << 20];
        // A client that sends everything before it reads anything.
        for _ in 0..LARGE / piece.len() {
            let sent = tokio::time::timeout(PATIENCE, stream.write_all(&piece)).await;
            sent.unwrap().unwrap();
        }
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        // The connection is still usable.
        stream.write_all(ONE.as_bytes()).await.unwrap();
        assert!(rest(&mut stream).await.ends_with("hello"));
    }
}

#[tokio::test]
async fn what_is_read_at_once_is_little_beside_what_came() {
    let address = start(Limits::default()).await;
    let length = 1 << 20;
    let head = format!("POST /pieces HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    assert!(head.len() <= HEAD);
    let mut stream = send(address, &head).await;
    // Again on the same connection: earlier requests do not count.
    for next in [head.as_str(), ONE] {
        stream.write_all(&vec![b'x'; length]).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.ends_with("1048576 bytes, true"), "{answer}");
        stream.write_all(next.as_bytes()).await.unwrap();
    }
    assert!(rest(&mut stream).await.ends_with("hello"));
}
