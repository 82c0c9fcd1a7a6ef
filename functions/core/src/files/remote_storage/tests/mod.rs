//! The storage over HTTP.

mod access;
mod refused;

use crate::testing::{Reply, TestFunctions, functions, functions_with};

struct App {
    functions: TestFunctions,
    token: String,
}

fn app(scopes: &str) -> App {
    app_with(functions(), scopes)
}

fn app_with(functions: TestFunctions, scopes: &str) -> App {
    functions.sign_up("alice");
    let token = format!("Bearer {}", functions.grant("alice", scopes));
    App { functions, token }
}

impl App {
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut all = vec![("authorization", self.token.as_str())];
        all.extend_from_slice(headers);
        let target = format!("/storage/alice{path}");
        self.functions
            .request(method, &target, &all, body.to_owned())
    }

    fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "")
    }

    fn put(&self, path: &str, body: &str) -> Reply {
        self.send("PUT", path, &[("content-type", "text/plain")], body)
    }

    fn anonymous(&self, method: &str, path: &str) -> Reply {
        let target = format!("/storage/alice{path}");
        self.functions.request(method, &target, &[], "")
    }
}

#[test]
fn a_document_comes_back_as_it_was_stored() {
    let app = app("notes:rw");
    let kind = "text/plain; charset=binary;  Odd=\"1\"";
    let put = app.send(
        "PUT",
        "/notes/a%20b%2B%25.txt",
        &[("content-type", kind)],
        "h\u{e9}llo",
    );
    assert_eq!(put.status, 201);
    let etag = put.header("etag").to_owned();
    assert!(
        etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2,
        "{etag}"
    );
    let get = app.get("/notes/a%20b%2B%25.txt");
    assert_eq!((get.status.as_u16(), get.text()), (200, "h\u{e9}llo"));
    assert_eq!(get.header("content-type"), kind);
    assert_eq!(get.header("content-length"), "6");
    assert_eq!(get.header("etag"), etag);
    assert_eq!(get.header("cache-control"), "no-cache");
    assert_eq!(get.header("last-modified"), "Thu, 15 Jan 2026 10:00:00 GMT");
    assert!(
        get.header("content-security-policy")
            .starts_with("sandbox;")
    );
    let head = app.send("HEAD", "/notes/a%20b%2B%25.txt", &[], "");
    assert_eq!((head.status.as_u16(), head.text()), (200, ""));
    for name in [
        "content-type",
        "content-length",
        "etag",
        "cache-control",
        "last-modified",
    ] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    let again = app.put("/notes/a%20b%2B%25.txt", "");
    assert_eq!(again.status, 200);
    assert_ne!(again.header("etag"), etag);
    let get = app.get("/notes/a%20b%2B%25.txt");
    assert_eq!((get.header("content-length"), get.text()), ("0", ""));
}

#[test]
fn conditions_of_reads() {
    let app = app("notes:rw");
    app.put("/notes/a", "1");
    for path in ["/notes/a", "/notes/"] {
        let etag = app.get(path).header("etag").to_owned();
        for method in ["GET", "HEAD"] {
            for matching in [
                etag.clone(),
                format!("\"x\", {etag}"),
                "*".into(),
                format!("W/{etag}"),
            ] {
                let reply = app.send(method, path, &[("if-none-match", &matching)], "");
                assert_eq!(reply.status, 304, "{method} {path} {matching}");
                assert_eq!(reply.header("etag"), etag);
                assert_eq!(reply.header("access-control-allow-origin"), "*");
                assert!(reply.body.is_empty());
            }
            let reply = app.send(method, path, &[("if-none-match", "\"x\", \"y\"")], "");
            assert_eq!(reply.status, 200, "{method} {path}");
        }
        let bad = app.send("GET", path, &[("if-none-match", "\"x")], "");
        assert_eq!(bad.status, 400);
    }
}

