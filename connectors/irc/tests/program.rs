//! What the program says when it cannot start: which key, and where its value comes from.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use settings::contract;

#[test]
fn what_is_found_wrong_later_is_said_with_its_place_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_subspace-irc-connector");
    for (settings, said, line) in [
        // No machine has this address (RFC 5737).
        (
            "functions-url = \"http://127.0.0.1:1\"\nconnector-key = \"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\"\nlisten = \"192.0.2.1:6702\"\nspool = \"spool\"\n",
            "listen is 192.0.2.1:6702; that address cannot be used",
            3,
        ),
        (
            "\nfunctions-url = \"http://127.0.0.1:1\"\nconnector-key = \"hunter2\"\nspool = \"spool\"\n",
            "connector-key",
            3,
        ),
    ] {
        contract::refuses(program, folder.path(), settings, said, line);
    }
}
