//! Decides whether there is an order of these operations in which a simple, sequential tree would have given the same
//! results.
//!
//! The search of Wing and Gong with Lowe's memory of visited states. An operation has a time of call and one of return;
//! in the order, nothing comes before an operation that had returned before it was called. Operations without a result
//! (the store was unavailable, or the process died) may have happened at any time since their call, or never.

use std::collections::{BTreeMap, HashSet};

/// The times of call and return (`None`: never), and the operation for the model.
#[derive(Clone, Debug)]
pub struct Event<O> {
    pub op: O,
    pub called: u64,
    pub returned: Option<u64>,
}

/// A sequential specification.
pub trait Model: Clone + Eq + std::hash::Hash {
    type Op: std::fmt::Debug;
    /// The state afterwards, if the recorded result is permitted.
    fn step(&self, op: &Self::Op) -> Option<Self>;
}

/// The result of a search.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// There is such an order.
    Explained,
    /// There is none.
    Unexplained,
    /// The search was given up.
    Undecided,
}

/// Returns whether there is an order. At most 128 operations.
pub fn is_linearizable<M: Model>(start: &M, events: &[Event<M::Op>]) -> bool {
    search(start, events, usize::MAX) == Verdict::Explained
}

/// Searches for an order, through at most this many states. At most 128 operations.
pub fn search<M: Model>(start: &M, events: &[Event<M::Op>], most: usize) -> Verdict {
    assert!(events.len() <= 128, "histories are short");
    let mut seen = HashSet::new();
    let must: u128 = bits(
        events
            .iter()
            .enumerate()
            .filter(|(_, e)| e.returned.is_some())
            .map(|(n, _)| n),
    );
    let mut stack = vec![(0_u128, start.clone())];
    while let Some((done, state)) = stack.pop() {
        if done & must == must {
            return Verdict::Explained;
        }
        if !seen.insert((done, state.clone())) {
            continue;
        }
        if seen.len() > most {
            return Verdict::Undecided;
        }
        // The next operation must have been called before the first of the rest returned.
        let open = || {
            events
                .iter()
                .enumerate()
                .filter(move |(n, _)| done & (1 << n) == 0)
        };
        let first = open()
            .filter_map(|(_, event)| event.returned)
            .min()
            .unwrap_or(u64::MAX);
        let mut candidates: Vec<_> = open().filter(|(_, event)| event.called <= first).collect();
        // The last one pushed is tried first: the one that returned early. Operations in doubt are a last resort.
        candidates.sort_by_key(|(_, event)| std::cmp::Reverse(event.returned.unwrap_or(u64::MAX)));
        for (n, event) in candidates {
            if let Some(next) = state.step(&event.op) {
                // An operation that need not have happened, and changes nothing, opens no other path.
                if event.returned.is_some() || next != state {
                    stack.push((done | 1 << n, next));
                }
            }
        }
    }
    Verdict::Unexplained
}

fn bits(numbers: impl Iterator<Item = usize>) -> u128 {
    numbers.fold(0, |bits, n| bits | 1 << n)
}

/// What the tests compare of a document: its version and its bytes.
pub type Documents = BTreeMap<String, (String, Vec<u8>)>;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Register(u8);

impl Model for Register {
    type Op = (bool, u8);
    fn step(&self, (write, value): &(bool, u8)) -> Option<Self> {
        match write {
            true => Some(Self(*value)),
            false => (self.0 == *value).then(|| self.clone()),
        }
    }
}

/// The checker itself can fail.
#[test]
fn the_checker_knows_good_from_bad() {
    let event = |write, value, called, returned| Event {
        op: (write, value),
        called,
        returned,
    };
    let start = Register(0);
    let good = [
        event(true, 1, 0, Some(10)),
        event(false, 0, 1, Some(2)),
        event(false, 1, 3, Some(4)),
    ];
    assert!(is_linearizable(&start, &good));
    let went_back = [
        event(true, 1, 0, Some(10)),
        event(false, 1, 1, Some(2)),
        event(false, 0, 3, Some(4)),
    ];
    assert!(!is_linearizable(&start, &went_back));
    let lost = [event(true, 1, 0, Some(1)), event(false, 0, 2, Some(3))];
    assert!(!is_linearizable(&start, &lost));
    let maybe = [
        event(true, 1, 0, None),
        event(false, 0, 2, Some(3)),
        event(false, 1, 4, Some(5)),
    ];
    assert!(is_linearizable(&start, &maybe));
}
