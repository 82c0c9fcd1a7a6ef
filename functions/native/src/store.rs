//! The stores of a native host: a folder of files, or a bucket.

use std::sync::Arc;

use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError, Versions,
};
use storage_fs::FsStore;
use storage_s3::{Commits, Limits, OpenError, S3Settings, S3Store, SettingsError, native_http};

use crate::NativeHost;

/// A store that a native host was configured with.
#[derive(Debug)]
pub enum NativeStore {
    /// A folder.
    Folder(FsStore),
    /// A bucket of S3 or a compatible server.
    Bucket(S3Store<NativeHost>),
}

/// The configured store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreOpenError {
    /// The settings of the bucket are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The server cannot be used.
    #[error(transparent)]
    Bucket(#[from] OpenError),
}

impl NativeStore {
    /// Opens a bucket and tests what its server supports.
    ///
    /// # Errors
    /// One sentence: the server refuses, cannot be reached, or needs `single-writer`.
    pub async fn bucket(settings: &S3Settings) -> Result<Self, StoreOpenError> {
        let http = native_http(settings);
        let store = S3Store::open(
            settings,
            http,
            Arc::new(NativeHost::default()),
            Limits::default(),
        )
        .await?;
        match store.commits() {
            Commits::Server(_) => tracing::info!("{}: the server decides", settings.describe()),
            Commits::SingleWriter => tracing::warn!(
                "{}: this process decides, so no other may write there",
                settings.describe()
            ),
        }
        Ok(Self::Bucket(store))
    }

    /// Removes the empty folders that deletions below a prefix left behind; returns how many.
    ///
    /// # Errors
    /// If the store's folder cannot be used.
    pub async fn remove_empty_folders(&self, prefix: &str) -> Result<usize, StoreError> {
        match self {
            Self::Folder(store) => store.remove_empty_folders(prefix).await,
            Self::Bucket(_) => Ok(0),
        }
    }
}

/// A bucket's futures are boxed: they are large, and would otherwise be moved along with every request even for a
/// folder.
impl ObjectStore for NativeStore {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        match self {
            Self::Folder(store) => store.get(key, options).await,
            Self::Bucket(store) => Box::pin(store.get(key, options)).await,
        }
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        match self {
            Self::Folder(store) => store.put(key, body, mode).await,
            Self::Bucket(store) => Box::pin(store.put(key, body, mode)).await,
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(store) => store.delete(key).await,
            Self::Bucket(store) => Box::pin(store.delete(key)).await,
        }
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        match self {
            Self::Folder(store) => store.delete_many(keys).await,
            Self::Bucket(store) => Box::pin(store.delete_many(keys)).await,
        }
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        match self {
            Self::Folder(store) => store.list(prefix, start_after).await,
            Self::Bucket(store) => Box::pin(store.list(prefix, start_after)).await,
        }
    }

    async fn tidy(&self, older_than_millis: i64) -> Result<usize, StoreError> {
        match self {
            Self::Folder(store) => store.tidy(older_than_millis).await,
            Self::Bucket(store) => Box::pin(store.tidy(older_than_millis)).await,
        }
    }

    fn room(&self) -> Option<u64> {
        match self {
            Self::Folder(store) => store.room(),
            Self::Bucket(store) => store.room(),
        }
    }

    fn versions(&self) -> Versions {
        match self {
            Self::Folder(store) => store.versions(),
            Self::Bucket(store) => store.versions(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where it is not known how much room there is, a document is refused before old versions give way.
    #[tokio::test]
    async fn a_folder_says_how_much_room_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = NativeStore::Folder(FsStore::open(folder.path()).unwrap());
        assert!(store.room().is_some());
    }
}
