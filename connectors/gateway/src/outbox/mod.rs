//! Carries out the tasks that the functions have queued for this connector: sends messages over accounts'
//! connections, each exactly once, and publishes archives that are being read.
//!
//! A task leaves the functions' queue only with our receipt. Its start is made durable before any of it is sent to a
//! network, and its outcome before it is reported to the functions. So after a crash at any point it is known whether
//! parts of it may have been sent, and the platform finds out which.

mod connections;
mod handle;
mod journal;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use program::Seldom;
use protocol::{AccountName, OutboxItem, OutboxReceipt, OutboxTask, RefusedEvent, Say, Timestamp};
use tokio::time::Instant;

pub(crate) use self::connections::{Connection, Connections};
pub(crate) use self::handle::{OutboxHandle, Reports};
use self::journal::Entry;
pub(crate) use self::journal::Journal;
use crate::config::Limits;
use crate::platform::{SayTask, TaskOutcome};
use crate::publish::FlushHandle;
use connector_kit::{Backoff, FunctionsClient, jitter};

/// Pages of the queue that are examined: this many times fifty tasks may wait for connections that are away before
/// others have to wait behind them.
const MAX_PAGES: usize = 40;
/// How often a task that crashes its connection is tried: first together with others, then alone.
const MAX_TRIES: u32 = 5;
/// Concurrent tasks per connection.
const MAX_OF_LINK: usize = 32;
/// Concurrent tasks in total.
const MAX_ACTIVE: usize = 512;
/// Outcomes per receipt, counting messages and publications.
const MAX_OUTCOMES: usize = 500;
/// Tasks remembered after their receipt.
const MAX_RECENT: usize = 1_000;
/// Minimum interval between two fetches of the queue.
const LEAST_PAUSE: Duration = Duration::from_millis(5);

static NOT_NOTED: Seldom = Seldom::new();
static STOPPED: Seldom = Seldom::new();
static SILENT: Seldom = Seldom::new();
static REFUSED: Seldom = Seldom::new();

/// A webhook's sender can cause any number of tasks that cannot be done.
fn tell_refused(id: &str, reason: &str) {
    if let Some(left_out) = REFUSED.say() {
        tracing::info!(task = id, reason, left_out, "a task was refused");
    }
}

/// Identifies a connection.
type Of = (AccountName, String);

/// A task in progress.
struct Active {
    of: Of,
    since: Instant,
    /// It was tried before without any report, so nothing else is tried on this connection meanwhile.
    alone: bool,
}

/// The task that processes the queue.
pub(crate) struct Deliverer<C> {
    client: FunctionsClient,
    connections: Arc<C>,
    archives: FlushHandle,
    handle: OutboxHandle,
    limits: Limits,
    /// `None` only while it is being written.
    journal: Option<Journal>,
    reports: Reports,
    /// Tasks in progress.
    active: HashMap<String, Active>,
    /// Connections at their limit of tasks, with more waiting.
    crowded: HashSet<Of>,
    /// When each waiting task was first seen.
    waiting: HashMap<String, Timestamp>,
    /// Tasks the functions have a receipt for, so that an older response of theirs does not start anything again.
    recent: VecDeque<String>,
    /// Publishing tasks under way; reported when done, and restarted if that fails.
    published: BTreeSet<String>,
    backoff: Backoff,
    complained: Option<String>,
}

impl<C: Connections> Deliverer<C> {
    pub(crate) fn new(
        client: FunctionsClient,
        connections: Arc<C>,
        archives: FlushHandle,
        journal: Journal,
        (handle, reports): (OutboxHandle, Reports),
        limits: Limits,
    ) -> Self {
        Self {
            client,
            connections,
            archives,
            handle,
            journal: Some(journal),
            reports,
            active: HashMap::new(),
            crowded: HashSet::new(),
            waiting: HashMap::new(),
            recent: VecDeque::new(),
            published: BTreeSet::new(),
            backoff: Backoff::new(limits.retry),
            limits,
            complained: None,
        }
    }

