//! Many concurrent requests, and bodies that expand.

use std::io::Write;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use storage_adapter::memory::Faults;
use storage_adapter::{ObjectStore, PutMode};

use super::{Setup, setup, setup_of};
use crate::kernel::guard::ClientAddress;
use crate::testing::{block_on, functions_with};
use crate::webhooks::key;

/// Sends concurrent requests, each waiting for the store between its steps; returns the statuses.
fn at_once(s: &Setup, requests: Vec<Request<Full<Bytes>>>) -> Vec<u16> {
    s.f.memory().set_faults(Faults {
        seed: 1,
        delay: 3,
        ..Faults::default()
    });
    let answers = requests.into_iter().map(|request| {
        let answer = s.f.handle(request, ClientAddress::UNKNOWN);
        async move { answer.await.status().as_u16() }
    });
    let statuses = block_on(join_all(answers));
    s.f.memory().set_faults(Faults::default());
    statuses
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|&&found| found == status).count()
}

#[test]
fn counters_in_the_store_hold_for_events_that_come_at_once() {
    let s = setup_of(functions_with(|config| config.shared_counters = true));
    let (hook, path) = s.hook("slack", json!({}));
    let send = |times: usize| {
        let request = || {
            Request::post(path.as_str())
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from_static(br#"{"text":"x"}"#)))
                .unwrap()
        };
        at_once(&s, (0..times).map(|_| request()).collect())
    };
    // The clock stands still, so one burst is allowed. Requests that find the counter too busy are told to retry.
    let mut taken = 0;
    for _ in 0..20 {
        let statuses = send(40);
        assert_eq!(
            count(&statuses, 200) + count(&statuses, 429) + count(&statuses, 503),
            40,
            "{statuses:?}"
        );
        taken += count(&statuses, 200);
    }
    assert_eq!(taken, 120);
    assert_eq!(count(&send(3), 429), 3);
    s.f.host().advance(8_000);
    assert_eq!(count(&send(40), 200), 8);
    let account = "alice".parse().unwrap();
    let hook = hook["id"].as_str().unwrap();
    let counters = || {
        block_on(s.f.kernel.list_keys(&key::rates(&account, hook)))
            .unwrap()
            .len()
    };
    assert_eq!(counters(), 8);
    let target = format!("/api/hooks/{hook}");
    assert_eq!(s.api("DELETE", &target, Value::Null).status, 204);
    assert_eq!(counters(), 0);
}

#[test]
fn hooks_made_at_once_are_no_more_than_an_account_may_have() {
    let s = setup();
    for _ in 0..95 {
        s.hook("slack", json!({}));
    }
    let bearer = format!("Bearer {}", s.session);
    let body =
        json!({"source": "slack", "connection": s.connection, "channel": "#dev"}).to_string();
    let request = || {
        Request::post("/api/hooks")
            .header("authorization", &bearer)
            .body(Full::new(Bytes::from(body.clone())))
            .unwrap()
    };
    let mut made = 0;
    for _ in 0..4 {
        let statuses = at_once(&s, (0..10).map(|_| request()).collect());
        made += count(&statuses, 201);
    }
    let hooks = || {
        s.api("GET", "/api/hooks", Value::Null).json()["hooks"]
            .as_array()
            .unwrap()
            .clone()
    };
    assert_eq!((made, hooks().len()), (5, 100));
    // The place of a deleted one is free at once.
    let id = hooks()[99]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        s.api("DELETE", &format!("/api/hooks/{id}"), Value::Null)
            .status,
        204
    );
    assert_eq!(count(&at_once(&s, vec![request()]), 201), 1);
}

