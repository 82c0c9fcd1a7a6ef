//! Which events a hook announces, and of which branches.

use protocol::{Glob, HookFilter};

use crate::Event;
use crate::work::look;

/// The most patterns of one kind.
pub const MAX_PATTERNS: usize = 50;
/// The longest pattern in bytes.
const MAX_PATTERN: usize = 100;

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

/// Checks the bounds.
///
/// # Errors
/// Which list is too long or which pattern cannot be one.
pub fn check(filter: &HookFilter) -> Result<(), InvalidFilter> {
    for (name, list) in [("events", &filter.events), ("branches", &filter.branches)] {
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

/// Returns why an event is not said, if it is not.
#[must_use]
pub fn reason(filter: &HookFilter, event: &Event) -> Option<String> {
    if event.lines.is_empty() {
        let reason = event.quiet.as_deref().unwrap_or("there is nothing to say");
        return Some(reason.to_owned());
    }
    match verdict(&filter.events, |pattern| is_kind(pattern, &event.kind)) {
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
    match verdict(&filter.branches, |pattern| matches(pattern, branch)) {
        Verdict::Excluded | Verdict::Missing => {
            Some(format!("the hook's filter leaves out the branch {branch}"))
        }
        _ => None,
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

    fn filter(events: &[&str], branches: &[&str]) -> HookFilter {
        let owned = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect();
        HookFilter {
            events: owned(events),
            branches: owned(branches),
        }
    }

    #[test]
    fn events_and_branches() {
        let event = Event::new("issues.labeled", "x".to_owned()).quiet("many");
        let of =
            |events: &[&str], branches: &[&str], event| reason(&filter(events, branches), event);
        assert_eq!(of(&[], &[], &event).as_deref(), Some("many"));
        assert_eq!(of(&["issues"], &[], &event), None);
        assert_eq!(of(&["*"], &[], &event), None);
        assert!(of(&["issues", "-*.labeled"], &[], &event).is_some());
        let push = Event::new("push", "x".to_owned()).on("wip/a");
        assert_eq!(of(&[], &[], &push), None);
        assert!(of(&["issues"], &[], &push).is_some());
        assert!(of(&[], &["main", "release/*"], &push).is_some());
        assert!(of(&[], &["-wip/*"], &push).is_some());
        assert_eq!(of(&[], &["wip/?"], &push), None);
        assert!(check(&filter(&["a b"], &[])).is_err());
        assert!(check(&filter(&[], &["-"])).is_err());
    }
}
