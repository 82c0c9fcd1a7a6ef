//! Folder descriptions as bytes, cached by version so that an unchanged folder is not serialised again.

use std::sync::Mutex;

use bytes::Bytes;
use mutex::lock;
use protocol::{AccountName, Bounded, Timestamp};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use storage_adapter::{DocumentInfo, Folder, FolderPath, Item, Version};

/// The `@context` that remotestorage.js requires.
const CONTEXT: &str = "http://remotestorage.io/spec/folder-description";
/// The size of the cache, in bytes.
const MAX_CACHED: usize = 16 * 1024 * 1024;
/// The largest cached description, in bytes.
const MAX_CACHED_ONE: usize = 4 * 1024 * 1024;

/// A folder description in some version.
#[derive(Clone, Debug)]
pub(crate) struct Rendered {
    pub(crate) version: Version,
    pub(crate) bytes: Bytes,
}

/// Folder descriptions, limited by their total bytes.
#[derive(Debug)]
pub(crate) struct ListingCache {
    entries: Mutex<Bounded<(AccountName, FolderPath), Rendered>>,
}

impl Default for ListingCache {
    fn default() -> Self {
        Self {
            entries: Mutex::new(Bounded::new(MAX_CACHED)),
        }
    }
}

impl ListingCache {
    pub(crate) fn get(&self, account: &AccountName, path: &FolderPath) -> Option<Rendered> {
        let mut entries = lock(&self.entries);
        entries.touch(&(account.clone(), path.clone())).cloned()
    }

    pub(crate) fn insert(&self, account: &AccountName, path: &FolderPath, rendered: Rendered) {
        let size = rendered.bytes.len();
        if size > MAX_CACHED_ONE {
            return;
        }
        let mut entries = lock(&self.entries);
        entries.insert_weighing((account.clone(), path.clone()), rendered, size);
    }
}

/// Serialises a folder description (draft-dejong-remotestorage-26, section 4).
pub(crate) fn render(folder: &Folder) -> Bytes {
    let description = Description {
        context: CONTEXT,
        items: Items(folder),
    };
    Bytes::from(serde_json::to_vec(&description).unwrap_or_default())
}

#[derive(Serialize)]
struct Description<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    items: Items<'a>,
}

struct Items<'a>(&'a Folder);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.items.len()))?;
        for (name, item) in &self.0.items {
            match item {
                Item::Document(info) => map.serialize_entry(name, &DocumentItem::from(info))?,
                Item::Folder(version) => {
                    let name = format!("{}/", name.trim_end_matches('/'));
                    map.serialize_entry(&name, &FolderItem { etag: &version.0 })?;
                }
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct FolderItem<'a> {
    #[serde(rename = "ETag")]
    etag: &'a str,
}

#[derive(Serialize)]
struct DocumentItem<'a> {
    #[serde(rename = "ETag")]
    etag: &'a str,
    #[serde(rename = "Content-Type")]
    content_type: &'a str,
    #[serde(rename = "Content-Length")]
    length: u64,
    #[serde(rename = "Last-Modified", serialize_with = "http_date")]
    modified: Timestamp,
}

impl<'a> From<&'a DocumentInfo> for DocumentItem<'a> {
    fn from(info: &'a DocumentInfo) -> Self {
        Self {
            etag: &info.version.0,
            content_type: &info.content_type,
            length: info.length,
            modified: info.modified,
        }
    }
}

fn http_date<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_http_date())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn renders_as_the_draft_says() {
        let info = DocumentInfo {
            version: Version("v1".into()),
            content_type: "image/jpeg".into(),
            length: 82_352,
            modified: "2018-06-02T15:58:23Z".parse().unwrap(),
        };
        let items = BTreeMap::from([
            ("abc ü\"".to_owned(), Item::Document(info)),
            ("def".to_owned(), Item::Folder(Version("v2".into()))),
        ]);
        let folder = Folder {
            version: Version("v3".into()),
            items,
        };
        let value: serde_json::Value = serde_json::from_slice(&render(&folder)).unwrap();
        let expected = serde_json::json!({
            "@context": "http://remotestorage.io/spec/folder-description",
            "items": {
                "abc ü\"": {
                    "ETag": "v1",
                    "Content-Type": "image/jpeg",
                    "Content-Length": 82352,
                    "Last-Modified": "Sat, 02 Jun 2018 15:58:23 GMT"
                },
                "def/": {"ETag": "v2"}
            }
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn the_cache_is_bounded_by_bytes() {
        let cache = ListingCache::default();
        let account: AccountName = "alice".parse().unwrap();
        for n in 0..40 {
            let path = FolderPath::from_segments(vec![format!("f{n}")]).unwrap();
            let rendered = Rendered {
                version: Version("v".into()),
                bytes: Bytes::from(vec![0; 1024 * 1024]),
            };
            cache.insert(&account, &path, rendered.clone());
            cache.insert(&account, &path, rendered);
            assert!(cache.get(&account, &path).is_some());
        }
        let entries = cache.entries.lock().unwrap();
        assert!(entries.weight() <= MAX_CACHED);
        let kept: usize = entries.iter().map(|(_, kept)| kept.bytes.len()).sum();
        assert_eq!(entries.weight(), kept);
    }
}
