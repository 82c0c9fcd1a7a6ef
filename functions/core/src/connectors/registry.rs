//! The connectors of the installation: those of the configuration, and those that an admin made, which register
//! themselves. The latter are one object, `connectors.json`, changed by compare-and-swap, so that a request that needs
//! them costs one conditional read.

mod described;
mod lookup;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mutex::lock;
use protocol::{Registration, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage_adapter::{ByteStream, ETag, GetOptions, ObjectStore, PutMode, StoreError};

use self::described::Described;
use crate::connectors::Connectors;
use crate::kernel::body::collect;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;
use crate::kernel::records::{Attempts, Change, damaged, too_large};

/// The largest record of connectors that is read, in bytes: more than is ever written.
const MAX_READ: u64 = 4 * 1024 * 1024;
/// The largest record of connectors that is written, in bytes; a larger one may only shrink.
const MAX_WRITTEN: usize = 512 * 1024;

/// `connectors.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Registry {
    version: u32,
    pub(crate) connectors: Vec<Registered>,
    /// The connectors' descriptions of their platforms, except built-in ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<Described>,
    /// Why not all of the record could be read, if so.
    #[serde(skip)]
    pub(crate) damaged: Option<String>,
}

/// A connector that an admin created.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Registered {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// The platform of a gateway; absent for others, and in records from before there was more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<String>,
    /// Counts its keys: a new key invalidates the old one.
    pub(crate) generation: u32,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) registration: Registration,
    #[serde(default)]
    pub(crate) seen: Option<Timestamp>,
}

