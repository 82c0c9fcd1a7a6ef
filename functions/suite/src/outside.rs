//! What the server reveals to outsiders: the table in `SECURITY.md`, line by line.

use futures_util::StreamExt;
use protocol::{CONNECTOR_HEADER, SIGNATURE_HEADER, TIME_HEADER, Timestamp, sign_request};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::addresses::{Line, Opens, documented, line_of, lines};
use crate::{CONNECTOR, KEY, LIMIT, PASSWORD, Server, client, header, text};

/// An unrelated web page.
const ELSEWHERE: &str = "https://elsewhere.example";
/// Lines about other parts' responses; they are tested there (`infra/standalone/tests`, `connectors/gateway`).
const OF_OTHERS: [&str; 5] = [
    "`/`, `/assets/…`",
    "`/sockethub/`",
    "`/sockethub/`, namespace `/calls`",
    "`POST /sockethub/wake`",
    "`/metrics`",
];

/// All kinds of callers.
struct Visitors {
    nobody: Vec<(&'static str, String)>,
    admin: String,
    member: String,
    app: String,
}

impl Visitors {
    async fn of(server: &Server) -> Self {
        let member = sign_up(server, "bob").await;
        let app = server.token("*:rw").await;
        let irc = json!({"kind": "irc", "client": "suite"});
        let irc = server.api("POST", "/api/grants", irc).await;
        let irc = text(&irc.json().await.unwrap(), "token");
        let invite = server.api("POST", "/api/invites", Value::Null).await;
        let invite = text(&invite.json().await.unwrap(), "token");
        let revoked = sign_in(server, "bob").await;
        let gone = authorized(server, &Method::DELETE, "/api/session", &revoked);
        assert_eq!(gone.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        Self {
            nobody: vec![
                ("nonsense", "nonsense".to_owned()),
                ("an invite", invite),
                ("an IRC password", irc),
                ("a revoked session", revoked),
            ],
            admin: server.session.clone(),
            member,
            app,
        }
    }

    /// Those that an address admits, and the others. For a request that ends a session, a separate one is used.
    async fn sorted(
        &self,
        server: &Server,
        opens: Opens,
        path: &str,
    ) -> (Vec<String>, Vec<(&'static str, String)>) {
        let mut others = self.nobody.clone();
        let admin = if path == "/api/session" {
            sign_in(server, "alice").await
        } else {
            self.admin.clone()
        };
        match opens {
            // This ends all other sessions of the caller; they must not be those used next.
            Opens::Session if path == "/api/sessions" => {
                others.push(("an app", self.app.clone()));
                (vec![sign_in(server, "bob").await], others)
            }
            Opens::Session => {
                others.push(("an app", self.app.clone()));
                (vec![admin], others)
            }
            Opens::Admin => {
                others.push(("an app", self.app.clone()));
                others.push(("a member", self.member.clone()));
                (vec![admin], others)
            }
            Opens::App => {
                others.push(("a session", admin));
                others.push(("somebody else's session", self.member.clone()));
                (vec![self.app.clone()], others)
            }
            Opens::Signature | Opens::Nothing => {
                others.push(("an app", self.app.clone()));
                others.push(("a session", admin));
                (Vec::new(), others)
            }
        }
    }
}

async fn sign_up(server: &Server, name: &str) -> String {
    let invite = server.api("POST", "/api/invites", Value::Null).await;
    let invite = text(&invite.json().await.unwrap(), "token");
    let account = json!({"name": name, "password": PASSWORD, "invite": invite});
    let made = client().post(format!("{}/api/accounts", server.origin));
    let made = made.json(&account).timeout(LIMIT).send().await.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    text(&made.json().await.unwrap(), "token")
}

async fn sign_in(server: &Server, name: &str) -> String {
    let made = session(server, name, PASSWORD).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    text(&made.json().await.unwrap(), "token")
}

async fn session(server: &Server, name: &str, password: &str) -> Response {
    let account = json!({"name": name, "password": password});
    let made = client().post(format!("{}/api/session", server.origin));
    made.json(&account).timeout(LIMIT).send().await.unwrap()
}

/// A request from another page; its body, if it can have one, is an empty object.
fn request(server: &Server, method: &Method, path: &str) -> RequestBuilder {
    let request = client().request(method.clone(), format!("{}{path}", server.origin));
    let request = request.header(ORIGIN, ELSEWHERE).timeout(LIMIT);
    match *method {
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS => request,
        _ => request.header(CONTENT_TYPE, "application/json").body("{}"),
    }
}

fn authorized(server: &Server, method: &Method, path: &str, token: &str) -> RequestBuilder {
    request(server, method, path).header(AUTHORIZATION, format!("Bearer {token}"))
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Pages for people must not be readable for other pages.
fn is_page(what: &str) -> bool {
    what.contains("/oauth/authorize/")
        || what.contains("/notifications/confirm/")
        || what.contains("/notifications/unsubscribe/")
}

/// The headers of every response of the functions, whatever its status.
fn check_headers(what: &str, response: &Response) {
    assert_eq!(
        header(response, "x-content-type-options"),
        "nosniff",
        "{what}"
    );
    let policy = header(response, "content-security-policy");
    // Documents may be framed by apps' pages, in a sandbox without any permissions.
    let alone = if what.contains("/storage/") {
        "sandbox"
    } else {
        "frame-ancestors 'none'"
    };
    assert!(policy.contains(alone), "{what}: {policy}");
    assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
    assert_eq!(
        header(response, "access-control-allow-credentials"),
        "",
        "{what}"
    );
    let open = if is_page(what) { "" } else { ELSEWHERE };
    assert_eq!(
        header(response, "access-control-allow-origin"),
        open,
        "{what}"
    );
}

/// Every documented address has a line in the table, and behaves as the line states for every kind of token; every line
/// is about an address.
pub async fn every_address_opens_to_whom_the_table_says(server: Server) {
    let lines = lines();
    let visitors = Visitors::of(&server).await;
    let mut tested: Vec<&str> = OF_OTHERS.to_vec();
    let mut addresses = documented();
    addresses.extend([
        (Method::GET, "/storage/alice/notes/a".to_owned()),
        (Method::PUT, "/storage/alice/notes/a".to_owned()),
        (Method::DELETE, "/storage/alice/notes/a".to_owned()),
        (Method::PUT, "/storage/alice/public/a".to_owned()),
        (Method::GET, "/storage/alice/public/a".to_owned()),
        (Method::POST, "/hooks/0123456789abcdef".to_owned()),
        (Method::GET, "/healthz".to_owned()),
    ]);
    for (method, path) in addresses {
        let line = line_of(&lines, &method, &path);
        tested.push(&line.text);
        let what = format!("{method} {path}");
        let bare = request(&server, &method, &path).send().await.unwrap();
        check_headers(&what, &bare);
        let status = bare.status();
        if line.is_closed() {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{what} without a token");
        } else {
            check_open(line, &what, status);
        }
        let (welcome, others) = visitors.sorted(&server, line.opens, &path).await;
        if line.is_closed() {
            for (who, token) in others {
                let answer = authorized(&server, &method, &path, &token);
                let answer = answer.send().await.unwrap();
                check_headers(&what, &answer);
                let status = answer.status();
                assert!(is_refusal(status), "{what} let in {who}: {status}");
            }
        }
        for token in welcome {
            let answer = authorized(&server, &method, &path, &token);
            let status = answer.send().await.unwrap().status();
            assert!(!is_refusal(status), "{what} refused who may: {status}");
            assert!(
                !status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE,
                "{what}: {status}"
            );
        }
        check_preflight(&server, &method, &path).await;
        check_wrong_method(&server, &path).await;
    }
    let listing = request(&server, &Method::GET, "/storage/alice/public/");
    let listing = listing.send().await.unwrap().status();
    assert_eq!(
        listing,
        StatusCode::UNAUTHORIZED,
        "a listing of what is public"
    );
    for line in &lines {
        assert!(
            tested.contains(&line.text.as_str()),
            "nothing tests the line {} of SECURITY.md",
            line.text
        );
    }
}

/// An open address responds to an empty request by naming what is missing, or finds nothing.
fn check_open(line: &Line, what: &str, status: StatusCode) {
    assert_ne!(status, StatusCode::UNAUTHORIZED, "{what}: {}", line.without);
    assert!(!status.is_server_error(), "{what}: {status}");
    let empty_handed = [
        ("POST /api/accounts", StatusCode::UNPROCESSABLE_ENTITY),
        ("POST /api/session", StatusCode::UNPROCESSABLE_ENTITY),
        ("POST /hooks/", StatusCode::NOT_FOUND),
        ("GET /api/invites/", StatusCode::NOT_FOUND),
        ("GET /api/calls/", StatusCode::NOT_FOUND),
        ("POST /api/calls/", StatusCode::NOT_FOUND),
        ("GET /healthz", StatusCode::OK),
    ];
    for (start, expected) in empty_handed {
        if what.starts_with(start) {
            assert_eq!(status, expected, "{what}: {}", line.without);
        }
    }
}

/// Another page may send a preflight, and is told the method.
async fn check_preflight(server: &Server, method: &Method, path: &str) {
    if is_page(path) {
        return;
    }
    let asked = request(server, &Method::OPTIONS, path)
        .header("access-control-request-method", method.as_str());
    let answer = asked.send().await.unwrap();
    check_headers(&format!("OPTIONS {path}"), &answer);
    assert!(answer.status().is_success(), "OPTIONS {path}");
    let allowed = header(&answer, "access-control-allow-methods");
    assert!(
        allowed.split(", ").any(|one| one == method.as_str()),
        "OPTIONS {path} allows {allowed}, not {method}"
    );
    assert_eq!(header(&answer, "access-control-allow-credentials"), "");
}

/// An unknown method is refused, whoever sends it.
async fn check_wrong_method(server: &Server, path: &str) {
    let wrong = Method::from_bytes(b"PROPFIND").unwrap();
    let answer = authorized(server, &wrong, path, &server.session);
    let answer = answer.send().await.unwrap();
    let status = answer.status();
    assert!(
        status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED,
        "PROPFIND {path}: {status}"
    );
    if status == StatusCode::METHOD_NOT_ALLOWED {
        assert!(!header(&answer, "allow").is_empty(), "PROPFIND {path}");
    }
}

/// A signature is valid for one connector, request and time.
pub async fn signatures_that_do_not_fit_are_refused(server: Server) {
    let now = crate::now().millis();
    let path = "/connector/assignments";
    let send = async |id: &str, key: &[u8], signed: (&str, &str, i64, &str), time: i64| {
        let (method, target, at, body) = signed;
        let at = Timestamp::from_millis(at);
        let signature = sign_request(key, method, target, at, body.as_bytes());
        let answer = client()
            .get(format!("{}{path}", server.origin))
            .header(CONNECTOR_HEADER, id)
            .header(TIME_HEADER, time.to_string())
            .header(SIGNATURE_HEADER, signature)
            .timeout(LIMIT);
        answer.send().await.unwrap().status()
    };
    let right = ("GET", path, now, "");
    let minutes = 60_000;
    let (old, early) = (now - 6 * minutes, now + 6 * minutes);
    assert_eq!(send(CONNECTOR, KEY, right, now).await, StatusCode::OK);
    let wrong = StatusCode::UNAUTHORIZED;
    assert_eq!(
        send("irc-2", KEY, right, now).await,
        wrong,
        "another connector"
    );
    assert_eq!(
        send(CONNECTOR, b"another key", right, now).await,
        wrong,
        "another key"
    );
    assert_eq!(
        send(CONNECTOR, KEY, ("POST", path, now, ""), now).await,
        wrong,
        "another method"
    );
    assert_eq!(
        send(CONNECTOR, KEY, ("GET", "/connector/outbox", now, ""), now).await,
        wrong,
        "another address"
    );
    assert_eq!(
        send(CONNECTOR, KEY, ("GET", path, now, "{}"), now).await,
        wrong,
        "another body"
    );
    assert_eq!(
        send(CONNECTOR, KEY, right, now + 1).await,
        wrong,
        "another time"
    );
    assert_eq!(
        send(CONNECTOR, KEY, ("GET", path, old, ""), old).await,
        wrong,
        "too old"
    );
    assert_eq!(
        send(CONNECTOR, KEY, ("GET", path, early, ""), early).await,
        wrong,
        "too early"
    );
}

/// Wrong types and sizes, and a host that is not the server's.
pub async fn types_sizes_and_hosts_that_do_not_fit(server: Server) {
    let post = async |path: &str, body: Vec<u8>| {
        let request = client().post(format!("{}{path}", server.origin)).body(body);
        request.timeout(LIMIT).send().await.unwrap().status()
    };
    let session = "/api/session";
    assert_eq!(
        post(session, b"no JSON".to_vec()).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        post(session, b"[1]".to_vec()).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(post(session, vec![0xff; 10]).await, StatusCode::BAD_REQUEST);
    let too_large = StatusCode::PAYLOAD_TOO_LARGE;
    assert_eq!(post(session, vec![b' '; 64 * 1024 + 1]).await, too_large);
    assert_eq!(
        post("/oauth/token", vec![b'a'; 64 * 1024 + 1]).await,
        too_large
    );
    // Unsigned bodies are not even read.
    assert_eq!(
        post("/connector/events", vec![b' '; 100_000]).await,
        StatusCode::UNAUTHORIZED
    );

    let token = server.token("notes:rw").await;
    let untyped = client().put(server.storage("/notes/a")).bearer_auth(&token);
    let untyped = untyped.body("a").timeout(LIMIT).send().await.unwrap();
    assert_eq!(untyped.status(), StatusCode::BAD_REQUEST);

    let resource = "resource=acct:alice%40elsewhere.example";
    let head = format!(
        "GET /.well-known/webfinger?{resource} HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n"
    );
    let answer = server.raw(head.as_bytes()).await;
    assert!(!answer.contains("http://elsewhere.example"), "{answer}");
    assert!(!answer.contains("https://elsewhere.example"), "{answer}");
}

/// Passwords, tokens and hooks: guessing is slowed down, and the response contains the wait.
pub async fn whoever_guesses_is_slowed_down(server: Server) {
    sign_up(&server, "bob").await;
    let mut statuses = Vec::new();
    let mut wait = String::new();
    for _ in 0..8 {
        let answer = session(&server, "bob", "a wrong password").await;
        header(&answer, "retry-after").clone_into(&mut wait);
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses[..5], [401; 5]);
    assert!(statuses.contains(&429), "passwords: {statuses:?}");
    assert!(
        wait.parse::<u64>().is_ok_and(|seconds| seconds > 0) || statuses[7] == 401,
        "{wait}"
    );
    // Others are not affected.
    assert_eq!(
        session(&server, "alice", PASSWORD).await.status(),
        StatusCode::CREATED
    );

    let client = client();
    for (what, method, path) in [
        ("hooks", Method::POST, "/hooks/0123456789abcdef"),
        ("tokens", Method::GET, "/api/session"),
    ] {
        let guesses = (0..320).map(|n| {
            let request = client.request(method.clone(), format!("{}{path}", server.origin));
            let request = request.bearer_auth(format!("guess-{n}")).timeout(LIMIT);
            async move { request.send().await.unwrap() }
        });
        let answers: Vec<Response> = futures_util::stream::iter(guesses)
            .buffer_unordered(8)
            .collect()
            .await;
        let slowed: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status() == 429)
            .collect();
        assert!(!slowed.is_empty(), "{what} can be guessed without end");
        assert!(slowed.len() <= 30, "{what}: too early, {}", slowed.len());
        for answer in slowed {
            assert!(header(answer, "retry-after").parse::<u64>().unwrap() > 0);
        }
    }
    let about = server.api("GET", "/api/session", Value::Null).await;
    assert_eq!(about.status(), StatusCode::OK, "right tokens go on working");
}
