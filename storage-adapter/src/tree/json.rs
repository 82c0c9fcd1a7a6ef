//! Serialisation of heads and their folders: documents, and errors about damage.

use protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::types::{DocumentInfo, TreeError, Version};

/// A document in its deserialised form.
#[derive(Deserialize, Serialize)]
pub(super) struct DocumentJson {
    version: String,
    #[serde(rename = "type")]
    content_type: String,
    length: u64,
    modified: i64,
}

/// A document to be serialised.
#[derive(Serialize)]
pub(super) struct DocumentRef<'a> {
    version: &'a str,
    #[serde(rename = "type")]
    content_type: &'a str,
    length: u64,
    modified: i64,
}

impl<'a> From<&'a DocumentInfo> for DocumentRef<'a> {
    fn from(info: &'a DocumentInfo) -> Self {
        Self {
            version: &info.version.0,
            content_type: &info.content_type,
            length: info.length,
            modified: info.modified.millis(),
        }
    }
}

impl From<DocumentJson> for DocumentInfo {
    fn from(json: DocumentJson) -> Self {
        Self {
            version: Version(json.version),
            content_type: json.content_type,
            length: json.length,
            modified: Timestamp::from_millis(json.modified),
        }
    }
}

/// Serialises a value.
pub(super) fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Writing strings and numbers to memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}

/// Describes a damaged object.
pub(super) fn damaged(key: &str, reason: impl std::fmt::Display) -> TreeError {
    TreeError::Format(format!(
        "\"{key}\" is damaged: {reason}; restore it from a backup"
    ))
}
