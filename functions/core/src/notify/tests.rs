//! Who gets which mails, and when.

mod connector;
mod invites;

use serde_json::{Value, json};
use storage_adapter::Host as _;

use crate::kernel::config::MailService;
use crate::testing::{Reply, TestFunctions, functions, functions_with};

const NOTHING: Value = Value::Null;
const MINUTE: i64 = 60_000;

struct Setup {
    f: TestFunctions,
    alice: String,
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
    Setup { f, alice }
}

impl Setup {
    fn signed(&self, method: &str, target: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let id = match target {
            "/connector/events" => "irc-1",
            _ => "smtp-1",
        };
        self.f.signed(id, method, target, body)
    }

    /// Takes all mails that are queued.
    fn mails(&self) -> Vec<Value> {
        let outbox = self.signed("GET", "/connector/outbox", &NOTHING).json();
        let items = outbox["items"].as_array().unwrap().clone();
        let ids: Vec<Value> = items.iter().map(|item| item["id"].clone()).collect();
        let done = self.signed("POST", "/connector/outbox", &json!({"done": ids}));
        assert_eq!(done.status, 204);
        items
    }

    fn digests(&self) -> Vec<Value> {
        let reply = self.signed("POST", "/connector/notifications", &NOTHING);
        assert_eq!(reply.status, 200, "{reply:?}");
        let mails = self.mails();
        assert_eq!(reply.json()["queued"], mails.len());
        mails
    }

    fn put(&self, body: Value) -> Reply {
        self.f.api("PUT", "/api/notifications", &self.alice, body)
    }

    fn shown(&self) -> Value {
        self.f
            .api("GET", "/api/notifications", &self.alice, NOTHING)
            .json()
    }

    /// Sets an address and confirms it.
    fn subscribe(&self, minutes: u32) {
        let reply = self.put(json!({"email": "alice@home.example", "minutes": minutes}));
        assert_eq!(reply.status, 200, "{reply:?}");
        let page = self
            .f
            .request("POST", &confirm_link(&self.mails()[0]), &[], "");
        assert_eq!(page.status, 200, "{page:?}");
    }

    fn connection(&self) -> String {
        let connections = self
            .f
            .api("GET", "/api/connections", &self.alice, NOTHING)
            .json();
        connections["connections"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn miss(&self, id: &str, target: (&str, &str), text: &str) {
        self.say(id, target, text, true);
    }

    fn say(&self, id: &str, (kind, name): (&str, &str), text: &str, missed: bool) {
        let event = json!({
            "id": id, "account": "alice", "connection": self.connection(), "event": "message",
            "server": "chat.example.org", "target": {"type": kind, "name": name}, "missed": missed,
            "message": {"id": id, "timestamp": self.f.host().now().millis(), "from": "bob\r\nX", "text": text, "type": "text"},
        });
        let reply = self.signed("POST", "/connector/events", &json!({"events": [event]}));
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()["stored"], 1);
    }

    fn outcome(&self, mail: &Value, result: &str, reason: &str) {
        let body = json!({"id": mail["id"], "account": mail["account"], "to": mail["to"],
            "source": mail["source"], "result": result, "reason": reason});
        for _ in 0..2 {
            let reply = self.signed("POST", "/connector/mail/outcome", &body);
            assert_eq!(reply.status, 204, "{reply:?}");
        }
    }
}

fn confirm_link(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let at = text.find("/notifications/confirm/").unwrap();
    text[at..].lines().next().unwrap().to_owned()
}

const LOBBY: (&str, &str) = ("channel", "#lobby");

#[test]
fn nothing_is_sent_before_the_owner_agrees() {
    let s = setup();
    assert_eq!(
        s.put(json!({"email": "alice@home.example", "minutes": 0}))
            .status,
        200
    );
    let mails = s.mails();
    assert_eq!(mails.len(), 1);
    s.miss("m1", LOBBY, "alice: hello");
    assert!(s.digests().is_empty());
    // Merely opening the page does nothing: mail servers do that.
    let link = confirm_link(&mails[0]);
    let page = s.f.request("GET", &link, &[], "");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<form method=\"post\">"));
    assert!(
        page.header("content-security-policy")
            .contains("form-action 'self'")
    );
    assert_eq!(s.shown()["confirmed"], false);
    assert_eq!(
        s.f.request("POST", &format!("{link}x"), &[], "").status,
        404
    );
    assert_eq!(s.f.request("POST", &link, &[], "").status, 200);
    assert_eq!(
        s.f.request("POST", &link, &[], "").status,
        200,
        "twice is once"
    );
    assert_eq!(s.shown()["confirmed"], true);
    s.miss("m2", LOBBY, "alice: hello again");
    assert_eq!(s.digests().len(), 1);
    // Another address has to be confirmed again, and the old link is not valid for it.
    assert_eq!(s.put(json!({"email": "alice@work.example"})).status, 200);
    assert_eq!(s.shown()["confirmed"], false);
    assert_eq!(s.f.request("POST", &link, &[], "").status, 404);
    let resent = s.f.api("POST", "/api/notifications", &s.alice, NOTHING);
    assert_eq!(resent.status, 200);
    let mails = s.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(
        s.f.request("POST", &confirm_link(&mails[0]), &[], "")
            .status,
        404,
        "the newest link counts"
    );
    s.f.host().advance(4 * 24 * 60 * MINUTE);
    assert_eq!(
        s.f.request("POST", &confirm_link(&mails[1]), &[], "")
            .status,
        404,
        "too late"
    );
    for bad in [
        json!({"email": "x"}),
        json!({"email": null, "minutes": 100_000}),
        json!({"what": 1}),
    ] {
        assert_eq!(s.put(bad).status, 422);
    }
    // No link's secret is stored.
    assert!(!s.f.dump().contains(link.rsplit('.').next().unwrap()));
}

