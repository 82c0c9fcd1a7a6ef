//! Nothing is acknowledged that is not durable.

use durable::Step;
use durable::faults::{Fault, Plan};
use storage_adapter::{GetOptions, ObjectStore as _, PutMode, StoreError, contract::body};

use super::*;

/// A store whose disk fails as planned.
fn store() -> (FsStore, Plan, tempfile::TempDir) {
    let (folder, plan) = (tempfile::tempdir().unwrap(), Plan::default());
    let store = FsStore::open_marked(folder.path(), plan.disk()).unwrap();
    (store, plan, folder)
}

async fn exists(store: &FsStore, key: &str) -> bool {
    let got = store.get(key, GetOptions::default()).await;
    match got {
        Ok(_) => true,
        Err(StoreError::NotFound) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_not_acknowledged() {
    for mode in [PutMode::New, PutMode::IfAbsent, PutMode::Overwrite] {
        // Its bytes, and its name.
        for step in [Step::Sync, Step::SyncFolder] {
            let (store, plan, _folder) = store();
            plan.set(Fault::at(step, io::ErrorKind::Other));
            let put = store.put("a/b@1", body(&[b"1"]), mode.clone()).await;
            assert!(put.is_err(), "{mode:?} {step:?}: {put:?}");
            assert_eq!(plan.clear(), 1, "{mode:?} {step:?}");
            if step == Step::Sync {
                assert!(!exists(&store, "a/b@1").await, "{mode:?}");
            }
            store.delete("a/b@1").await.unwrap();
            let put = store.put("a/b@1", body(&[b"1"]), mode.clone()).await;
            assert!(put.is_ok(), "{mode:?} {step:?}: {put:?}");
            assert!(exists(&store, "a/b@1").await);
        }
    }
}

#[tokio::test]
async fn a_deletion_that_is_not_durable_is_not_acknowledged() {
    let (store, plan, _folder) = store();
    let keys = ["a/b@1", "c/d@1", "c/e@1"].map(str::to_owned);
    let put_all = async || {
        for key in &keys {
            store
                .put(key, body(&[b"1"]), PutMode::Overwrite)
                .await
                .unwrap();
        }
    };
    put_all().await;
    plan.set(Fault::at(Step::SyncFolder, io::ErrorKind::Other));
    assert!(store.delete(&keys[0]).await.is_err());
    assert_eq!(plan.clear(), 1);
    put_all().await;
    // Each folder once, whatever happens to another.
    for folder in 0..2 {
        plan.set(Fault {
            after: folder,
            ..Fault::at(Step::SyncFolder, io::ErrorKind::Other)
        });
        assert!(store.delete_many(&keys).await.is_err());
        assert_eq!(plan.clear(), 1);
        for key in &keys {
            assert!(!exists(&store, key).await, "{key}");
        }
        put_all().await;
    }
    plan.set(Fault {
        after: 2,
        ..Fault::at(Step::SyncFolder, io::ErrorKind::Other)
    });
    store.delete_many(&keys).await.unwrap();
    assert_eq!(plan.clear(), 0);
}
