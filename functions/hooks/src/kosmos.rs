//! The format of hubot-incoming-webhook, which Kosmos uses: `{"room","message"}`, and its variant for UptimeRobot.

use serde_json::Value;

use crate::json::{at, scalar};
use crate::text::MAX_RAW;
use crate::{Call, Event, Unreadable, payload, uptime};

/// Returns whether a GET of the hook's address is an event: UptimeRobot sends some that way.
#[must_use]
pub fn is_get(source: crate::Source, rest: &str, query: &str) -> bool {
    match source {
        crate::Source::Kosmos => rest.trim_matches('/').ends_with("uptimerobot"),
        crate::Source::UptimeRobot => query.contains("monitorFriendlyName="),
        crate::Source::Sms => query.contains("Body="),
        _ => false,
    }
}

/// Parses a message. `room` is required, as in the original, but the message goes to the hook's channel.
pub(crate) fn read(call: &Call<'_>) -> Result<Event, Unreadable> {
    if is_get(crate::Source::Kosmos, call.rest, call.query) {
        return uptime::robot(&payload::fields(call)?);
    }
    let body = payload::json(call)?;
    let field = |sentence: &str| Err(Unreadable::Field(sentence.to_owned()));
    if !at(&body, "room").is_string() {
        return field("\"room\" is missing or not a string");
    }
    let lines: Vec<String> = match at(&body, "message") {
        Value::Array(list) => list.iter().take(MAX_RAW + 1).map(scalar).collect(),
        Value::Null => return field("\"message\" is missing"),
        Value::Object(_) => return field("\"message\" is neither a string nor a list of strings"),
        message => vec![scalar(message)],
    };
    if lines.iter().all(|line| line.trim().is_empty()) {
        return field("\"message\" is empty");
    }
    Ok(Event {
        kind: "message".to_owned(),
        lines,
        ..Event::default()
    })
}
