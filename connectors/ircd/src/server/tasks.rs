//! Tasks' lines, each relayed once however often it is sent (see [`protocol::TASK_TAG`]).

use std::collections::VecDeque;

use protocol::Bounded;

use super::{AppendId, Server};

/// Lines remembered; the oldest are forgotten.
pub(crate) const MAX_TASKS: usize = 20_000;

/// A relayed line: its message id, and the append that makes it durable.
#[derive(Clone, Copy, Debug)]
pub(super) struct TaskLine {
    pub id: i64,
    pub append: Option<AppendId>,
}

/// The lines that are remembered.
#[derive(Debug)]
pub(super) struct Tasks {
    lines: Bounded<String, TaskLine>,
    /// Appends that are not settled, with their keys; in order.
    pending: VecDeque<(AppendId, String)>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            lines: Bounded::new(MAX_TASKS),
            pending: VecDeque::new(),
        }
    }
}

impl Tasks {
    pub(super) fn get(&self, key: &str) -> Option<TaskLine> {
        self.lines.get(key).copied()
    }

    pub(super) fn insert(&mut self, key: String, id: i64, append: Option<AppendId>) {
        if let Some(append) = append {
            self.pending.push_back((append, key.clone()));
        }
        self.lines.insert(key, TaskLine { id, append });
    }

    /// An append was settled; what was not stored was not sent. Call in order, once for each.
    pub(super) fn settle(&mut self, append: AppendId, stored: bool) {
        while let Some((_, key)) = self.pending.pop_front_if(|(pending, _)| *pending <= append) {
            match self.lines.get_mut(&key) {
                Some(line) if stored => line.append = None,
                _ => {
                    self.lines.remove(&key);
                }
            }
        }
    }
}

impl Server {
    /// Adds the tasks' lines found in the log: keys and message ids, oldest first.
    pub fn remember_tasks(&mut self, tasks: impl IntoIterator<Item = (String, i64)>) {
        for (key, id) in tasks {
            self.tasks.insert(key, id, None);
        }
    }
}
