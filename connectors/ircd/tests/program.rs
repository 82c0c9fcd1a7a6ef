//! What the program says when it cannot start: which key, and where its value comes from.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use settings::contract;

#[test]
fn what_is_found_wrong_later_is_said_with_its_place_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_subspace-ircd");
    for (settings, said, line) in [
        // No machine has this address (RFC 5737).
        (
            "listen = \"192.0.2.1:6667\"\n",
            "listen is 192.0.2.1:6667; that address cannot be used",
            1,
        ),
        (
            "listen = \"127.0.0.1:0\"\npublic-url = \"http://user:hunter2@irc.example.org\"\n",
            "public-url is ",
            2,
        ),
        ("\nname = \"nodot\"\n", "name is ", 2),
        ("[limits]\nnick = 3\n", "limits-nick is 3", 2),
    ] {
        contract::refuses(program, folder.path(), settings, said, line);
    }
}
