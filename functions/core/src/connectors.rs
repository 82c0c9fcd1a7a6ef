//! The connectors of the installation.

use storage_adapter::{ObjectStore, StoreError};

use crate::{Connector, Functions, Host};

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Finds a connector by its id.
    ///
    /// # Errors
    /// The store's.
    #[allow(
        clippy::unused_async,
        reason = "connectors are going to be kept in the store as well"
    )]
    pub async fn find_connector(&self, id: &str) -> Result<Option<Connector>, StoreError> {
        let mut connectors = self.config.connectors.iter();
        Ok(connectors.find(|connector| connector.id == id).cloned())
    }
}