#[test]
fn a_clock_that_is_set_back_closes_nothing() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    for shared in [false, true] {
        let s = setup_of(functions_with(|config| config.shared_counters = shared));
        let (_, path) = s.hook("slack", json!({}));
        assert_eq!(s.post(&path, r#"{"text":"one"}"#).status, 200);
        // Creations that were interrupted.
        let making: Vec<Value> = (0..100)
            .map(|n| json!({"id": n.to_string(), "since": s.f.kernel.now()}))
            .collect();
        let ledger = json!({"version": 1, "making": making});
        let name = key::ledger(&"alice".parse().unwrap());
        block_on(s.f.kernel.store(&name, &ledger, PutMode::Overwrite)).unwrap();
        s.f.host().advance(-DAY_MS);
        for _ in 0..20 {
            assert_eq!(s.post(&path, r#"{"text":"two"}"#).status, 200, "{shared}");
        }
        s.hook("slack", json!({}));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bodies_that_are_packed_or_no_json_are_understood_or_refused() {
    let s = setup();
    let (_, path) = s.hook("json", json!({}));
    let send = |kind: &str, encoding: &str, body: &[u8]| {
        let headers = [("content-type", kind), ("content-encoding", encoding)];
        s.f.request("POST", &path, &headers, Bytes::copy_from_slice(body))
    };
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    for (kind, encoding, body, lines) in [
        (
            json,
            "gzip",
            gzip(br#"{"text":"packed"}"#),
            json!(["packed"]),
        ),
        (
            json,
            "identity",
            b"\xef\xbb\xbf{\"text\":\"a\nb\"}".to_vec(),
            json!(["a", "b"]),
        ),
        (
            form,
            "identity",
            b"Backup successful".to_vec(),
            json!(["Backup successful"]),
        ),
    ] {
        let reply = send(kind, encoding, &body);
        assert_eq!(
            (reply.status.as_u16(), reply.json()["lines"].clone()),
            (200, lines)
        );
    }
    for (encoding, body, status) in [
        ("br", b"{}".to_vec(), 415),
        ("gzip", b"{}".to_vec(), 400),
        ("gzip", gzip(&vec![b' '; 20 << 20]), 413),
        ("identity", br#"{"":0},"#.repeat(1 << 17), 400),
        (
            "identity",
            [&b"["[..], &br#"{"":0},"#.repeat(1 << 17), b"0]"].concat(),
            413,
        ),
    ] {
        let reply = send(json, encoding, &body);
        assert_eq!(reply.status, status, "{}", reply.detail());
    }
}

/// GitHub signs the plain body; others might sign the compressed one.
#[test]
fn a_signature_is_of_the_body_packed_or_not() {
    let s = setup();
    let (hook, path) = s.hook("github", json!({}));
    let secret = hook["secret"].as_str().unwrap();
    let packed = gzip(super::PUSH.as_bytes());
    let send = |signature: &str| {
        let headers = [
            ("content-encoding", "gzip"),
            ("x-github-event", "push"),
            ("x-hub-signature-256", signature),
        ];
        s.f.request("POST", &path, &headers, Bytes::from(packed.clone()))
    };
    assert_eq!(send(&super::sign(secret, super::PUSH)).status, 200);
    assert_eq!(send(&super::sign_bytes(secret, &packed)).status, 200);
    assert_eq!(send(&super::sign(secret, "{}")).status, 403);
}

#[test]
fn a_damaged_record_stops_nothing_but_itself() {
    let s = setup();
    let (hook, path) = s.hook("slack", json!({}));
    let (other, _) = s.hook("slack", json!({}));
    for _ in 0..2 {
        assert_eq!(s.post(&path, r#"{"text":"x"}"#).status, 200);
    }
    let damage = |name: &str| {
        let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from_static(
            b"{\"a\":",
        ))]));
        block_on(s.f.memory().put(name, body, PutMode::Overwrite)).unwrap();
    };
    let keys = s.f.memory().keys();
    damage(
        keys.iter()
            .find(|key| key.contains("/deliveries/"))
            .unwrap(),
    );
    let ids: Vec<Value> = s.outbox().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(s.connector("POST", &json!({"done": ids})).status, 204);
    assert!(s.outbox().is_empty());
    let shown = s.deliveries(&hook);
    assert_eq!(
        (shown.len(), &shown[0]["outcome"]),
        (1, &json!("delivered"))
    );
    damage(&format!(
        "accounts/alice/hooks/{}.json",
        other["id"].as_str().unwrap()
    ));
    let hooks = s.api("GET", "/api/hooks", Value::Null).json();
    assert_eq!(hooks["hooks"].as_array().unwrap().len(), 1);
    s.f.host().advance(8 * 24 * 60 * 60 * 1000);
    let alice = "alice".parse().unwrap();
    assert_eq!(block_on(s.f.webhooks.sweep_hooks(&alice)).unwrap(), 2);
}
