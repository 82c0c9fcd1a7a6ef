//! The IRC platform fulfils the gateway's contract for platforms.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod server;

use std::sync::Arc;
use std::time::Duration;

use gateway::Platform;
use gateway_contract::Ground;
use irc_connector::{AddressPolicy, Irc, IrcConfig, Settings};
use protocol::{Connection, PersonId};
use serde_json::{Value, json};

use server::Server;

struct Network {
    irc: Arc<Irc>,
    server: Server,
}

impl Network {
    async fn start() -> Self {
        let config = IrcConfig {
            settings: Settings {
                reconnect_min: Duration::from_millis(100),
                reconnect_max: Duration::from_secs(1),
                burst: 100,
                ..Settings::default()
            },
            addresses: AddressPolicy::Any,
            ..IrcConfig::default()
        };
        Self {
            irc: Arc::new(Irc::new(config)),
            server: Server::start().await,
        }
    }
}

impl Ground for Network {
    fn platform(&self) -> Arc<dyn Platform> {
        Arc::clone(&self.irc) as _
    }

    fn record(&self, name: &str) -> Connection {
        let (server, object) = self.credentials(name);
        let nick = name.to_owned();
        let mut record = self
            .irc
            .credentials(&PersonId { nick, server }, &object)
            .unwrap();
        "irc.test".clone_into(&mut record.server);
        record
    }

    fn somebody(&self) -> &str {
        server::SOMEBODY
    }

    fn credentials(&self, name: &str) -> (String, Value) {
        let server = self.server.address.to_string();
        let object =
            json!({"type": "credentials", "nick": name, "server": server, "secure": false});
        (server, object)
    }
}

gateway_contract::contract!(Network::start().await);