#[test]
fn one_digest_an_hour_tells_what_was_missed() {
    let s = setup();
    s.subscribe(10);
    s.miss("m1", LOBBY, "alice: hello\r\nBcc: x@y.example");
    s.miss("m1", LOBBY, "alice: hello");
    s.say("m2", LOBBY, "alice: seen", false);
    assert!(s.digests().is_empty(), "somebody may read it yet");
    s.f.host().advance(5 * MINUTE);
    s.miss("m3", ("user", "bob"), "psst");
    s.f.host().advance(5 * MINUTE);
    let mails = s.digests();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0]["to"], "alice@home.example");
    assert_eq!(mails[0]["subject"], "Subspace: 2 messages for you");
    let text = mails[0]["text"].as_str().unwrap();
    let connection = s.connection();
    for said in [
        "#lobby\n  2026-01-15 10:00 UTC  bob X: alice: hello Bcc: x@y.example\n",
        &format!("  https://chat.example.org/#/{connection}/%23lobby\n"),
        "bob\n  2026-01-15 10:05 UTC  bob X: psst\n",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("seen"));
    assert!(s.digests().is_empty());
    // A repeat of a message already mailed, and a new one within the hour.
    s.miss("m3", ("user", "bob"), "psst");
    s.f.host().advance(11 * MINUTE);
    s.miss("m4", LOBBY, "alice?");
    s.f.host().advance(48 * MINUTE);
    assert!(s.digests().is_empty(), "59 minutes after the last one");
    s.f.host().advance(MINUTE);
    let mails = s.digests();
    assert_eq!(
        mails[0]["subject"],
        "Subspace: bob X mentioned you in #lobby"
    );
    assert_eq!(
        s.f.memory()
            .keys()
            .iter()
            .filter(|key| key.starts_with("notifications/due/"))
            .count(),
        0
    );
}

/// Besides the archive's four: the settings and the waiting messages are read, and the mark and the waiting messages
/// written, however many there are already.
#[test]
fn what_is_missed_costs_four_requests_a_publication() {
    let s = setup();
    s.subscribe(10);
    let connection = s.connection();
    for number in 0..40 {
        let at = s.f.host().now().millis();
        let events: Vec<Value> = (0..20)
            .map(|n| {
                let id = format!("{number}.{n}");
                json!({"id": id, "account": "alice", "connection": connection, "event": "message",
                    "server": "chat.example.org", "target": {"type": "channel", "name": "#lobby"}, "missed": true,
                    "message": {"id": id, "timestamp": at + n, "from": "bob", "text": "alice: hello", "type": "text"}})
            })
            .collect();
        s.f.memory().take_requests();
        let reply = s.signed("POST", "/connector/events", &json!({"events": events}));
        assert_eq!(reply.json()["stored"], 20);
        let requests = s.f.memory().take_requests();
        // The first time, the day is new.
        if number > 0 {
            let counted = (requests.get, requests.put, requests.list);
            assert!(requests.get <= 2 + 2, "{number}: {counted:?}");
            assert_eq!((requests.put, requests.list), (2 + 2, 0), "{number}");
        }
        s.f.host().advance(1_000);
    }
}

