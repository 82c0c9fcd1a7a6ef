//! Which events a hook announces, and of which branches.

use protocol::Glob;
use serde::{Deserialize, Serialize};

use crate::Event;
use crate::work::look;

/// The most patterns of one kind.
pub const MAX_PATTERNS: usize = 50;
/// The longest pattern in bytes.
const MAX_PATTERN: usize = 100;

/// Patterns of events (`push`, `issues.*`, `-star`) and of branches (`main`, `release/*`, `-wip/*`).
///
/// `*` stands for any characters, `?` for one; a `-` before a pattern excludes. Without an including pattern,
/// everything that is announced by default is included; other events (labels, successful builds) are announced if a
/// pattern includes them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Patterns of events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Patterns of branches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
}

/// An invalid filter; one sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidFilter {
    /// Too many patterns.
    #[error("{0} has more than {MAX_PATTERNS} patterns")]
    TooMany(&'static str),
    /// Not a valid pattern.
    #[error(
        "{0} has the pattern \"{1}\", which is not valid: expected 1 to {MAX_PATTERN} characters without spaces"
    )]
    Pattern(&'static str, String),
}

impl Filter {
    /// Checks the limits.
    ///
    /// # Errors
    /// Which list is too long, or which pattern is invalid.
    pub fn check(&self) -> Result<(), InvalidFilter> {
        for (name, list) in [("events", &self.events), ("branches", &self.branches)] {
            if list.len() > MAX_PATTERNS {
                return Err(InvalidFilter::TooMany(name));
            }
            let bad = list.iter().find(|pattern| {
                pattern.trim_start_matches('-').is_empty()
                    || pattern.len() > MAX_PATTERN
                    || pattern.contains(|c: char| c.is_whitespace() || c.is_control())
            });
            if let Some(bad) = bad {
                let shown = bad.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(InvalidFilter::Pattern(name, shown));
            }
        }
        Ok(())
    }

    /// Returns why an event is not announced, if it is not.
    #[must_use]
    pub fn reason(&self, event: &Event) -> Option<String> {
        if event.lines.is_empty() {
            let reason = event
                .quiet
                .as_deref()
                .unwrap_or("there is nothing to announce");
            return Some(reason.to_owned());
        }
        match verdict(&self.events, |pattern| is_kind(pattern, &event.kind)) {
            Verdict::Excluded => return Some("the hook's filter excludes this event".to_owned()),
            Verdict::Missing => {
                return Some("the hook's filter does not name this event".to_owned());
            }
            Verdict::Included => {}
            Verdict::Unsaid => {
                if let Some(reason) = &event.quiet {
                    return Some(reason.clone().into_owned());
                }
            }
        }
        let branch = event.branch.as_deref()?;
        match verdict(&self.branches, |pattern| matches(pattern, branch)) {
            Verdict::Excluded | Verdict::Missing => {
                Some(format!("the hook's filter leaves out the branch {branch}"))
            }
            _ => None,
        }
    }
}

enum Verdict {
    Excluded,
    Missing,
    Included,
    /// There are no including patterns.
    Unsaid,
}

fn verdict(patterns: &[String], fits: impl Fn(&str) -> bool) -> Verdict {
    let (excluding, including): (Vec<&String>, Vec<&String>) = patterns
        .iter()
        .partition(|pattern| pattern.starts_with('-'));
    if excluding.iter().any(|pattern| fits(&pattern[1..])) {
        Verdict::Excluded
    } else if including.is_empty() {
        Verdict::Unsaid
    } else if including.iter().any(|pattern| fits(pattern)) {
        Verdict::Included
    } else {
        Verdict::Missing
    }
}

/// `issues` matches `issues` and `issues.opened`.
fn is_kind(pattern: &str, kind: &str) -> bool {
    matches(pattern, kind)
        || (!pattern.contains('.')
            && kind
                .split_once('.')
                .is_some_and(|(event, _)| matches(pattern, event)))
}

fn matches(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).matches_counting(text, look)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(events: &[&str], branches: &[&str]) -> Filter {
        let owned = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect();
        Filter {
            events: owned(events),
            branches: owned(branches),
        }
    }

    #[test]
    fn events_and_branches() {
        let event = Event::new("issues.labeled", "x".to_owned()).quiet("many");
        assert_eq!(Filter::default().reason(&event).as_deref(), Some("many"));
        assert_eq!(filter(&["issues"], &[]).reason(&event), None);
        assert_eq!(filter(&["*"], &[]).reason(&event), None);
        assert!(
            filter(&["issues", "-*.labeled"], &[])
                .reason(&event)
                .is_some()
        );
        let push = Event::new("push", "x".to_owned()).on("wip/a");
        assert_eq!(Filter::default().reason(&push), None);
        assert!(filter(&["issues"], &[]).reason(&push).is_some());
        assert!(filter(&[], &["main", "release/*"]).reason(&push).is_some());
        assert!(filter(&[], &["-wip/*"]).reason(&push).is_some());
        assert_eq!(filter(&[], &["wip/?"]).reason(&push), None);
        assert!(filter(&["a b"], &[]).check().is_err());
        assert!(filter(&[], &["-"]).check().is_err());
    }
}
