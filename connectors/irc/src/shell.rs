//! The I/O around a session: one task that owns the socket.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use connector_kit::read_some;
use gateway::{Command, Output};
use irc_codec::{LineBuffer, MAX_TAGS};
use protocol::{Assignment, Timestamp};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock::now;
use crate::deriving::Deriving;
use crate::dial::{Reach, Stream, Target, Tls, connect};
use crate::failure::Failure;
use crate::gate::Gate;
use crate::identities::{Identities, Owner};
use crate::io_words::words;
use crate::policies::Policies;
use crate::session::{Action, Clock, Session};
use crate::tls::Trust;
use crate::{Derivation, Keys, Settings};

/// How long the server may take to accept what we send.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection ended that the server closed.
const CLOSED: &str = "The server closed the connection.";

/// Bytes read at once.
const READ_SIZE: usize = 8192;

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, Failure>> + Send>>;

/// The socket's state.
enum Link {
    Down,
    Connecting(Connecting),
    Up(Box<dyn Stream>),
}

/// What all connections of the platform share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) trust: Trust,
    pub(crate) gate: Arc<Gate>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) identities: Arc<Identities>,
}

/// One connection with its socket.
pub(crate) struct Shell {
    /// Boxed: a future may hold what it is given twice.
    session: Box<Session>,
    reach: Reach,
    shared: Shared,
    owner: Owner,
    seed: u64,
    started: Instant,
    link: Link,
    lines: LineBuffer,
    deriving: Deriving,
}

/// An event.
enum Event {
    Command(Option<Box<Command>>),
    Connected(Result<Box<dyn Stream>, Failure>),
    Read(std::io::Result<usize>),
    Derived(Derivation, Keys),
    Timeout,
}

impl Shell {
    pub(crate) fn new(
        assignment: Assignment,
        last_seen: Vec<(String, Timestamp)>,
        settings: Settings,
        reach: Reach,
        shared: Shared,
        seed: u64,
    ) -> Self {
        let owner = (
            assignment.account.to_string(),
            assignment.connection.id.clone(),
        );
        let clock = Clock {
            elapsed: Duration::ZERO,
            wall: now(),
        };
        Self {
            session: Box::new(Session::new(assignment, last_seen, settings, seed, clock)),
            reach,
            shared,
            owner,
            seed,
            started: Instant::now(),
            link: Link::Down,
            lines: LineBuffer::default(),
            deriving: Deriving::default(),
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
        loop {
            if self.act(&outputs).await.is_break() {
                return;
            }
            let due = self.session.poll_timeout().map(|due| self.started + due);
            let event = tokio::select! {
                command = commands.recv() => Event::Command(command.map(Box::new)),
                event = drive(&mut self.link, &mut self.lines) => event,
                (derivation, keys) = self.deriving.done() => Event::Derived(derivation, keys),
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
                Event::Connected(Err(Failure {
                    reason,
                    certificate,
                })) => {
                    self.link = Link::Down;
                    match certificate {
                        Some(seen) => self.session.handle_certificate(seen, &reason, clock),
                        None => self.session.handle_lost(&reason, clock),
                    }
                }
                Event::Read(Ok(0)) => {
                    self.link = Link::Down;
                    self.session.handle_lost(CLOSED, clock);
                }
                Event::Read(Ok(_)) => {
                    if self.read_lines(&outputs).await.is_break() {
                        return;
                    }
                }
                Event::Read(Err(error)) => {
                    self.link = Link::Down;
                    self.session.handle_lost(&lost(&error), clock);
                }
                Event::Derived(derivation, keys) => {
                    self.session.handle_derived(derivation, keys, clock);
                }
                Event::Timeout => {
                    if matches!(self.link, Link::Down)
                        && let Some(policy) =
                            self.shared.policies.get(self.session.host(), clock.wall)
                    {
                        self.session.handle_policy(policy, clock);
                    }
                    self.session.handle_timeout(clock);
                }
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
                bytes.extend_from_slice(&self.session.encoded(&line));
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
                Some(Action::Connect {
                    host,
                    port,
                    secure,
                    certificate,
                    identified,
                    family,
                    proxy,
                }) => {
                    let tls = secure.then(|| Tls {
                        check: self.shared.trust.check(certificate),
                        identity: identified
                            .then(|| (Arc::clone(&self.shared.identities), self.owner.clone())),
                    });
                    let reach = self.reach.clone();
                    let direct = self.shared.gate.is_own(&host, port);
                    let gate = (!direct).then(|| Arc::clone(&self.shared.gate));
                    if let Some(gate) = &gate {
                        self.session.handle_queued(gate.estimate(&host));
                    }
                    self.seed = self.seed.rotate_left(7).wrapping_add(1);
                    let turn = self.seed;
                    self.link = Link::Connecting(Box::pin(async move {
                        if let Some(gate) = gate {
                            gate.pass(&host, turn).await;
                        }
                        let target = Target {
                            host,
                            port,
                            family,
                            proxy,
                            direct,
                        };
                        connect(target, tls, reach).await
                    }));
                }
                Some(Action::Remember { host, policy }) => {
                    let policies = Arc::clone(&self.shared.policies);
                    // The disk takes its time, and nobody waits for it.
                    tokio::task::spawn_blocking(move || policies.put(&host, policy, now()));
                }
                Some(Action::Derive(derivation)) => self.deriving.start(derivation),
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
async fn drive(link: &mut Link, lines: &mut LineBuffer) -> Event {
    match link {
        Link::Down => std::future::pending().await,
        Link::Connecting(connecting) => Event::Connected(connecting.as_mut().await),
        Link::Up(stream) => {
            Event::Read(read_some::<READ_SIZE>(stream, |bytes| lines.push(bytes)).await)
        }
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
