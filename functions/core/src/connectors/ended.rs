//! Notifies connectors when something ends or changes: sessions, calls, an account's connections.

use protocol::AccountName;
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::connectors::Connectors;
use crate::kernel::host::Host;
use crate::kernel::keys;

/// A marker that changes whenever something ends, `sessions-ended.json`.
#[derive(Default, Deserialize, Serialize)]
struct Mark {
    version: u32,
    mark: String,
}

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Returns the marker, which changes whenever something ends.
    pub(crate) async fn sessions_version(&self) -> Result<String, StoreError> {
        let mark = match self.kernel.load::<Mark>(keys::SESSIONS_ENDED).await {
            Ok(mark) => mark.map(|(mark, _)| mark.mark),
            // It is only a marker; the next one replaces it.
            Err(error) if error.is_own() => None,
            Err(error) => return Err(error),
        };
        Ok(mark.unwrap_or_default())
    }

    /// Notifies connectors that sessions of an account ended (call it after the grants are removed), or that the
    /// account was disabled or removed: reachable gateways have closed its sockets before this returns; other
    /// connectors notice within seconds.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn sessions_ended(&self, account: &AccountName) -> Result<(), StoreError> {
        self.mark_ended().await?;
        self.tell_gateways(&format!("account={account}")).await
    }

    /// Like [`Connectors::sessions_ended`], for a call whose link is no longer valid.
    pub(crate) async fn call_ended(&self, id: &str) -> Result<(), StoreError> {
        self.mark_ended().await?;
        self.tell_gateways(&format!("call={id}")).await
    }

    async fn mark_ended(&self) -> Result<(), StoreError> {
        let mark = Mark {
            version: 1,
            mark: format!("{:032x}", u128::from_be_bytes(self.kernel.random::<16>())),
        };
        self.kernel
            .store(keys::SESSIONS_ENDED, &mark, PutMode::Overwrite)
            .await
            .map(drop)
    }

    /// Notifies all connectors that serve browsers.
    async fn tell_gateways(&self, what: &str) -> Result<(), StoreError> {
        let all = self.all_connectors().await?;
        let gateways = all.iter().filter(|one| !one.platforms.is_empty());
        futures_util::future::join_all(gateways.map(|one| self.wake_about(one, what))).await;
        Ok(())
    }

    /// Notifies connectors that an account's connections changed; reachable ones have fetched them when this returns.
    pub(crate) async fn connections_changed(
        &self,
        account: &AccountName,
        connectors: &[&str],
    ) -> Result<(), StoreError> {
        let mut told: Vec<&str> = Vec::new();
        for id in connectors {
            if told.contains(id) {
                continue;
            }
            told.push(id);
            if let Some(connector) = self.find_connector(id).await? {
                self.wake_about(&connector, &format!("account={account}"))
                    .await;
            }
        }
        Ok(())
    }
}
