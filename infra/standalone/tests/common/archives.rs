//! An account's chat archives, read as any remoteStorage app would.

use std::collections::BTreeMap;

use serde_json::Value;

use super::http::request;
use super::{IRC, Space};

/// Messages by conversation: `channels/general`, `users/bob`.
pub(crate) type Archives = BTreeMap<String, Vec<Value>>;

/// Reads all archives of the private network.
pub(crate) fn read(space: &Space, account: &str, token: &str) -> Archives {
    let mut archives = Archives::new();
    walk(space, account, token, "", &mut archives);
    archives
}

fn walk(space: &Space, account: &str, token: &str, path: &str, into: &mut Archives) {
    let head =
        format!("GET /storage/{account}/chat-messages/{IRC}/{path}\nauthorization: Bearer {token}");
    let (status, body) = request(&space.web, &head, "").unwrap();
    if status == 404 && path.is_empty() {
        return;
    }
    assert_eq!(status, 200, "{path}: {body}");
    let found: Value = serde_json::from_str(&body).unwrap();
    if path.is_empty() || path.ends_with('/') {
        for name in found["items"].as_object().unwrap().keys() {
            walk(space, account, token, &format!("{path}{name}"), into);
        }
    } else if let Some(messages) = found["today"]["messages"].as_array() {
        let conversation: Vec<&str> = path.splitn(3, '/').take(2).collect();
        into.entry(conversation.join("/"))
            .or_default()
            .extend(messages.iter().cloned());
    }
}
