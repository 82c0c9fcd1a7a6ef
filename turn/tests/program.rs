//! What the program says when it cannot start: which key, and where its value comes from.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use settings::contract;

#[test]
fn what_is_found_wrong_later_is_said_with_its_place_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_subspace-turn");
    for (settings, said, line) in [
        // No machine has this address (RFC 5737).
        (
            "metrics = \"off\"\nsecret = \"a secret for the tests\"\nlisten = \"192.0.2.1:3478\"\nrelay-ip = \"127.0.0.3\"\n",
            "listen: ",
            3,
        ),
        ("secret = \"hunter2\"\n", "secret: ", 1),
    ] {
        contract::refuses(program, folder.path(), settings, said, line);
    }
}
