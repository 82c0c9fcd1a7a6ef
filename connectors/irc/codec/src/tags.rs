//! Message tags, <https://ircv3.net/specs/extensions/message-tags>.

use std::collections::HashMap;
use std::fmt;

use crate::work;

/// A message's tags in wire order; of a repeated key the last value counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// Parses the text between `@` and the space.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut tags: Vec<(String, String)> = Vec::new();
        // The position of each key: searching all previous ones would take quadratic time.
        let mut places: HashMap<&str, usize> = HashMap::new();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            if key.is_empty() {
                continue;
            }
            work::look(1);
            let value = unescape(value);
            match places.get(key).and_then(|&place| tags.get_mut(place)) {
                Some(tag) => tag.1 = value,
                None => {
                    places.insert(key, tags.len());
                    tags.push((key.to_owned(), value));
                }
            }
        }
        Self(tags)
    }

    /// Returns a tag's value; a tag without a value has the empty one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Sets a tag, keeping its position if it exists already.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let (key, value) = (key.into(), value.into());
        work::look(self.0.len());
        match self.0.iter_mut().find(|(name, _)| *name == key) {
            Some(tag) => tag.1 = value,
            None => self.0.push((key, value)),
        }
    }

    /// Keeps the tags whose key satisfies the predicate.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(key, _)| keep(key));
    }

    /// Returns keys and values in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns whether there are no tags.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(";")?;
            }
            f.write_str(&key.replace([' ', ';', '=', '\0', '\r', '\n'], ""))?;
            if !value.is_empty() {
                write!(f, "={}", escape(value))?;
            }
        }
        Ok(())
    }
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            ';' => out.push_str("\\:"),
            ' ' => out.push_str("\\s"),
            '\\' => out.push_str("\\\\"),
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            // Cannot be represented.
            '\0' => {}
            c => out.push(c),
        }
    }
    out
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(':') => out.push(';'),
            Some('s') => out.push(' '),
            Some('r') => out.push('\r'),
            Some('n') => out.push('\n'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_tags_cost_twice_the_work() {
        let work = |count: usize| {
            let text: String = (0..count).map(|n| format!("k{n}=v;k{n};")).collect();
            work::steps_of(|| assert_eq!(Tags::parse(&text).iter().count(), count)).0
        };
        assert!(work(2000) <= 2 * work(1000) + 100);
    }

    #[test]
    fn the_last_of_equal_keys_counts_in_the_place_of_the_first() {
        let tags = Tags::parse("a=1;b=2;a=3;=x;;c");
        assert_eq!(tags.to_string(), "a=3;b=2;c");
    }
}