#[test]
fn a_read_is_not_answered_from_another_version_than_it_names() {
    let app = app("notes:rw");
    app.put("/notes/a", "1");
    for path in ["/notes/a", "/notes/"] {
        let etag = app.get(path).header("etag").to_owned();
        for method in ["GET", "HEAD"] {
            for matching in [etag.clone(), format!("\"x\", {etag}"), "*".into()] {
                let reply = app.send(method, path, &[("if-match", &matching)], "");
                assert_eq!(reply.status, 200, "{method} {path} {matching}");
            }
            // The comparison is strong, and is made before all other conditions.
            for others in [
                vec![("if-match", "\"x\", \"y\"".to_owned())],
                vec![("if-match", format!("W/{etag}"))],
                vec![
                    ("if-match", "\"x\"".to_owned()),
                    ("if-none-match", etag.clone()),
                ],
                vec![
                    ("if-match", "\"x\"".to_owned()),
                    ("if-none-match", "*".to_owned()),
                ],
                vec![
                    ("if-match", "\"x\"".to_owned()),
                    ("range", "bytes=0-0".to_owned()),
                ],
            ] {
                let headers: Vec<(&str, &str)> = others
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                let reply = app.send(method, path, &headers, "");
                assert_eq!(reply.status, 412, "{method} {path} {headers:?}");
                assert_eq!(reply.header("etag"), etag);
            }
            let both = [
                ("if-match", etag.as_str()),
                ("if-none-match", etag.as_str()),
            ];
            assert_eq!(app.send(method, path, &both, "").status, 304);
        }
        let bad = app.send("GET", path, &[("if-match", "\"x")], "");
        assert_eq!(bad.status, 400);
    }
    let part = [("if-match", "*"), ("range", "bytes=0-0")];
    assert_eq!(app.send("GET", "/notes/a", &part, "").status, 206);
    let missing = app.send("GET", "/notes/none", &[("if-match", "*")], "");
    assert_eq!(missing.status, 404);
}

#[test]
fn conditions_of_writes() {
    let app = app("notes:rw");
    let text = ("content-type", "text/plain");
    let put =
        |condition: (&str, &str), body: &str| app.send("PUT", "/notes/a", &[text, condition], body);
    let missing = put(("if-match", "\"x\""), "0");
    assert_eq!((missing.status.as_u16(), missing.header("etag")), (412, ""));
    assert_eq!(put(("if-match", "*"), "0").status, 412);
    let created = put(("if-none-match", "*"), "1");
    assert_eq!(created.status, 201);
    let first = created.header("etag").to_owned();
    let refused = put(("if-none-match", "*"), "2");
    assert_eq!(
        (refused.status.as_u16(), refused.header("etag")),
        (412, first.as_str())
    );
    let second = put(("if-match", &first), "2");
    assert_eq!(second.status, 200);
    let second = second.header("etag").to_owned();
    let stale = put(("if-match", &first), "3");
    assert_eq!(
        (stale.status.as_u16(), stale.header("etag")),
        (412, second.as_str())
    );
    // Weak tags never match a write (RFC 9110, section 13.1.1).
    assert_eq!(put(("if-match", &format!("W/{second}")), "3").status, 412);
    let unless = |tag: &str, body: &str| {
        let headers = [("content-type", "text/plain"), ("if-none-match", tag)];
        app.send("PUT", "/notes/a", &headers, body)
    };
    let refused = unless(&format!("\"x\", W/{second}"), "3");
    assert_eq!(
        (refused.status.as_u16(), refused.header("etag")),
        (412, second.as_str())
    );
    // The same bytes again: conditions are not about content.
    let second = unless("\"x\"", "2");
    assert_eq!(second.status, 200);
    let second = second.header("etag").to_owned();
    let created = app.send(
        "PUT",
        "/notes/new",
        &[
            ("content-type", "text/plain"),
            ("if-none-match", "\"match me\""),
        ],
        "1",
    );
    assert_eq!(created.status, 201);
    assert_eq!(app.get("/notes/a").text(), "2");

    let delete = |condition: (&str, &str)| app.send("DELETE", "/notes/a", &[condition], "");
    let stale = delete(("if-none-match", &second));
    assert_eq!(stale.status, 412);
    assert_eq!(delete(("if-none-match", "*")).status, 412);
    let nothing = |condition| app.send("DELETE", "/notes/none", &[condition], "");
    assert_eq!(nothing(("if-match", "\"match me\"")).status, 412);
    assert_eq!(nothing(("if-match", "*")).status, 412);
    assert_eq!(nothing(("if-none-match", "*")).status, 404);
    assert_eq!(nothing(("if-none-match", "\"x\"")).status, 404);
    let stale = delete(("if-match", &first));
    assert_eq!(
        (stale.status.as_u16(), stale.header("etag")),
        (412, second.as_str())
    );
    let deleted = delete(("if-match", &second));
    assert_eq!(
        (deleted.status.as_u16(), deleted.header("etag")),
        (200, second.as_str())
    );
    let gone = delete(("if-match", &second));
    assert_eq!((gone.status.as_u16(), gone.header("etag")), (412, ""));
    let gone = app.send("DELETE", "/notes/a", &[], "");
    assert_eq!((gone.status.as_u16(), gone.header("etag")), (404, ""));
    assert_eq!(app.get("/notes/a").status, 404);
}

