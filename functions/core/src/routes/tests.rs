//! The table is consistent, and correct.

use std::collections::BTreeSet;

use http::Method;

use super::table::TABLE;
use super::{Address, ForConnectors, Limit, Route, Who, find, is_blocking};
use crate::kernel::config::ConnectorKind::{self, Gateway, Ircd, Smtp};
use crate::kernel::config::MailService;
use crate::kernel::methods::{Methods, Verb};
use crate::testing::{functions, functions_with, kind_of};

/// What each key opens, written down a second time, so that a change of the table must be deliberate.
const OPENS: &[(ConnectorKind, &[&str])] = &[
    (
        Gateway,
        &[
            "register",
            "maintain",
            "events",
            "assignments",
            "outbox",
            "authenticate",
            "sessions",
        ],
    ),
    (Ircd, &["register", "maintain", "authenticate", "sessions"]),
    (
        Smtp,
        &[
            "register",
            "maintain",
            "outbox",
            "addresses",
            "mail",
            "mail/document",
            "mail/outcome",
            "notifications",
        ],
    ),
];

/// Fills in the names of an address.
fn example(address: &Address) -> String {
    let segments = address.pattern.split('/').map(|segment| match segment {
        "<account>" => "alice",
        "…" => "notes/a",
        segment if segment.starts_with('<') => "0123456789abcdef",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[test]
fn a_key_opens_what_its_program_needs_and_nothing_else() {
    let f = functions_with(|config| {
        config.mail = Some(MailService {
            domain: "chat.example.org".to_owned(),
            connector: kind_of(Smtp).to_owned(),
            sends: true,
        });
    });
    for (kind, opens) in OPENS {
        let id = kind_of(*kind);
        for address in TABLE {
            let path = address.pattern;
            let Some(rest) = path.strip_prefix("/connector/") else {
                continue;
            };
            for method in ["GET", "POST", "PUT", "DELETE"] {
                let reply = f.signed(id, method, path, "[]");
                let known = address.on(&method.parse().unwrap()).is_some();
                let status = reply.status.as_u16();
                match (opens.contains(&rest), known) {
                    (false, _) => assert_eq!(status, 403, "{id} {method} {path}"),
                    (true, false) => {
                        assert_eq!(status, 405, "{id} {method} {path}");
                        assert_eq!(reply.header("allow"), address.methods().to_string());
                    }
                    (true, true) => {
                        assert!(
                            !matches!(status, 401 | 403 | 405),
                            "{id} {method} {path}: {status}"
                        );
                    }
                }
            }
        }
        assert_eq!(f.signed(id, "GET", "/connector/nothing", "").status, 404);
    }
}

#[test]
fn every_kind_of_connector_is_in_every_table() {
    for kind in ConnectorKind::ALL {
        assert!(OPENS.iter().any(|(other, _)| other == kind), "{kind}");
        let opens = |address: &Address| address.connectors().is_some_and(|all| all.contains(kind));
        assert!(TABLE.iter().any(opens), "{kind}");
    }
}

#[test]
fn an_address_is_found_by_what_it_is_like_and_nothing_before_it_takes_its_place() {
    for address in TABLE {
        let path = example(address);
        let (found, _) = find(&path).unwrap_or_else(|| panic!("{path} is not found"));
        assert_eq!(found.pattern, address.pattern, "{path}");
    }
    fn values(path: &str) -> Option<[&str; 2]> {
        find(path).map(|(_, values)| values)
    }
    assert_eq!(values("/storage/alice/a/b"), Some(["alice/a/b", ""]));
    assert_eq!(values("/hooks/t/sms"), Some(["t/sms", ""]));
    assert_eq!(values("/api/hooks/h/deliveries/d/again"), Some(["h", "d"]));
    assert_eq!(values("/api//grants/x/"), Some(["x", ""]));
    for none in [
        "",
        "/",
        "/ap",
        "/apix",
        "//api",
        "/api/grants/x/y",
        "/api/hooks/h/nothing",
        "/healthz/",
        "/connector/",
        "/connector//events",
        "/storage",
        "/notifications/x",
    ] {
        assert!(values(none).is_none(), "{none}");
    }
}

#[test]
fn an_address_has_each_method_once_and_is_either_for_connectors_or_for_others() {
    let mut patterns = BTreeSet::new();
    for address in TABLE {
        assert!(
            patterns.insert(address.pattern),
            "{} twice",
            address.pattern
        );
        assert!(!address.on.is_empty(), "{}", address.pattern);
        let sum: u8 = address.on.iter().map(|on| on.verb as u8).sum();
        assert_eq!(Methods(sum), address.methods(), "{}", address.pattern);
        for on in address.on {
            let kinds = match on.who {
                Who::Connector(kinds) => Some(kinds),
                _ => None,
            };
            assert_eq!(kinds, address.connectors(), "{}", address.pattern);
            let signed = matches!(on.route, Route::Connector(_));
            assert_eq!(signed, kinds.is_some(), "{}", address.pattern);
            let named = address.pattern.starts_with("/api");
            assert_eq!(
                named,
                matches!(on.route, Route::Api(_)),
                "{}",
                address.pattern
            );
            if on.verb == Verb::Get && kinds.is_none() {
                assert_eq!(on.limit, Limit::Nothing, "{}", address.pattern);
            }
        }
    }
}

#[test]
fn every_handler_has_one_request() {
    let mut seen: Vec<Route> = Vec::new();
    for on in TABLE.iter().flat_map(|address| address.on) {
        if matches!(on.route, Route::Api(_) | Route::Connector(_)) {
            assert!(!seen.contains(&on.route), "{:?} twice", on.route);
            seen.push(on.route);
        }
    }
    // The last variant of each, by which the enums are counted.
    let api = seen.iter().filter(|route| matches!(route, Route::Api(_)));
    assert_eq!(api.count(), super::Api::TestStore as usize + 1);
    let signed = seen
        .iter()
        .filter(|route| matches!(route, Route::Connector(_)));
    assert_eq!(signed.count(), ForConnectors::Register as usize + 1);
}

#[test]
fn what_an_address_takes_is_said_where_it_is_asked_and_where_it_is_refused() {
    let f = functions();
    let token = f.sign_up("alice");
    for address in TABLE {
        let path = example(address);
        let methods = address.methods().to_string();
        let asked = f.request("OPTIONS", &path, &[], "");
        assert_eq!(asked.status, 204, "{path}");
        assert_eq!(asked.header("allow"), methods, "{path}");
        if address.connectors().is_some() {
            continue;
        }
        for method in ["PROPFIND", "GET", "POST", "PUT", "PATCH", "DELETE"] {
            if address.on(&method.parse().unwrap()).is_some() {
                continue;
            }
            let refused = f.api(method, &path, &token, serde_json::Value::Null);
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(refused.header("allow"), methods, "{method} {path}");
        }
    }
    let nothing = f.request("OPTIONS", "/api/nothing", &[], "");
    assert_eq!(
        nothing.header("allow"),
        "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    );
}

#[test]
fn whoever_may_not_is_refused_before_the_handler_is_called() {
    let f = functions();
    f.sign_up("alice");
    let member = f.sign_up("bob");
    let app = f.grant("bob", "*:rw");
    for address in TABLE {
        for on in address.on {
            let path = example(address);
            let method = ["GET", "POST", "PUT", "PATCH", "DELETE"]
                .into_iter()
                .find(|method| {
                    address
                        .on(&method.parse().unwrap())
                        .is_some_and(|one| one.verb == on.verb)
                });
            let method = method.unwrap();
            let status = |token: &str| {
                let reply = f.api(method, &path, token, serde_json::Value::Null);
                reply.status.as_u16()
            };
            match on.who {
                Who::Session => {
                    assert_eq!(status("nonsense"), 401, "{method} {path}");
                    assert_eq!(status(&app), 403, "{method} {path}");
                }
                Who::Admin => {
                    assert_eq!(status("nonsense"), 401, "{method} {path}");
                    assert_eq!(status(&app), 403, "{method} {path}");
                    assert_eq!(status(&member), 403, "{method} {path}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn what_hashes_a_password_is_for_a_thread_of_its_own() {
    for (method, path) in [
        (Method::PUT, "/api/password"),
        (Method::POST, "/api/accounts"),
        (Method::POST, "/api/session"),
        (Method::POST, "/api//session/"),
        (Method::POST, "/connector/authenticate"),
        (Method::POST, "/oauth/authorize/alice"),
    ] {
        assert!(is_blocking(&method, path), "{method} {path}");
    }
    for (method, path) in [
        (Method::GET, "/api/session"),
        (Method::GET, "/oauth/authorize/alice"),
        (Method::POST, "/api/tickets"),
        (Method::PUT, "/storage/alice/a"),
        (Method::POST, "/nothing"),
    ] {
        assert!(!is_blocking(&method, path), "{method} {path}");
    }
}