    /// Runs until dropped, which may happen at any time.
    pub(crate) async fn run(mut self) {
        // Only then is it known whether a connection exists.
        self.connections.listed().await;
        let handle = self.handle.clone();
        let every = self.limits.outbox;
        let mut poll_at = Instant::now();
        let mut post_at = self.has_ended().then(Instant::now);
        loop {
            tokio::select! {
                report = self.reports.recv() => {
                    let Some(report) = report else { return };
                    if self.note_reports(report).await {
                        post_at = Some(post_at.unwrap_or_else(Instant::now));
                    }
                }
                () = at(post_at) => {
                    post_at = self.post().await.map(|pause| Instant::now() + pause);
                }
                () = handle.woken() => poll_at = Instant::now(),
                () = tokio::time::sleep_until(poll_at) => {
                    let pause = match self.poll().await {
                        true => every + jitter(every / 2),
                        false => self.backoff.pause(),
                    };
                    poll_at = Instant::now() + pause.max(LEAST_PAUSE);
                    if post_at.is_none() && self.has_ended() {
                        post_at = Some(Instant::now());
                    }
                }
            }
        }
    }

    fn known(&self, id: &str) -> Option<&journal::Known> {
        self.journal.as_ref()?.get(id)
    }

    fn has_ended(&self) -> bool {
        let journal = self.journal.as_ref();
        !self.published.is_empty() || journal.is_some_and(|journal| !journal.ended(1).is_empty())
    }

    /// Notes entries; returns false if the disk refuses.
    async fn note(&mut self, entries: Vec<Entry>) -> bool {
        let clean = self
            .journal
            .as_ref()
            .is_some_and(|journal| !journal.is_dirty());
        if entries.is_empty() && clean {
            return true;
        }
        let Some(mut journal) = self.journal.take() else {
            return false;
        };
        let written = tokio::task::spawn_blocking(move || {
            let written = journal.append(&entries);
            (journal, written)
        });
        match written.await {
            Ok((journal, written)) => {
                self.journal = Some(journal);
                if let Err(error) = &written
                    && let Some(left_out) = NOT_NOTED.say()
                {
                    tracing::error!(%error, left_out, "the journal of tasks cannot be written");
                }
                written.is_ok()
            }
            // The thread panicked or the runtime is shutting down: nothing more is started.
            Err(_) => false,
        }
    }

    /// Notes the outcome of tasks; returns true if there is something to report to the functions.
    async fn note_reports(&mut self, first: (String, TaskOutcome)) -> bool {
        let (mut entries, mut ended) = (Vec::new(), false);
        let mut next = Some(first);
        while let Some((id, said)) = next {
            match said {
                TaskOutcome::Part(part) => entries.push(Entry::Said { id, part }),
                TaskOutcome::Later(reason) => {
                    tracing::debug!(task = id, reason, "a task waits");
                    if self.is_over(&id) && self.known(&id).is_some_and(|known| known.tries > 0) {
                        entries.push(Entry::Back { id });
                    }
                }
                TaskOutcome::Lost(reason) => {
                    if let Some(left_out) = STOPPED.say() {
                        tracing::warn!(
                            task = id,
                            reason,
                            left_out,
                            "a connection stopped at a task"
                        );
                    }
                    self.is_over(&id);
                    self.handle.wake();
                }
                TaskOutcome::Done => {
                    self.is_over(&id);
                    ended = true;
                    entries.push(Entry::Ended { id, refused: None });
                }
                TaskOutcome::Refused(reason) => {
                    tell_refused(&id, &reason);
                    self.is_over(&id);
                    ended = true;
                    let refused = Some(reason);
                    entries.push(Entry::Ended { id, refused });
                }
            }
            next = self.reports.try_recv().ok();
        }
        self.note(entries).await;
        ended
    }

    /// Removes a task that is no longer in progress; there may be room for others of its connection. Returns whether
    /// it was in progress.
    fn is_over(&mut self, id: &str) -> bool {
        let Some(Active { of, .. }) = self.active.remove(id) else {
            return false;
        };
        if self.crowded.contains(&of) && self.count(&of) <= MAX_OF_LINK / 2 {
            self.crowded.remove(&of);
            self.handle.wake();
        }
        true
    }

    fn is_suspected(&self, of: &Of) -> bool {
        self.active
            .values()
            .any(|task| task.of == *of && task.alone)
    }

    fn count(&self, of: &Of) -> usize {
        self.active.values().filter(|task| task.of == *of).count()
    }

