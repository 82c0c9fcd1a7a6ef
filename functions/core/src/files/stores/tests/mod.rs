//! Accounts with documents in their own bucket, and the moves there and back.

mod faults;

use serde_json::{Value, json};
use storage_adapter::StoreError;
use storage_adapter::memory::{Faults, MemoryStore, ObjectFault};

use crate::testing::{Reply, TestFunctions, block_on, functions, functions_with};

const TEXT: [(&str, &str); 1] = [("content-type", "text/plain")];

/// Alice, with a token for her storage and one of her session.
pub(super) struct Alice {
    pub(super) functions: TestFunctions,
    pub(super) app: String,
    pub(super) session: String,
}

impl Alice {
    pub(super) fn new() -> Self {
        Self::with(functions())
    }

    fn with(functions: TestFunctions) -> Self {
        let session = functions.sign_up("alice");
        let app = format!("Bearer {}", functions.grant("alice", "*:rw"));
        Self {
            functions,
            app,
            session,
        }
    }

    pub(super) fn storage(&self, method: &str, path: &str, body: &str) -> Reply {
        let mut headers = vec![("authorization", self.app.as_str())];
        headers.extend(TEXT);
        let target = format!("/storage/alice{path}");
        self.functions
            .request(method, &target, &headers, body.to_owned())
    }

    pub(super) fn put(&self, path: &str, body: &str) -> String {
        let reply = self.storage("PUT", path, body);
        assert!(reply.status.is_success(), "{path}: {reply:?}");
        reply.header("etag").to_owned()
    }

    pub(super) fn api(&self, method: &str, target: &str, body: Value) -> Reply {
        self.functions.api(method, target, &self.session, body)
    }

    /// Moves until done; returns the resulting `GET /api/store`.
    pub(super) fn finish(&self) -> Value {
        for _ in 0..50 {
            let reply = self.api("POST", "/api/store/move", Value::Null);
            assert_eq!(reply.status, 200, "{reply:?}");
            if reply.json()["moving"].is_null() {
                return reply.json();
            }
        }
        panic!("the move does not come to an end");
    }

    /// Everything below a folder with its ETags.
    pub(super) fn read_all(&self, path: &str, all: &mut Vec<String>) {
        let folder = self.storage("GET", path, "");
        assert_eq!(folder.status, 200, "{path}: {folder:?}");
        all.push(format!(
            "{path} {} {}",
            folder.header("etag"),
            folder.text()
        ));
        for name in folder.json()["items"].as_object().unwrap().keys() {
            let below = format!("{path}{name}");
            if name.ends_with('/') {
                self.read_all(&below, all);
            } else {
                let read = self.storage("GET", &below, "");
                let (etag, length) = (read.header("etag"), read.header("content-length"));
                all.push(format!("{below} {etag} {length} {}", read.text()));
            }
        }
    }

    pub(super) fn everything(&self) -> Vec<String> {
        let mut all = Vec::new();
        self.read_all("/", &mut all);
        all
    }
}

pub(super) fn bucket(name: &str) -> Value {
    json!({
        "kind": "bucket", "endpoint": "https://s3.example.org", "bucket": name, "prefix": "chat",
        "access_key_id": "AKID", "secret_access_key": "very/secret"
    })
}

fn down(store: &MemoryStore, down: bool) {
    store.set_faults(Faults {
        refuse: if down { 100 } else { 0 },
        ..Faults::default()
    });
}