/// The record as it was last read. Each use revalidates it, and reads it again if it changed.
#[derive(Debug, Default)]
pub(crate) struct RegistryCache(Mutex<Option<(Arc<Registry>, ETag)>>);

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Reads the connectors that admins created.
    pub(crate) async fn registry(&self) -> Result<Arc<Registry>, StoreError> {
        let lock = || lock(&self.registry.0);
        let known = lock().clone();
        let options = GetOptions {
            if_none_match: known.as_ref().map(|(_, etag)| etag.clone()),
            ..GetOptions::default()
        };
        let object = match self
            .kernel
            .storage()
            .store()
            .get(keys::CONNECTORS, options)
            .await
        {
            Ok(object) => object,
            Err(StoreError::NotFound) => return Ok(Arc::default()),
            Err(StoreError::NotModified) => {
                return Ok(known.map(|(known, _)| known).unwrap_or_default());
            }
            Err(error) => {
                return match (known, self.kernel.whose(keys::CONNECTORS, error).await) {
                    // The last known state: the configured ones keep working in any case.
                    (Some((known, _)), error) if error.is_own() => {
                        let mut known = Registry::clone(&known);
                        known.damaged = Some(error.to_string());
                        Ok(Arc::new(known))
                    }
                    (None, StoreError::Damaged(sentence)) => Ok(Arc::new(Registry {
                        damaged: Some(sentence),
                        ..Registry::default()
                    })),
                    (_, StoreError::AccountUnavailable(words)) => {
                        Err(StoreError::Unavailable(words))
                    }
                    (_, error) => Err(error),
                };
            }
        };
        let registry = self.read_registry(object.body).await?;
        if let Some((known, _)) = known.filter(|_| registry.damaged.is_some()) {
            // The last known state, or else whatever can be read: the configured ones keep working in any case.
            let mut known = Registry::clone(&known);
            known.damaged = registry.damaged;
            return Ok(Arc::new(known));
        }
        let registry = Arc::new(registry);
        if registry.damaged.is_none() {
            *lock() = Some((Arc::clone(&registry), object.etag));
        }
        Ok(registry)
    }

    /// Reads the record; if it is damaged or too large, the readable part.
    async fn read_registry(&self, body: ByteStream) -> Result<Registry, StoreError> {
        let (bytes, error) = match collect(body, MAX_READ).await? {
            Some(bytes) => match serde_json::from_slice(&bytes) {
                Ok(registry) => {
                    self.kernel.note_mended(keys::CONNECTORS);
                    return Ok(registry);
                }
                Err(error) => (bytes, error),
            },
            None => {
                let error = serde_json::Error::custom(too_large(MAX_READ));
                (Bytes::new(), error)
            }
        };
        self.kernel.note_damage(keys::CONNECTORS, &error);
        let mut registry = Registry::readable(&bytes);
        registry.damaged = Some(damaged(keys::CONNECTORS, &error));
        Ok(registry)
    }

    /// Changes the connectors that admins created, by compare-and-swap; nothing is written if `change` returns an
    /// error.
    pub(crate) async fn edit_registry<T>(
        &self,
        mut change: impl FnMut(&mut Registry) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.edit_readable_registry(|registry| match registry.damaged.take() {
            None => change(registry),
            Some(damaged) => Err(StoreError::Damaged(damaged).into()),
        })
        .await
    }

    /// Like [`Connectors::edit_registry`]; the readable part of a damaged record is changed, and the original is set
    /// aside.
    pub(crate) async fn edit_readable_registry<T>(
        &self,
        mut change: impl FnMut(&mut Registry) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let configured = &self.kernel.config().connectors;
        let mut attempts = Attempts::default();
        while self.kernel.attempt(&mut attempts).await {
            let store = self.kernel.storage().store();
            let (mut registry, mode) =
                match store.get(keys::CONNECTORS, GetOptions::default()).await {
                    Ok(object) => {
                        let registry = self.read_registry(object.body).await?;
                        (registry, PutMode::IfMatch(object.etag))
                    }
                    Err(StoreError::NotFound) => (Registry::default(), PutMode::IfAbsent),
                    Err(error) => return Err(error.into()),
                };
            registry.version = 1;
            let before = registry.size();
            let is_damaged = registry.damaged.is_some();
            let result = change(&mut registry)?;
            registry.drop_unserved(configured);
            registry.check_size(before)?;
            if is_damaged && !self.set_registry_aside(&mode).await? {
                continue;
            }
            let change = Change::Write(registry, result);
            let swapped = self.kernel.swap(keys::CONNECTORS, change, mode).await?;
            if let Some(result) = swapped {
                return Ok(result);
            }
        }
        Err(StoreError::Precondition.into())
    }

    /// Keeps a damaged record alongside, so that the operator can see what could not be read. Returns whether it is
    /// still the one that was read.
    async fn set_registry_aside(&self, read: &PutMode) -> Result<bool, StoreError> {
        let store = self.kernel.storage().store();
        let object = match store.get(keys::CONNECTORS, GetOptions::default()).await {
            Ok(object) => object,
            Err(StoreError::NotFound) => return Ok(false),
            Err(error) => return Err(error),
        };
        if *read != PutMode::IfMatch(object.etag) {
            return Ok(false);
        }
        let now = self.kernel.now().millis();
        let aside = keys::set_aside(&format!("{now}-{}", keys::CONNECTORS));
        store.put(&aside, object.body, PutMode::Overwrite).await?;
        let (host, record) = (self.kernel.storage().host(), keys::CONNECTORS);
        host.tell_damaged(&format!(
            "the record {record} was damaged and has been rewritten from its readable part; the original is kept as {aside}"
        ));
        Ok(true)
    }
}

impl Registry {
    /// Its serialised size in bytes.
    fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |bytes| bytes.len())
    }

    /// Refuses to grow beyond the limit.
    fn check_size(&self, before: usize) -> Result<(), Failure> {
        let size = self.size();
        if size > MAX_WRITTEN && size > before {
            return Err(Failure::conflict(format!(
                "all connectors together take more than {MAX_WRITTEN} bytes; delete one first"
            )));
        }
        Ok(())
    }

    /// Reads the entries that can be read.
    fn readable(bytes: &Bytes) -> Self {
        let found = serde_json::from_slice::<Value>(bytes).ok();
        let entries = found
            .as_ref()
            .and_then(|found| found["connectors"].as_array());
        let connectors = entries.into_iter().flatten();
        Self {
            version: 1,
            platforms: Vec::new(),
            damaged: None,
            connectors: connectors
                // Parsed from its text like everything else: parsing a JSON value is separate code, which would enlarge
                // the edge builds.
                .filter_map(|entry| serde_json::from_slice(entry.to_string().as_bytes()).ok())
                .collect(),
        }
    }
}
