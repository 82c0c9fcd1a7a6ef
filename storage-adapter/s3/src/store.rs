//! The store itself.

use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use async_lock::{Mutex, MutexGuard};
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, IdentityCache, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Host, Object, ObjectStore, PutMode, StoreError, Versions,
};

use crate::bounded::Bounded;
use crate::conditions::{Conditions, OpenError};
use crate::counts::{Class, Counters, Requests};
use crate::errors::Kind;
use crate::{S3Settings, SharedHttpClient, keys};

/// The most parts of an upload.
pub(crate) const MAX_PARTS: u64 = 10_000;
/// The smallest part except the last one, in bytes.
const MIN_PART: usize = 5 << 20;
/// Locks for keys, if commits are serialised here; keys share them.
const LOCKS: usize = 64;

/// Limits.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bodies up to this many bytes are sent in one request, longer ones in parts of this size (at least 5 MiB, and
    /// large enough that 10,000 parts suffice for the largest object). A write holds up to twice as much in memory.
    pub part_bytes: usize,
    /// The largest object, in bytes.
    pub largest_object: u64,
    /// The most attempts for a request.
    pub attempts: u32,
    /// How long one attempt may take until its response starts, in milliseconds; also how long the response body may
    /// pause.
    pub attempt_millis: u64,
    /// No attempt starts later than this after the first, in milliseconds.
    pub retry_millis: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            part_bytes: 8 << 20,
            largest_object: 64 << 30,
            attempts: 6,
            attempt_millis: 60_000,
            retry_millis: 60_000,
        }
    }
}

impl Limits {
    /// The size of a part.
    fn part(self) -> usize {
        let enough = self.largest_object.div_ceil(MAX_PARTS);
        usize::try_from(enough)
            .unwrap_or(usize::MAX)
            .max(self.part_bytes)
            .max(MIN_PART)
    }
}

/// Who decides the conditions of writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Commits {
    /// The server, as far as it supports them.
    Server(Conditions),
    /// This process: nobody else may write.
    SingleWriter,
}

/// A bucket, or its part below a prefix. Cheap to clone.
pub struct S3Store<H> {
    pub(crate) inner: Arc<Inner<H>>,
}

pub(crate) struct Inner<H> {
    pub(crate) client: Client,
    /// The same for reading documents, which may have any length.
    pub(crate) reader: Client,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) host: Arc<H>,
    pub(crate) limits: Limits,
    pub(crate) part: usize,
    pub(crate) commits: Commits,
    pub(crate) counters: Counters,
    locks: [Mutex<()>; LOCKS],
}

impl<H> Clone for S3Store<H> {
    fn clone(&self) -> Self {
        let inner = Arc::clone(&self.inner);
        Self { inner }
    }
}

impl<H> fmt::Debug for S3Store<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store")
            .field("bucket", &self.inner.bucket)
            .field("prefix", &self.inner.prefix)
            .field("commits", &self.inner.commits)
            .finish_non_exhaustive()
    }
}

