//! OAuth from a browser's and an app's point of view.

use serde_json::Value;

use super::encode_pairs;
use crate::testing::{ORIGIN, PASSWORD, Reply, TestFunctions, block_on, functions};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const APP: &str = "https://app.example/notes";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A browser on the consent page.
struct Browser {
    functions: TestFunctions,
    target: String,
    cookie: String,
}

fn browser(more: &[(&str, &str)]) -> Browser {
    let functions = functions();
    functions.sign_up("alice");
    let mut pairs = vec![
        ("redirect_uri", APP),
        ("scope", "notes:rw *:r"),
        ("client_id", "ignored"),
    ];
    pairs.extend_from_slice(more);
    Browser {
        functions,
        target: format!("/oauth/authorize/alice?{}", encode_pairs(&pairs)),
        cookie: String::new(),
    }
}

impl Browser {
    fn get(&self) -> Reply {
        self.functions
            .request("GET", &self.target, &[("cookie", &self.cookie)], "")
    }

    fn post(&self, pairs: &[(&str, &str)], origin: &str) -> Reply {
        let headers = [("cookie", self.cookie.as_str()), ("origin", origin), FORM];
        self.functions
            .request("POST", &self.target, &headers, encode_pairs(pairs))
    }

    fn sign_in(&mut self) {
        let reply = self.post(&[("action", "sign-in"), ("password", PASSWORD)], ORIGIN);
        assert_eq!(
            (reply.status.as_u16(), reply.header("location")),
            (303, self.target.as_str())
        );
        let cookie = reply.header("set-cookie");
        for part in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/oauth"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        cookie
            .split(';')
            .next()
            .unwrap()
            .clone_into(&mut self.cookie);
    }

    fn csrf(&self) -> String {
        let page = self.get();
        let (_, rest) = page.text().split_once("name=\"csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    fn decide(&self, action: &str) -> String {
        let csrf = self.csrf();
        let reply = self.post(&[("action", action), ("csrf", &csrf)], ORIGIN);
        assert_eq!(reply.status, 303, "{reply:?}");
        reply.header("location").to_owned()
    }

    fn token(&self, pairs: &[(&str, &str)]) -> Reply {
        self.functions
            .request("POST", "/oauth/token", &[FORM], encode_pairs(pairs))
    }
}

#[test]
fn the_implicit_grant_gives_a_token_of_these_scopes() {
    let mut browser = browser(&[("state", "a b+c=d&e#f")]);
    let page = browser.get();
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("type=\"password\"") && page.text().contains("https://app.example")
    );
    let wrong = browser.post(
        &[("action", "sign-in"), ("password", "wrong password")],
        ORIGIN,
    );
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("The password is wrong."));
    browser.sign_in();
    let page = browser.get();
    for part in [
        "https://app.example",
        "Read and change your notes",
        "Read everything in your storage",
        "<strong>alice</strong>",
    ] {
        assert!(page.text().contains(part), "{part}");
    }
    assert!(!page.text().contains("<script") && !page.text().contains("ignored"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://app.example;"),
        "{policy}"
    );
    assert_eq!(page.header("access-control-allow-origin"), "");
    let location = browser.decide("allow");
    let (uri, fragment) = location.split_once('#').unwrap();
    assert_eq!(uri, APP);
    let pairs: Vec<_> = fragment
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .collect();
    assert_eq!(pairs[1], ("token_type", "bearer"));
    assert_eq!(pairs[2], ("scope", "%2A%3Ar%20notes%3Arw"));
    assert_eq!(pairs[3], ("state", "a%20b%2Bc%3Dd%26e%23f"));
    let bearer = format!("Bearer {}", pairs[0].1);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "text/plain"),
    ];
    let put = |path: &str| {
        browser
            .functions
            .request("PUT", path, &headers, "x")
            .status
            .as_u16()
    };
    assert_eq!(
        (put("/storage/alice/notes/a"), put("/storage/alice/other/a")),
        (201, 403)
    );
    let session = browser.functions.sign_in("alice");
    let grants = browser
        .functions
        .api("GET", "/api/grants", &session, Value::Null)
        .json();
    let grants = grants["grants"].as_array().unwrap();
    assert!(
        grants
            .iter()
            .any(|grant| grant["client"] == "https://app.example")
    );
}

