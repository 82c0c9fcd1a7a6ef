//! The binary from an operator's point of view: ready lines, commands next to the server, clear refusals, a clean stop.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::server::{Server, printed_token, subspace};

fn refused(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        text.trim_end().lines().count(),
        1,
        "more than one sentence: {text}"
    );
    text
}

fn add(data: &Path, name: &str, password: &str) -> Output {
    common::server::add(data, name, password, &[])
}

#[test]
fn commands_work_while_the_server_runs_and_it_stops_cleanly() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let server = Server::start(&data, &[]);
    assert!(server.line("irc").unwrap().starts_with("127.0.0.1:"));
    let set_up = format!("{}/#/setup/", server.origin());
    assert!(server.line("set-up").unwrap().starts_with(&set_up));
    assert_eq!(server.request("GET /healthz", "").0, 200);

    let added = add(&data, "alice", "correct horse");
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let token = printed_token(&data, "alice", "notes:rw", &[]);
    let token = format!("authorization: Bearer {token}");
    let put = format!("PUT /storage/alice/notes/a\n{token}\ncontent-type: text/plain");
    assert_eq!(server.request(&put, "hello").0, 201);
    let get = format!("GET /storage/alice/notes/a\n{token}");
    assert_eq!(server.request(&get, ""), (200, "hello".to_owned()));
    let other = format!("GET /storage/alice/photos/a\n{token}");
    assert_eq!(server.request(&other, "").0, 403);

    assert!(server.stop());
    let again = Server::start(&data, &[]);
    assert_eq!(again.request(&get, ""), (200, "hello".to_owned()));
}

#[test]
fn a_store_that_was_moved_away_is_not_replaced_by_an_empty_one() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let server = Server::start(&data, &[]);
    assert!(add(&data, "alice", "correct horse").status.success());
    let (store, away) = (data.join("store"), data.join("away"));
    let sign_in = || {
        let body = r#"{"name":"alice","password":"correct horse"}"#;
        server.request("POST /api/session", body).0
    };
    assert_eq!(sign_in(), 201);
    std::fs::rename(&store, &away).unwrap();
    let added = add(&data, "bob", "correct horse");
    let said = String::from_utf8_lossy(&added.stderr).into_owned();
    assert!(
        !added.status.success() && said.contains("there is no store in"),
        "{said}"
    );
    assert!(!store.exists());
    assert_eq!(sign_in(), 503);
    std::fs::rename(&away, &store).unwrap();
    assert_eq!(sign_in(), 201);
    assert!(server.stop());

    std::fs::rename(&store, &away).unwrap();
    let text = refused(subspace(&data).arg("serve").arg("--data").arg(&data).args([
        "--listen",
        "127.0.0.1:0",
        "--ircd-listen",
        "off",
        "--mail-listen",
        "off",
        "--turn-listen",
        "off",
    ]));
    assert!(text.contains("there is no store in"), "{text}");
    assert!(!store.exists());

    // Neither is another one taken for it.
    let other = temp.path().join("other");
    assert!(Server::start(&other, &[]).stop());
    std::fs::rename(other.join("store"), &store).unwrap();
    let added = add(&data, "bob", "correct horse");
    let said = String::from_utf8_lossy(&added.stderr).into_owned();
    assert!(
        !added.status.success() && said.contains("is not the store of this data folder"),
        "{said}"
    );
}

#[test]
fn bad_commands_are_refused_in_one_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    for (name, password, says) in [
        ("Alice", "correct horse", "cannot be an account name"),
        ("alice", "short", "10"),
    ] {
        let output = add(&data, name, password);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(says), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    }
    assert!(add(&data, "alice", "correct horse").status.success());
    let taken = add(&data, "alice", "correct horse");
    assert!(String::from_utf8(taken.stderr).unwrap().contains("alice"));
    let token = |name: &str, scope: &str| {
        refused(
            subspace(&data)
                .args(["token", name, "--scope", scope, "--data"])
                .arg(&data),
        )
    };
    assert!(token("bob", "*:rw").contains("bob"));
    assert!(token("alice", "everything").contains("is not a scope"));
}

#[test]
fn a_wrong_start_is_refused_in_one_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let serve = |flags: &[&str]| {
        refused(
            subspace(&data)
                .args(["serve", "--ircd-listen", "off", "--mail-listen", "off"])
                .args(if flags.contains(&"--turn-listen") {
                    &[][..]
                } else {
                    &["--turn-listen", "off"]
                })
                .arg("--data")
                .arg(&data)
                .args(flags),
        )
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = serve(&["--listen", &address]);
    assert!(
        text.contains(&address) && text.contains("in use") && text.contains("--listen"),
        "{text}"
    );
    let text = serve(&["--listen", "everywhere"]);
    assert!(
        text.contains("listen: found something else than an address") && text.contains("--listen"),
        "{text}"
    );
    let text = serve(&["--listen", "127.0.0.1:0", "--turn-listen", "3478"]);
    assert!(text.contains("turn-listen: found"), "{text}");
    let text = serve(&["--listen", "127.0.0.1:0", "--turn-listen", &address]);
    assert!(
        text.contains(&address) && text.contains("in use") && text.contains("--turn-listen off"),
        "{text}"
    );

    let running = Server::start(&data, &[]);
    let text = serve(&["--listen", "127.0.0.1:0"]);
    assert!(text.contains("another subspace serve"), "{text}");
    assert!(running.stop());

    std::fs::write(data.join("version"), "99\n").unwrap();
    let text = serve(&["--listen", "127.0.0.1:0"]);
    assert!(
        text.contains("format version 99") && text.contains("newer"),
        "{text}"
    );
}
