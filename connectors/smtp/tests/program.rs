//! What the program says when it cannot start: which key, and where its value comes from.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Starts the program with a file of settings; returns its one sentence.
fn refused(folder: &Path, settings: &str) -> String {
    let file = folder.join("settings.toml");
    std::fs::write(&file, settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_subspace-smtp-connector"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUBSPACE_")) {
        command.env_remove(name);
    }
    let output = command
        .current_dir(folder)
        .arg("--config")
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    let said = text.lines().last().unwrap_or_default();
    said.strip_prefix("subspace-smtp-connector: ")
        .unwrap()
        .to_owned()
}

#[test]
fn what_is_found_wrong_later_is_said_with_its_place_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for (settings, key, line) in [
        // No machine has this address (RFC 5737).
        (
            "functions-url = \"http://127.0.0.1:1\"\nconnector-key = \"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\"\nspool = \"spool\"\nmail-domain = \"example.org\"\nmail-listen = \"192.0.2.1:2525\"\n",
            "mail-listen is 192.0.2.1:2525; that address cannot be used",
            5,
        ),
        (
            "functions-url = \"http://127.0.0.1:1\"\nconnector-key = \"hunter2\"\nspool = \"spool\"\n",
            "connector-key",
            2,
        ),
    ] {
        let said = refused(folder.path(), settings);
        assert!(said.starts_with(key), "{said}");
        let place = format!("settings.toml, line {line})");
        assert!(said.ends_with(&place), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
