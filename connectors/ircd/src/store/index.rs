//! The positions of each conversation's messages in the log.

use std::collections::{BTreeMap, VecDeque};

use crate::query::Range;
use crate::record::other_side;

/// The position of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Slot {
    pub id: i64,
    pub segment: u32,
    pub offset: u32,
    pub length: u32,
    pub is_text: bool,
}

/// The index.
#[derive(Debug)]
pub(super) struct Index {
    targets: BTreeMap<String, VecDeque<Slot>>,
    per_target: usize,
    /// Messages examined.
    #[cfg(test)]
    looked_at: std::cell::Cell<usize>,
}

impl Index {
    pub(super) fn new(per_target: usize) -> Self {
        Self {
            targets: BTreeMap::new(),
            per_target: per_target.max(1),
            #[cfg(test)]
            looked_at: std::cell::Cell::new(0),
        }
    }

    /// Adds a message; ids are increasing.
    pub(super) fn push(&mut self, target: &str, slot: Slot) {
        let slots = match self.targets.get_mut(target) {
            Some(slots) => slots,
            None => self.targets.entry(target.to_owned()).or_default(),
        };
        if slots.len() >= self.per_target {
            slots.pop_front();
        }
        slots.push_back(slot);
    }

    /// Forgets a message that was deleted; returns where it is.
    pub(super) fn withdraw(&mut self, target: &str, id: i64) -> Option<Slot> {
        let slots = self.targets.get_mut(target)?;
        let place = slots.partition_point(|slot| slot.id < id);
        let is_it = slots.get(place).is_some_and(|slot| slot.id == id);
        is_it.then(|| slots.remove(place)).flatten()
    }

    /// Forgets the messages up to an id.
    pub(super) fn forget(&mut self, last: i64) {
        self.targets.retain(|_, slots| {
            while slots.front().is_some_and(|slot| slot.id <= last) {
                slots.pop_front();
            }
            !slots.is_empty()
        });
    }

    /// Finds messages, oldest first, limited in number and in total bytes.
    pub(super) fn find(
        &self,
        target: &str,
        range: Range,
        limit: usize,
        text_only: bool,
        mut bytes: usize,
    ) -> Vec<Slot> {
        let Some(slots) = self.targets.get(target) else {
            return Vec::new();
        };
        let wanted = |slot: &&Slot| {
            #[cfg(test)]
            self.looked_at.set(self.looked_at.get() + 1);
            slot.is_text || !text_only
        };
        let mut fits = |slot: &Slot| {
            let room = bytes.checked_sub(slot.length as usize);
            bytes = room.unwrap_or(0);
            room.is_some()
        };
        let below = |id: i64| slots.partition_point(|slot| slot.id < id);
        let above = |id: i64| slots.partition_point(|slot| slot.id <= id);
        let mut newest = |from: usize, to: usize, limit: usize| {
            let mut found: Vec<Slot> = slots
                .range(from.min(to)..to)
                .rev()
                .filter(wanted)
                .take(limit)
                .copied()
                .take_while(&mut fits)
                .collect();
            found.reverse();
            found
        };
        match range {
            Range::Newest { before, after } => newest(above(after), below(before), limit),
            Range::Oldest { before, after } => {
                let (from, to) = (above(after), below(before));
                slots
                    .range(from.min(to)..to)
                    .filter(wanted)
                    .take(limit)
                    .copied()
                    .take_while(fits)
                    .collect()
            }
            Range::Around { id, after } => {
                let (start, middle) = (above(after), below(id));
                let mut found = newest(start, middle, limit / 2);
                let rest = limit - found.len();
                found.extend(
                    slots
                        .range(middle.max(start)..)
                        .filter(wanted)
                        .take(rest)
                        .copied()
                        .take_while(fits),
                );
                found
            }
        }
    }

    /// Returns the time of a conversation's newest text.
    fn newest(&self, target: &str) -> Option<i64> {
        self.targets
            .get(target)?
            .iter()
            .rev()
            .find(|slot| slot.is_text)
            .map(|slot| slot.id)
    }

