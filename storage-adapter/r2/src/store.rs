//! The store.

use js_sys::JsString;
use storage_adapter::{
    ByteStream, ETag, Entry, GetOptions, Object, ObjectStore, PutMode, StoreError, Versions,
};
use worker::Bucket;
use worker::send::{SendFuture, SendWrapper};

use crate::retry::{Repeat, retried};
use crate::{get, keys, put};

/// The most entries of a listing.
const PAGE: usize = 1_000;

/// The objects of one bucket. Cheap to clone; requests of one isolate may share it.
#[derive(Clone, Debug)]
pub struct R2Store {
    bucket: SendWrapper<Bucket>,
}

impl R2Store {
    /// Creates the store over a binding (`env.bucket("…")`); does not use it yet.
    #[must_use]
    pub const fn new(bucket: Bucket) -> Self {
        Self {
            bucket: SendWrapper(bucket),
        }
    }

    async fn list_some(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        let full_prefix = keys::prefix(prefix, is_normal);
        let start_after = start_after
            .map(|key| keys::full(key, is_normal))
            .transpose()?;
        let (mut entries, mut cursor) = (Vec::new(), None::<String>);
        while entries.len() < PAGE {
            let wanted = u32::try_from(PAGE - entries.len()).unwrap_or(1);
            let page = retried(Repeat::Always, async || {
                let mut list = self.bucket.list().limit(wanted).prefix(&*full_prefix);
                match (&cursor, &start_after) {
                    (Some(cursor), _) => list = list.cursor(cursor),
                    (None, Some(start)) => list = list.start_after(start),
                    (None, None) => {}
                }
                list.execute().await
            })
            .await?;
            for object in page.objects() {
                let key = keys::own(&object.key());
                if key.starts_with(prefix) {
                    entries.push(Entry {
                        key,
                        etag: ETag(object.etag()),
                        length: object.size(),
                    });
                }
            }
            cursor = page.cursor().filter(|_| page.truncated());
            if cursor.is_none() {
                break;
            }
        }
        Ok(entries)
    }
}

impl ObjectStore for R2Store {
    async fn get(&self, key: &str, options: GetOptions) -> Result<Object, StoreError> {
        let key = keys::full(key, is_normal)?;
        SendFuture::new(get::get(&self.bucket, &key, options)).await
    }

    async fn put(&self, key: &str, body: ByteStream, mode: PutMode) -> Result<ETag, StoreError> {
        let key = keys::full(key, is_normal)?;
        SendFuture::new(put::put(&self.bucket, &key, body, mode)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let key = keys::full(key, is_normal)?;
        let delete = async || self.bucket.delete(&*key).await;
        SendFuture::new(retried(Repeat::Always, delete)).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        for group in keys.chunks(PAGE) {
            let full = |key: &String| keys::full(key, is_normal);
            let group: Vec<String> = group.iter().map(full).collect::<Result<_, _>>()?;
            let delete = async || self.bucket.delete_multiple(group.clone()).await;
            SendFuture::new(retried(Repeat::Always, delete)).await?;
        }
        Ok(())
    }

    async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        SendFuture::new(self.list_some(prefix, start_after)).await
    }

    /// R2's ETags are MD5 sums of the content.
    fn versions(&self) -> Versions {
        Versions::Content
    }
}

fn is_normal(text: &str) -> bool {
    JsString::from(text).normalize("NFC") == text
}
