//! Hooks, from their creation to the lines in the queue.

mod bounds;
mod faults;
mod repeats;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::testing::{Reply, TestFunctions, block_on, functions};

const PUSH: &str = r#"{"ref":"refs/heads/main","before":"1111111aaaa","after":"2222222bbbb",
  "compare":"https://git.example/compare","repository":{"name":"demo"},"sender":{"login":"ann"},
  "commits":[{"id":"2222222bbbb","message":"Fix it\n\nreally","author":{"name":"Ann"},"distinct":true}],
  "head_commit":{"url":"https://git.example/commit/2222222"}}"#;

struct Setup {
    f: TestFunctions,
    session: String,
    connection: String,
}

fn setup() -> Setup {
    setup_of(functions())
}

fn setup_of(f: TestFunctions) -> Setup {
    let session = f.sign_up("alice");
    let connections = f
        .api("GET", "/api/connections", &session, Value::Null)
        .json();
    let connection = connections["connections"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    Setup {
        f,
        session,
        connection,
    }
}

impl Setup {
    fn api(&self, method: &str, target: &str, body: Value) -> Reply {
        self.f.api(method, target, &self.session, body)
    }

    /// Creates a hook for #dev; returns it with its path.
    fn hook(&self, source: &str, more: Value) -> (Value, String) {
        let mut body = json!({"source": source, "connection": self.connection, "channel": "#dev"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let reply = self.api("POST", "/api/hooks", body);
        assert_eq!(reply.status, 201, "{reply:?}");
        let hook = reply.json();
        let url = hook["url"].as_str().unwrap();
        let path = url
            .strip_prefix("https://chat.example.org")
            .unwrap()
            .to_owned();
        (hook, path)
    }

    fn github(&self, path: &str, secret: &str, id: &str, event: &str, body: &str) -> Reply {
        let signature = sign(secret, body);
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", event),
            ("x-github-delivery", id),
            ("x-hub-signature-256", signature.as_str()),
        ];
        self.f.request("POST", path, &headers, body.to_owned())
    }

    fn post(&self, path: &str, body: &str) -> Reply {
        let headers = [("content-type", "application/json")];
        self.f.request("POST", path, &headers, body.to_owned())
    }

    fn outbox(&self) -> Vec<Value> {
        let outbox = self.connector("GET", &Value::Null).json();
        outbox["items"].as_array().unwrap().clone()
    }

    fn connector(&self, method: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.f.signed("irc-1", method, "/connector/outbox", body)
    }

    fn deliveries(&self, hook: &Value) -> Vec<Value> {
        let target = format!("/api/hooks/{}", hook["id"].as_str().unwrap());
        let reply = self.api("GET", &target, Value::Null).json();
        reply["deliveries"].as_array().unwrap().clone()
    }
}

fn sign(secret: &str, body: &str) -> String {
    sign_bytes(secret, body.as_bytes())
}

fn sign_bytes(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    format!("sha256={}", protocol::hex(&digest))
}

#[test]
fn a_signed_push_reaches_the_queue_once_and_gets_its_outcome() {
    let s = setup();
    let (hook, path) = s.hook("github", json!({}));
    let secret = hook["secret"].as_str().unwrap();
    assert!(path.ends_with("/github") && !s.f.dump().contains(secret));
    let token = path.split('/').nth(2).unwrap();
    assert!(!s.f.dump().contains(token.rsplit('.').next().unwrap()));

    for _ in 0..3 {
        let reply = s.github(&path, secret, "d-1", "push", PUSH);
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()["outcome"], "queued");
    }
    let items = s.outbox();
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(
        items[0]["lines"],
        json!([
            "[demo] ann pushed 1 new commit to main: https://git.example/commit/2222222",
            "demo/main 2222222 Ann: Fix it..."
        ])
    );
    assert_eq!(items[0]["target"], "#dev");
    assert_eq!(items[0]["connection"], s.connection);
    assert_eq!(items[0]["from"], "GitHub");
    assert_eq!(s.deliveries(&hook)[0]["outcome"], "queued");

    let done = json!({"done": [items[0]["id"]]});
    assert_eq!(s.connector("POST", &done).status, 204);
    let shown = s.deliveries(&hook);
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["outcome"], "delivered");
    assert_eq!(shown[0]["event"], "push");
    // A later repeat is recognised, and posts nothing again.
    let repeat = s.github(&path, secret, "d-1", "push", PUSH).json();
    assert_eq!(
        (repeat["repeated"].clone(), repeat["outcome"].clone()),
        (json!(true), json!("delivered"))
    );
    assert!(s.outbox().is_empty());

    s.f.host().advance(1_000);
    // Repeated on request, and refused by the connector this time.
    let id = shown[0]["id"].as_str().unwrap();
    let again = format!(
        "/api/hooks/{}/deliveries/{id}/again",
        hook["id"].as_str().unwrap()
    );
    assert_eq!(s.api("POST", &again, Value::Null).status, 201);
    let items = s.outbox();
    assert_eq!(items.len(), 1);
    s.connector(
        "POST",
        &json!({"refused": [{"id": items[0]["id"], "reason": "not in the channel"}]}),
    );
    let shown = s.deliveries(&hook);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["reason"], "not in the channel");
    assert_eq!(shown[0]["again"], shown[1]["id"]);
}

