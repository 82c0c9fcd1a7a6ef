//! The connectors of the installation: those of the configuration, and those that an admin made, which
//! register themselves. The latter are one object, `connectors.json`, changed by compare and swap, so that
//! a request that needs them costs one conditional read.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use protocol::{DEFAULT_PLATFORM, NetworkInfo, Registration, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage_adapter::{BodyError, ByteStream, ETag, GetOptions, ObjectStore, PutMode, StoreError};

use crate::connectors::Connectors;
use crate::kernel::body::collect;
use crate::kernel::config::Connector;
use crate::kernel::config::ConnectorKind;
use crate::kernel::config::DefaultNetwork;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::platform::Platform;
use crate::kernel::problem::Failure;
use crate::kernel::records::damaged;

/// The largest record of connectors that is read, in bytes: more than was ever written.
const MAX_READ: u64 = 4 * 1024 * 1024;
/// The largest record of connectors that is written, in bytes; a larger one can only become smaller.
const MAX_WRITTEN: usize = 512 * 1024;
/// The descriptors of all platforms together, in bytes of JSON.
const MAX_DESCRIBED: usize = 256 * 1024;
/// How often the record is read, changed and written again when others change it at the same time.
const MAX_ATTEMPTS: u32 = 12;

/// `connectors.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Registry {
    version: u32,
    pub(crate) connectors: Vec<Registered>,
    /// What connectors say of the platforms that they serve; but for what is built in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<Described>,
    /// Why not all of the record could be read.
    #[serde(skip)]
    pub(crate) damaged: Option<String>,
}

