//! Access control, and that every page can read the response.

use super::app;
use crate::testing::{Reply, TestFunctions, functions};

#[test]
fn tokens_open_what_their_scopes_say() {
    let app = app("notes:rw photos:r");
    let status = |method: &str, path: &str| {
        app.send(method, path, &[("content-type", "text/plain")], "x")
            .status
            .as_u16()
    };
    for (method, path, expected) in [
        ("PUT", "/notes/a", 201),
        ("PUT", "/public/notes/a", 201),
        ("GET", "/public/notes/", 200),
        ("GET", "/photos/", 200),
        ("GET", "/photos/a", 404),
        ("PUT", "/photos/a", 403),
        ("DELETE", "/public/photos/a", 403),
        ("GET", "/other/a", 403),
        ("GET", "/", 403),
        ("GET", "/public/", 403),
        ("PUT", "/notes", 403),
        ("PUT", "/public/notes", 403),
        ("GET", "/notes", 403),
    ] {
        assert_eq!(status(method, path), expected, "{method} {path}");
    }
    app.functions.sign_up("bob");
    let other = app.functions.request(
        "GET",
        "/storage/bob/notes/a",
        &[("authorization", &app.token)],
        "",
    );
    assert_eq!(other.status, 403);
    // An impossible account name reveals no more than an existing one.
    let long = "a".repeat(32);
    for name in [
        "bob",
        "nobody",
        "Bob",
        "1",
        "%00",
        "-",
        "a.b",
        long.as_str(),
    ] {
        let ask = |method: &str, path: &str, token: &str| {
            let target = format!("/storage/{name}{path}");
            let headers = [("authorization", token), ("content-type", "text/plain")];
            let headers = if token.is_empty() {
                &headers[1..]
            } else {
                &headers
            };
            app.functions.request(method, &target, headers, "x").status
        };
        for (method, path) in [
            ("GET", "/notes/a"),
            ("PUT", "/notes/a"),
            ("DELETE", "/notes/a"),
            ("GET", "/"),
            ("GET", "/public/"),
        ] {
            assert_eq!(ask(method, path, &app.token), 403, "{method} {name}{path}");
            assert_eq!(ask(method, path, ""), 401, "{method} {name}{path}");
        }
        assert_eq!(ask("GET", "/public/a", ""), 404, "{name}");
    }
    let session = format!("Bearer {}", app.functions.sign_in("alice"));
    let reply = app.functions.request(
        "GET",
        "/storage/alice/notes/a",
        &[("authorization", &session)],
        "",
    );
    assert_eq!(reply.status, 403);
    // The scheme is case-insensitive (RFC 9110, section 11.1).
    let lower = app.token.replace("Bearer", "bearer");
    let reply = app.functions.request(
        "GET",
        "/storage/alice/notes/a",
        &[("authorization", &lower)],
        "",
    );
    assert_eq!(reply.status, 200);
}

