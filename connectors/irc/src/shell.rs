//! The I/O around a session: one task that owns the socket.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gateway::{Command, Output};
use irc_codec::{LineBuffer, MAX_TAGS};
use protocol::{Assignment, Timestamp};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use crate::clock::now;
use crate::gate::Gate;
use crate::io_words::words;
use crate::own_server::OwnServer;
use crate::session::{Action, Clock, Session};
use crate::{AddressPolicy, Settings, tls};

/// Time limit for connecting: name resolution, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Time limit for the TLS part.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server may take to accept what we send.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection ended that the server closed.
const CLOSED: &str = "The server closed the connection.";

/// Bytes read at once.
const READ_SIZE: usize = 8192;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, String>> + Send>>;

/// The socket's state.
enum Link {
    Down,
    Connecting(Connecting),
    Up(Box<dyn Stream>),
}

/// Which addresses a connection may use.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) addresses: AddressPolicy,
    pub(crate) own_server: Arc<OwnServer>,
    /// Whether it is an account's built-in connection to the own server.
    pub(crate) built_in: bool,
}

/// A connection with its socket.
pub(crate) struct Shell {
    session: Session,
    reach: Reach,
    tls: Result<Arc<ClientConfig>, String>,
    gate: Arc<Gate>,
    seed: u64,
    started: Instant,
    link: Link,
    lines: LineBuffer,
}

/// An event.
enum Event {
    Command(Option<Box<Command>>),
    Connected(Result<Box<dyn Stream>, String>),
    Read(std::io::Result<usize>),
    Timeout,
}

impl Shell {
    pub(crate) fn new(
        assignment: Assignment,
        last_seen: Vec<(String, Timestamp)>,
        settings: Settings,
        reach: Reach,
        tls: Result<Arc<ClientConfig>, String>,
        gate: Arc<Gate>,
        seed: u64,
    ) -> Self {
        let clock = Clock {
            elapsed: Duration::ZERO,
            wall: now(),
        };
        Self {
            session: Session::new(assignment, last_seen, settings, seed, clock),
            reach,
            tls,
            gate,
            seed,
            started: Instant::now(),
            link: Link::Down,
            lines: LineBuffer::default(),
        }
    }

    fn clock(&self) -> Clock {
        Clock {
            elapsed: self.started.elapsed(),
            wall: now(),
        }
    }

    /// Runs until the session ends.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        outputs: mpsc::Sender<Output>,
    ) {
        let mut buffer = vec![0; READ_SIZE];
        loop {
            if self.act(&outputs).await.is_break() {
                return;
            }
            let due = self.session.poll_timeout().map(|due| self.started + due);
            let event = tokio::select! {
                command = commands.recv() => Event::Command(command.map(Box::new)),
                event = drive(&mut self.link, &mut buffer) => event,
                () = sleep_or_never(due) => Event::Timeout,
            };
            let clock = self.clock();
            match event {
                Event::Command(Some(command)) => self.session.handle_command(*command, clock),
                Event::Command(None) => {
                    // Nobody holds the connection any longer.
                    let reason = "Connector stopped".to_owned();
                    self.session.handle_command(Command::Stop { reason }, clock);
                    if self.close(&outputs).await.is_err() {
                        tracing::debug!("QUIT could not be sent to the server");
                    }
                    return;
                }
                Event::Connected(Ok(stream)) => {
                    self.link = Link::Up(stream);
                    self.lines = LineBuffer::default();
                    self.session.handle_connected(clock);
                    self.expect_lines();
                }
                Event::Connected(Err(reason)) => {
                    self.link = Link::Down;
                    self.session.handle_lost(&reason, clock);
                }
                Event::Read(Ok(0)) => {
                    self.link = Link::Down;
                    self.session.handle_lost(CLOSED, clock);
                }
                Event::Read(Ok(size)) => {
                    self.lines.push(buffer.get(..size).unwrap_or_default());
                    if self.read_lines(&outputs).await.is_break() {
                        return;
                    }
                }
                Event::Read(Err(error)) => {
                    self.link = Link::Down;
                    self.session.handle_lost(&lost(&error), clock);
                }
                Event::Timeout => self.session.handle_timeout(clock),
            }
        }
    }

    async fn read_lines(&mut self, outputs: &mpsc::Sender<Output>) -> std::ops::ControlFlow<()> {
        while let Some(line) = self.lines.next_line() {
            match line {
                Ok(line) => self.session.handle_line(&line, self.clock()),
                Err(error) => self.session.handle_too_long(error.limit, self.clock()),
            }
            self.act(outputs).await?;
        }
        self.expect_lines();
        std::ops::ControlFlow::Continue(())
    }

    /// Some servers apply the line limit to the text alone, or list everything they support in one line, so we read
    /// longer lines.
    fn expect_lines(&mut self) {
        let limit = self.session.line_length().max(MAX_TAGS);
        self.lines.set_max_body(limit);
    }

    /// Carries out the session's actions.
    async fn act(&mut self, outputs: &mpsc::Sender<Output>) -> std::ops::ControlFlow<()> {
        let mut bytes = Vec::new();
        loop {
            let action = self.session.poll_action();
            if let Some(Action::Send(line)) = action {
                bytes.extend_from_slice(line.as_bytes());
                bytes.extend_from_slice(b"\r\n");
                continue;
            }
            if !bytes.is_empty()
                && let Err(reason) = self.write(&std::mem::take(&mut bytes)).await
            {
                self.link = Link::Down;
                self.session.handle_lost(&reason, self.clock());
            }
            match action {
                None => return std::ops::ControlFlow::Continue(()),
                Some(Action::Connect { host, port, secure }) => {
                    let tls = secure.then(|| self.tls.clone());
                    let reach = self.reach.clone();
                    let gate = (!self.gate.is_own(&host, port)).then(|| Arc::clone(&self.gate));
                    if let Some(gate) = &gate {
                        self.session.handle_queued(gate.estimate(&host));
                    }
                    self.seed = self.seed.rotate_left(7).wrapping_add(1);
                    let turn = self.seed;
                    self.link = Link::Connecting(Box::pin(async move {
                        if let Some(gate) = gate {
                            gate.pass(&host, turn).await;
                        }
                        connect(host, port, tls, reach).await
                    }));
                }
                Some(Action::Disconnect) => {
                    if let Link::Up(stream) = &mut self.link {
                        // Best effort: a peer that does not receive it loses nothing.
                        drop(timeout(Duration::from_secs(1), stream.shutdown()).await);
                    }
                    self.link = Link::Down;
                }
                Some(Action::Emit(output)) => {
                    if outputs.send(output).await.is_err() {
                        tracing::debug!("the outputs have no receiver any more");
                    }
                }
                Some(Action::Ended) => return std::ops::ControlFlow::Break(()),
                Some(Action::Send(_)) => {}
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let Link::Up(stream) = &mut self.link else {
            return Ok(());
        };
        let written = timeout(WRITE_TIMEOUT, async {
            stream.write_all(bytes).await?;
            stream.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(lost(&error)),
            Err(_) => Err("The server no longer accepts data.".to_owned()),
        }
    }

    /// Sends everything up to QUIT, then closes.
    async fn close(&mut self, outputs: &mpsc::Sender<Output>) -> Result<(), ()> {
        if self.act(outputs).await.is_break() {
            return Ok(());
        }
        let Link::Up(stream) = &mut self.link else {
            return Ok(());
        };
        match timeout(Duration::from_secs(1), stream.shutdown()).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(()),
        }
    }
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell").finish_non_exhaustive()
    }
}

