//! What an invitation says (iMIP, RFC 6047; iCalendar, RFC 5545), as one line.

mod time;

use super::charset;
use super::line;
use super::transfer;
use super::tree::{Kind, Tree};
use super::work::look;
use time::When;

/// Most bytes of an invitation that are looked at, once decoded: it may list hundreds of people before it says what it is.
const MAX_CALENDAR: usize = 256 * 1024;
/// Longest content line that is looked at, unfolded, in bytes.
const MAX_CONTENT: usize = 4_000;
/// Longest summary, place and name of a person, in characters: all of it fits into a line of a channel.
const MAX_SUMMARY: usize = 100;
const MAX_PLACE: usize = 80;
const MAX_PERSON: usize = 60;

/// An event as its calendar has it.
#[derive(Debug, Default)]
struct Event {
    summary: String,
    place: String,
    start: Option<When>,
    end: Option<When>,
    duration: Option<i64>,
    repeats: &'static str,
    once: bool,
    changed: bool,
    cancelled: bool,
    /// Who answered, and what.
    answer: Option<(String, &'static str)>,
}

/// What the first invitation in a mail says, if there is one.
pub(super) fn invitation(tree: &Tree<'_>) -> Option<String> {
    let part = tree.parts.iter().find(|part| {
        part.kind == Kind::Leaf
            && matches!(
                part.content.value.as_str(),
                "text/calendar" | "application/ics"
            )
            && tree.is_outside(part)
    })?;
    let raw = tree.body(part);
    // base64 is four bytes for three, quoted-printable up to three for one.
    let raw = raw.get(..3 * MAX_CALENDAR).unwrap_or(raw);
    let decoded = transfer::decode(raw, &part.encoding);
    let bytes = decoded.get(..MAX_CALENDAR).unwrap_or(&decoded);
    let text = charset::decode(bytes, part.content.get("charset"));
    say(&text, part.content.get("method").unwrap_or_default())
}

/// Says what a calendar object is about; its own method counts more than that of its part.
fn say(text: &str, method: &str) -> Option<String> {
    let mut method = method.to_ascii_uppercase();
    let mut event: Option<Event> = None;
    // The components that are open, of which an event's own are no part of what it says.
    let mut depth = 0_usize;
    let mut of_event = 0;
    for content in unfolded(text) {
        let Some(property) = Property::read(&content) else {
            continue;
        };
        match (property.name.as_str(), &mut event) {
            ("BEGIN", None) if property.value.eq_ignore_ascii_case("VEVENT") => {
                depth += 1;
                of_event = depth;
                event = Some(Event::default());
            }
            ("BEGIN", _) => depth += 1,
            // Others are changes of single dates.
            ("END", Some(_)) if depth == of_event => break,
            ("END", _) => depth = depth.saturating_sub(1),
            ("METHOD", None) if depth <= 1 => method = property.value.to_ascii_uppercase(),
            (_, Some(event)) if depth == of_event => event.learn(&property),
            _ => {}
        }
    }
    event?.say(&method)
}

/// The content lines of a calendar, put together where they were folded (RFC 5545 section 3.1).
fn unfolded(text: &str) -> impl Iterator<Item = String> {
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        let mut content = lines.next()?.to_owned();
        look(content.len() + 1);
        while let Some(more) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            look(more.len() + 1);
            if content.len() < MAX_CONTENT {
                content.push_str(more.get(1..).unwrap_or_default());
            }
        }
        content.truncate(content.floor_char_boundary(MAX_CONTENT));
        Some(content)
    })
}

/// A property, `NAME;PARAMETER=…:value`.
struct Property<'a> {
    name: String,
    parameters: &'a str,
    value: &'a str,
}

impl<'a> Property<'a> {
    fn read(content: &'a str) -> Option<Self> {
        let (head, value) = split_unquoted(content, ':')?;
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        Some(Self {
            name: name.trim().to_ascii_uppercase(),
            parameters,
            value: value.trim(),
        })
    }

