//! A small stand-in for the functions: accepts signed requests, and fails when told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use protocol::{
    Assignment, Assignments, Event, EventBatch, EventReceipt, Timestamp, verify_request,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

pub const KEY: &[u8] = b"the key of tests";
pub const ID: &str = "irc";

/// How the response to a batch fails.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// This status, with nothing stored.
    Status(u16),
    /// 429 with `Retry-After: 0`.
    Later,
    /// The connection is closed before anything is read.
    Cut,
    /// Everything is stored, but the response is lost.
    Lost,
    /// The response is not JSON.
    Garbage,
}

#[derive(Default)]
pub struct State {
    pub assignments: Vec<Assignment>,
    pub failures: VecDeque<Failure>,
    /// Every batch that was stored, including repeats.
    pub batches: Vec<Vec<Event>>,
    pub requests: usize,
    /// Paths with queries of all requests, in order.
    pub asked: Vec<String>,
    /// A batch with one of these events gets no response; other batches do.
    pub silent: Vec<String>,
    /// No batch gets a response.
    pub mute: bool,
    /// A batch with an event of one of these accounts gets a 503 response.
    pub unavailable: Vec<String>,
    /// A batch with one of these events gets a 422 response.
    pub unprocessable: Vec<String>,
    /// Events with these ids are refused.
    pub refuse: Vec<String>,
    /// These accounts were removed: their events are refused.
    pub removed: Vec<String>,
    /// Messages of these accounts must wait.
    pub away: Vec<String>,
    /// Ended grants and ended calls.
    pub ended: Vec<String>,
    pub ended_calls: Vec<String>,
    /// No response to requests about sessions and calls.
    pub sessions_mute: bool,
    /// The version of `ended` returned by the next request.
    pub version: String,
    /// Queued tasks as on the wire, and their outcomes.
    pub outbox: Vec<serde_json::Value>,
    pub receipts: Vec<protocol::OutboxReceipt>,
    /// The next response with all assignments is prepared at once, and sent when this is notified.
    pub hold: Option<Arc<tokio::sync::Notify>>,
    /// Responses being held back.
    pub holding: usize,
}