/// Waits for the socket to be connected, or to have something to read.
async fn drive(link: &mut Link, buffer: &mut [u8]) -> Event {
    match link {
        Link::Down => std::future::pending().await,
        Link::Connecting(connecting) => Event::Connected(connecting.as_mut().await),
        Link::Up(stream) => Event::Read(stream.read(buffer).await),
    }
}

/// Says why a connection ended. Many servers close TLS without notice, which is treated as a normal end: incomplete
/// lines are not used.
fn lost(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        CLOSED.to_owned()
    } else {
        format!("The connection was lost ({}).", words(error))
    }
}

async fn sleep_or_never(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Resolves the host, checks the addresses, and connects to a checked one.
async fn connect(
    host: String,
    port: u16,
    tls: Option<Result<Arc<ClientConfig>, String>>,
    reach: Reach,
) -> Result<Box<dyn Stream>, String> {
    let connecting = async {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|error| format!("There is no server called {host} ({error})."))?
            .collect();
        let mut allowed = Vec::with_capacity(found.len());
        let mut refused = format!("There is no server called {host}.");
        for address in found {
            let Reach {
                addresses,
                own_server,
                built_in,
            } = &reach;
            match own_server.check(addresses, *built_in, &host, address) {
                Ok(()) => allowed.push(address),
                Err(reason) => refused = reason,
            }
        }
        if allowed.is_empty() {
            return Err(refused);
        }
        let mut trouble = String::new();
        for address in allowed {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    if reach.built_in {
                        reach.own_server.note(address);
                    }
                    return secured(stream, &host, port, tls).await;
                }
                Err(error) => trouble = unreached(&host, port, &error),
            }
        }
        Err(trouble)
    };
    timeout(CONNECT_TIMEOUT, connecting)
        .await
        .unwrap_or_else(|_| {
            Err(format!(
                "{host} did not answer on port {port} within {} seconds.",
                CONNECT_TIMEOUT.as_secs()
            ))
        })
}

/// Says why a server could not be reached.
fn unreached(host: &str, port: u16, error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::ConnectionRefused {
        format!("{host} refuses the connection on port {port}.")
    } else {
        format!("{host} does not answer on port {port} ({}).", words(error))
    }
}

async fn secured(
    stream: TcpStream,
    host: &str,
    port: u16,
    tls: Option<Result<Arc<ClientConfig>, String>>,
) -> Result<Box<dyn Stream>, String> {
    // Without it, a line waits for the next one; a failure only costs time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let Some(config) = tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("{host} is not a valid host name for a certificate."))?;
    let handshake = TlsConnector::from(config?).connect(name, stream);
    match timeout(TLS_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(tls::failure(host, port, &error)),
        Err(_) => Err(format!(
            "{host} does not answer with TLS on port {port}; check port and TLS in the settings."
        )),
    }
}
