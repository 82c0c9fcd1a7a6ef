//! What `CHATHISTORY` asks for, and which messages that is.

use irc_codec::Message;
use protocol::{Activity, Timestamp};

/// The most messages of one answer.
pub(super) const MAX_MESSAGES: usize = 500;

/// A point in a conversation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Point {
    Time(Timestamp),
    Id(String),
}

impl Point {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('=')? {
            ("timestamp", time) => time.parse().ok().map(Self::Time),
            ("msgid", id) if !id.is_empty() => Some(Self::Id(id.to_owned())),
            _ => None,
        }
    }
}

/// A part of a conversation's messages, or the conversations of a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Range {
    Latest(Option<Point>),
    Before(Point),
    After(Point),
    Around(Point),
    Between(Point, Point),
    Targets(Timestamp, Timestamp),
}

/// A question about the history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Query {
    pub(super) target: String,
    pub(super) range: Range,
    pub(super) limit: usize,
}

impl Query {
    /// Parses the parameters; the error is a code of `FAIL`.
    pub(super) fn parse(message: &Message) -> Result<Self, &'static str> {
        let point = |index: usize| Point::parse(message.param(index)).ok_or("INVALID_PARAMS");
        let time = |index: usize| match point(index)? {
            Point::Time(time) => Ok(time),
            Point::Id(_) => Err("INVALID_PARAMS"),
        };
        let (range, last) = match message.param(0).to_ascii_uppercase().as_str() {
            "LATEST" if message.param(2) == "*" => (Range::Latest(None), 3),
            "LATEST" => (Range::Latest(Some(point(2)?)), 3),
            "BEFORE" => (Range::Before(point(2)?), 3),
            "AFTER" => (Range::After(point(2)?), 3),
            "AROUND" => (Range::Around(point(2)?), 3),
            "BETWEEN" => (Range::Between(point(2)?, point(3)?), 4),
            "TARGETS" => (Range::Targets(time(1)?, time(2)?), 3),
            _ => return Err("INVALID_PARAMS"),
        };
        let limit: usize = message.param(last).parse().map_err(|_| "INVALID_PARAMS")?;
        let target = match range {
            Range::Targets(..) => "*",
            _ => message.param(1),
        };
        Ok(Self {
            target: target.to_owned(),
            range,
            limit: limit.min(MAX_MESSAGES),
        })
    }

    /// Chooses from all messages of the conversation, in order of time.
    pub(super) fn choose<'a>(&self, all: &'a [Activity]) -> &'a [Activity] {
        // The messages before a point, and those up to and including it.
        let around = |point: &Point| match point {
            Point::Time(time) => (
                all.partition_point(|one| at(one) < *time),
                all.partition_point(|one| at(one) <= *time),
            ),
            Point::Id(id) => {
                let found = all.iter().position(|one| one.id.as_ref() == Some(id));
                // Nothing comes before, or after, a message that is not there.
                found.map_or((0, all.len()), |index| (index, index + 1))
            }
        };
        let (begin, end) = match &self.range {
            Range::Latest(None) => (all.len().saturating_sub(self.limit), all.len()),
            Range::Latest(Some(point)) => {
                let begin = around(point).1;
                (begin.max(all.len().saturating_sub(self.limit)), all.len())
            }
            Range::Before(point) => {
                let end = around(point).0;
                (end.saturating_sub(self.limit), end)
            }
            Range::After(point) => {
                let begin = around(point).1;
                (begin, begin.saturating_add(self.limit))
            }
            Range::Around(point) => {
                let begin = around(point).0.saturating_sub(self.limit / 2);
                (begin, begin.saturating_add(self.limit))
            }
            Range::Between(from, to) => {
                let (one, other) = (around(from), around(to));
                if one.0 <= other.0 {
                    (one.1, other.0.min(one.1.saturating_add(self.limit)))
                } else {
                    (other.1.max(one.0.saturating_sub(self.limit)), one.0)
                }
            }
            Range::Targets(..) => (0, 0),
        };
        let end = end.min(all.len());
        all.get(begin.min(end)..end).unwrap_or_default()
    }
}

/// When a message was published.
pub(super) fn at(activity: &Activity) -> Timestamp {
    let at = activity.published.as_deref();
    at.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use protocol::{ActivityObject, Entity};

    use super::*;

    fn all() -> Vec<Activity> {
        let one = |n: i64| {
            let mut activity = Activity::new("irc", "send", Entity::person("bob", "h"));
            activity.id = Some(format!("m{n}"));
            activity.published = Some(Timestamp::from_millis(n * 1_000).to_string());
            activity.target = Some(Entity::room("#c", "h"));
            activity.object = Some(ActivityObject::message("hi"));
            activity
        };
        (1..=5).map(one).collect()
    }

    fn chosen(line: &str) -> Result<String, &'static str> {
        let message = Message::parse(line).unwrap();
        let query = Query::parse(&message)?;
        let all = all();
        let ids = query.choose(&all).iter().map(|one| one.id.clone().unwrap());
        Ok(ids.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_range_is_what_its_name_says() {
        let time = |n: i64| format!("timestamp={}", Timestamp::from_millis(n * 1_000));
        for (line, expected) in [
            ("LATEST #c * 2".to_owned(), "m4 m5"),
            ("LATEST #c msgid=m3 10".to_owned(), "m4 m5"),
            (format!("BEFORE #c {} 2", time(4)), "m2 m3"),
            (format!("AFTER #c {} 2", time(2)), "m3 m4"),
            ("AROUND #c msgid=m3 3".to_owned(), "m2 m3 m4"),
            ("BETWEEN #c msgid=m1 msgid=m5 2".to_owned(), "m2 m3"),
            ("BETWEEN #c msgid=m5 msgid=m1 2".to_owned(), "m3 m4"),
            ("BEFORE #c msgid=other 5".to_owned(), ""),
            ("AFTER #c msgid=other 5".to_owned(), ""),
            ("BETWEEN #c msgid=m5 msgid=m5 5".to_owned(), ""),
            (format!("LATEST #c * {}", usize::MAX), "m1 m2 m3 m4 m5"),
        ] {
            let got = chosen(&format!("CHATHISTORY {line}"));
            assert_eq!(got.as_deref(), Ok(expected), "{line}");
        }
        for wrong in [
            "",
            "LATEST",
            "LATEST #c",
            "LATEST #c *",
            "LATEST #c * x",
            "BEFORE #c * 5",
            "BETWEEN #c msgid=a 5",
            "TARGETS msgid=a msgid=b 5",
            "NEXT #c * 5",
        ] {
            let got = chosen(&format!("CHATHISTORY {wrong}"));
            assert_eq!(got, Err("INVALID_PARAMS"), "{wrong}");
        }
    }
}
