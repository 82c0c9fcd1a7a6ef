//! The address of the private IRC server, to which every account has a connection.

use protocol::Connection;
use storage_adapter::{ObjectStore, StoreError};

use crate::chat::Chat;
use crate::identity::provision::{PRIVATE_CONNECTION, lead_to};
use crate::kernel::host::Host;

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// Sets where the private server is now: the operator may have moved it since the account was made.
    pub(crate) async fn at_current_address(
        &self,
        connections: &mut [Connection],
    ) -> Result<(), StoreError> {
        let own = connections.iter_mut().find(|c| c.id == PRIVATE_CONNECTION);
        let Some(connection) = own else {
            return Ok(());
        };
        if let Some(network) = self.connectors.network().await? {
            lead_to(connection, network);
        }
        Ok(())
    }
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
        block_on(
            functions
                .chat
                .at_current_address(std::slice::from_mut(&mut connection)),
        )
        .unwrap();
        let found = (
            connection.text("host").unwrap(),
            connection.number("port").unwrap(),
            connection.flag("secure"),
        );
        assert_eq!(found, ("127.0.0.1", 6667, false));
        connection.id = "another".to_owned();
        connection.set("port", 7000);
        block_on(
            functions
                .chat
                .at_current_address(std::slice::from_mut(&mut connection)),
        )
        .unwrap();
        assert_eq!(connection.number("port"), Some(7000));
    }
}
