//! Any JSON (or form, or plain text) by a template; without one, what looks like a message in it.

use serde_json::{Value, json};

use crate::json::{first, scalar};
use crate::{Call, Event, Template, Unreadable, payload};

/// Where messages usually are.
const MESSAGES: [&str; 7] = [
    "text",
    "message",
    "content",
    "msg",
    "summary",
    "description",
    "body",
];
/// What is over a message, or stands alone.
const TITLES: [&str; 2] = ["title", "subject"];
/// Fields that are shown of an object without a message.
const SHOWN_FIELDS: usize = 8;

pub(crate) fn read(call: &Call<'_>, template: Option<&Template>) -> Result<Event, Unreadable> {
    let body = body(call)?;
    let lines = match template {
        Some(template) => template.fill(&body),
        None => plain(&body),
    };
    if lines.is_empty() {
        return Ok(Event::ignored(
            "message",
            "nothing of what the template names is in it",
        ));
    }
    let event = ["x-event", "x-event-type", "webhook-event"]
        .into_iter()
        .map(|name| call.header(name))
        .find(|name| !name.is_empty());
    Ok(Event {
        kind: event.unwrap_or("message").chars().take(100).collect(),
        lines,
        ..Event::default()
    })
}

fn body(call: &Call<'_>) -> Result<Value, Unreadable> {
    if payload::body_form(call).is_some() {
        return payload::json(call).or_else(|_| payload::fields(call));
    }
    if call
        .header("content-type")
        .trim_start()
        .starts_with("text/plain")
    {
        let text = String::from_utf8_lossy(call.body);
        return Ok(payload::parse(call.body).unwrap_or_else(|_| json!({"text": text})));
    }
    payload::parse(call.body)
}

fn plain(body: &Value) -> Vec<String> {
    let (title, message) = match body {
        Value::String(text) => ("", text.as_str()),
        _ => (first(body, &TITLES).trim(), first(body, &MESSAGES)),
    };
    let mut lines: Vec<String> = message.lines().map(str::to_owned).collect();
    match lines.first_mut() {
        Some(first) if !title.is_empty() && first.trim() != title => {
            *first = format!("{}: {first}", title.trim_end_matches(':'));
        }
        None if !title.is_empty() => lines.push(title.to_owned()),
        _ => {}
    }
    if !lines.is_empty() {
        return lines;
    }
    let fields = body.as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| (name, scalar(value)));
    let fields = fields.filter(|(_, value)| !value.is_empty());
    let fields: Vec<String> = fields
        .take(SHOWN_FIELDS)
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if fields.is_empty() {
        Vec::new()
    } else {
        vec![fields.join(" · ")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_stand_before_messages() {
        for (body, lines) in [
            (
                json!({"title": "Backup:", "message": "done\nin 3 s", "type": "info"}),
                &["Backup: done", "in 3 s"][..],
            ),
            (json!({"title": "Disk full"}), &["Disk full"]),
            (json!({"title": "Same", "text": "Same"}), &["Same"]),
            (json!({"subject": "", "msg": "only"}), &["only"]),
            (json!("a text"), &["a text"]),
            (json!({"a": 1, "b": "c"}), &["a: 1 · b: c"]),
        ] {
            assert_eq!(plain(&body), lines, "{body}");
        }
    }
}
