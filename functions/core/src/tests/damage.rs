//! One damaged record, of every kind there is, affects its owner and nobody else.

use bytes::Bytes;
use protocol::{AccountName, OutboxTask, Say};
use serde_json::{Value, json};
use storage_adapter::{GetOptions, ObjectStore as _, PutMode};

use crate::kernel::config::MailService;
use crate::kernel::keys;
use crate::testing::{ORIGIN, PASSWORD, TestFunctions, block_on, functions_with};
use crate::tests::key_kinds::{is_of, kinds};

pub(super) fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

pub(super) fn read(f: &TestFunctions, key: &str) -> Bytes {
    let object = block_on(f.memory().get(key, GetOptions::default())).unwrap();
    block_on(crate::kernel::body::collect(object.body, u64::MAX))
        .unwrap()
        .unwrap()
}

pub(super) fn write(f: &TestFunctions, key: &str, bytes: Bytes) {
    let body = Box::pin(futures_util::stream::iter([Ok(bytes)]));
    block_on(f.memory().put(key, body, PutMode::Overwrite)).unwrap();
}

/// An account and what its owner can do with it.
pub(super) struct Person {
    name: &'static str,
    session: String,
    app: String,
    mail: String,
    hook: String,
    invite: String,
    call: String,
}

fn person(f: &TestFunctions, name: &'static str) -> Person {
    let session = f.sign_up(name);
    let make = |path: &str, body: Value| {
        let reply = f.api("POST", path, &session, body);
        assert!(reply.status.is_success(), "{path}: {reply:?}");
        reply.json()
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let place = json!({"connection": "private", "channel": "#lobby"});
    let mail = text(&make("/api/addresses", place)["address"]);
    let hook = json!({"source": "json", "connection": "private", "channel": "#lobby", "name": "x", "secret": null});
    let hook = text(&make("/api/hooks", hook)["url"]);
    make(
        "/api/connections",
        json!({"platform": "irc", "host": "irc.example.org"}),
    );
    let email = json!({"email": format!("{name}@elsewhere.example")});
    let told = f.api("PUT", "/api/notifications", &session, email);
    assert_eq!(told.status, 200, "{told:?}");
    confirm(f, name);
    Person {
        name,
        app: f.grant(name, "*:rw"),
        mail,
        hook: format!("/hooks/{}", hook.split_once("/hooks/").unwrap().1),
        invite: text(&make("/api/invites", json!({}))["token"]),
        call: text(&make("/api/calls", json!({"guests": true}))["token"]),
        session,
    }
}

/// Opens the link in the mail that asks to confirm an address.
fn confirm(f: &TestFunctions, name: &str) {
    let outbox = f.signed("smtp-1", "GET", "/connector/outbox", "").json();
    let mails = outbox["items"].as_array().unwrap();
    let own = |mail: &&Value| mail["to"] == format!("{name}@elsewhere.example");
    let text = mails.iter().find(own).unwrap()["text"].as_str().unwrap();
    let at = text.find("/notifications/confirm/").unwrap();
    let link = text[at..].lines().next().unwrap();
    assert_eq!(f.request("POST", link, &[], "").status, 200);
}

/// Alice misses a message that has not been mailed yet.
fn miss(f: &TestFunctions, n: usize) {
    let events = json!({"events": [message("alice", n)]}).to_string();
    let taken = f.signed("irc-1", "POST", "/connector/events", events);
    assert_eq!(taken.status, 200, "{taken:?}");
}

pub(super) fn message(name: &str, n: usize) -> Value {
    let id = format!("{name}-{n}");
    json!({
        "id": id, "account": name, "connection": "private", "event": "message", "server": "chat.example.org",
        "target": {"type": "channel", "name": "#lobby"}, "missed": true,
        "message": {"id": id, "timestamp": 1_768_471_200_000_i64, "from": "x", "text": "hello", "type": "text"}
    })
}

/// Everything alice does that leaves a record and that not everyone does.
fn everything_else(f: &TestFunctions, alice: &Person) {
    let good = |reply: crate::testing::Reply| {
        assert!(
            reply.status.is_success() || reply.status.is_redirection(),
            "{reply:?}"
        );
        reply
    };
    // An event for her hook.
    let json = [("content-type", "application/json")];
    good(f.request("POST", &alice.hook, &json, json!({"text": "x"}).to_string()));
    // An ended session.
    good(f.api("DELETE", "/api/session", &f.sign_in("alice"), Value::Null));
    // A disabled account.
    f.sign_up("carol");
    block_on(f.identity.disable_account(&name("carol"))).unwrap();
    // Another location for her tree.
    f.add_bucket("mine");
    let bucket = json!({
        "kind": "bucket", "endpoint": "https://s3.example.org", "bucket": "mine", "prefix": "chat",
        "access_key_id": "AKID", "secret_access_key": "very/secret"
    });
    good(f.api("PUT", "/api/store", &alice.session, bucket));
    let step = || good(f.api("POST", "/api/store/move", &alice.session, Value::Null)).json();
    assert!((0..50).any(|_| step()["moving"].is_null()));
    // An OAuth code.
    let page = "/oauth/authorize/alice?response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2F&scope=notes%3Ar\
                &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let form = ("content-type", "application/x-www-form-urlencoded");
    let password = format!("action=sign-in&password={}", PASSWORD.replace(' ', "+"));
    let origin = ("origin", ORIGIN);
    let signed_in = good(f.request("POST", page, &[form, origin], password));
    let cookie = signed_in.header("set-cookie").split(';').next().unwrap();
    let cookie = ("cookie", cookie);
    let shown = good(f.request("GET", page, &[cookie], ""));
    let (_, csrf) = shown.text().split_once("name=\"csrf\" value=\"").unwrap();
    let csrf = csrf.split('"').next().unwrap();
    let allow = format!("action=allow&csrf={csrf}");
    good(f.request("POST", page, &[cookie, form, origin], allow));
}

/// Everything that people and connectors do in a day, none of which may fail for `person`, whatever is wrong elsewhere.
pub(super) fn day(f: &TestFunctions, person: &Person, other: &str, n: usize) {
    let good = |what: &str, reply: crate::testing::Reply| {
        assert!(reply.status.is_success(), "{what}: {reply:?}");
        serde_json::from_slice::<Value>(&reply.body).unwrap_or_default()
    };
    let Person { name, session, .. } = person;
    let api = |method: &str, path: &str| good(path, f.api(method, path, session, Value::Null));
    let body = json!({"name": name, "password": PASSWORD}).to_string();
    good("sign in", f.request("POST", "/api/session", &[], body));
    good("about", f.request("GET", "/api", &[], ""));
    for path in [
        "session",
        "grants",
        "connections",
        "hooks",
        "addresses",
        "notifications",
    ] {
        api("GET", &format!("/api/{path}"));
    }
    let invites = api("GET", "/api/invites");
    assert!(!invites["invites"].as_array().unwrap().is_empty());
    assert!(
        !api("POST", "/api/tickets")["connectors"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    good(
        "invite",
        f.request("GET", &format!("/api/invites/{}", person.invite), &[], ""),
    );
    let call = format!("/api/calls/{}", person.call);
    good("call", f.request("GET", &call, &[], ""));
    let root = format!("/storage/{name}/");
    good("storage", f.api("GET", &root, &person.app, Value::Null));
    let event = json!({"text": format!("hook {n}")}).to_string();
    let json = [("content-type", "application/json")];
    good("hook", f.request("POST", &person.hook, &json, event));

    let events = json!({"events": [message(other, n), message(name, n)]}).to_string();
    let receipt = good(
        "events",
        f.signed("irc-1", "POST", "/connector/events", events),
    );
    assert!(receipt["stored"].as_u64().unwrap() >= 1, "{receipt}");
    let waiting = receipt["waiting"].as_array().cloned().unwrap_or_default();
    assert!(
        waiting.iter().all(|one| one["account"] == other),
        "{receipt}"
    );
    let all = good(
        "assignments",
        f.signed("irc-1", "GET", "/connector/assignments", ""),
    );
    let all = all["assignments"].as_array().unwrap();
    let own = all.iter().filter(|one| one["account"] == *name).count();
    assert_eq!(own, 2, "{all:?}");
    let outbox = good("outbox", f.signed("irc-1", "GET", "/connector/outbox", ""));
    let items = outbox["items"].as_array().unwrap();
    assert!(
        items.iter().any(|item| item["account"] == *name),
        "{outbox}"
    );
    let sessions = json!({"sessions": [
        {"account": other, "since": f.kernel.now()}, {"account": name, "since": f.kernel.now()},
    ]});
    let ended = f.signed("irc-1", "POST", "/connector/sessions", sessions.to_string());
    assert_eq!(good("sessions", ended)["ended"], Value::Null);
    let asked = json!({"name": name, "password": PASSWORD}).to_string();
    let asked = f.signed("ircd-1", "POST", "/connector/authenticate", asked);
    assert_eq!(good("IRC", asked)["account"], *name);
    let address = format!(
        "/connector/addresses?address={}",
        person.mail.replace('@', "%40")
    );
    assert_eq!(
        good("mail", f.signed("smtp-1", "GET", &address, ""))["known"],
        true
    );
    good(
        "digests",
        f.signed("smtp-1", "POST", "/connector/notifications", ""),
    );
    good("mails", f.signed("smtp-1", "GET", "/connector/outbox", ""));
    let told = json!({"platforms": ["irc"], "url": "https://irc.example.org"}).to_string();
    good(
        "register",
        f.signed("irc-1", "POST", "/connector/register", told),
    );
    let done = block_on(f.lifecycle.maintain());
    // Records set aside are reported until the operator acts.
    let own = |what: &&String| !what.starts_with(other) && *what != "set-aside";
    let others = done.failed.keys().filter(own);
    assert_eq!(others.count(), 0, "{:?}", done.failed);
    block_on(f.lifecycle.maintain_when_due()).unwrap();
}

/// Functions with every kind of record, of alice and bob.
pub(super) fn world() -> (TestFunctions, Person, Person) {
    let f = functions_with(|config| {
        config.shared_counters = true;
        config.password_cost = crate::kernel::password::PasswordCost::Light;
        config.mail = Some(MailService {
            domain: "chat.example.org".to_owned(),
            connector: "smtp-1".to_owned(),
            sends: true,
        });
    });
    let alice = person(&f, "alice");
    let bob = person(&f, "bob");
    let made = f.api(
        "POST",
        "/api/connectors",
        &alice.session,
        json!({"kind": "irc"}),
    );
    assert_eq!(made.status, 201, "{made:?}");
    // All of alice's, including the counters of wrong passwords.
    let wrong = json!({"name": "alice", "password": "not the password"}).to_string();
    assert_eq!(f.request("POST", "/api/session", &[], wrong).status, 401);
    let gateway = block_on(f.connectors.find_connector("irc-1"))
        .unwrap()
        .unwrap();
    for of in ["alice", "bob"] {
        let say = OutboxTask::Say(Say {
            account: name(of),
            connection: "private".to_owned(),
            target: "#lobby".to_owned(),
            from: "GitHub".to_owned(),
            lines: vec!["hello".to_owned()],
            notice: false,
            source: None,
        });
        block_on(f.connectors.enqueue(&gateway, &f.connectors.task_id(), say)).unwrap();
    }
    everything_else(&f, &alice);
    day(&f, &bob, "alice", 0);
    miss(&f, 100_000);
    (f, alice, bob)
}

/// The records of which none may affect bob.
pub(super) fn records_of_others(f: &TestFunctions, bob: &Person) -> Vec<String> {
    let is_record = |key: &String| {
        let bytes = read(f, key);
        let json = serde_json::from_slice::<Value>(&bytes).is_ok_and(|json| json.is_object());
        // Some are empty, and only their existence matters.
        let json = json || matches!(&*bytes, b"" | b"null");
        // Bob's own records may affect bob.
        let of_bob = key.contains("/bob/") || key.contains("bob.json") || key.ends_with("bob");
        let local = bob.mail.split('@').next().unwrap();
        let of_bob = of_bob || key.contains(local);
        let of_carol = key.contains("/carol/");
        json && !of_bob && !of_carol && !String::from_utf8_lossy(&bytes).contains("\"bob\"")
    };
    f.memory().keys().into_iter().filter(is_record).collect()
}

#[test]
fn a_damaged_record_of_any_kind_stops_only_what_it_belongs_to() {
    let (f, _alice, bob) = world();
    let records = records_of_others(&f, &bob);
    let kinds = kinds();
    // Nothing has been set aside yet; whatever is, is damaged.
    let missing: Vec<&String> = kinds
        .iter()
        .filter(|kind| *kind != keys::SET_ASIDE)
        .filter(|kind| !records.iter().any(|key| is_of(key, kind)))
        .collect();
    assert!(missing.is_empty(), "no {missing:?} among {records:#?}");
    let all_of_an_account = "accounts/{account}/";
    for key in &records {
        let known = kinds
            .iter()
            .any(|kind| *kind != all_of_an_account && is_of(key, kind));
        assert!(known, "{key} has a key that no source tells");
    }
    for (n, key) in records.iter().enumerate() {
        let mut key = key.clone();
        if key.contains("notifications/") {
            // She has been notified in the meantime.
            miss(&f, 200_000 + n);
        }
        if key.starts_with(keys::NOTIFICATIONS_DUE) {
            let of_alice =
                |key: &String| key.starts_with(keys::NOTIFICATIONS_DUE) && key.ends_with("-alice");
            key = f.memory().keys().into_iter().find(of_alice).unwrap();
        }
        let key = &key;
        let Ok(whole) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&f, key)))
        else {
            // It was removed during the day.
            continue;
        };
        let damages = [&b"{\"version\":"[..], b"", b"\xff\x00nonsense", b"[]"];
        let damages = [damages[n % 4], damages[(n + 2) % 4]].map(Bytes::from_static);
        // Larger than any record that is read.
        let larger = Bytes::from(vec![b' '; (1 << 20) + 1]);
        for damage in damages.into_iter().chain([larger]) {
            // Hooks are rate-limited.
            f.host().advance(2_000);
            write(&f, key, damage);
            day(&f, &bob, "alice", n + 1);
        }
        if f.memory().keys().contains(key) {
            write(&f, key, whole);
        }
    }
    let told = f.host().damaged.lock().unwrap().join("\n");
    for kind in [
        "account.json",
        "connections/private.json",
        "invites/",
        "queue/irc-1/",
        "connectors.json",
    ] {
        assert!(told.contains(kind), "nobody was told of {kind}:\n{told}");
    }
    // What was in the way of others was set aside.
    assert!(
        f.memory()
            .keys()
            .iter()
            .any(|key| key.starts_with(keys::SET_ASIDE))
    );
}

