//! The response to `schemas`.

use std::sync::Arc;

use protocol::context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::platform::PlatformInfo;

/// Types the gateway handles itself, for every platform.
const OWN_TYPES: [&str; 3] = ["credentials", "connect", "disconnect"];

/// Returns the response for a client that has the schemas with the fingerprint `known`.
///
/// The schemas are empty: the server validates activities, with more helpful errors.
pub(crate) fn schemas(platforms: &[Arc<PlatformInfo>], known: Option<&str>) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let platforms: Vec<Value> = platforms
        .iter()
        .map(|platform| {
            let others = platform
                .types
                .iter()
                .filter(|kind| !OWN_TYPES.contains(kind));
            let types: Vec<&str> = OWN_TYPES.iter().chain(others).copied().collect();
            json!({
                "id": platform.id(),
                "version": version,
                "contextUrl": context::platform(platform.id()),
                "contextVersion": "1",
                "schemaVersion": "1",
                "types": types,
                "schemas": {"credentials": {}, "messages": {}},
            })
        })
        .collect();
    let mut answer = json!({
        "version": version,
        "contexts": {"as": context::ACTIVITYSTREAMS, "sockethub": context::SOCKETHUB},
        "platforms": platforms,
    });
    let hash = Sha256::digest(answer.to_string());
    let fingerprint = protocol::hex(&hash[..8]);
    if known == Some(&fingerprint) {
        return json!({"fingerprint": fingerprint, "unchanged": true});
    }
    answer["fingerprint"] = fingerprint.into();
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms() -> [Arc<PlatformInfo>; 1] {
        [Arc::new(PlatformInfo {
            descriptor: protocol::PlatformDescriptor::default_platform(),
            types: &["connect", "send"],
        })]
    }

    #[test]
    fn gives_what_clients_need_and_then_that_nothing_changed() {
        let first = schemas(&platforms(), None);
        let fingerprint = first["fingerprint"].as_str().unwrap();
        assert_eq!(fingerprint.len(), 16);
        assert_eq!(
            first["contexts"]["as"],
            "https://www.w3.org/ns/activitystreams"
        );
        assert_eq!(
            first["platforms"][0]["contextUrl"],
            "https://sockethub.org/ns/context/platform/irc/v1.jsonld"
        );
        assert_eq!(
            first["platforms"][0]["schemas"],
            json!({"credentials": {}, "messages": {}})
        );
        assert_eq!(
            first["platforms"][0]["types"],
            json!(["credentials", "connect", "disconnect", "send"])
        );
        assert_eq!(
            schemas(&platforms(), Some(fingerprint)),
            json!({"fingerprint": fingerprint, "unchanged": true})
        );
        assert_eq!(schemas(&platforms(), Some("another")), first);
    }
}
