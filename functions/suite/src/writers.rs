//! Concurrent writers.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{LIMIT, Server, client, header};

/// Documents in one folder.
const MANY: usize = 1010;
/// Concurrent writers.
const WRITERS: usize = 10;

/// Sends a request, again when the server asks to retry, and returns the final status.
async fn sent(request: RequestBuilder) -> StatusCode {
    loop {
        let response = request.try_clone().unwrap().send().await.unwrap();
        if response.status() != StatusCode::SERVICE_UNAVAILABLE {
            return response.status();
        }
        let seconds = header(&response, "retry-after").parse().unwrap();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// Conditions are decided exactly once.
pub async fn of_writers_with_one_condition_exactly_one_wins(server: Server) {
    let token = server.token("notes:rw").await;
    let client = client();
    let mut version = String::new();
    for round in 0..5 {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let request = client
                .put(server.storage("/notes/contended"))
                .bearer_auth(&token)
                .timeout(LIMIT)
                .header(CONTENT_TYPE, "text/plain")
                .body(format!("{round}/{writer}"));
            let request = if version.is_empty() {
                request.header(IF_NONE_MATCH, "*")
            } else {
                request.header(IF_MATCH, &version)
            };
            writers.spawn(request.send());
        }
        let mut winners = Vec::new();
        while let Some(writer) = writers.join_next().await {
            let response = writer.unwrap().unwrap();
            if response.status().is_success() {
                winners.push(header(&response, "etag").to_owned());
            } else {
                assert_eq!(response.status(), StatusCode::PRECONDITION_FAILED);
                assert!(response.headers().contains_key(ETAG));
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        version = winners.remove(0);
        let read = server.get(&token, "/notes/contended").await;
        assert_eq!(header(&read, "etag"), version);
    }
}

/// Writers of other documents in the same module are not refused, and nothing is lost. Where instances contend, a
/// client may be asked to retry.
pub async fn writers_of_one_module_at_once(server: Server) {
    let token = server.token("notes:rw").await;
    let client = client();
    let mut writers = JoinSet::new();
    for n in 0..5 * WRITERS {
        let request = client
            .put(server.storage(&format!("/notes/at-once/{n}")))
            .bearer_auth(&token)
            .timeout(LIMIT)
            .header(CONTENT_TYPE, "text/plain")
            .body(n.to_string());
        writers.spawn(sent(request));
    }
    let all = async {
        while let Some(status) = writers.join_next().await {
            assert_eq!(status.unwrap(), StatusCode::CREATED);
        }
    };
    tokio::time::timeout(LIMIT, all).await.unwrap();
    let listing = server.get(&token, "/notes/at-once/").await;
    let listing: Value = listing.json().await.unwrap();
    assert_eq!(listing["items"].as_object().unwrap().len(), 5 * WRITERS);
    for n in [0, 5 * WRITERS - 1] {
        let read = server.get(&token, &format!("/notes/at-once/{n}")).await;
        assert_eq!(read.text().await.unwrap(), n.to_string());
    }
}

/// A listing is complete, and the folder above has its version.
pub async fn a_folder_of_more_than_a_thousand_documents(server: Server) {
    let server = Arc::new(server);
    let token = Arc::new(server.token("notes:rw").await);
    let mut writers = JoinSet::new();
    let client = client();
    for writer in 0..WRITERS {
        let (server, token, client) = (Arc::clone(&server), Arc::clone(&token), client.clone());
        writers.spawn(async move {
            for n in 0..MANY / WRITERS {
                let target = server.storage(&format!("/notes/many/{writer}-{n}"));
                let request = client
                    .put(target)
                    .bearer_auth(&*token)
                    .timeout(LIMIT)
                    .header(CONTENT_TYPE, "text/plain");
                assert_eq!(sent(request.body("x")).await, StatusCode::CREATED);
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let listing = server.get(&token, "/notes/many/").await;
    let length = header(&listing, "content-length").to_owned();
    let etag = header(&listing, "etag").to_owned();
    let bytes = listing.bytes().await.unwrap();
    assert_eq!(bytes.len().to_string(), length);
    let listing: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(listing["items"].as_object().unwrap().len(), MANY);
    let parent: Value = server.get(&token, "/notes/").await.json().await.unwrap();
    assert_eq!(
        format!("\"{}\"", parent["items"]["many/"]["ETag"].as_str().unwrap()),
        etag
    );
}
