//! The mail connector.

use super::*;

#[test]
fn only_the_connector_that_sends_may_ask() {
    let f = functions();
    let alice = f.sign_up("alice");
    let s = Setup { f, alice };
    for (target, body) in [
        ("/connector/notifications", NOTHING),
        (
            "/connector/mail/outcome",
            json!({"id": "x", "account": "alice", "to": "a@b.example", "source": "invites/x", "result": "sent"}),
        ),
    ] {
        assert_eq!(s.signed("POST", target, &body).status, 403, "{target}");
    }
}

#[test]
fn a_mail_connector_that_registers_takes_and_sends() {
    let f = functions();
    let admin = f.sign_up("alice");
    let made = f
        .api(
            "POST",
            "/api/connectors",
            &admin,
            json!({"kind": "smtp", "url": "smtp://mail.example.org"}),
        )
        .json();
    let command = made["command"].as_str().unwrap();
    assert!(
        command.contains("SUBSPACE_MAIL_DOMAIN=mail.example.org")
            && command.ends_with(" subspace-smtp-connector"),
        "{command}"
    );
    assert_eq!(
        f.api("GET", "/api/addresses", &admin, NOTHING).json()["domain"],
        NOTHING
    );
    let key = protocol::connector_key(made["key"].as_str().unwrap()).unwrap();
    let body =
        json!({"version": "1", "mail": {"domain": "Mail.example.org", "sends": true}}).to_string();
    let asked = ("POST", "/connector/register");
    assert_eq!(f.signed_with("smtp", &key, asked, body).status, 204);
    assert_eq!(
        f.api("GET", "/api/addresses", &admin, NOTHING).json()["domain"],
        "mail.example.org"
    );
    assert_eq!(
        f.api("GET", "/api/notifications", &admin, NOTHING).json()["available"],
        true
    );
    assert_eq!(
        f.api(
            "POST",
            "/api/invites",
            &admin,
            json!({"email": "b@b.example"})
        )
        .status,
        201
    );
}

#[test]
fn the_postmaster_is_the_oldest_admin_or_who_is_chosen() {
    let s = setup();
    let find = || {
        let found = crate::testing::block_on(s.f.mail.find_address("Postmaster@chat.example.org"));
        found
            .unwrap()
            .map(|(account, address)| (account.to_string(), address.local, address.channel))
    };
    let is = |channel: &str| {
        Some((
            "alice".to_owned(),
            "postmaster".to_owned(),
            channel.to_owned(),
        ))
    };
    assert_eq!(find(), is("#lobby"));
    let bob = s.f.sign_up("bob");
    let body = |channel: &str, connection: &str| json!({"connection": connection, "channel": channel, "postmaster": true});
    let refused = s.f.api("POST", "/api/addresses", &bob, body("#lobby", "x"));
    assert_eq!(refused.status, 403);
    let made = s.f.api(
        "POST",
        "/api/addresses",
        &s.alice,
        body("#mail", &s.connection()),
    );
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(find(), is("#mail"));
    let target = format!("/api/addresses/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(s.f.api("DELETE", &target, &s.alice, NOTHING).status, 204);
    assert_eq!(find(), is("#lobby"));
}
