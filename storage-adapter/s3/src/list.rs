//! Listings.

use aws_sdk_s3::types::EncodingType;
use storage_adapter::{Entry, Host, StoreError};

use crate::counts::Class;
use crate::keys;
use crate::store::{Inner, etag};

/// The most entries of a listing.
const PAGE: usize = 1000;
/// The most requests for one listing, for a server that returns short pages or a bucket full of foreign objects.
const MAX_REQUESTS: usize = 1000;

impl<H: Host> Inner<H> {
    /// One request, unless the server returns less than it has.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<Entry>, StoreError> {
        let unintelligible =
            |what: &str| StoreError::Unavailable(format!("a listing of the server {what}"));
        let mut after = start_after.map(|after| keys::below(&self.prefix, after));
        let mut entries = Vec::new();
        for _ in 0..MAX_REQUESTS {
            let request = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(keys::below(&self.prefix, prefix))
                .set_start_after(after.take().filter(|after| !after.is_empty()))
                .encoding_type(EncodingType::Url)
                .max_keys((PAGE - entries.len()) as i32);
            let page = self
                .retrying(Class::List, || request.clone().send())
                .await
                .map_err(|failure| match failure.into_error() {
                    // A bucket without objects returns a listing without entries. This one does not exist, or a proxy
                    // responded.
                    StoreError::NotFound => unintelligible("is answered with 404"),
                    error => error,
                })?;
            for object in page.contents() {
                let encoded = object.key().ok_or_else(|| unintelligible("has no key"))?;
                let key = match page.encoding_type() {
                    // A server that does not support the parameter does not encode either.
                    Some(EncodingType::Url) => keys::decode(encoded)
                        .ok_or_else(|| unintelligible("has a key that is not UTF-8"))?,
                    _ => encoded.to_owned(),
                };
                if let Some(own) = keys::own(&self.prefix, &key) {
                    let version = object
                        .e_tag()
                        .ok_or_else(|| unintelligible("has no ETag"))?;
                    let length = object.size().and_then(|size| u64::try_from(size).ok());
                    entries.push(Entry {
                        key: own.to_owned(),
                        etag: etag(version),
                        length: length.ok_or_else(|| unintelligible("has no length"))?,
                    });
                }
                after = Some(key);
            }
            if !page.is_truncated().unwrap_or(false) || entries.len() >= PAGE {
                return Ok(entries);
            }
            if after.is_none() {
                return Err(unintelligible("ends and does not say where"));
            }
        }
        Err(unintelligible("has no end"))
    }
}
