//! Tests once whether a server supports everything that the archive writer relies on.

use bytes::Bytes;
use storage_adapter::{Version, WriteCondition};

use super::{AwayError, Document, Remote};
use crate::kernel::host::Host;

/// The module of the archives, which the token must cover.
const MODULE: &str = "chat-messages";
/// The content type of the probe.
const KIND: &str = "application/json; charset=UTF-8";

/// Writes, reads, overwrites and deletes a document; returns one sentence about what is wrong, if anything.
pub(crate) async fn probe<H: Host>(remote: &Remote<'_, H>, id: &str) -> Result<(), String> {
    let path = vec![MODULE.to_owned(), format!("subspace-probe-{id}")];
    let result = attempt(remote, &path).await;
    if result.is_err() {
        // The fault is already known; whether this succeeds does not matter.
        let _ = remote.delete(&path, &WriteCondition::None).await;
    }
    result
}

async fn attempt<H: Host>(remote: &Remote<'_, H>, path: &[String]) -> Result<(), String> {
    let name = remote.name();
    let (first, second) = (Bytes::from("{\"probe\":1}"), Bytes::from("{\"probe\":2}"));
    let told = |error: AwayError| match error {
        AwayError::Renew(_, status) => format!(
            "{name} does not let this token read and write {MODULE} (status {status}); authorise with the scope {MODULE}:rw"
        ),
        error => error.to_string(),
    };
    let absent = WriteCondition::IfAbsent;
    let version = remote
        .put(path, KIND, first.clone(), &absent)
        .await
        .map_err(told)?;
    match remote.get(path).await.map_err(told)? {
        Document::Here(bytes, _, found) if bytes == first && found == version => {}
        Document::Here(bytes, ..) if bytes == first => {
            return Err(format!(
                "{name} gives another ETag for reading than for writing, so archives cannot be written safely"
            ));
        }
        _ => return Err(format!("{name} does not give back what was written")),
    }
    let stale = WriteCondition::IfMatch(vec![Version("\"subspace-probe\"".to_owned())]);
    for (condition, header) in [(&absent, "If-None-Match"), (&stale, "If-Match")] {
        match remote.put(path, KIND, second.clone(), condition).await {
            Err(AwayError::Precondition) => {}
            Err(error) => return Err(told(error)),
            Ok(_) => {
                return Err(format!(
                    "{name} ignores {header}, so writers would overwrite each other's messages"
                ));
            }
        }
    }
    let current = WriteCondition::IfMatch(vec![version]);
    let version = remote
        .put(path, KIND, second, &current)
        .await
        .map_err(told)?;
    let listed = remote.list(&path[..1]).await.map_err(told)?;
    if !path.last().is_some_and(|name| listed.contains(name)) {
        return Err(format!("{name} does not list what was written"));
    }
    let current = WriteCondition::IfMatch(vec![version]);
    remote.delete(path, &current).await.map_err(told)
}
