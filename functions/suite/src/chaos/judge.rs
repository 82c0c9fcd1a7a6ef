//! Decides whether a history is correct, and if not, which smallest part of it is wrong.

use std::fmt::Write as _;

use super::linear::{Event, Verdict, search};
use super::sequential::{Asked, Op, Said, Sequential};

/// The most states searched for one history: some seconds of work, and a hundred megabytes.
const MOST_STATES: usize = 100_000;
/// The same, for each part of a wrong history that is tried.
const MOST_STATES_OF_PART: usize = 20_000;

/// The verdict.
#[derive(Debug)]
pub(super) enum Judgement {
    /// There is an order that explains everything.
    Explained {
        /// Operations with a response.
        answers: usize,
        /// Writes without one.
        in_doubt: usize,
    },
    /// There is none; this is the smallest part found without one.
    Wrong(String),
    /// The search was too long.
    Undecided,
}

/// Judges a history that started with an empty store.
pub(super) fn judge(mut history: Vec<Event<Op>>) -> Judgement {
    // Reads without a response are meaningless.
    history.retain(|event| !matches!(event.op, (Asked::Read(_) | Asked::List(_), Said::Nothing)));
    match search(&Sequential::default(), &history, MOST_STATES) {
        Verdict::Explained => {
            let answers = history.iter().filter(|event| event.returned.is_some());
            let answers = answers.count();
            Judgement::Explained {
                answers,
                in_doubt: history.len() - answers,
            }
        }
        Verdict::Undecided => Judgement::Undecided,
        Verdict::Unexplained => Judgement::Wrong(text(&smallest(history))),
    }
}

fn is_wrong(history: &[Event<Op>]) -> bool {
    search(&Sequential::default(), history, MOST_STATES_OF_PART) == Verdict::Unexplained
}

/// Removes what does not matter: everything later, then reads and refusals one by one. The rest is wrong in itself: a
/// correct tree could have produced every prefix, and with any reads left out.
fn smallest(mut history: Vec<Event<Op>>) -> Vec<Event<Op>> {
    let mut ends: Vec<u64> = history.iter().filter_map(|event| event.returned).collect();
    ends.sort_unstable();
    let first = ends.partition_point(|end| !is_wrong(&until(&history, *end)));
    if let Some(end) = ends.get(first) {
        history = until(&history, *end);
    }
    let mut at = 0;
    while at < history.len() {
        let mut without = history.clone();
        let event = without.remove(at);
        let changes_nothing = matches!(
            event.op,
            (Asked::Read(_) | Asked::List(_), _) | (_, Said::Refused(_))
        );
        if changes_nothing && is_wrong(&without) {
            history = without;
        } else {
            at += 1;
        }
    }
    history
}

/// The history up to a time.
fn until(history: &[Event<Op>], time: u64) -> Vec<Event<Op>> {
    let begun = history.iter().filter(|event| event.called <= time);
    let known = begun.map(|event| match event.returned {
        Some(returned) if returned <= time => event.clone(),
        _ => Event {
            op: (event.op.0.clone(), Said::Nothing),
            called: event.called,
            returned: None,
        },
    });
    let is_read = |event: &Event<Op>| matches!(event.op.0, Asked::Read(_) | Asked::List(_));
    known
        .filter(|event| event.returned.is_some() || !is_read(event))
        .collect()
}

fn text(history: &[Event<Op>]) -> String {
    let mut history = history.to_vec();
    history.sort_by_key(|event| event.called);
    let mut text = String::from("called, answered, what:\n");
    for event in &history {
        let returned = event
            .returned
            .map_or_else(|| "-".to_owned(), |time| time.to_string());
        let _ = writeln!(text, "{:>5} {returned:>5} {:?}", event.called, event.op);
    }
    text
}

#[cfg(test)]
mod tests {
    use storage_adapter::{Version, WriteCondition};

    use super::*;
    use crate::chaos::sequential::{Refusal, Write};

    fn event(asked: Asked, said: Said, called: u64, returned: u64) -> Event<Op> {
        let returned = (!matches!(said, Said::Nothing)).then_some(returned);
        Event {
            op: (asked, said),
            called,
            returned,
        }
    }

    fn put(bytes: &str, condition: WriteCondition) -> Asked {
        let bytes = Some(bytes.as_bytes().to_vec());
        let path = "/m/a";
        Asked::Write(
            vec![Write {
                path,
                bytes,
                condition,
            }],
            None,
        )
    }

    fn version(text: &str) -> Version {
        Version(text.to_owned())
    }

    fn written(text: &str, created: bool) -> Said {
        Said::Written(vec![(version(text), created)])
    }

    fn found(text: &str, bytes: &str) -> Said {
        Said::Read(Some((version(text), bytes.as_bytes().to_vec())))
    }

    /// Two concurrent writers with the same condition, one of them in doubt, and a reader in between.
    fn right() -> Vec<Event<Op>> {
        let one = WriteCondition::IfMatch(vec![version("1")]);
        let listed = [("a".to_owned(), (version("3"), false))];
        vec![
            event(put("x", WriteCondition::IfAbsent), written("1", true), 0, 1),
            event(Asked::Read("/r"), Said::Read(None), 1, 2),
            event(put("y", one.clone()), Said::Nothing, 2, 0),
            event(put("z", WriteCondition::None), written("3", false), 3, 8),
            event(Asked::Read("/m/a"), found("2", "y"), 4, 5),
            event(
                put("w", one),
                Said::Refused(Refusal::Precondition(Some(version("2")))),
                5,
                6,
            ),
            event(Asked::Read("/m/a"), found("3", "z"), 9, 10),
            event(
                Asked::List("/m/"),
                Said::Listed(version("f"), listed.into()),
                11,
                12,
            ),
        ]
    }

    fn wrong(history: Vec<Event<Op>>) -> Option<String> {
        match judge(history) {
            Judgement::Wrong(smallest) => Some(smallest),
            Judgement::Explained { .. } => None,
            Judgement::Undecided => panic!("this is small"),
        }
    }

    #[test]
    fn what_a_right_tree_says_is_explained() {
        match judge(right()) {
            Judgement::Explained { answers, in_doubt } => assert_eq!((answers, in_doubt), (7, 1)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whatever_is_tampered_with_is_found() {
        type Change = fn(&mut Vec<Event<Op>>);
        let changes: [(&str, Change); 6] = [
            ("a write that was accepted is lost", |history| {
                history[6].op.1 = found("2", "y");
                history.truncate(7);
            }),
            ("another content", |history| {
                history[6].op.1 = found("3", "x")
            }),
            ("another version", |history| {
                history[6].op.1 = found("4", "z")
            }),
            ("both writers win", |history| {
                history[5].op.1 = written("4", false);
            }),
            ("created twice", |history| {
                history[3].op.1 = written("3", true)
            }),
            ("a listing that lags behind", |history| {
                let old = [("a".to_owned(), (version("1"), false))];
                history[7].op.1 = Said::Listed(version("f"), old.into());
            }),
        ];
        for (what, change) in changes {
            let mut history = right();
            change(&mut history);
            let smallest = wrong(history).unwrap_or_else(|| panic!("not found: {what}"));
            assert!(!smallest.contains("/r"), "{what}: {smallest}");
        }
    }

    #[test]
    fn only_what_matters_is_shown() {
        let mut history = right();
        // Read before it was written.
        history[1] = event(Asked::Read("/m/a"), found("9", "q"), 1, 2);
        let smallest = wrong(history).unwrap();
        assert_eq!(smallest.lines().count(), 1 + 3, "{smallest}");
    }
}
