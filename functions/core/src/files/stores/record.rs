//! `accounts/<account>/store.json`: where the account's tree is, and where it is being moved to.

pub(crate) use protocol::MovePhase as Phase;
use protocol::Timestamp;
use serde::{Deserialize, Serialize};
use storage_adapter::StoreError;

use crate::kernel::bucket::BucketSettings;

/// The version that this program writes.
const VERSION: u32 = 1;

/// The record; an account without one is in the installation's store.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StoreRecord {
    version: u32,
    /// Where the tree is.
    pub(crate) place: StoreLocation,
    /// The move that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) moving: Option<Move>,
    /// Where data of the account is left that is no longer read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left: Vec<StoreLocation>,
}

impl Default for StoreRecord {
    fn default() -> Self {
        Self {
            version: VERSION,
            place: StoreLocation::Installation,
            moving: None,
            left: Vec::new(),
        }
    }
}

impl StoreRecord {
    /// Parses a record.
    pub(crate) fn read(key: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let record: Self = serde_json::from_slice(bytes)
            .map_err(|error| StoreError::Damaged(crate::kernel::records::damaged(key, &error)))?;
        if record.version > VERSION {
            return Err(StoreError::Damaged(format!(
                "the record {key} is of version {}, and this program knows versions up to {VERSION}",
                record.version
            )));
        }
        Ok(record)
    }

    /// Whether nobody may write to the tree.
    pub(crate) fn is_closed(&self) -> bool {
        let phase = self.moving.as_ref().map(|moving| moving.phase);
        matches!(phase, Some(Phase::Closed | Phase::Marked))
    }
}

/// A store.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum StoreLocation {
    /// The installation's.
    Installation,
    /// The account's own bucket.
    Bucket(Bucket),
}

impl StoreLocation {
    /// Whether both are the same location, possibly with different credentials.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Installation, Self::Installation) => true,
            (Self::Bucket(a), Self::Bucket(b)) => {
                (&a.endpoint, &a.bucket, &a.prefix) == (&b.endpoint, &b.bucket, &b.prefix)
                    && (a.endpoint.is_some() || a.region == b.region)
            }
            _ => false,
        }
    }
}

/// A bucket.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Bucket {
    /// What the secret's encryption is bound to.
    pub(crate) id: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) path_style: bool,
    pub(crate) access_key_id: String,
    /// The secret of the access key, encrypted.
    pub(crate) secret: String,
    /// Whether the server honours conditions of multipart uploads.
    pub(crate) parts: bool,
    /// Whether the operator configured it, so that it may be in a private network.
    #[serde(default)]
    pub(crate) trusted: bool,
}

impl Bucket {
    pub(crate) fn settings(&self, secret_access_key: String) -> BucketSettings {
        BucketSettings {
            endpoint: self.endpoint.clone(),
            region: Some(self.region.clone()),
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            path_style: Some(self.path_style),
            access_key_id: self.access_key_id.clone(),
            secret_access_key,
            trusted: self.trusted,
        }
    }
}

/// A move.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Move {
    /// The mark on the heads.
    pub(crate) id: String,
    pub(crate) to: StoreLocation,
    pub(crate) phase: Phase,
    pub(crate) started: Timestamp,
    /// Objects and bytes copied and verified so far.
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    /// What is being copied: everything else at the target has been verified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pending: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_later_version_is_not_taken_for_one_of_this() {
        let mut record = StoreRecord::default();
        let read = |record: &StoreRecord| {
            StoreRecord::read("a/store.json", &serde_json::to_vec(record).unwrap())
        };
        assert_eq!(read(&record).unwrap().version, VERSION);
        record.version = VERSION + 1;
        assert!(matches!(read(&record), Err(StoreError::Damaged(_))));
    }
}