#[test]
fn an_account_moves_to_its_own_bucket_and_back() {
    let alice = Alice::new();
    let mine = alice.functions.add_bucket("mine");
    for n in 0..30 {
        alice.put(&format!("/notes/{}/{n}", n % 3), &format!("text {n}"));
    }
    alice.put("/notes/0/0", "again");
    alice.put("/public/photos/x", "p");
    alice.storage("DELETE", "/notes/1/1", "");
    let view = alice.api("GET", "/api/store", Value::Null).json();
    assert_eq!(view["place"], json!({"kind": "installation"}));
    assert_eq!(
        (&view["available"], &view["left"]),
        (&json!(true), &json!([]))
    );

    let begun = alice.api("PUT", "/api/store", bucket("mine"));
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(begun.json()["moving"]["phase"], "copying");
    // The move is not noticeable yet.
    alice.put("/notes/late", "written meanwhile");
    let before = alice.everything();
    let view = alice.finish();
    assert_eq!(view["place"]["bucket"], "mine");
    assert_eq!(view["left"], json!([{"kind": "installation"}]));
    assert!(!view.to_string().contains("very/secret"));
    assert!(!alice.functions.dump().contains("very/secret"));
    assert_eq!(alice.everything(), before, "with every version");

    // New documents are written there, and not here.
    let here = alice.functions.memory().keys().len();
    alice.put("/notes/there", "only there");
    assert_eq!(alice.functions.memory().keys().len(), here);
    assert!(
        mine.keys()
            .iter()
            .any(|key| key.starts_with("accounts/alice/data/notes/there@"))
    );
    let all = alice.everything();

    // Data is left behind here, so nothing can be moved here until it is removed.
    let back = alice.api("PUT", "/api/store", json!({"kind": "installation"}));
    assert_eq!(back.status, 409);
    assert!(
        back.detail().contains("is there already; remove it"),
        "{}",
        back.detail()
    );
    let removed = alice.api("DELETE", "/api/store/left", Value::Null);
    assert_eq!(
        (removed.status.as_u16(), &removed.json()["left"]),
        (200, &json!([]))
    );
    let keys = alice.functions.memory().keys();
    assert!(
        !keys
            .iter()
            .any(|key| key.contains("/data/") || key.contains("/index/"))
    );
    assert!(keys.iter().any(|key| key == "accounts/alice/account.json"));
    let back = alice.api("PUT", "/api/store", json!({"kind": "installation"}));
    assert_eq!(back.status, 200, "{back:?}");
    assert_eq!(alice.finish()["place"]["kind"], "installation");
    assert_eq!(alice.everything(), all, "with every version");
    alice.api("DELETE", "/api/store/left", Value::Null);
    assert_eq!(mine.keys(), Vec::<String>::new());
    alice.put("/notes/there", "here again");
}

#[test]
fn a_bucket_that_fails_concerns_its_owner_only() {
    let alice = Alice::new();
    let mine = alice.functions.add_bucket("mine");
    alice.functions.sign_up("bob");
    alice.put("/notes/a", "1");
    alice.api("PUT", "/api/store", bucket("mine"));
    alice.finish();
    down(&mine, true);
    let read = alice.storage("GET", "/notes/a", "");
    assert_eq!(
        (read.status.as_u16(), read.header("retry-after")),
        (503, "1")
    );
    assert!(
        read.detail()
            .contains("the account's own bucket does not answer"),
        "{}",
        read.detail()
    );
    assert_eq!(alice.storage("PUT", "/notes/a", "2").status, 503);
    let bob = format!("Bearer {}", alice.functions.grant("bob", "*:rw"));
    let headers = [("authorization", bob.as_str()), ("content-type", "a/b")];
    let put = alice
        .functions
        .request("PUT", "/storage/bob/notes/a", &headers, "1");
    assert_eq!(put.status, 201);
    down(&mine, false);
    assert_eq!(alice.storage("GET", "/notes/a", "").text(), "1");
    // If it refuses, only its owner can do something about that.
    let denied = StoreError::denied("AccessDenied");
    mine.set_fault_of("", Some(ObjectFault::Fails(denied)));
    for (method, body) in [("GET", ""), ("PUT", "2")] {
        let refused = alice.storage(method, "/notes/a", body);
        let words = "the account's own bucket refuses: AccessDenied; correct it in the settings";
        assert!(refused.detail().contains(words), "{}", refused.detail());
    }
    mine.set_fault_of("", None);
    // If the bucket is gone, the error says so.
    alice.functions.host().buckets.lock().unwrap().clear();
    let again = TestFunctions::reopened(&alice.functions);
    let headers = [("authorization", alice.app.as_str())];
    let read = again.request("GET", "/storage/alice/notes/a", &headers, "");
    assert_eq!(read.status, 503);
    assert!(
        read.detail().contains("there is no bucket \"mine\""),
        "{}",
        read.detail()
    );
}

