//! The same over a store that refuses, loses responses and breaks off in the middle of objects.

use serde_json::{Value, json};
use storage_adapter::memory::Faults;

use super::{message, setup, signed};
use crate::testing::{PASSWORD, functions};

#[test]
fn a_store_that_fails_loses_and_doubles_nothing() {
    for seed in 0..20 {
        let s = setup();
        s.functions.memory().set_faults(Faults {
            seed,
            refuse: 10,
            lose_reply: 10,
            delay: 0,
            break_off: 10,
        });
        let mut expected = Vec::new();
        for n in 0..10 {
            let id = n.to_string();
            let events = [
                message("alice", &id, "#a", "2026-01-10T10:00:00Z", &id),
                message(
                    "alice",
                    &format!("x{id}"),
                    "#b",
                    "2026-01-10T10:00:00Z",
                    &id,
                ),
            ];
            expected.push(id);
            let body = json!({"events": events});
            let sent = (0..1000).any(|_| {
                let reply = signed(&s.functions, "POST", "/connector/events", &body);
                if reply.status == 503 {
                    return false;
                }
                assert_eq!(reply.status, 200, "{reply:?}");
                // A read that fails twice while others succeed may count as the account's own problem.
                let receipt = reply.json();
                let stored = receipt == json!({"stored": 2});
                assert!(
                    stored || receipt["waiting"][0]["account"] == "alice",
                    "{receipt}"
                );
                stored
            });
            assert!(sent);
        }
        s.functions.memory().set_faults(Faults::default());
        assert_eq!(s.texts("a/2026/01/10"), expected, "seed {seed}");
        assert_eq!(s.texts("b/2026/01/10"), expected, "seed {seed}");
    }
}

#[test]
fn an_invite_used_over_a_failing_store_makes_exactly_one_account() {
    for seed in 0..20 {
        let s = setup();
        let invite = s
            .functions
            .api("POST", "/api/invites", &s.session, Value::Null)
            .json();
        s.functions.memory().set_faults(Faults {
            seed,
            refuse: 10,
            lose_reply: 10,
            delay: 0,
            break_off: 10,
        });
        // Two people try in turn until both get an answer.
        let mut last = [503, 503];
        for _ in 0..1000 {
            for (index, name) in ["bob", "carol"].into_iter().enumerate() {
                if last[index] == 503 {
                    let body =
                        json!({"name": name, "password": PASSWORD, "invite": invite["token"]});
                    let reply = s
                        .functions
                        .request("POST", "/api/accounts", &[], body.to_string());
                    last[index] = reply.status.as_u16();
                }
            }
        }
        s.functions.memory().set_faults(Faults::default());
        let exists = |name: &str| {
            s.functions
                .memory()
                .keys()
                .contains(&format!("accounts/{name}/account.json"))
        };
        assert_eq!(
            [exists("bob"), exists("carol")]
                .into_iter()
                .filter(|exists| *exists)
                .count(),
            1,
            "{seed}: {last:?}"
        );
        // Created, or, if the response was lost, "taken" at the next attempt; the other one is refused.
        let (winner, loser) = if exists("bob") {
            (last[0], last[1])
        } else {
            (last[1], last[0])
        };
        assert!(matches!(winner, 201 | 409), "{seed}: {last:?}");
        assert_eq!(loser, 403, "{seed}");
    }
}

#[test]
fn a_store_without_any_account_refuses_nothing_permanently() {
    let functions = functions();
    let events = [message("alice", "1", "#a", "2026-01-10T10:00:00Z", "one")];
    let answer = signed(
        &functions,
        "POST",
        "/connector/events",
        &json!({"events": events}),
    );
    // Alone in its batch it may be the store that is wrong, and not the account.
    let receipt = answer.json();
    assert_eq!(receipt["refused"], Value::Null, "{receipt}");
    assert!(
        answer.status == 503 || receipt["waiting"][0]["account"] == "alice",
        "{receipt}"
    );
}
