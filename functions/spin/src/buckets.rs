//! Accounts' own buckets. Names are resolved by the runtime, which decides what may be reached
//! (`allowed_outbound_hosts`); literal addresses are checked here.

use std::sync::Arc;

use functions_core::{BucketError, BucketSettings, OpenedBucket};
use storage_adapter::{AnyStore, Host};
use storage_s3::{Conditions, Limits, S3Settings, S3Store, SharedHttpClient};

use crate::http_client::WasiHttp;

/// Opens a bucket; see [`functions_core::Host::open_bucket`]. `any_network` permits any address.
pub(crate) async fn open<H: Host>(
    host: H,
    any_network: bool,
    wanted: &BucketSettings,
    parts: Option<bool>,
) -> Result<OpenedBucket, BucketError> {
    let place = wanted.describe();
    let refused = |words: String| BucketError(format!("{place} cannot be used: {words}"));
    let settings = S3Settings::from_variables(|name| wanted.variable(name))
        .map_err(|error| refused(error.to_string()))?;
    if !wanted.trusted && !any_network {
        let checked = settings.check_public(protocol::is_public_address);
        checked.map_err(refused)?;
    }
    let (http, host) = (SharedHttpClient::new(WasiHttp), Arc::new(host));
    let known = parts.map(|parts| Conditions { parts });
    let opened = S3Store::open_shared(&settings, http, host, Limits::impatient(), known).await;
    let (store, Conditions { parts }) = opened.map_err(refused)?;
    let store = AnyStore::new(Arc::new(store));
    Ok(OpenedBucket { store, parts })
}