#[test]
fn bad_places_are_refused_with_a_sentence() {
    let alice = Alice::new();
    let mine = alice.functions.add_bucket("mine");
    let refused = |body: Value, status: u16, words: &str| {
        let reply = alice.api("PUT", "/api/store", body);
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(reply.detail().contains(words), "{}", reply.detail());
    };
    refused(bucket("other"), 422, "there is no bucket \"other\"");
    refused(bucket("a b"), 422, "bucket is not the name of one");
    refused(json!({"kind": "installation"}), 422, "already");
    refused(json!({"kind": "folder"}), 422, "expected fields");
    let mut plain = bucket("mine");
    plain["secret_access_key"] = json!("");
    refused(plain, 422, "secret_access_key is missing");
    let test = |body: Value| alice.api("POST", "/api/store/test", body).json();
    assert_eq!(test(bucket("mine"))["works"], true);
    assert_eq!(test(bucket("other"))["works"], false);
    assert!(mine.keys().is_empty());
    // The installation's own store under another name.
    let home = alice.functions.kernel.storage().shared_store();
    let buckets = &alice.functions.host().buckets;
    buckets.lock().unwrap().insert("home".to_owned(), home);
    refused(bucket("home"), 422, "by another name");
    assert_eq!(alice.api("PUT", "/api/store", bucket("mine")).status, 200);
    refused(bucket("mine"), 409, "already being moved");
    let cancelled = alice.api("DELETE", "/api/store/move", Value::Null);
    assert_eq!(cancelled.json()["place"]["kind"], "installation");
    assert_eq!(
        alice.api("DELETE", "/api/store/move", Value::Null).status,
        409
    );
    assert_eq!(alice.api("POST", "/api/store", Value::Null).status, 405);
    assert_eq!(
        alice.api("POST", "/api/store/other", Value::Null).status,
        404
    );
    for (method, target) in [
        ("GET", ""),
        ("PUT", ""),
        ("POST", "/test"),
        ("POST", "/move"),
        ("DELETE", "/left"),
    ] {
        let target = format!("/api/store{target}");
        assert_eq!(
            alice.functions.request(method, &target, &[], "{}").status,
            401,
            "{target}"
        );
        let app = [("authorization", alice.app.as_str())];
        assert_eq!(
            alice.functions.request(method, &target, &app, "{}").status,
            403,
            "{target}"
        );
    }
}

#[test]
fn new_credentials_for_the_same_bucket_need_no_move() {
    let alice = Alice::new();
    alice.functions.add_bucket("mine");
    alice.put("/notes/a", "1");
    alice.api("PUT", "/api/store", bucket("mine"));
    alice.finish();
    let mut changed = bucket("mine");
    changed["access_key_id"] = json!("OTHER");
    changed["secret_access_key"] = json!("");
    // The known secret belongs to another key.
    assert_eq!(alice.api("PUT", "/api/store", changed.clone()).status, 422);
    changed["secret_access_key"] = json!("new");
    let put = alice.api("PUT", "/api/store", changed);
    assert_eq!(put.json()["place"]["access_key_id"], "OTHER");
    assert!(put.json()["moving"].is_null());
    assert_eq!(alice.storage("GET", "/notes/a", "").text(), "1");
}

#[test]
fn the_quota_is_for_the_installation_only() {
    let alice = Alice::with(functions_with(|config| config.default_quota = Some(10)));
    alice.functions.add_bucket("mine");
    alice.put("/notes/a", "12345");
    assert_eq!(alice.storage("PUT", "/notes/b", "1234567").status, 507);
    alice.api("PUT", "/api/store", bucket("mine"));
    alice.finish();
    alice.put("/notes/b", "1234567");
    alice.api("DELETE", "/api/store/left", Value::Null);
    let back = alice.api("PUT", "/api/store", json!({"kind": "installation"}));
    assert_eq!(back.status, 422);
    assert!(
        back.detail().contains("holds 12 bytes and may hold 10"),
        "{}",
        back.detail()
    );
}

#[test]
fn a_move_that_nobody_goes_on_with_is_finished() {
    let alice = Alice::new();
    alice.functions.add_bucket("mine");
    alice.put("/notes/a", "1");
    alice.api("PUT", "/api/store", bucket("mine"));
    alice.functions.host().advance(5_000);
    let done = block_on(alice.functions.lifecycle.maintain());
    assert!(done.failed.is_empty(), "{:?}", done.failed);
    let view = alice.api("GET", "/api/store", Value::Null).json();
    assert_eq!(view["place"]["bucket"], "mine");
}

impl TestFunctions {
    /// Another process over the same store and host.
    pub(super) fn reopened(other: &Self) -> Self {
        let storage = storage_adapter::Storage::new(
            other.kernel.storage().shared_store(),
            other.kernel.storage().shared_host(),
        );
        Self::new(storage, other.kernel.config().clone())
    }
}
