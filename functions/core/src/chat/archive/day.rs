//! One day's document being edited: everything in it that we did not write is preserved.

use std::collections::HashSet;

use hooks::Unreadable;
use protocol::{ArchiveMessage, ArchiveTarget, DailyArchive, Day, Timestamp};
use serde_json::{Map, Value};

use crate::kernel::work::look;

/// The most memory that a parsed document may take, in bytes. One that would take more continues in another document,
/// like one that is too long: its owner can write anything there, and a few bytes can expand a lot.
const MAX_MEMORY: usize = 64 * 1024 * 1024;

/// A day's document to which messages can be added.
#[derive(Clone, Debug)]
pub(super) struct DayDocument {
    root: Map<String, Value>,
}

/// Why a document cannot be extended as a day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoDay {
    /// It would take too much memory.
    TooLarge,
    /// It is something else.
    Other,
}

/// Parses JSON of an archive, whoever wrote it, within the memory limit.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, NoDay> {
    look(bytes.len());
    hooks::parse_whole_json(bytes, MAX_MEMORY).map_err(|error| match error {
        Unreadable::TooLarge(_) => NoDay::TooLarge,
        _ => NoDay::Other,
    })
}

impl DayDocument {
    /// Creates an empty day.
    pub(crate) fn new(
        server: &str,
        target: &ArchiveTarget,
        day: Day,
        scheme: Option<&str>,
    ) -> Self {
        let archive = DailyArchive::new(server, target, day, scheme);
        let Ok(Value::Object(root)) = serde_json::to_value(&archive) else {
            return Self { root: Map::new() };
        };
        Self { root }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// If it is not an archive, or too large.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, NoDay> {
        let Value::Object(root) = read(bytes)? else {
            return Err(NoDay::Other);
        };
        let messages = root.get("today").and_then(|today| today.get("messages"));
        let messages = messages.and_then(Value::as_array).ok_or(NoDay::Other)?;
        if messages.iter().all(Value::is_object) {
            Ok(Self { root })
        } else {
            Err(NoDay::Other)
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.root).unwrap_or_default()
    }

    fn today(&mut self) -> Option<&mut Map<String, Value>> {
        self.root.get_mut("today")?.as_object_mut()
    }

    /// Adds the messages whose ids are not yet present, in chronological order; returns how many.
    pub(crate) fn merge(&mut self, new: &[ArchiveMessage]) -> usize {
        let Some(messages) = self
            .today()
            .and_then(|today| today.get_mut("messages"))
            .and_then(Value::as_array_mut)
        else {
            return 0;
        };
        let mut known: HashSet<String> = messages
            .iter()
            .filter_map(|message| Some(message.get("id")?.as_str()?.to_owned()))
            .collect();
        look(messages.len() + new.len());
        let before = messages.len();
        for message in new {
            let id = message.id.clone().unwrap_or_default();
            if known.insert(id)
                && let Ok(value) = serde_json::to_value(message)
            {
                messages.push(value);
            }
        }
        if messages.len() > before {
            messages.sort_by_cached_key(|message| {
                look(1);
                time_of(message)
            });
        }
        messages.len() - before
    }

    /// Sets the link to the previous or next day; returns whether that changed anything.
    pub(crate) fn link(&mut self, key: &str, day: Day) -> bool {
        let value = Value::String(day.to_string());
        match self.today() {
            Some(today) if today.get(key) != Some(&value) => {
                today.insert(key.to_owned(), value);
                true
            }
            _ => false,
        }
    }
}