    /// Finds conversations by the time of their newest text, oldest first.
    pub(super) fn targets(
        &self,
        channels: &[(String, i64)],
        account: Option<&str>,
        before: i64,
        after: i64,
    ) -> Vec<(String, i64)> {
        let channels = channels.iter().filter_map(|(channel, since)| {
            Some((
                channel.clone(),
                self.newest(channel).filter(|newest| newest > since)?,
            ))
        });
        let direct = self
            .targets
            .keys()
            .filter(|target| account.is_some_and(|account| other_side(target, account).is_some()))
            .filter_map(|target| Some((target.clone(), self.newest(target)?)));
        let mut found: Vec<(String, i64)> = channels
            .chain(direct)
            .filter(|(_, newest)| *newest > after && *newest < before)
            .collect();
        found.sort_unstable_by_key(|(_, newest)| *newest);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let mut index = Index::new(8);
        for id in 1..=10 {
            let slot = Slot {
                id,
                segment: 0,
                offset: 0,
                length: 10,
                is_text: id != 7,
            };
            index.push("#a", slot);
        }
        index.push(
            "alice bob",
            Slot {
                id: 11,
                segment: 0,
                offset: 0,
                length: 10,
                is_text: true,
            },
        );
        index
    }

    #[test]
    fn ranges() {
        let index = index();
        let ids = |range, limit| -> Vec<i64> {
            index
                .find("#a", range, limit, true, 1_000)
                .iter()
                .map(|slot| slot.id)
                .collect()
        };
        let (least, most) = (i64::MIN, i64::MAX);
        assert_eq!(
            ids(
                Range::Newest {
                    before: most,
                    after: least
                },
                3
            ),
            [8, 9, 10]
        );
        assert_eq!(
            ids(
                Range::Newest {
                    before: 8,
                    after: least
                },
                3
            ),
            [4, 5, 6]
        );
        assert_eq!(
            ids(
                Range::Newest {
                    before: 8,
                    after: 5
                },
                3
            ),
            [6]
        );
        assert_eq!(
            ids(
                Range::Oldest {
                    before: most,
                    after: 4
                },
                3
            ),
            [5, 6, 8]
        );
        // Only eight are kept.
        assert_eq!(
            ids(
                Range::Oldest {
                    before: most,
                    after: least
                },
                2
            ),
            [3, 4]
        );
        assert_eq!(
            ids(
                Range::Around {
                    id: 6,
                    after: least
                },
                4
            ),
            [4, 5, 6, 8]
        );
        assert_eq!(
            ids(
                Range::Around {
                    id: 100,
                    after: least
                },
                4
            ),
            [9, 10]
        );
        assert_eq!(
            ids(
                Range::Oldest {
                    before: 3,
                    after: 9
                },
                4
            ),
            [0_i64; 0]
        );
        let two = index.find(
            "#a",
            Range::Newest {
                before: most,
                after: least,
            },
            9,
            false,
            25,
        );
        assert_eq!(two.len(), 2, "25 bytes take two of 10");
    }

    #[test]
    fn what_is_asked_costs_what_is_answered_however_much_there_is() {
        let work = |count: i64, limit: usize| {
            let mut index = Index::new(100_000);
            for id in 1..=count {
                let slot = Slot {
                    id,
                    segment: 0,
                    offset: 0,
                    length: 10,
                    is_text: true,
                };
                index.push("#a", slot);
            }
            let middle = Range::Around {
                id: count / 2,
                after: 0,
            };
            let newest = Range::Newest {
                before: count - 5,
                after: 0,
            };
            for range in [middle, newest] {
                index.find("#a", range, limit, true, 1 << 20);
            }
            index.looked_at.get()
        };
        assert_eq!(work(10_000, 50), work(20_000, 50));
        assert_eq!(work(10_000, 50), 100);
        assert_eq!(work(10_000, 100), 200);
    }

    #[test]
    fn what_was_deleted_is_not_found() {
        let mut index = index();
        for (target, id) in [("#a", 9), ("#a", 99), ("#b", 8), ("#a", 9)] {
            index.withdraw(target, id);
        }
        let newest = Range::Newest {
            before: i64::MAX,
            after: i64::MIN,
        };
        let found = index.find("#a", newest, 3, true, 1_000);
        let found: Vec<i64> = found.iter().map(|slot| slot.id).collect();
        assert_eq!(found, [6, 8, 10]);
    }

    #[test]
    fn conversations() {
        let index = index();
        let channels = [("#a".to_owned(), 0), ("#b".to_owned(), 0)];
        let found = index.targets(&channels, Some("bob"), i64::MAX, i64::MIN);
        assert_eq!(found, [("#a".to_owned(), 10), ("alice bob".to_owned(), 11)]);
        assert_eq!(
            index
                .targets(&channels, Some("eve"), i64::MAX, i64::MIN)
                .len(),
            1
        );
        assert_eq!(index.targets(&channels, Some("bob"), 11, 10).len(), 0);
        assert_eq!(
            index
                .targets(&[("#a".to_owned(), 10)], None, i64::MAX, i64::MIN)
                .len(),
            0
        );
    }
}
