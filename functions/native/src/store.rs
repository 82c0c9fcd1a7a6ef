//! The stores that a native host can be given: a folder of files, or a bucket.

use std::path::Path;
use std::sync::Arc;

use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError, Versions,
};
use storage_fs::FsStore;
use storage_s3::{Commits, Limits, OpenError, S3Settings, S3Store, SettingsError, native_http};

use crate::NativeHost;

/// What the variable of a secret is called that names a file with it instead.
const FILE: &str = "_FILE";

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
    /// A file with a secret cannot be read.
    #[error("{variable}: {path} cannot be read: {source}")]
    Secret {
        /// The variable that names it.
        variable: String,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The server cannot be used.
    #[error(transparent)]
    Bucket(#[from] OpenError),
}

impl NativeStore {
    /// Opens a bucket and tries out what its server can do.
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
}

/// Takes the settings of a bucket from the variables of [`storage_s3::VARIABLES`]. A secret can also be in a file
/// that the variable with `_FILE` behind its name names.
///
/// # Errors
/// One sentence: which variable, what was found, what is expected.
pub fn bucket_settings(get: impl Fn(&str) -> Option<String>) -> Result<S3Settings, StoreOpenError> {
    let mut files = Vec::new();
    for variable in storage_s3::SECRET_VARIABLES {
        let name = format!("{variable}{FILE}");
        if let Some(path) = get(&name).filter(|path| !path.is_empty()) {
            let text = read(&name, Path::new(&path))?;
            files.push((variable, text));
        }
    }
    let settings = S3Settings::from_variables(|variable| {
        let file = files.iter().find(|(from, _)| *from == variable);
        file.map(|(_, text)| text.clone()).or_else(|| get(variable))
    })?;
    Ok(settings)
}

fn read(variable: &str, path: &Path) -> Result<String, StoreOpenError> {
    let text = std::fs::read_to_string(path).map_err(|source| StoreOpenError::Secret {
        variable: variable.to_owned(),
        path: path.display().to_string(),
        source,
    })?;
    Ok(text.trim().to_owned())
}

impl ObjectStore for NativeStore {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        match self {
            Self::Folder(store) => store.get(key, options).await,
            Self::Bucket(store) => store.get(key, options).await,
        }
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        match self {
            Self::Folder(store) => store.put(key, body, mode).await,
            Self::Bucket(store) => store.put(key, body, mode).await,
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(store) => store.delete(key).await,
            Self::Bucket(store) => store.delete(key).await,
        }
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        match self {
            Self::Folder(store) => store.delete_many(keys).await,
            Self::Bucket(store) => store.delete_many(keys).await,
        }
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        match self {
            Self::Folder(store) => store.list(prefix, start_after).await,
            Self::Bucket(store) => store.list(prefix, start_after).await,
        }
    }

    async fn tidy(&self, older_than_millis: i64) -> Result<usize, StoreError> {
        match self {
            Self::Folder(store) => store.tidy(older_than_millis).await,
            Self::Bucket(store) => store.tidy(older_than_millis).await,
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

    #[test]
    fn a_secret_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret").display().to_string();
        std::fs::write(&path, "from-a-file\n").unwrap();
        let settings = |file: &str| {
            bucket_settings(|name| {
                let value = match name {
                    "SUBSPACE_S3_BUCKET" => "chat",
                    "SUBSPACE_S3_REGION" => "eu-central-1",
                    "SUBSPACE_S3_ACCESS_KEY_ID" => "AKID",
                    "SUBSPACE_S3_SECRET_ACCESS_KEY_FILE" => file,
                    _ => return None,
                };
                Some(value.to_owned())
            })
        };
        settings(&path).unwrap();
        let missing = settings("").unwrap_err().to_string();
        assert!(
            missing.starts_with("SUBSPACE_S3_SECRET_ACCESS_KEY is not set"),
            "{missing}"
        );
        let unreadable = settings("/nowhere/secret").unwrap_err().to_string();
        assert!(
            unreadable
                .starts_with("SUBSPACE_S3_SECRET_ACCESS_KEY_FILE: /nowhere/secret cannot be read"),
            "{unreadable}"
        );
    }
}
