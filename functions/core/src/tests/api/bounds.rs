//! Limits of an account, also with concurrent requests.

use futures_util::future::join_all;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use storage_adapter::memory::Faults;

use crate::kernel::config::MailService;
use crate::kernel::guard::ClientAddress;
use crate::kernel::keys;
use crate::testing::{TestFunctions, block_on, functions_with};

/// Sends this many concurrent requests, each of which waits for the store at each step.
fn at_once(f: &TestFunctions, token: &str, path: &str, bodies: &[String]) -> Vec<u16> {
    let client = ClientAddress::parse("192.0.2.1");
    let requests = bodies.iter().map(|body| {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .body(Full::from(body.clone()))
            .unwrap();
        f.handle(request, client)
    });
    let answers = block_on(join_all(requests));
    answers
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect()
}

#[test]
fn counters_are_never_over_their_bound() {
    let f = functions_with(|config| {
        config.mail = Some(MailService {
            domain: "chat.example.org".to_owned(),
            connector: "smtp-1".to_owned(),
            sends: false,
        });
    });
    let alice = f.sign_up("alice");
    let name = "alice".parse().unwrap();
    let connection = |n: usize| json!({"platform": "irc", "host": format!("h{n}.example.org")});
    let address = |n: usize| json!({"connection": "private", "channel": format!("#c{n}")});
    let call = |n: usize| json!({"target": format!("#c{n}")});
    let grant = |n: usize| json!({"kind": "irc", "client": format!("c{n}")});
    let invite = |_: usize| json!({});
    type Body<'a> = &'a dyn Fn(usize) -> serde_json::Value;
    let grants = keys::grants(&name);
    let (connections, addresses) = (keys::connections(&name), keys::mail_addresses(&name));
    for (path, prefix, most, body) in [
        (
            "/api/connections",
            connections.as_str(),
            50,
            &connection as Body<'_>,
        ),
        ("/api/addresses", &addresses, 200, &address),
        ("/api/calls", "calls/", 20, &call),
        ("/api/invites", "invites/", 100, &invite),
        ("/api/grants", &grants, 500, &grant),
    ] {
        let held = || block_on(f.kernel.list_keys(prefix)).unwrap().len();
        // One by one up to three below the limit, then eight at once.
        let mut next = 0;
        while held() < most - 3 {
            let reply = f.api("POST", path, &alice, body(next));
            assert_eq!(reply.status, 201, "{path} {next}: {reply:?}");
            next += 1;
        }
        for round in 0..3 {
            f.memory().set_faults(Faults {
                seed: round,
                delay: 3,
                ..Faults::default()
            });
            let bodies: Vec<_> = (0..8).map(|n| body(next + n).to_string()).collect();
            next += 8;
            let answers = at_once(&f, &alice, path, &bodies);
            f.memory().set_faults(Faults::default());
            assert!(held() <= most, "{path}: {} of {most}", held());
            assert!(answers.contains(&409), "{path}: {answers:?}");
        }
        let made = (0..8).filter(|n| f.api("POST", path, &alice, body(next + n)).status == 201);
        let _ = made.count();
        assert_eq!(held(), most, "{path}: it can be filled");
    }
}
