//! Tasks: lines that the functions want sent, each exactly once if the network makes that possible.
//!
//! Every part carries a client-only tag that names it ([`protocol::TASK_TAG`]). Parts that may have been sent
//! already, before a crash or a lost connection, are first looked up in the server's history. Parts not found there
//! are sent again: a Subspace server does not deliver them a second time; on other servers with history they would
//! have been found; on servers without history they may be sent twice, which for notifications is better than not at
//! all.

use std::collections::BTreeSet;
use std::time::Duration;

use gateway::{Output, RequestId, SayTask, TaskOutcome};
use irc_codec::{numeric, split_text};
use protocol::Timestamp;

use super::Session;
use super::messages::Manner;
use super::numerics::ErrorReply::{self, Fail, Numeric};

/// Bytes of an IRC line available for target and text: the rest is for a source of up to 133 bytes. It must not
/// depend on our current name or host, so that parts are the same after a restart.
const ROOM: usize = 360;
/// Minimum text length of a part, in bytes.
const MIN_ROOM: usize = 64;
/// Maximum length of a word in a relayed name, in bytes.
const MAX_WORD: usize = 23;
/// How far a server's clock may be behind ours, in milliseconds.
const CLOCK_SKEW: i64 = 60_000;

/// Identifies a part of a task.
#[derive(Clone, Debug)]
pub(super) struct TaskPart {
    pub(super) task: String,
    pub(super) part: usize,
    /// The name under which it is relayed.
    pub(super) relayed: Option<String>,
}

impl TaskPart {
    pub(super) fn tag(&self) -> String {
        format!("{}/{}", self.task, self.part)
    }
}

/// The state of a part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Waits,
    Sent,
    Said,
}

/// The search for the parts of a task that was started before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Search {
    Needed(Timestamp),
    Runs(Timestamp),
    Done,
}

/// A task in progress.
#[derive(Debug)]
pub(super) struct TaskState {
    request: RequestId,
    id: String,
    target: String,
    from: String,
    manner: Manner,
    texts: Vec<String>,
    parts: Vec<Part>,
    search: Search,
    /// When it is returned if it could not be sent completely.
    deadline: Duration,
}

impl TaskState {
    fn is_sent(&self) -> bool {
        !self.parts.contains(&Part::Waits)
    }
}

