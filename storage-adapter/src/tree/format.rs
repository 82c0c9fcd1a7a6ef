//! The head as bytes; described in `FORMAT.md`.

use std::sync::Arc;

use bytes::Bytes;
use protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::folders::{self, FoldersJson};
use super::index::{Allowance, Fence, Head, Index, Superseded};
pub(super) use super::json::damaged;
use super::json::{DocumentJson, DocumentRef, json};
use super::path::DocumentPath;
use super::table::Table;
use super::types::{TreeError, Version};
use super::version;
use crate::store::ETag;

/// The format of everything but large modules.
pub(super) const FORMAT: u32 = 1;
/// The format of pages and of heads that refer to pages; the newest one that can be read.
pub(super) const PAGED_FORMAT: u32 = 2;

/// What a head contains shows in the length of its object, because listings contain nothing else: below this length
/// there is no document,
pub(super) const MIN_DOCUMENT_HEAD: usize = 1024;
/// at least this and it is a module; in between it is a single document in the root.
pub(super) const MIN_MODULE_HEAD: usize = 4096;

/// Whether the head of a module was rewritten without a commit: its length is odd, so that a listing shows that the
/// folder's version is inside the head.
pub(super) const fn is_fenced(length: usize) -> bool {
    length % 2 == 1
}

/// The most superseded documents that a head contains itself.
const MAX_SUPERSEDED: usize = 128;

/// The longest media type, in bytes.
pub(super) const MAX_CONTENT_TYPE: usize = 512;

#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

#[derive(Deserialize)]
struct HeadJson {
    commit: String,
    serial: u64,
    bytes: u64,
    #[serde(default)]
    limit: u64,
    #[serde(default)]
    allowance: u64,
    fence: Option<String>,
    held: Option<String>,
    recent: Vec<String>,
    #[serde(default)]
    superseded: Vec<SupersededJson>,
    document: Option<DocumentJson>,
    #[serde(default)]
    folders: FoldersJson,
}

#[derive(Deserialize)]
struct PageOfIndexJson {
    folders: FoldersJson,
}

#[derive(Deserialize, Serialize)]
struct SupersededJson {
    path: Vec<String>,
    #[serde(flatten)]
    document: DocumentJson,
    since: i64,
}

/// A page of superseded documents.
#[derive(Deserialize, Serialize)]
struct PageJson {
    format: u32,
    superseded: Vec<SupersededJson>,
}

#[derive(Serialize)]
struct SupersededRef<'a> {
    path: &'a [String],
    #[serde(flatten)]
    document: DocumentRef<'a>,
    since: i64,
}

impl<'a> From<&'a Superseded> for SupersededRef<'a> {
    fn from(entry: &'a Superseded) -> Self {
        Self {
            path: entry.path.segments(),
            document: (&entry.info).into(),
            since: entry.since.millis(),
        }
    }
}

/// Writes a head. Superseded documents that it should not contain are removed from the index and returned as a page,
/// which has to be stored before the head.
pub(super) fn write(index: &mut Index) -> (Bytes, Option<Bytes>) {
    let too_many = index.superseded.len() > MAX_SUPERSEDED;
    if !too_many {
        let bytes = write_head(index);
        let limit = match (index.is_module(), &index.document) {
            (true, _) => usize::MAX,
            (_, Some(_)) => MIN_MODULE_HEAD,
            (_, None) => MIN_DOCUMENT_HEAD,
        };
        if bytes.len() < limit || index.superseded.is_empty() {
            return (bytes, None);
        }
    }
    let page = write_page(&index.superseded);
    index.superseded.clear();
    (write_head(index), Some(page))
}

