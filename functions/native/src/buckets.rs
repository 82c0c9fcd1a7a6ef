//! Accounts' own buckets.

use std::sync::{Arc, OnceLock};

use functions_core::{BucketError, BucketSettings, OpenedBucket};
use storage_adapter::AnyStore;
use storage_s3::{
    Conditions, Limits, S3Settings, S3Store, SharedHttpClient, guarded_http, native_http,
};

use crate::NativeHost;

/// HTTP clients, created on demand and kept. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    public: Arc<OnceLock<SharedHttpClient>>,
    plain: Arc<OnceLock<SharedHttpClient>>,
    secure: Arc<OnceLock<SharedHttpClient>>,
}

impl Clients {
    /// Returns the client for a bucket; `anywhere` permits private networks, and plain HTTP.
    fn client(&self, settings: &S3Settings, anywhere: bool) -> Result<SharedHttpClient, String> {
        if anywhere {
            let kept = if settings.is_plain() {
                &self.plain
            } else {
                &self.secure
            };
            return Ok(kept.get_or_init(|| native_http(settings)).clone());
        }
        settings.check_public(protocol::is_public_address)?;
        let client = self
            .public
            .get_or_init(|| guarded_http(protocol::is_public_address));
        Ok(client.clone())
    }

    /// Opens a bucket; see [`functions_core::Host::open_bucket`].
    pub(crate) async fn open(
        &self,
        host: &NativeHost,
        wanted: &BucketSettings,
        parts: Option<bool>,
    ) -> Result<OpenedBucket, BucketError> {
        let place = wanted.describe();
        let refused = |words: String| BucketError(format!("{place} cannot be used: {words}"));
        let settings = S3Settings::from_variables(|name| wanted.variable(name))
            .map_err(|error| refused(error.to_string()))?;
        let http = self
            .client(&settings, wanted.trusted || host.reaches_any_address())
            .map_err(refused)?;
        let host = Arc::new(host.clone());
        let known = parts.map(|parts| Conditions { parts });
        let opened = S3Store::open_shared(&settings, http, host, Limits::impatient(), known).await;
        let (store, Conditions { parts }) = opened.map_err(refused)?;
        let store = AnyStore::new(Arc::new(store));
        Ok(OpenedBucket { store, parts })
    }
}
