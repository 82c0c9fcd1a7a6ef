//! Changed passwords, closed accounts, and what ends with them.

use futures_util::future::join;
use http::Request;
use http_body_util::Full;
use protocol::{AccountName, CallTicket, GrantKind};
use serde_json::{Value, json};
use storage_adapter::ObjectStore as _;
use storage_adapter::memory::Faults;

use crate::identity::closed::ChangeAccountError;
use crate::kernel::config::MailService;
use crate::kernel::guard::ClientAddress;
use crate::kernel::keys;
use crate::kernel::password::PasswordCost;
use crate::kernel::records::Grant;
use crate::testing::{KEY, ORIGIN, PASSWORD, TestFunctions, block_on, functions_with, wait};

/// Two accounts, of which alice is an admin, with everything an account can have.
struct Setup {
    f: TestFunctions,
    alice: String,
    bob: String,
}

fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

fn setup() -> Setup {
    let f = functions_with(|config| {
        config.mail = Some(MailService {
            domain: "chat.example.org".to_owned(),
            connector: "smtp-1".to_owned(),
            sends: true,
        });
    });
    let alice = f.sign_up("alice");
    let bob = f.sign_up("bob");
    Setup { f, alice, bob }
}

impl Setup {
    fn sign_in(&self, name: &str, password: &str) -> u16 {
        let body = json!({"name": name, "password": password}).to_string();
        let reply = self.f.request("POST", "/api/session", &[], body);
        reply.status.as_u16()
    }

    fn session(&self, token: &str) -> u16 {
        let reply = self.f.api("GET", "/api/session", token, Value::Null);
        reply.status.as_u16()
    }

    fn api(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let reply = self.f.api(method, path, token, body);
        assert!(reply.status.is_success(), "{method} {path}: {reply:?}");
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }

    /// A token that the web client requests for itself, as for the storage.
    fn own_token(&self, session: &str) -> String {
        let wanted = json!({
            "kind": "app", "client": ORIGIN, "scopes": "chat-messages:r", "with_session": true,
        });
        let made = self.api("POST", "/api/grants", session, wanted);
        made["token"].as_str().unwrap().to_owned()
    }

    /// The status of a request for bob's history.
    fn history(&self, token: &str) -> u16 {
        let path = "/storage/bob/chat-messages/";
        let reply = self.f.api("GET", path, token, Value::Null);
        reply.status.as_u16()
    }

