//! Bodies: JSON, or a form, in which the field `payload` may hold the JSON.

use serde_json::{Map, Value};

use crate::{Call, Unreadable};

/// The most fields of a form that are read.
const MAX_FIELDS: usize = 1_000;

/// Reads a form or a query.
#[must_use]
pub fn form(bytes: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(bytes)
        .take(MAX_FIELDS)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// Reads the JSON of a body or of its form field `payload`.
pub(crate) fn json(call: &Call<'_>) -> Result<Value, Unreadable> {
    if !call.is_form() && !call.body.trim_ascii_start().starts_with(b"payload=") {
        return parse(call.body);
    }
    let fields = form(call.body);
    let payload = fields.into_iter().find(|(name, _)| name == "payload");
    match payload {
        Some((_, payload)) => parse(payload.as_bytes()),
        // Some say form and send JSON all the same.
        None => parse(call.body).map_err(|_| {
            Unreadable::Field("the form has no field \"payload\" with the JSON in it".to_owned())
        }),
    }
}

/// Reads an object of a query, a form or JSON; what comes later wins.
pub(crate) fn fields(call: &Call<'_>) -> Result<Value, Unreadable> {
    let mut map = Map::new();
    let mut add = |pairs: Vec<(String, String)>| {
        for (name, value) in pairs {
            map.insert(name, Value::String(value));
        }
    };
    add(form(call.query.as_bytes()));
    if call.is_form() {
        add(form(call.body));
    } else if !call.body.trim_ascii().is_empty() {
        match parse(call.body)? {
            Value::Object(object) => map.extend(object),
            _ => return Err(Unreadable::Field("the body is no JSON object".to_owned())),
        }
    }
    Ok(Value::Object(map))
}

/// Parses JSON; nesting is bounded by serde_json, at 128.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Unreadable> {
    serde_json::from_slice(bytes)
        .map_err(|error| Unreadable::Malformed(format!("the body is not JSON: {error}")))
}
