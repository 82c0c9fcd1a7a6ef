//! The summary of one object: fields with common names for titles, messages, states and links.

use serde_json::{Map, Value};

use crate::text::{raw_lines, without_comments};
use crate::work::look;

/// The most fields of an object, and elements of a list, that are examined.
pub(super) const MAX_PARTS: usize = 100;
/// The longest field name that is recognised, in bytes.
pub(super) const MAX_NAME: usize = 40;
/// Longer texts are not states, in bytes.
const MAX_STATE: usize = 40;
// Field names in the form made by `plain`, the best first.
const TITLES: &[&str] = &[
    "title",
    "subject",
    "headline",
    "heading",
    "alertname",
    "rulename",
    "incidentname",
    "checkname",
    "jobname",
    "monitorname",
];
const NAMES: &[&str] = &[
    "name",
    "displayname",
    "servicename",
    "projectname",
    "reponame",
];
const MESSAGES: &[&str] = &[
    "text",
    "message",
    "content",
    "msg",
    "summary",
    "description",
    "body",
    "details",
    "reason",
    "error",
    "failuremessage",
];
const STATES: &[&str] = &[
    "state",
    "status",
    "severity",
    "level",
    "priority",
    "conclusion",
    "outcome",
    "result",
    "action",
    "eventtype",
    "event",
    "type",
];
const LINKS: &[&str] = &[
    "htmlurl",
    "weburl",
    "permalink",
    "link",
    "url",
    "href",
    "targeturl",
    "detailsurl",
    "incidenturl",
    "dashboardurl",
    "externalurl",
    "shortlink",
];
/// The recognised parts of an object.
#[derive(Clone, Copy, Default)]
pub(super) struct Summary<'a> {
    pub(super) title: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) message: Option<&'a str>,
    pub(super) state: Option<&'a str>,
    pub(super) link: Option<&'a str>,
}

/// A name without differences in spelling: `alertName`, `alert_name`.
pub(super) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Parses an object.
pub(super) fn summarise(map: &Map<String, Value>) -> Summary<'_> {
    let mut summary = Summary::default();
    let mut ranks = [usize::MAX; 5];
    for (name, value) in map.iter().take(MAX_PARTS) {
        look(1);
        // Jira's states are objects with a name.
        let named = value
            .get("name")
            .filter(|_| name == "status" || name == "state");
        let Some(text) = named
            .unwrap_or(value)
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
        else {
            continue;
        };
        if name.len() > MAX_NAME {
            continue;
        }
        let name = plain(name);
        let is_link = text.starts_with("http://") || text.starts_with("https://");
        let places = [
            (TITLES, true, &mut summary.title),
            (NAMES, true, &mut summary.name),
            (MESSAGES, true, &mut summary.message),
            (
                STATES,
                text.len() <= MAX_STATE && (name != "type" || is_event(text)),
                &mut summary.state,
            ),
            (LINKS, is_link, &mut summary.link),
        ];
        for ((names, fits, place), best) in places.into_iter().zip(&mut ranks) {
            let Some(rank) = names.iter().position(|known| *known == name) else {
                continue;
            };
            if fits && rank < *best {
                *best = rank;
                *place = Some(text);
            }
        }
    }
    summary
}

/// Returns whether a type is an event name, like `charge.failed`.
pub(super) fn is_event(kind: &str) -> bool {
    kind.contains('.') && !kind.contains('/')
}

impl<'a> Summary<'a> {
    /// How much it looks like a message.
    pub(super) fn worth(&self) -> i64 {
        let worth = |there: Option<&str>, much: i64| if there.is_some() { much } else { 0 };
        worth(self.title, 4)
            + worth(self.message, 3)
            + worth(self.name, 1)
            + worth(self.state, 1)
            + worth(self.link, 1)
    }

    /// Whether it can represent the whole.
    pub(super) fn is_something(&self) -> bool {
        self.title.is_some()
            || self.message.is_some()
            || (self.name.is_some() && self.state.is_some())
    }

    pub(super) fn heading(&self) -> Option<&'a str> {
        self.title.or(self.name)
    }

    /// Creates its lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let message = self.message.map(without_comments).unwrap_or_default();
        let mut lines: Vec<String> = raw_lines(&message).collect();
        if let Some(title) = self.heading().and_then(|title| raw_lines(title).next()) {
            match lines.first_mut() {
                Some(first) if *first == title => {}
                Some(first) => *first = format!("{}: {first}", title.trim_end_matches(':')),
                None => lines.push(title),
            }
        }
        let Some(first) = lines.first_mut() else {
            return lines;
        };
        if let Some(state) = self.state.filter(|state| !holds(first, state)) {
            first.push_str(&format!(" ({state})"));
        }
        if let Some(link) = self.link.filter(|link| !first.contains(link)) {
            first.push_str(&format!(" {link}"));
        }
        lines
    }
}

/// Returns whether a line already has a word.
fn holds(line: &str, word: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_alphanumeric());
    words.any(|found| found.eq_ignore_ascii_case(word))
}
