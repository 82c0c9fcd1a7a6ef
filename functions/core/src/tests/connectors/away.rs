//! Archives on an external server: a second installation, with faults on the way to it.

mod answers;
mod costs;
mod in_place;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Setup, message, send, setup};
use crate::kernel::host::FetchError;
use crate::testing::{Reply, TestFunctions, functions_with};

const ELSEWHERE: &str = "elsewhere.example";
const ARCHIVE: &str = "/storage/carol/chat-messages/irc.example/channels/";
const DAY: &str = "a/2026/01/10";
const MORNING: &str = "2026-01-10T10:00:00Z";

/// The fate of a request.
enum Way {
    /// It gets a response.
    On,
    /// It never arrives.
    Cut,
    /// It is carried out, but the response is lost.
    Lost,
    /// The response is half a document under another version, as from a server that writes in place.
    Half,
    /// Something else responds.
    Answer(u16, Option<&'static str>, &'static str),
}

type Script = Box<dyn FnMut(&str) -> Way + Send>;

struct Away {
    here: Setup,
    elsewhere: Arc<TestFunctions>,
    token: String,
    script: Arc<Mutex<Script>>,
    log: Arc<Mutex<Vec<String>>>,
}

fn request(functions: &TestFunctions, request: &Request<Bytes>) -> Reply {
    let headers: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let target = request.uri().path_and_query().unwrap().as_str();
    let body = request.body().clone();
    functions.request(request.method().as_str(), target, &headers, body)
}

/// What is logged and what scripts match: method, path and condition.
fn line(asked: &Request<Bytes>) -> String {
    let path = asked.uri().path();
    let path = path.strip_prefix(ARCHIVE).unwrap_or(path);
    let condition = [header::IF_MATCH, header::IF_NONE_MATCH]
        .iter()
        .find_map(|name| {
            Some(format!(
                " {name}: {}",
                asked.headers().get(name)?.to_str().ok()?
            ))
        });
    format!("{} {path}{}", asked.method(), condition.unwrap_or_default())
}

fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

impl Away {
    fn new() -> Self {
        let elsewhere = Arc::new(functions_with(|config| {
            config.origin = format!("https://{ELSEWHERE}");
        }));
        elsewhere.sign_up("carol");
        let away = Self {
            here: setup(),
            token: elsewhere.grant("carol", "chat-messages:rw"),
            elsewhere,
            script: Arc::new(Mutex::new(Box::new(|_| Way::On))),
            log: Arc::default(),
        };
        away.here.functions.sign_up("bob");
        let (script, log) = (Arc::clone(&away.script), Arc::clone(&away.log));
        let elsewhere = Arc::clone(&away.elsewhere);
        let network = move |asked: Request<Bytes>| {
            let broken = |words: &str| {
                let host = asked.uri().host().unwrap_or_default().to_owned();
                Err(FetchError::Unreachable(host, words.to_owned()))
            };
            if asked.uri().host() != Some(ELSEWHERE) {
                return broken("nobody is there");
            }
            let line = line(&asked);
            let way = script.lock().unwrap()(&line);
            log.lock().unwrap().push(line);
            match way {
                Way::Cut => broken("cut"),
                Way::Answer(status, after, body) => {
                    let mut headers = HeaderMap::new();
                    if let Some(after) = after {
                        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(after));
                    }
                    let status = StatusCode::from_u16(status).unwrap();
                    Ok(response(
                        status,
                        headers,
                        Bytes::from_static(body.as_bytes()),
                    ))
                }
                Way::On | Way::Lost | Way::Half => {
                    let mut reply = request(&elsewhere, &asked);
                    if matches!(way, Way::Lost) {
                        return broken("lost");
                    }
                    if matches!(way, Way::Half) {
                        reply.body.truncate(reply.body.len() / 2);
                        let old = HeaderValue::from_static("\"old\"");
                        reply.headers.insert(header::ETAG, old);
                    }
                    Ok(response(reply.status, reply.headers, reply.body))
                }
            }
        };
        *away.here.functions.host().network.lock().unwrap() = Some(Box::new(network));
        let place = json!({"user_address": format!("carol@{ELSEWHERE}"), "token": away.token});
        let connected = away
            .here
            .functions
            .api("PUT", "/api/archive", &away.here.session, place);
        assert_eq!(connected.status, 200, "{connected:?}");
        away.log.lock().unwrap().clear();
        away
    }

    fn script(&self, script: impl FnMut(&str) -> Way + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
        self.log.lock().unwrap().clear();
    }

    /// The requests since the script was set.
    fn asked(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Reads there, bypassing all faults.
    fn read(&self, path: &str) -> Option<Value> {
        let bearer = format!("Bearer {}", self.token);
        let reply = self.elsewhere.request(
            "GET",
            &format!("{ARCHIVE}{path}"),
            &[("authorization", &bearer)],
            "",
        );
        (reply.status == 200).then(|| reply.json())
    }

    fn texts(&self, day: &str) -> Vec<String> {
        let document = self.read(day).unwrap_or_default();
        let messages = document["today"]["messages"].as_array();
        let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
        messages.into_iter().flatten().map(text).collect()
    }

    /// Sends alice's messages of one channel and day, each with its text as its id, along with one of bob's, which
    /// never waits.
    fn send(&self, time: &str, texts: &[&str]) -> Value {
        let own = texts
            .iter()
            .map(|text| message("alice", text, "#a", time, text));
        let bob = message("bob", texts[0], "#a", time, "bob's");
        let events: Vec<Value> = own.chain([bob]).collect();
        let receipt = send(&self.here.functions, &events);
        let stored = if receipt.get("waiting").is_some() {
            assert_eq!(receipt["waiting"].as_array().unwrap().len(), 1, "{receipt}");
            assert_eq!(receipt["waiting"][0]["account"], "alice", "{receipt}");
            1
        } else {
            texts.len() + 1
        };
        assert_eq!(receipt["stored"], stored, "{receipt}");
        receipt
    }

    /// Sends messages that must be stored at once.
    fn stored(&self, time: &str, texts: &[&str]) {
        let receipt = self.send(time, texts);
        assert!(receipt.get("waiting").is_none(), "{receipt}");
        assert_eq!(self.state()["state"], "ok");
    }

    /// Sends messages that must wait; returns for how many seconds.
    fn waits(&self, time: &str, texts: &[&str]) -> u64 {
        let receipt = self.send(time, texts);
        let seconds = receipt["waiting"][0]["retry_after"].as_u64();
        seconds.unwrap_or_else(|| panic!("nothing waits: {receipt}"))
    }

    fn state(&self) -> Value {
        let session = &self.here.session;
        let answer = self
            .here
            .functions
            .api("GET", "/api/session", session, Value::Null);
        answer.json()["archive"].clone()
    }

    fn advance(&self, seconds: u64) {
        let millis = i64::try_from(seconds * 1_000).unwrap();
        self.here.functions.host().advance(millis);
    }
}

/// The first matching requests go this way, all others get a response.
fn first(
    count: usize,
    kind: impl Fn(&str) -> bool + Send + 'static,
    way: impl Fn() -> Way + Send + 'static,
) -> impl FnMut(&str) -> Way + Send + 'static {
    let mut left = count;
    move |asked| {
        if left > 0 && kind(asked) {
            left -= 1;
            return way();
        }
        Way::On
    }
}
