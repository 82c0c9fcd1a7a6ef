//! Sockethub's two dialects, as pure functions between JSON and [`protocol::Activity`].
//!
//! The current dialect names the platform by three URLs in `@context`; the older one uses a string in `context`, with
//! ids as plain strings. Inside the gateway every activity is in the current form, with room ids like `#chan@server`.

pub(crate) mod fuzz;
mod relations;
mod render;
mod request;
mod schemas;

use serde_json::{Map, Value, json};

pub(crate) use self::render::{View, render};
pub(crate) use self::request::{Request, Which, check, read};
pub(crate) use self::schemas::schemas;

/// The dialects a socket speaks; both if its messages carry the marks of both.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Dialect {
    /// Emitted `schemas`, or sent `@context`.
    pub(crate) current: bool,
    /// Emitted `activity-object`, or sent `context`.
    pub(crate) old: bool,
}

impl Dialect {
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            current: self.current || other.current,
            old: self.old || other.old,
        }
    }

    /// Returns whether responses must use the older dialect only.
    pub(crate) fn only_old(self) -> bool {
        self.old && !self.current
    }

    /// Adds the platform to an activity in this dialect's form.
    pub(crate) fn mark(self, activity: &mut Map<String, Value>, platform: &str) {
        use protocol::context::{ACTIVITYSTREAMS, SOCKETHUB};
        activity.remove("context");
        activity.remove("@context");
        if self.old {
            activity.insert("context".to_owned(), platform.into());
        }
        if self.current || !self.old {
            let contexts = json!([
                ACTIVITYSTREAMS,
                SOCKETHUB,
                protocol::context::platform(platform)
            ]);
            activity.insert("@context".to_owned(), contexts);
        }
    }
}

/// The pseudo-platform of errors that do not belong to a platform.
const ERROR_PLATFORM: &str = "error";

fn application() -> Value {
    json!({"type": "Application", "name": "sockethub-server"})
}

/// The payload of the `error` event.
pub(crate) fn error_event(summary: &str) -> Value {
    let mut event = Map::new();
    Dialect::default().mark(&mut event, ERROR_PLATFORM);
    event.insert("type".to_owned(), "Error".into());
    event.insert("actor".to_owned(), application());
    event.insert("summary".to_owned(), summary.into());
    event.into()
}

/// The ack of a request that cannot be echoed.
pub(crate) fn error_ack(error: &str) -> Value {
    let mut ack = Map::new();
    Dialect::default().mark(&mut ack, ERROR_PLATFORM);
    ack.insert("type".to_owned(), "error".into());
    ack.insert("actor".to_owned(), application());
    ack.insert("error".to_owned(), error.into());
    ack.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_events_are_those_of_sockethub() {
        assert_eq!(
            error_event("rate limit exceeded, temporarily blocked"),
            json!({
                "type": "Error",
                "@context": ["https://www.w3.org/ns/activitystreams",
                    "https://sockethub.org/ns/context/v1.jsonld",
                    "https://sockethub.org/ns/context/platform/error/v1.jsonld"],
                "actor": {"type": "Application", "name": "sockethub-server"},
                "summary": "rate limit exceeded, temporarily blocked"
            })
        );
    }
}
