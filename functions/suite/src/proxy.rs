//! A proxy between the functions and an external server that loses requests and responses.
//!
//! It forwards the `Host` of a request, so servers that build URLs from it name the proxy. One request per connection.

use std::io::{Error, Result};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::{LIMIT, Random};

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The longest body of a request, in bytes.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// The fate of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is not forwarded, and gets this status.
    Answer(u16, After),
    /// The connection is closed before it is forwarded.
    Cut,
    /// It is forwarded, and the connection closed instead of a response.
    Lose,
    /// It is forwarded, and the connection closed in the middle of the response.
    Break,
    /// It is forwarded after a while.
    Delay(Duration),
    /// It is forwarded when [`Proxy::release`] is called.
    Hold,
}

/// The `Retry-After` of a response.
#[derive(Clone, Copy, Debug)]
pub enum After {
    /// None.
    Unsaid,
    /// In seconds.
    Seconds(u16),
    /// The same as a date.
    Date(u16),
}

/// Decides by a line like `GET /path`.
type Script = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

struct Shared {
    upstream: String,
    script: Mutex<Script>,
    seen: Mutex<Vec<String>>,
    held: watch::Sender<bool>,
}

/// The proxy; it ends when it is dropped.
pub struct Proxy {
    /// `127.0.0.1:…`
    pub address: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({} for {})", self.address, self.shared.upstream)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Starts one, without any fault.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            script: Mutex::new(Box::new(|_| None)),
            seen: Mutex::default(),
            held: watch::Sender::new(false),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                connections.spawn(async move {
                    // The client sees that the connection is closed.
                    let _closed = tokio::time::timeout(LIMIT, serve(stream, &shared)).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// Sets the fate of requests from now on, and clears the recorded ones.
    pub fn script(&self, script: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        let _begins = self.shared.held.send_replace(true);
        *self.shared.script.lock().unwrap() = Box::new(script);
        self.shared.seen.lock().unwrap().clear();
    }

    /// No faults from now on.
    pub fn well(&self) {
        self.script(|_| None);
    }

    /// Forwards the requests that are held.
    pub fn release(&self) {
        let _was = self.shared.held.send_replace(false);
    }

    /// The requests since the script was set, as `GET /path`.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }
}

/// Makes about one request in six fail, in one of all ways; `Retry-After` is sent in both forms.
pub fn at_random(mut random: Random) -> impl FnMut(&str) -> Option<Fault> + Send {
    move |asked| {
        let seconds = u16::try_from(1 + random.below(5)).unwrap();
        Some(match random.below(60) {
            0 => Fault::Answer(429, After::Seconds(seconds)),
            1 => Fault::Answer(429, After::Date(seconds)),
            2 => Fault::Answer(503, After::Unsaid),
            3 => Fault::Answer(507, After::Unsaid),
            4 => Fault::Answer(401, After::Unsaid),
            // Like a server that writes in place.
            5 if asked.starts_with("GET ") => Fault::Answer(404, After::Unsaid),
            6 => Fault::Cut,
            7 => Fault::Lose,
            8 => Fault::Break,
            9 => Fault::Delay(Duration::from_millis(20)),
            _ => return None,
        })
    }
}

/// A response without a body.
fn answer(status: u16, after: After) -> String {
    let now = crate::now();
    let after = match after {
        After::Unsaid => String::new(),
        After::Seconds(seconds) => format!("retry-after: {seconds}\r\n"),
        After::Date(seconds) => {
            let date = now.plus_millis(i64::from(seconds) * 1_000).to_http_date();
            format!("retry-after: {date}\r\n")
        }
    };
    let date = now.to_http_date();
    format!(
        "HTTP/1.1 {status} -\r\ndate: {date}\r\n{after}connection: close\r\ncontent-length: 0\r\n\r\n"
    )
}

async fn serve(mut client: TcpStream, shared: &Shared) -> Result<()> {
    let request = read_request(&mut client).await?;
    let text = String::from_utf8_lossy(&request);
    let mut words = text.split(' ');
    let line = format!(
        "{} {}",
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default()
    );
    let fault = shared.script.lock().unwrap()(&line);
    shared.seen.lock().unwrap().push(line);
    match &fault {
        Some(Fault::Answer(status, after)) => {
            return client.write_all(answer(*status, *after).as_bytes()).await;
        }
        Some(Fault::Cut) => return Ok(()),
        Some(Fault::Delay(time)) => tokio::time::sleep(*time).await,
        Some(Fault::Hold) => {
            let mut held = shared.held.subscribe();
            held.wait_for(|held| !held).await.map_err(Error::other)?;
        }
        Some(Fault::Lose | Fault::Break) | None => {}
    }
    let mut server = TcpStream::connect(&shared.upstream).await?;
    server.write_all(&request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    match fault {
        Some(Fault::Lose) => return Ok(()),
        Some(Fault::Break) => {
            let head = head_of(&answer).unwrap_or(answer.len());
            let body = answer.len() - head;
            // In the middle of the head, if there is nothing else.
            answer.truncate(if body > 1 { head + body / 2 } else { head / 2 });
        }
        _ => {}
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// Where the head ends.
fn head_of(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// Reads a request of known length; requests that the connection is closed after it.
async fn read_request(client: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(head) = head_of(&bytes) {
            break head;
        }
        if client.read_buf(&mut bytes).await? == 0 || bytes.len() > MAX_HEAD {
            return Err(Error::other("this is no request"));
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| {
        let length = line.strip_prefix("content-length:")?;
        length.trim().parse::<usize>().ok()
    });
    let whole = head + length.unwrap_or(0).min(MAX_BODY);
    while bytes.len() < whole {
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(Error::other("the request breaks off"));
        }
    }
    let first = bytes.windows(2).position(|two| two == b"\r\n").unwrap_or(0) + 2;
    bytes.splice(first..first, *b"connection: close\r\n");
    Ok(bytes)
}
