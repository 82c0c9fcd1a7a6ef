//! Templates of generic hooks: text with placeholders such as `{user.name|upper}`.
//!
//! `{path.to.field}` is replaced by the text, number or boolean there; numbers are list indices (`{items.0.name}`).
//! Filters follow with `|`: `upper`, `lower`, `first_line`, `count` (of a list, an object or a text's characters),
//! `json`, `short:N` (at most N characters), `default:TEXT` (if it is empty). `{{` and `}}` are braces. A line whose
//! placeholders are all empty is left out.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::Value;

use crate::json::{at, scalar};
use crate::text::{MAX_LINES, without_comments};
use crate::work::look;

/// The longest template in bytes.
pub const MAX_TEMPLATE: usize = 2_000;
/// The most placeholders.
const MAX_PLACEHOLDERS: usize = 50;
/// The most filters of one placeholder.
const MAX_FILTERS: usize = 5;
/// The longest replacement for a placeholder, in characters.
const MAX_VALUE: usize = 2_000;
/// How much of a text is read for it: comments, which are not shown, may stand before.
const MAX_READ: usize = 4 * MAX_VALUE;

/// A valid template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    lines: Vec<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Field(String, Vec<Filter>),
}

#[derive(Clone, Debug, PartialEq)]
enum Filter {
    Upper,
    Lower,
    FirstLine,
    Count,
    Json,
    Short(usize),
    Default(String),
}

/// An invalid template; one sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A limit is exceeded.
    #[error("the template has more than {0}")]
    TooMuch(String),
    /// `{` without `}`, or vice versa.
    #[error(
        "the template has a {0} without its counterpart; write {0}{0} for the character itself"
    )]
    Brace(char),
    /// A filter that does not exist.
    #[error(
        "the template has the filter \"{0}\"; there are upper, lower, first_line, count, json, short:N and default:TEXT"
    )]
    Filter(String),
    /// `{}`.
    #[error("the template has a placeholder without a name")]
    Empty,
}

impl FromStr for Template {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        if text.len() > MAX_TEMPLATE {
            return Err(InvalidTemplate::TooMuch(format!("{MAX_TEMPLATE} bytes")));
        }
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        if lines.len() > MAX_LINES {
            return Err(InvalidTemplate::TooMuch(format!("{MAX_LINES} lines")));
        }
        let lines: Vec<_> = lines.into_iter().map(parse).collect::<Result<_, _>>()?;
        let placeholders = lines.iter().flatten();
        let placeholders = placeholders
            .filter(|part| matches!(part, Part::Field(..)))
            .count();
        if placeholders > MAX_PLACEHOLDERS {
            return Err(InvalidTemplate::TooMuch(format!(
                "{MAX_PLACEHOLDERS} placeholders"
            )));
        }
        Ok(Self { lines })
    }
}

fn parse(line: &str) -> Result<Vec<Part>, InvalidTemplate> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '{' | '}' if characters.peek() == Some(&c) => {
                characters.next();
                literal.push(c);
            }
            '}' => return Err(InvalidTemplate::Brace('}')),
            '{' => {
                let mut inside = String::new();
                loop {
                    match characters.next() {
                        Some('}') => break,
                        Some(c) if c != '{' => inside.push(c),
                        _ => return Err(InvalidTemplate::Brace('{')),
                    }
                }
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(field(&inside)?);
            }
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

fn field(inside: &str) -> Result<Part, InvalidTemplate> {
    let mut pieces = inside.split('|');
    let path = pieces.next().unwrap_or_default().trim();
    if path.is_empty() {
        return Err(InvalidTemplate::Empty);
    }
    let filters: Vec<Filter> = pieces.map(filter).collect::<Result<_, _>>()?;
    if filters.len() > MAX_FILTERS {
        return Err(InvalidTemplate::TooMuch(format!(
            "{MAX_FILTERS} filters in a placeholder"
        )));
    }
    Ok(Part::Field(path.to_owned(), filters))
}

fn filter(text: &str) -> Result<Filter, InvalidTemplate> {
    let unknown = || InvalidTemplate::Filter(text.trim().chars().take(40).collect());
    let (name, argument) = text.split_once(':').unwrap_or((text, ""));
    Ok(match name.trim() {
        "upper" => Filter::Upper,
        "lower" => Filter::Lower,
        "first_line" => Filter::FirstLine,
        "count" => Filter::Count,
        "json" => Filter::Json,
        "short" => Filter::Short(argument.trim().parse().map_err(|_| unknown())?),
        "default" => Filter::Default(argument.to_owned()),
        _ => return Err(unknown()),
    })
}

impl Template {
    /// Fills in the fields of a body.
    #[must_use]
    pub fn fill(&self, body: &Value) -> Vec<String> {
        let filled = self.lines.iter().filter_map(|parts| {
            let mut line = String::new();
            let (mut fields, mut found) = (0, 0);
            for part in parts {
                match part {
                    Part::Text(text) => line.push_str(text),
                    Part::Field(path, filters) => {
                        let value = apply(at(body, path), filters);
                        fields += 1;
                        found += usize::from(!value.is_empty());
                        line.push_str(&value);
                    }
                }
            }
            (fields == 0 || found > 0).then_some(line)
        });
        filled.collect()
    }
}