fn write_head(index: &Index) -> Bytes {
    let mut out = Vec::with_capacity(MIN_MODULE_HEAD);
    let (commit, serial, bytes) = (&index.commit.0, index.serial, index.bytes);
    let Allowance {
        limit,
        bytes: allowance,
    } = index.allowance;
    let format = if folders::is_paged(&index.root) {
        PAGED_FORMAT
    } else {
        FORMAT
    };
    out.extend_from_slice(
        format!(
            "{{\"format\":{format},\"commit\":\"{commit}\",\"serial\":{serial},\"bytes\":{bytes},\
             \"limit\":{limit},\"allowance\":{allowance},"
        )
        .as_bytes(),
    );
    if let Some(Fence { id, held }) = &index.fence {
        out.extend_from_slice(
            format!("\"fence\":\"{}\",\"held\":\"{}\",", id.0, held.0).as_bytes(),
        );
    }
    out.extend_from_slice(b"\"recent\":");
    let recent: Vec<&str> = index.recent.iter().map(|id| id.0.as_str()).collect();
    json(&mut out, &recent);
    if !index.superseded.is_empty() {
        out.extend_from_slice(b",\n\"superseded\":");
        json(
            &mut out,
            &index
                .superseded
                .iter()
                .map(SupersededRef::from)
                .collect::<Vec<_>>(),
        );
    }
    if let Some(info) = &index.document {
        out.extend_from_slice(b",\n\"document\":");
        json(&mut out, &DocumentRef::from(info));
    }
    let is_module = index.is_module();
    if is_module {
        out.extend_from_slice(b",\n\"folders\":");
        folders::write(&mut out, &index.root);
    }
    out.push(b'}');
    let length = match (is_module, &index.document) {
        (true, _) => MIN_MODULE_HEAD,
        (false, Some(_)) => MIN_DOCUMENT_HEAD,
        (false, None) => 0,
    };
    if out.len() < length {
        out.resize(length - 1, b' ');
        out.push(b'\n');
    }
    if is_fenced(out.len()) != index.fence.is_some() {
        out.push(b'\n');
    }
    out.into()
}

/// Writes a page of an index.
pub(super) fn write_table(table: &Table) -> Bytes {
    let mut out = format!("{{\"format\":{PAGED_FORMAT},\"folders\":").into_bytes();
    folders::write(&mut out, table);
    out.push(b'}');
    out.into()
}

/// Reads a page of an index.
pub(super) fn read_table(key: &str, bytes: &[u8]) -> Result<Table, TreeError> {
    let json: PageOfIndexJson = parse(key, bytes)?;
    folders::read(key, json.folders)
}

/// Reads a head.
pub(super) fn read(key: &str, bytes: &[u8], etag: ETag) -> Result<Head, TreeError> {
    let json: HeadJson = parse(key, bytes)?;
    let root = Arc::new(folders::read(key, json.folders)?);
    let superseded = json
        .superseded
        .into_iter()
        .map(|json| superseded(key, json));
    let mut index = Index {
        commit: Version(json.commit),
        serial: json.serial,
        bytes: json.bytes,
        allowance: Allowance {
            limit: json.limit,
            bytes: json.allowance,
        },
        fence: json.fence.zip(json.held).map(|(id, held)| Fence {
            id: Version(id),
            held: Version(held),
        }),
        recent: json.recent.into_iter().map(Version).collect(),
        superseded: superseded.collect::<Result<_, _>>()?,
        document: json.document.map(Into::into),
        version: version::empty(),
        root,
    };
    index.set_etag(&etag);
    Ok(Head {
        etag: Some(etag),
        index,
        length: bytes.len(),
    })
}

/// Writes a page of superseded documents.
fn write_page(entries: &[Superseded]) -> Bytes {
    #[derive(Serialize)]
    struct Page<'a> {
        format: u32,
        superseded: Vec<SupersededRef<'a>>,
    }
    let superseded = entries.iter().map(SupersededRef::from).collect();
    let mut out = Vec::new();
    json(
        &mut out,
        &Page {
            format: FORMAT,
            superseded,
        },
    );
    out.into()
}

/// Reads a page of superseded documents.
pub(super) fn read_page(key: &str, bytes: &[u8]) -> Result<Vec<Superseded>, TreeError> {
    let page: PageJson = parse(key, bytes)?;
    page.superseded
        .into_iter()
        .map(|json| superseded(key, json))
        .collect()
}

/// Parses any of our JSON documents, up to our format version.
pub(super) fn parse<'a, T: Deserialize<'a>>(key: &str, bytes: &'a [u8]) -> Result<T, TreeError> {
    let any: AnyFormat = serde_json::from_slice(bytes).map_err(|error| damaged(key, error))?;
    if any.format > PAGED_FORMAT {
        return Err(TreeError::Format(format!(
            "\"{key}\" is in format {}, and this version understands formats up to {PAGED_FORMAT}; \
             run the version that wrote it, or a newer one",
            any.format
        )));
    }
    serde_json::from_slice(bytes).map_err(|error| damaged(key, error))
}

fn superseded(key: &str, json: SupersededJson) -> Result<Superseded, TreeError> {
    Ok(Superseded {
        path: DocumentPath::from_segments(json.path).map_err(|error| damaged(key, error))?,
        info: json.document.into(),
        since: Timestamp::from_millis(json.since),
    })
}
