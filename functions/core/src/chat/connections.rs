//! `/api/connections`: an account's always-on connections. Passwords can be written but never read.

use crate::kernel::host::Host;
use http::StatusCode;
use protocol::{
    AccountName, Connection, ConnectionList, ConnectionView, NewConnection, PRIVATE_CONNECTION,
};
use serde_json::{Map, Value};
use storage_adapter::{ObjectStore, StoreError};

use crate::chat::Chat;
use crate::chat::private_network::OwnNetwork;
use crate::identity::call::Call;
use crate::kernel::fields::{self, InvalidField};
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::keys::is_id;
use crate::kernel::platform::Platform;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{answer, empty, json};

/// The most connections of one account.
const MAX_CONNECTIONS: usize = 50;

/// The longest part of a server's name taken from a user name.
const MAX_NETWORK: usize = 40;

/// What of a connection is the account's own on any network.
const OWN: [&str; 2] = ["channels", "enabled"];

impl From<InvalidField> for Failure {
    fn from(error: InvalidField) -> Self {
        Self::unprocessable(error.to_string())
    }
}

fn no_such_field(name: &str) -> InvalidField {
    fields::invalid(
        "field",
        name,
        "connections to this platform have no such field",
    )
}

fn missing() -> Failure {
    Failure::not_found("there is no such connection; perhaps it was deleted")
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// `GET /api/connections`.
    pub(crate) async fn get_connections(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        let mut connections = self.connections(&held.account).await?;
        protocol::sort_by(&mut connections, |a, b| {
            (a.created, &a.id).cmp(&(b.created, &b.id))
        });
        let mut views = Vec::with_capacity(connections.len());
        for connection in connections {
            let managed = self.is_managed(&connection.id).await?;
            views.push(ConnectionView::new(connection, managed));
        }
        let list = ConnectionList {
            connections: views,
            platforms: self.connectors.offered().await?,
        };
        Ok(answer(StatusCode::OK, &list))
    }

    /// `GET /api/connections/<id>`.
    pub(crate) async fn get_connection(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        let connection = self.connection(&held.account, id).await?;
        let managed = self.is_managed(id).await?;
        Ok(answer(
            StatusCode::OK,
            &ConnectionView::new(connection, managed),
        ))
    }

    /// `POST /api/connections`.
    pub(crate) async fn post_connection(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let held = call.session()?;
        let wanted: NewConnection = json(body).await?;
        let account = &held.account;
        let id = wanted.text("platform").unwrap_or_default();
        let mut connection = Connection {
            version: 1,
            id: self.connection_id(),
            connector: self.connector_id(id).await?,
            platform: id.to_owned(),
            name: String::new(),
            server: String::new(),
            nick: account.to_string(),
            password: None,
            channels: Vec::new(),
            enabled: true,
            created: self.kernel.now(),
            fields: Map::new(),
        };
        let platform = self.connectors.platform(id).await?;
        let known =
            |name: &str| matches!(name, "platform" | "name") || platform.field(name).is_some();
        if let Some(unknown) = wanted.0.keys().find(|name| !known(name)) {
            return Err(no_such_field(unknown).into());
        }
        platform.fill(&mut connection, &wanted.0)?;
        let name = wanted.text("name");
        connection.name = fields::text("name", name.unwrap_or_else(|| place_of(&connection)))?;
        if let Some(password) = connection.password.take() {
            connection.password = Some(self.seal(account, &connection.id, &password)?);
        }
        self.own_network().await?.refuse(&connection)?;
        let others = self.connections(account).await?;
        connection.server = server_for(&connection, &others)?;
        self.add_connection(account, &connection, &others).await?;
        self.connectors
            .connections_changed(account, &[&connection.connector])
            .await?;
        Ok(answer(
            StatusCode::CREATED,
            &ConnectionView::new(connection, false),
        ))
    }

    /// `PATCH /api/connections/<id>`.
    pub(crate) async fn patch_connection(
        &self,
        call: &Call<'_>,
        id: &str,
        body: Incoming,
    ) -> Answer {
        let held = call.session()?;
        let changes: NewConnection = json(body).await?;
        let managed = self.is_managed(id).await?;
        if managed && changes.0.keys().any(|name| !OWN.contains(&name.as_str())) {
            return Err(Failure::forbidden(
                "this network is managed by the server; only its channels can be changed, and whether it is switched on",
            ));
        }
        let account = &held.account;
        // Validated once to report errors, then applied to whatever is current.
        let mut others = self.connections(account).await?;
        others.retain(|other| other.id != id);
        let before = self.connection(account, id).await?;
        let own = self.own_network().await?;
        let moved = changes.text("platform");
        let connector = match moved {
            Some(platform) => Some(self.connector_id(platform).await?),
            None => None,
        };
        let platform = self
            .connectors
            .platform(moved.unwrap_or(&before.platform))
            .await?;
        let password = match changes.0.get("password") {
            Some(password) => {
                let mut scratch = before.clone();
                if !platform.change(&mut scratch, "password", password)? {
                    return Err(no_such_field("password").into());
                }
                // Only a new one is in clear text.
                let new = scratch.password.filter(|_| password.is_string());
                let sealed = new.map(|password| self.seal(account, id, &password));
                Some(sealed.transpose()?)
            }
            None => None,
        };
        let result = self
            .kernel
            .edit_connection::<Result<Connection, Failure>>(account, id, |connection| {
                let mut changed = connection.clone();
                if let (Some(moved), Some(connector)) = (moved, &connector) {
                    moved.clone_into(&mut changed.platform);
                    changed.connector.clone_from(connector);
                    changed
                        .fields
                        .retain(|name, _| platform.field(name).is_some());
                }
                if let Some(password) = &password {
                    changed.password.clone_from(password);
                }
                match apply(&mut changed, &changes.0, &platform, &others, &own) {
                    Ok(()) => {
                        *connection = changed.clone();
                        Edit::Write(Ok(changed))
                    }
                    Err(failure) => Edit::Keep(Err(failure)),
                }
            })
            .await?;
        let connection = result.ok_or_else(missing)??;
        // The connector that kept it so far has to let go of it.
        self.connectors
            .connections_changed(account, &[&before.connector, &connection.connector])
            .await?;
        Ok(answer(
            StatusCode::OK,
            &ConnectionView::new(connection, managed),
        ))
    }

    /// `DELETE /api/connections/<id>`.
    pub(crate) async fn delete_connection(&self, call: &Call<'_>, id: &str) -> Answer {
        let held = call.session()?;
        if !is_id(id) {
            return Err(missing());
        }
        let key = keys::connection(&held.account, id);
        let keepers = match self.kernel.load::<Connection>(&key).await {
            Ok(Some((removed, _))) => vec![removed.connector],
            Ok(None) => return Err(missing()),
            // Which connector kept it cannot be read either.
            Err(StoreError::Damaged(_)) => {
                let mut all = self.connectors.all_connectors().await?;
                all.retain(|connector| !connector.platforms.is_empty());
                all.into_iter().map(|connector| connector.id).collect()
            }
            Err(error) => return Err(error.into()),
        };
        if self.is_managed(id).await? {
            return Err(Failure::forbidden(
                "this network is managed by the server and cannot be removed; switch it off instead",
            ));
        }
        self.kernel.storage().store().delete(&key).await?;
        let keepers: Vec<&str> = keepers.iter().map(String::as_str).collect();
        self.connectors
            .connections_changed(&held.account, &keepers)
            .await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Whether a connection leads to the server's own network, if the server has one.
    async fn is_managed(&self, id: &str) -> Result<bool, StoreError> {
        Ok(id == PRIVATE_CONNECTION && self.connectors.network().await?.is_some())
    }

    /// Reads all connections of an account, with encrypted passwords.
    pub(crate) async fn connections(
        &self,
        account: &AccountName,
    ) -> Result<Vec<Connection>, StoreError> {
        let mut connections = self.kernel.load_connections(account).await?;
        self.at_current_address(&mut connections).await?;
        Ok(connections)
    }

    async fn connection(&self, account: &AccountName, id: &str) -> Result<Connection, Failure> {
        if !is_id(id) {
            return Err(missing());
        }
        let found = self.kernel.load_connection(account, id).await?;
        let (mut connection, _) = found.ok_or_else(missing)?;
        let one = std::slice::from_mut(&mut connection);
        self.at_current_address(one).await?;
        Ok(connection)
    }

    /// Writes a new connection, within the limits of an account.
    pub(crate) async fn add_connection(
        &self,
        account: &AccountName,
        connection: &Connection,
        others: &[Connection],
    ) -> Result<(), Failure> {
        let full = || {
            Failure::conflict(format!(
                "an account can have at most {MAX_CONNECTIONS} connections; delete one first"
            ))
        };
        if others.len() >= MAX_CONNECTIONS {
            return Err(full());
        }
        let (prefix, key) = (
            keys::connections(account),
            keys::connection(account, &connection.id),
        );
        let sealed = self.kernel.sealed_connection(account, connection);
        let added = self
            .kernel
            .add_within(&prefix, &key, &sealed, MAX_CONNECTIONS);
        added.await?.then_some(()).ok_or_else(full)
    }

    /// Creates an id for a connection, `^[a-z0-9]{16}$`.
    pub(crate) fn connection_id(&self) -> String {
        protocol::hex(&self.kernel.random::<8>())
    }

    /// Encrypts a secret of a connection.
    pub(crate) fn seal(
        &self,
        account: &AccountName,
        connection: &str,
        secret: &str,
    ) -> Result<String, Failure> {
        self.kernel
            .keys()
            .seal(account, connection, secret, self.kernel.random())
            .map_err(|_| Failure::unprocessable("the password could not be encrypted"))
    }

    /// Returns the id of the connector for connections to a platform.
    async fn connector_id(&self, platform: &str) -> Result<String, Failure> {
        if let Some(connector) = self.connectors.connector_for(platform).await? {
            return Ok(connector.id);
        }
        let connectors = self.connectors.all_connectors().await?;
        let mut offered: Vec<&str> = connectors
            .iter()
            .flat_map(|connector| connector.platforms.iter().map(String::as_str))
            .collect();
        protocol::sort(&mut offered);
        offered.dedup();
        let shown: String = platform
            .chars()
            .filter(|c| !c.is_control())
            .take(40)
            .collect();
        Err(Failure::unprocessable(format!(
            "platform \"{shown}\" is not offered here; there is: {}",
            if offered.is_empty() {
                "none".to_owned()
            } else {
                offered.join(", ")
            }
        )))
    }
}

/// Returns the server's name in ids: the host; with the port if the account uses the host already; prefixed with the
/// network from a bouncer's user name if that is taken too. Host, port and user name together are unique.
fn server_for(connection: &Connection, others: &[Connection]) -> Result<String, Failure> {
    let host = place_of(connection);
    let with_port = match connection.number("port") {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let taken = |server: &str| others.iter().any(|other| other.server == server);
    let conflict = || {
        let user = user_of(connection);
        Failure::conflict(format!(
            "there is a connection to {with_port} as {user} already; change that one, or give another user name"
        ))
    };
    if others.iter().any(|other| same_place(connection, other)) {
        return Err(conflict());
    }
    let network = network_of(user_of(connection));
    let within = |server: &str| format!("{network}.{server}");
    let names = [
        host.to_owned(),
        with_port.clone(),
        within(host),
        within(&with_port),
    ];
    let usable = |server: &&String| !server.starts_with('.') && !taken(server);
    names.iter().find(usable).cloned().ok_or_else(conflict)
}

/// Whether the server could not distinguish two connections.
fn same_place(one: &Connection, other: &Connection) -> bool {
    place_of(one) == place_of(other)
        && one.number("port") == other.number("port")
        && user_of(one) == user_of(other)
}

/// The host; a platform without hosts counts as a single one.
fn place_of(connection: &Connection) -> &str {
    connection.text("host").unwrap_or(&connection.platform)
}

fn user_of(connection: &Connection) -> &str {
    connection.text("username").unwrap_or(&connection.nick)
}

/// The network in `user/network@client`, else the user, as a label of a host name.
fn network_of(user: &str) -> String {
    let user = user.split('@').next().unwrap_or_default();
    let network = user.split_once('/').map_or(user, |(_, network)| network);
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let network: String = network.chars().take(MAX_NETWORK).map(letter).collect();
    network.trim_matches('-').to_owned()
}

fn apply(
    connection: &mut Connection,
    changes: &Map<String, Value>,
    platform: &Platform,
    others: &[Connection],
    own: &OwnNetwork,
) -> Result<(), Failure> {
    let before = connection.clone();
    for (name, value) in changes {
        match (name.as_str(), value) {
            // Already applied.
            ("platform" | "password", _) | ("name" | "enabled", Value::Null) => {}
            ("name", Value::String(text)) => connection.name = fields::text("name", text)?,
            ("enabled", Value::Bool(on)) => connection.enabled = *on,
            _ => {
                if !platform.change(connection, name, value)? {
                    return Err(no_such_field(name).into());
                }
            }
        }
    }
    let moved = place_of(&before) != place_of(connection);
    if moved || before.number("port") != connection.number("port") {
        own.refuse(connection)?;
    }
    if moved {
        // A secret is only sent to the host for which its owner gave it.
        let kept = |secret: &&str| !changes.contains_key(*secret);
        if let Some(secret) = connection.secrets().find(kept) {
            return Err(Failure::unprocessable(format!(
                "{secret} is for {}: send it again with the new host, or null to go without one",
                place_of(&before)
            )));
        }
        connection.server = server_for(connection, others)?;
    } else if !same_place(&before, connection) {
        // The server's name in ids stays; only the address must not be used by another connection.
        server_for(connection, others)?;
    }
    Ok(())
}