/// What one connector says of one platform. An entry from before these were kept by connector has neither; it goes with
/// the next change.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Described {
    #[serde(default)]
    connector: String,
    #[serde(default)]
    descriptor: Value,
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
        let registry = self.registry().await?;
        Ok(registry.platform(id, &self.kernel.config().connectors))
    }

    /// Returns what the platforms of all connectors say of themselves.
    pub(crate) async fn offered(&self) -> Result<Vec<Value>, StoreError> {
        let registry = self.registry().await?;
        let all = &self.kernel.config().connectors;
        let configured = all.iter().map(|c| &c.platforms);
        let made = registry
            .connectors
            .iter()
            .map(|c| &c.registration.platforms);
        let mut ids: Vec<&String> = configured.chain(made).flatten().collect();
        ids.sort_unstable();
        ids.dedup();
        let described = ids.into_iter().map(|id| registry.platform(id, all).0);
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
        let registry = self.read_registry(object.body).await?;
        if let Some((known, _)) = known.filter(|_| registry.damaged.is_some()) {
            // As it was, or else those that can be read: the configured ones go on in any case.
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

    /// Reads the record; of one that is damaged, or too large, what can be read.
    async fn read_registry(&self, body: ByteStream) -> Result<Registry, StoreError> {
        let (bytes, error) = match collect(body, MAX_READ).await {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(registry) => {
                    self.kernel.note_mended(keys::CONNECTORS);
                    return Ok(registry);
                }
                Err(error) => (bytes, error),
            },
            Err(BodyError::TooLarge { limit }) => {
                let error = format!("it is larger than {limit} bytes");
                (Bytes::new(), serde_json::Error::custom(error))
            }
            Err(error) => return Err(error.into()),
        };
        self.kernel.note_damage(keys::CONNECTORS, &error);
        let mut registry = Registry::readable(&bytes);
        registry.damaged = Some(damaged(keys::CONNECTORS, &error));
        Ok(registry)
    }

    /// Changes the connectors that an admin made, by compare and swap; nothing is written if `change` gives an error.
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

    /// As [`Connectors::edit_registry`]; of a damaged record what can be read is changed, and the rest is lost.
    pub(crate) async fn edit_readable_registry<T>(
        &self,
        mut change: impl FnMut(&mut Registry) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let configured = &self.kernel.config().connectors;
        for attempt in 0..MAX_ATTEMPTS {
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
            let result = change(&mut registry)?;
            registry.drop_unserved(configured);
            registry.check_size(before)?;
            match self.kernel.store(keys::CONNECTORS, &registry, mode).await {
                Ok(_) => return Ok(result),
                Err(StoreError::Precondition) => self.kernel.back_off(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Precondition.into())
    }
}

/// The platforms that a connector serves; what the configuration says of one counts.
fn served<'a>(configured: &'a [Connector], made: &'a [Registered], id: &str) -> &'a [String] {
    let made = || made.iter().find(|c| c.id == id);
    match configured.iter().find(|c| c.id == id) {
        Some(configured) => &configured.platforms,
        None => made().map_or(&[], |c| &c.registration.platforms),
    }
}

impl Registry {
    /// Returns a platform by the description of the connector that keeps connections of it, which is a configured one if
    /// one serves it; one without fields if there is none.
    pub(crate) fn platform(&self, id: &str, configured: &[Connector]) -> Platform {
        let ids = configured.iter().map(|c| &c.id);
        let mut ids = ids.chain(self.connectors.iter().map(|c| &c.id));
        let serves = |connector: &&String| {
            let mut served = served(configured, &self.connectors, connector).iter();
            served.any(|platform| platform == id)
        };
        let keeper = ids.find(serves);
        let known = self
            .platforms
            .iter()
            .find(|known| Some(&known.connector) == keeper && known.descriptor["id"] == id);
        match known {
            Some(known) => Platform(known.descriptor.clone()),
            None if id == DEFAULT_PLATFORM => Platform::usual(),
            None => Platform(Value::Null),
        }
    }

    /// Returns whether exactly this is known from a connector.
    pub(crate) fn is_described(&self, connector: &str, descriptors: &[Value]) -> bool {
        let known = self.platforms.iter().filter(|k| k.connector == connector);
        known.map(|known| &known.descriptor).eq(descriptors)
    }

    /// Takes what a connector says of its platforms, instead of what it said before.
    ///
    /// # Errors
    /// If there is too much from all connectors together.
    pub(crate) fn describe(
        &mut self,
        connector: &str,
        descriptors: &[Value],
        configured: &[Connector],
    ) -> Result<(), Failure> {
        self.platforms.retain(|known| known.connector != connector);
        self.drop_unserved(configured);
        let described = descriptors.iter().map(|descriptor| Described {
            connector: connector.to_owned(),
            descriptor: descriptor.clone(),
        });
        self.platforms.extend(described);
        let sizes = self
            .platforms
            .iter()
            .map(|k| k.descriptor.to_string().len());
        if sizes.sum::<usize>() > MAX_DESCRIBED {
            return Err(Failure::conflict(format!(
                "the descriptors of all platforms have more than {MAX_DESCRIBED} bytes together; shorten them or delete \
                 a connector"
            )));
        }
        Ok(())
    }

    /// Drops what is said of platforms by connectors that do not serve them any more.
    fn drop_unserved(&mut self, configured: &[Connector]) {
        let connectors = &self.connectors;
        self.platforms.retain(|known| {
            let mut served = served(configured, connectors, &known.connector).iter();
            served.any(|platform| known.descriptor["id"] == *platform)
        });
    }

    /// Its size as it is written, in bytes.
    fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |bytes| bytes.len())
    }

    /// Refuses to grow beyond what is written.
    fn check_size(&self, before: usize) -> Result<(), Failure> {
        let size = self.size();
        if size > MAX_WRITTEN && size > before {
            return Err(Failure::conflict(format!(
                "all connectors together have more than {MAX_WRITTEN} bytes to be kept; delete one first"
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
                // From its text, as everything is read: reading a value is code of its own, which the edge would carry.
                .filter_map(|entry| serde_json::from_slice(entry.to_string().as_bytes()).ok())
                .collect(),
        }
    }
}
