//! `/connector/assignments`: the connections that a connector maintains.

use crate::kernel::host::Host;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use protocol::{AccountName, Assignment, Assignments, Connection};
use serde_json::Map;
use storage_adapter::ObjectStore;

use crate::chat::Chat;
use crate::kernel::config::Connector;
use crate::kernel::fields;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{answer, parse_json, query};

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// `GET /connector/assignments[?account=…]`.
    pub(crate) async fn get_assignments(&self, connector: &Connector, parts: &Parts) -> Answer {
        let only = match query(parts, "account") {
            Some(name) => {
                let name = name.parse::<AccountName>();
                Some(name.map_err(|error| Failure::unprocessable(error.to_string()))?)
            }
            None => None,
        };
        let accounts = match &only {
            Some(name) => vec![name.clone()],
            None => self.identity.account_names().await?,
        };
        let closed = self.identity.closed_accounts().await?;
        let (mut assignments, mut unclear) = (Vec::new(), Vec::new());
        let (mut read, mut trouble) = (0_usize, None);
        for account in accounts {
            if closed.contains(&account) {
                continue;
            }
            let connections = match self.connections(&account).await {
                // Other accounts' connections need not wait for these.
                Err(error) if error.is_own() && only.is_none() => {
                    unclear.push(account);
                    trouble.get_or_insert(error);
                    continue;
                }
                connections => connections?,
            };
            read += 1;
            for mut connection in connections {
                if connection.enabled && connection.connector == connector.id {
                    // Revoking the token replaces it. Whether it is gone is only checked for a single account, to avoid
                    // one read per account.
                    if only.is_some() {
                        self.identity
                            .with_live_token(&account, &mut connection)
                            .await?;
                    }
                    assignments.extend(self.assignment(&account, connection));
                }
            }
        }
        // If no account of several can be read, the store itself is failing, and no connector should act on that.
        if let Some(error) = trouble
            && read == 0
            && unclear.len() > 1
        {
            return Err(error.into());
        }
        let assigned = Assignments {
            assignments,
            unclear,
        };
        Ok(answer(StatusCode::OK, &assigned))
    }

    /// Decrypts the secret of a connection. A connection whose secret was encrypted with another master key is left
    /// out: connecting without its password would show the account under an unauthenticated name.
    fn assignment(&self, account: &AccountName, mut connection: Connection) -> Option<Assignment> {
        if let Some(sealed) = &connection.password {
            let secret = self
                .kernel
                .keys()
                .open(account, &connection.id, sealed)
                .ok()?;
            connection.password = Some(secret);
        }
        connection.in_clear().then_some(())?;
        Some(Assignment {
            account: account.clone(),
            connection,
        })
    }

    /// `POST /connector/assignments`: stores a connection for which a client brought its own credentials.
    pub(crate) async fn post_assignment(&self, connector: &Connector, body: &Bytes) -> Answer {
        let Assignment {
            account,
            connection,
        } = parse_json(body)?;
        if self.identity.account(&account).await?.is_none()
            || self.identity.is_closed(&account).await?
        {
            return Err(Failure::not_found(format!(
                "there is no account \"{account}\", or it is disabled"
            )));
        }
        let wanted = self.checked(connector, connection).await?;
        self.own_network().await?.refuse(&wanted)?;
        let secret = wanted.password.clone();
        let others = self.connections(&account).await?;
        let known = others
            .iter()
            .find(|other| other.server == wanted.server && other.nick == wanted.nick);
        let mut remembered = match known {
            Some(known) => self.renew(&account, &known.id, &wanted).await?,
            None => {
                let mut new = wanted;
                new.id = self.connection_id();
                new.password = self.sealed(&account, &new.id, secret.as_deref())?;
                self.add_connection(&account, &new, &others).await?;
                new
            }
        };
        remembered.password = secret;
        remembered.in_clear();
        let assignment = Assignment {
            account,
            connection: remembered,
        };
        Ok(answer(StatusCode::OK, &assignment))
    }

    fn sealed(
        &self,
        account: &AccountName,
        id: &str,
        secret: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        secret
            .map(|secret| self.seal(account, id, secret))
            .transpose()
    }

    /// Adopts the credentials that the client used last.
    async fn renew(
        &self,
        account: &AccountName,
        id: &str,
        wanted: &Connection,
    ) -> Result<Connection, Failure> {
        let sealed = self.sealed(account, id, wanted.password.as_deref())?;
        let platform = self.connectors.platform(&wanted.platform).await?;
        let folding = platform.folding();
        let edited = self
            .kernel
            .edit_connection::<Connection>(account, id, |connection| {
                // Fields that were sent are adopted; flags that were not sent stay.
                connection.fields.retain(|_, value| value.is_boolean());
                connection.fields.extend(wanted.fields.clone());
                connection.password.clone_from(&sealed);
                connection.connector.clone_from(&wanted.connector);
                connection.enabled = true;
                for channel in &wanted.channels {
                    fields::add_channel(&mut connection.channels, channel.clone(), folding);
                }
                Edit::Write(connection.clone())
            })
            .await?;
        edited
            .ok_or_else(|| Failure::busy("the connection has just been deleted; please try again"))
    }

    /// Validates what a client sent through the connector.
    async fn checked(
        &self,
        connector: &Connector,
        connection: Connection,
    ) -> Result<Connection, Failure> {
        if !connector.platforms.contains(&connection.platform) {
            return Err(Failure::unprocessable(format!(
                "the connector \"{}\" does not serve the platform of this connection",
                connector.id
            )));
        }
        let platform = self.connectors.platform(&connection.platform).await?;
        let mut given = connection.fields;
        given.insert("nick".to_owned(), connection.nick.into());
        given.insert("password".to_owned(), connection.password.into());
        given.insert("channels".to_owned(), connection.channels.into());
        let mut checked = Connection {
            version: 1,
            id: String::new(),
            name: String::new(),
            server: fields::server(&connection.server)?,
            nick: String::new(),
            password: None,
            channels: Vec::new(),
            enabled: true,
            connector: connector.id.clone(),
            created: self.kernel.now(),
            platform: connection.platform,
            fields: Map::new(),
        };
        platform.fill(&mut checked, &given)?;
        let place = checked.text("host").unwrap_or(&checked.server).to_owned();
        checked.name = fields::text("name", &connection.name).unwrap_or(place);
        Ok(checked)
    }
}
