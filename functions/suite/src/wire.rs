//! Requests at the byte level, and headers.

use reqwest::header::{CONTENT_LENGTH, ORIGIN};
use reqwest::{Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::{Server, client, header, read_to_end};

/// Paths that try to escape lead nowhere.
pub async fn bad_paths_on_the_wire(server: Server) {
    let token = server.token("*:rw").await;
    for (target, statuses) in [
        ("/storage/alice/notes/%00", &["400", "404"][..]),
        ("/storage/alice/notes/../../secret", &["400", "404"]),
        ("/storage/alice/notes/%2e%2e/x", &["400", "404"]),
        ("/storage/alice/notes/%zz", &["400", "404"]),
        ("/storage/alice/notes/\0", &["400", "404"]),
        ("/storage/../../etc/passwd", &["400", "404"]),
        // An impossible account name is refused like any other that the token does not belong to.
        ("/storage/%2e%2e/notes/x", &["403"]),
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        let answer = server.raw(request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{target:?}: {answer}");
    }
    let long = format!(
        "GET /storage/alice/{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "x".repeat(20_000)
    );
    let answer = server.raw(long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
    assert!(
        answer.contains("access-control-allow-origin: *"),
        "{answer}"
    );
}

/// ETags identify bytes, so the bytes stay unchanged.
pub async fn nothing_is_ever_compressed(server: Server) {
    let token = server.token("notes:rw").await;
    server.put(&token, "/notes/a", "x".repeat(10_000)).await;
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

/// Pipelined requests.
pub async fn one_connection_serves_many_requests(server: Server) {
    let token = server.token("notes:rw").await;
    server.put(&token, "/notes/a", "hello").await;
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
    let answers = answers.split("HTTP/1.1 ").skip(1);
    let statuses: Vec<&str> = answers.clone().map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "200", "403", "200", "200"]);
    assert_eq!(answers.filter(|answer| answer.contains("hello")).count(), 2);
}

/// Browsers may use it from any page, and can read errors as well.
pub async fn every_origin_may_ask(server: Server) {
    let origin = "https://app.example";
    let path = server.storage("/notes/a");
    let preflight = client()
        .request(Method::OPTIONS, &path)
        .header(ORIGIN, origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,if-match")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    let methods = header(&preflight, "access-control-allow-methods");
    assert!(methods.contains("PUT"), "{methods}");
    let refused = client()
        .get(&path)
        .header(ORIGIN, origin)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_ne!(header(&refused, "access-control-allow-origin"), "");
    assert_eq!(header(&refused, "x-content-type-options"), "nosniff");
    let none = client().delete(format!("{}/api/nothing", server.origin));
    let none = none.send().await.unwrap();
    assert!(none.status().is_client_error());
    assert!(none.headers().contains_key(CONTENT_LENGTH));
    assert_eq!(header(&none, "content-type"), "application/problem+json");
}