#[test]
fn without_a_token_only_public_documents_open() {
    let app = app("*:rw");
    app.put("/public/notes/a", "x");
    app.put("/public/x", "y");
    app.put("/public", "root document");
    app.put("/notes/a", "secret");
    let public = app.anonymous("GET", "/public/notes/a");
    assert_eq!((public.status.as_u16(), public.text()), (200, "x"));
    assert_eq!(public.header("cache-control"), "no-cache, public");
    assert_eq!(
        app.anonymous("HEAD", "/public/notes/a")
            .header("content-length"),
        "1"
    );
    assert_eq!(app.anonymous("GET", "/public/x").status, 200);
    assert_eq!(app.anonymous("GET", "/public/none").status, 404);
    for (method, path) in [
        ("GET", "/public/notes/"),
        ("GET", "/public/"),
        ("GET", "/"),
        ("GET", "/notes/a"),
        ("GET", "/public"),
        ("PUT", "/public/notes/a"),
        ("DELETE", "/public/notes/a"),
    ] {
        let reply = app.anonymous(method, path);
        assert_eq!(reply.status, 401, "{method} {path}");
        assert_eq!(
            reply.header("www-authenticate"),
            "Bearer realm=\"subspace\""
        );
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
}

#[test]
fn a_revoked_token_ends_at_once() {
    let functions = functions();
    let session = functions.sign_up("alice");
    let token = functions.grant("alice", "notes:rw");
    let bearer = format!("Bearer {token}");
    let get = |functions: &TestFunctions| {
        functions.request(
            "GET",
            "/storage/alice/notes/",
            &[("authorization", &bearer)],
            "",
        )
    };
    assert_eq!(get(&functions).status, 200);
    let id = token.split('.').nth(1).unwrap();
    let revoked = functions.api(
        "DELETE",
        &format!("/api/grants/{id}"),
        &session,
        serde_json::Value::Null,
    );
    assert_eq!(revoked.status, 204);
    let reply = get(&functions);
    assert_eq!(reply.status, 401);
    assert!(reply.header("www-authenticate").contains("invalid_token"));
    for bad in [
        "",
        "nonsense",
        "alice.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &token[..token.len() - 1],
    ] {
        let bearer = format!("Bearer {bad}");
        let reply = functions.request(
            "GET",
            "/storage/alice/notes/",
            &[("authorization", &bearer)],
            "",
        );
        assert_eq!(reply.status, 401, "{bad}");
    }
}

#[test]
fn guessing_tokens_is_slowed_down_but_right_ones_go_on() {
    let app = app("notes:rw");
    let mut last = 0;
    for n in 0..400 {
        let guess = format!("Bearer alice.AAAAAAAAAAAAAAAA.{n:032}");
        let headers = [("authorization", guess.as_str())];
        last = app
            .functions
            .request("GET", "/storage/alice/notes/", &headers, "")
            .status
            .as_u16();
    }
    assert_eq!(last, 429);
    assert_eq!(app.get("/notes/").status, 200);
}

#[test]
fn every_answer_can_be_read_by_every_page() {
    let app = app("notes:rw");
    let origin = ("origin", "https://app.example");
    let preflight = app.functions.request(
        "OPTIONS",
        "/storage/alice/notes/a",
        &[origin, ("access-control-request-method", "PUT")],
        "",
    );
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), origin.1);
    assert!(
        preflight
            .header("access-control-allow-methods")
            .contains("PUT, DELETE")
    );
    for header in [
        "Authorization",
        "Content-Type",
        "If-Match",
        "If-None-Match",
        "Range",
    ] {
        assert!(
            preflight
                .header("access-control-allow-headers")
                .contains(header),
            "{header}"
        );
    }
    app.put("/notes/a", "x");
    let check = |reply: Reply, status: u16| {
        assert_eq!(reply.status, status);
        assert_eq!(
            reply.header("access-control-allow-origin"),
            origin.1,
            "{status}"
        );
        assert!(
            reply
                .header("access-control-expose-headers")
                .contains("ETag"),
            "{status}"
        );
        assert_eq!(reply.header("vary"), "Origin");
    };
    let etag = app.get("/notes/a").header("etag").to_owned();
    check(app.send("GET", "/notes/a", &[origin], ""), 200);
    check(
        app.send("GET", "/notes/a", &[origin, ("if-none-match", &etag)], ""),
        304,
    );
    check(app.send("GET", "/notes/none", &[origin], ""), 404);
    check(app.send("GET", "/other/a", &[origin], ""), 403);
    check(app.send("GET", "/notes/..", &[origin], ""), 400);
    check(app.send("PUT", "/notes/a", &[origin], ""), 400);
    check(app.send("POST", "/notes/a", &[origin], ""), 405);
    check(
        app.functions
            .request("GET", "/storage/alice/", &[origin], ""),
        401,
    );
    check(
        app.functions
            .request("GET", "/storage/Alice/", &[origin], ""),
        401,
    );
    check(app.functions.request("GET", "/nothing", &[origin], ""), 404);
    app.functions.set_down(true);
    check(app.send("GET", "/notes/a", &[origin], ""), 503);
    app.functions.set_down(false);
    check(app.send("GET", "/notes/a", &[origin], ""), 200);
}

#[test]
fn what_requests_cost() {
    let app = app("notes:rw");
    app.put("/notes/a", "x");
    let etag = app.get("/notes/").header("etag").to_owned();
    app.get("/notes/a");
    let cost = |act: &dyn Fn() -> Reply| {
        app.functions.memory().take_requests();
        act();
        app.functions.memory().take_requests().total()
    };
    // One read for the token each time.
    assert_eq!(
        cost(&|| app.send("GET", "/notes/", &[("if-none-match", &etag)], "")),
        2
    );
    assert_eq!(cost(&|| app.get("/notes/")), 2);
    assert!(cost(&|| app.get("/notes/a")) <= 3);
    assert!(cost(&|| app.put("/notes/a", "y")) <= 4);
}

#[test]
fn nothing_that_is_answered_runs_in_a_browser() {
    let functions = functions();
    functions.sign_up("alice");
    let bearer = format!("Bearer {}", functions.grant("alice", "www:rw"));
    let path = "/storage/alice/public/www/x.js";
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "text/javascript"),
    ];
    let put = functions.request("PUT", path, &headers, "1");
    let get = |headers: &[(&str, &str)]| functions.request("GET", path, headers, "");
    let range = [("range", "bytes=0-0")];
    let known = [("if-none-match", put.header("etag"))];
    let others = [
        "/storage/alice/public/www/none",
        "/storage/alice/www/x",
        "/storage/alice/..",
        "/storage/%3Cscript%3E/",
        "/api",
        "/api/none",
        "/.well-known/webfinger?resource=%3Cscript%3E",
        "/connector/events",
        "/healthz",
    ];
    let mut replies = vec![get(&[]), get(&range), get(&known)];
    replies.extend(others.map(|target| functions.request("GET", target, &[], "")));
    replies.push(put);
    for reply in replies {
        assert_eq!(
            reply.header("x-content-type-options"),
            "nosniff",
            "{reply:?}"
        );
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("sandbox; default-src 'none'"),
            "{reply:?}"
        );
    }
    for dest in ["script", "worker", "serviceworker"] {
        let same = [("sec-fetch-dest", dest), ("sec-fetch-site", "same-origin")];
        assert_eq!(get(&same).status, 403, "{dest}");
        let other = [("sec-fetch-dest", dest), ("sec-fetch-site", "cross-site")];
        assert_eq!(get(&other).status, 200, "{dest}");
    }
    let fetched = [
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(get(&fetched).status, 200);
}
