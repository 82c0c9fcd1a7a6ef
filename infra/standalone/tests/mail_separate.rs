//! The mail connector as a separate process, with nothing but the command that the API shows to an admin.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use common::dkim::{record, signing_key};
use common::http::request;
use common::mail::{swaks, wait_for};
use common::server::{add, free_address};
use common::sink::Sink;
use common::{PASSWORD, Space};
use serde_json::{Value, json};

/// A process that is killed with the test, and its log.
struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program, built if it is missing.
fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_BIN_EXE_subspace"));
    let folder = own.parent().unwrap();
    let program = folder.join("subspace-smtp-connector");
    if !program.exists() {
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "-q",
                "--bins",
                "-p",
                "smtp-connector",
                "--target-dir",
            ])
            .arg(folder.parent().unwrap())
            .status()
            .unwrap();
        assert!(built.success());
    }
    program
}

/// Runs the command shown by the API, with further flags, until it is ready.
fn shown(view: &Value, folder: &Path, flags: &[&str]) -> Process {
    let text = view["command"].as_str().unwrap();
    let (variables, program_name) = text.rsplit_once(' ').unwrap();
    assert_eq!(program_name, "subspace-smtp-connector");
    let mut child = Command::new("sh")
        .args(["-c", &format!("export {variables}; exec \"$0\" \"$@\"")])
        .arg(program())
        .args(flags)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut errors, log) = (
        child.stderr.take().unwrap(),
        Arc::<Mutex<String>>::default(),
    );
    let into = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = errors.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            into.lock().unwrap().push_str(&text);
        }
    });
    let ready = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .any(|line| line.starts_with("ready smtp://"));
    let process = Process { child, log };
    assert!(ready, "{}", process.log.lock().unwrap());
    process
}

#[test]
fn it_takes_and_sends_mail_and_counts() {
    let temp = tempfile::tempdir().unwrap();
    let space = Space::new(&["--mail-listen", "off"]);
    let mut flags = space.flags();
    flags.push("--admin");
    let added = add(&space.data(), "alice", PASSWORD, &flags);
    assert!(added.status.success(), "{added:?}");
    let _server = space.start();
    let session = space.sign_in("alice");
    let invite = json!({"email": "bob@b.example"});
    // Without it there is no mail.
    let (status, refused) = space.call("POST /api/invites", &session, &invite);
    assert_eq!(status / 100, 4, "{refused}");

    let body = json!({"kind": "smtp", "url": "smtp://chat.example.org"});
    let (status, made) = space.call("POST /api/connectors", &session, &body);
    assert_eq!(status, 201, "{made}");
    let (at, smtp, metrics) = (free_address(), free_address(), free_address());
    let sink = Sink::start(&at, &[]);
    let key = signing_key(temp.path());
    let process = shown(
        &made,
        temp.path(),
        &[
            "--mail-listen",
            &smtp,
            "--mail-checks",
            "off",
            "--mail-out",
            &at,
            "--mail-out-tls",
            "off",
            "--mail-poll",
            "1",
            "--mail-dkim-key",
            key.to_str().unwrap(),
            "--metrics",
            &metrics,
        ],
    );
    // Once it is registered, mail can be sent.
    wait_for(|| {
        let (status, _) = space.call("POST /api/invites", &session, &invite);
        (status == 201).then_some(())
    });
    let mail = wait_for(|| sink.mails().pop());
    assert!(mail.from().ends_with("@chat.example.org"), "{}", mail.whole);
    assert!(
        mail.mail().starts_with("Received:") || mail.mail().starts_with("DKIM-Signature:"),
        "{}",
        mail.whole
    );
    assert!(mail.whole.contains("DKIM-Signature: v=1; a=rsa-sha256"));
    // The record that it logs contains the public half, in strings that fit.
    let log = process.log.lock().unwrap().clone();
    let line = log
        .lines()
        .find(|line| line.contains("its key must be in DNS"))
        .unwrap();
    let (name, rest) = line.split_once(". TXT ").unwrap();
    assert!(
        name.ends_with("subspace._domainkey.chat.example.org"),
        "{name}"
    );
    let pieces: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
    assert!(pieces.iter().all(|piece| piece.len() <= 255), "{pieces:?}");
    assert_eq!(pieces.concat(), record(&key));

    let sent = swaks(&smtp)
        .args(["--to", "postmaster@chat.example.org"])
        .output()
        .unwrap();
    assert!(sent.status.success(), "{sent:?}");
    let shows = |name: &str, value: u64| {
        wait_for(|| {
            let (status, text) = request(&metrics, "GET /metrics", "").unwrap();
            assert_eq!(status, 200, "{text}");
            let line = format!("subspace_smtp_{name} {value}");
            text.lines().any(|found| found == line).then_some(())
        });
    };
    shows("outgoing_sent_total", 1);
    shows("outgoing_waiting", 0);
    shows("outgoing_failed_total", 0);
    shows("incoming_waiting", 0);
    let (status, text) = request(&metrics, "GET /healthz", "").unwrap();
    assert_eq!((status, text.as_str()), (200, "ok"));
    let (status, _) = request(&metrics, "GET /elsewhere", "").unwrap();
    assert_eq!(status, 404);
}

#[test]
fn what_is_wrong_is_one_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let key = temp.path().join("key.pem");
    std::fs::write(&key, "no key").unwrap();
    for (flags, said) in [
        (
            vec!["--mail-out", "a b"],
            "subspace-smtp-connector: mail-out: found something else than off, direct",
        ),
        (
            vec!["--mail-out", "a:1", "--mail-out-tls", "ssl"],
            "subspace-smtp-connector: mail-out-tls: found \"ssl\"",
        ),
        (
            vec!["--mail-out", "a:1", "--mail-out-user", "u"],
            "subspace-smtp-connector: mail-out-user: there is no password",
        ),
        (
            vec!["--mail-out", "direct", "--mail-dkim-key", "/nowhere/key"],
            "subspace-smtp-connector: mail-dkim-key: cannot read /nowhere/key",
        ),
        (
            vec![
                "--mail-out",
                "direct",
                "--mail-dkim-key",
                key.to_str().unwrap(),
            ],
            "subspace-smtp-connector: mail-dkim-key: found no key that can sign",
        ),
        (
            vec!["--mail-out", "direct", "--mail-dkim-selector", "x"],
            "subspace-smtp-connector: mail-dkim-selector: there is no key",
        ),
        (
            vec!["--mail-out", "direct", "--mail-from", "nobody"],
            "subspace-smtp-connector: mail-from: found something else than an e-mail address",
        ),
    ] {
        let output = Command::new(program())
            .args([
                "--functions-url",
                "http://127.0.0.1:9",
                "--mail-domain",
                "chat.example.org",
            ])
            .args(["--mail-listen", "127.0.0.1:0", "--spool"])
            .arg(temp.path().join("spool"))
            .args(flags)
            .env("SUBSPACE_CONNECTOR_KEY", "07".repeat(32))
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.starts_with(said) && errors.lines().count() == 1,
            "{errors}"
        );
    }
}
