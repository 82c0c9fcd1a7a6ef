//! `/api` over HTTP.

mod bounds;
mod connections;
mod devices;
mod turn;
mod with_session;

use serde_json::{Value, json};

use crate::testing::{PASSWORD, Reply, SETUP, TestFunctions, block_on, functions};

const NOTHING: Value = Value::Null;

fn post(functions: &TestFunctions, target: &str, body: &Value) -> Reply {
    functions.request("POST", target, &[], body.to_string())
}

fn sign_up(functions: &TestFunctions, name: &str, key: &str, value: &str) -> Reply {
    let body = json!({"name": name, "password": PASSWORD, key: value});
    post(functions, "/api/accounts", &body)
}

fn invite(functions: &TestFunctions, session: &str) -> String {
    let invite = functions.api("POST", "/api/invites", session, NOTHING);
    assert_eq!(invite.status, 201);
    invite.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn the_first_account_takes_the_set_up_token_once() {
    let functions = functions();
    let about = functions.request("GET", "/api", &[], "").json();
    assert_eq!(
        (&about["needs_setup"], &about["name"]),
        (&true.into(), &"Subspace".into())
    );
    assert_eq!(about["storage"], "https://chat.example.org");
    let wrong = sign_up(&functions, "alice", "setup", "wrong");
    assert_eq!(wrong.status, 403);
    assert!(wrong.detail().contains("set-up token is wrong"));
    let made = sign_up(&functions, "alice", "setup", SETUP);
    assert_eq!(made.status, 201, "{made:?}");
    let session = made.json();
    assert_eq!(
        (&session["account"], &session["admin"]),
        (&"alice".into(), &true.into())
    );
    assert_eq!(session["user_address"], "alice@chat.example.org");
    assert_eq!(session["storage"], "https://chat.example.org/storage/alice");
    assert_eq!(session["expires"], "2026-04-15T10:00:00.000Z");
    let token = session["token"].as_str().unwrap();
    let read = functions.api("GET", "/api/session", token, NOTHING).json();
    assert_eq!(
        (&read["account"], &read["token"]),
        (&"alice".into(), &Value::Null)
    );
    assert_eq!(
        functions.request("GET", "/api", &[], "").json()["needs_setup"],
        false
    );
    for name in ["alice", "mallory"] {
        assert_eq!(
            sign_up(&functions, name, "setup", SETUP).status,
            403,
            "{name}"
        );
    }
    assert_eq!(
        post(
            &functions,
            "/api/accounts",
            &json!({"name": "eve", "password": PASSWORD})
        )
        .status,
        403
    );
}

#[test]
fn a_set_up_that_broke_off_can_be_repeated() {
    let functions = functions();
    // The process died after the claim.
    block_on(functions.identity.claim_setup(&"alice".parse().unwrap())).unwrap();
    assert!(block_on(functions.identity.needs_setup()).unwrap());
    assert_eq!(sign_up(&functions, "bob", "setup", SETUP).status, 503);
    functions.host().advance(60_000);
    assert_eq!(sign_up(&functions, "bob", "setup", SETUP).status, 201);
    assert_eq!(sign_up(&functions, "alice", "setup", SETUP).status, 403);
}

#[test]
fn names_and_passwords_that_will_not_do() {
    let functions = functions();
    for (name, password, part) in [
        ("Alice", PASSWORD, "cannot be an account name"),
        ("a\0", PASSWORD, "cannot be an account name"),
        ("../x", PASSWORD, "cannot be an account name"),
        ("invite", PASSWORD, "reserved"),
        ("call", PASSWORD, "reserved"),
        ("alice", "short", "at least 10 characters"),
        (
            "alice-long-name",
            "alice-long-name",
            "is the account's name",
        ),
        ("alice", &"x".repeat(2000), "at most 1024 bytes"),
    ] {
        let body = json!({"name": name, "password": password, "setup": SETUP});
        let reply = post(&functions, "/api/accounts", &body);
        assert_eq!(reply.status, 422, "{name:?}");
        assert!(reply.detail().contains(part), "{}", reply.detail());
    }
    assert_eq!(
        functions.request("POST", "/api/accounts", &[], "{").status,
        400
    );
    assert_eq!(
        post(&functions, "/api/accounts", &json!({"name": 1})).status,
        422
    );
    let large = functions.request("POST", "/api/accounts", &[], "x".repeat(70_000));
    assert_eq!(large.status, 413);
    assert!(block_on(functions.identity.needs_setup()).unwrap());
}

#[test]
fn an_invite_makes_one_account() {
    let functions = functions();
    let alice = functions.sign_up("alice");
    let token = invite(&functions, &alice);
    let shown = functions.request("GET", &format!("/api/invites/{token}"), &[], "");
    assert_eq!(
        shown.json(),
        json!({"inviter": "alice", "expires": "2026-01-22T10:00:00.000Z"})
    );
    // A taken name does not use up the invite.
    let taken = sign_up(&functions, "alice", "invite", &token);
    assert_eq!(taken.status, 409);
    let made = sign_up(&functions, "bob", "invite", &token);
    assert_eq!(
        (made.status.as_u16(), &made.json()["admin"]),
        (201, &false.into())
    );
    assert_eq!(sign_up(&functions, "carol", "invite", &token).status, 403);
    assert_eq!(sign_up(&functions, "bob", "invite", &token).status, 409);
    assert_eq!(
        functions
            .request("GET", &format!("/api/invites/{token}"), &[], "")
            .status,
        404
    );
    let bob = made.json()["token"].as_str().unwrap().to_owned();
    let all = functions.api("GET", "/api/invites", &alice, NOTHING).json();
    assert_eq!(all["invites"][0]["used_by"], "bob");
    assert!(all["invites"][0].get("token").is_none());
    assert_eq!(
        functions.api("GET", "/api/invites", &bob, NOTHING).json()["invites"],
        json!([])
    );

    let late = invite(&functions, &bob);
    functions.host().advance(7 * 24 * 60 * 60 * 1000);
    let expired = sign_up(&functions, "carol", "invite", &late);
    assert_eq!(expired.status, 403);
    assert!(expired.detail().contains("invalid"));
    for bad in [
        "x",
        "invite.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &alice,
    ] {
        assert_eq!(
            sign_up(&functions, "carol", "invite", bad).status,
            403,
            "{bad}"
        );
    }
}

#[test]
fn an_invite_can_be_taken_back_by_its_maker() {
    let functions = functions();
    functions.sign_up("alice");
    functions.sign_up("carol");
    let bob = functions.sign_up("bob");
    let carol = functions.sign_in("carol");
    let token = invite(&functions, &bob);
    let id = token.split('.').nth(1).unwrap();
    let path = format!("/api/invites/{id}");
    assert_eq!(functions.api("DELETE", &path, &carol, NOTHING).status, 404);
    assert_eq!(functions.api("DELETE", &path, &bob, NOTHING).status, 204);
    assert_eq!(functions.api("DELETE", &path, &bob, NOTHING).status, 404);
    assert_eq!(sign_up(&functions, "dave", "invite", &token).status, 403);
}

#[test]
fn wrong_passwords_are_refused_and_slowed_down() {
    let functions = functions();
    functions.sign_up("alice");
    let wrong = |name: &str| {
        post(
            &functions,
            "/api/session",
            &json!({"name": name, "password": "wrong password"}),
        )
    };
    let known = wrong("alice");
    let unknown = wrong("nobody");
    assert_eq!((known.status.as_u16(), unknown.status.as_u16()), (401, 401));
    assert_eq!(known.detail(), unknown.detail());
    for _ in 0..4 {
        assert_eq!(wrong("alice").status, 401);
    }
    let slowed = wrong("alice");
    assert_eq!(
        (slowed.status.as_u16(), slowed.header("retry-after")),
        (429, "1")
    );
    // The right password has to wait as well; otherwise guessing would not be slowed down.
    let right = post(
        &functions,
        "/api/session",
        &json!({"name": "alice", "password": PASSWORD}),
    );
    assert_eq!(right.status, 429);
    functions.host().advance(1_000);
    let token = functions.sign_in("Alice".to_lowercase().as_str());
    assert_eq!(
        functions.api("GET", "/api/session", &token, NOTHING).status,
        200
    );
    assert!(!functions.dump().contains(PASSWORD));
    assert!(!functions.dump().contains(token.rsplit('.').next().unwrap()));
}

#[test]
fn sessions_end() {
    let functions = functions();
    let first = functions.sign_up("alice");
    let second = functions.sign_in("alice");
    assert_eq!(
        functions
            .api("DELETE", "/api/session", &first, NOTHING)
            .status,
        204
    );
    assert_eq!(
        functions.api("GET", "/api/session", &first, NOTHING).status,
        401
    );
    assert_eq!(
        functions
            .api("GET", "/api/session", &second, NOTHING)
            .status,
        200
    );
    functions.host().advance(90 * 24 * 60 * 60 * 1000);
    assert_eq!(
        functions
            .api("GET", "/api/session", &second, NOTHING)
            .status,
        401
    );
    assert_eq!(
        functions.request("GET", "/api/session", &[], "").status,
        401
    );
    let app = functions.grant("alice", "*:rw");
    assert_eq!(
        functions.api("GET", "/api/session", &app, NOTHING).status,
        403
    );
}

#[test]
fn grants_are_made_listed_and_revoked() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let wanted = json!({"kind": "app", "client": "backup", "scopes": "notes:r *:r"});
    let made = functions.api("POST", "/api/grants", &session, wanted);
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(
        (&made["scopes"], &made["current"]),
        (&"*:r notes:r".into(), &false.into())
    );
    let listed = functions
        .api("GET", "/api/grants", &session, NOTHING)
        .json();
    let grants = listed["grants"].as_array().unwrap();
    let kinds: Vec<_> = grants
        .iter()
        .map(|grant| grant["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "session").count(), 1);
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "irc").count(),
        1,
        "of the private network"
    );
    assert!(
        grants
            .iter()
            .all(|grant| grant.get("token").is_none() && grant.get("secret_hash").is_none())
    );
    assert_eq!(
        grants
            .iter()
            .filter(|grant| grant["current"] == true)
            .count(),
        1
    );
    let path = format!("/api/grants/{}", made["id"].as_str().unwrap());
    functions.sign_up("bob");
    let bob = functions.sign_in("bob");
    assert_eq!(functions.api("DELETE", &path, &bob, NOTHING).status, 404);
    assert_eq!(
        functions.api("DELETE", &path, &session, NOTHING).status,
        204
    );
    assert_eq!(
        functions.api("DELETE", &path, &session, NOTHING).status,
        404
    );
    for bad in [
        json!({"kind": "app", "client": "x"}),
        json!({"kind": "irc", "client": "x", "scopes": "*:rw"}),
        json!({"kind": "session", "client": "x"}),
        json!({"kind": "app", "client": "", "scopes": "*:rw"}),
        json!({"kind": "app", "client": "x", "scopes": "public:rw"}),
    ] {
        assert_eq!(
            functions
                .api("POST", "/api/grants", &session, bad.clone())
                .status,
            422,
            "{bad}"
        );
    }
}

