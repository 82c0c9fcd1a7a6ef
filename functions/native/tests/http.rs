//! The functions over HTTP/1.1, against a server that listens: what only shows on the wire.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{PASSWORD, Server};
use functions_native::Limits;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Body, Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A client; built together with other packages, reqwest wants to be told which cryptography to use.
fn client() -> Client {
    // It is an error only if another test was quicker.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// Sends bytes and returns all that comes back until the server closes.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(LIMIT, read).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn put(server: &Server, token: &str, path: &str, body: impl Into<Body>) -> Response {
    let request = client().put(server.storage(path)).bearer_auth(token);
    let request = request.header(CONTENT_TYPE, "text/plain").body(body);
    request.send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn chunked_uploads_of_unknown_length() {
    let server = Server::start().await;
    let token = server.token("notes:rw").await;
    let pieces = (0..100).map(|n| Ok::<_, std::io::Error>(format!("piece {n};")));
    let expected: String = (0..100).map(|n| format!("piece {n};")).collect();
    let stream = tokio_stream(pieces.collect());
    let created = put(&server, &token, "/notes/a", stream).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let read = client()
        .get(server.storage("/notes/a"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&read, "content-length"), expected.len().to_string());
    assert_eq!(read.text().await.unwrap(), expected);
    let head = client()
        .head(server.storage("/notes/a"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&head, "content-length"), expected.len().to_string());

    // Empty, chunked.
    let request = format!(
        "PUT /storage/alice/notes/empty HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    );
    let answer = raw(&server, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
}

fn tokio_stream(pieces: Vec<Result<String, std::io::Error>>) -> Body {
    let (sender, body) = tokio::io::duplex(64);
    tokio::spawn(async move {
        let mut sender = sender;
        for piece in pieces {
            sender.write_all(piece.unwrap().as_bytes()).await.unwrap();
        }
    });
    Body::wrap_stream(tokio_util::io::ReaderStream::new(body))
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_announced_or_not() {
    let server = Server::start_with(Limits::default(), |config| {
        config.max_document_size = 100_000
    })
    .await;
    let token = server.token("notes:rw").await;
    let announced = put(&server, &token, "/notes/a", vec![b'x'; 100_001]).await;
    assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(header(&announced, "access-control-allow-origin"), "*");
    let problem: Value = announced.json().await.unwrap();
    assert_eq!(
        problem["detail"],
        "the body is larger than the 100000 bytes that are allowed here"
    );
    let pieces = (0..101).map(|_| Ok("x".repeat(1000))).collect();
    let chunked = put(&server, &token, "/notes/a", tokio_stream(pieces)).await;
    assert_eq!(chunked.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let fits = put(&server, &token, "/notes/a", vec![b'x'; 100_000]).await;
    assert_eq!(fits.status(), StatusCode::CREATED);
    let missing = client()
        .get(server.storage("/notes/b"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_upload_that_breaks_off_stores_nothing() {
    let server = Server::start().await;
    let token = server.token("notes:rw").await;
    let head = format!(
        "PUT /storage/alice/notes/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/plain\r\nContent-Length: 1000\r\n\r\nonly this"
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    read_to_end(&mut stream).await;
    let read = client()
        .get(server.storage("/notes/a"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(read.status(), StatusCode::NOT_FOUND);
    let root = client()
        .get(server.storage("/notes/"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(root.json::<Value>().await.unwrap()["items"], json!({}));
}

#[tokio::test]
async fn senders_that_stop_are_given_up() {
    let limits = Limits {
        header_timeout: Duration::from_millis(200),
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
async fn bad_paths_on_the_wire() {
    let server = Server::start().await;
    let token = server.token("*:rw").await;
    for (target, status) in [
        ("/storage/alice/notes/%00", "400"),
        ("/storage/alice/notes/../../secret", "400"),
        ("/storage/alice/notes/%2e%2e/x", "400"),
        ("/storage/alice/notes/%zz", "400"),
        ("/storage/alice/notes/\0", "400"),
        ("/storage/../../etc/passwd", "404"),
        ("/storage/%2e%2e/notes/x", "404"),
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(&server, request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{target:?}: {answer}"
        );
    }
    let long = format!(
        "GET /storage/alice/{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "x".repeat(20_000)
    );
    let answer = raw(&server, long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
    assert!(
        answer.contains("access-control-allow-origin: *"),
        "{answer}"
    );
}

#[tokio::test]
async fn of_writers_with_one_condition_exactly_one_wins() {
    let server = Arc::new(Server::start().await);
    let token = Arc::new(server.token("notes:rw").await);
    let client = client();
    let mut version = String::new();
    for round in 0..5 {
        // Collected, so that all are on their way before the first is waited for.
        let writers: Vec<_> = (0..10)
            .map(|writer| {
                let request = client
                    .put(server.storage("/notes/contended"))
                    .bearer_auth(&token);
                let request = request
                    .header(CONTENT_TYPE, "text/plain")
                    .body(format!("{round}/{writer}"));
                let request = if version.is_empty() {
                    request.header(IF_NONE_MATCH, "*")
                } else {
                    request.header(IF_MATCH, &version)
                };
                tokio::spawn(request.send())
            })
            .collect();
        let mut winners = Vec::new();
        for writer in writers {
            let response = writer.await.unwrap().unwrap();
            if response.status().is_success() {
                winners.push(header(&response, "etag").to_owned());
            } else {
                assert_eq!(response.status(), StatusCode::PRECONDITION_FAILED);
                assert!(response.headers().contains_key(ETAG));
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        version = winners.remove(0);
        let read = client
            .get(server.storage("/notes/contended"))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(header(&read, "etag"), version);
    }
}

#[tokio::test]
async fn a_folder_of_more_than_a_thousand_documents() {
    let server = Arc::new(Server::start().await);
    let token = Arc::new(server.token("notes:rw").await);
    let mut writers = tokio::task::JoinSet::new();
    let client = client();
    for writer in 0..10 {
        let (server, token, client) = (Arc::clone(&server), Arc::clone(&token), client.clone());
        writers.spawn(async move {
            for n in 0..101 {
                let target = server.storage(&format!("/notes/many/{writer}-{n}"));
                let request = client
                    .put(target)
                    .bearer_auth(&token)
                    .header(CONTENT_TYPE, "text/plain");
                assert_eq!(
                    request.body("x").send().await.unwrap().status(),
                    StatusCode::CREATED
                );
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let listing = client
        .get(server.storage("/notes/many/"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    let length = header(&listing, "content-length").to_owned();
    let etag = header(&listing, "etag").to_owned();
    let bytes = listing.bytes().await.unwrap();
    assert_eq!(bytes.len().to_string(), length);
    let listing: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(listing["items"].as_object().unwrap().len(), 1010);
    let parent = client
        .get(server.storage("/notes/"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    let parent: Value = parent.json().await.unwrap();
    assert_eq!(
        format!("\"{}\"", parent["items"]["many/"]["ETag"].as_str().unwrap()),
        etag
    );
}

#[tokio::test]
async fn nothing_is_ever_compressed() {
    let server = Server::start().await;
    let token = server.token("notes:rw").await;
    put(&server, &token, "/notes/a", "x".repeat(10_000)).await;
    for path in ["/notes/a", "/notes/"] {
        let request = client().get(server.storage(path)).bearer_auth(&token);
        let response = request
            .header("accept-encoding", "gzip, br, zstd")
            .send()
            .await
            .unwrap();
        assert_eq!(header(&response, "content-encoding"), "");
        assert!(header(&response, "etag").starts_with('"'));
    }
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = Server::start().await;
    let token = server.token("notes:rw").await;
    put(&server, &token, "/notes/a", "hello").await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut all = String::new();
    for (method, path) in [
        ("GET", "notes/a"),
        ("HEAD", "notes/a"),
        ("GET", "none/a"),
        ("GET", "notes/a"),
    ] {
        all.push_str(&format!(
            "{method} /storage/alice/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        ));
    }
    all.push_str("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(all.as_bytes()).await.unwrap();
    let answers = read_to_end(&mut stream).await;
    let statuses: Vec<&str> = answers
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|a| &a[..3])
        .collect();
    assert_eq!(statuses, ["200", "200", "403", "200", "200"], "{answers}");
    assert_eq!(answers.matches("hello").count(), 2);
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
    // The port closes at once, the upload still comes to its end.
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
async fn wrong_passwords_and_revoked_sessions_over_http() {
    let server = Server::start().await;
    let client = client();
    let sign_in = |password: &'static str| {
        let body = json!({"name": "alice", "password": password});
        client
            .post(format!("{}/api/session", server.origin))
            .json(&body)
            .send()
    };
    assert_eq!(
        sign_in("wrong password").await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let session: Value = sign_in(PASSWORD).await.unwrap().json().await.unwrap();
    let token = session["token"].as_str().unwrap();
    let ask = |method: Method| {
        client
            .request(method, format!("{}/api/session", server.origin))
            .bearer_auth(token)
            .send()
    };
    assert_eq!(ask(Method::GET).await.unwrap().status(), StatusCode::OK);
    assert_eq!(
        ask(Method::DELETE).await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    let gone = ask(Method::GET).await.unwrap();
    assert_eq!(gone.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&gone, "content-type"), "application/problem+json");
    let no_length = client
        .delete(format!("{}/nothing", server.origin))
        .send()
        .await
        .unwrap();
    assert_eq!(no_length.status(), StatusCode::NOT_FOUND);
    assert!(no_length.headers().contains_key(CONTENT_LENGTH));
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
    // Their heads have been read once a later request on a connection of its own is answered.
    let client = client();
    let body = json!({"name": "alice", "password": PASSWORD});
    for _ in 0..3 {
        let request = client.post(format!("{}/api/session", server.origin));
        let request = request.json(&body).timeout(LIMIT / 2);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
    }
}