#[test]
fn who_does_not_know_the_secret_is_refused() {
    let s = setup();
    let (hook, path) = s.hook("github", json!({}));
    let wrong = s.github(&path, "wrong", "d-1", "push", PUSH);
    assert_eq!(wrong.status, 403);
    assert!(wrong.detail().contains("X-Hub-Signature-256"));
    assert_eq!(s.post(&path, PUSH).status, 403);
    assert!(s.outbox().is_empty());
    let shown = s.deliveries(&hook);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["outcome"], "refused");
    // The refused delivery does not block the valid one.
    let secret = hook["secret"].as_str().unwrap();
    assert_eq!(
        s.github(&path, secret, "d-1", "push", PUSH).json()["repeated"],
        false
    );
    // A new secret invalidates the old one.
    let renew = format!("/api/hooks/{}/secret", hook["id"].as_str().unwrap());
    let renewed = s.api("POST", &renew, Value::Null).json();
    assert_eq!(s.github(&path, secret, "d-2", "push", PUSH).status, 403);
    let secret = renewed["secret"].as_str().unwrap();
    assert_eq!(s.github(&path, secret, "d-2", "push", PUSH).status, 200);
}

#[test]
fn addresses_are_renewed_and_unknown_ones_slowed() {
    let s = setup();
    let (hook, path) = s.hook("slack", json!({}));
    let reply = s.post(&path, r#"{"text":"hello @channel"}"#);
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "ok"));
    assert_eq!(s.outbox()[0]["lines"], json!(["hello @ channel"]));
    let renew = format!("/api/hooks/{}/token", hook["id"].as_str().unwrap());
    let renewed = s.api("POST", &renew, Value::Null).json();
    assert_eq!(renewed["id"], hook["id"]);
    assert_eq!(s.post(&path, r#"{"text":"x"}"#).status, 404);
    let new = renewed["url"]
        .as_str()
        .unwrap()
        .replace("https://chat.example.org", "");
    assert_eq!(s.post(&new, r#"{"text":"x"}"#).status, 200);
    // A browser sees the same for all addresses.
    for address in [new.as_str(), path.as_str(), "/hooks/x", "/hooks/"] {
        let reply = s.f.request("GET", address, &[], "");
        assert_eq!(reply.status, 200);
        assert!(reply.text().starts_with("This is the address of a webhook"));
    }
    assert_eq!(s.f.request("DELETE", &new, &[], "").status, 405);
    let slowed = (0..400).map(|_| s.post("/hooks/alice.AAAA.b", "{}").status.as_u16());
    let slowed: Vec<u16> = slowed.collect();
    assert!(slowed.contains(&429) && slowed[0] == 404);
    // That does not block valid ones.
    assert_eq!(s.post(&new, r#"{"text":"x"}"#).status, 200);
    assert_eq!(
        s.api(
            "DELETE",
            &format!("/api/hooks/{}", hook["id"].as_str().unwrap()),
            Value::Null
        )
        .status,
        204
    );
    s.f.host().advance(120_000);
    assert_eq!(s.post(&new, r#"{"text":"x"}"#).status, 404);
    assert!(
        !s.f.memory()
            .keys()
            .iter()
            .any(|key| key.contains("deliveries"))
    );
}

#[test]
fn filters_quiet_hours_and_the_switch() {
    let s = setup();
    let more = json!({"secret": null, "filter": {"branches": ["release/*"]},
                      "quiet_hours": {"from": "22:00", "to": "07:00", "offset": 60}, "notice": true});
    let (hook, path) = s.hook("github", more);
    let id = hook["id"].as_str().unwrap();
    let send = |delivery: &str| s.github(&path, "", delivery, "push", PUSH).json();
    assert!(send("1")["reason"].as_str().unwrap().contains("main"));
    let target = format!("/api/hooks/{id}");
    s.api("PATCH", &target, json!({"filter": {}}));
    assert_eq!(send("2")["outcome"], "queued");
    assert_eq!(s.outbox()[0]["notice"], true);
    s.f.host().advance(12 * 60 * 60 * 1000);
    assert!(
        send("3")["reason"]
            .as_str()
            .unwrap()
            .contains("quiet hours")
    );
    s.api(
        "PATCH",
        &target,
        json!({"quiet_hours": null, "enabled": false}),
    );
    assert!(
        send("4")["reason"]
            .as_str()
            .unwrap()
            .contains("switched off")
    );
    let on = s.api("PATCH", &target, json!({"enabled": true})).json();
    assert_eq!(
        (on["enabled"].clone(), on["has_secret"].clone()),
        (json!(true), json!(false))
    );
    assert_eq!(send("5")["outcome"], "queued");
    assert_eq!(s.deliveries(&hook).len(), 5);
    for bad in [
        json!({"channel": "dev"}),
        json!({"channel": "#dev key"}),
        json!({"template": "{x"}),
        json!({"filter": {"events": ["a b"]}}),
        json!({"quiet_hours": {"from": "25:00", "to": "07:00"}}),
        json!({"secret": "short"}),
        json!({"unknown": 1}),
    ] {
        let reply = s.api("PATCH", &target, bad.clone());
        assert_eq!(reply.status, 422, "{bad}");
    }
    let other = s.f.sign_up("bob");
    assert_eq!(s.f.api("GET", &target, &other, Value::Null).status, 404);
    assert_eq!(
        s.f.api("GET", "/api/hooks", &other, Value::Null).json(),
        json!({"hooks": []})
    );
}

#[test]
fn other_services_are_answered_as_they_expect() {
    let s = setup();
    let (_, kosmos) = s.hook("kosmos", json!({}));
    assert_eq!(
        s.post(&kosmos, r##"{"room":"#x","message":["a","b"]}"##)
            .status,
        200
    );
    for bad in [
        r#"{"message":"a"}"#,
        r##"{"room":"#x"}"##,
        r#"{"room":1,"message":"a"}"#,
    ] {
        assert_eq!(s.post(&kosmos, bad).status, 422, "{bad}");
    }
    assert_eq!(s.post(&kosmos, "{").status, 400);
    let base = kosmos.trim_end_matches("/kosmos").to_owned();
    let robot = format!(
        "{base}/incoming/uptimerobot?room=%23x&monitorFriendlyName=A%26amp%3BB&monitorID=7&alertTypeFriendlyName=Down"
    );
    assert_eq!(s.f.request("GET", &robot, &[], "").status, 200);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let payload = "payload=%7B%22room%22%3A%22%23x%22%2C%22message%22%3A%22ohai%22%7D";
    assert_eq!(s.f.request("POST", &kosmos, &form, payload).status, 200);
    let (_, sms) = s.hook("sms", json!({}));
    for _ in 0..2 {
        let reply = s.f.request(
            "POST",
            &sms,
            &form,
            "MessageSid=SM1&From=%2B15551234567&Body=hello",
        );
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (200, "text/xml; charset=utf-8")
        );
        assert!(reply.text().contains("<Response>"));
    }
    let (_, generic) = s.hook("json", json!({"template": "{who|upper} did {what}"}));
    assert_eq!(s.post(&generic, r#"{"who":"ann","what":"it"}"#).status, 200);
    let mut lines: Vec<String> = s
        .outbox()
        .iter()
        .map(|item| item["lines"].to_string())
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            r#"["ANN did it"]"#,
            r#"["[SMS from +15551234567] hello"]"#,
            r##"["[UptimeRobot] A&B is down - https://uptimerobot.com/dashboard.php#7"]"##,
            r#"["a","b"]"#,
            r#"["ohai"]"#,
        ]
    );
}

#[test]
fn bounds_hold() {
    let s = setup();
    let (_, path) = s.hook("slack", json!({}));
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(1024 * 1024));
    let reply = s.post(&path, &large);
    assert_eq!(reply.status, 413);
    assert!(reply.detail().contains("1048576"));
    let statuses = (0..125).map(|_| s.post(&path, r#"{"text":"x"}"#));
    let refused: Vec<Reply> = statuses.filter(|reply| reply.status == 429).collect();
    assert_eq!(refused.len(), 6);
    assert_eq!(refused[0].header("retry-after"), "1");
    for _ in 0..99 {
        s.hook("slack", json!({}));
    }
    let body = json!({"source": "slack", "connection": s.connection, "channel": "#dev"});
    assert_eq!(s.api("POST", "/api/hooks", body).status, 409);
}

#[test]
fn old_deliveries_are_forgotten() {
    let s = setup();
    let (hook, path) = s.hook("github", json!({"secret": null}));
    s.github(&path, "", "1", "push", PUSH);
    s.f.host().advance(6 * 24 * 60 * 60 * 1000);
    s.github(&path, "", "2", "push", PUSH);
    let alice = "alice".parse().unwrap();
    assert_eq!(block_on(s.f.webhooks.sweep_hooks(&alice)).unwrap(), 0);
    s.f.host().advance(2 * 24 * 60 * 60 * 1000);
    assert_eq!(block_on(s.f.webhooks.sweep_hooks(&alice)).unwrap(), 1);
    assert_eq!(s.deliveries(&hook).len(), 1);
    assert_eq!(s.outbox().len(), 2);
    let ids: Vec<Value> = s.outbox().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(s.connector("POST", &json!({"done": ids})).status, 204);
    s.f.host().advance(8 * 24 * 60 * 60 * 1000);
    assert_eq!(block_on(s.f.webhooks.sweep_hooks(&alice)).unwrap(), 1);
    assert!(
        !s.f.memory()
            .keys()
            .iter()
            .any(|key| key.contains("deliveries"))
    );
}