impl Session {
    pub(super) fn say_task(&mut self, request: RequestId, saying: SayTask) {
        let SayTask {
            id,
            say,
            said,
            begun,
        } = saying;
        if !self.is_online() {
            let reason = format!("There is no connection to {} now.", self.server());
            return self.tell_said(request, TaskOutcome::Later(reason));
        }
        let room = ROOM.saturating_sub(say.target.len()).max(MIN_ROOM);
        let texts: Vec<String> = say
            .lines
            .iter()
            .map(|line| line.replace(|c: char| c.is_control(), ""))
            .filter(|line| !line.trim().is_empty())
            .flat_map(|line| {
                let pieces = split_text(&line, room);
                pieces.into_iter().map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        let good = |c: char| !(c.is_whitespace() || c.is_control() || c == ',');
        if texts.is_empty() || say.target.is_empty() || !say.target.chars().all(good) {
            let reason = "The message or its target is missing.".to_owned();
            return self.tell_said(request, TaskOutcome::Refused(reason));
        }
        let mut parts = vec![Part::Waits; texts.len()];
        for part in said {
            if let Some(part) = parts.get_mut(part) {
                *part = Part::Said;
            }
        }
        if parts.iter().all(|part| *part == Part::Said) {
            return self.tell_said(request, TaskOutcome::Done);
        }
        let search = match begun {
            Some(begun) if self.knows_history() => Search::Needed(begun.plus_millis(-CLOCK_SKEW)),
            _ => Search::Done,
        };
        self.tasks.push_back(TaskState {
            request,
            id,
            target: say.target,
            from: say.from,
            manner: if say.notice {
                Manner::Notice
            } else {
                Manner::Text
            },
            texts,
            parts,
            search,
            deadline: self.now.elapsed + self.settings.request_timeout,
        });
    }

    /// Sends what can be sent now; tasks with the same target in order.
    pub(super) fn tasks_progress(&mut self) {
        if !self.is_online() || self.tasks.is_empty() {
            return;
        }
        let mut held = BTreeSet::new();
        let waiting: Vec<String> = self
            .tasks
            .iter()
            .filter(|task| !task.is_sent())
            .map(|task| task.id.clone())
            .collect();
        for id in waiting {
            let Some(at) = self.task_at(&id) else {
                continue;
            };
            let target = self.fold(&self.tasks[at].target);
            if !held.contains(&target) && !self.task_progress(at) {
                held.insert(target);
            }
        }
    }

    fn task_at(&self, id: &str) -> Option<usize> {
        self.tasks.iter().position(|task| task.id == id)
    }

    /// Sends the parts of a task if possible; returns false if it has to wait.
    fn task_progress(&mut self, at: usize) -> bool {
        let task = &self.tasks[at];
        let (id, target, from) = (task.id.clone(), task.target.clone(), task.from.clone());
        let (search, manner) = (task.search, task.manner);
        let is_channel = self.link.isupport.is_channel(&target);
        if is_channel && self.channel(&target).is_none() {
            let wanted = self.wanted.iter().any(|w| self.same(&w.name, &target));
            if !wanted {
                let nick = &self.link.nick;
                let server = self.server();
                let reason = format!(
                    "{nick} is not in {target} on {server}; join the channel, or remove what posts there."
                );
                self.task_ends(&id, TaskOutcome::Refused(reason));
            }
            return !wanted;
        }
        match search {
            // It would not respond: better sent twice than never.
            Search::Needed(_) if self.history.is_silent() => self.tasks[at].search = Search::Done,
            Search::Needed(since) => {
                if self.search_history(&target, since) {
                    self.tasks[at].search = Search::Runs(since);
                }
                return false;
            }
            Search::Runs(_) if self.is_searching(&target) => return false,
            Search::Runs(_) => self.tasks[at].search = Search::Done,
            Search::Done => {}
        }
        let task = &self.tasks[at];
        let waits = |(part, state): (usize, &Part)| (*state == Part::Waits).then_some(part);
        let waiting: Vec<usize> = task.parts.iter().enumerate().filter_map(waits).collect();
        if self.outbox.room() < waiting.len() {
            return false;
        }
        let relayed = self.relayed_name(&target, &from).filter(|_| is_channel);
        for part in waiting {
            let text = self.tasks[at].texts[part].clone();
            self.tasks[at].parts[part] = Part::Sent;
            let part = TaskPart {
                task: id.clone(),
                part,
                relayed: relayed.clone(),
            };
            self.send_part(part, &target, manner, &text);
        }
        true
    }

    /// The name under which a message to a channel is relayed, if the network supports that.
    fn relayed_name(&self, target: &str, from: &str) -> Option<String> {
        let separator = self.relay_separator()?;
        if self.link.unrelayed.contains(target) {
            return None;
        }
        let (first, second) = from.split_once(['/', separator]).unwrap_or((from, "hook"));
        let word = |text: &str, instead: &str| {
            let clean = text
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
            let clean: String = clean.take(MAX_WORD).collect();
            match clean.trim_matches('-') {
                "" => instead.to_owned(),
                clean => clean.to_owned(),
            }
        };
        Some(format!(
            "{}{separator}{}",
            word(first, "Subspace"),
            word(second, "hook")
        ))
    }

    /// A part was sent and is being recorded.
    pub(super) fn part_said(&mut self, id: &str, part: usize) {
        let Some(at) = self.task_at(id) else {
            return;
        };
        let task = &mut self.tasks[at];
        let Some(state) = task
            .parts
            .get_mut(part)
            .filter(|state| **state != Part::Said)
        else {
            return;
        };
        *state = Part::Said;
        let request = task.request;
        let done = task.parts.iter().all(|part| *part == Part::Said);
        self.tell_said(request, TaskOutcome::Part(part));
        if done {
            self.tasks.remove(at);
            self.tell_said(request, TaskOutcome::Done);
        }
    }

    /// According to the history we sent this message earlier: it may be a part of a task. Servers that do not keep
    /// tags at least provide the text.
    pub(super) fn part_found(
        &mut self,
        tag: Option<&str>,
        target: &str,
        text: &str,
        at: Timestamp,
    ) {
        let found = self.tasks.iter().find_map(|task| {
            let Search::Runs(since) = task.search else {
                return None;
            };
            if !self.same(&task.target, target) {
                return None;
            }
            let part = task.texts.iter().zip(&task.parts).enumerate().find_map(
                |(number, (known, state))| {
                    let fits = match tag {
                        Some(tag) => tag == format!("{}/{number}", task.id),
                        None => known == text && at >= since,
                    };
                    (fits && *state == Part::Waits).then_some(number)
                },
            )?;
            Some((task.id.clone(), part))
        });
        if let Some((id, part)) = found {
            self.part_said(&id, part);
        }
    }

    /// The server did not accept a part.
    pub(super) fn part_failed(
        &mut self,
        part: &TaskPart,
        target: &str,
        error: ErrorReply,
        sentence: &str,
    ) {
        let Some(at) = self.task_at(&part.task) else {
            return;
        };
        let unknown = matches!(
            error,
            Fail | Numeric(
                numeric::ERR_UNKNOWNCOMMAND
                    | numeric::ERR_NEEDMOREPARAMS
                    | numeric::ERR_CHANOPRIVSNEEDED
            )
        );
        let busy = matches!(
            error,
            Fail | Numeric(numeric::RPL_TRYAGAIN | numeric::ERR_TARGETTOOFAST)
        );
        if part.relayed.is_some() && unknown {
            // Send it under our own name instead.
            self.link.unrelayed.insert(target, ());
            if let Some(state) = self.tasks[at].parts.get_mut(part.part) {
                *state = Part::Waits;
            }
        } else if busy {
            self.task_later(&part.task, sentence);
        } else {
            self.task_ends(&part.task, TaskOutcome::Refused(sentence.to_owned()));
        }
    }

    /// The server does not let us join a channel that a task is for.
    pub(super) fn not_let_in(&mut self, channel: &str, sentence: &str) {
        if self.channel(channel).is_some() {
            return;
        }
        let of = |task: &&TaskState| self.same(&task.target, channel);
        let ids: Vec<String> = self
            .tasks
            .iter()
            .filter(of)
            .map(|task| task.id.clone())
            .collect();
        for id in ids {
            self.task_ends(&id, TaskOutcome::Refused(sentence.to_owned()));
        }
    }

    /// Returns a task to the queue.
    pub(super) fn task_later(&mut self, id: &str, sentence: &str) {
        self.task_ends(id, TaskOutcome::Later(sentence.to_owned()));
    }

    fn task_ends(&mut self, id: &str, said: TaskOutcome) {
        if let Some(task) = self.task_at(id).and_then(|at| self.tasks.remove(at)) {
            self.withdraw_task(id);
            self.tell_said(task.request, said);
        }
    }

    /// The connection is gone.
    pub(super) fn fail_tasks(&mut self, sentence: &str) {
        for task in std::mem::take(&mut self.tasks) {
            self.tell_said(task.request, TaskOutcome::Later(sentence.to_owned()));
        }
    }

    pub(super) fn tasks_due(&self) -> Option<Duration> {
        let unsent = self.tasks.iter().filter(|task| !task.is_sent());
        unsent.map(|task| task.deadline).min()
    }

    /// Tasks that could not be sent for too long are returned: the channel was not joined, or the history did not
    /// arrive.
    pub(super) fn tasks_timeout(&mut self) {
        let now = self.now.elapsed;
        let late = |task: &&TaskState| !task.is_sent() && task.deadline <= now;
        let late: Vec<String> = self
            .tasks
            .iter()
            .filter(late)
            .map(|task| task.id.clone())
            .collect();
        let sentence = format!("{} was too slow to send it.", self.server());
        for id in late {
            self.task_later(&id, &sentence);
        }
    }

    fn tell_said(&mut self, request: RequestId, said: TaskOutcome) {
        self.emit(Output::Said { request, said });
    }
}
