//! Bodies that break off, and whose failure it is.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests may fail")]

mod support;

use bytes::Bytes;
use futures_util::stream;
use storage_adapter::memory::ObjectFault;
use storage_adapter::{
    BodyError, ByteStream, Options, StoreError, TreeError, Version, WriteCondition,
};
use support::requests::{Tree, get, now, put, tree};
use support::{alice, document};

fn put_stream(tree: &Tree, body: ByteStream) -> Result<Version, TreeError> {
    let (account, path) = (alice(), document("/notes/a"));
    let written = tree.put(
        &account,
        &path,
        "text/plain",
        body,
        &WriteCondition::None,
        None,
    );
    now(written).map(|written| written.version)
}

#[test]
fn a_body_that_the_caller_breaks_off_is_the_callers() {
    let tree = tree();
    let pieces = [
        Ok(Bytes::from_static(b"x")),
        Err(BodyError::Broken("gone".to_owned())),
    ];
    let broken = put_stream(&tree, Box::pin(stream::iter(pieces)));
    assert!(matches!(broken, Err(TreeError::Body(_))), "{broken:?}");
    assert_eq!(get(&tree, "/notes/a"), None);
}

#[test]
fn a_write_that_took_too_long_is_to_be_tried_again() {
    let tree = tree();
    let host = tree.shared_host();
    let slow = stream::once(async move {
        host.advance(Options::default().grace_millis);
        Ok::<_, BodyError>(Bytes::from_static(b"x"))
    });
    let late = put_stream(&tree, Box::pin(slow));
    assert!(matches!(late, Err(TreeError::Late)), "{late:?}");
    assert_eq!(get(&tree, "/notes/a"), None);
    put(&tree, "/notes/a", b"y");
    assert_eq!(get(&tree, "/notes/a").as_deref(), Some(&b"y"[..]));
}

#[test]
fn of_a_write_that_the_store_does_not_take_nothing_stays() {
    let tree = tree();
    put(&tree, "/notes/other", b"x");
    let before = tree.store().keys();
    for error in [
        StoreError::refused("Read-only file system"),
        StoreError::denied("this key may not do that"),
    ] {
        let fault = ObjectFault::Fails(error.clone());
        tree.store()
            .set_fault_of("accounts/alice/index/", Some(fault));
        let body = stream::once(std::future::ready(Ok(Bytes::from_static(b"x"))));
        let refused = put_stream(&tree, Box::pin(body));
        assert!(
            matches!(&refused, Err(TreeError::Store(same)) if *same == error),
            "{refused:?}"
        );
        assert_eq!(tree.store().keys(), before);
        tree.store().set_fault_of("accounts/alice/index/", None);
    }
}

#[test]
fn a_kept_version_that_the_store_breaks_off_is_the_stores() {
    let mut options = Options::default();
    options.slot_millis = 0;
    let tree = storage_adapter::Storage::with_options(
        tree().shared_store(),
        tree().shared_host(),
        options,
    );
    let old = put(&tree, "/notes/a", b"old");
    put(&tree, "/notes/a", b"new");
    let restore = || {
        let (account, path) = (alice(), document("/notes/a"));
        now(tree.restore(&account, &path, &old, &WriteCondition::None, None))
    };
    let data = "accounts/alice/data/notes/";
    tree.store()
        .set_fault_of(data, Some(ObjectFault::BreaksOff));
    let broken = restore();
    assert!(
        matches!(&broken, Err(TreeError::Store(StoreError::Unavailable(_)))),
        "{broken:?}"
    );
    tree.store().set_fault_of(data, None);
    restore().unwrap();
    assert_eq!(get(&tree, "/notes/a").as_deref(), Some(&b"old"[..]));
}
