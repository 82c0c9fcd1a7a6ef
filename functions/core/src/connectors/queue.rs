//! The durable queue of connectors' tasks: `queue/<connector>/<id>.json`, one object per task.
//!
//! A record that is not a valid task is set aside unchanged, in `set-aside/queue/…`, and the queue continues without
//! it. A record that the store fails to read, while it reads others, stays in place; those behind it do not wait.

use protocol::{OutboxItem, OutboxTask};
use storage_adapter::{GetOptions, ObjectStore, PutMode, StoreError};

use crate::connectors::Connectors;
use crate::kernel::body::collect;
use crate::kernel::config::Connector;
use crate::kernel::host::Host;
use crate::kernel::keys;

/// The largest record that is set aside, in bytes; a larger one is discarded.
const MAX_ASIDE: u64 = 1024 * 1024;

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// Creates an id for a task; ids sort by time.
    #[must_use]
    pub fn task_id(&self) -> String {
        let millis = u64::try_from(self.kernel.now().millis()).unwrap_or_default();
        let random = u128::from_be_bytes(self.kernel.random::<16>());
        format!("{millis:012x}-{random:032x}")
    }

    /// Puts a task into the queue; it is durable when this returns. An existing task is left unchanged.
    ///
    /// # Errors
    /// If the store fails; the task may be in the queue nevertheless.
    pub async fn enqueue(
        &self,
        connector: &Connector,
        id: &str,
        task: OutboxTask,
    ) -> Result<(), StoreError> {
        let item = OutboxItem {
            id: id.to_owned(),
            task,
        };
        let key = keys::task(&connector.id, id);
        match self.kernel.store(&key, &item, PutMode::IfAbsent).await {
            Ok(_) | Err(StoreError::Precondition) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns a connector's oldest tasks following the id `after`, at most `limit`, and whether there are more.
    pub(crate) async fn tasks(
        &self,
        connector: &Connector,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<OutboxItem>, bool), StoreError> {
        let prefix = keys::queue(&connector.id);
        let after = after.map(|id| keys::task(&connector.id, id));
        let listed = self
            .kernel
            .storage()
            .store()
            .list(&prefix, after.as_deref())
            .await?;
        let mut entries = listed.into_iter();
        let mut items = Vec::new();
        while items.len() < limit {
            let Some(entry) = entries.next() else {
                break;
            };
            match self.task(&entry.key).await {
                Ok(Some(item)) => items.push(item),
                // Another instance of the connector may have completed it in the meantime.
                Ok(None) => {}
                Err(error) if error.is_own() => {}
                Err(error) => return Err(error),
            }
        }
        let more = entries.next().is_some();
        Ok((items, more))
    }

    /// Reads a task; `None` if there is none, or if it is damaged and was set aside.
    pub(crate) async fn task(&self, key: &str) -> Result<Option<OutboxItem>, StoreError> {
        let object = match self
            .kernel
            .storage()
            .store()
            .get(key, GetOptions::default())
            .await
        {
            Ok(object) => object,
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(self.kernel.whose(key, error).await),
        };
        let bytes = match collect(object.body, MAX_ASIDE).await {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) => return Err(self.kernel.whose(key, error).await),
        };
        match serde_json::from_slice(&bytes) {
            Ok(item) => {
                self.kernel.note_mended(key);
                Ok(Some(item))
            }
            Err(error) => {
                self.kernel.note_damage(key, &error);
                let aside = keys::set_aside(key);
                let body = Box::pin(futures_util::stream::iter([Ok(bytes)]));
                self.kernel
                    .storage()
                    .store()
                    .put(&aside, body, PutMode::Overwrite)
                    .await?;
                self.kernel.storage().store().delete(key).await?;
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{block_on, functions, say};

    #[test]
    fn what_is_no_task_is_set_aside_and_the_others_go_on() {
        let f = functions();
        let connector = f.kernel.config().connectors[0].clone();
        for id in ["000000000001-a", "000000000002-a"] {
            let damaged = json!({"id": id, "task": "dance"});
            let key = keys::task(&connector.id, id);
            block_on(f.kernel.store(&key, &damaged, PutMode::IfAbsent)).unwrap();
        }
        block_on(
            f.connectors
                .enqueue(&connector, "000000000003-a", say("one")),
        )
        .unwrap();
        block_on(
            f.connectors
                .enqueue(&connector, "000000000004-a", say("two")),
        )
        .unwrap();
        let (items, more) = block_on(f.connectors.tasks(&connector, None, 1)).unwrap();
        assert_eq!(items.len(), 1);
        assert_eq!((items[0].id.as_str(), more), ("000000000003-a", true));
        let (items, more) = block_on(f.connectors.tasks(&connector, None, 2)).unwrap();
        assert_eq!((items.len(), more), (2, false));
        let kept = f.memory().keys();
        let aside = |key: &&String| key.starts_with("set-aside/queue/");
        assert_eq!(kept.iter().filter(aside).count(), 2, "{kept:?}");
        let done = block_on(f.lifecycle.maintain());
        assert!(done.failed["set-aside"].contains('2'), "{done:?}");
    }
}