    fn parameter(&self, wanted: &str) -> Option<&'a str> {
        let mut rest = self.parameters;
        while !rest.is_empty() {
            let (parameter, after) = split_unquoted(rest, ';').unwrap_or((rest, ""));
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name.eq_ignore_ascii_case(wanted) {
                return Some(value.trim_matches('"'));
            }
            rest = after;
        }
        None
    }

    /// The value as text (section 3.3.11).
    fn text(&self, most: usize) -> String {
        let mut out = String::new();
        let mut characters = self.value.chars();
        while let Some(c) = characters.next() {
            match c {
                '\\' => match characters.next() {
                    Some('n' | 'N') | None => out.push(' '),
                    Some(c) => out.push(c),
                },
                c => out.push(c),
            }
        }
        line(&out, most)
    }
}

/// Splits at the first sign that is not in quotes.
fn split_unquoted(text: &str, sign: char) -> Option<(&str, &str)> {
    let mut quoted = false;
    let at = text.find(|c: char| {
        quoted ^= c == '"';
        c == sign && !quoted
    })?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

impl Event {
    fn learn(&mut self, property: &Property<'_>) {
        let value = property.value;
        match property.name.as_str() {
            "SUMMARY" => self.summary = property.text(MAX_SUMMARY),
            "LOCATION" => self.place = property.text(MAX_PLACE),
            "DTSTART" => self.start = When::read(value, property.parameter("TZID")),
            "DTEND" => self.end = When::read(value, property.parameter("TZID")),
            "DURATION" => self.duration = time::duration(value),
            "RECURRENCE-ID" => self.once = true,
            "SEQUENCE" => self.changed = value.parse::<u32>().is_ok_and(|number| number > 0),
            "STATUS" => self.cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            "RRULE" => {
                let mut parts = value.split(';').filter_map(|part| part.split_once('='));
                let often = parts.find(|(name, _)| name.eq_ignore_ascii_case("FREQ"));
                self.repeats = match often
                    .map(|(_, value)| value.to_ascii_uppercase())
                    .as_deref()
                {
                    Some("DAILY") => "daily",
                    Some("WEEKLY") => "weekly",
                    Some("MONTHLY") => "monthly",
                    Some("YEARLY") => "yearly",
                    _ => "repeatedly",
                };
            }
            // Of an answer it is who answers; of others there may be hundreds.
            "ATTENDEE" if self.answer.is_none() => {
                let name = property.parameter("CN").unwrap_or_default();
                let address = value.split_once(':').map_or(value, |(_, address)| address);
                let name = if name.trim().is_empty() {
                    address
                } else {
                    name
                };
                let did = match property
                    .parameter("PARTSTAT")
                    .unwrap_or_default()
                    .to_ascii_uppercase()
                    .as_str()
                {
                    "ACCEPTED" => "accepted",
                    "DECLINED" => "declined",
                    "TENTATIVE" => "may come to",
                    "DELEGATED" => "delegated",
                    _ => "answered",
                };
                self.answer = Some((line(name, MAX_PERSON), did));
            }
            _ => {}
        }
    }

    /// None if it is no invitation: a calendar that is only attached says no method.
    fn say(self, method: &str) -> Option<String> {
        let what = match method {
            "REQUEST" if self.cancelled => "Cancelled".to_owned(),
            "REQUEST" if self.changed => "Changed invitation".to_owned(),
            "REQUEST" | "ADD" => "Invitation".to_owned(),
            "CANCEL" => "Cancelled".to_owned(),
            "PUBLISH" => "Event".to_owned(),
            "COUNTER" => "Another time was proposed".to_owned(),
            "DECLINECOUNTER" => "The proposed time was declined".to_owned(),
            "REPLY" => match &self.answer {
                Some((name, did)) => format!("{name} {did}"),
                None => "Answer".to_owned(),
            },
            _ => return None,
        };
        let summary = match self.summary.as_str() {
            "" => "(no title)",
            summary => summary,
        };
        let mut parts = vec![format!("{what}: {summary}")];
        if let Some(start) = &self.start {
            let end = match self.duration {
                Some(minutes) if self.end.is_none() => start.later(minutes),
                _ => self.end,
            };
            parts.push(start.until(end.as_ref()));
        }
        // A change of one date says so by what it is about.
        if !self.once && !self.repeats.is_empty() {
            parts.push(self.repeats.to_owned());
        }
        if !self.place.is_empty() {
            parts.push(self.place);
        }
        Some(parts.join(", "))
    }
}

#[cfg(test)]
mod tests;
