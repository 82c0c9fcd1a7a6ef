//! Summarises unknown JSON: finds the object that looks most like a message, with its title, state and link; if there
//! is none, lists the fields.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::summary::{MAX_NAME, MAX_PARTS, Summary, is_event, plain, summarise};
use crate::json::scalar;
use crate::text::{MAX_RAW, raw_lines, without_comments};
use crate::work::look;

/// How deep the search goes.
const MAX_DEPTH: usize = 8;
/// The most objects that are searched.
const MAX_OBJECTS: usize = 1_000;
/// The most fields that are shown if nothing looks like a message.
const SHOWN_FIELDS: usize = 8;
/// The longest value of those, in characters.
const SHOWN_VALUE: usize = 200;

/// Fields that mean nothing to people.
const NOISE: &[&str] = &[
    "id",
    "uuid",
    "guid",
    "callbackurl",
    "timestamp",
    "createdat",
    "updatedat",
    "version",
    "apiversion",
    "type",
    "object",
];
/// Objects about where something happened or who did it, not what.
const ASIDE: &[&str] = &[
    "repository",
    "repo",
    "project",
    "user",
    "sender",
    "actor",
    "agent",
    "author",
    "owner",
    "organization",
    "issuetype",
];
/// Fields that must not be shown.
const SECRETS: &[&str] = &["token", "secret", "password", "signature", "apikey", "key"];

/// An object, its position and its summary.
struct Found<'a> {
    map: &'a Map<String, Value>,
    /// The index of the object that contains it.
    parent: Option<usize>,
    depth: usize,
    /// The path of its fields, `data.event.`.
    path: String,
    /// The list that contains it.
    list: Option<&'a [Value]>,
    /// Whether it is one of [`ASIDE`], or inside one.
    aside: bool,
    summary: Summary<'a>,
}

/// Creates lines from a body.
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
        .filter(|&at| {
            let found = &objects[at];
            // List entries without a heading belong to the object above them that has one.
            let above = || std::iter::successors(found.parent, |&at| objects[at].parent);
            let is_part = found.list.is_some()
                && found.summary.heading().is_none()
                && above().any(|at| objects[at].summary.heading().is_some());
            found.summary.is_something() && !found.aside && !is_part
        })
        // The first one among equals.
        .min_by_key(|&at| (objects[at].depth as i64) - 2 * objects[at].summary.worth());
    match best {
        Some(best) => of(&objects, best),
        None => fields(body, &objects),
    }
}