/// Both sets of keys are read: ours, and the `date` of the schema.
fn time_of(message: &Value) -> i64 {
    let timestamp = message.get("timestamp").and_then(Value::as_i64);
    let date = || message.get("date")?.as_str()?.parse::<Timestamp>().ok();
    timestamp
        .or_else(|| date().map(Timestamp::millis))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use protocol::MessageType;

    use super::*;

    fn message(id: &str, timestamp: i64) -> ArchiveMessage {
        ArchiveMessage {
            id: Some(id.into()),
            timestamp,
            from: "a".into(),
            text: "x".into(),
            kind: MessageType::Text,
            client_id: None,
        }
    }

    #[test]
    fn keeps_what_others_have_written() {
        let foreign = r#"{"@context":"https://kosmos.org/ns/v1","extra":1,"today":{"more":[2],
            "messages":[{"date":"1970-01-01T00:00:00.005Z","user":"x","text":"y","edited":true}]}}"#;
        let mut day = DayDocument::parse(foreign.as_bytes()).unwrap();
        assert_eq!(day.merge(&[message("b", 9), message("a", 1)]), 2);
        assert_eq!(day.merge(&[message("b", 9)]), 0);
        assert!(day.link("next", "1970/01/02".parse().unwrap()));
        assert!(!day.link("next", "1970/01/02".parse().unwrap()));
        let value: Value = serde_json::from_slice(&day.to_bytes()).unwrap();
        assert_eq!(
            (&value["extra"], &value["today"]["more"][0]),
            (&1.into(), &2.into())
        );
        assert_eq!(value["today"]["messages"][1]["edited"], true);
        assert_eq!(value["today"]["messages"][0]["id"], "a");
        assert_eq!(value["today"]["next"], "1970/01/02");
    }

    #[test]
    fn twice_the_day_is_twice_the_work() {
        for unit in [
            "{},",
            r#"{"id":"a"},"#,
            r#"{"date":"1970-01-01T00:00:00.005Z"},"#,
            r#"{"timestamp":1},"#,
            "[],",
            "x",
            "{\"a\":",
        ] {
            let steps = |times: usize| {
                let text = format!(
                    "{{\"today\":{{\"messages\":[{}{{}}]}}}}",
                    unit.repeat(times)
                );
                let work = || {
                    let mut day = DayDocument::parse(text.as_bytes())?;
                    Ok::<_, NoDay>(day.merge(&[message("new", 1)]))
                };
                crate::kernel::work::steps_of(|| {
                    let _ = work();
                })
                .0
            };
            let (one, two) = (steps(2_000), steps(4_000));
            assert!(two <= 2 * one, "{unit:?}: {one} and {two}");
        }
    }

    #[test]
    fn what_would_take_too_much_memory_is_not_read() {
        let many = r#"{"":0}"#.repeat(1_000_000).replace("}{", "},{");
        let bytes = format!(r#"{{"today":{{"messages":[{many}]}}}}"#);
        let found = DayDocument::parse(bytes.as_bytes()).map(|_| ());
        assert_eq!(found, Err(NoDay::TooLarge));
        // A long day can still be read.
        let said: Vec<ArchiveMessage> = (0..20_000).map(|n| message(&n.to_string(), n)).collect();
        let target = ArchiveTarget::Channel("#a".into());
        let mut day = DayDocument::new("s", &target, "1970/01/01".parse().unwrap(), None);
        assert_eq!(day.merge(&said), said.len());
        assert!(DayDocument::parse(&day.to_bytes()).is_ok());
    }

    #[test]
    fn knows_what_is_no_archive() {
        for bad in [
            "",
            "null",
            "[]",
            "{}",
            "{\"today\":{}}",
            "{\"today\":{\"messages\":[1]}}",
            "{\"today\":{\"messages\":[]",
        ] {
            let found = DayDocument::parse(bad.as_bytes()).map(|_| ());
            assert_eq!(found, Err(NoDay::Other), "{bad}");
        }
        let target = ArchiveTarget::Channel("#a".into());
        let new = DayDocument::new("s", &target, "1970/01/01".parse().unwrap(), None);
        assert!(DayDocument::parse(&new.to_bytes()).is_ok());
        let model: DailyArchive = serde_json::from_slice(&new.to_bytes()).unwrap();
        assert_eq!(model.name, "#a");
    }
}
