//! What is reported where the object store refuses or cannot deliver something: one sentence to the client, the store's
//! own words to the operator.

use storage_adapter::StoreError;
use storage_adapter::memory::ObjectFault;

use super::app;

const HOSTILE: &str = "the server answers a write with 404\nERROR forged \u{1b}[2J";

#[test]
fn a_store_that_does_not_take_a_document_is_not_said_to_refuse_access() {
    let app = app("notes:rw");
    let fault = ObjectFault::Fails(StoreError::refused(HOSTILE));
    app.functions
        .memory()
        .set_fault_of("accounts/alice/data/notes/", Some(fault));
    for _ in 0..3 {
        let put = app.put("/notes/a", "text");
        assert_eq!(put.status, 500);
        assert_eq!(
            put.detail(),
            "the object store refuses this; the operator can find the reason in the log"
        );
    }
    let told = || app.functions.host().troubles.lock().unwrap().clone();
    assert_eq!(
        told(),
        ["the object store refuses: the server answers a write with 404\\nERROR forged \\u{1b}[2J"],
        "on one line, and once a minute"
    );
    app.functions.host().advance(60_000);
    assert_eq!(app.put("/notes/a", "text").status, 500);
    assert_eq!(told().len(), 2);
    let fault = ObjectFault::Fails(StoreError::denied("this access key may not do that"));
    app.functions
        .memory()
        .set_fault_of("accounts/alice/data/notes/", Some(fault));
    app.functions.host().advance(60_000);
    let put = app.put("/notes/a", "text");
    assert_eq!(put.status, 500);
    assert!(put.detail().contains("check its credentials"), "{put:?}");
    assert_eq!(
        told()[2],
        "the object store denies access: this access key may not do that"
    );
    app.functions
        .memory()
        .set_fault_of("accounts/alice/data/notes/", None);
    assert_eq!(app.put("/notes/a", "text").status, 201);
    assert_eq!(told().len(), 3);
}

#[test]
fn a_store_that_does_not_answer_is_told_with_its_words() {
    let app = app("notes:rw");
    app.functions.set_down(true);
    let put = app.put("/notes/a", "text");
    assert_eq!(put.status, 503);
    assert!(!put.detail().contains("injected"), "{put:?}");
    let told = app.functions.host().troubles.lock().unwrap().clone();
    assert_eq!(told, ["the object store is unavailable: injected: refused"]);
}
