//! The connectors of the installation: those of the configuration, and those that an admin made, which
//! register themselves. The latter are one object, `connectors.json`, changed by compare and swap, so that
//! a request that needs them costs one conditional read.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use protocol::{DEFAULT_PLATFORM, NetworkInfo, Registration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage_adapter::{ETag, GetOptions, ObjectStore, PutMode, StoreError};

use crate::connectors::Connectors;
use crate::kernel::body::collect;
use crate::kernel::config::Connector;
use crate::kernel::config::ConnectorKind;
use crate::kernel::config::DefaultNetwork;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::platform::Platform;

/// The largest record of connectors, in bytes.
const MAX_RECORD: u64 = 1024 * 1024;
/// Platforms of which something is known, besides the one that is built in.
const MAX_PLATFORMS: usize = 32;
/// How often the record is read, changed and written again when others change it at the same time.
const MAX_ATTEMPTS: u32 = 12;

/// `connectors.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Registry {
    version: u32,
    pub(crate) connectors: Vec<Registered>,
    /// What platforms say of themselves, by the connectors that registered last; but for what is built in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) platforms: Vec<Value>,
}

/// A connector that an admin made.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Registered {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// Counts its keys: a new one makes the old one useless.
    pub(crate) generation: u32,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) registration: Registration,
    #[serde(default)]
    pub(crate) seen: Option<Timestamp>,
}

