//! Buckets that accounts have of their own. Names are resolved by the runtime, which decides what may be reached
//! (`allowed_outbound_hosts`); addresses that are written out are judged here.

use std::sync::Arc;

use functions_core::{BucketError, BucketSettings, OpenedBucket};
use storage_adapter::AnyStore;
use storage_s3::{Commits, Conditions, Limits, OpenError, S3Settings, S3Store, SharedHttpClient};

use crate::host::WasiHost;
use crate::http_client::WasiHttp;

/// How often a request to somebody's bucket is sent at most.
const ATTEMPTS: u32 = 3;
/// How long one attempt may take until its answer begins, in milliseconds.
const ATTEMPT_MS: u64 = 15_000;
/// No attempt begins so long after the first, in milliseconds.
const RETRY_MS: u64 = 10_000;

/// Opens a bucket; see [`functions_core::Host::open_bucket`].
pub(crate) async fn open(
    wanted: &BucketSettings,
    parts: Option<bool>,
) -> Result<OpenedBucket, BucketError> {
    let place = wanted.describe();
    let refused = |words: String| BucketError(format!("{place} cannot be used: {words}"));
    let settings = S3Settings::from_variables(|name| wanted.variable(name))
        .map_err(|error| refused(error.to_string()))?;
    if !wanted.trusted {
        if settings.is_plain() {
            return Err(refused("its address must begin with https://".to_owned()));
        }
        let address = settings.endpoint_address();
        if let Some(address) = address.filter(|address| !model::is_public_address(*address)) {
            return Err(refused(format!(
                "{address} is no address on the public internet, so it is not contacted"
            )));
        }
    }
    let mut limits = Limits::default();
    limits.attempts = ATTEMPTS;
    limits.attempt_millis = ATTEMPT_MS;
    limits.retry_millis = RETRY_MS;
    let (http, host) = (SharedHttpClient::new(WasiHttp), Arc::new(WasiHost));
    if let Some(parts) = parts {
        let commits = Commits::Server(Conditions { parts });
        let store = S3Store::new(&settings, http, host, limits, commits);
        let store = AnyStore::new(Arc::new(store));
        return Ok(OpenedBucket { store, parts });
    }
    let opened = S3Store::open(&settings, http, host, limits).await;
    let store = opened.map_err(|error| match error {
        OpenError::NoConditions { .. } => refused(storage_s3::NO_CONDITIONS.to_owned()),
        OpenError::Store { source, .. } => refused(source.to_string()),
        other => refused(other.to_string()),
    })?;
    let parts = matches!(store.commits(), Commits::Server(Conditions { parts: true }));
    let store = AnyStore::new(Arc::new(store));
    Ok(OpenedBucket { store, parts })
}