    /// Drops tasks in progress that have reported nothing for so long that nothing more is expected, so that they do
    /// not occupy places for ever.
    fn give_up_silent(&mut self) {
        let silent: Vec<String> = self
            .active
            .iter()
            .filter(|(_, task)| task.since.elapsed() >= self.limits.task_silence)
            .map(|(id, _)| id.clone())
            .collect();
        for id in silent {
            if let Some(left_out) = SILENT.say() {
                tracing::warn!(
                    task = id,
                    left_out,
                    "a connection reports nothing about a task; retrying it"
                );
            }
            self.is_over(&id);
        }
    }

    /// Reports outcomes to the functions; returns when to retry, if necessary.
    async fn post(&mut self) -> Option<Duration> {
        let ended = self.journal.as_ref()?.ended(MAX_OUTCOMES);
        let published = self.published.iter().take(MAX_OUTCOMES);
        let mut receipt = OutboxReceipt {
            done: published.cloned().collect(),
            refused: Vec::new(),
        };
        if ended.is_empty() && receipt.done.is_empty() {
            return None;
        }
        for (id, refused) in &ended {
            match refused {
                None => receipt.done.push(id.clone()),
                Some(reason) => receipt.refused.push(RefusedEvent {
                    id: id.clone(),
                    reason: reason.clone(),
                }),
            }
        }
        if let Err(error) = self.client.outbox_receipt(&receipt).await {
            self.complain(&format!("the outcome of tasks cannot be reported: {error}"));
            return Some(self.backoff.pause());
        }
        self.complained = None;
        self.backoff.reset();
        self.published.retain(|id| !receipt.done.contains(id));
        for (id, _) in &ended {
            self.recent.push_back(id.clone());
        }
        while self.recent.len() > MAX_RECENT {
            self.recent.pop_front();
        }
        let confirmed = ended.into_iter().map(|(id, _)| Entry::Confirmed { id });
        self.note(confirmed.collect()).await;
        self.has_ended().then_some(Duration::ZERO)
    }

    /// Fetches the queue and starts what can be done now; returns false if the functions do not answer.
    async fn poll(&mut self) -> bool {
        self.give_up_silent();
        let (mut after, mut seen) = (None::<String>, HashSet::new());
        let mut round = Round::default();
        for _ in 0..MAX_PAGES {
            let page = match self.client.outbox(after.as_deref()).await {
                Ok(page) => page,
                Err(error) => {
                    self.complain(&format!("the queue of tasks cannot be fetched: {error}"));
                    return false;
                }
            };
            after = page.items.last().map(|item| item.id.clone());
            for item in page.items {
                seen.insert(item.id.clone());
                self.plan(item, &mut round).await;
            }
            if !self.begin(&mut round).await || !page.more || after.is_none() {
                break;
            }
        }
        self.waiting.retain(|id, _| seen.contains(id));
        self.complained = None;
        self.backoff.reset();
        true
    }

    /// Decides what to do with a task.
    async fn plan(&mut self, item: OutboxItem, round: &mut Round) {
        let OutboxItem { id, task } = item;
        let ended = self.known(&id).is_some_and(|known| known.ended.is_some());
        if ended || self.active.contains_key(&id) || self.recent.contains(&id) {
            return;
        }
        let say = match task {
            OutboxTask::Say(say) => say,
            OutboxTask::Publish(publish) => {
                // The same id appears again whenever someone reads.
                if self.archives.flush_unreached(&publish.account) {
                    self.published.insert(id);
                }
                return;
            }
            // That task is for another connector.
            OutboxTask::Mail(_) => {
                let reason = "this connector does not support that".to_owned();
                return round.refuse(id, reason);
            }
        };
        let tries = self.known(&id).map_or(0, |known| known.tries);
        if tries >= MAX_TRIES {
            let reason = format!("the connection stopped on each of {tries} attempts to send this");
            return round.refuse(id, reason);
        }
        let of: Of = (say.account.clone(), say.connection.clone());
        if round.blocked.contains(&of) {
            return;
        }
        let now = connector_kit::now();
        let since = *self.waiting.entry(id.clone()).or_insert(now);
        let link = match self.link(&of, round).await {
            Ok(Some(link)) => link,
            Ok(None) => {
                let reason = format!(
                    "the account {} has no enabled connection \"{}\"",
                    say.account, say.connection
                );
                return round.refuse(id, reason);
            }
            Err(()) => {
                round.blocked.insert(of);
                return;
            }
        };
        let of_link = self.count(&of);
        let begun = round
            .ready
            .iter()
            .filter(|(other, ..)| *other == of)
            .count();
        if !link.is_online() {
            let age = now.millis() - made(&id).map_or(since, |made| made.min(since)).millis();
            let most = self.limits.task_age;
            if u128::from(age.max(0).unsigned_abs()) > most.as_millis() && self.known(&id).is_none()
            {
                let hours = most.as_secs() / 3600;
                let server = link.server();
                let reason = format!("there was no connection to {server} for {hours} hours");
                return round.refuse(id, reason);
            }
            round.blocked.insert(of);
        } else if tries > 0 && of_link + begun > 0
            || self.is_suspected(&of)
            || of_link + begun >= MAX_OF_LINK
            || self.active.len() + round.ready.len() >= MAX_ACTIVE
        {
            // Later tasks for the same connection must not overtake it.
            self.crowded.insert(of.clone());
            round.blocked.insert(of);
        } else {
            if tries > 0 {
                // Alone: if the connection stops again, this task is the cause.
                self.crowded.insert(of.clone());
                round.blocked.insert(of.clone());
            }
            round.ready.push((of, link, id, say));
        }
    }