/// The record as it was read last. It is asked for again each time, and read if it changed.
#[derive(Debug, Default)]
pub(crate) struct RegistryCache(Mutex<Option<(Arc<Registry>, ETag)>>);

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Finds a connector by its id.
    ///
    /// # Errors
    /// The store's.
    pub async fn find_connector(&self, id: &str) -> Result<Option<Connector>, StoreError> {
        let configured = self.kernel.config().connectors.iter().find(|c| c.id == id);
        if let Some(connector) = configured {
            return Ok(Some(connector.clone()));
        }
        let registry = self.registry().await?;
        let found = registry.connectors.iter().find(|c| c.id == id);
        Ok(found.map(|registered| self.connector_of(registered)))
    }

    /// Returns all connectors, those of the configuration first.
    pub(crate) async fn all_connectors(&self) -> Result<Vec<Connector>, StoreError> {
        let mut all = self.kernel.config().connectors.clone();
        for registered in &self.registry().await?.connectors {
            if !all.iter().any(|connector| connector.id == registered.id) {
                all.push(self.connector_of(registered));
            }
        }
        Ok(all)
    }

    /// Returns the connector that keeps connections of a platform.
    pub(crate) async fn connector_for(
        &self,
        platform: &str,
    ) -> Result<Option<Connector>, StoreError> {
        let serves = |connector: &Connector| connector.platforms.iter().any(|p| p == platform);
        if let Some(configured) = self.kernel.config().connectors.iter().find(|c| serves(c)) {
            return Ok(Some(configured.clone()));
        }
        Ok(self.all_connectors().await?.into_iter().find(serves))
    }

    /// Returns a connector that browsers can reach, whatever it connects to.
    pub(crate) async fn any_gateway(&self) -> Result<Option<Connector>, StoreError> {
        let serves = |connector: &Connector| !connector.platforms.is_empty();
        Ok(self.all_connectors().await?.into_iter().find(serves))
    }

    /// Returns a platform by its description.
    pub(crate) async fn platform(&self, id: &str) -> Result<Platform, StoreError> {
        Ok(self.registry().await?.platform(id))
    }

    /// Returns what the platforms of all connectors say of themselves.
    pub(crate) async fn offered(&self) -> Result<Vec<Value>, StoreError> {
        let registry = self.registry().await?;
        let configured = self.kernel.config().connectors.iter().map(|c| &c.platforms);
        let made = registry
            .connectors
            .iter()
            .map(|c| &c.registration.platforms);
        let mut ids: Vec<&String> = configured.chain(made).flatten().collect();
        ids.sort_unstable();
        ids.dedup();
        let described = ids.into_iter().map(|id| registry.platform(id).0);
        Ok(described.filter(|platform| !platform.is_null()).collect())
    }

    /// Returns the private IRC network, of the configuration or of an IRC server that registered.
    pub(crate) async fn network(&self) -> Result<Option<DefaultNetwork>, StoreError> {
        if self.kernel.config().network.is_some() {
            return Ok(self.kernel.config().network.clone());
        }
        let registry = self.registry().await?;
        let mut networks = registry
            .connectors
            .iter()
            .filter_map(|c| c.registration.network.clone());
        Ok(networks.next().map(|network| {
            let NetworkInfo {
                name,
                server,
                host,
                port,
                secure,
                channels,
            } = network;
            DefaultNetwork {
                name,
                server,
                host,
                port,
                secure,
                channels,
                other_ports: Vec::new(),
            }
        }))
    }

    fn connector_of(&self, registered: &Registered) -> Connector {
        let registration = &registered.registration;
        let guess = ConnectorKind::guess(&registration.platforms, registration.mail.is_some());
        Connector {
            id: registered.id.clone(),
            kind: registered.kind.parse().unwrap_or(guess),
            url: registration.url.clone().unwrap_or_default(),
            platforms: registration.platforms.clone(),
            key: self
                .kernel
                .keys()
                .connector(&registered.id, registered.generation),
        }
    }

    /// Reads the connectors that an admin made.
    pub(crate) async fn registry(&self) -> Result<Arc<Registry>, StoreError> {
        let lock = || {
            self.registry
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
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
            Err(error) => return Err(error),
        };
        let bytes = collect(object.body, MAX_RECORD).await?;
        let registry: Registry = match serde_json::from_slice(&bytes) {
            Ok(registry) => registry,
            Err(error) => {
                self.kernel.note_damage(keys::CONNECTORS, &error);
                // Those that can be read, or as it was: the configured ones go on in any case.
                let known = known.map(|(known, _)| known);
                return Ok(known.unwrap_or_else(|| Arc::new(Registry::readable(&bytes))));
            }
        };
        let registry = Arc::new(registry);
        *lock() = Some((Arc::clone(&registry), object.etag));
        Ok(registry)
    }

    /// Changes the connectors that an admin made, by compare and swap; nothing is written if `change` gives an error.
    pub(crate) async fn edit_registry<T, E: From<StoreError>>(
        &self,
        mut change: impl FnMut(&mut Registry) -> Result<T, E>,
    ) -> Result<T, E> {
        for attempt in 0..MAX_ATTEMPTS {
            let (mut registry, mode) = match self.kernel.load::<Registry>(keys::CONNECTORS).await? {
                Some((registry, etag)) => (registry, PutMode::IfMatch(etag)),
                None => (Registry::default(), PutMode::IfAbsent),
            };
            registry.version = 1;
            let result = change(&mut registry)?;
            match self.kernel.store(keys::CONNECTORS, &registry, mode).await {
                Ok(_) => return Ok(result),
                Err(StoreError::Precondition) => self.kernel.back_off(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Precondition.into())
    }
}

impl Registry {
    /// Returns a platform by its description; one without fields if there is none.
    pub(crate) fn platform(&self, id: &str) -> Platform {
        let known = self.platforms.iter().find(|platform| platform["id"] == id);
        match known {
            Some(known) => Platform(known.clone()),
            None if id == DEFAULT_PLATFORM => Platform::usual(),
            None => Platform(Value::Null),
        }
    }

    /// Takes what was said of platforms last.
    pub(crate) fn describe(&mut self, described: &[Value]) {
        for platform in described {
            self.platforms.retain(|known| known["id"] != platform["id"]);
            if self.platforms.len() < MAX_PLATFORMS {
                self.platforms.push(platform.clone());
            }
        }
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
            connectors: connectors
                // From its text, as everything is read: reading a value is code of its own, which the edge would carry.
                .filter_map(|entry| serde_json::from_slice(entry.to_string().as_bytes()).ok())
                .collect(),
        }
    }
}