#[test]
fn a_browser_that_comes_makes_a_mail_needless() {
    let s = setup();
    s.subscribe(10);
    s.miss("m1", LOBBY, "alice: hello");
    let told = s.f.host().now();
    s.f.host().advance(5 * MINUTE);
    assert_eq!(
        s.f.api("POST", "/api/tickets", &s.alice, NOTHING).status,
        200
    );
    s.f.host().advance(4 * MINUTE);
    s.miss("m2", LOBBY, "alice: later");
    s.f.host().advance(MINUTE);
    assert!(s.digests().is_empty(), "m2 has waited for a minute only");
    s.f.host().advance(9 * MINUTE);
    let mails = s.digests();
    assert_eq!(mails.len(), 1);
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("later") && !text.contains("hello"), "{text}");
    // The gateway was slow: the message is older than the browser's visit.
    assert_eq!(
        s.f.api("POST", "/api/tickets", &s.alice, NOTHING).status,
        200
    );
    let event = json!({"id": "m3", "account": "alice", "connection": s.connection(), "event": "message",
        "server": "chat.example.org", "target": {"type": "user", "name": "bob"}, "missed": true,
        "message": {"id": "m3", "timestamp": told.millis(), "from": "bob", "text": "old", "type": "text"}});
    assert_eq!(
        s.signed("POST", "/connector/events", &json!({"events": [event]}))
            .status,
        200
    );
    s.f.host().advance(120 * MINUTE);
    assert!(s.digests().is_empty());
}

#[test]
fn one_click_ends_it() {
    let s = setup();
    s.subscribe(0);
    s.miss("m1", LOBBY, "alice: one");
    let mail = s.digests().remove(0);
    let link = mail["unsubscribe"].as_str().unwrap();
    assert!(mail["text"].as_str().unwrap().contains(link));
    let path = link.strip_prefix("https://chat.example.org").unwrap();
    assert_eq!(s.f.request("GET", path, &[], "").status, 200);
    assert_eq!(s.shown()["enabled"], true, "looking does nothing");
    let wrong = path.replace("/alice/", "/bob/");
    assert_eq!(s.f.request("POST", &wrong, &[], "").status, 404);
    // As in RFC 8058, section 3.2.
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let reply =
        s.f.request("POST", path, &headers, "List-Unsubscribe=One-Click");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(s.shown()["enabled"], false);
    s.miss("m2", LOBBY, "alice: two");
    s.f.host().advance(120 * MINUTE);
    assert!(s.digests().is_empty());
    // The settings turn it on again, without another confirmation.
    assert_eq!(
        s.put(json!({"email": "alice@home.example", "minutes": 0}))
            .status,
        200
    );
    s.miss("m3", LOBBY, "alice: three");
    let text = s.digests()[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("three") && !text.contains("two"), "{text}");
}

#[test]
fn an_address_that_refuses_mail_gets_none() {
    let s = setup();
    s.subscribe(0);
    s.miss("m1", LOBBY, "alice: one");
    let mail = s.digests().remove(0);
    s.outcome(&mail, "undeliverable", "550 5.1.1 no such\r\nuser");
    assert_eq!(s.shown()["undeliverable"], "550 5.1.1 no such user");
    s.f.host().advance(120 * MINUTE);
    s.miss("m2", LOBBY, "alice: two");
    assert!(s.digests().is_empty());
    let refused = s.put(json!({"email": "alice@home.example", "minutes": 0}));
    assert_eq!(
        refused.status, 422,
        "it was refused a moment ago: {refused:?}"
    );
    s.f.host().advance(24 * 60 * MINUTE);
    s.subscribe(0);
    s.miss("m3", LOBBY, "alice: three");
    assert_eq!(s.digests().len(), 1);
}

#[test]
fn many_messages_are_counted_and_a_crash_sends_none_twice() {
    let s = setup();
    s.subscribe(0);
    for number in 0..60 {
        s.miss(&format!("m{number}"), LOBBY, "alice: hello");
    }
    // The queue cannot be written: nothing is lost.
    s.f.set_down(true);
    let reply = s.signed("POST", "/connector/notifications", &NOTHING);
    assert_eq!(reply.status, 503, "{reply:?}");
    s.f.set_down(false);
    let mails = s.digests();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0]["subject"], "Subspace: 60 messages for you");
    assert!(mails[0]["text"].as_str().unwrap().contains("And 10 more."));
    assert!(s.digests().is_empty());
}
