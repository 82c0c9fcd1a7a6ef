//! Sessions are named by the browser that signed in.

use serde_json::json;

use super::NOTHING;
use crate::testing::{PASSWORD, functions};

#[test]
fn sessions_are_told_apart() {
    let f = functions();
    f.sign_up("alice");
    let sign_in = |agent: &str| {
        let body = json!({"name": "alice", "password": PASSWORD}).to_string();
        let reply = f.request("POST", "/api/session", &[("user-agent", agent)], body);
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    };
    sign_in("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    let phone = sign_in(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1",
    );
    let listed = f.api("GET", "/api/grants", &phone, NOTHING).json();
    let sessions = listed["grants"].as_array().unwrap().iter();
    let mut sessions: Vec<(&str, bool)> = sessions
        .filter(|grant| grant["kind"] == "session")
        .map(|grant| {
            (
                grant["client"].as_str().unwrap(),
                grant["current"].as_bool().unwrap(),
            )
        })
        .collect();
    sessions.sort_unstable();
    assert_eq!(
        sessions,
        [
            ("Firefox on Linux", false),
            ("Safari on iPhone", true),
            // `sign_up` does not say what it is.
            ("browser", false),
        ]
    );

    // Who signs up is signed in, too.
    let invite = f.api("POST", "/api/invites", &phone, NOTHING).json();
    let body = json!({"name": "bob", "password": PASSWORD, "invite": invite["token"]});
    let agent = (
        "user-agent",
        "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Firefox/140.0",
    );
    let made = f.request("POST", "/api/accounts", &[agent], body.to_string());
    assert_eq!(made.status, 201, "{made:?}");
    let bob = made.json()["token"].as_str().unwrap().to_owned();
    let listed = f.api("GET", "/api/grants", &bob, NOTHING).json();
    let grants = listed["grants"].as_array().unwrap();
    let own = grants.iter().find(|grant| grant["current"] == true);
    assert_eq!(own.unwrap()["client"], "Firefox on Android");
}
