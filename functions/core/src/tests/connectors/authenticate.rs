//! `POST /connector/authenticate`.

use super::*;

#[test]
fn the_irc_server_asks_who_somebody_is() {
    let s = setup();
    let ask = |name: &str, password: &str| {
        let body = json!({"name": name, "password": password});
        let reply = signed(&s.functions, "POST", "/connector/authenticate", &body);
        assert_eq!(reply.status, 200);
        reply.json()
    };
    let admin = json!({"account": "alice", "admin": true});
    assert_eq!(ask("Alice", PASSWORD), admin);
    let grant = s
        .functions
        .api(
            "POST",
            "/api/grants",
            &s.session,
            json!({"kind": "irc", "client": "irssi"}),
        )
        .json();
    let token = grant["token"].as_str().unwrap();
    let shown = json!({"account": "alice", "grant": grant["id"], "admin": true});
    assert_eq!(ask("alice", token), shown);
    s.functions.sign_up("bob");
    assert_eq!(ask("bob", PASSWORD), json!({"account": "bob"}));
    for (name, password) in [
        ("bob", token),
        ("alice", s.session.as_str()),
        ("alice", &s.token[7..]),
        ("nobody", PASSWORD),
        ("a b", "x"),
        ("alice", ""),
    ] {
        let reply = ask(name, password);
        assert_eq!(reply.get("account"), None, "{name}");
        assert!(!reply["reason"].as_str().unwrap().is_empty());
    }
    // Without an address many users share one, and only the account is slowed down.
    for _ in 0..60 {
        ask("alice", "wrong password");
    }
    assert!(
        ask("alice", PASSWORD)["reason"]
            .as_str()
            .unwrap()
            .contains("too many")
    );
    // Guessing does not lock out the account's own connector.
    assert_eq!(ask("alice", token)["account"], "alice");
}

#[test]
fn where_many_share_an_address_who_guesses_one_password_keeps_nobody_else_out() {
    let s = setup();
    s.functions.sign_up("bob");
    let ask = |name: &str, password: &str| {
        let body = json!({"name": name, "password": password});
        signed(&s.functions, "POST", "/connector/authenticate", &body).json()
    };
    for _ in 0..45 {
        assert_eq!(ask("alice", "wrong password")["account"], Value::Null);
    }
    assert_eq!(ask("bob", PASSWORD)["account"], "bob");
    assert_eq!(ask("alice", PASSWORD)["account"], "alice");
    // The account itself is slowed down, and the response says so.
    for _ in 0..10 {
        ask("alice", "wrong password");
    }
    let refused = ask("alice", PASSWORD);
    assert!(
        refused["reason"].as_str().unwrap().contains("too many"),
        "{refused}"
    );
    assert_eq!(ask("bob", PASSWORD)["account"], "bob");
}

#[test]
fn who_guesses_passwords_over_irc_slows_down_only_themselves() {
    let s = setup();
    let ask = |password: &str, address: &str| {
        let body = json!({"name": "alice", "password": password, "address": address});
        signed(&s.functions, "POST", "/connector/authenticate", &body).json()
    };
    for _ in 0..6 {
        assert_eq!(ask("wrong password", "192.0.2.7")["account"], Value::Null);
    }
    let refused = ask(PASSWORD, "192.0.2.7");
    assert!(
        refused["reason"].as_str().unwrap().contains("too many"),
        "{refused}"
    );
    assert_eq!(refused["wait"], 1, "{refused}");
    assert_eq!(ask(PASSWORD, "192.0.2.8")["account"], "alice");
}
