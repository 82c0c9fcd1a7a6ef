//! Clients of two instances over one store in memory, polled in an order drawn from a seed.

use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use storage_adapter::memory::{Faults, MemoryStore};
use storage_adapter::{Options, Storage, Version, Waiting};

use super::asking::{FOLDERS, MANY_FOLDERS, MANY_PATHS, PATHS, ask, choose_among};
use super::linear::{Event, is_linearizable};
use super::sequential::{Asked, Op, Said, Sequential};
use super::{Random, TestHost};

/// The parameters of a run.
pub struct Plan {
    /// The store's faults.
    pub faults: Faults,
    /// In percent of the steps of a future.
    pub crash: usize,
    pub waiting: Waiting,
    pub quota: Option<u64>,
    pub clients: usize,
    pub operations: usize,
    /// Pages of one or two documents, so that every commit divides and joins some.
    pub paged: bool,
}

impl Plan {
    fn paths(&self) -> &'static [&'static str] {
        if self.paged { &MANY_PATHS } else { &PATHS }
    }

    fn folders(&self) -> &'static [&'static str] {
        if self.paged { &MANY_FOLDERS } else { &FOLDERS }
    }
}

type Running = Pin<Box<dyn Future<Output = Said>>>;

/// Runs clients in an order drawn from the seed; returns the requests and results, with times.
pub fn run(seed: u64, plan: &Plan) -> Vec<Event<Op>> {
    let mut random = Random(seed);
    let store = MemoryStore::with_faults(Faults {
        seed: random.next(),
        ..plan.faults
    });
    // S3's versions are digests, others' are not: the tree must work with both.
    let store = Arc::new(if seed.is_multiple_of(2) {
        store.with_digests()
    } else {
        store
    });
    let mut options = Options::default();
    options.waiting = plan.waiting;
    if plan.paged {
        options.head_bytes = 0;
        options.page_bytes = [100, 300, 600][seed as usize % 3];
        // Now and then nothing is cached.
        options.page_cache_bytes *= usize::from(seed.is_multiple_of(2));
    }
    let instance =
        |seed| Storage::with_options(Arc::clone(&store), Arc::new(TestHost::new(seed)), options);
    let mut trees = [instance(random.next()), instance(random.next())];
    let mut clients: Vec<Option<(Running, Asked, u64)>> = (0..plan.clients).map(|_| None).collect();
    let (mut history, mut time, mut started) = (Vec::new(), 0, 0);
    let mut known: Vec<Version> = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = 0;
    while started < plan.operations || clients.iter().any(Option::is_some) {
        steps += 1;
        assert!(steps < 1_000_000, "seed {seed}: nobody gets on");
        time += 1;
        let turn = random.below(clients.len());
        // Clients stay with their instance.
        let at = turn % trees.len();
        let Some((running, asked, called)) = &mut clients[turn] else {
            if started < plan.operations {
                started += 1;
                let asked = choose_among(
                    &mut random,
                    plan.paths(),
                    plan.folders(),
                    plan.quota,
                    &known,
                );
                let (tree, question) = (trees[at].clone(), asked.clone());
                let running: Running = Box::pin(async move { ask(&tree, &question).await });
                clients[turn] = Some((running, asked, time));
            }
            continue;
        };
        if let Poll::Ready(said) = running.as_mut().poll(&mut context) {
            match &said {
                Said::Written(all) => known.extend(all.iter().map(|(version, _)| version.clone())),
                Said::Read(Some((version, _))) => known.push(version.clone()),
                _ => {}
            }
            let returned = (!matches!(said, Said::Nothing)).then_some(time);
            history.push(Event {
                op: (asked.clone(), said),
                called: *called,
                returned,
            });
            clients[turn] = None;
        } else if random.below(100) < plan.crash {
            // A client vanishes, or a whole process dies with everything it was doing.
            let whole = random.below(4) == 0;
            for (other, client) in clients.iter_mut().enumerate() {
                if (other == turn || (whole && other % trees.len() == at))
                    && let Some((running, asked, called)) = client.take()
                {
                    if plan.waiting == Waiting::Polling {
                        // There it is not dropped: it simply never continues.
                        std::mem::forget(running);
                    }
                    history.push(Event {
                        op: (asked, Said::Nothing),
                        called,
                        returned: None,
                    });
                }
            }
            if whole {
                trees[at] = instance(random.next());
            }
        }
    }
    // At the end everything is read once more, without faults.
    store.set_faults(Faults::default());
    for asked in plan
        .paths()
        .iter()
        .map(|path| Asked::Read(path))
        .chain(plan.folders().iter().map(|path| Asked::List(path)))
    {
        let tree = instance(random.next());
        let mut running: Running = Box::pin({
            let asked = asked.clone();
            async move { ask(&tree, &asked).await }
        });
        let Poll::Ready(said) = running.as_mut().poll(&mut context) else {
            panic!("seed {seed}: a store without delays answers at once");
        };
        time += 1;
        history.push(Event {
            op: (asked, said),
            called: time,
            returned: Some(time),
        });
        time += 1;
    }
    history
}

/// Counts the results and the writes without one, or returns the history that no order explains.
pub fn judge(mut history: Vec<Event<Op>>) -> Result<(usize, usize), String> {
    // Reads without a result are meaningless.
    history.retain(|event| !matches!(event.op, (Asked::Read(_) | Asked::List(_), Said::Nothing)));
    if is_linearizable(&Sequential::default(), &history) {
        let answered = history.iter().filter(|event| event.returned.is_some());
        let answered = answered.count();
        return Ok((answered, history.len() - answered));
    }
    history.sort_by_key(|event| event.called);
    let mut text = String::new();
    for event in &history {
        let (called, returned) = (event.called, event.returned.unwrap_or(0));
        let _ = writeln!(text, "{called:>5} {returned:>5} {:?}", event.op);
    }
    Err(text)
}
