//! Prints what requests to the Worker cost in workerd: `cargo run --example measure -p functions-cloudflare`, after
//! `cargo xtask worker --tests`.
//!
//! Processor time is that of the whole workerd process, in which wrangler runs its stand-in for R2 too: what
//! uses the bucket costs less than it says. Hashing a password is the difference between a right and
//! a too long password, which is refused before it is hashed.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints figures, and has nobody to report to"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{FUNCTIONS, Worker, free_address};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Requests of one kind.
const ROUNDS: u32 = 100;
const PASSWORD: &str = "correct horse";

struct Bench {
    worker: Worker,
    address: SocketAddr,
    client: Client,
}

impl Bench {
    fn start(cost: &str) -> Self {
        let address = free_address();
        let variables = [
            ("SUBSPACE_ORIGIN", format!("http://{address}")),
            ("SUBSPACE_MASTER_KEY", "0f".repeat(32)),
            ("SUBSPACE_SETUP_TOKEN", "set-up".to_owned()),
            ("SUBSPACE_PASSWORD_COST", cost.to_owned()),
        ];
        let worker = Worker::start(FUNCTIONS, address, &variables, &[]);
        let client = Client::new();
        Self {
            worker,
            address,
            client,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url)
    }

    async fn sign_up(&self) -> String {
        let account = json!({"name": "alice", "password": PASSWORD, "setup": "set-up"});
        let request = self.request(Method::POST, "/api/accounts").json(&account);
        let made = request.send().await.unwrap();
        assert_eq!(made.status(), StatusCode::CREATED);
        let session: Value = made.json().await.unwrap();
        let session = session["token"].as_str().unwrap().to_owned();
        let grant = json!({"kind": "app", "client": "measure", "scopes": "notes:rw"});
        let request = self.request(Method::POST, "/api/grants").json(&grant);
        let made = request.bearer_auth(session).send().await.unwrap();
        let grant: Value = made.json().await.unwrap();
        grant["token"].as_str().unwrap().to_owned()
    }

    fn sign_in(&self, password: &str) -> RequestBuilder {
        let body = json!({"name": "alice", "password": password});
        self.request(Method::POST, "/api/session").json(&body)
    }

    /// Sends requests one after the other; returns processor time and time of one, in milliseconds.
    async fn measure(
        &self,
        what: &str,
        rounds: u32,
        status: u16,
        request: impl Fn(u32) -> RequestBuilder,
    ) -> f64 {
        let (before, start) = (self.worker.processor_time(), Instant::now());
        for round in 0..rounds {
            let answer = request(round).send().await.unwrap();
            assert_eq!(answer.status(), status, "{what}");
            answer.bytes().await.unwrap();
        }
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / f64::from(rounds);
        let (processor, time) = (
            each(self.worker.processor_time() - before),
            each(start.elapsed()),
        );
        println!("{what:<28} {processor:>8.2} {time:>8.2}");
        processor
    }
}

#[tokio::main]
async fn main() {
    println!("milliseconds                processor     time");
    for cost in ["usual", "light"] {
        let bench = tokio::task::spawn_blocking(move || Bench::start(cost))
            .await
            .unwrap();
        if cost == "usual" {
            requests(&bench).await;
        } else {
            bench.sign_up().await;
        }
        // Every wrong password counts, and soon has to wait.
        let long = "x".repeat(2_000);
        let refused = bench
            .measure("sign in, refused early", 4, 401, |_| bench.sign_in(&long))
            .await;
        let hashed = bench
            .measure(&format!("sign in, cost {cost}"), 20, 201, |_| {
                bench.sign_in(PASSWORD)
            })
            .await;
        println!(
            "{:<28} {:>8.2}",
            format!("password hash, cost {cost}"),
            hashed - refused
        );
    }
}

async fn requests(bench: &Bench) {
    let get = |path: &'static str| move |_| bench.request(Method::GET, path);
    bench
        .measure("first request", 1, 200, get("/healthz"))
        .await;
    bench.measure("healthz", ROUNDS, 200, get("/healthz")).await;
    let token = bench.sign_up().await;
    let storage = |method: Method, name: &str| {
        bench
            .request(method, &format!("/storage/alice/notes/{name}"))
            .bearer_auth(&token)
    };
    let put = |round: u32| {
        storage(Method::PUT, &format!("n{round}"))
            .header("content-type", "text/plain")
            .body("x".repeat(1000))
    };
    bench.measure("document PUT, 1 kB", ROUNDS, 201, put).await;
    let read = |_| storage(Method::GET, "n1");
    bench.measure("document GET, 1 kB", ROUNDS, 200, read).await;
    let list = |_| storage(Method::GET, "");
    bench
        .measure("folder GET, 100 documents", ROUNDS, 200, list)
        .await;
    let listing = storage(Method::GET, "").send().await.unwrap();
    let version = listing.headers()["etag"].to_str().unwrap().to_owned();
    let poll = |_| storage(Method::GET, "").header("if-none-match", &version);
    bench
        .measure("folder poll, unchanged", ROUNDS, 304, poll)
        .await;
    let large = |_| {
        storage(Method::PUT, "large")
            .header("content-type", "text/plain")
            .body(vec![7_u8; 10 << 20])
    };
    let first = large(0).send().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    bench.measure("document PUT, 10 MiB", 5, 200, large).await;
    let read = |_| storage(Method::GET, "large");
    bench.measure("document GET, 10 MiB", 5, 200, read).await;
}
