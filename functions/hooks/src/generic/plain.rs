//! What to say of JSON of which nothing is known: the object in it that looks most like a message, with its title, state
//! and link; if there is none, what fields there are.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::said::{MAX_NAME, MAX_PARTS, Said, plain, said};
use crate::json::scalar;
use crate::text::{MAX_RAW, raw_lines};
use crate::work::look;

/// How deep it is looked for.
const MAX_DEPTH: usize = 8;
/// The most objects that are looked at.
const MAX_OBJECTS: usize = 1_000;
/// Fields that are shown if nothing looks like a message.
const SHOWN_FIELDS: usize = 8;
/// The longest value of those, in characters.
const SHOWN_VALUE: usize = 200;

/// Fields that tell people nothing.
const NOISE: &[&str] = &[
    "id",
    "uuid",
    "guid",
    "callbackurl",
    "timestamp",
    "createdat",
    "updatedat",
    "version",
    "type",
];
/// Fields that are nobody's business.
const SECRETS: &[&str] = &["token", "secret", "password", "signature", "apikey", "key"];

/// An object, where it is and what it says.
struct Found<'a> {
    map: &'a Map<String, Value>,
    /// Its number, and that of the object it is in.
    parent: Option<usize>,
    depth: usize,
    /// Where its fields are, `data.event.`.
    path: String,
    /// The list that it is in.
    list: Option<&'a [Value]>,
    said: Said<'a>,
}

/// Makes lines of a body.
pub(super) fn lines(body: &Value) -> Vec<String> {
    if let Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) = body {
        let text = match body {
            Value::String(text) => text.clone(),
            other => scalar(other),
        };
        return raw_lines(&text).collect();
    }
    let objects = objects(body);
    let best = (0..objects.len())
        .filter(|&at| objects[at].said.is_something())
        // Of equals the first.
        .min_by_key(|&at| (objects[at].depth as i64) - 2 * objects[at].said.worth());
    match best {
        Some(best) => of(&objects, best),
        None => fields(body, &objects),
    }
}

/// The objects in a value, those that are least deep first.
fn objects(body: &Value) -> Vec<Found<'_>> {
    struct Place<'a> {
        value: &'a Value,
        parent: Option<usize>,
        depth: usize,
        path: String,
        list: Option<&'a [Value]>,
    }
    let mut found = Vec::new();
    let mut queue = VecDeque::from([Place {
        value: body,
        parent: None,
        depth: 0,
        path: String::new(),
        list: None,
    }]);
    while let Some(place) = queue.pop_front() {
        look(1);
        if found.len() == MAX_OBJECTS {
            break;
        }
        if place.depth > MAX_DEPTH {
            continue;
        }
        match place.value {
            Value::Object(map) => {
                let number = found.len();
                for (name, value) in map.iter().take(MAX_PARTS) {
                    if name.len() <= MAX_NAME && (value.is_object() || value.is_array()) {
                        queue.push_back(Place {
                            value,
                            parent: Some(number),
                            depth: place.depth + 1,
                            path: format!("{}{name}.", place.path),
                            list: None,
                        });
                    }
                }
                found.push(Found {
                    map,
                    parent: place.parent,
                    depth: place.depth,
                    path: place.path,
                    list: place.list,
                    said: said(map),
                });
            }
            Value::Array(list) => {
                for (at, value) in list.iter().enumerate().take(MAX_PARTS) {
                    if queue.len() >= MAX_OBJECTS {
                        break;
                    }
                    queue.push_back(Place {
                        value,
                        parent: place.parent,
                        depth: place.depth + 1,
                        path: format!("{}{at}.", place.path),
                        list: Some(list),
                    });
                }
            }
            _ => {}
        }
        if queue.len() >= MAX_OBJECTS {
            queue.truncate(MAX_OBJECTS);
        }
    }
    found
}

