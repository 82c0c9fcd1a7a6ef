//! A cache of days as last written, so that the next addition need not read them. The tree knows the current version.

use std::sync::Mutex;

use bytes::Bytes;
use mutex::lock;
use protocol::{AccountName, Bounded};
use storage_adapter::{DocumentPath, Version};

/// Maximum size in memory, in bytes.
const MOST_BYTES: usize = 16 << 20;

/// Version, content type and bytes.
type Document = (Version, String, Bytes);
type Key = (AccountName, DocumentPath);

/// Recently written documents.
#[derive(Debug)]
pub(crate) struct DayCache(Mutex<Bounded<Key, Document>>);

impl Default for DayCache {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(MOST_BYTES)))
    }
}

impl DayCache {
    /// Returns the content type and bytes of a document if it was written in this version.
    pub(crate) fn get(
        &self,
        account: &AccountName,
        path: &DocumentPath,
        version: &Version,
    ) -> Option<(String, Bytes)> {
        let kept = lock(&self.0);
        let (known, content_type, bytes) = kept.get(&(account.clone(), path.clone()))?;
        (known == version).then(|| (content_type.clone(), bytes.clone()))
    }

    /// Caches a document; evicts those written longest ago.
    pub(crate) fn keep(&self, account: &AccountName, path: &DocumentPath, document: Document) {
        let mut kept = lock(&self.0);
        let size = document.2.len();
        kept.insert_weighing((account.clone(), path.clone()), document, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_version_within_bounds() {
        let (days, alice): (_, AccountName) = (DayCache::default(), "alice".parse().unwrap());
        let path = |n: usize| DocumentPath::from_segments(vec!["c".into(), n.to_string()]).unwrap();
        let version = |n: usize| Version(n.to_string());
        let body = |size| Bytes::from(vec![0; size]);
        for n in 0..3 {
            days.keep(&alice, &path(0), (version(n), "t".into(), body(100)));
        }
        assert!(days.get(&alice, &path(0), &version(1)).is_none());
        assert_eq!(
            days.get(&alice, &path(0), &version(2)).unwrap().1.len(),
            100
        );
        for n in 1..40 {
            days.keep(&alice, &path(n), (version(n), "t".into(), body(1 << 20)));
        }
        assert!(days.get(&alice, &path(0), &version(2)).is_none());
        assert!(days.get(&alice, &path(39), &version(39)).is_some());
        let kept = days.0.lock().unwrap();
        assert!(kept.weight() <= MOST_BYTES);
    }
}
