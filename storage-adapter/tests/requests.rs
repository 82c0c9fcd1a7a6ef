//! The cost of single requests to the tree.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

mod support;

use std::sync::Arc;

use storage_adapter::memory::{MemoryStore, Requests};
use storage_adapter::{DocumentRead, FolderRead, Options, Storage, WriteCondition};
use support::requests::{delete, get, list, listed, now, put, put_if};
use support::{TestHost, alice, document};

/// Property 3 of the design: the number of store requests.
#[test]
fn requests_to_the_store_are_few() {
    let store = Arc::new(MemoryStore::new());
    let tree = Storage::new(Arc::clone(&store), Arc::new(TestHost::new(1)));
    let seed = std::cell::Cell::new(1);
    let cold = || {
        // Versions are unique because hosts are random.
        seed.set(seed.get() + 1);
        Storage::new(store.clone(), Arc::new(TestHost::new(seed.get() << 32)))
    };
    let count = |what: &str, run: &mut dyn FnMut()| -> Requests {
        tree.store().take_requests();
        run();
        let requests = tree.store().take_requests();
        println!("{what}: {requests:?}");
        requests
    };
    for n in 0..100 {
        put(&tree, &format!("/n/deep/er/and/deeper/{n}"), b"x");
    }
    let path = "/n/deep/er/and/deeper/7";
    let requests = |get, put, list| Requests {
        get,
        put,
        delete: 0,
        list,
    };
    let instance = cold();
    assert_eq!(
        count("document, cold", &mut || assert!(
            get(&instance, path).is_some()
        )),
        requests(2, 0, 0)
    );
    assert_eq!(
        count("document, warm", &mut || assert!(
            get(&instance, path).is_some()
        )),
        requests(2, 0, 0)
    );
    let version = listed(&tree, "/n/deep/er/and/deeper/", "7").unwrap();
    assert_eq!(
        count("document poll", &mut || {
            let read = now(instance.read_document(
                &alice(),
                &document(path),
                std::slice::from_ref(&version),
                None,
            ));
            assert!(matches!(read, Ok(DocumentRead::NotModified(_))));
        }),
        requests(1, 0, 0)
    );
    assert_eq!(
        count("HEAD", &mut || drop(now(
            instance.document_info(&alice(), &document(path))
        ))),
        requests(1, 0, 0)
    );
    assert_eq!(
        count("folder, cold", &mut || drop(list(&cold(), "/n/deep/er/"))),
        requests(1, 0, 0)
    );
    assert_eq!(
        count("folder, warm", &mut || drop(list(&instance, "/n/deep/er/"))),
        requests(1, 0, 0)
    );
    assert_eq!(
        count("root", &mut || drop(list(&instance, "/"))),
        requests(0, 0, 1)
    );
    assert_eq!(
        count("PUT, cold", &mut || drop(put(&cold(), path, b"y"))),
        requests(1, 2, 0)
    );
    assert_eq!(
        count("PUT, stale", &mut || drop(put(&instance, path, b"y"))),
        requests(1, 2, 0)
    );
    assert_eq!(
        count("PUT, warm", &mut || drop(put(&instance, path, b"y"))),
        requests(1, 2, 0)
    );
    assert_eq!(
        count("DELETE, cold", &mut || drop(delete(&cold(), path).unwrap())),
        requests(1, 1, 0)
    );
    list(&instance, "/n/");
    let other = "/n/deep/er/and/deeper/8";
    assert_eq!(
        count("DELETE, warm", &mut || drop(
            delete(&instance, other).unwrap()
        )),
        requests(1, 1, 0)
    );
    let new = count("PUT, a module's first", &mut || {
        drop(put(&instance, "/new/a", b"z"))
    });
    assert_eq!(new, requests(1, 2, 0));
    let with_quota = |path: &str| {
        drop(put_if(&instance, path, b"z", WriteCondition::None, Some(1 << 30)).unwrap())
    };
    let first = count("PUT, the account's first with a quota", &mut || {
        with_quota("/q/a")
    });
    assert!(
        first.total() <= 8,
        "the quota is divided once, over the one module there is"
    );
    assert_eq!(
        count("PUT, with a quota", &mut || with_quota("/q/b")),
        requests(1, 2, 0)
    );
    assert_eq!(
        count("PUT, a module's first with a quota", &mut || with_quota(
            "/p/a"
        )),
        requests(2, 3, 0)
    );
}

