//! What browsers and other Sockethub clients send: JSON of any shape.
//!
//! An input that is no JSON is a script that changes a message: each line is a path and what is put there, JSON or else a
//! text, like `object.content hello`. So most inputs are messages.

use serde_json::{Map, Value, json};

use crate::script;

pub(crate) fn run(input: &[u8]) {
    gateway::any_message(input);
    let mut message = json!({
        "@context": [
            "https://www.w3.org/ns/activitystreams",
            "https://sockethub.org/ns/context/v1.jsonld",
            "https://sockethub.org/ns/context/platform/irc/v1.jsonld",
        ],
        "type": "send",
        "actor": {"id": "alice@irc.test", "type": "person"},
        "target": {"id": "#t@irc.test", "type": "room"},
        "object": {"type": "message", "content": "hello"},
    });
    for line in script::lines(input) {
        let Ok(line) = std::str::from_utf8(line) else {
            continue;
        };
        let (path, value) = line.split_once(' ').unwrap_or((line, "null"));
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        put(&mut message, path, value);
        gateway::any_message(message.to_string().as_bytes());
    }
}

/// Puts a value at a path of keys; what is there and is no object is replaced by one.
fn put(message: &mut Value, path: &str, value: Value) {
    let mut place = message;
    for key in path.split('.') {
        if !place.is_object() {
            *place = Map::new().into();
        }
        place = &mut place[key];
    }
    *place = value;
}
