//! What the outbox needs of the connections of accounts.

use std::future::Future;
use std::sync::Arc;

use connector_kit::FunctionsError;
use protocol::AccountName;

use crate::platform::SayTask;

/// A connection over which things can be said.
pub(crate) trait Connection: Send + Sync {
    fn is_online(&self) -> bool;

    /// The server of its network.
    fn server(&self) -> String;

    /// Has a task said; what becomes of it is reported to the outbox.
    fn say(&self, saying: SayTask);
}

/// The connections of all accounts.
pub(crate) trait Connections: Send + Sync + 'static {
    /// Waits until the functions have told once which connections there are.
    fn listed(&self) -> impl Future<Output = ()> + Send;

    /// Finds a connection by its id.
    fn find(&self, account: &AccountName, id: &str) -> Option<Arc<dyn Connection>>;

    /// Asks the functions for the connections of an account.
    ///
    /// # Errors
    /// They cannot be asked.
    fn refetch(
        &self,
        account: &AccountName,
    ) -> impl Future<Output = Result<(), FunctionsError>> + Send;
}