/// Large modules: exact numbers with cached pages and without.
#[test]
fn requests_to_the_store_are_few_in_large_modules() {
    let store = Arc::new(MemoryStore::new());
    let mut all = Options::default();
    (all.head_bytes, all.page_bytes) = (4096, 4096);
    let seed = std::cell::Cell::new(1);
    let cold = || {
        seed.set(seed.get() + 1);
        let host = Arc::new(TestHost::new(seed.get() << 32));
        Storage::with_options(store.clone(), host, all)
    };
    let tree = cold();
    for n in 0..800 {
        put(&tree, &format!("/flat/{n:03}"), b"x");
    }
    for n in 0..800 {
        let path = format!(
            "/deep/chan{}/2026/{:02}/{:02}",
            n / 200,
            n / 20 % 10,
            n % 20
        );
        put(&tree, &path, b"x");
    }
    let count = |run: &mut dyn FnMut()| -> Requests {
        store.take_requests();
        run();
        store.take_requests()
    };
    let requests = |get, put| Requests {
        get,
        put,
        ..Requests::default()
    };
    // The second one's channel is in a page, and its month in a page of that.
    for (path, depth) in [("/flat/777", 1), ("/deep/chan1/2026/04/07", 2)] {
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = format!("{parent}/");
        let instance = cold();
        let read = &mut || assert!(get(&instance, path).is_some());
        assert_eq!(count(read), requests(2 + depth, 0), "{path}, cold");
        assert_eq!(count(read), requests(2, 0), "{path}, warm");
        drop(list(&instance, &parent));
        let before = list(&instance, &parent).version.clone();
        let poll = &mut || {
            let known = std::slice::from_ref(&before);
            let read = now(instance.read_folder(&alice(), &support::folder(&parent), known));
            assert!(matches!(read, Ok(FolderRead::NotModified(_))));
        };
        assert_eq!(count(poll), requests(1, 0), "{path}, poll of the folder");
        let listing = &mut || drop(list(&instance, &parent));
        assert_eq!(count(listing), requests(1, 0), "{path}, folder known");
        let other = cold();
        let (mut gets, mut puts) = (0, 0);
        for n in 0..20 {
            let written = count(&mut || drop(put(&other, path, b"y")));
            if n == 0 {
                assert_eq!(
                    written.get,
                    1 + depth,
                    "{path}: the head and its pages, cold"
                );
            } else {
                assert_eq!(written.get, 1, "{path}: pages are known");
            }
            // Body and head, and what has to move out of the head.
            assert!(
                (2..=2 + depth + 1).contains(&written.put),
                "{path}: {written:?}"
            );
            (gets, puts) = (gets + written.get, puts + written.put);
        }
        println!("{path}: 20 times PUT, {gets} GET and {puts} PUT");
        assert!(
            puts <= 20 * 3 + 5,
            "{path}: one page each, with few exceptions"
        );
        // A reader that knew the index reads the head and what is new, not all of it.
        assert_eq!(
            listed(&instance, &parent, name),
            listed(&other, &parent, name)
        );
        drop(put(&other, path, b"z"));
        let again = count(&mut || drop(list(&instance, &parent)));
        assert!(again.get <= 1 + depth, "{path}: {again:?}");
        let deleted = count(&mut || drop(delete(&other, path).unwrap()));
        assert!(
            deleted.get <= 2 && deleted.put <= 2 + depth,
            "{path}: {deleted:?}"
        );
    }
}
