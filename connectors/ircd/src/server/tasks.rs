//! Lines of tasks, which are relayed once however often they are sent (see [`protocol::TASK_TAG`]).

use std::collections::VecDeque;

use protocol::Bounded;

use super::{AppendId, Server};

/// Lines that are remembered; the oldest are forgotten.
pub(crate) const MAX_TASKS: usize = 20_000;

/// A line that was relayed: the id of its message, and the append that is making it durable.
#[derive(Clone, Copy, Debug)]
pub(super) struct TaskLine {
    pub id: i64,
    pub append: Option<AppendId>,
}

/// See the module.
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

    /// An append ended; what was not stored was not sent. To be called in order, for each.
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
    /// Takes the lines of tasks that are in the log: keys and ids of messages, the oldest first.
    pub fn remember_tasks(&mut self, tasks: impl IntoIterator<Item = (String, i64)>) {
        for (key, id) in tasks {
            self.tasks.insert(key, id, None);
        }
    }
}