/// What an object says, with what is missing from those that it is in.
fn of(objects: &[Found<'_>], best: usize) -> Vec<String> {
    let core = &objects[best];
    let above =
        || std::iter::successors(core.parent, |&at| objects[at].parent).map(|at| &objects[at]);
    if let Some(list) = core.list {
        let others: Vec<Said<'_>> = list
            .iter()
            .take(MAX_PARTS)
            .filter_map(Value::as_object)
            .map(said)
            .filter(Said::is_something)
            .collect();
        if others.len() > 1 {
            let over =
                above().find(|found| found.said.title.is_some() || found.said.message.is_some());
            let mut lines = over.map(|found| found.said.lines()).unwrap_or_default();
            lines.extend(others.iter().flat_map(Said::lines).take(MAX_RAW + 1));
            return lines;
        }
    }
    let mut all = core.said;
    let mut lines = Vec::new();
    for found in above() {
        let said = found.said;
        if all.title.is_none() {
            all.title = said.title;
        }
        all.state = all.state.or(said.state);
        all.link = all.link.or(said.link);
        match (all.message, said.message) {
            (None, message) => all.message = message,
            (Some(ours), Some(message)) if ours != message => lines = raw_lines(message).collect(),
            _ => {}
        }
    }
    if all.message.is_none() {
        // Perhaps what it is about is within.
        let within = objects.iter().skip(best + 1).filter(|found| {
            std::iter::successors(found.parent, |&at| objects[at].parent).any(|at| at == best)
        });
        let mut messages = within.filter(|found| found.said.title.is_none());
        all.message =
            messages.find_map(|found| found.said.message.filter(|_| found.said.name.is_none()));
    }
    lines.extend(all.lines());
    lines
}

/// One line with the fields that say anything.
fn fields(body: &Value, objects: &[Found<'_>]) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    let mut noise: Vec<String> = Vec::new();
    for found in objects {
        for (name, value) in found.map.iter().take(MAX_PARTS) {
            let short: String = match value {
                Value::String(text) => text.chars().take(SHOWN_VALUE).collect(),
                other => scalar(other),
            };
            let short = short.trim();
            let plain = plain(&name.chars().take(MAX_NAME).collect::<String>());
            if short.is_empty() || SECRETS.iter().any(|secret| plain.ends_with(secret)) {
                continue;
            }
            let is_noise =
                NOISE.contains(&plain.as_str()) || name.ends_with("_id") || name.ends_with("Id");
            let list = if is_noise { &mut noise } else { &mut shown };
            if list.len() < SHOWN_FIELDS {
                list.push(format!("{}{name}: {short}", found.path));
            }
        }
    }
    if shown.is_empty() {
        shown = noise;
    }
    if let (true, Value::Array(list)) = (shown.is_empty(), body) {
        let texts = list.iter().take(SHOWN_FIELDS).map(scalar);
        shown = texts.filter(|text| !text.trim().is_empty()).collect();
    }
    if shown.is_empty() {
        return Vec::new();
    }
    vec![shown.join(" · ")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn titles_stand_before_messages() {
        for (body, said) in [
            (
                json!({"title": "Backup:", "message": "done\nin 3 s", "type": "info"}),
                &["Backup: done", "in 3 s"][..],
            ),
            (json!({"title": "Disk full"}), &["Disk full"]),
            (json!({"title": "Same", "text": "Same"}), &["Same"]),
            (json!({"subject": "", "msg": "only"}), &["only"]),
            (json!("a text"), &["a text"]),
            (json!({"a": 1, "b": "c"}), &["a: 1 · b: c"]),
            (json!(["a", 2]), &["a · 2"]),
            (json!({"a": {"b": []}}), &[]),
            (
                json!({"text": "down", "severity": "critical", "url": "https://a.example"}),
                &["down (critical) https://a.example"],
            ),
        ] {
            assert_eq!(lines(&body), said, "{body}");
        }
    }

    /// As Sentry, PagerDuty, Docker Hub, Teams' senders and Discord's write it, from their documentation.
    #[test]
    fn what_is_nested_is_found() {
        for (body, said) in [
            (
                json!({"action": "triggered", "installation": {"uuid": "a8e5d37a"},
                    "data": {"event": {"event_id": "e4874d66", "level": "error", "message": "",
                        "title": "ReferenceError: heck is not defined", "web_url": "https://sentry.example/1"},
                        "triggered_rule": "Very Important Rule"},
                    "actor": {"type": "application", "id": "sentry", "name": "Sentry"}}),
                &["ReferenceError: heck is not defined (error) https://sentry.example/1"][..],
            ),
            (
                json!({"event": {"id": "01", "event_type": "incident.triggered", "resource_type": "incident",
                    "agent": {"html_url": "https://pd.example/u", "summary": "Tenex Engineer", "type": "user_reference"},
                    "data": {"id": "PGR0VU2", "type": "incident", "html_url": "https://pd.example/i",
                        "number": 2, "status": "triggered", "title": "A little bump in the road",
                        "service": {"html_url": "https://pd.example/s", "id": "PF9KMXH"}}}}),
                &["A little bump in the road (triggered) https://pd.example/i"],
            ),
            (
                json!({"callback_url": "https://registry.example/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
                    "push_data": {"pushed_at": 1417566161, "pusher": "trusted", "tag": "latest"},
                    "repository": {"repo_name": "svendowideit/testhook", "is_private": true}}),
                &[
                    "push_data.pushed_at: 1417566161 · push_data.pusher: trusted · push_data.tag: latest · \
                   repository.is_private: true · repository.repo_name: svendowideit/testhook",
                ],
            ),
            (
                json!({"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive",
                    "content": {"type": "AdaptiveCard", "body": [
                        {"type": "TextBlock", "text": "Pool degraded"}, {"type": "TextBlock", "text": "tank is DEGRADED"}]}}]}),
                &["Pool degraded", "tank is DEGRADED"],
            ),
            (
                json!({"content": "New release", "embeds": [{"title": "v2", "description": "Better", "url": "https://r.example"}]}),
                &["New release", "v2: Better https://r.example"],
            ),
            (
                json!({"title": "Disk", "status": "firing", "details": {"message": "97 % used"}}),
                &["Disk: 97 % used (firing)"],
            ),
            (
                json!({"check": {"name": "api", "status": "down"}}),
                &["api (down)"],
            ),
            (json!({"id": 5, "access_token": "x"}), &["id: 5"]),
        ] {
            assert_eq!(lines(&body), said, "{body}");
        }
    }
}
