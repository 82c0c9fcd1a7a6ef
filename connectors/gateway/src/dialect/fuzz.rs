//! For the fuzzer: a client's message, from its bytes to what the gateway answers.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{Folding, PlatformDescriptor, RoomSpelling};
use serde_json::Value;

use super::{Dialect, View, Which, read, render};
use crate::platform::PlatformInfo;

/// Bytes of JSON that a refusal may have, whatever was refused.
const MOST_REFUSED: usize = 64 * 1024;

/// Reads a message as credentials and as a message, and renders what was read in both dialects.
///
/// # Panics
///
/// If a refusal is not an activity with an error, or large, or what was read cannot be sent on.
pub fn any_message(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let platform = Arc::new(PlatformInfo {
        descriptor: PlatformDescriptor::default_platform(),
        types: &[
            "update", "join", "leave", "send", "query", "invite", "add", "remove",
        ],
    });
    for which in [Which::Credentials, Which::Message] {
        let read = read(
            value.clone(),
            which,
            &[Arc::clone(&platform)],
            &HashMap::new(),
        );
        match read {
            Ok(request) => {
                for dialect in [true, false] {
                    let view = View {
                        dialect: Dialect {
                            current: dialect,
                            old: !dialect,
                        },
                        platform: &platform,
                        full: true,
                        alias: None,
                        folding: Folding::Rfc1459,
                        spelling: &|_| RoomSpelling::HashAt,
                    };
                    let rendered = render(&request.activity, &view);
                    assert!(rendered.is_object(), "{rendered}");
                }
            }
            Err(refusal) => {
                assert!(refusal.ack["error"].is_string(), "{}", refusal.ack);
                let length = refusal.ack.to_string().len();
                assert!(length <= MOST_REFUSED, "{length} bytes");
            }
        }
    }
}