    /// Whether the IRC server accepts a user.
    fn irc(&self, name: &str, password: &str) -> Value {
        let body = json!({"name": name, "password": password}).to_string();
        let reply = self
            .f
            .signed("ircd-1", "POST", "/connector/authenticate", body);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    fn assigned(&self, name: &str) -> usize {
        let path = format!("/connector/assignments?account={name}");
        let reply = self.f.signed("irc-1", "GET", &path, "").json();
        reply["assignments"].as_array().unwrap().len()
    }

    fn ended(&self, sessions: &Value) -> usize {
        let body = json!({"sessions": sessions}).to_string();
        let reply = self.f.signed("ircd-1", "POST", "/connector/sessions", body);
        let ended = reply.json()["ended"].as_array().map(Vec::len);
        ended.unwrap_or_default()
    }

    fn takes_mail(&self, address: &str) -> bool {
        let path = format!(
            "/connector/addresses?address={}",
            address.replace('@', "%40")
        );
        self.f.signed("smtp-1", "GET", &path, "").json()["known"] == true
    }
}

#[test]
fn another_password_ends_all_other_sessions() {
    let s = setup();
    let new = "another good password";
    let (elsewhere, app) = (s.f.sign_in("bob"), s.f.grant("bob", "notes:rw"));
    let (own, theirs) = (s.own_token(&s.bob), s.own_token(&elsewhere));
    assert_eq!((s.history(&own), s.history(&theirs)), (200, 200));
    let put = |old: &str, new: &str| {
        let body = json!({"old": old, "new": new});
        let reply = s.f.api("PUT", "/api/password", &s.bob, body);
        reply.status.as_u16()
    };
    assert_eq!(put("not the password", new), 403);
    assert_eq!(put(PASSWORD, "short"), 422);
    assert_eq!(put(PASSWORD, PASSWORD), 422);
    assert_eq!((s.session(&s.bob), s.session(&elsewhere)), (200, 200));

    let by_password = json!([{"account": "bob", "since": s.f.kernel.now()}]);
    assert_eq!(s.ended(&by_password), 0);
    s.f.host().advance(1);
    assert_eq!(put(PASSWORD, new), 204);
    assert_eq!((s.session(&s.bob), s.session(&elsewhere)), (200, 401));
    let left = (s.history(&own), s.history(&theirs));
    assert_eq!(left, (200, 401), "what a browser reads history with");
    assert_eq!(
        s.ended(&by_password),
        1,
        "IRC clients that showed the old one"
    );
    s.f.host().advance(1);
    let since = json!([{"account": "bob", "since": s.f.kernel.now()}]);
    assert_eq!(s.ended(&since), 0, "and not those that show the new one");
    assert_eq!(
        (s.sign_in("bob", PASSWORD), s.sign_in("bob", new)),
        (401, 201)
    );
    let read = s.f.api("GET", "/storage/bob/notes/", &app, Value::Null);
    assert_eq!(read.status, 200, "apps stay");
    assert_eq!(s.session(&s.alice), 200, "and so does everybody else");
    // Guesses at the old password are slowed down like those when signing in.
    let tries: Vec<u16> = (0..10).map(|_| put("not the password", PASSWORD)).collect();
    assert!(tries.contains(&429), "{tries:?}");
}

/// However the steps of both interleave: no session of the old password survives.
#[test]
fn a_sign_in_at_the_same_time_does_not_outlive_the_old_password() {
    let client = ClientAddress::parse("192.0.2.1");
    let page = "/oauth/authorize/bob?redirect_uri=https%3A%2F%2Fapp.example%2F&scope=notes%3Ar";
    let form = format!("action=sign-in&password={}", PASSWORD.replace(' ', "+"));
    let json = json!({"name": "bob", "password": PASSWORD}).to_string();
    let new = "another good password";
    let f = functions_with(|config| config.password_cost = PasswordCost::Light);
    f.sign_up("alice");
    let mut session = f.sign_up("bob");
    let bob = name("bob");
    let (mut refused, mut ended) = (0, 0);
    for seed in 0..60 {
        for (path, content, body) in [
            ("/api/session", "application/json", &json),
            (page, "application/x-www-form-urlencoded", &form),
        ] {
            let request = Request::post(path)
                .header("content-type", content)
                .header("origin", ORIGIN)
                .body(Full::from(body.clone()))
                .unwrap();
            f.memory().set_faults(Faults {
                seed,
                delay: 4,
                ..Faults::default()
            });
            // The change gets further with every round; in the last ones the sign-in does.
            let rounds = seed as usize;
            let (begins, changes) = match rounds.checked_sub(50) {
                None => (rounds, 0),
                Some(more) => (0, 40 * more),
            };
            let change = async {
                wait(changes).await;
                if seed % 2 == 0 {
                    return f.identity.set_password(&bob, new).await.unwrap();
                }
                let body = json!({"old": PASSWORD, "new": new}).to_string();
                let request = Request::put("/api/password")
                    .header("authorization", format!("Bearer {session}"))
                    .body(Full::from(body))
                    .unwrap();
                assert_eq!(f.handle(request, client).await.status(), 204);
            };
            let sign_in = async {
                wait(begins).await;
                f.handle(request, client).await
            };
            let (signed_in, ()) = block_on(join(sign_in, change));
            f.memory().set_faults(Faults::default());
            match signed_in.status().as_u16() {
                201 | 303 => ended += 1,
                401 | 403 | 409 => refused += 1,
                other => panic!("{path}: {other}"),
            }
            let left = block_on(f.kernel.load_all::<Grant>(&keys::grants(&bob))).unwrap();
            let left = left.iter().filter(|grant| {
                let by_password = matches!(grant.kind, GrantKind::Session | GrantKind::Consent);
                by_password && !session.contains(&grant.id)
            });
            assert_eq!(left.count(), 0, "{path} {seed}");
            block_on(f.identity.set_password(&bob, PASSWORD)).unwrap();
            session = f.sign_in("bob");
            // Refused attempts do not count as guesses.
            f.host().advance(24 * 60 * 60 * 1_000);
        }
    }
    assert!(
        refused > 0 && ended > 0,
        "both happen: {refused} were refused and {ended} ended"
    );
}

#[test]
fn sessions_end_all_at_once() {
    let s = setup();
    let (second, third) = (s.f.sign_in("bob"), s.f.sign_in("bob"));
    let own = [&s.bob, &second, &third].map(|session| s.own_token(session));
    s.api("DELETE", "/api/sessions", &second, Value::Null);
    let left = [&s.bob, &second, &third].map(|token| s.session(token));
    assert_eq!(left, [401, 200, 401]);
    assert_eq!(own.each_ref().map(|token| s.history(token)), left);
    s.api("DELETE", "/api/sessions?all=true", &second, Value::Null);
    assert_eq!((s.session(&second), s.history(&own[1])), (401, 401));
    assert_eq!(s.session(&s.alice), 200);
}

#[test]
fn a_disabled_account_opens_nothing_until_it_is_enabled() {
    let s = setup();
    let app = s.f.grant("bob", "notes:rw");
    let irc = s.api(
        "POST",
        "/api/grants",
        &s.bob,
        json!({"kind": "irc", "client": "x"}),
    );
    let (irc, id) = (irc["token"].as_str().unwrap(), irc["id"].clone());
    let wanted = json!({"connection": "private", "channel": "#lobby"});
    let mail = s.api("POST", "/api/addresses", &s.bob, wanted)["address"].clone();
    let mail = mail.as_str().unwrap();
    let call = s.api("POST", "/api/calls", &s.bob, json!({"guests": true}))["token"].clone();
    let call = format!("/api/calls/{}", call.as_str().unwrap());
    let invite = s.api("POST", "/api/invites", &s.bob, Value::Null)["token"].clone();
    let invite = format!("/api/invites/{}", invite.as_str().unwrap());
    let hook = json!({"source": "json", "connection": "private", "channel": "#lobby", "name": "x"});
    let hook = s.api("POST", "/api/hooks", &s.bob, hook)["url"].clone();
    let (_, hook) = hook.as_str().unwrap().split_once("/hooks/").unwrap();
    let hook = format!("/hooks/{hook}");
    let queued = || {
        let keys = s.f.memory().keys();
        keys.iter().filter(|key| key.starts_with("queue/")).count()
    };
    // The response to an event, and whether it will be announced.
    let event = || {
        let before = queued();
        let reply = s.f.request("POST", &hook, &[], r#"{"text":"x"}"#);
        (reply.status.as_u16(), queued() > before)
    };
    let held = json!([
        {"account": "bob", "since": s.f.kernel.now()},
        {"account": "bob", "grant": id, "since": s.f.kernel.now()},
    ]);
    let look = || {
        let status = |path: &str, token: &str| {
            let reply = match token {
                "" => s.f.request("GET", path, &[], ""),
                token => s.f.api("GET", path, token, Value::Null),
            };
            reply.status.as_u16()
        };
        (
            s.sign_in("bob", PASSWORD),
            (s.session(&s.bob), status("/storage/bob/notes/", &app)),
            (
                s.irc("bob", irc)["account"] == "bob",
                s.irc("bob", PASSWORD)["account"] == "bob",
            ),
            (s.assigned("bob"), s.takes_mail(mail)),
            (status(&call, ""), status(&invite, ""), event()),
            s.ended(&held),
        )
    };
    let (taken, unknown) = ((200, 200, (200, true)), (404, 404, (404, false)));
    let open = (201, (200, 200), (true, true), (1, true), taken, 0);
    let closed = (403, (401, 401), (false, false), (0, false), unknown, 2);
    assert_eq!(look(), open);
    for _ in 0..2 {
        block_on(s.f.identity.disable_account(&name("bob"))).unwrap();
        assert_eq!(look(), closed);
    }
    // A sender with the valid address gets the reason, and never counts as guessing, however often it tries.
    let tries: Vec<String> = (0..400)
        .map(|_| s.f.request("POST", &hook, &[], "{}").detail())
        .collect();
    assert!(tries.iter().all(|text| text.contains("is disabled")));
    // Only somebody who knows the password learns it.
    assert_eq!(s.sign_in("bob", "not the password"), 401);
    assert_eq!(s.irc("bob", "not the password").get("disabled"), None);
    assert_eq!(s.irc("bob", irc).get("disabled"), None);
    assert_eq!(s.irc("bob", PASSWORD)["disabled"], true);
    let token = block_on(
        s.f.identity
            .create_grant(&name("bob"), "x", "notes:rw".parse().unwrap()),
    );
    assert!(token.unwrap_err().to_string().contains("disabled"));
    for _ in 0..2 {
        block_on(s.f.identity.enable_account(&name("bob"))).unwrap();
        assert_eq!(look(), open);
    }
}

#[test]
fn nobody_locks_everybody_out() {
    let s = setup();
    let refused = block_on(s.f.identity.disable_account(&name("alice"))).unwrap_err();
    assert!(
        matches!(refused, ChangeAccountError::OnlyAdmin(_)),
        "{refused}"
    );
    let refused = block_on(s.f.lifecycle.remove_account(&name("alice"), false)).unwrap_err();
    assert!(
        matches!(refused, ChangeAccountError::OnlyAdmin(_)),
        "{refused}"
    );
    block_on(s.f.identity.create_account("carol", PASSWORD, true)).unwrap();
    block_on(s.f.identity.disable_account(&name("carol"))).unwrap();
    assert!(block_on(s.f.identity.disable_account(&name("alice"))).is_err());
    block_on(s.f.identity.enable_account(&name("carol"))).unwrap();
    block_on(s.f.identity.disable_account(&name("alice"))).unwrap();
    let account = name("dave");
    assert!(block_on(s.f.identity.disable_account(&account)).is_err());
    assert!(block_on(s.f.identity.enable_account(&account)).is_err());
    assert!(block_on(s.f.lifecycle.remove_account(&account, false)).is_err());
    assert!(block_on(s.f.identity.set_password(&account, "another good password")).is_err());
}

#[test]
fn a_removed_account_leaves_nothing_but_its_name() {
    let s = setup();
    let app = s.f.grant("bob", "notes:rw");
    let put = s.f.request(
        "PUT",
        "/storage/bob/notes/a",
        &[
            ("authorization", &format!("Bearer {app}")),
            ("content-type", "text/plain"),
        ],
        "bob's own words",
    );
    assert_eq!(put.status, 201);
    let wanted = json!({"connection": "private", "channel": "#lobby"});
    let mail = s.api("POST", "/api/addresses", &s.bob, wanted)["address"].clone();
    let call = s.api("POST", "/api/calls", &s.bob, json!({"guests": true}));
    let path = format!("/api/calls/{}", call["token"].as_str().unwrap());
    let joined =
        s.f.request("POST", &path, &[], json!({"name": "Zoë"}).to_string());
    let ticket = joined.json()["ticket"].as_str().unwrap().to_owned();
    let ticket = CallTicket::verify(&ticket, KEY, "irc-1", s.f.kernel.now()).unwrap();
    s.api("POST", "/api/invites", &s.bob, Value::Null);
    let hook = json!({"source": "json", "connection": "private", "channel": "#lobby", "name": "x"});
    let hook = s.api("POST", "/api/hooks", &s.bob, hook)["url"].clone();
    let used = json!({"email": "bob@elsewhere.example"});
    s.api("PUT", "/api/notifications", &s.bob, used);

    // However often it is interrupted, it resumes.
    let removed = block_on(s.f.lifecycle.remove_account(&name("bob"), false)).unwrap();
    assert!(removed.objects > 10, "{removed:?}");
    let left: Vec<String> = s.f.memory().keys();
    let left: Vec<&String> = left
        .iter()
        .filter(|key| {
            key.contains("bob") || key.starts_with("calls/") || key.starts_with("invites/")
        })
        .collect();
    assert_eq!(left, ["closed/bob.json"]);
    assert!(!s.f.dump().contains("bob's own words"));

    assert_eq!((s.session(&s.bob), s.sign_in("bob", PASSWORD)), (401, 401));
    assert_eq!(
        (s.assigned("bob"), s.takes_mail(mail.as_str().unwrap())),
        (0, false)
    );
    let hook = hook.as_str().unwrap().split_once("/hooks/").unwrap().1;
    let event = s.f.request("POST", &format!("/hooks/{hook}"), &[], "{}");
    assert_eq!(event.status, 404);
    let calls = json!({"calls": [ticket.call]}).to_string();
    let over =
        s.f.signed("irc-1", "POST", "/connector/sessions", calls)
            .json();
    assert_eq!(over["ended_calls"][0], ticket.call);

    // The name stays taken: nobody inherits its mail, links and trust.
    let again = block_on(s.f.identity.create_account("bob", PASSWORD, false)).unwrap_err();
    assert!(again.to_string().contains("taken"), "{again}");
    let invite = s.api("POST", "/api/invites", &s.alice, Value::Null)["token"].clone();
    let body = json!({"name": "bob", "password": PASSWORD, "invite": invite}).to_string();
    assert_eq!(s.f.request("POST", "/api/accounts", &[], body).status, 409);
    assert!(block_on(s.f.lifecycle.remove_account(&name("bob"), false)).is_err());
    assert_eq!(s.session(&s.alice), 200);
}

#[test]
fn a_removal_that_was_stopped_goes_on() {
    let s = setup();
    s.f.grant("bob", "notes:rw");
    block_on(
        s.f.identity
            .close(&name("bob"), crate::identity::closed::State::Removing),
    )
    .unwrap();
    block_on(s.f.memory().delete(&keys::account(&name("bob")))).unwrap();
    assert_eq!(s.sign_in("bob", PASSWORD), 401);
    assert!(block_on(s.f.identity.create_account("bob", PASSWORD, false)).is_err());
    block_on(s.f.lifecycle.remove_account(&name("bob"), false)).unwrap();
    let left: Vec<String> = s.f.memory().keys();
    assert!(!left.iter().any(|key| key.starts_with("accounts/bob/")));
}

#[test]
fn the_set_up_does_not_come_back_when_its_account_is_removed() {
    let s = setup();
    block_on(s.f.identity.create_account("carol", PASSWORD, true)).unwrap();
    block_on(s.f.lifecycle.remove_account(&name("alice"), false)).unwrap();
    s.f.identity.forget_set_up();
    assert!(!block_on(s.f.identity.needs_setup()).unwrap());
}
