//! How much of each account the publisher has not read yet. What it has read waits elsewhere, where each account has
//! a limit of its own; so one whose connections bring more than that is refused alone, long before the spool is full.

use std::collections::HashMap;

use protocol::AccountName;

/// A record: its number, account and bytes.
pub(crate) type Read = (u64, AccountName, usize);

#[derive(Debug, Default)]
pub(super) struct Unread {
    /// Records before this number were there at the start; they are read at once, and do not count.
    from: u64,
    accounts: HashMap<AccountName, Account>,
}

#[derive(Debug, Default)]
struct Account {
    bytes: u64,
    /// The number after its last record.
    next: u64,
}

impl Unread {
    pub(super) fn new(from: u64) -> Self {
        Self {
            from,
            accounts: HashMap::new(),
        }
    }

    pub(super) fn of(&self, account: &AccountName) -> u64 {
        self.accounts.get(account).map_or(0, |known| known.bytes)
    }

    /// Counts a record that was appended.
    pub(super) fn add(&mut self, account: &AccountName, bytes: u64, next: u64) {
        if !self.accounts.contains_key(account) {
            self.accounts.insert(account.clone(), Account::default());
        }
        if let Some(known) = self.accounts.get_mut(account) {
            known.bytes += bytes;
            known.next = next;
        }
    }

    /// Everything before number `next` was read; `records` are those of it that were not damaged.
    pub(super) fn read(&mut self, next: u64, records: &[Read]) {
        for (number, account, bytes) in records {
            if *number >= self.from
                && let Some(known) = self.accounts.get_mut(account)
            {
                known.bytes = known.bytes.saturating_sub(*bytes as u64);
            }
        }
        self.accounts.retain(|_, known| known.next > next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_no_longer_counts_and_neither_does_what_was_damaged() {
        let (alice, bob): (AccountName, AccountName) =
            ("alice".parse().unwrap(), "bob".parse().unwrap());
        let mut unread = Unread::new(7);
        for number in 7..10 {
            unread.add(&alice, 100, number + 1);
        }
        unread.add(&bob, 10, 11);
        // Those of an earlier run were not counted.
        unread.read(7, &[(6, alice.clone(), 100)]);
        assert_eq!((unread.of(&alice), unread.of(&bob)), (300, 10));
        unread.read(8, &[(7, alice.clone(), 100)]);
        assert_eq!(unread.of(&alice), 200);
        // The other two cannot be read.
        unread.read(10, &[]);
        assert_eq!((unread.of(&alice), unread.of(&bob)), (0, 10));
        unread.read(11, &[(10, bob, 10)]);
        assert!(unread.accounts.is_empty());
    }
}
