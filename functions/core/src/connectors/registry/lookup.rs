//! Looks up connectors and what they offer, configured ones first.

use protocol::NetworkInfo;
use serde_json::Value;
use storage_adapter::{ObjectStore, StoreError};

use super::Registered;
use crate::connectors::Connectors;
use crate::kernel::config::{Connector, ConnectorKind, DefaultNetwork};
use crate::kernel::host::Host;
use crate::kernel::platform::Platform;

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Finds a connector by its id.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn find_connector(&self, id: &str) -> Result<Option<Connector>, StoreError> {
        let configured = self.kernel.config().connectors.iter().find(|c| c.id == id);
        if let Some(connector) = configured {
            return Ok(Some(connector.clone()));
        }
        let registry = self.registry().await?;
        let found = registry.connectors.iter().find(|c| c.id == id);
        Ok(found.map(|registered| self.connector_of(registered)))
    }

    /// Returns all connectors, configured ones first.
    pub(crate) async fn all_connectors(&self) -> Result<Vec<Connector>, StoreError> {
        let mut all = self.kernel.config().connectors.clone();
        for registered in &self.registry().await?.connectors {
            if !all.iter().any(|connector| connector.id == registered.id) {
                all.push(self.connector_of(registered));
            }
        }
        Ok(all)
    }

    /// Returns the connector for connections to a platform.
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

    /// Returns a gateway that browsers can reach, whatever its platform.
    pub(crate) async fn any_gateway(&self) -> Result<Option<Connector>, StoreError> {
        let serves = |connector: &Connector| !connector.platforms.is_empty();
        Ok(self.all_connectors().await?.into_iter().find(serves))
    }

    /// Returns a platform as described by its connector.
    pub(crate) async fn platform(&self, id: &str) -> Result<Platform, StoreError> {
        let registry = self.registry().await?;
        Ok(registry.platform(id, &self.kernel.config().connectors))
    }

    /// Returns the descriptions of all connectors' platforms.
    pub(crate) async fn offered(&self) -> Result<Vec<Value>, StoreError> {
        let registry = self.registry().await?;
        let all = &self.kernel.config().connectors;
        let configured = all.iter().map(|c| &c.platforms);
        let made = registry
            .connectors
            .iter()
            .map(|c| &c.registration.platforms);
        let mut ids: Vec<&String> = configured.chain(made).flatten().collect();
        protocol::sort(&mut ids);
        ids.dedup();
        let described = ids.into_iter().map(|id| registry.platform(id, all).0);
        Ok(described.filter(|platform| !platform.is_null()).collect())
    }

    /// Returns the private IRC network, from the configuration or of a registered IRC server.
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
}
