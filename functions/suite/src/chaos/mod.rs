//! Ten writers over HTTP, through two instances of a host over one store, under all kinds of faults.
//!
//! A host implements [`Instances`] and calls [`run`]. The work is divided into histories, each with a separate account,
//! short enough to be checked: is there an order in which a simple, sequential tree would have given all those
//! responses? A request without a response (a broken connection, a killed instance, 503) may or may not have been
//! carried out.
//!
//! The seed determines the requests, the faults and the kills; the order in time is the machine's. So the same seed
//! sends the same requests again, but may get other responses.

mod asking;
mod judge;
#[path = "../../../../storage-adapter/tests/support/linear.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of the tree"
)]
mod linear;
mod processes;
#[path = "../../../../storage-adapter/tests/support/sequential.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of the tree"
)]
mod sequential;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{LIMIT, PASSWORD, Random, SETUP, client};
use asking::{Asker, FOLDERS, Known, PATHS, choose};
use judge::{Judgement, judge};
use linear::Event;
use sequential::{Asked, Op, Said};

pub use processes::Processes;

/// Concurrent writers.
const WRITERS: usize = 10;
/// Operations of each one per history.
const OPERATIONS: usize = 5;
/// How long the run within the suite is.
const SHORT: Duration = Duration::from_secs(10);
/// The fewest histories, however slow the machine is: enough for each kind of fault.
const FEWEST: u64 = 3;
/// The most attempts for a response when nothing fails.
const PATIENCE: usize = 100;

/// Two instances of a host over one store.
pub trait Instances: Send + Sync + 'static {
    /// The host's name.
    fn name(&self) -> &'static str;

    /// Converts a path to a request to one of them.
    fn request(&self, client: &Client, which: usize, method: &str, path: &str) -> RequestBuilder;

    /// Makes the store fail from now on, from a seed; `None` stops it.
    fn faults(&self, seed: Option<u64>) -> impl Future<Output = ()> + Send;

    /// Kills one without warning and restarts it at the same address; false if that is not possible here.
    fn crash(&self, which: usize) -> impl Future<Output = bool> + Send;
}

/// Runs histories and judges each: as many as `CHAOS_SECONDS` permits, or a few. The first seed is `SEED`, or derived
/// from the time of day in a long run, and is printed. Returns the instances, which are still running.
///
/// # Panics
///
/// If no order explains the responses of a history: shows its seed and the smallest part that is wrong.
#[allow(clippy::print_stdout, reason = "a long run says how it goes")]
pub async fn run<I: Instances>(instances: I) -> Arc<I> {
    let number = |name| {
        let text: Option<String> = std::env::var(name).ok();
        text.and_then(|text| text.parse::<u64>().ok())
    };
    let long = number("CHAOS_SECONDS");
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let random = long.and_then(|_| time.ok()).map(|time| time.as_secs());
    let first = number("SEED").or(random).unwrap_or(1);
    let name = instances.name();
    println!("{name}: the first seed is {first}");
    let limit = long.map_or(SHORT, Duration::from_secs);
    let instances = Arc::new(instances);
    let admin = Admin::set_up(&*instances).await;
    let (start, mut seed) = (Instant::now(), first);
    let mut sum = Sum::default();
    while start.elapsed() < limit || seed < first + FEWEST {
        let begun = Instant::now();
        let (events, crashed) = history(&instances, &admin, seed).await;
        let happened = begun.elapsed();
        sum.crashes += u64::from(crashed);
        let judgement = judge(events);
        if long.is_some() {
            let (all, kill) = (begun.elapsed(), if crashed { ", one killed" } else { "" });
            println!("{name}: SEED={seed} took {happened:.1?}, judged after {all:.1?}{kill}");
        }
        match judgement {
            Judgement::Explained { answers, in_doubt } => {
                sum.answers += answers;
                sum.in_doubt += in_doubt;
            }
            Judgement::Undecided => sum.undecided += 1,
            Judgement::Wrong(smallest) => panic!(
                "{name}: no order explains these answers; try again with SEED={seed}\n{smallest}"
            ),
        }
        seed += 1;
    }
    let histories = seed - first;
    let Sum {
        answers,
        in_doubt,
        undecided,
        crashes,
    } = sum;
    println!(
        "{name}: {histories} histories in {} s, {answers} answers explained, {in_doubt} writes in doubt, \
         {crashes} instances killed, {undecided} histories too large to decide",
        start.elapsed().as_secs()
    );
    assert!(answers > in_doubt, "most operations are answered");
    assert!(undecided * 10 <= histories, "most histories can be decided");
    instances
}

#[derive(Default)]
struct Sum {
    answers: usize,
    in_doubt: usize,
    undecided: u64,
    crashes: u64,
}