/// The objects in a value, the least nested first.
fn objects(body: &Value) -> Vec<Found<'_>> {
    struct Node<'a> {
        value: &'a Value,
        parent: Option<usize>,
        depth: usize,
        path: String,
        list: Option<&'a [Value]>,
        aside: bool,
    }
    let mut found = Vec::new();
    let mut queue = VecDeque::from([Node {
        value: body,
        parent: None,
        depth: 0,
        path: String::new(),
        list: None,
        aside: false,
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
                        queue.push_back(Node {
                            value,
                            parent: Some(number),
                            depth: place.depth + 1,
                            path: format!("{}{name}.", place.path),
                            list: None,
                            aside: place.aside || ASIDE.contains(&plain(name).as_str()),
                        });
                    }
                }
                found.push(Found {
                    map,
                    parent: place.parent,
                    depth: place.depth,
                    path: place.path,
                    list: place.list,
                    aside: place.aside,
                    summary: summarise(map),
                });
            }
            Value::Array(list) => {
                for (at, value) in list.iter().enumerate().take(MAX_PARTS) {
                    if queue.len() >= MAX_OBJECTS {
                        break;
                    }
                    queue.push_back(Node {
                        value,
                        parent: place.parent,
                        depth: place.depth + 1,
                        path: format!("{}{at}.", place.path),
                        list: Some(list),
                        aside: place.aside,
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

/// The summary of an object, completed from those that contain it.
fn of(objects: &[Found<'_>], best: usize) -> Vec<String> {
    let core = &objects[best];
    let above =
        || std::iter::successors(core.parent, |&at| objects[at].parent).map(|at| &objects[at]);
    if let Some(list) = core.list {
        let others: Vec<Summary<'_>> = list
            .iter()
            .take(MAX_PARTS)
            .filter_map(Value::as_object)
            .map(summarise)
            .filter(Summary::is_something)
            .collect();
        if others.len() > 1 {
            let over = above()
                .find(|found| found.summary.title.is_some() || found.summary.message.is_some());
            let mut lines = over.map(|found| found.summary.lines()).unwrap_or_default();
            lines.extend(others.iter().flat_map(Summary::lines).take(MAX_RAW + 1));
            return lines;
        }
    }
    let mut all = core.summary;
    let mut lines = Vec::new();
    for found in above() {
        let summary = found.summary;
        if all.title.is_none() {
            all.title = summary.title;
        }
        all.state = all.state.or(summary.state);
        all.link = all.link.or(summary.link);
        match (all.message, summary.message) {
            (None, message) => all.message = message,
            (Some(ours), Some(message)) if ours != message => {
                lines = raw_lines(&without_comments(message)).collect();
            }
            _ => {}
        }
    }
    if all.message.is_none() {
        // Its subject may be inside it, or next to it.
        let within = |found: &&Found<'_>| {
            std::iter::successors(found.parent, |&at| objects[at].parent).any(|at| at == best)
        };
        let beside = |found: &&Found<'_>| found.parent == core.parent && found.list.is_none();
        let messages = || {
            objects
                .iter()
                .filter(|found| !found.aside && found.summary.heading().is_none())
        };
        let mut messages = messages().filter(within).chain(messages().filter(beside));
        all.message = messages.find_map(|found| found.summary.message);
    }
    lines.extend(all.lines());
    lines
}

/// One line with all meaningful fields.
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
            let is_noise = (NOISE.contains(&plain.as_str())
                && !(plain == "type" && is_event(short)))
                || ["_id", "Id", "_at", "_count"]
                    .iter()
                    .any(|end| name.ends_with(end))
                || name.starts_with("is_");
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

    /// From the documentation of Sentry, PagerDuty, Docker Hub and Discord's senders.
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
                    "push_data.pusher: trusted · push_data.tag: latest · repository.repo_name: svendowideit/testhook",
                ],
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
            // Statuspage.
            (
                json!({"page": {"id": "j", "status_description": "Major System Outage"},
                    "incident": {"name": "Virginia Is Down", "status": "monitoring", "shortlink": "http://j.example/1",
                        "incident_updates": [{"body": "A fix is in.", "status": "monitoring"}, {"body": "We wait.", "status": "identified"}]}}),
                &["Virginia Is Down: A fix is in. (monitoring) http://j.example/1"],
            ),
            (
                json!({"event": "job.failed", "job": {"name": "nightly", "state": "failed", "link": "https://ci.example/5"},
                    "repository": {"name": "r", "description": "What the repo is", "url": "https://r.example"}}),
                &["nightly (failed) https://ci.example/5"],
            ),
            // Docker Hub.
            (
                json!({"push_data": {"tag": "latest", "pusher": "sven", "pushed_at": 1}, "callback_url": "https://r.example",
                    "repository": {"status": "Active", "description": "About", "name": "testhook", "star_count": 0, "is_trusted": false,
                        "repo_name": "sven/testhook", "owner": "sven"}}),
                &[
                    "push_data.pusher: sven · push_data.tag: latest · repository.description: About · repository.name: testhook · \
                   repository.owner: sven · repository.repo_name: sven/testhook · repository.status: Active",
                ],
            ),
            // What is about an issue, as Jira has it.
            (
                json!({"webhookEvent": "jira:issue_updated", "user": {"displayName": "Jane"},
                    "issue": {"fields": {"summary": "Login broken", "project": {"name": "Test", "description": "Tests"},
                        "issuetype": {"name": "Bug", "description": "A fault in the product"},
                        "status": {"name": "In Progress", "description": "Somebody is at it"}}},
                    "changelog": {"items": [{"field": "status", "toString": "In Progress"}]}}),
                &["Login broken (In Progress)"],
            ),
            // A single alert of Alertmanager.
            (
                json!({"status": "firing", "labels": {"alertname": "DiskFull"}, "annotations": {"summary": "97 % used"}}),
                &["DiskFull: 97 % used (firing)"],
            ),
            // Stripe.
            (
                json!({"id": "evt_1", "object": "event", "type": "charge.failed", "data": {"object": {"amount": 5}}}),
                &["type: charge.failed · data.object.amount: 5"],
            ),
            (
                json!({"type": "charge.failed", "data": {"object": {"failure_message": "Declined."}}}),
                &["Declined. (charge.failed)"],
            ),
            // As forges send it to a hook that is none of theirs.
            (
                json!({"comment": {"body": "<!-- bot -->\nAll good.<!-- x -->"}}),
                &["All good."],
            ),
            // Lists of objects with headings are shown as before.
            (
                json!({"title": "2 problems", "items": [{"title": "a", "message": "b"}, {"title": "c", "message": "d"}]}),
                &["2 problems", "a: b", "c: d"],
            ),
        ] {
            assert_eq!(lines(&body), said, "{body}");
        }
    }
}
