//! The program with the variables common to all hosts.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use functions_suite::client;
use serde_json::{Value, json};
use storage_adapter::{BodyError, ObjectStore, PutMode};
use storage_fs::FsStore;

/// The program in a separate folder, with only these variables.
fn program(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subspace-functions"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUBSPACE_")) {
        command.env_remove(name);
    }
    command
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const KEY: (&str, &str) = (
    "SUBSPACE_MASTER_KEY",
    "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
);

#[tokio::test]
async fn variables_and_files_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("turn");
    std::fs::write(&secret, "a secret of this test\n").unwrap();
    let mut command = program(
        folder.path(),
        &[
            KEY,
            ("SUBSPACE_NAME", "Home"),
            ("SUBSPACE_SETUP_TOKEN", "the-set-up-token"),
            ("SUBSPACE_TURN_URLS", "turn:turn.example.org:3478"),
            ("SUBSPACE_TURN_SECRET_FILE", secret.to_str().unwrap()),
            (
                "SUBSPACE_MAIL",
                r#"{"domain":"chat.example.org","connector":"smtp"}"#,
            ),
        ],
    );
    let mut running = Running(command.spawn().unwrap());
    let mut ready = String::new();
    let mut lines = BufReader::new(running.0.stdout.take().unwrap());
    lines.read_line(&mut ready).unwrap();
    let origin = ready.trim().strip_prefix("ready ").unwrap();
    let get = |path: &str, token: &str| {
        let request = client().get(format!("{origin}{path}")).bearer_auth(token);
        async { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    assert_eq!(get("/api", "").await["name"], "Home");
    let account =
        json!({"name": "alice", "password": "correct horse", "setup": "the-set-up-token"});
    let made = client()
        .post(format!("{origin}/api/accounts"))
        .json(&account);
    let made: Value = made.send().await.unwrap().json().await.unwrap();
    let token = made["token"].as_str().unwrap();
    let turn = get("/api/turn", token).await;
    assert_eq!(turn["urls"], json!(["turn:turn.example.org:3478"]));
    let mail = get("/api/addresses", token).await;
    assert_eq!(mail["domain"], "chat.example.org");
}

#[tokio::test]
async fn what_an_operator_has_to_know_is_said_without_being_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(folder.path(), &[KEY]);
    command.env_remove("RUST_LOG");
    let mut running = Running(command.spawn().unwrap());
    let mut ready = String::new();
    let mut lines = BufReader::new(running.0.stdout.take().unwrap());
    lines.read_line(&mut ready).unwrap();
    let origin = ready.trim().strip_prefix("ready ").unwrap();
    let store = FsStore::open(folder.path().join("data")).unwrap();
    let half = Ok::<_, BodyError>(Bytes::from_static(b"{"));
    let body = futures_util::stream::iter([half]);
    let key = "accounts/alice/account.json";
    let mode = PutMode::Overwrite;
    store.put(key, Box::pin(body), mode).await.unwrap();
    let asked = json!({"name": "alice", "password": "correct horse"});
    let request = client().post(format!("{origin}/api/session")).json(&asked);
    assert_eq!(request.send().await.unwrap().status(), 500);
    let mut said = String::new();
    let mut output = BufReader::new(running.0.stderr.take().unwrap());
    output.read_line(&mut said).unwrap();
    assert!(said.contains(key) && said.contains("damaged"), "{said}");
}

#[test]
fn what_is_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (variables, said) in [
        (&[][..], "SUBSPACE_MASTER_KEY is not set"),
        (
            &[KEY, ("SUBSPACE_NETWORK", "{}")],
            "SUBSPACE_NETWORK is not what it must be",
        ),
        (
            &[KEY, ("SUBSPACE_TURN_URLS", "turn:a:1")],
            "SUBSPACE_TURN_SECRET is not what it must be",
        ),
        (
            &[KEY, ("SUBSPACE_CONNECTORS_FILE", "/nowhere/connectors")],
            "connectors-file: cannot read the file that it names",
        ),
    ] {
        let mut running = Running(program(folder.path(), variables).spawn().unwrap());
        let mut errors = String::new();
        let mut output = running.0.stderr.take().unwrap();
        output.read_to_string(&mut errors).unwrap();
        assert!(!running.0.wait().unwrap().success());
        assert!(errors.contains(said), "{errors}");
        assert!(errors.starts_with("subspace-functions: "), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

/// Also what is found wrong after the options were read, and without a secret.
#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_subspace-functions");
    std::fs::write(folder.path().join("occupied"), "").unwrap();
    let key = KEY.1;
    for (settings, said, line) in [
        // No machine has this address (RFC 5737).
        (
            format!("master-key = \"{key}\"\nlisten = \"192.0.2.1:6701\"\n"),
            "listen is 192.0.2.1:6701; that address cannot be used",
            2,
        ),
        (
            format!("master-key = \"{key}\"\n\ndata = \"occupied\"\n"),
            "data is occupied; that folder cannot be used",
            3,
        ),
        (
            "\n\n\nmaster-key = \"hunter2\"\n".to_owned(),
            "master-key",
            4,
        ),
    ] {
        let mut settings = settings;
        if !settings.contains("listen") {
            settings.push_str("listen = \"127.0.0.1:0\"\n");
        }
        settings::contract::refuses(program, folder.path(), &settings, said, line);
    }
}