pub struct Functions {
    pub origin: String,
    pub address: SocketAddr,
    pub state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Functions {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Functions {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let cut = {
                    let mut state = state.lock().unwrap();
                    let cut = matches!(state.failures.front(), Some(Failure::Cut));
                    if cut {
                        state.failures.pop_front();
                        state.requests += 1;
                    }
                    cut
                };
                connections.spawn(async move {
                    if cut {
                        let _ = stream.read(&mut [0; 10]).await;
                        return;
                    }
                    let service = hyper::service::service_fn(move |request| {
                        answer(Arc::clone(&state), request)
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .keep_alive(false)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            origin: format!("http://{address}"),
            address,
            state,
            task,
        }
    }

    /// Every stored event, in the order of first storage.
    pub fn stored(&self) -> Vec<Event> {
        let mut stored: Vec<Event> = Vec::new();
        for event in self.state.lock().unwrap().batches.iter().flatten() {
            if !stored.iter().any(|known| known.id == event.id) {
                stored.push(event.clone());
            }
        }
        stored
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name| parts.headers.get(name).unwrap().to_str().unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_millis() as i64;
    let time = Timestamp::from_millis(header(protocol::TIME_HEADER).parse().unwrap());
    assert_eq!(header(protocol::CONNECTOR_HEADER), ID);
    verify_request(
        KEY,
        parts.method.as_str(),
        path,
        time,
        &body,
        header(protocol::SIGNATURE_HEADER),
        Timestamp::from_millis(now),
    )
    .expect("every request is signed");
    state.lock().unwrap().asked.push(path.to_owned());
    let json = |value: serde_json::Value| Ok(Response::new(Full::from(value.to_string())));
    if parts.uri.path_and_query().unwrap() == "/connector/assignments" && parts.method == "GET" {
        let (held, answer) = {
            let mut state = state.lock().unwrap();
            let assignments = state.assignments.clone();
            state.holding += usize::from(state.hold.is_some());
            let assigned = Assignments {
                assignments,
                ..Assignments::default()
            };
            (state.hold.take(), assigned)
        };
        if let Some(held) = held {
            held.notified().await;
        }
        return json(serde_json::to_value(answer).unwrap());
    }
    let mut state = state.lock().unwrap();
    match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/connector/events") => {
            state.requests += 1;
            let failure = state.failures.pop_front();
            let status = |status: u16| {
                let response = Response::builder()
                    .status(status)
                    .header("retry-after", "0");
                Ok(response.body(Full::from("{}")).unwrap())
            };
            match failure {
                Some(Failure::Status(code)) => return status(code),
                Some(Failure::Later) => return status(429),
                Some(Failure::Cut) => return Err(std::io::Error::other("cut")),
                _ => {}
            }
            let batch: EventBatch = serde_json::from_slice(&body).unwrap();
            let ends = |event: &Event| state.silent.contains(&event.id);
            if state.mute || batch.events.iter().any(ends) {
                return Err(std::io::Error::other("no answer"));
            }
            let fails = |event: &Event| {
                let account = event.account.as_str();
                state.unavailable.iter().any(|failing| failing == account)
            };
            if batch.events.iter().any(fails) {
                return status(503);
            }
            let is_too_much = |event: &Event| state.unprocessable.contains(&event.id);
            if batch.events.iter().any(is_too_much) {
                return status(422);
            }
            let is_removed = |event: &&Event| {
                state
                    .removed
                    .iter()
                    .any(|gone| event.account.as_str() == gone)
            };
            let of_removed = batch.events.iter().filter(is_removed);
            let mut removed: Vec<_> = of_removed.map(|event| event.account.clone()).collect();
            removed.sort();
            removed.dedup();
            let refused: Vec<_> = batch
                .events
                .iter()
                .filter(|event| state.refuse.contains(&event.id) || is_removed(event))
                .map(|event| protocol::RefusedEvent {
                    id: event.id.clone(),
                    reason: "it is a test".to_owned(),
                })
                .collect();
            let (kept, waiting): (Vec<Event>, Vec<Event>) =
                batch.events.into_iter().partition(|event| {
                    let message = matches!(event.body, protocol::EventBody::Message { .. });
                    !message || !state.away.iter().any(|away| event.account.as_str() == away)
                });
            let mut away: Vec<_> = waiting.into_iter().map(|event| event.account).collect();
            away.dedup();
            let receipt = EventReceipt {
                elsewhere: Vec::new(),
                stored: kept.len() - refused.len(),
                refused,
                removed,
                waiting: away
                    .into_iter()
                    .map(|account| protocol::WaitingAccount {
                        account,
                        reason: "it is a test".to_owned(),
                        retry_after: 0,
                    })
                    .collect(),
            };
            remember(&mut state.assignments, &kept);
            state.batches.push(kept);
            match failure {
                Some(Failure::Lost) => Err(std::io::Error::other("lost")),
                Some(Failure::Garbage) => Ok(Response::new(Full::from("<html>"))),
                _ => json(serde_json::to_value(receipt).unwrap()),
            }
        }
        (&Method::GET, "/connector/assignments") => {
            let account = parts
                .uri
                .query()
                .and_then(|query| query.strip_prefix("account="));
            let wanted =
                |a: &&Assignment| account.is_none_or(|account| a.account.as_str() == account);
            let assignments = state.assignments.iter().filter(wanted).cloned().collect();
            let assigned = Assignments {
                assignments,
                ..Assignments::default()
            };
            json(serde_json::to_value(assigned).unwrap())
        }
        (&Method::GET, "/connector/outbox") if parts.uri.query().is_none() => {
            json(serde_json::json!({"items": state.outbox}))
        }
        (&Method::GET, "/connector/outbox") => json(serde_json::json!({"items": []})),
        (&Method::POST, "/connector/outbox") => {
            let receipt: protocol::OutboxReceipt = serde_json::from_slice(&body).unwrap();
            let ended: Vec<&String> = receipt
                .done
                .iter()
                .chain(receipt.refused.iter().map(|refused| &refused.id))
                .collect();
            state
                .outbox
                .retain(|item| !ended.iter().any(|id| item["id"] == id.as_str()));
            state.receipts.push(receipt);
            let response = Response::builder().status(204);
            Ok(response.body(Full::default()).unwrap())
        }
        (_, "/connector/sessions") if state.sessions_mute => {
            Err(std::io::Error::other("no answer"))
        }
        (&Method::GET, "/connector/sessions") => {
            json(serde_json::json!({"version": state.version}))
        }
        (&Method::POST, "/connector/sessions") => {
            let query: protocol::SessionsQuery = serde_json::from_slice(&body).unwrap();
            let over = |session: &protocol::SessionRef| {
                session
                    .grant
                    .as_ref()
                    .is_some_and(|grant| state.ended.contains(grant))
            };
            let answer = protocol::SessionsAnswer {
                version: state.version.clone(),
                ended: query.sessions.into_iter().filter(over).collect(),
                ended_calls: query
                    .calls
                    .into_iter()
                    .filter(|call| state.ended_calls.contains(call))
                    .collect(),
            };
            json(serde_json::to_value(answer).unwrap())
        }
        // Every account's password is `pw-` and its name; its grant is `irc-` and its name.
        (&Method::POST, "/connector/authenticate") => {
            let asked: protocol::AuthenticateRequest = serde_json::from_slice(&body).unwrap();
            let grant = format!("irc-{}", asked.name);
            let right =
                asked.password == format!("pw-{}", asked.name) && !state.ended.contains(&grant);
            let answer = protocol::AuthenticateResponse {
                account: asked.name.parse().ok().filter(|_| right),
                grant: right.then_some(grant),
                ..protocol::AuthenticateResponse::default()
            };
            json(serde_json::to_value(answer).unwrap())
        }
        (&Method::POST, "/connector/assignments") => {
            let assignment: Assignment = serde_json::from_slice(&body).unwrap();
            state.assignments.push(assignment.clone());
            json(serde_json::to_value(assignment).unwrap())
        }
        _ => Ok(Response::builder()
            .status(404)
            .body(Full::from("{}"))
            .unwrap()),
    }
}

/// A connection that joined a channel has it in its next assignment, and one that left does not.
fn remember(assignments: &mut [Assignment], events: &[Event]) {
    for event in events {
        let of = |a: &&mut Assignment| a.account == event.account;
        let Some(assignment) = assignments.iter_mut().find(of) else {
            continue;
        };
        let channels = &mut assignment.connection.channels;
        match &event.body {
            protocol::EventBody::Joined { channel } if !channels.contains(channel) => {
                channels.push(channel.clone());
            }
            protocol::EventBody::Left { channel } => channels.retain(|known| known != channel),
            _ => {}
        }
    }
}

/// Creates an assignment on the test network.
pub fn assignment(account: &str, nick: &str, channels: &[&str]) -> Assignment {
    serde_json::from_value(serde_json::json!({
        "account": account,
        "connection": {
            "version": 1, "id": format!("{account}1"), "platform": "irc", "name": "Test", "server": "irc.test",
            "host": "irc.test", "port": 6697, "secure": true, "nick": nick, "sasl": true,
            "channels": channels, "enabled": true, "connector": ID, "created": "2026-01-15T10:00:00.000Z"
        }
    }))
    .unwrap()
}

/// Returns the ticket of a call's `n`th participant.
pub fn call_ticket(call: &str, n: u32) -> String {
    ticket_without_account(call, &format!("p{n}"), &format!("name {n}"), n == 1)
}

/// Returns the ticket of a call's guest.
pub fn guest_ticket(call: &str, peer: &str, name: &str) -> String {
    ticket_without_account(call, peer, name, false)
}

fn ticket_without_account(call: &str, peer: &str, name: &str, moderator: bool) -> String {
    let ticket = protocol::CallTicket {
        call: call.to_owned(),
        peer: peer.to_owned(),
        name: name.to_owned(),
        guest: !moderator,
        connector: ID.to_owned(),
        expires: Timestamp::from_millis(4_000_000_000_000),
        account: None,
        grant: None,
        moderator,
    };
    ticket.sign(KEY)
}

/// Returns the ticket of a member in a call.
pub fn member_ticket(call: &str, peer: &str, account: &str, moderator: bool) -> String {
    let ticket = protocol::CallTicket {
        call: call.to_owned(),
        peer: peer.to_owned(),
        name: account.to_owned(),
        guest: false,
        connector: ID.to_owned(),
        expires: Timestamp::from_millis(4_000_000_000_000),
        account: Some(account.parse().unwrap()),
        grant: Some(format!("grant-{account}")),
        moderator,
    };
    ticket.sign(KEY)
}

/// Creates a ticket for an account that expires in `millis` milliseconds.
pub fn ticket(account: &str, connector: &str, millis: i64) -> String {
    ticket_of(account, &format!("grant-{account}"), connector, millis)
}

/// Creates a ticket from an account's grant.
pub fn ticket_of(account: &str, grant: &str, connector: &str, millis: i64) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_millis() as i64;
    let ticket = protocol::Ticket {
        account: account.parse().unwrap(),
        connector: connector.to_owned(),
        expires: Timestamp::from_millis(now + millis),
        grant: Some(grant.to_owned()),
    };
    ticket.sign(KEY)
}
