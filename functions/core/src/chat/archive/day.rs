//! One day's document being edited: everything in it that we did not write is preserved.

use std::collections::HashSet;

use hooks::Unreadable;
use protocol::{ArchiveMessage, ArchiveTarget, DailyArchive, Day, MessageType, Timestamp};
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
        let mut deleted: HashSet<String> = messages.iter().filter_map(deleted_by).collect();
        let deletions = new.iter().filter(|m| m.kind == MessageType::Deletion);
        deleted.extend(deletions.filter_map(|message| message.about.clone()));
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
            if !deleted.is_empty() {
                empty(messages, &deleted);
            }
            messages.sort_by_cached_key(|message| {
                look(1);
                time_of(message)
            });
        }
        messages.len() - before
    }

    /// Empties the entries with these ids, and what says them again; returns whether that changed anything, and takes the
    /// ids out that were found.
    pub(crate) fn withdraw(&mut self, ids: &mut HashSet<String>) -> bool {
        let messages = self.today().and_then(|today| today.get_mut("messages"));
        let Some(messages) = messages.and_then(Value::as_array_mut) else {
            return false;
        };
        look(messages.len());
        let changed = empty(messages, ids);
        for id in messages
            .iter()
            .filter_map(|message| message.get("id")?.as_str())
        {
            ids.remove(id);
        }
        changed
    }

    /// The day before that has messages.
    pub(crate) fn previous(&self) -> Option<Day> {
        let previous = self.root.get("today")?.get("previous")?;
        previous.as_str()?.parse().ok()
    }

    /// Sets the day before or after; returns whether that changed anything.
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

/// The id of the message that an entry says was deleted.
fn deleted_by(entry: &Value) -> Option<String> {
    let is_deletion = entry.get("type")?.as_str()? == MessageType::Deletion.name();
    let about = is_deletion.then(|| entry.get("ref")?.as_str());
    about.flatten().map(str::to_owned)
}

/// Takes the text of messages that were deleted, and of what says them again: edits of them, and quotes in reactions to them.
/// Returns whether there was any.
fn empty(messages: &mut [Value], deleted: &HashSet<String>) -> bool {
    let mut changed = false;
    for entry in messages.iter_mut().filter_map(Value::as_object_mut) {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let names = |key: &str| text(key).is_some_and(|id| deleted.contains(id));
        let kind = text("type").unwrap_or_default();
        let left = if names("id") {
            String::new()
        } else if names("ref") && kind == MessageType::Reaction.name() {
            format!("reacted with {}", text("emoji").unwrap_or("something"))
        } else if names("ref") && kind != MessageType::Deletion.name() {
            String::new()
        } else {
            continue;
        };
        if text("text") != Some(&left) {
            entry.insert("text".to_owned(), left.into());
            changed = true;
        }
        changed |= entry.remove("attachments").is_some();
    }
    changed
}

/// Both sets of keys are read: ours, and `date` of the schema.
fn time_of(message: &Value) -> i64 {
    let timestamp = message.get("timestamp").and_then(Value::as_i64);
    let date = || message.get("date")?.as_str()?.parse::<Timestamp>().ok();
    timestamp
        .or_else(|| date().map(Timestamp::millis))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, timestamp: i64) -> ArchiveMessage {
        ArchiveMessage {
            id: Some(id.into()),
            timestamp,
            from: "a".into(),
            text: "x".into(),
            ..ArchiveMessage::default()
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
    fn an_entry_of_a_type_that_nobody_knows_outlives_a_rewrite() {
        let poll = serde_json::json!({"id": "p", "timestamp": 3, "from": "x", "text": "which?", "type": "poll",
            "options": ["a", {"b": [1.5, null]}]});
        let foreign = serde_json::json!({"today": {"messages": [poll, {"type": 7, "ref": {}}]}});
        let mut day = DayDocument::parse(foreign.to_string().as_bytes()).unwrap();
        // One that came in an event.
        let other = serde_json::json!({"id": "q", "timestamp": 4, "from": "x", "text": "y", "type": "dice", "eyes": 6});
        let new: ArchiveMessage = serde_json::from_value(other.clone()).unwrap();
        assert_eq!(day.merge(&[message("a", 1), new]), 2);
        let value: Value = serde_json::from_slice(&day.to_bytes()).unwrap();
        let messages = &value["today"]["messages"];
        assert_eq!((&messages[2], &messages[3]), (&poll, &other));
        assert_eq!(messages[0], serde_json::json!({"type": 7, "ref": {}}));
    }

    #[test]
    fn a_deletion_empties_what_it_is_about_and_what_says_that_again() {
        let entry = |id: &str, kind, about: Option<&str>, text: &str| ArchiveMessage {
            about: about.map(str::to_owned),
            kind,
            text: text.into(),
            emoji: about.map(|_| "👍".to_owned()),
            ..message(id, 1)
        };
        let target = ArchiveTarget::Channel("#a".into());
        let new = || DayDocument::new("s", &target, "1970/01/01".parse().unwrap(), None);
        let texts = |day: &DayDocument| {
            let read: DailyArchive = serde_json::from_slice(&day.to_bytes()).unwrap();
            let texts = read.today.messages.into_iter();
            texts.map(|m| (m.id.unwrap(), m.text)).collect::<Vec<_>>()
        };
        let pair = |id: &str, text: &str| (id.to_owned(), text.to_owned());
        let secret = || entry("m", MessageType::Text, None, "the secret");
        let others = [
            entry("n", MessageType::Text, None, "fine"),
            entry(
                "r",
                MessageType::Reaction,
                Some("m"),
                "reacted with 👍 to “the secret”",
            ),
            entry("e", MessageType::Edit, Some("m"), "the secret, corrected"),
        ];
        let deletion = || entry("d", MessageType::Deletion, Some("m"), "deleted a message");
        let expected = [
            pair("m", ""),
            pair("n", "fine"),
            pair("r", "reacted with 👍"),
            pair("e", ""),
            pair("d", "deleted a message"),
        ];
        let mut day = new();
        day.merge(&[secret()]);
        day.merge(&others);
        assert_eq!(day.merge(&[deletion()]), 1);
        assert_eq!(texts(&day), expected);
        assert!(!String::from_utf8_lossy(&day.to_bytes()).contains("secret"));
        // A history may say it again, and it may come after its deletion.
        assert_eq!(day.merge(&[secret()]), 0);
        let mut late = new();
        late.merge(&[deletion()]);
        assert_eq!(late.merge(&[secret()]), 1);
        assert_eq!(texts(&late)[1], pair("m", ""));

        // In another day's document.
        let mut before = new();
        before.merge(&[secret()]);
        before.merge(&others);
        let mut ids = HashSet::from(["m".to_owned(), "elsewhere".to_owned()]);
        assert!(before.withdraw(&mut ids));
        assert_eq!(ids, HashSet::from(["elsewhere".to_owned()]));
        assert_eq!(texts(&before), &expected[..4]);
        assert!(!before.withdraw(&mut HashSet::from(["m".to_owned()])));
    }

    #[test]
    fn twice_the_day_is_twice_the_work() {
        for unit in [
            "{},",
            r#"{"id":"a"},"#,
            r#"{"date":"1970-01-01T00:00:00.005Z"},"#,
            r#"{"timestamp":1},"#,
            r#"{"type":"deletion","ref":"a"},"#,
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
