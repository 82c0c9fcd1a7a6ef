//! Bodies: pieces, lengths, limits, interruptions.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::{LIMIT, Server, client, header, read_to_end};

/// The size of a document that needs several parts.
const LARGE: usize = 20 << 20;

fn pieces(pieces: Vec<String>) -> Body {
    let (mut sender, body) = tokio::io::duplex(64);
    tokio::spawn(async move {
        for piece in pieces {
            if sender.write_all(piece.as_bytes()).await.is_err() {
                // The server has already responded.
                return;
            }
        }
    });
    Body::wrap_stream(tokio_util::io::ReaderStream::new(body))
}

/// A body may arrive in pieces, without a length.
pub async fn chunked_uploads_of_unknown_length(server: Server) {
    let token = server.token("notes:rw").await;
    let expected: String = (0..100).map(|n| format!("piece {n};")).collect();
    let stream = pieces((0..100).map(|n| format!("piece {n};")).collect());
    let created = server.put(&token, "/notes/a", stream).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let read = server.get(&token, "/notes/a").await;
    assert_eq!(header(&read, "content-length"), expected.len().to_string());
    assert_eq!(read.text().await.unwrap(), expected);
    let head = client()
        .head(server.storage("/notes/a"))
        .bearer_auth(&token);
    let head = head.send().await.unwrap();
    assert_eq!(header(&head, "content-length"), expected.len().to_string());

    // Empty, chunked.
    let request = format!(
        "PUT /storage/alice/notes/empty HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    );
    let answer = server.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
}

/// With a limit of 100,000 bytes.
pub async fn bodies_over_the_limit_are_refused_announced_or_not(server: Server) {
    let token = server.token("notes:rw").await;
    let announced = server.put(&token, "/notes/a", vec![b'x'; 100_001]).await;
    assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(header(&announced, "access-control-allow-origin"), "*");
    let problem: Value = announced.json().await.unwrap();
    assert_eq!(
        problem["detail"],
        "the body is larger than the 100000 bytes that are allowed here"
    );
    let stream = pieces((0..101).map(|_| "x".repeat(1000)).collect());
    let chunked = server.put(&token, "/notes/a", stream).await;
    assert_eq!(chunked.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let fits = server.put(&token, "/notes/a", vec![b'x'; 100_000]).await;
    assert_eq!(fits.status(), StatusCode::CREATED);
    let missing = server.get(&token, "/notes/b").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

/// What did not arrive completely is not stored.
pub async fn an_upload_that_breaks_off_stores_nothing(server: Server) {
    let token = server.token("notes:rw").await;
    let head = format!(
        "PUT /storage/alice/notes/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/plain\r\nContent-Length: 1000\r\n\r\nonly this"
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    read_to_end(&mut stream).await;
    let read = server.get(&token, "/notes/a").await;
    assert_eq!(read.status(), StatusCode::NOT_FOUND);
    let root = server.get(&token, "/notes/").await;
    assert_eq!(root.json::<Value>().await.unwrap()["items"], json!({}));
}

/// Many megabytes come back unchanged, and so does a range of them.
pub async fn large_documents_stream_both_ways(server: Server) {
    let token = server.token("notes:rw").await;
    let bytes: Vec<u8> = (0..LARGE as u32 / 4).flat_map(u32::to_le_bytes).collect();
    let request = client()
        .put(server.storage("/notes/large"))
        .bearer_auth(&token);
    let request = request.header(CONTENT_TYPE, "application/octet-stream");
    let made = request
        .body(bytes.clone())
        .timeout(LIMIT)
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    let read = server.get(&token, "/notes/large").await;
    assert_eq!(header(&read, "content-length"), LARGE.to_string());
    assert!(
        read.bytes().await.unwrap() == bytes,
        "other bytes came back"
    );
    let request = client()
        .get(server.storage("/notes/large"))
        .bearer_auth(&token);
    let part = request
        .header("range", "bytes=9000000-9000099")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), bytes[9_000_000..9_000_100]);
}
