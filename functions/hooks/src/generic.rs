//! Any JSON (or form, or plain text) through a template; without one, whatever looks like a message in it.

mod cards;
mod plain;
mod services;
mod summary;

use serde_json::{Value, json};

use crate::{Call, Event, Template, Unreadable, charset, payload};
pub(crate) use services::lines as of_services;

pub(crate) fn read(call: &Call<'_>, template: Option<&Template>) -> Result<Event, Unreadable> {
    let body = body(call)?;
    let (lines, without) = match template {
        Some(template) => (
            template.fill(&body),
            "it contains none of the template's fields",
        ),
        None => (
            of_services(&body).unwrap_or_else(|| plain::lines(&body)),
            "it contains no text, number or boolean",
        ),
    };
    if lines.is_empty() {
        return Ok(Event::ignored("message", without));
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

/// Parses a body: JSON, a form, or text, whatever its declared type. (`curl -d` declares everything as a form.)
fn body(call: &Call<'_>) -> Result<Value, Unreadable> {
    if call.body.trim_ascii().is_empty() {
        return if call.query.is_empty() {
            let sentence =
                "the request has neither a body nor a query, so there is nothing to announce";
            Err(Unreadable::Field(sentence.to_owned()))
        } else {
            payload::fields(call)
        };
    }
    let error = match payload::json(call) {
        Ok(value) => return Ok(value),
        Err(error @ Unreadable::TooLarge(_)) => return Err(error),
        Err(error) => error,
    };
    if let Some(fields) = payload::body_form(call) {
        return match words(call, &fields) {
            Some(text) => Ok(json!({"text": text})),
            None => payload::fields(call),
        };
    }
    let begins_like_json = call.body.trim_ascii_start().starts_with(b"{")
        || call.body.trim_ascii_start().starts_with(b"[");
    let is_plain = call.is("text/plain");
    if (begins_like_json && !is_plain) || call.body.contains(&0) {
        return Err(error);
    }
    Ok(json!({"text": charset::text(call.body)}))
}

/// Returns the text of a body that is declared as a form but is plain words, not names with values.
fn words(call: &Call<'_>, fields: &[(String, String)]) -> Option<String> {
    if !call.is_form() {
        return None;
    }
    let text = charset::text(call.body);
    let (name, value) = text.split_once('=').unwrap_or((&text, ""));
    if name.contains(char::is_whitespace) {
        return Some(text.into_owned());
    }
    // `curl --data-urlencode` encodes them as in a form.
    let is_word = value.is_empty() && !text.contains(['=', '&']);
    is_word.then(|| fields.first().map(|(name, _)| name.clone()))?
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn lines(kind: &str, body: &str) -> Result<Vec<String>, Unreadable> {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert("content-type", kind.parse().unwrap());
        }
        let call = Call {
            headers: &headers,
            rest: "",
            query: "",
            body: body.as_bytes(),
        };
        read(&call, None).map(|event| event.lines)
    }

    #[test]
    fn plain_text_is_said_whatever_it_is_called() {
        let form = "application/x-www-form-urlencoded";
        for kind in [
            "",
            form,
            "text/plain",
            "application/json",
            "application/octet-stream",
        ] {
            for text in [
                "Backup successful",
                "Load = 5 & rising",
                "Größe: 5 %",
                "\u{feff}done",
                "[x",
            ] {
                let bare = text.trim_start_matches('\u{feff}');
                let said = lines(kind, text);
                if text == "[x" && !matches!(kind, "text/plain") && kind != form {
                    assert!(matches!(said, Err(Unreadable::Malformed(_))), "{kind}");
                } else {
                    assert_eq!(
                        said.unwrap().concat().trim_start_matches('\u{feff}'),
                        bare,
                        "{kind}"
                    );
                }
            }
        }
        assert_eq!(
            lines(form, "Backup%20successful").unwrap(),
            ["Backup successful"]
        );
        assert_eq!(
            lines(form, "text=Backup successful").unwrap(),
            ["Backup successful"]
        );
        assert_eq!(
            lines(form, "host=a1&load=5").unwrap(),
            ["host: a1 · load: 5"]
        );
        assert_eq!(lines(form, r#"{"text":"a=b"}"#).unwrap(), ["a=b"]);
        assert_eq!(lines("application/json", "\"quoted\"").unwrap(), ["quoted"]);
        assert_eq!(lines("application/json", "5").unwrap(), ["5"]);
        assert!(matches!(lines("", "a\0b"), Err(Unreadable::Malformed(_))));
        assert!(matches!(lines("", " \n"), Err(Unreadable::Field(_))));
    }

    #[test]
    fn a_reason_speaks_of_a_template_only_if_there_is_one() {
        let headers = HeaderMap::new();
        let call = Call {
            headers: &headers,
            rest: "",
            query: "",
            body: b"{\"a\":[]}",
        };
        let reason = |template: Option<&Template>| read(&call, template).unwrap().quiet.unwrap();
        assert_eq!(reason(None), "it contains no text, number or boolean");
        let template = "{b}".parse().unwrap();
        assert_eq!(
            reason(Some(&template)),
            "it contains none of the template's fields"
        );
    }
}
