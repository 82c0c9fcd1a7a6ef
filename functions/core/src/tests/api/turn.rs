//! `GET /api/turn`.

use super::{NOTHING, sign_up};
use crate::kernel::config::TurnConfig;
use crate::testing::{SETUP, functions, functions_with};

#[test]
fn members_get_credentials_for_the_turn_server() {
    let functions = functions_with(|config| {
        let urls = vec!["turn:turn.example.org:3478?transport=udp".to_owned()];
        config.turn = Some(TurnConfig {
            urls,
            secret: b"shared".to_vec(),
        });
    });
    let session = sign_up(&functions, "alice", "setup", SETUP).json();
    let token = session["token"].as_str().unwrap();
    let turn = functions.api("GET", "/api/turn", token, NOTHING);
    assert_eq!(turn.status, 200, "{turn:?}");
    let turn = turn.json();
    // 2026-01-15T10:30:00Z, half an hour after now.
    assert_eq!(turn["username"], "1768473000:alice");
    assert_eq!(turn["ttl"], 1800);
    assert_eq!(turn["urls"][0], "turn:turn.example.org:3478?transport=udp");
    assert_eq!(turn["credential"].as_str().unwrap().len(), 28);
    assert_eq!(functions.request("GET", "/api/turn", &[], "").status, 401);
    assert_eq!(functions.request("POST", "/api/turn", &[], "").status, 405);
}

#[test]
fn an_installation_without_a_turn_server_says_so() {
    let functions = functions();
    let session = sign_up(&functions, "alice", "setup", SETUP).json();
    let reply = functions.api(
        "GET",
        "/api/turn",
        session["token"].as_str().unwrap(),
        NOTHING,
    );
    assert_eq!(reply.status, 503);
    assert!(reply.detail().contains("no TURN server"));
}
