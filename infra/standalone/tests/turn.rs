//! The built-in TURN server: what browsers are told, and coturn's client over UDP, TCP and TLS with exactly that.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::{Command, Stdio};

use common::server::subspace;
use common::{Space, certificate};
use serde_json::Value;

/// How long coturn's client may take, in seconds.
const PATIENCE: &str = "60";

#[test]
fn browsers_are_told_addresses_that_work() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = certificate(folder.path(), "turn.test");
    let space = Space::new(&[
        "--turn-relay-ip",
        "127.0.0.3",
        "--turn-tls-listen",
        "127.0.0.1:0",
        "--turn-tls-certificate",
        &certificate,
        "--turn-tls-key",
        &key,
    ]);
    let server = space.start();
    space.add("alice");
    let session = space.sign_in("alice");
    let (status, turn) = space.call("GET /api/turn", &session, &Value::Null);
    assert_eq!(status, 200, "{turn}");
    let text = |key: &str| turn[key].as_str().unwrap().to_owned();
    let (user, password) = (text("username"), text("credential"));
    let urls: Vec<&str> = turn["urls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|url| url.as_str().unwrap())
        .collect();
    let (plain, secure) = (server.line("turn").unwrap(), server.line("turns").unwrap());
    assert_eq!(
        urls,
        [
            format!("turn:{plain}?transport=udp"),
            format!("turn:{plain}?transport=tcp"),
            format!("turns:{secure}?transport=tcp"),
        ]
    );
    for (url, flags) in urls.iter().zip([&[][..], &["-t"], &["-t", "-S"]]) {
        let address = url.split_once(':').unwrap().1.split('?').next().unwrap();
        let (host, port) = address.rsplit_once(':').unwrap();
        let output = Command::new("timeout")
            .args([PATIENCE, "turnutils_uclient", "-u", &user, "-w", &password])
            .args(["-L", "127.0.0.2", "-p", port, "-X", "-c", "-y"])
            .args(["-n", "20", "-m", "4", "-l", "170", "-z", "10"])
            .args(flags)
            .arg(host)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let last = said
            .lines()
            .rfind(|line| line.contains("Total lost packets"));
        assert!(
            output.status.success() && last.is_some_and(|line| line.contains("packets 0 (")),
            "{url}: {said}"
        );
    }
    assert!(server.stop());
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = certificate(folder.path(), "turn.test");
    let data = folder.path().join("data");
    for (files, says) in [
        ([&key, &key], "turn-tls-certificate: "),
        ([&certificate, &certificate], "turn-tls-key: "),
    ] {
        let output = subspace(&data)
            .args([
                "serve",
                "--ircd-listen",
                "off",
                "--mail-listen",
                "off",
                "--data",
            ])
            .arg(&data)
            .args(["--listen", "127.0.0.1:0", "--turn-listen", "127.0.0.1:0"])
            .args(["--turn-tls-listen", "127.0.0.1:0"])
            .args([
                "--turn-tls-certificate",
                files[0],
                "--turn-tls-key",
                files[1],
            ])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(text.contains(says), "{text}");
    }
}