impl<H: Host> S3Store<H> {
    /// Creates a store without any request, for callers that already know what [`S3Store::open`] would find. It takes
    /// some 50 µs, so it may be created per request.
    #[must_use]
    pub fn new(
        settings: &S3Settings,
        http: SharedHttpClient,
        host: Arc<H>,
        limits: Limits,
        commits: Commits,
    ) -> Self {
        let inner = Inner {
            client: client(settings, http.clone(), Bounded::All),
            reader: client(settings, http, Bounded::Errors),
            bucket: settings.bucket.clone(),
            prefix: settings.prefix.clone(),
            host,
            limits,
            part: limits.part(),
            commits,
            counters: Counters::default(),
            locks: std::array::from_fn(|_| Mutex::new(())),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Creates a store and tests what the server supports, with some ten requests below `.subspace/probe/`.
    ///
    /// # Errors
    /// If the server cannot be used, or does not support conditions and the settings do not state that nobody else
    /// writes.
    pub async fn open(
        settings: &S3Settings,
        http: SharedHttpClient,
        host: Arc<H>,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let unconditional = Commits::SingleWriter;
        let trial = Self::new(
            settings,
            http.clone(),
            Arc::clone(&host),
            limits,
            unconditional,
        );
        let conditions = Box::pin(trial.probe())
            .await
            .map_err(|source| OpenError::Store {
                place: settings.describe(),
                source,
            })?;
        let commits = match conditions {
            Some(conditions) => Commits::Server(conditions),
            None if settings.single_writer => Commits::SingleWriter,
            None => {
                let place = settings.describe();
                return Err(OpenError::NoConditions { place });
            }
        };
        Ok(Self::new(settings, http, host, limits, commits))
    }

    /// Returns who decides the conditions of writes.
    #[must_use]
    pub fn commits(&self) -> Commits {
        self.inner.commits
    }

    /// Returns the requests sent since the last call.
    pub fn take_requests(&self) -> Requests {
        self.inner.counters.take()
    }
}

fn client(settings: &S3Settings, http: SharedHttpClient, bounded: Bounded) -> Client {
    let credentials = Credentials::new(
        &settings.access_key_id,
        &settings.secret_access_key,
        settings.session_token.clone(),
        None,
        "settings",
    );
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .interceptor(bounded)
        .region(Region::new(settings.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(settings.path_style)
        // Waits, retries and timeouts are implemented here, with the host's clock.
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Not every compatible server supports the newer checksums. The signature covers the body.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

/// Removes the quotes, which some servers omit in listings.
pub(crate) fn etag(text: &str) -> ETag {
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    ETag(bare.unwrap_or(text).to_owned())
}

/// Adds the quotes.
pub(crate) fn quoted(etag: &ETag) -> String {
    match etag.0.as_str() {
        weak if weak.starts_with("W/") => weak.to_owned(),
        bare => format!("\"{bare}\""),
    }
}

impl<H: Host> Inner<H> {
    pub(crate) fn full_key(&self, key: &str) -> Result<String, StoreError> {
        keys::full(&self.prefix, key)
    }

    /// Waits for the lock on this key, if commits are serialised here.
    pub(crate) async fn turn(&self, key: &str) -> Option<MutexGuard<'_, ()>> {
        if self.commits != Commits::SingleWriter {
            return None;
        }
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        Some(self.locks[(hash % LOCKS as u64) as usize].lock().await)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let key = self.full_key(key)?;
        let _turn = self.turn(&key).await;
        let request = self.client.delete_object().bucket(&self.bucket).key(key);
        let deleted = self
            .retrying(Class::Delete, || request.clone().send())
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == Kind::NotFound => Ok(()),
            Err(failure) => Err(failure.into_error()),
        }
    }
}

impl<H: Host> ObjectStore for S3Store<H> {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        Box::pin(Inner::get(&self.inner, key, options)).await
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        Box::pin(self.inner.put(key, body, mode)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        Box::pin(self.inner.delete(key)).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        #[cfg(feature = "native")]
        return Box::pin(self.delete_in_groups(keys)).await;
        #[cfg(not(feature = "native"))]
        return storage_adapter::one_by_one(self, keys).await;
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        Box::pin(self.inner.list(prefix, start_after)).await
    }

    /// Aborts multipart uploads that were abandoned, at most 1,000.
    async fn tidy(&self, older_than_millis: i64) -> Result<usize, StoreError> {
        Box::pin(self.inner.tidy(older_than_millis)).await
    }

    /// ETags are digests of the bytes; on AWS, unless the bucket encrypts with KMS keys.
    fn versions(&self) -> Versions {
        Versions::Content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_large_enough_for_the_largest_object() {
        let mut limits = Limits::default();
        assert_eq!(limits.part(), 8 << 20);
        limits.largest_object = 5 << 40;
        assert!(limits.part() as u64 * MAX_PARTS >= 5 << 40);
        (limits.part_bytes, limits.largest_object) = (1, 1);
        assert_eq!(limits.part(), MIN_PART);
    }

    #[test]
    fn etags_are_bare_inside() {
        assert_eq!(etag("\"a-2\"").0, "a-2");
        assert_eq!(quoted(&etag("a-2")), "\"a-2\"");
        assert_eq!(quoted(&etag("W/\"a\"")), "W/\"a\"");
    }
}
