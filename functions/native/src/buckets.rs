//! Buckets that accounts have of their own.

use std::sync::{Arc, OnceLock};

use functions_core::{BucketError, BucketSettings, OpenedBucket};
use storage_adapter::AnyStore;
use storage_s3::{
    Commits, Conditions, Limits, OpenError, S3Settings, S3Store, SharedHttpClient, guarded_http,
    native_http,
};

use crate::NativeHost;

/// How often a request to somebody's bucket is sent at most: who waits for it wants to know soon.
const ATTEMPTS: u32 = 3;
/// How long one attempt may take until its answer begins, in milliseconds.
const ATTEMPT_MS: u64 = 15_000;
/// No attempt begins so long after the first, in milliseconds.
const RETRY_MS: u64 = 10_000;

/// HTTP clients, made when they are needed and kept. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    public: Arc<OnceLock<SharedHttpClient>>,
    plain: Arc<OnceLock<SharedHttpClient>>,
    secure: Arc<OnceLock<SharedHttpClient>>,
}

impl Clients {
    /// Returns the client for a bucket; `anywhere` lets it lead into private networks, and over plain HTTP.
    fn client(&self, settings: &S3Settings, anywhere: bool) -> Result<SharedHttpClient, String> {
        if anywhere {
            let kept = if settings.is_plain() {
                &self.plain
            } else {
                &self.secure
            };
            return Ok(kept.get_or_init(|| native_http(settings)).clone());
        }
        if settings.is_plain() {
            return Err("its address must begin with https://".to_owned());
        }
        if let Some(address) = settings.endpoint_address()
            && !model::is_public_address(address)
        {
            return Err(format!(
                "{address} is no address on the public internet, so it is not contacted"
            ));
        }
        let client = self
            .public
            .get_or_init(|| guarded_http(model::is_public_address));
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
        let mut limits = Limits::default();
        limits.attempts = ATTEMPTS;
        limits.attempt_millis = ATTEMPT_MS;
        limits.retry_millis = RETRY_MS;
        let host = Arc::new(host.clone());
        if let Some(parts) = parts {
            let commits = Commits::Server(Conditions { parts });
            let store = AnyStore::new(Arc::new(S3Store::new(
                &settings, http, host, limits, commits,
            )));
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
}