#[test]
fn folders_list_what_is_in_them() {
    let app = app("*:rw");
    let empty = app.get("/notes/");
    assert_eq!(empty.status, 200);
    assert_eq!(empty.json()["items"], serde_json::json!({}));
    assert!(!empty.header("etag").is_empty());
    app.put("/notes/a%20%C3%A9", "x");
    app.put("/notes/deep/er/b", "12345");
    app.put("/top", "t");
    let listing = app.get("/notes/");
    assert_eq!(listing.header("content-type"), "application/ld+json");
    assert_eq!(
        listing.header("content-length"),
        listing.body.len().to_string()
    );
    let head = app.send("HEAD", "/notes/", &[], "");
    assert_eq!(
        head.header("content-length"),
        listing.header("content-length")
    );
    let items = listing.json();
    assert_eq!(
        items["@context"],
        "http://remotestorage.io/spec/folder-description"
    );
    let document = app.get("/notes/a%20%C3%A9");
    let item = &items["items"]["a \u{e9}"];
    assert_eq!(
        format!("\"{}\"", item["ETag"].as_str().unwrap()),
        document.header("etag")
    );
    assert_eq!(
        (&item["Content-Length"], &item["Content-Type"]),
        (&1.into(), &"text/plain".into())
    );
    assert_eq!(item["Last-Modified"], document.header("last-modified"));
    let deep = app.get("/notes/deep/");
    let etag = items["items"]["deep/"]["ETag"].as_str().unwrap();
    assert_eq!(format!("\"{etag}\""), deep.header("etag"));
    let root = app.get("/").json();
    assert!(
        root["items"]["notes/"].is_object() && root["items"]["top"].is_object(),
        "{root}"
    );

    // A change deep below changes the version of every ancestor, also after the listings were cached; siblings keep
    // theirs.
    let before = (
        app.get("/").header("etag").to_owned(),
        listing.header("etag").to_owned(),
    );
    app.put("/notes/deep/other", "y");
    app.send("DELETE", "/notes/deep/er/b", &[], "");
    let after = app.get("/notes/");
    assert_ne!(after.header("etag"), before.1);
    assert_ne!(app.get("/").header("etag"), before.0);
    assert_eq!(after.json()["items"]["a \u{e9}"], *item);
    assert_eq!(
        app.get("/notes/deep/").json()["items"]
            .as_object()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn names_of_every_kind() {
    let app = app("*:rw");
    for name in [
        "%23kosmos%40irc.libera.chat",
        "%3F",
        "'",
        "%22",
        "a+b",
        "%F0%9F%98%80",
        "e%CC%81",
        "a:b",
        "(x)~*!",
        &"n".repeat(200),
    ] {
        assert_eq!(
            app.put(&format!("/notes/{name}"), name).status,
            201,
            "{name}"
        );
        assert_eq!(app.get(&format!("/notes/{name}")).text(), name);
    }
    for bad in [
        "/notes/%00",
        "/notes/..",
        "/notes/../x",
        "/notes/./x",
        "/notes/%2E%2E/x",
        "/notes//x",
        "/notes/%FF",
        "/notes/a%2Fb",
    ] {
        for method in ["GET", "DELETE"] {
            let reply = app.send(method, bad, &[], "");
            assert_eq!(reply.status, 400, "{method} {bad}");
            assert!(!reply.detail().is_empty());
        }
        assert_eq!(app.put(bad, "x").status, 400, "{bad}");
    }
}

#[test]
fn clashes_of_documents_and_folders() {
    let app = app("*:rw");
    app.put("/notes/a/b", "x");
    assert_eq!(app.put("/notes/a", "x").status, 409);
    assert_eq!(app.put("/notes/a/b/c", "x").status, 409);
    assert_eq!(app.get("/notes/a/b").text(), "x");
    for method in ["PUT", "DELETE"] {
        let reply = app.send(method, "/notes/a/", &[("content-type", "text/plain")], "x");
        assert_eq!(
            (reply.status.as_u16(), reply.header("allow")),
            (405, "GET, HEAD, OPTIONS")
        );
    }
    let reply = app.send("PATCH", "/notes/a/b", &[], "x");
    assert_eq!(
        (reply.status.as_u16(), reply.header("allow")),
        (405, "GET, HEAD, PUT, DELETE, OPTIONS")
    );
}

#[test]
fn what_a_put_must_not_carry() {
    let app = app("notes:rw");
    let put = |headers: &[(&str, &str)]| app.send("PUT", "/notes/a", headers, "x").status;
    assert_eq!(put(&[]), 400);
    assert_eq!(put(&[("content-type", "nonsense")]), 400);
    assert_eq!(
        put(&[
            ("content-type", "text/plain"),
            ("content-range", "bytes 0-1/2")
        ]),
        400
    );
    assert_eq!(
        put(&[("content-type", "text/plain"), ("content-encoding", "gzip")]),
        415
    );
    assert_eq!(app.get("/notes/a").status, 404);
}

#[test]
fn limits() {
    let small = functions_with(|config| {
        config.max_document_size = 10;
        config.default_quota = Some(25);
    });
    let app = app_with(small, "notes:rw");
    assert_eq!(app.put("/notes/a", "0123456789").status, 201);
    let large = app.put("/notes/b", "0123456789a");
    assert_eq!(large.status, 413);
    assert!(large.detail().contains("10 bytes"));
    let length = ("content-length", "11");
    let announced = app.send(
        "PUT",
        "/notes/b",
        &[("content-type", "text/plain"), length],
        "0123456789a",
    );
    assert_eq!(announced.status, 413);
    assert_eq!(app.put("/notes/b", "0123456789").status, 201);
    let full = app.put("/notes/c", "0123456789");
    assert_eq!(full.status, 507);
    assert_eq!(full.header("access-control-allow-origin"), "*");
    assert_eq!(app.put("/notes/c", "01234").status, 201);
    assert_eq!(
        app.get(&format!("/notes/{}", "x".repeat(20_000))).status,
        414
    );
}

#[test]
fn names_and_paths_have_bounds() {
    let app = app("notes:rw");
    for (path, status) in [
        (format!("/notes/{}", "x".repeat(768)), 201),
        (format!("/notes/{}", "x".repeat(769)), 414),
        (format!("/notes/{}", "%C3%A4".repeat(385)), 414),
        (format!("/notes{}", "/x".repeat(1_022)), 414),
    ] {
        assert_eq!(app.put(&path, "1").status, status, "{path}");
        let status = if status == 201 { 200 } else { status };
        assert_eq!(app.get(&path).status, status, "{path}");
    }
}

#[test]
fn ranges() {
    let app = app("notes:rw");
    let etag = app.put("/notes/a", "0123456789").header("etag").to_owned();
    let get = |range: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("range", range)];
        headers.extend_from_slice(more);
        app.send("GET", "/notes/a", &headers, "")
    };
    for (range, content_range, text) in [
        ("bytes=0-3", "bytes 0-3/10", "0123"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=5-99", "bytes 5-9/10", "56789"),
    ] {
        let reply = get(range, &[]);
        assert_eq!(
            (reply.status.as_u16(), reply.text()),
            (206, text),
            "{range}"
        );
        assert_eq!(reply.header("content-range"), content_range);
        assert_eq!(reply.header("content-length"), text.len().to_string());
        assert_eq!(
            (reply.header("etag"), reply.header("accept-ranges")),
            (etag.as_str(), "bytes")
        );
    }
    for outside in ["bytes=10-", "bytes=-0"] {
        let reply = get(outside, &[]);
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-range")),
            (416, "bytes */10"),
            "{outside}"
        );
    }
    for ignored in ["bytes=0-1,3-4", "bytes=x", "items=0-1"] {
        assert_eq!(get(ignored, &[]).status, 200, "{ignored}");
    }
    assert_eq!(get("bytes=0-3", &[("if-range", &etag)]).status, 206);
    assert_eq!(
        get(
            "bytes=0-3",
            &[("if-range", "Thu, 15 Jan 2026 10:00:00 GMT")]
        )
        .status,
        206
    );
    for other in [
        "\"x\"",
        &format!("W/{etag}"),
        "Thu, 15 Jan 2026 10:00:01 GMT",
    ] {
        assert_eq!(
            get("bytes=0-3", &[("if-range", other)]).text(),
            "0123456789",
            "{other}"
        );
    }
    assert_eq!(get("bytes=0-3", &[("if-none-match", &etag)]).status, 304);
}
