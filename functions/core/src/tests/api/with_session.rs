//! Tokens bound to the session that requested them: those of the web client itself.

use futures_util::future::join;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use storage_adapter::memory::{Faults, ObjectFault};
use storage_adapter::{PutMode, StoreError};

use super::NOTHING;
use crate::kernel::guard::ClientAddress;
use crate::kernel::keys;
use crate::kernel::password::PasswordCost;
use crate::kernel::records::Grant;
use crate::testing::{ORIGIN, PASSWORD, TestFunctions, block_on, functions, functions_with, wait};

fn wanted(with_session: bool) -> Value {
    json!({
        "kind": "app", "client": "https://app.example", "scopes": "chat-messages:r",
        "with_session": with_session,
    })
}

fn make(f: &TestFunctions, session: &str, wanted: Value) -> String {
    let made = f.api("POST", "/api/grants", session, wanted);
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["token"].as_str().unwrap().to_owned()
}

fn reads(f: &TestFunctions, token: &str) -> bool {
    let reply = f.api("GET", "/storage/bob/chat-messages/", token, NOTHING);
    assert!([200, 401].contains(&reply.status.as_u16()), "{reply:?}");
    reply.status == 200
}

fn id(token: &str) -> &str {
    token.split('.').nth(1).unwrap()
}

/// However a session ends, its tokens end with it, but not those of other sessions or of apps.
#[test]
fn a_token_ends_with_its_session() {
    let f = functions();
    f.sign_up("alice");
    let kept = f.sign_up("bob");
    let ends: [&dyn Fn(&str); 5] = [
        // Signing out,
        &|session| {
            let reply = f.api("DELETE", "/api/session", session, NOTHING);
            assert_eq!(reply.status, 204);
        },
        // revoked from another session,
        &|session| {
            let path = format!("/api/grants/{}", id(session));
            assert_eq!(f.api("DELETE", &path, &kept, NOTHING).status, 204);
        },
        // ended with all others,
        &|_| {
            let reply = f.api("DELETE", "/api/sessions", &kept, NOTHING);
            assert_eq!(reply.status, 204);
        },
        // by a new password,
        &|_| {
            let body = json!({"old": PASSWORD, "new": "another good password"});
            assert_eq!(f.api("PUT", "/api/password", &kept, body).status, 204);
            block_on(f.identity.set_password(&"bob".parse().unwrap(), PASSWORD)).unwrap();
        },
        // and by itself, after its 90 days.
        &|session| {
            f.host().advance(crate::identity::grants::SESSION_MS);
            assert_eq!(f.api("GET", "/api/session", session, NOTHING).status, 401);
        },
    ];
    for (number, end) in ends.iter().enumerate() {
        let session = f.sign_in("bob");
        let with_it = make(&f, &session, wanted(true));
        let app = make(&f, &session, wanted(false));
        // The last but one's new password ended `kept`, too.
        let others = (number < 3).then(|| make(&f, &kept, wanted(true)));
        assert!(reads(&f, &with_it) && reads(&f, &app), "{number}");
        end(&session);
        assert!(!reads(&f, &with_it), "{number}");
        assert!(reads(&f, &app), "{number}");
        assert!(others.is_none_or(|token| reads(&f, &token)), "{number}");
    }
}

/// People see one entry for each place where they signed in.
#[test]
fn a_token_is_listed_as_part_of_its_session() {
    let f = functions();
    f.sign_up("alice");
    let session = f.sign_up("bob");
    make(&f, &session, wanted(true));
    let app = make(&f, &session, wanted(false));
    let listed = || {
        let list = f.api("GET", "/api/grants", &session, NOTHING).json();
        let grants = list["grants"].as_array().unwrap().iter();
        // The server's own, for its network, is another matter.
        let mut ids: Vec<String> = grants
            .filter(|grant| grant["managed"] == false)
            .map(|grant| grant["id"].to_string())
            .collect();
        ids.sort();
        ids
    };
    let mut expected = [&session, &app].map(|token| format!("\"{}\"", id(token)));
    expected.sort();
    assert_eq!(listed(), expected);
}

/// A full account drops its oldest session on a new sign-in, with the tokens bound to it.
#[test]
fn who_makes_room_takes_its_tokens_along() {
    let f = functions();
    f.sign_up("alice");
    let session = f.sign_up("bob");
    let own = make(&f, &session, wanted(true));
    loop {
        let made = f.api("POST", "/api/grants", &session, wanted(false));
        if made.status != 201 {
            assert_eq!(made.status, 409);
            break;
        }
    }
    f.host().advance(1);
    f.sign_in("bob");
    assert_eq!(f.api("GET", "/api/session", &session, NOTHING).status, 401);
    assert!(!reads(&f, &own));
}

