//! Runs the periodic maintenance.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use functions_core::{Functions, Host, Maintained};
use storage_adapter::ObjectStore;

/// The mean time between two rounds, in milliseconds; each wait is between half of it and one and a half.
const INTERVAL: u64 = 60 * 60 * 1000;

/// Does all maintenance ([`Functions::maintain`]) about once an hour, until `shutdown` becomes true. What fails is
/// retried in the next round; the log reports it once.
pub async fn maintain<S: ObjectStore, H: Host>(
    functions: Arc<Functions<S, H>>,
    shutdown: impl Future<Output = ()>,
) {
    let rounds = async {
        let mut failing = BTreeMap::new();
        loop {
            let host = functions.storage().host();
            let mut random = [0; 8];
            host.random(&mut random);
            let jitter = u64::from_le_bytes(random) % (INTERVAL + 1);
            host.sleep(INTERVAL / 2 + jitter).await;
            failing = round(&functions, &failing).await;
        }
    };
    tokio::select! {
        biased;
        () = pin!(shutdown) => {}
        () = pin!(rounds) => {}
    }
}

/// Does one round; returns what failed.
async fn round<S: ObjectStore, H: Host>(
    functions: &Functions<S, H>,
    failing: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let done = match functions.lifecycle().maintain_when_due().await {
        Ok(Some(done)) => done,
        // Another instance on this store has done it.
        Ok(None) => return failing.clone(),
        Err(error) => {
            let mut done = Maintained::default();
            done.failed.insert("all".to_owned(), error.to_string());
            done
        }
    };
    for (account, report) in done.swept {
        let (expired, orphans) = (report.expired, report.orphans);
        tracing::info!(%account, expired, orphans, pages = report.pages, "swept");
    }
    if done.tidied > 0 {
        let removed = done.tidied;
        tracing::info!(removed, "removed abandoned uploads or empty folders");
    }
    if done.gave_way.versions > 0 {
        let (versions, bytes) = (done.gave_way.versions, done.gave_way.bytes);
        tracing::warn!(
            versions,
            bytes,
            "the disk of the storage is full: the oldest overwritten and deleted versions were removed to free space"
        );
    }
    if done.given_up > 0 {
        let tasks = done.given_up;
        tracing::warn!(
            tasks,
            "gave up tasks that waited too long for their connectors"
        );
    }
    for (what, error) in &done.failed {
        if !failing.contains_key(what) {
            tracing::warn!(what, error, "maintenance failed; retrying every hour");
        }
    }
    done.failed
}
