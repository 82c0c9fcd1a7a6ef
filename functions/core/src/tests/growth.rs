//! Doubling the parameters or conditions of a request at most about doubles the work.
//!
//! Work is what [`crate::kernel::work::look`] counts, so the result is the same on every machine.

use crate::kernel::work::steps_of;
use crate::testing::{ORIGIN, functions};

/// How often something is repeated.
const FEW: usize = 300;

/// Creates one request with this many of something.
type Ask<'a> = &'a dyn Fn(usize) -> (&'static str, String, Vec<(&'static str, String)>, String);

#[test]
fn twice_the_request_is_twice_the_work() {
    let f = functions();
    f.sign_up("alice");
    let app = f.grant("alice", "notes:rw");
    let bearer = format!("Bearer {app}");
    let note = f.request(
        "PUT",
        "/storage/alice/notes/a",
        &[("authorization", &bearer), ("content-type", "text/plain")],
        "text",
    );
    assert_eq!(note.status, 201, "{note:?}");
    let bearer = || ("authorization", bearer.clone());
    let form = || {
        let kind = "application/x-www-form-urlencoded".to_owned();
        vec![("content-type", kind), ("origin", ORIGIN.to_owned())]
    };
    let page = |more: &str| {
        format!(
            "/oauth/authorize/alice?redirect_uri=https%3A%2F%2Fapp.example%2F&scope=notes%3Ar{more}"
        )
    };
    let note = || "/storage/alice/notes/a".to_owned();
    for sign in [
        "a=b&",
        "scope=x&",
        "&",
        "=",
        "%41=%",
        "resource=acct:x&",
        "\"a\",",
        ",",
        "W/\"a\" ",
        "a ",
        "0",
        "-",
    ] {
        let asks: [Ask<'_>; 7] = [
            &|n| {
                (
                    "GET",
                    page(&format!("&{}", sign.replace(['"', ' '], "").repeat(n))),
                    vec![],
                    String::new(),
                )
            },
            &|n| ("POST", page(""), form(), sign.repeat(n)),
            &|n| ("POST", "/oauth/token".to_owned(), form(), sign.repeat(n)),
            &|n| {
                let query = sign.replace(['"', ' '], "").repeat(n);
                (
                    "GET",
                    format!("/.well-known/webfinger?{query}"),
                    vec![],
                    String::new(),
                )
            },
            &|n| {
                (
                    "GET",
                    note(),
                    vec![bearer(), ("if-none-match", sign.repeat(n))],
                    String::new(),
                )
            },
            &|n| {
                (
                    "DELETE",
                    note(),
                    vec![
                        bearer(),
                        ("if-match", format!("\"none\", {}", sign.repeat(n))),
                    ],
                    String::new(),
                )
            },
            &|n| {
                (
                    "GET",
                    note(),
                    vec![bearer(), ("range", format!("bytes=0{}-", sign.repeat(n)))],
                    String::new(),
                )
            },
        ];
        for (which, ask) in asks.into_iter().enumerate() {
            let steps = |n: usize| {
                let (method, target, headers, body) = ask(n);
                let headers: Vec<(&str, &str)> = headers
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                let (steps, reply) = steps_of(|| f.request(method, &target, &headers, body));
                assert!(reply.status.as_u16() < 500, "{method} {target}: {reply:?}");
                steps
            };
            let (one, two) = (steps(FEW), steps(2 * FEW));
            assert!(two <= 2 * one + 1_000, "{which} {sign:?}: {one} and {two}");
        }
    }
    // The counter counts what is there.
    let seen = steps_of(|| f.request("GET", &page(&"&a=b".repeat(FEW)), &[], "")).0;
    assert!(seen >= 4 * FEW, "{seen}");
    let tags = "\"a\",".repeat(FEW);
    let headers = [
        ("authorization", &*format!("Bearer {app}")),
        ("if-none-match", &*tags),
    ];
    let seen = steps_of(|| f.request("GET", &note(), &headers, "")).0;
    assert!(seen >= FEW, "{seen}");
}
