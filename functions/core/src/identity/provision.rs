//! What every new account gets: a connection to the private IRC server.

use crate::kernel::host::Host;
use protocol::{
    AccountName, BearerToken, Connection, DEFAULT_PLATFORM, GrantKind, PRIVATE_CONNECTION,
};
use serde_json::Map;
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::identity::Identity;
use crate::identity::grants::{CreateGrantError, Lasts};
use crate::kernel::config::DefaultNetwork;
use crate::kernel::keys;
use crate::kernel::records::{Edit, Grant};

/// The most accounts that are connected to a new private network at once.
const MAX_ACCOUNTS: usize = 1_000;

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Gives an account what new accounts get, once. Repeating it is safe: it continues where a process that died left
    /// off, and does not restore what the account has deleted.
    pub(crate) async fn provision(&self, account: &AccountName) -> Result<(), StoreError> {
        let marker = keys::provisioned(account);
        let marked = self.kernel.load_certain::<serde_json::Value>(&marker);
        match marked.await {
            Ok(None) => {}
            Ok(Some(_)) => return Ok(()),
            // It is only a mark, and is written again.
            Err(StoreError::Damaged(_)) => {}
            // Whether it is there cannot be checked now; that keeps nobody from signing in.
            Err(error) if error.is_own() => return Ok(()),
            Err(error) => return Err(error),
        }
        let Some(network) = self.connectors.network().await? else {
            return Ok(());
        };
        let Some(connector) = self.connectors.connector_for(DEFAULT_PLATFORM).await? else {
            return Ok(());
        };
        let key = keys::connection(account, PRIVATE_CONNECTION);
        let connection = match self.kernel.load::<Connection>(&key).await {
            // It is there, and its owner is told of it where it is used.
            Err(error) if error.is_own() => true,
            found => found?.is_some(),
        };
        if !connection {
            let (grant, sealed) = self.token_for_private(account, &network.name).await?;
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
                created: self.kernel.now(),
                fields: Map::new(),
            };
            connection.set("sasl", true);
            lead_to(&mut connection, network);
            let connection = self.kernel.sealed_connection(account, &connection);
            let stored = self
                .kernel
                .store(&key, &connection, PutMode::IfAbsent)
                .await;
            match stored {
                Ok(_) => {}
                // Another request was faster; its token counts.
                Err(StoreError::Precondition) => self.remove_grant(account, &grant).await?,
                Err(error) => return Err(error),
            }
        }
        let body = serde_json::json!({"version": 1});
        self.kernel
            .store(&marker, &body, PutMode::Overwrite)
            .await?;
        Ok(())
    }

    /// Creates a token for the private server; returns its grant's id, and the token encrypted.
    async fn token_for_private(
        &self,
        account: &AccountName,
        name: &str,
    ) -> Result<(String, String), StoreError> {
        let (grant, token) = self
            .issue(account, GrantKind::Irc, name, None, Lasts::UntilRevoked)
            .await
            .map_err(|error| match error {
                CreateGrantError::Store(error) => error,
                other => StoreError::refused(other),
            })?;
        let token = token.to_string();
        let sealed = self
            .kernel
            .keys()
            .seal(account, PRIVATE_CONNECTION, &token, self.kernel.random())
            .map_err(StoreError::refused)?;
        Ok((grant.id, sealed))
    }

    /// Returns the id of the grant that authenticates the connection to the private server.
    pub(crate) async fn private_grant(
        &self,
        account: &AccountName,
    ) -> Result<Option<String>, StoreError> {
        let found = self.private_connection(account).await?;
        Ok(found.map(|(_, token)| token.id))
    }

    /// Returns the connection to the private server, and its token there.
    pub(crate) async fn private_connection(
        &self,
        account: &AccountName,
    ) -> Result<Option<(Connection, BearerToken)>, StoreError> {
        let found = self.kernel.load_connection(account, PRIVATE_CONNECTION);
        let found = match found.await {
            Err(StoreError::Damaged(_)) => None,
            found => found?,
        };
        Ok(found.and_then(|(connection, _)| {
            let token = self.private_token(account, &connection)?;
            Some((connection, token))
        }))
    }

    /// Returns the token of a connection for the private server, if it is that connection.
    fn private_token(&self, account: &AccountName, connection: &Connection) -> Option<BearerToken> {
        if connection.id != PRIVATE_CONNECTION {
            return None;
        }
        let sealed = connection.password.as_ref()?;
        let secret = self
            .kernel
            .keys()
            .open(account, &connection.id, sealed)
            .ok()?;
        let token: BearerToken = secret.parse().ok()?;
        (token.owner == *account).then_some(token)
    }

    /// Gives the connection to the private server a new token if its grant is gone: revoking the token means replacing
    /// it, and locks nobody out of their own space.
    pub(crate) async fn with_live_token(
        &self,
        account: &AccountName,
        connection: &mut Connection,
    ) -> Result<(), StoreError> {
        let Some(token) = self.private_token(account, connection) else {
            return Ok(());
        };
        match self
            .kernel
            .load::<Grant>(&keys::grant(account, &token.id))
            .await
        {
            Ok(Some((grant, _))) if token.matches(&grant.secret_hash) => return Ok(()),
            Ok(_) | Err(StoreError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        self.renew_token(account, connection).await?;
        Ok(())
    }

    /// Gives the connection to the private server a new token. Returns whether one could be issued: the number of
    /// grants of an account is limited.
    pub(crate) async fn renew_token(
        &self,
        account: &AccountName,
        connection: &mut Connection,
    ) -> Result<bool, StoreError> {
        let (grant, sealed) = match self.token_for_private(account, &connection.name).await {
            Ok(made) => made,
            // The limit of grants is reached, or the account has just been disabled.
            Err(StoreError::Refused(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let before = connection.password.clone();
        let now = self
            .kernel
            .edit_connection(account, PRIVATE_CONNECTION, |stored| {
                // Another request may have been faster; its token counts.
                if stored.password != before {
                    return Edit::Keep(stored.password.clone());
                }
                stored.password = Some(sealed.clone());
                Edit::Write(stored.password.clone())
            })
            .await?;
        if now.as_ref() != Some(&Some(sealed)) {
            self.remove_grant(account, &grant).await?;
        }
        if let Some(password) = now {
            connection.password = password;
        }
        Ok(true)
    }

    /// The same for accounts created before there was a network, above all the first one; for others it is done when
    /// they sign in.
    pub(crate) async fn provision_all(&self) -> Result<(), StoreError> {
        for account in self.account_names().await?.iter().take(MAX_ACCOUNTS) {
            match self.provision(account).await {
                Ok(()) => {}
                // That account waits; all others continue.
                Err(error) if error.is_own() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Sets the address of the private server.
pub(crate) fn lead_to(connection: &mut Connection, network: DefaultNetwork) {
    connection.set("host", network.host);
    connection.set("port", network.port);
    connection.set("secure", network.secure);
}
