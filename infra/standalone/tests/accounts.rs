//! The operator's account commands, next to a running server: whatever they end, ends at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::Output;

use common::server::{Server, account, add};
use serde_json::{Value, json};

const OLD: &str = "correct horse";
const NEW: &str = "another good password";

fn done(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    said
}

fn sign_in(server: &Server, name: &str, password: &str) -> (u16, String) {
    let body = json!({"name": name, "password": password}).to_string();
    let (status, body) = server.request("POST /api/session", &body);
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    (
        status,
        body["token"].as_str().unwrap_or_default().to_owned(),
    )
}

fn session(server: &Server, token: &str) -> u16 {
    let head = format!("GET /api/session\nauthorization: Bearer {token}");
    server.request(&head, "").0
}

/// How many connections the gateway maintains, or how many of them are in a state.
fn gauge(server: &Server, state: Option<&str>) -> usize {
    let (_, metrics) = server.request("GET /metrics", "");
    let lines = metrics.lines().filter(|line| match state {
        Some(state) => line.starts_with(&format!(
            "subspace_connector_connections{{state=\"{state}\"}}"
        )),
        None => line.starts_with("subspace_connector_connections{"),
    });
    let count = |line: &str| line.rsplit(' ').next()?.parse::<usize>().ok();
    lines.filter_map(count).sum()
}

fn connections(server: &Server) -> usize {
    gauge(server, None)
}

fn until_online(server: &Server, wanted: usize) {
    common::until("the connections are online", || {
        (gauge(server, Some("online")) == wanted).then_some(())
    });
}

#[test]
fn accounts_are_changed_closed_and_removed_while_the_server_runs() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let server = Server::start(&data, &[]);
    let (status, metrics) = server.request("GET /metrics", "");
    assert_eq!(status, 200);
    assert!(
        metrics.contains("\nsubspace_damaged_records 0\n"),
        "{metrics}"
    );
    done(&add(&data, "alice", OLD, &["--admin"]));
    done(&add(&data, "bob", OLD, &[]));
    let (status, token) = sign_in(&server, "bob", OLD);
    assert_eq!((status, session(&server, &token)), (201, 200));

    let said = refused(&account(&data, &["password", "bob"], "short"));
    assert!(said.contains("too short"), "{said}");
    done(&account(&data, &["password", "bob"], NEW));
    assert_eq!(session(&server, &token), 401);
    assert_eq!(sign_in(&server, "bob", OLD).0, 401);
    let (status, token) = sign_in(&server, "bob", NEW);
    assert_eq!((status, session(&server, &token)), (201, 200));

    // The gateway is told at once, wherever the server listens: none of bob's connections is left to be refused.
    done(&account(&data, &["password", "alice"], OLD));
    until_online(&server, 2);
    let said = done(&account(&data, &["disable", "bob"], ""));
    assert!(said.contains("account enable bob"), "{said}");
    assert_eq!(session(&server, &token), 401);
    assert_eq!(sign_in(&server, "bob", NEW).0, 403);
    assert_eq!(connections(&server), 1);
    done(&account(&data, &["enable", "bob"], ""));
    assert_eq!(session(&server, &token), 200);
    assert_eq!(connections(&server), 2);
    until_online(&server, 2);

    let said = refused(&account(&data, &["remove", "bob"], ""));
    assert!(said.contains("--yes"), "{said}");
    assert_eq!(session(&server, &token), 200);
    let of_bob = data.join("store/accounts/bob");
    assert!(of_bob.is_dir(), "{}", of_bob.display());
    done(&account(&data, &["remove", "bob", "--yes"], ""));
    assert!(!of_bob.exists(), "no empty folders are left");
    assert_eq!(session(&server, &token), 401);
    assert_eq!(sign_in(&server, "bob", NEW).0, 401);
    let said = refused(&add(&data, "bob", OLD, &[]));
    assert!(said.contains("taken"), "{said}");

    for word in ["disable", "remove"] {
        let words = [word, "alice", "--yes"];
        let words = if word == "remove" {
            &words[..]
        } else {
            &words[..2]
        };
        let said = refused(&account(&data, words, ""));
        assert!(said.contains("only admin"), "{said}");
    }
    let said = refused(&account(&data, &["disable", "nobody"], ""));
    assert!(said.contains("no account \"nobody\""), "{said}");
}
