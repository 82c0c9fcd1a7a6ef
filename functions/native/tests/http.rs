//! What is specific to the native server: giving up slow senders, and stopping. Everything that every host does is in
//! the package `functions-suite`.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use std::time::Duration;

use common::Server;
use functions_suite::{LIMIT, PASSWORD, client, read_to_end};
use http_server::Limits;
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn senders_that_stop_are_given_up() {
    let limits = Limits {
        head_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = Server::start_with(limits, |_| {}).await;
    let token = server.token("notes:rw").await;
    let mut half_head = TcpStream::connect(server.address).await.unwrap();
    half_head
        .write_all(b"GET /healthz HTTP/1.1\r\nHost:")
        .await
        .unwrap();
    read_to_end(&mut half_head).await;
    let mut half_body = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "PUT /storage/alice/notes/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/plain\r\nContent-Length: 1000\r\n\r\nonly this"
    );
    half_body.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut half_body).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains("the body did not arrive completely"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_has_one_time_however_it_drips() {
    let limits = Limits {
        body_wait: Duration::from_millis(500),
        ..Limits::default()
    };
    let server = Server::start_with(limits, |_| {}).await;
    for path in ["/oauth/token", "/hooks/none/x", "/api/calls/abc"] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
        writing.write_all(head.as_bytes()).await.unwrap();
        let dripping = async {
            while writing.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let answering = async {
            let mut answer = [0; 9];
            reading.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 ");
        };
        tokio::select! {
            () = dripping => {}
            answered = tokio::time::timeout(LIMIT, answering) => answered.unwrap(),
        }
    }
}

#[tokio::test]
async fn what_the_head_decides_is_not_kept_waiting_by_the_body() {
    let server = Server::start().await;
    for (request, status) in [
        (
            "PUT /storage/alice/notes/a HTTP/1.1\r\nAuthorization: Bearer wrong",
            "401",
        ),
        ("POST /hooks/none/x HTTP/1.1", "404"),
        ("POST /nowhere HTTP/1.1", "404"),
    ] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let head = format!("{request}\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
        writing.write_all(head.as_bytes()).await.unwrap();
        let dripping = async {
            loop {
                writing.write_all(b" ").await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let mut answer = [0; 12];
        // Sooner than any time limit of a body.
        let soon = Duration::from_secs(10);
        tokio::select! {
            () = dripping => {}
            read = tokio::time::timeout(soon, reading.read_exact(&mut answer)) => {
                read.unwrap().unwrap();
            }
        }
        assert_eq!(
            answer,
            *format!("HTTP/1.1 {status}").as_bytes(),
            "{request}"
        );
    }
}

#[tokio::test]
async fn whoever_sends_all_before_reading_hears_why_it_was_refused() {
    // More than the system's buffers hold.
    const LARGE: usize = 64 << 20;
    let server = Server::start().await;
    let app = server.token("notes:rw").await;
    let put = "PUT /storage/alice/notes/a HTTP/1.1\r\nContent-Type: text/plain";
    for (request, status) in [
        (put.to_owned(), "401"),
        (format!("{put}\r\nAuthorization: Bearer wrong"), "401"),
        ("POST /api/connections HTTP/1.1".to_owned(), "401"),
        ("POST /connector/events HTTP/1.1".to_owned(), "401"),
        (
            format!("POST /api/connections HTTP/1.1\r\nAuthorization: Bearer {app}"),
            "403",
        ),
        ("POST /api/session HTTP/1.1".to_owned(), "413"),
        ("POST /nowhere HTTP/1.1".to_owned(), "404"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!("{request}\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..LARGE / piece.len() {
            let sent = tokio::time::timeout(LIMIT, stream.write_all(&piece)).await;
            sent.unwrap().expect(&request);
        }
        let mut answer = [0; 12];
        let read = tokio::time::timeout(LIMIT, stream.read_exact(&mut answer)).await;
        read.unwrap().expect(&request);
        assert_eq!(
            answer,
            *format!("HTTP/1.1 {status}").as_bytes(),
            "{request}"
        );
    }
}

#[tokio::test]
async fn connectors_are_refused_by_the_head_alone() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /connector/events HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 13];
    let reading = stream.read_exact(&mut answer);
    // Sooner than any time limit of a body.
    let soon = Duration::from_secs(10);
    tokio::time::timeout(soon, reading).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401 ");
}

#[tokio::test]
async fn stopping_finishes_what_runs() {
    let mut server = Server::start().await;
    let token = server.token("notes:rw").await;
    let mut upload = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "PUT /storage/alice/notes/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/plain\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    let read = upload.read_exact(&mut go_on);
    tokio::time::timeout(LIMIT, read).await.unwrap().unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"));
    let ended = server.stop();
    // The port closes at once, but the upload still completes.
    tokio::time::timeout(LIMIT, async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    upload.write_all(b"hello").await.unwrap();
    let answer = read_to_end(&mut upload).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    tokio::time::timeout(LIMIT, ended)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn slow_senders_do_not_keep_others_from_signing_in() {
    let server = Server::start().await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
        stream.write_all(head).await.unwrap();
        slow.push(stream);
    }
    // Their heads have been read once a later request on another connection gets its response.
    let client = client();
    let body = json!({"name": "alice", "password": PASSWORD});
    for _ in 0..3 {
        let request = client.post(format!("{}/api/session", server.origin));
        let request = request.json(&body).timeout(LIMIT / 2);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
    }
}
