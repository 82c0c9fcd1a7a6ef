//! A store that fails at every step, and processes that die between steps.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use storage_adapter::memory::Faults;

use super::{PUSH, Setup, setup, sign};
use crate::kernel::guard::ClientAddress;

/// Polls a future this many times and then drops it, like a process that dies; returns whether it finished.
fn run_for(polls: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    (0..polls).any(|_| matches!(future.as_mut().poll(&mut cx), Poll::Ready(_)))
}

fn github(secret: &str, path: &str, id: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/json")
        .header("x-github-event", "push")
        .header("x-github-delivery", id)
        .header("x-hub-signature-256", sign(secret, PUSH))
        .body(Full::new(Bytes::from_static(PUSH.as_bytes())))
        .unwrap()
}

/// The connector carries out its tasks and remembers them; returns what it posted.
fn connect(s: &Setup, known: &mut Vec<String>, said: &mut Vec<String>) {
    let reply = s.connector("GET", &Value::Null);
    if reply.status != 200 {
        return;
    }
    let items = reply.json()["items"].as_array().unwrap().clone();
    let ids: Vec<String> = items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect();
    for (id, item) in ids.iter().zip(&items) {
        if !known.contains(id) {
            known.push(id.clone());
            said.push(item["source"].as_str().unwrap().to_owned());
        }
    }
    if !ids.is_empty() {
        let _perhaps_later = s.connector("POST", &json!({"done": ids}));
    }
}

#[test]
fn lost_replies_and_refusals_neither_lose_nor_double() {
    for seed in 0..15 {
        let s = setup();
        let (hook, path) = s.hook("github", json!({}));
        let secret = hook["secret"].as_str().unwrap().to_owned();
        let faults = |delay| Faults {
            seed,
            refuse: 15,
            lose_reply: 15,
            delay,
            break_off: 15,
        };
        s.f.memory().set_faults(faults(0));
        let (mut known, mut said) = (Vec::new(), Vec::new());
        for id in ["a", "b", "c"] {
            // Services repeat until they get a success response, and some repeat after that.
            let mut taken = 0;
            for _ in 0..1_000 {
                let reply = s.github(&path, &secret, id, "push", PUSH);
                assert!(matches!(reply.status.as_u16(), 200 | 503), "{reply:?}");
                taken += u32::from(reply.status == 200);
                connect(&s, &mut known, &mut said);
                if taken == 3 {
                    break;
                }
            }
            assert_eq!(taken, 3, "seed {seed}");
        }
        s.f.memory().set_faults(Faults::default());
        connect(&s, &mut known, &mut said);
        connect(&s, &mut known, &mut said);
        assert_eq!(said.len(), 3, "seed {seed}: {said:?}");
        assert!(s.outbox().is_empty());
        let shown = s.deliveries(&hook);
        assert_eq!(shown.len(), 3, "seed {seed}");
        assert!(
            shown
                .iter()
                .all(|delivery| delivery["outcome"] == "delivered"),
            "{shown:?}"
        );
    }
}

#[test]
fn a_process_that_dies_at_any_step_is_made_up_for_by_the_repeat() {
    // With delays, the future may be dropped before and after each request to the store.
    let mut broken = 0;
    for polls in 1..45 {
        let s = setup();
        let (hook, path) = s.hook("github", json!({}));
        let secret = hook["secret"].as_str().unwrap().to_owned();
        s.f.memory().set_faults(Faults {
            seed: 7,
            delay: 2,
            ..Faults::default()
        });
        let request = github(&secret, &path, "d");
        let finished = run_for(polls, s.f.handle(request, ClientAddress::UNKNOWN));
        broken += u32::from(!finished);
        s.f.memory().set_faults(Faults::default());
        let (mut known, mut said) = (Vec::new(), Vec::new());
        // With and without a connector that was faster than the repeat.
        if polls % 2 == 0 {
            connect(&s, &mut known, &mut said);
        }
        let reply = s.github(&path, &secret, "d", "push", PUSH);
        assert_eq!(reply.status, 200, "{polls}");
        connect(&s, &mut known, &mut said);
        connect(&s, &mut known, &mut said);
        assert_eq!(said.len(), 1, "{polls}");
        let shown = s.deliveries(&hook);
        assert_eq!(
            (shown.len(), shown[0]["outcome"].clone()),
            (1, json!("delivered")),
            "{polls}"
        );
        assert!(s.outbox().is_empty());
        // Nothing is left over besides the record and its mark.
        let keys = s.f.memory().keys();
        assert_eq!(
            keys.iter().filter(|key| key.contains("deliveries")).count(),
            2,
            "{keys:?}"
        );
    }
    assert!((5..42).contains(&broken), "{broken}");
}

#[test]
fn a_receipt_that_breaks_off_is_made_up_for_by_the_next() {
    for polls in (1..30).step_by(2) {
        let s = setup();
        let (hook, path) = s.hook("github", json!({}));
        let secret = hook["secret"].as_str().unwrap().to_owned();
        s.github(&path, &secret, "d", "push", PUSH);
        let item = s.outbox()[0].clone();
        let body = json!({"done": [item["id"]]}).to_string();
        let asked = ("POST", "/connector/outbox");
        let key = crate::testing::KEY;
        let mut request = Request::builder().method(asked.0).uri(asked.1);
        for (name, value) in
            protocol::signed_headers("irc-1", key, asked, s.f.kernel.now(), body.as_bytes())
        {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body.clone()))).unwrap();
        s.f.memory().set_faults(Faults {
            seed: 3,
            delay: 2,
            ..Faults::default()
        });
        run_for(polls, s.f.handle(request, ClientAddress::UNKNOWN));
        s.f.memory().set_faults(Faults::default());
        // The service repeats in between: either the task or the outcome is there.
        s.github(&path, &secret, "d", "push", PUSH);
        let outcome = s.deliveries(&hook)[0]["outcome"].clone();
        assert!(
            outcome == "delivered" || s.outbox().len() == 1,
            "{polls}: {outcome}"
        );
        s.connector("POST", &json!({"done": [item["id"]]}));
        assert_eq!(s.deliveries(&hook)[0]["outcome"], "delivered");
        assert!(s.outbox().is_empty());
    }
}
