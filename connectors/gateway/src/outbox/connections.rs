//! What the outbox needs from the connections of accounts.

use std::future::Future;
use std::sync::Arc;

use connector_kit::FunctionsError;
use protocol::AccountName;

use crate::platform::SayTask;

/// A connection that tasks can send messages over.
pub(crate) trait Connection: Send + Sync {
    fn is_online(&self) -> bool;

    /// The server of the connection's network.
    fn server(&self) -> String;

    /// Starts a task; its outcome is reported to the outbox.
    fn say(&self, saying: SayTask);
}

/// The connections of all accounts.
pub(crate) trait Connections: Send + Sync + 'static {
    /// Waits until the functions have listed the connections once.
    fn listed(&self) -> impl Future<Output = ()> + Send;

    /// Finds a connection by its id.
    fn find(&self, account: &AccountName, id: &str) -> Option<Arc<dyn Connection>>;

    /// Asks the functions for an account's connections.
    ///
    /// # Errors
    /// The functions cannot be reached.
    fn refetch(
        &self,
        account: &AccountName,
    ) -> impl Future<Output = Result<(), FunctionsError>> + Send;
}