/// If its tokens cannot be ended now, the session is still there to try again.
#[test]
fn a_session_does_not_end_before_its_tokens() {
    let f = functions();
    f.sign_up("alice");
    let session = f.sign_up("bob");
    let own = make(&f, &session, wanted(true));
    let key = keys::grant(&"bob".parse().unwrap(), id(&own));
    let down = StoreError::Unavailable("it is a test".to_owned());
    f.memory()
        .set_fault_of(&key, Some(ObjectFault::Fails(down)));
    let ended = f.api("DELETE", "/api/session", &session, NOTHING);
    assert_eq!(ended.status, 503, "{ended:?}");
    f.memory().set_fault_of(&key, None);
    assert_eq!(f.api("GET", "/api/session", &session, NOTHING).status, 200);
    let ended = f.api("DELETE", "/api/session", &session, NOTHING);
    assert_eq!(ended.status, 204, "{ended:?}");
    assert!(!reads(&f, &own));
}

/// What ended with a session makes room as well: no further one ends for it.
#[test]
fn no_more_sessions_end_than_make_room() {
    let f = functions();
    f.sign_up("alice");
    let oldest = f.sign_up("bob");
    let with_it: Vec<String> = (0..3).map(|_| make(&f, &oldest, wanted(true))).collect();
    f.host().advance(1);
    let second = f.sign_in("bob");
    let mut app = String::new();
    loop {
        let made = f.api("POST", "/api/grants", &second, wanted(false));
        if made.status != 201 {
            break;
        }
        app = made.json()["token"].as_str().unwrap().to_owned();
    }
    // Two more than there may be, as after a limit was lowered.
    let bob = "bob".parse().unwrap();
    let read = |key: &str| block_on(f.kernel.load::<Grant>(key)).unwrap().unwrap().0;
    for number in 0..2 {
        let mut grant = read(&keys::grant(&bob, id(&app)));
        grant.id = format!("{number}{}", grant.id.get(1..).unwrap());
        let key = keys::grant(&bob, &grant.id);
        block_on(f.kernel.store(&key, &grant, PutMode::IfAbsent)).unwrap();
    }
    f.host().advance(1);
    f.sign_in("bob");
    let is_open = |session: &str| f.api("GET", "/api/session", session, NOTHING).status == 200;
    assert!(!is_open(&oldest) && is_open(&second));
    assert!(with_it.iter().all(|token| !reads(&f, token)));
}

/// Older clients did not request the binding: grants that name the server's own origin are theirs.
#[test]
fn tokens_of_older_clients_end_with_all_sessions() {
    let f = functions();
    f.sign_up("alice");
    let session = f.sign_up("bob");
    let wanted = json!({"kind": "app", "client": ORIGIN, "scopes": "chat-messages:r"});
    let old = make(&f, &session, wanted);
    assert!(reads(&f, &old));
    let reply = f.api("DELETE", "/api/sessions", &session, NOTHING);
    assert_eq!(reply.status, 204);
    assert!(!reads(&f, &old));
}

/// However the steps of both interleave: no token outlives its session.
#[test]
fn a_token_that_is_made_meanwhile_does_not_outlive_the_session() {
    let client = ClientAddress::parse("192.0.2.1");
    let f = functions_with(|config| config.password_cost = PasswordCost::Light);
    f.sign_up("alice");
    let kept = f.sign_up("bob");
    let bob = "bob".parse().unwrap();
    let (mut made, mut refused) = (0, 0);
    for seed in 0..300 {
        let session = f.sign_in("bob");
        let request = |method: &str, path: &str, token: &str, body: String| {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("authorization", format!("Bearer {token}"));
            f.handle(request.body(Full::from(body)).unwrap(), client)
        };
        let (path, by) = match seed % 3 {
            0 => ("/api/session".to_owned(), &session),
            1 => (format!("/api/grants/{}", id(&session)), &kept),
            _ => ("/api/sessions".to_owned(), &kept),
        };
        f.memory().set_faults(Faults {
            seed,
            delay: 4,
            ..Faults::default()
        });
        let asks = async {
            // So that it happens before, during and after the end.
            wait(seed as usize / 3).await;
            request("POST", "/api/grants", &session, wanted(true).to_string()).await
        };
        let ends = request("DELETE", &path, by, String::new());
        let (asked, ended) = block_on(join(asks, ends));
        f.memory().set_faults(Faults::default());
        assert_eq!(ended.status(), 204);
        match asked.status().as_u16() {
            201 => made += 1,
            401 => refused += 1,
            other => panic!("{path}: {other}"),
        }
        let left = block_on(f.kernel.load_all::<Grant>(&keys::grants(&bob))).unwrap();
        let left = left.iter().filter(|grant| grant.session.is_some());
        assert_eq!(left.count(), 0, "{path} {seed}");
    }
    assert!(
        made > 0 && refused > 0,
        "both happen: {made} were made and {refused} refused"
    );
}