#[test]
fn grants_are_bounded() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let wanted = json!({"kind": "irc", "client": "x"});
    let mut last = 201;
    for _ in 0..crate::identity::grants::MAX_GRANTS {
        last = functions
            .api("POST", "/api/grants", &session, wanted.clone())
            .status
            .as_u16();
    }
    assert_eq!(last, 409);
    // Signing in still works, and removes the oldest session.
    functions.host().advance(1);
    let new = functions.sign_in("alice");
    assert_eq!(
        functions.api("GET", "/api/session", &new, NOTHING).status,
        200
    );
    assert_eq!(
        functions
            .api("GET", "/api/session", &session, NOTHING)
            .status,
        401
    );
}

#[test]
fn addresses_and_methods_that_there_are_not() {
    let functions = functions();
    for path in [
        "/api/nothing",
        "/api/session/x/y",
        "/api/connections/a/b",
        "/",
        "/connector/x",
    ] {
        assert_eq!(
            functions.request("GET", path, &[], "").status,
            404,
            "{path}"
        );
    }
    for (method, path) in [
        ("PUT", "/api"),
        ("GET", "/api/accounts"),
        ("PUT", "/api/session"),
        ("PUT", "/api/grants"),
        ("GET", "/api/grants/x"),
        ("POST", "/api/connections/x"),
        ("GET", "/api/tickets"),
        ("POST", "/healthz"),
        ("GET", "/oauth/token"),
        ("POST", "/.well-known/webfinger"),
    ] {
        let reply = functions.request(method, path, &[], "");
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(!reply.header("allow").is_empty());
    }
    assert_eq!(functions.request("GET", "/healthz", &[], "").text(), "ok");
}