#[test]
fn damage_is_told_once_an_hour_and_forgotten_when_it_is_mended() {
    let f = functions_with(|_| {});
    f.sign_up("alice");
    let key = keys::account(&name("alice"));
    let whole = read(&f, &key);
    write(&f, &key, Bytes::from_static(b"{"));
    let look = || block_on(f.identity.account(&name("alice")));
    for _ in 0..3 {
        assert!(look().is_err());
    }
    let told = || f.host().damaged.lock().unwrap().len();
    assert_eq!((told(), f.kernel.damaged_records()), (1, 1));
    f.host().advance(60 * 60 * 1000);
    assert!(look().is_err());
    assert_eq!(told(), 2);
    write(&f, &key, whole);
    assert!(look().is_ok());
    assert_eq!(f.kernel.damaged_records(), 0);
}

/// What was done is done, even if it is no longer known what it was.
#[test]
fn a_task_that_is_damaged_can_be_done() {
    let f = functions_with(|_| {});
    let key = keys::task("irc-1", "t1");
    for body in [
        json!({"done": ["t1"], "refused": []}),
        json!({"done": [], "refused": [{"id": "t1", "reason": "it is a test"}]}),
    ] {
        write(&f, &key, Bytes::from_static(b"{\"x"));
        let done = f.signed("irc-1", "POST", "/connector/outbox", body.to_string());
        assert_eq!(done.status, 204, "{done:?}");
        assert!(!f.memory().keys().contains(&key));
    }
}