/// The first account, which invites the others.
struct Admin {
    client: Client,
    session: String,
}

impl Admin {
    async fn set_up(instances: &impl Instances) -> Self {
        let admin = Self {
            client: client(),
            session: String::new(),
        };
        let account = json!({"name": "alice", "password": PASSWORD, "setup": SETUP});
        let made = admin.api(instances, "/api/accounts", "", &account).await;
        let session = made["token"].as_str().unwrap().to_owned();
        Self { session, ..admin }
    }

    /// Creates an account and returns a token for all of its storage.
    async fn account(&self, instances: &impl Instances, name: &str) -> String {
        let invite = self
            .api(instances, "/api/invites", &self.session, &json!({}))
            .await;
        let account = json!({"name": name, "password": PASSWORD, "invite": invite["token"]});
        let session = self.api(instances, "/api/accounts", "", &account).await;
        let session = session["token"].as_str().unwrap();
        let grant = json!({"kind": "app", "client": "chaos", "scopes": "*:rw"});
        let grant = self.api(instances, "/api/grants", session, &grant).await;
        grant["token"].as_str().unwrap().to_owned()
    }

    async fn api(
        &self,
        instances: &impl Instances,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Value {
        let request = instances.request(&self.client, 0, "POST", path);
        let request = if token.is_empty() {
            request
        } else {
            request.bearer_auth(token)
        };
        let answer = request.json(body).timeout(LIMIT).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// Runs one history; also returns whether an instance was killed during it.
async fn history<I: Instances>(
    instances: &Arc<I>,
    admin: &Admin,
    seed: u64,
) -> (Vec<Event<Op>>, bool) {
    let mut random = Random(seed);
    let account = format!("chaos-{seed}");
    let token = admin.account(&**instances, &account).await;
    let asker = Arc::new(Asker {
        instances: Arc::clone(instances),
        client: client(),
        account,
        token,
        known: Known::default(),
    });
    let clock = Arc::new(AtomicU64::new(0));
    let answered = Arc::new(AtomicUsize::new(0));
    // One history in four has only kills, and two of the others only store faults.
    let (failing, dying) = (!seed.is_multiple_of(4), seed.is_multiple_of(2));
    if failing {
        instances.faults(Some(random.draw())).await;
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (asker, clock) = (Arc::clone(&asker), Arc::clone(&clock));
        let (answered, mut random) = (Arc::clone(&answered), Random(random.draw()));
        writers.spawn(async move {
            let mut events = Vec::new();
            for _ in 0..OPERATIONS {
                let asked = choose(&mut random, &asker.known);
                // Most writers stay with their instance, but nothing guarantees that.
                let which = (writer + usize::from(random.below(5) == 0)) % 2;
                // Some disconnect before they get a response.
                let patience = match random.below(30) {
                    0 => Duration::from_millis(random.below(40) as u64),
                    _ => LIMIT,
                };
                let called = clock.fetch_add(1, Ordering::SeqCst);
                let said = asker.ask(which, &asked, patience).await;
                let time = clock.fetch_add(1, Ordering::SeqCst);
                answered.fetch_add(1, Ordering::SeqCst);
                let returned = (!matches!(said, Said::Nothing)).then_some(time);
                events.push(Event {
                    op: (asked.asked, said),
                    called,
                    returned,
                });
            }
            events
        });
    }
    let mut crashed = false;
    if dying {
        let (which, after) = (random.below(2), random.below(WRITERS * OPERATIONS / 2));
        while answered.load(Ordering::SeqCst) < after {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        crashed = instances.crash(which).await;
    }
    let mut events = Vec::new();
    while let Some(writer) = writers.join_next().await {
        events.extend(writer.unwrap());
    }
    instances.faults(None).await;
    // At the end everything is read once more, from both in turn.
    let reads = PATHS.iter().map(|path| Asked::Read(path));
    for (which, asked) in reads
        .chain(FOLDERS.iter().map(|path| Asked::List(path)))
        .enumerate()
    {
        let asked = asking::Question::plain(asked);
        let mut tries = 0;
        let (called, said) = loop {
            let called = clock.fetch_add(1, Ordering::SeqCst);
            match asker.ask(which % 2, &asked, LIMIT).await {
                Said::Nothing => {
                    tries += 1;
                    assert!(tries < PATIENCE, "SEED={seed}: nobody answers any more");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                said => break (called, said),
            }
        };
        let returned = Some(clock.fetch_add(1, Ordering::SeqCst));
        events.push(Event {
            op: (asked.asked, said),
            called,
            returned,
        });
    }
    (events, crashed)
}

/// A listing: versions, and whether it is a folder.
type Listed = BTreeMap<String, (storage_adapter::Version, bool)>;
