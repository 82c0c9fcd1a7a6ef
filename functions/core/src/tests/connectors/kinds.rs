//! What a connector may register, by its kind.

use serde_json::json;

use crate::testing::functions_with;

#[test]
fn a_connector_registers_only_what_it_was_made_for() {
    let f = functions_with(|config| {
        config.connectors.clear();
        config.network = None;
    });
    let admin = f.sign_up("alice");
    let network = json!({"name": "Home", "server": "irc.example.org", "host": "10.0.0.1", "port": 6667, "secure": false});
    let mail = json!({"domain": "mail.example.org", "sends": true});
    let claims = [
        (
            "gateway",
            "platforms",
            json!({"url": "https://irc.example.org", "platforms": ["irc"]}),
        ),
        ("ircd", "a network", json!({"network": network})),
        ("smtp", "mail", json!({"mail": mail})),
    ];
    for (kind, url) in [
        ("gateway", "https://irc.example.org"),
        ("ircd", "irc://10.0.0.1:6667"),
        ("smtp", "smtp://mail.example.org"),
    ] {
        let made = json!({"kind": kind, "url": url});
        let made = f.api("POST", "/api/connectors", &admin, made);
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        for (of, what, claim) in &claims {
            let before = f.dump();
            let key = protocol::connector_key(made["key"].as_str().unwrap()).unwrap();
            let id = made["id"].as_str().unwrap();
            let answer =
                f.signed_with(id, &key, ("POST", "/connector/register"), claim.to_string());
            if of == &kind {
                assert_eq!(answer.status, 204, "{kind} {what}: {answer:?}");
                continue;
            }
            assert_eq!(answer.status, 403, "{kind} {what}: {answer:?}");
            let expected = format!("only those of kind {of} register {what}");
            assert!(answer.detail().contains(&expected), "{answer:?}");
            assert_eq!(f.dump(), before, "{kind} {what}");
        }
    }
}
