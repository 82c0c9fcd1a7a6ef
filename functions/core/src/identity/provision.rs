//! What every new account gets: a connection to the private IRC server.

use crate::kernel::host::Host;
use protocol::{AccountName, Connection, DEFAULT_PLATFORM, GrantKind};
use serde_json::Map;
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::Functions;
use crate::identity::grants::CreateGrantError;
use crate::kernel::config::DefaultNetwork;
use crate::kernel::keys;

/// Names the connection to the private server within every account.
pub(crate) const PRIVATE_CONNECTION: &str = "private";
impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Gives an account what new accounts get, once. Repeating it is safe: it continues where a process
    /// that died has left off, and does not bring back what the account has deleted.
    pub(crate) async fn provision(&self, account: &AccountName) -> Result<(), StoreError> {
        let marker = keys::provisioned(account);
        if self.load::<serde_json::Value>(&marker).await?.is_some() {
            return Ok(());
        }
        let Some(network) = self.network().await? else {
            return Ok(());
        };
        let Some(connector) = self.connector_for(DEFAULT_PLATFORM).await? else {
            return Ok(());
        };
        let key = keys::connection(account, PRIVATE_CONNECTION);
        if self.load::<Connection>(&key).await?.is_none() {
            let (grant, token) = self
                .issue(account, GrantKind::Irc, &network.name, None, None)
                .await
                .map_err(|error| match error {
                    CreateGrantError::Store(error) => error,
                    other => StoreError::Denied(other.to_string()),
                })?;
            let sealed = self
                .keys
                .seal(
                    account,
                    PRIVATE_CONNECTION,
                    &token.to_string(),
                    self.random(),
                )
                .map_err(|error| StoreError::Denied(error.to_string()))?;
            let mut connection = Connection {
                version: 1,
                id: PRIVATE_CONNECTION.to_owned(),
                platform: DEFAULT_PLATFORM.to_owned(),
                name: network.name.clone(),
                server: network.server.clone(),
                nick: account.to_string(),
                password: Some(sealed),
                channels: network.channels.clone(),
                enabled: true,
                connector: connector.id.clone(),
                created: self.now(),
                fields: Map::new(),
            };
            connection.set("sasl", true);
            lead_to(&mut connection, network);
            match self.store(&key, &connection, PutMode::IfAbsent).await {
                Ok(_) => {}
                // Another request was quicker; its token counts.
                Err(StoreError::Precondition) => self.remove_grant(account, &grant.id).await?,
                Err(error) => return Err(error),
            }
        }
        let body = serde_json::json!({"version": 1});
        self.store(&marker, &body, PutMode::Overwrite).await?;
        Ok(())
    }

    /// Sets where the private server is now: the operator may have moved it since the account was made.
    pub(crate) async fn at_current_address(
        &self,
        connections: &mut [Connection],
    ) -> Result<(), StoreError> {
        let own = connections.iter_mut().find(|c| c.id == PRIVATE_CONNECTION);
        let Some(connection) = own else {
            return Ok(());
        };
        if let Some(network) = self.network().await? {
            lead_to(connection, network);
        }
        Ok(())
    }
}

/// Sets where the private server is.
fn lead_to(connection: &mut Connection, network: DefaultNetwork) {
    connection.set("host", network.host);
    connection.set("port", network.port);
    connection.set("secure", network.secure);
}

#[cfg(test)]
mod tests {
    use crate::testing::{block_on, functions};

    use super::*;

    #[test]
    fn the_private_server_is_where_the_operator_says() {
        let functions = functions();
        let mut connection: Connection = serde_json::from_value(serde_json::json!({
            "version": 1, "id": PRIVATE_CONNECTION, "platform": "irc", "name": "Home", "server": "chat.example.org",
            "host": "10.0.0.1", "port": 1, "secure": true, "nick": "alice", "sasl": true, "channels": [],
            "enabled": true, "connector": "irc-1", "created": "2026-01-01T00:00:00.000Z",
        }))
        .unwrap();
        block_on(functions.at_current_address(std::slice::from_mut(&mut connection))).unwrap();
        let found = (
            connection.text("host").unwrap(),
            connection.number("port").unwrap(),
            connection.flag("secure"),
        );
        assert_eq!(found, ("127.0.0.1", 6667, false));
        connection.id = "another".to_owned();
        connection.set("port", 7000);
        block_on(functions.at_current_address(std::slice::from_mut(&mut connection))).unwrap();
        assert_eq!(connection.number("port"), Some(7000));
    }
}
