//! The address of the private IRC server, to which every account has a connection.

use std::net::IpAddr;

use protocol::{Connection, DEFAULT_PLATFORM, PRIVATE_CONNECTION};
use storage_adapter::{ObjectStore, StoreError};

use crate::chat::Chat;
use crate::identity::provision::lead_to;
use crate::kernel::config::ConnectorKind;
use crate::kernel::host::Host;
use crate::kernel::problem::Failure;

/// The local host name.
const LOCALHOST: &str = "localhost";

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// Sets the current address of the private server: the operator may have moved it since the account was created.
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

    /// Returns all addresses of the private server.
    pub(crate) async fn own_network(&self) -> Result<OwnNetwork, StoreError> {
        let Some(network) = self.connectors.network().await? else {
            return Ok(OwnNetwork::default());
        };
        let ports = [&[network.port], network.other_ports.as_slice()].concat();
        let origin = url::Url::parse(&self.kernel.config().origin);
        let origin = origin
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned));
        let mut hosts = vec![normal(&network.host)];
        let names = [Some(network.server), origin].into_iter().flatten();
        // Names for the local machine only count where the server runs on it.
        hosts.extend(
            names
                .map(|name| normal(&name))
                .filter(|name| name != LOCALHOST),
        );
        let mut places = Vec::new();
        for host in hosts {
            places.extend(ports.iter().map(|port| (host.clone(), *port)));
        }
        // A registered one reported its public address.
        for connector in self.connectors.all_connectors().await? {
            let url =
                (connector.kind == ConnectorKind::Ircd).then(|| url::Url::parse(&connector.url));
            // A configured one may have its wake address here instead, which is an HTTP one.
            if let Some(Ok(url)) = url
                && !matches!(url.scheme(), "http" | "https")
                && let (Some(host), Some(port)) = (url.host_str(), url.port())
            {
                places.push((normal(host), port));
            }
        }
        Ok(OwnNetwork {
            name: network.name,
            places,
        })
    }
}

/// Where the private server is. Every account already has its connection there. Over another one, to an address local
/// to the server, a member would be taken for a local client, which needs no account.
#[derive(Debug, Default)]
pub(crate) struct OwnNetwork {
    name: String,
    places: Vec<(String, u16)>,
}

impl OwnNetwork {
    /// Refuses a user's connection that leads to the private server.
    pub(crate) fn refuse(&self, connection: &Connection) -> Result<(), Failure> {
        let (Some(host), Some(port)) = (connection.text("host"), connection.number("port")) else {
            return Ok(());
        };
        let named = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let host = normal(host);
        let here = |(own, at): &(String, u16)| u64::from(*at) == port && *own == host;
        if connection.platform != DEFAULT_PLATFORM || !self.places.iter().any(here) {
            return Ok(());
        }
        Err(Failure::conflict(format!(
            "{named} is the server's own network, \"{}\"; every account is connected to it already",
            self.name
        )))
    }
}

/// A host, normalised for comparison: all names of the local machine become one.
fn normal(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let (here, host) = match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        // An unspecified address is dialled as loopback.
        Ok(address) => (
            address.is_loopback() || address.is_unspecified(),
            address.to_string(),
        ),
        // RFC 6761, section 6.3.
        Err(_) => (
            host == LOCALHOST || host.ends_with(".localhost"),
            host.to_owned(),
        ),
    };
    if here { LOCALHOST.to_owned() } else { host }
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
