//! Archives on an external server, and everything that can fail on the way there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking and says why")]

mod common;

use std::time::Duration;

use common::away::{CHANNEL, SCOPE, World, day_path, ids, message};
use functions_suite::proxy::{After, Fault, at_random};
use functions_suite::{LIMIT, Random};
use serde_json::{Value, json};

async fn connected() -> (World, String) {
    let w = World::new().await;
    let token = w.away.authorise(SCOPE);
    let (status, view) = w.connect(&token).await;
    assert_eq!(status, 200, "{view}");
    // All requests go through the proxy.
    assert_eq!(view["root"], w.root());
    assert!(w.proxy.seen().len() > 5, "{:?}", w.proxy.seen());
    (w, token)
}

/// The messages of a day in bob's archive, which is here.
async fn of_bob(w: &World, day: &str) -> Vec<String> {
    let bob = "bob".parse().unwrap();
    let read = "chat-messages:r".parse().unwrap();
    let functions = &w.server.functions;
    let token = functions
        .identity()
        .create_grant(&bob, "test", read)
        .await
        .unwrap();
    let url = format!("{}/storage/bob/{CHANNEL}/{day}", w.server.origin);
    let answer = w.http.get(url).bearer_auth(token).send().await.unwrap();
    ids(&answer.json().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_fault_at_any_request_loses_and_doubles_nothing() {
    let (w, token) = connected().await;
    w.send_until_stored(&[message("alice", "first", 1, 0)])
        .await;
    let mut day = 1;
    for fault in [
        Fault::Cut,
        Fault::Lose,
        Fault::Break,
        Fault::Answer(503, After::Unsaid),
        Fault::Answer(403, After::Unsaid),
    ] {
        // The requests for a message that starts a day: reads, listings, and three writes.
        for at in 0.. {
            day += 1;
            let (mut count, fault) = (0, fault.clone());
            w.proxy.script(move |_| {
                count += 1;
                (count == at + 1).then(|| fault.clone())
            });
            // A single fault is no reason to wait.
            let new = message("alice", &format!("m{day}"), day, 0);
            let receipt = w.send(&[new]).await;
            assert_eq!(
                receipt,
                json!({"stored": 1, "elsewhere": ["alice"]}),
                "at {at}"
            );
            if w.proxy.seen().len() <= at {
                break;
            }
        }
    }
    assert_eq!(w.state().await["state"], "ok");
    assert!(day > 25, "{day}");
    for n in 1..=day {
        let path = day_path(n);
        let document = w.away.read(&token, &format!("{CHANNEL}/{path}")).unwrap();
        let expected = if n == 1 {
            "first".to_owned()
        } else {
            format!("m{n}")
        };
        assert_eq!(ids(&document), [expected], "{path}");
        let today = &document["today"];
        if n > 1 {
            assert_eq!(today["previous"], day_path(n - 1), "{path}");
        }
        if n < day {
            assert_eq!(today["next"], day_path(n + 1), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_random_every_accepted_message_is_there_once_and_in_order() {
    let (w, token) = connected().await;
    w.proxy.script(at_random(Random::seeded()));
    let mut expected = Vec::new();
    for n in 0..40 {
        let day = 1 + n / 10;
        let (id, bob) = (format!("a{n:02}"), format!("b{n:02}"));
        let events = [message("alice", &id, day, n), message("bob", &bob, day, n)];
        let mut tries = 0;
        loop {
            let receipt = w.send(&events).await;
            // Whatever happens to alice's, bob's is stored.
            let Some(waiting) = receipt.get("waiting") else {
                assert_eq!(receipt, json!({"stored": 2, "elsewhere": ["alice"]}));
                break;
            };
            assert_eq!(receipt["stored"], 1, "{receipt}");
            assert_eq!(waiting.as_array().unwrap().len(), 1, "{receipt}");
            assert_eq!(waiting[0]["account"], "alice", "{receipt}");
            check_told(&w.state().await, &waiting[0]);
            w.server
                .advance(waiting[0]["retry_after"].as_u64().unwrap());
            tries += 1;
            assert!(tries < 100, "it waits for ever: {receipt}");
        }
        assert_eq!(w.state().await["state"], "ok");
        expected.push((day, id, bob));
    }
    for day in 1..=4 {
        let of_day = expected.iter().filter(|(on, ..)| *on == day);
        let (alice, bob): (Vec<String>, Vec<String>) = of_day
            .map(|(_, alice, bob)| (alice.clone(), bob.clone()))
            .unzip();
        let path = day_path(day);
        assert_eq!(w.ids(&token, &path), alice);
        assert_eq!(of_bob(&w, &path).await, bob);
    }
}

/// The user sees the same as the connector.
fn check_told(told: &Value, waiting: &Value) {
    let reason = waiting["reason"].as_str().unwrap();
    let state = match reason {
        reason if reason.contains("retried") => "ok",
        reason if reason.contains("has no space left") => "full",
        reason if reason.contains("no longer accepts the authorisation") => "renew",
        _ => "unreachable",
    };
    assert_eq!(told["state"], state, "{told} {waiting}");
    if state != "ok" {
        assert_eq!(told["reason"], reason, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_when_is_asked_then_and_not_before() {
    let (w, token) = connected().await;
    for (n, after) in [After::Seconds(30), After::Date(30)]
        .into_iter()
        .enumerate()
    {
        w.proxy.script(move |_| Some(Fault::Answer(429, after)));
        let new = message("alice", &n.to_string(), 1, u32::try_from(n).unwrap());
        let receipt = w.send(std::slice::from_ref(&new)).await;
        assert_eq!(receipt["waiting"][0]["retry_after"], 30, "{receipt}");
        assert_eq!(w.proxy.seen().len(), 1, "{after:?}");
        let told = w.state().await;
        assert_eq!(told["state"], "unreachable");
        let reason = told["reason"].as_str().unwrap();
        assert!(reason.contains("answered with status 429"), "{reason}");
        w.proxy.well();
        // The machine's clock advances too, by less than ten seconds.
        w.server.advance(20);
        let receipt = w.send(std::slice::from_ref(&new)).await;
        assert_eq!(receipt["stored"], 0, "{receipt}");
        assert_eq!(w.proxy.seen(), Vec::<String>::new());
        w.server.advance(10);
        assert_eq!(
            w.send(&[new]).await,
            json!({"stored": 1, "elsewhere": ["alice"]})
        );
        assert_eq!(w.state().await["state"], "ok");
    }
    assert_eq!(w.ids(&token, "2026/01/01"), ["0", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_messages_wait_until_there_is_some() {
    let (w, token) = connected().await;
    w.proxy.script(|asked| {
        asked
            .starts_with("PUT ")
            .then_some(Fault::Answer(507, After::Unsaid))
    });
    let events = [message("alice", "1", 1, 0), message("bob", "b", 1, 0)];
    let receipt = w.send(&events).await;
    assert_eq!(receipt["stored"], 1, "{receipt}");
    assert_eq!(receipt["waiting"][0]["retry_after"], 60, "{receipt}");
    let told = w.state().await;
    assert_eq!(told["state"], "full", "{told}");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("free some there"), "{reason}");
    w.proxy.well();
    w.server.advance(60);
    assert_eq!(
        w.send(&events).await,
        json!({"stored": 2, "elsewhere": ["alice"]})
    );
    let told = w.state().await;
    assert_eq!((&told["state"], told.get("reason")), (&json!("ok"), None));
    assert_eq!(w.ids(&token, "2026/01/01"), ["1"]);
    assert_eq!(of_bob(&w, "2026/01/01").await, ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_server_that_does_not_answer() {
    let (w, token) = connected().await;
    w.proxy.script(|_| Some(Fault::Hold));
    let both = [message("alice", "1", 1, 0), message("bob", "1", 1, 0)];
    let others = async {
        // bob's messages in the same batch, and in another one.
        tokio::time::timeout(LIMIT, async {
            while of_bob(&w, "2026/01/01").await != ["1"] || w.proxy.seen().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        let receipt = w.send(&[message("bob", "2", 1, 1)]).await;
        assert_eq!(receipt, json!({"stored": 1}));
        assert_eq!(w.away.read(&token, &format!("{CHANNEL}/2026/01/01")), None);
        w.proxy.release();
    };
    let (receipt, ()) = tokio::join!(w.send(&both), others);
    assert_eq!(receipt, json!({"stored": 2, "elsewhere": ["alice"]}));
    assert_eq!(w.ids(&token, "2026/01/01"), ["1"]);
    assert_eq!(of_bob(&w, "2026/01/01").await, ["1", "2"]);
}
