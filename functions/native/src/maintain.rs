//! What has to be done from time to time: superseded documents are removed once they were kept long enough.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use functions_core::Functions;
use functions_core::Host;
use storage_adapter::ObjectStore;

/// The mean time between two rounds, in milliseconds; each wait is between half of it and one and a half.
const INTERVAL: u64 = 60 * 60 * 1000;

/// Age at which a write that has not ended is taken for abandoned, in milliseconds: that of the tree's orphans.
const ABANDONED: i64 = 24 * 60 * 60 * 1000;

/// Sweeps all accounts about once an hour, one after the other, until `shutdown` comes true. What fails
/// is tried again in the next round; the log says so once.
pub async fn maintain<S: ObjectStore, H: Host>(
    functions: Arc<Functions<S, H>>,
    shutdown: impl Future<Output = ()>,
) {
    let rounds = async {
        let mut failing = HashSet::new();
        loop {
            let host = functions.storage().host();
            let mut random = [0; 8];
            host.random(&mut random);
            let jitter = u64::from_le_bytes(random) % (INTERVAL + 1);
            host.sleep(INTERVAL / 2 + jitter).await;
            failing = sweep_all(&functions, &failing).await;
        }
    };
    tokio::select! {
        biased;
        () = pin!(shutdown) => {}
        () = pin!(rounds) => {}
    }
}

/// Sweeps every account; returns what failed. Empty stands for the listing of the accounts.
async fn sweep_all<S: ObjectStore, H: Host>(
    functions: &Functions<S, H>,
    failing: &HashSet<String>,
) -> HashSet<String> {
    let mut failed = HashSet::new();
    let accounts = match functions.account_names().await {
        Ok(accounts) => accounts,
        Err(error) => {
            if !failing.contains("") {
                tracing::warn!(%error, "the accounts could not be listed to sweep them; it is tried again every hour");
            }
            failed.insert(String::new());
            return failed;
        }
    };
    let storage = functions.storage();
    match storage.store().tidy(ABANDONED).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed uploads that were begun and left"),
        Err(error) => {
            tracing::warn!(%error, "uploads that were begun and left could not be removed; it is tried again every hour");
        }
    }
    for account in accounts {
        match storage.sweep(&account, storage.host().now()).await {
            Ok(report) => {
                if report.expired + report.orphans + report.pages > 0 {
                    let (expired, orphans) = (report.expired, report.orphans);
                    tracing::info!(%account, expired, orphans, pages = report.pages, "swept");
                }
            }
            Err(error) => {
                let name = account.to_string();
                if !failing.contains(&name) {
                    tracing::warn!(%account, %error, "an account could not be swept; it is tried again every hour");
                }
                failed.insert(name);
            }
        }
        if let Err(error) = functions.sweep_hooks(&account).await {
            let name = format!("{account}/hooks");
            if !failing.contains(&name) {
                tracing::warn!(%account, %error, "old deliveries of webhooks could not be removed; it is tried again every hour");
            }
            failed.insert(name);
        }
    }
    failed
}
