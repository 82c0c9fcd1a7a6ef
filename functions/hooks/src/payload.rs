//! Bodies: JSON, or a form of either kind, in which the field `payload` or `data` may hold the JSON.

use serde_json::{Map, Value};

use crate::parse::parse;
use crate::work::look;
use crate::{Call, Unreadable, charset};

/// The most fields of a form that are parsed.
const MAX_FIELDS: usize = 1_000;
/// The longest boundary between the parts of a form, RFC 2046 section 5.1.1.
const MAX_BOUNDARY: usize = 70;

/// Parses a form or a query.
#[must_use]
pub fn form(bytes: &[u8]) -> Vec<(String, String)> {
    look(bytes.len());
    let pairs = bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty());
    let pairs = pairs.take(MAX_FIELDS).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=').map(unescaped);
        let mut half = || halves.next().unwrap_or_default();
        (half(), half())
    });
    pairs.collect()
}

/// Decodes a name or value of a form. Escaped bytes that are not UTF-8 are decoded by [`charset::text`].
fn unescaped(mut bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        let digit = |at: usize| char::from(*rest.get(at)?).to_digit(16);
        out.push(match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes = &rest[2..];
                (high * 16 + low) as u8
            }
            (b'+', ..) => b' ',
            _ => *first,
        });
    }
    charset::text(&out).into_owned()
}

/// Parses the fields of a body that is a form of either kind; `None` if it is something else.
pub(crate) fn body_form(call: &Call<'_>) -> Option<Vec<(String, String)>> {
    if call.is_form() {
        return Some(form(call.body));
    }
    if !call.is("multipart/form-data") {
        return None;
    }
    let boundary = call.parameter("boundary")?;
    let fits = (1..=MAX_BOUNDARY).contains(&boundary.len());
    fits.then(|| multipart(call.body, boundary))
}

/// Parses the fields of a multipart form (RFC 7578); files are left out.
fn multipart(body: &[u8], boundary: &str) -> Vec<(String, String)> {
    look(body.len());
    let text = charset::text(body);
    let delimiter = format!("--{boundary}");
    let mut fields = Vec::new();
    // Anything before the first delimiter, and after the last, is not a part.
    let mut parts = text.split(delimiter.as_str());
    parts.next();
    for part in parts.take_while(|part| !part.starts_with("--")) {
        if fields.len() == MAX_FIELDS {
            break;
        }
        look(part.len());
        let Some((head, value)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        if let Some(name) = field_name(head) {
            let value = value.strip_suffix("\r\n").unwrap_or(value);
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    fields
}

/// Returns the name of a part that is not a file.
fn field_name(head: &str) -> Option<&str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-disposition"));
    let (_, disposition) = lines.next()?;
    let mut parameters = disposition
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')));
    if parameters
        .clone()
        .any(|(name, _)| name.starts_with("filename"))
    {
        return None;
    }
    parameters.find_map(|(name, value)| (name == "name").then_some(value))
}

/// Parses the JSON of a body, or in the field `payload` or `data` of a form.
pub(crate) fn json(call: &Call<'_>) -> Result<Value, Unreadable> {
    let fields = match body_form(call) {
        Some(fields) => fields,
        None if call.body.trim_ascii_start().starts_with(b"payload=") => form(call.body),
        None => return parse(call.body),
    };
    let holds = |wanted: &str| fields.iter().find(|(name, _)| name == wanted);
    match holds("payload").or_else(|| holds("data")) {
        Some((_, json)) => parse(json.as_bytes()),
        // Some declare a form and send JSON anyway.
        None => parse(call.body).map_err(|_| {
            let sentence = "the form has no field \"payload\" or \"data\" with the JSON in it";
            Unreadable::Field(sentence.to_owned())
        }),
    }
}

/// Parses an object from a query, a form or JSON; later values win.
pub(crate) fn fields(call: &Call<'_>) -> Result<Value, Unreadable> {
    let mut map = Map::new();
    let mut add = |pairs: Vec<(String, String)>| {
        for (name, value) in pairs {
            map.insert(name, Value::String(value));
        }
    };
    add(form(call.query.as_bytes()));
    if let Some(fields) = body_form(call) {
        add(fields);
    } else if !call.body.trim_ascii().is_empty() {
        match parse(call.body)? {
            Value::Object(object) => map.extend(object),
            _ => {
                return Err(Unreadable::Field(
                    "the body is not a JSON object".to_owned(),
                ));
            }
        }
    }
    Ok(Value::Object(map))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn read(kind: &str, body: &str) -> Result<Value, Unreadable> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        json(&Call {
            headers: &headers,
            rest: "",
            query: "",
            body: body.as_bytes(),
        })
    }

    #[test]
    fn forms_in_parts() {
        let body = "preamble\r\n--b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"data\"\r\n\
                    Content-Type: text/plain\r\n\r\n[]\r\n--b1\r\ncontent-disposition: form-data; name=\"data\"\r\n\r\n\
                    {\"a\":\r\n1}\r\n--b1--\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n[2]";
        for kind in [
            "multipart/form-data; boundary=b1",
            "Multipart/Form-Data;charset=utf-8; boundary=\"b1\"",
        ] {
            assert_eq!(read(kind, body), Ok(json!({"a": 1})), "{kind}");
        }
        for kind in [
            "multipart/form-data; boundary=b2",
            "multipart/form-data; boundary=",
            "multipart/form-data",
            "multipart/mixed; boundary=b1",
        ] {
            assert!(read(kind, body).is_err(), "{kind}");
        }
    }
}