    /// Finds a connection, asking the functions once per round. Returns an error if they do not answer.
    async fn link(&self, of: &Of, round: &mut Round) -> Result<Option<Arc<dyn Connection>>, ()> {
        let find = || self.connections.find(&of.0, &of.1);
        if let Some(link) = find() {
            return Ok(Some(link));
        }
        if round.fetched.insert(of.0.clone()) {
            self.connections.refetch(&of.0).await.map_err(drop)?;
        }
        Ok(find())
    }

    /// Starts what is ready, once that is durable; returns false if the disk refuses.
    async fn begin(&mut self, round: &mut Round) -> bool {
        let ready = std::mem::take(&mut round.ready);
        let at = connector_kit::now();
        let mut entries = std::mem::take(&mut round.refused);
        let before: Vec<Option<journal::Known>> = ready
            .iter()
            .map(|(.., id, _)| self.known(id).cloned())
            .collect();
        let new = ready
            .iter()
            .zip(&before)
            .filter(|(_, before)| before.is_none());
        entries.extend(new.map(|((.., id, _), _)| Entry::Begun { id: id.clone(), at }));
        // Noted before the attempt, so that a task which crashes the process is not tried for ever.
        let tried = ready
            .iter()
            .map(|(.., id, _)| Entry::Tried { id: id.clone() });
        entries.extend(tried);
        if !self.note(entries).await {
            return false;
        }
        for ((of, link, id, say), before) in ready.into_iter().zip(before) {
            self.waiting.remove(&id);
            let task = Active {
                of,
                since: Instant::now(),
                alone: before.as_ref().is_some_and(|known| known.tries > 0),
            };
            self.active.insert(id.clone(), task);
            let said = before
                .as_ref()
                .map(|known| known.said.iter().copied().collect());
            let saying = SayTask {
                said: said.unwrap_or_default(),
                begun: before.map(|known| known.begun),
                id,
                say,
            };
            link.say(saying);
        }
        true
    }

    fn complain(&mut self, text: &str) {
        if self.complained.as_deref() != Some(text) {
            tracing::warn!("{text}");
            self.complained = Some(text.to_owned());
        }
    }
}

/// One fetch of the queue.
#[derive(Default)]
struct Round {
    ready: Vec<(Of, Arc<dyn Connection>, String, Say)>,
    refused: Vec<Entry>,
    /// Connections whose tasks have to wait.
    blocked: HashSet<Of>,
    /// Accounts whose connections were fetched.
    fetched: HashSet<AccountName>,
}

impl Round {
    fn refuse(&mut self, id: String, reason: String) {
        tell_refused(&id, &reason);
        let refused = Some(reason);
        self.refused.push(Entry::Ended { id, refused });
    }
}

/// When a task was created, if its id reveals it: milliseconds in hexadecimal, before the first hyphen.
fn made(id: &str) -> Option<Timestamp> {
    let (time, _) = id.split_once('-').filter(|(time, _)| time.len() == 12)?;
    i64::from_str_radix(time, 16)
        .ok()
        .map(Timestamp::from_millis)
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
