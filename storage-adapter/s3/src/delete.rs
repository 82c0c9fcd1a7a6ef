//! `DeleteObjects`: many keys in one request. Only native hosts use it, since it would enlarge the edge components,
//! whose size is limited.

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use storage_adapter::{Host, StoreError, one_by_one};

use crate::counts::Class;
use crate::store::{Commits, Inner, S3Store};

/// The most keys in one request, as in S3.
const MOST: usize = 1_000;

impl<H: Host> S3Store<H> {
    /// If a server does not support the request or one of the keys, the objects are deleted one by one.
    pub(crate) async fn delete_in_groups(&self, keys: &[String]) -> Result<(), StoreError> {
        if self.inner.commits == Commits::SingleWriter {
            return one_by_one(self, keys).await;
        }
        // The request is XML, which cannot contain control characters.
        let (odd, plain): (Vec<String>, Vec<String>) = keys
            .iter()
            .cloned()
            .partition(|key| key.chars().any(char::is_control));
        let mut result = one_by_one(self, &odd).await;
        for group in plain.chunks(MOST) {
            if group.len() == 1 || !self.inner.delete_group(group).await? {
                result = result.and(one_by_one(self, group).await);
            }
        }
        result
    }
}

impl<H: Host> Inner<H> {
    /// Returns whether all of them are gone.
    async fn delete_group(&self, keys: &[String]) -> Result<bool, StoreError> {
        let mut objects = Vec::with_capacity(keys.len());
        for key in keys {
            let object = ObjectIdentifier::builder().key(self.full_key(key)?);
            objects.push(object.build().map_err(malformed)?);
        }
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true);
        let request = self
            .client
            .delete_objects()
            .bucket(&self.bucket)
            .delete(delete.build().map_err(malformed)?);
        let answer = self
            .retrying(Class::Delete, || request.clone().send())
            .await;
        Ok(answer.is_ok_and(|answer| answer.errors().is_empty()))
    }
}

fn malformed(error: BuildError) -> StoreError {
    StoreError::refused(error)
}
