//! The durable queue of what connectors have to do: `queue/<connector>/<id>.json`, one object a task.

use model::{OutboxItem, Task};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::{Connector, Functions, Host, keys};

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Makes an id for a task: ids sort by time.
    #[must_use]
    pub fn task_id(&self) -> String {
        let millis = u64::try_from(self.now().millis()).unwrap_or_default();
        let random = u128::from_be_bytes(self.random::<16>());
        format!("{millis:012x}-{random:032x}")
    }

    /// Puts a task into the queue; it is durable when this returns. A task that is there stays as it is.
    ///
    /// # Errors
    /// The store's; the task may be in the queue all the same.
    pub async fn enqueue(
        &self,
        connector: &Connector,
        id: &str,
        task: Task,
    ) -> Result<(), StoreError> {
        let item = OutboxItem {
            id: id.to_owned(),
            task,
        };
        let key = keys::task(&connector.id, id);
        match self.store(&key, &item, PutMode::IfAbsent).await {
            Ok(_) | Err(StoreError::Precondition) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the oldest tasks of a connector, after that with the id `after`, at most `limit`, and whether
    /// there are more.
    pub(crate) async fn tasks(
        &self,
        connector: &Connector,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<OutboxItem>, bool), StoreError> {
        let prefix = keys::queue(&connector.id);
        let after = after.map(|id| keys::task(&connector.id, id));
        let listed = self.storage.store().list(&prefix, after.as_deref()).await?;
        let more = listed.len() > limit;
        let mut items = Vec::new();
        for entry in listed.into_iter().take(limit) {
            // Another instance of the connector may have done it meanwhile.
            if let Some((item, _)) = self.load::<OutboxItem>(&entry.key).await? {
                items.push(item);
            }
        }
        Ok((items, more))
    }
}
