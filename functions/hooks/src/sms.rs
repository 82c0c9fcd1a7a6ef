//! Text messages that a gateway forwards: <https://www.twilio.com/docs/messaging/guides/webhook-request>.

use serde_json::Value;

use crate::json::{scalar_at, text};
use crate::text::raw_lines;
use crate::{Event, Unreadable};

/// The response to a gateway: nothing to send back (TwiML).
pub const TWIML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";

/// The most pictures that are shown.
const SHOWN_MEDIA: usize = 2;

/// Parses a message.
pub(crate) fn read(fields: &Value) -> Result<Event, Unreadable> {
    let from = scalar_at(fields, "From");
    let body = text(fields, "Body");
    if from.is_empty() {
        return Err(Unreadable::Field(
            "\"From\" is missing, so this is not a text message".to_owned(),
        ));
    }
    let mut lines: Vec<String> = raw_lines(body).collect();
    let media = scalar_at(fields, "NumMedia").parse::<usize>().unwrap_or(0);
    for index in 0..media.min(SHOWN_MEDIA) {
        let url = text(fields, &format!("MediaUrl{index}"));
        if !url.is_empty() {
            lines.push(url.to_owned());
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    match lines.first_mut() {
        Some(first) => *first = format!("[SMS from {from}] {first}"),
        None => return Ok(Event::ignored("message", "the text message is empty")),
    }
    Ok(Event {
        kind: "message".to_owned(),
        lines,
        ..Event::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages() {
        let sms = json!({"From": "+15551234567", "Body": "Hello\nthere", "NumMedia": "1", "MediaUrl0": "https://a.example/1"});
        assert_eq!(
            read(&sms).unwrap().lines,
            [
                "[SMS from +15551234567] Hello",
                "there",
                "https://a.example/1"
            ]
        );
        assert!(read(&json!({"Body": "x"})).is_err());
        assert!(read(&json!({"From": "1"})).unwrap().lines.is_empty());
    }
}