fn apply(value: &Value, filters: &[Filter]) -> String {
    let mut text = short(value);
    for filter in filters {
        look(text.len());
        text = match filter {
            Filter::Upper => text.to_uppercase(),
            Filter::Lower => text.to_lowercase(),
            Filter::FirstLine => text.lines().next().unwrap_or_default().to_owned(),
            Filter::Count => match value {
                Value::Array(list) => list.len().to_string(),
                Value::Object(map) => map.len().to_string(),
                _ => text.chars().count().to_string(),
            },
            Filter::Json if value.is_null() => String::new(),
            Filter::Json => json(value),
            Filter::Short(most) => {
                let short: String = text.chars().take(*most).collect();
                if short.len() < text.len() {
                    format!("{short}…")
                } else {
                    short
                }
            }
            Filter::Default(other) if text.is_empty() => other.clone(),
            Filter::Default(_) => text,
        };
        // Some letters become several in the other case.
        if let Some((end, _)) = text.char_indices().nth(MAX_VALUE) {
            text.truncate(end);
        }
    }
    text
}

/// Returns a text, number or boolean, no longer than a placeholder's limit.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let end = text.char_indices().nth(MAX_READ);
            let begins = end.map_or(text.as_str(), |(end, _)| &text[..end]);
            let shown = without_comments(begins);
            let shown = match &shown {
                Cow::Borrowed(text) => text,
                // What is hidden has lines of its own.
                Cow::Owned(text) => text.trim(),
            };
            shown.chars().take(MAX_VALUE).collect()
        }
        other => scalar(other),
    }
}

/// Formats a value as JSON, up to a placeholder's limit.
fn json(value: &Value) -> String {
    let mut out = Short(Vec::new());
    // The only possible error is that the limit is reached.
    let _full = serde_json::to_writer(&mut out, value);
    look(out.0.len());
    let text = String::from_utf8_lossy(&out.0);
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    text.chars().take(MAX_VALUE).collect()
}

/// Accepts as many bytes as the longest value may have, and no more.
struct Short(Vec<u8>);

impl std::io::Write for Short {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = (4 * MAX_VALUE).saturating_sub(self.0.len());
        let taken = &bytes[..bytes.len().min(room)];
        self.0.extend_from_slice(taken);
        // Accepting none is an error for `write_all`.
        Ok(taken.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_and_filters() {
        let template: Template =
            "{{{user.name|upper}}} did {n} of {list|count}: {text|first_line|short:5}\n\
                                  {none}\n{none|default:nothing} {list.1.a} {list.0|json}"
                .parse()
                .unwrap();
        let body = json!({"user": {"name": "ann"}, "n": 2, "list": [[1], {"a": true}], "text": "abcdefg\nh"});
        assert_eq!(
            template.fill(&body),
            ["{ANN} did 2 of 2: abcde…", "nothing true [1]"]
        );
        assert_eq!(template.fill(&Value::Null).len(), 2);
        // What programs hide in it for each other is none of it.
        let template: Template = "{body|first_line}".parse().unwrap();
        let body = json!({"body": "<!-- bot: 1\n-->\n\nAll <!-- x -->good.\nMore."});
        assert_eq!(template.fill(&body), ["All good."]);
    }

    #[test]
    fn what_comes_out_is_bounded_whatever_goes_in() {
        let template: Template = "{a|json|json|json|json|json}{a|upper|json}"
            .repeat(20)
            .parse()
            .unwrap();
        let body = json!({"a": vec!["ŉ".repeat(3_000); 100]});
        let lines = template.fill(&body);
        assert_eq!(lines[0].chars().count(), 40 * MAX_VALUE);
        let template: Template = "{a|upper|upper}".parse().unwrap();
        let lines = template.fill(&json!({"a": "ŉ".repeat(3_000)}));
        assert_eq!(lines[0].chars().count(), MAX_VALUE);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, error) in [
            ("{a", InvalidTemplate::Brace('{')),
            ("a}", InvalidTemplate::Brace('}')),
            ("{a{b}}", InvalidTemplate::Brace('{')),
            ("{}", InvalidTemplate::Empty),
            ("{a|eval}", InvalidTemplate::Filter("eval".to_owned())),
            ("{a|short:x}", InvalidTemplate::Filter("short:x".to_owned())),
        ] {
            assert_eq!(text.parse::<Template>(), Err(error), "{text}");
        }
        assert!("{a}".repeat(51).parse::<Template>().is_err());
        assert!("a\nb\nc\nd\ne".parse::<Template>().is_err());
        assert!("a".repeat(MAX_TEMPLATE + 1).parse::<Template>().is_err());
    }
}
