//! Invites by mail, and how much mail strangers may get.

use super::*;

#[test]
fn an_invite_is_mailed_and_its_outcome_shown() {
    let s = setup();
    let invite = |body: Value| s.f.api("POST", "/api/invites", &s.alice, body);
    let made = invite(json!({"email": "Bob@B.example"}));
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let mails = s.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (&mails[0]["task"], &mails[0]["to"]),
        (&json!("mail"), &json!("Bob@b.example"))
    );
    let link = format!(
        "https://chat.example.org/#/invite/{}",
        made["token"].as_str().unwrap()
    );
    assert!(
        mails[0]["text"].as_str().unwrap().contains(&link),
        "{mails:?}"
    );
    s.outcome(&mails[0], "undeliverable", "no such user");
    let listed = s.f.api("GET", "/api/invites", &s.alice, NOTHING).json();
    assert_eq!(listed["mail"], true);
    assert_eq!(listed["invites"][0]["mail"], "undeliverable");
    assert_eq!(listed["invites"][0]["mail_problem"], "no such user");
    let again = invite(json!({"email": "bob@b.example"}));
    assert_eq!(again.status, 422);
    assert!(again.detail().contains("no such user"), "{again:?}");
    // Without an address everything is as before.
    for body in [
        NOTHING,
        json!({}),
        json!({"email": null}),
        json!({"email": " "}),
    ] {
        assert_eq!(invite(body).status, 201);
    }
    assert!(s.mails().is_empty());
    for bad in [
        "bob",
        "b@localhost",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example, c@d.example",
    ] {
        assert_eq!(invite(json!({"email": bad})).status, 422, "{bad}");
    }
}

#[test]
fn nobody_can_have_strangers_flooded() {
    let s = setup();
    let invite = |email: &str| {
        s.f.api("POST", "/api/invites", &s.alice, json!({"email": email}))
    };
    for _ in 0..3 {
        assert_eq!(invite("bob@b.example").status, 201);
    }
    let refused = invite("BOB@b.example");
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 80_000);
    for number in 0..16 {
        assert_eq!(
            invite(&format!("b{number}@b.example")).status,
            201,
            "{number}"
        );
    }
    assert_eq!(invite("other@b.example").status, 429);
    s.f.host().advance(24 * 60 * MINUTE);
    assert_eq!(invite("bob@b.example").status, 201);
    assert_eq!(s.mails().len(), 20);
}

#[test]
fn without_outgoing_mail_it_is_said_clearly() {
    let f = functions();
    let alice = f.sign_up("alice");
    let refused = f.api(
        "POST",
        "/api/invites",
        &alice,
        json!({"email": "bob@b.example"}),
    );
    assert_eq!(refused.status, 409);
    assert!(refused.detail().contains("sends no mail"), "{refused:?}");
    let refused = f.api(
        "PUT",
        "/api/notifications",
        &alice,
        json!({"email": "a@b.example"}),
    );
    assert_eq!(refused.status, 409);
    let shown = f.api("GET", "/api/notifications", &alice, NOTHING).json();
    assert_eq!(
        (&shown["available"], &shown["email"]),
        (&json!(false), &NOTHING)
    );
    assert_eq!(f.api("POST", "/api/invites", &alice, NOTHING).status, 201);
}