#[test]
fn refusing_tells_the_app() {
    let mut browser = browser(&[("state", "s")]);
    let cancelled = browser.post(&[("action", "cancel")], ORIGIN);
    assert_eq!(
        cancelled.header("location"),
        format!("{APP}#error=access_denied&state=s")
    );
    browser.sign_in();
    assert_eq!(
        browser.decide("deny"),
        format!("{APP}#error=access_denied&state=s")
    );
}

#[test]
fn forms_of_others_do_nothing() {
    let mut browser = browser(&[]);
    browser.sign_in();
    let csrf = browser.csrf();
    let allow = [("action", "allow"), ("csrf", csrf.as_str())];
    assert_eq!(browser.post(&allow, "https://evil.example").status, 403);
    assert_eq!(browser.post(&allow, "null").status, 403);
    assert_eq!(
        browser
            .post(&[("action", "allow"), ("csrf", "x")], ORIGIN)
            .status,
        403
    );
    assert_eq!(browser.post(&[("action", "allow")], ORIGIN).status, 403);
    assert_eq!(browser.post(&[("csrf", &csrf)], ORIGIN).status, 400);
    // A form token is valid for one request of one app.
    let other = browser.target.replace("app.example", "evil.example");
    let headers = [("cookie", browser.cookie.as_str()), FORM];
    let reply = browser
        .functions
        .request("POST", &other, &headers, encode_pairs(&allow));
    assert_eq!(reply.status, 403);
    // Without the cookie, or with another account's, the page asks for the password.
    browser.functions.sign_up("bob");
    let bob = browser.target.replace("/alice?", "/bob?");
    let reply = browser
        .functions
        .request("POST", &bob, &headers, encode_pairs(&allow));
    assert!(reply.text().contains("type=\"password\""));
    assert!(
        browser
            .post(&allow, ORIGIN)
            .header("location")
            .contains("access_token")
    );
}

#[test]
fn the_cookie_opens_the_consent_page_and_nothing_else() {
    let mut browser = browser(&[]);
    browser.sign_in();
    let (_, token) = browser.cookie.split_once('=').unwrap();
    let f = &browser.functions;
    let api =
        |method: &str, path: &str, token: &str| f.api(method, path, token, Value::Null).status;
    for (method, path) in [
        ("GET", "/api/session"),
        ("GET", "/api/grants"),
        ("POST", "/api/tickets"),
        ("GET", "/storage/alice/notes/"),
    ] {
        assert_eq!(api(method, path, token), 403, "{method} {path}");
    }
    // A session's token is not accepted in place of the cookie.
    let session = f.sign_in("alice");
    let cookie = format!("subspace_consent={session}");
    let page = f.request("GET", &browser.target, &[("cookie", &cookie)], "");
    assert!(page.text().contains("type=\"password\""));
    // A token from when cookies were sessions is still accepted as a cookie.
    let id = token.split('.').nth(1).unwrap();
    let key = crate::kernel::keys::grant(&"alice".parse().unwrap(), id);
    block_on(
        f.kernel
            .edit::<crate::kernel::records::Grant, ()>(&key, |grant| {
                grant.kind = protocol::GrantKind::Session;
                crate::kernel::records::Edit::Write(())
            }),
    )
    .unwrap();
    assert_eq!(api("GET", "/api/session", token), 403);
    assert!(browser.get().text().contains("name=\"csrf\""));
}

