//! A small S3 server in the test's process. It decides conditions and writes under one lock, so its responses are
//! atomic; it checks signatures; and it fails on demand, from a seed.

#![allow(unreachable_pub, reason = "a test's own module")]
#![allow(clippy::unwrap_used, reason = "tests may fail")]

mod answers;
mod operations;
mod signature;

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use answers::Answer;

pub const BUCKET: &str = "chat";
pub const KEY_ID: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const REGION: &str = "eu-central-1";

/// The faults; probabilities are in percent of the requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The seed of the random numbers.
    pub seed: u64,
    /// 503 SlowDown; nothing happens.
    pub slow_down: u8,
    /// 500 InternalError; half of the time it happened nevertheless.
    pub internal: u8,
    /// 409 ConditionalRequestConflict for writes with conditions; nothing happens.
    pub conflict: u8,
    /// The connection is closed before anything happens.
    pub cut_before: u8,
    /// It happens, and the connection is closed instead of a response.
    pub lose_reply: u8,
    /// The body of a response breaks off.
    pub truncate: u8,
}

/// The server's features.
#[derive(Clone, Copy, Debug, Default)]
pub struct Abilities {
    /// Conditions of PUT; otherwise silently ignored, as by Garage.
    pub conditions: bool,
    /// Conditions of CompleteMultipartUpload.
    pub conditions_of_parts: bool,
    /// `If-Match` is accepted for missing objects, as by some servers.
    pub matches_nothing: bool,
}

#[derive(Clone, Debug)]
pub struct Stored {
    pub bytes: Bytes,
    pub etag: String,
    pub metadata: Vec<(String, String)>,
}

#[derive(Debug)]
pub struct Upload {
    pub key: String,
    pub metadata: Vec<(String, String)>,
    pub parts: BTreeMap<u32, (String, Bytes)>,
}

#[derive(Debug, Default)]
pub struct State {
    pub objects: BTreeMap<String, Stored>,
    pub uploads: HashMap<String, Upload>,
    pub faults: Faults,
    pub random: u64,
    pub serial: u64,
    /// Whether `DeleteObjects` is unsupported, as by Google's servers.
    pub no_groups: bool,
    /// Everything is answered with 404, as by a proxy that does not know of the server.
    pub lost: bool,
    /// Blanks at the end of each answer that is a text of the server's own.
    pub padding: usize,
    /// Bytes of objects written so far.
    pub written: u64,
    /// Requests so far, by method.
    pub requests: BTreeMap<String, u64>,
}

impl State {
    /// SplitMix64.
    pub fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.next() % 100 < u64::from(percent)
    }
}

/// A server on a free port; it stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Stands for a broken connection: hyper closes it when the service fails.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

impl Server {
    pub async fn start(abilities: Abilities) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| {
                    let state = Arc::clone(&state);
                    async move { answer(&state, abilities, request).await }
                });
                tokio::spawn(async move {
                    let _cut_or_closed = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state.lock().unwrap();
        state.faults = faults;
        state.random = faults.seed;
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

type Body = http_body_util::combinators::BoxBody<Bytes, Cut>;

async fn answer(
    state: &Mutex<State>,
    abilities: Abilities,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(Cut);
    };
    let body = body.to_bytes();
    if let Err(answer) = signature::check(&head, &body) {
        return Ok(answer.into_response(false));
    }
    let (answer, truncate) = {
        let mut state = state.lock().unwrap();
        *state.requests.entry(head.method.to_string()).or_default() += 1;
        let faults = state.faults;
        let conditional =
            head.headers.contains_key("if-match") || head.headers.contains_key("if-none-match");
        if state.chance(faults.cut_before) {
            return Err(Cut);
        }
        if state.chance(faults.slow_down) {
            let slow = Answer::error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
            return Ok(slow.into_response(false));
        }
        if conditional && head.method != http::Method::GET && state.chance(faults.conflict) {
            let conflict = Answer::error(StatusCode::CONFLICT, "ConditionalRequestConflict");
            return Ok(conflict.into_response(false));
        }
        let internal = state.chance(faults.internal);
        if internal && state.chance(50) {
            let failed = Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
            return Ok(failed.into_response(false));
        }
        let answer = operations::perform(&mut state, abilities, &head, body);
        let answer = answer.padded(state.padding);
        if internal {
            let failed = Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
            return Ok(failed.into_response(false));
        }
        if state.chance(faults.lose_reply) {
            return Err(Cut);
        }
        (answer, state.chance(faults.truncate))
    };
    Ok(answer.into_response(truncate))
}

/// A body that announces its length, and breaks off in the middle.
struct Broken {
    half: Option<Bytes>,
    length: u64,
}

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Cut>>> {
        let next = self
            .half
            .take()
            .map(|half| Ok(hyper::body::Frame::data(half)));
        std::task::Poll::Ready(next.or(Some(Err(Cut))))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.length)
    }
}

fn whole(bytes: Bytes) -> Body {
    let never = |never: Infallible| match never {};
    Full::new(bytes).map_err(never).boxed()
}
