//! What connectors are told about ended sessions.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use protocol::{CallTicket, Ticket};
use serde_json::{Value, json};

use super::signed;
use crate::testing::{KEY, TestFunctions, functions};

/// Records the addresses of wake requests to connectors from now on, without their host.
fn knocks(f: &TestFunctions) -> Arc<Mutex<Vec<String>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    *f.host().network.lock().unwrap() = Some(Box::new(move |request| {
        told.lock()
            .unwrap()
            .push(request.uri().path_and_query().unwrap().to_string());
        Ok(http::Response::builder()
            .status(204)
            .body(Bytes::new())
            .unwrap())
    }));
    heard
}

fn version(f: &TestFunctions) -> Value {
    let reply = signed(f, "GET", "/connector/sessions", &Value::Null);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["version"].clone()
}

fn ask(f: &TestFunctions, query: &Value) -> Value {
    let reply = signed(f, "POST", "/connector/sessions", query);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// The session's grant, as in its ticket.
fn ticket(f: &TestFunctions, session: &str) -> Ticket {
    let reply = f.api("POST", "/api/tickets", session, Value::Null);
    let ticket = reply.json()["connectors"][0]["ticket"].clone();
    Ticket::verify(ticket.as_str().unwrap(), KEY, "irc-1", f.kernel.now()).unwrap()
}

#[test]
fn whoever_signs_out_is_over_and_nobody_else() {
    let f = functions();
    let alice = f.sign_up("alice");
    let bob = f.sign_up("bob");
    let session = |name: &str, token: &str| {
        let grant = ticket(&f, token).grant.unwrap();
        json!({"account": name, "grant": grant, "since": f.kernel.now()})
    };
    let (hers, his) = (session("alice", &alice), session("bob", &bob));
    let unknown = json!({"account": "nobody", "since": f.kernel.now()});
    let query = json!({"sessions": [hers, his, unknown]});
    let before = version(&f);
    let answer = ask(&f, &query);
    assert_eq!(answer["ended"], json!([unknown]));
    assert_eq!(answer["version"], before);

    let heard = knocks(&f);
    assert_eq!(
        f.api("DELETE", "/api/session", &alice, Value::Null).status,
        204
    );
    assert_eq!(*heard.lock().unwrap(), ["/sockethub/wake?account=alice"]);
    assert_ne!(version(&f), before);
    assert_eq!(ask(&f, &query)["ended"], json!([hers, unknown]));
    // Sessions also expire.
    f.host().advance(crate::identity::grants::SESSION_MS);
    assert_eq!(ask(&f, &query)["ended"], json!([hers, his, unknown]));
}

#[test]
fn a_revoked_grant_is_over() {
    let f = functions();
    let alice = f.sign_up("alice");
    let made = f.api(
        "POST",
        "/api/grants",
        &alice,
        json!({"kind": "irc", "client": "irssi"}),
    );
    let (id, token) = (made.json()["id"].clone(), made.json()["token"].clone());
    let shown = json!({"name": "alice", "password": token});
    let answer = signed(&f, "POST", "/connector/authenticate", &shown).json();
    assert_eq!(answer["grant"], id);
    let query = json!({"sessions": [{"account": "alice", "grant": id, "since": f.kernel.now()}]});
    assert_eq!(ask(&f, &query)["ended"], Value::Null);
    let path = format!("/api/grants/{}", id.as_str().unwrap());
    let before = version(&f);
    assert_eq!(f.api("DELETE", &path, &alice, Value::Null).status, 204);
    assert_ne!(version(&f), before);
    assert_eq!(ask(&f, &query)["ended"], query["sessions"]);
}

#[test]
fn to_revoke_the_token_of_ones_own_space_is_to_change_it() {
    let f = functions();
    let alice = f.sign_up("alice");
    let managed = || {
        let grants = f.api("GET", "/api/grants", &alice, Value::Null).json();
        let mut grants = grants["grants"].as_array().unwrap().clone();
        grants.retain(|grant| grant["managed"] == true);
        assert_eq!(grants.len(), 1, "{grants:?}");
        grants[0]["id"].as_str().unwrap().to_owned()
    };
    let assigned = || {
        let target = "/connector/assignments?account=alice";
        let all = signed(&f, "GET", target, &Value::Null).json();
        all["assignments"][0]["connection"]["password"].clone()
    };
    let proved = |password: &Value| {
        let shown = json!({"name": "alice", "password": password});
        signed(&f, "POST", "/connector/authenticate", &shown).json()["grant"].clone()
    };
    let (id, before) = (managed(), assigned());
    assert_eq!(proved(&before), id.as_str());
    let heard = knocks(&f);
    let path = format!("/api/grants/{id}");
    assert_eq!(f.api("DELETE", &path, &alice, Value::Null).status, 204);
    // The connector of the connection fetches its new state.
    assert_eq!(*heard.lock().unwrap(), ["/sockethub/wake?account=alice"]);
    // Also when the connections of all accounts are requested.
    let all = signed(&f, "GET", "/connector/assignments", &Value::Null).json();
    let live = &all["assignments"][0]["connection"]["password"];
    assert_eq!(proved(live), managed().as_str());
    let after = assigned();
    assert_eq!(&after, live);
    assert_eq!(proved(&before), Value::Null);
    assert_eq!(proved(&after), managed().as_str());
    assert_eq!(assigned(), after);
}

#[test]
fn where_there_is_no_room_for_another_token_the_old_one_makes_it() {
    let f = functions();
    let alice = f.sign_up("alice");
    let grants = || {
        let grants = f.api("GET", "/api/grants", &alice, Value::Null).json();
        grants["grants"].as_array().unwrap().clone()
    };
    let more = || {
        let body = json!({"kind": "irc", "client": "irssi"});
        f.api("POST", "/api/grants", &alice, body).status
    };
    while more() == 201 {}
    let own = grants()
        .into_iter()
        .find(|grant| grant["managed"] == true)
        .unwrap();
    let path = format!("/api/grants/{}", own["id"].as_str().unwrap());
    assert_eq!(f.api("DELETE", &path, &alice, Value::Null).status, 204);
    let after = grants();
    let managed: Vec<_> = after
        .iter()
        .filter(|grant| grant["managed"] == true)
        .collect();
    assert_eq!(managed.len(), 1);
    assert_ne!(managed[0]["id"], own["id"]);
    assert_eq!(more(), 409, "{}", after.len());
}

#[test]
fn questions_are_bounded() {
    let f = functions();
    let many = vec!["c1"; protocol::MAX_SESSIONS_ASKED + 1];
    let reply = signed(&f, "POST", "/connector/sessions", &json!({"calls": many}));
    assert_eq!(reply.status, 422);
}

#[test]
fn a_call_that_is_ended_is_over_for_all() {
    let f = functions();
    let alice = f.sign_up("alice");
    let bob = f.sign_up("bob");
    let call = f
        .api("POST", "/api/calls", &alice, json!({"guests": true}))
        .json();
    let path = format!("/api/calls/{}", call["token"].as_str().unwrap());
    let admitted = |token: &str| {
        let reply = f.api("POST", &path, token, json!({}));
        let text = reply.json()["ticket"].as_str().unwrap().to_owned();
        CallTicket::verify(&text, KEY, "irc-1", f.kernel.now()).unwrap()
    };
    let (hers, his) = (admitted(&alice), admitted(&bob));
    assert!(hers.moderator && !his.moderator);
    assert_eq!(his.account.as_ref().unwrap().as_str(), "bob");
    assert_eq!(his.grant, ticket(&f, &bob).grant);
    let query = json!({"calls": [his.call]});
    assert_eq!(ask(&f, &query)["ended_calls"], Value::Null);
    let heard = knocks(&f);
    let before = version(&f);
    assert_eq!(f.api("DELETE", &path, &alice, Value::Null).status, 204);
    let knock = format!("/sockethub/wake?call={}", his.call);
    assert_eq!(*heard.lock().unwrap(), [knock]);
    assert_ne!(version(&f), before);
    assert_eq!(ask(&f, &query)["ended_calls"], query["calls"]);
}

#[test]
fn who_keeps_a_connection_is_told_of_every_change() {
    let f = functions();
    let alice = f.sign_up("alice");
    let heard = knocks(&f);
    let new = json!({"platform": "irc", "host": "irc.example.org"});
    let made = f.api("POST", "/api/connections", &alice, new);
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/api/connections/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(
        f.api("PATCH", &path, &alice, json!({"enabled": false}))
            .status,
        200
    );
    assert_eq!(f.api("DELETE", &path, &alice, Value::Null).status, 204);
    assert_eq!(*heard.lock().unwrap(), ["/sockethub/wake?account=alice"; 3]);
}