#[test]
fn bad_requests_are_shown_not_redirected() {
    let browser = browser(&[]);
    let get = |target: &str| browser.functions.request("GET", target, &[], "");
    for target in [
        "/oauth/authorize/alice",
        "/oauth/authorize/alice?scope=notes:rw",
        "/oauth/authorize/alice?scope=notes:rw&redirect_uri=javascript:alert(1)",
    ] {
        let reply = get(target);
        assert_eq!(
            (reply.status.as_u16(), reply.header("location")),
            (400, ""),
            "{target}"
        );
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    }
    for account in ["nobody", "..", "A"] {
        let target = browser.target.replace("/alice?", &format!("/{account}?"));
        assert_eq!(get(&target).status, 404, "{account}");
    }
    let reply = get("/oauth/authorize/alice?redirect_uri=https://app.example/&scope=x");
    // Not an open redirector: only the user's click leads away.
    assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""));
    let link = "<a href=\"https://app.example/#error=invalid_scope&amp;error_description=";
    assert!(reply.text().contains(link), "{}", reply.text());
}

fn code(browser: &mut Browser) -> String {
    browser.sign_in();
    let location = browser.decide("allow");
    let (uri, query) = location.split_once('?').unwrap();
    assert_eq!(uri, APP);
    let (code, state) = query.split_once("&state=").unwrap();
    assert_eq!(state, "s");
    code.strip_prefix("code=").unwrap().to_owned()
}

fn code_browser() -> Browser {
    browser(&[
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s"),
    ])
}

fn exchange<'a>(code: &'a str, verifier: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", APP),
        ("code_verifier", verifier),
    ]
}

#[test]
fn a_code_gives_a_token_once() {
    let mut browser = code_browser();
    let code = code(&mut browser);
    let reply = browser.token(&exchange(&code, VERIFIER));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        (
            reply.header("cache-control"),
            reply.header("access-control-allow-origin")
        ),
        ("no-store", "*")
    );
    let json = reply.json();
    assert_eq!(
        (&json["token_type"], &json["scope"]),
        (&"bearer".into(), &"*:r notes:rw".into())
    );
    let bearer = format!("Bearer {}", json["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let get = || {
        browser
            .functions
            .request("GET", "/storage/alice/notes/", &headers, "")
            .status
    };
    assert_eq!(get(), 200);
    assert!(!browser.functions.dump().contains(&code));
    // Used again, the code was leaked: its token is revoked.
    let again = browser.token(&exchange(&code, VERIFIER));
    assert_eq!(
        (again.status.as_u16(), &again.json()["error"]),
        (400, &"invalid_grant".into())
    );
    assert_eq!(get(), 401);
}

#[test]
fn a_code_fits_its_verifier_redirect_uri_and_time() {
    let refused = |change: &dyn Fn(&Browser, &str) -> Reply, error: &str| {
        let mut browser = code_browser();
        let code = code(&mut browser);
        let reply = change(&browser, &code);
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["error"]),
            (400, &error.into()),
            "{reply:?}"
        );
    };
    let other = "x".repeat(43);
    refused(
        &|browser, code| browser.token(&exchange(code, &other)),
        "invalid_grant",
    );
    refused(
        &|browser, code| browser.token(&exchange(code, "short")),
        "invalid_request",
    );
    refused(
        &|browser, _| browser.token(&exchange("alice.AAAAAAAAAAAAAAAA.x", VERIFIER)),
        "invalid_grant",
    );
    refused(
        &|browser, code| {
            let mut pairs = exchange(code, VERIFIER);
            pairs[2].1 = "https://evil.example/";
            browser.token(&pairs)
        },
        "invalid_grant",
    );
    refused(
        &|browser, code| browser.token(&exchange(code, VERIFIER)[..3]),
        "invalid_request",
    );
    refused(
        &|browser, _| browser.token(&[("grant_type", "password")]),
        "unsupported_grant_type",
    );
    refused(
        &|browser, code| {
            browser.functions.host().advance(5 * 60 * 1000);
            browser.token(&exchange(code, VERIFIER))
        },
        "invalid_grant",
    );
}
