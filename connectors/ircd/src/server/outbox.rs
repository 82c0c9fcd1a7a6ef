//! Output queue: requests go out immediately, lines in order and only after the appends before them are settled.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use protocol::AccountName;

use super::{AppendId, ClientId, NotStored, Output, Recipients};
use crate::query::Query;
use crate::record::Record;

/// When a line may be sent, once all appends before it are settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum When {
    /// Always.
    Always,
    /// If that append succeeded.
    Stored(AppendId),
    /// If that append failed for that reason.
    Failed(AppendId, NotStored),
}

#[derive(Debug)]
struct Waiting {
    after: AppendId,
    when: When,
    output: Output,
}

/// The output queue.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    requests: VecDeque<Output>,
    lines: VecDeque<Waiting>,
    /// Bytes of these lines, each counted once however many clients it is for.
    bytes: usize,
    /// The append that was requested last.
    requested: AppendId,
    /// All appends up to this one are settled.
    settled: AppendId,
    /// The settled appends that failed, as long as lines may depend on them.
    failed: BTreeMap<AppendId, NotStored>,
}

impl Outbox {
    pub(super) fn send(&mut self, to: Recipients, line: Arc<str>, when: When) {
        self.bytes += line.len();
        self.lines.push_back(Waiting {
            after: self.requested,
            when,
            output: Output::Send { to, line },
        });
    }

    pub(super) fn close(&mut self, client: ClientId) {
        self.lines.push_back(Waiting {
            after: self.requested,
            when: When::Always,
            output: Output::Close { client },
        });
    }

    pub(super) fn append(&mut self, record: Record) -> AppendId {
        self.requested.0 += 1;
        let id = self.requested;
        self.requests.push_back(Output::Append { id, record });
        id
    }

    pub(super) fn audit(&mut self, by: String, what: String) {
        self.requests.push_back(Output::Audit { by, what });
    }

    pub(super) fn query(&mut self, client: ClientId, query: Query) {
        self.requests.push_back(Output::Query { client, query });
    }

    pub(super) fn authenticate(
        &mut self,
        client: ClientId,
        name: String,
        password: String,
        address: Option<IpAddr>,
    ) {
        self.requests.push_back(Output::Authenticate {
            client,
            name,
            password: super::Secret(password),
            address,
        });
    }

    pub(super) fn names(&mut self, client: ClientId, names: Vec<AccountName>) {
        self.requests.push_back(Output::Names { client, names });
    }

    /// Notes the outcome of an append; they are settled in order.
    pub(super) fn settle(&mut self, id: AppendId, result: Result<(), NotStored>) {
        self.settled = self.settled.max(id.min(self.requested));
        if let Err(reason) = result {
            self.failed.insert(id, reason);
        }
    }

    pub(super) fn pending(&self) -> usize {
        usize::try_from(self.requested.0 - self.settled.0).unwrap_or(usize::MAX)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        if let Some(request) = self.requests.pop_front() {
            return Some(request);
        }
        while self
            .lines
            .front()
            .is_some_and(|line| line.after <= self.settled)
        {
            let line = self.lines.pop_front()?;
            if let Output::Send { line, .. } = &line.output {
                self.bytes -= line.len();
            }
            let due = match line.when {
                When::Always => true,
                When::Stored(id) => !self.failed.contains_key(&id),
                When::Failed(id, reason) => self.failed.get(&id) == Some(&reason),
            };
            if due {
                return Some(line.output);
            }
        }
        if self.lines.is_empty() {
            self.failed.clear();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Body;

    fn line(text: &str) -> Output {
        Output::Send {
            to: Recipients::One(ClientId(1)),
            line: text.into(),
        }
    }

    fn record() -> Record {
        Record {
            id: 1,
            body: Body::Gone {
                name: "#x".to_owned(),
            },
        }
    }

    #[test]
    fn lines_wait_for_the_appends_before_them() {
        let mut outbox = Outbox::default();
        let to = Recipients::One(ClientId(1));
        outbox.send(to.clone(), "a".into(), When::Always);
        let first = outbox.append(record());
        outbox.send(to.clone(), "b".into(), When::Stored(first));
        outbox.send(
            to.clone(),
            "not b".into(),
            When::Failed(first, NotStored::Full),
        );
        let second = outbox.append(record());
        outbox.send(to.clone(), "c".into(), When::Stored(second));
        outbox.send(
            to.clone(),
            "not c".into(),
            When::Failed(second, NotStored::Full),
        );
        outbox.send(to, "d".into(), When::Always);
        assert!(matches!(
            outbox.poll(),
            Some(Output::Append {
                id: AppendId(1),
                ..
            })
        ));
        assert!(matches!(
            outbox.poll(),
            Some(Output::Append {
                id: AppendId(2),
                ..
            })
        ));
        assert_eq!(outbox.poll(), Some(line("a")));
        assert_eq!(outbox.poll(), None);
        assert_eq!((outbox.pending(), outbox.bytes()), (2, 13));
        outbox.settle(first, Ok(()));
        assert_eq!(outbox.poll(), Some(line("b")));
        assert_eq!(outbox.poll(), None);
        outbox.settle(second, Err(NotStored::Full));
        assert_eq!(outbox.poll(), Some(line("not c")));
        assert_eq!(outbox.poll(), Some(line("d")));
        assert_eq!(outbox.poll(), None);
        assert_eq!((outbox.pending(), outbox.bytes()), (0, 0));
    }
}
