//! One client's connection: bytes become lines for its session, and the session's orders are carried out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use connector_kit::TokenBucket;
use gateway::{Attachment, News, NotAdmitted};
use irc_codec::LineBuffer;
use program::{Place, Seldom};
use protocol::{AccountName, AuthenticateRequest, SessionRef, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, WriteHalf};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::Shared;
use super::outgoing::Outgoing;
use crate::session::{Input, Login, Now, Output, PLATFORM, Refused, Session};

/// Maximum length of tags a client may send, including `@` and the space (IRCv3 message-tags).
const MAX_TAGS: usize = 4096;
/// Maximum length of a line without tags.
const MAX_BODY: usize = 512;
/// Bytes per read.
const READ: usize = 4096;
/// How often clients that want it are told about changed networks.
const NETWORKS: Duration = Duration::from_secs(3);
/// How long the last lines of a closed session may take to be written.
const LAST: Duration = Duration::from_secs(10);

static UNREACHABLE: Seldom = Seldom::new();
static REFUSED: Seldom = Seldom::new();

/// What a connection waits for.
enum Event {
    Read(usize),
    Written,
    Line(Result<Vec<u8>, ()>),
    News(News),
    Time,
    Networks,
    Silence,
    Over(&'static str),
}

struct Connection<S> {
    shared: Arc<Shared>,
    address: IpAddr,
    writer: WriteHalf<S>,
    session: Session,
    outgoing: Outgoing,
    attachment: Option<Attachment>,
    account: Option<AccountName>,
    start: Instant,
    closed: bool,
    /// The latest time of a message when everything had been written.
    shown: Option<Timestamp>,
}

/// Serves a client until either side ends. `stranger` is its place among those who have not signed in.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Send>(
    shared: Arc<Shared>,
    stream: S,
    address: IpAddr,
    tag: String,
    stranger: Place,
) {
    let (mut reader, writer) = tokio::io::split(stream);
    let start = Instant::now();
    let mut connection = Connection {
        session: Session::new(&shared.config.name, &tag, now(start)),
        shared: Arc::clone(&shared),
        address,
        writer,
        outgoing: Outgoing::default(),
        attachment: None,
        account: None,
        start,
        closed: false,
        shown: None,
    };
    connection.run(&mut reader, stranger).await;
    connection.leave().await;
}

fn now(start: Instant) -> Now {
    Now {
        wall: connector_kit::now(),
        elapsed: start.elapsed(),
    }
}

impl<S: AsyncRead + AsyncWrite + Send> Connection<S> {
    async fn run<R: AsyncRead + Unpin>(&mut self, reader: &mut R, stranger: Place) {
        let limits = self.shared.config.limits.clone();
        let mut stop = self.shared.stop.clone();
        let mut bucket =
            TokenBucket::new(limits.line_burst, limits.lines_per_second, Duration::ZERO);
        let mut lines = LineBuffer::new(MAX_TAGS, MAX_BODY);
        let mut waiting: VecDeque<Result<Vec<u8>, ()>> = VecDeque::new();
        let mut stranger = Some(stranger);
        let (mut heard, mut pinged) = (self.start, false);
        let mut progress = self.start;
        let mut networks_at = self.start + NETWORKS;
        let mut bytes = vec![0; READ];
        while !self.closed {
            if self.session.is_registered() {
                stranger = None;
            }
            // A client that does not read gets no more, and is not read from.
            let room = self.outgoing.len() < limits.output;
            let pause = bucket.wait(self.start.elapsed());
            let line_at = Instant::now() + pause;
            let time_at = self.session.deadline().map(|due| self.start + due);
            let silence_at = heard + limits.silence * if pinged { 2 } else { 1 };
            let event = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Event::Over("The server is shutting down"),
                () = sleep_until(self.start + limits.registration), if stranger.is_some() => {
                    Event::Over("Registration timeout")
                }
                () = sleep_until(progress + limits.write), if !self.outgoing.is_empty() => {
                    return;
                }
                written = self.outgoing.write(&mut self.writer), if !self.outgoing.is_empty() => {
                    match written {
                        Ok(()) => Event::Written,
                        Err(_) => return,
                    }
                }
                news = news(&mut self.attachment), if room => Event::News(news),
                () = at(time_at) => Event::Time,
                () = sleep_until(line_at), if room && !waiting.is_empty() => {
                    match waiting.pop_front() {
                        Some(line) => Event::Line(line),
                        None => continue,
                    }
                }
                read = reader.read(&mut bytes), if room && waiting.is_empty() => match read {
                    Ok(0) | Err(_) => return,
                    Ok(count) => Event::Read(count),
                },
                () = sleep_until(networks_at), if room && self.session.watches_networks() => {
                    Event::Networks
                }
                () = sleep_until(silence_at) => Event::Silence,
            };
            match event {
                Event::Over(why) => {
                    self.outgoing.line(&format!("ERROR :{why}"));
                    return;
                }
                Event::Written => {
                    progress = Instant::now();
                    self.note_shown();
                }
                Event::Read(count) => {
                    (heard, pinged) = (Instant::now(), false);
                    lines.push(bytes.get(..count).unwrap_or_default());
                    while let Some(line) = lines.next_line() {
                        waiting.push_back(line.map_err(drop));
                    }
                }
                Event::Line(line) => {
                    bucket.take(self.start.elapsed());
                    let input = match line {
                        Ok(line) => Input::Line(line),
                        Err(()) => Input::TooLong,
                    };
                    self.feed(input, &mut progress).await;
                }
                Event::News(news) => self.feed(Input::News(news), &mut progress).await,
                Event::Time => self.feed(Input::Time, &mut progress).await,
                Event::Networks => {
                    networks_at = Instant::now() + NETWORKS;
                    let networks = self.attachment.as_ref().map(Attachment::networks);
                    let input = Input::Networks(networks.unwrap_or_default());
                    self.feed(input, &mut progress).await;
                }
                Event::Silence if pinged => {
                    self.outgoing.line("ERROR :Ping timeout");
                    return;
                }
                Event::Silence => {
                    pinged = true;
                    let name = &self.shared.config.name;
                    self.outgoing.line(&format!("PING :{name}"));
                }
            }
        }
    }

    /// Hands an input to the session, and carries out what it orders.
    async fn feed(&mut self, input: Input, progress: &mut Instant) {
        if self.outgoing.is_empty() {
            // Nothing was waiting, so nobody was slow.
            *progress = Instant::now();
        }
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.session.handle(input, now(self.start)) {
                if let Some(next) = self.carry_out(output).await {
                    inputs.push_back(next);
                }
            }
        }
    }

    async fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Line(line) => self.outgoing.line(&line),
            Output::Close => self.closed = true,
            Output::SignIn(candidates) => {
                return Some(Input::SignedIn(self.sign_in(candidates).await));
            }
            Output::Attach {
                connection,
                device,
                replay,
                request,
            } => {
                let account = self.account.clone()?;
                let device = (account, connection.clone(), device);
                let since = self.shared.last_seen(&device).filter(|_| replay);
                let attachment = self.attachment.as_mut()?;
                let attached = attachment.attach(&connection, since, request).await;
                // From now on it is a known device.
                self.shared
                    .saw(device, since.unwrap_or_else(connector_kit::now));
                return Some(Input::Attached(attached));
            }
            Output::Perform(request, activity) => {
                if let Some(attachment) = &self.attachment {
                    attachment.perform(request, *activity).await;
                }
            }
            Output::Recall(request, conversation) => {
                let recalled = self.attachment.as_ref()?.recall(conversation).await;
                return Some(Input::Recalled(request, recalled));
            }
            Output::Create { actor, credentials } => {
                let attachment = self.attachment.as_ref()?;
                let created = attachment.create(PLATFORM, &actor, &credentials).await;
                return Some(Input::Created(created));
            }
        }
        None
    }

    /// Checks passwords until one is right, and enters the gateway.
    async fn sign_in(
        &mut self,
        candidates: Vec<(Login, String)>,
    ) -> Result<(Login, AccountName, Vec<gateway::NetworkState>), Refused> {
        let limit = Instant::now() + self.shared.config.limits.check;
        let mut refused = Refused::Wrong;
        for (login, password) in candidates {
            match timeout_at(limit, self.check(&login, password)).await {
                Ok(Ok(attachment)) => {
                    let (attachment, account) = attachment;
                    let mut networks = attachment.networks();
                    if !login.is_served_by(&networks) {
                        networks = attachment.fetched_networks().await;
                    }
                    self.attachment = Some(attachment);
                    self.account = Some(account.clone());
                    return Ok((login, account, networks));
                }
                Ok(Err(Refused::Wrong)) => {}
                Ok(Err(other)) => {
                    refused = other;
                    break;
                }
                Err(_) => {
                    let text = "passwords cannot be checked right now; try again later";
                    refused = Refused::Unavailable(text.to_owned());
                    break;
                }
            }
        }
        Err(refused)
    }

    async fn check(
        &self,
        login: &Login,
        password: String,
    ) -> Result<(Attachment, AccountName), Refused> {
        let later = || Refused::Unavailable("the bouncer is stopping".to_owned());
        let _turn = self.shared.checks.acquire().await.map_err(|_| later())?;
        let since = connector_kit::now();
        let request = AuthenticateRequest {
            name: login.account.clone(),
            password,
            // Where many clients share an address, guesses count by account only.
            address: (!self.shared.config.is_shared(self.address))
                .then(|| self.address.to_string()),
        };
        let functions = self.shared.entrance.functions();
        let answer = functions.authenticate(&request).await.map_err(|error| {
            if let Some(left_out) = UNREACHABLE.say() {
                tracing::warn!(%error, left_out, "the bouncer cannot check passwords");
            }
            let text = "passwords cannot be checked right now; try again in a minute";
            Refused::Unavailable(text.to_owned())
        })?;
        let Some(account) = answer.account else {
            if let (Some(reason), Some(left_out)) = (&answer.reason, REFUSED.say()) {
                let name = &request.name;
                tracing::info!(
                    name,
                    reason,
                    left_out,
                    "a client of the bouncer was refused"
                );
            }
            return Err(match answer.wait {
                _ if answer.disabled => Refused::Disabled,
                Some(seconds) => Refused::Wait(seconds),
                None => Refused::Wrong,
            });
        };
        let session = SessionRef {
            account: account.clone(),
            grant: answer.grant,
            since,
        };
        match self.shared.entrance.admit(session).await {
            Ok(attachment) => Ok((attachment, account)),
            Err(NotAdmitted::Over) => Err(Refused::Wrong),
            Err(error) => Err(Refused::Unavailable(error.to_string())),
        }
    }

    /// What has not been written was not shown.
    fn note_shown(&mut self) {
        if self.outgoing.is_empty()
            && let Some((_, _, shown)) = self.session.place()
        {
            self.shown = shown;
        }
    }

    /// Gives up its place, writes the last lines, and remembers what the device was shown.
    async fn leave(&mut self) {
        self.attachment = None;
        let last = async {
            while !self.outgoing.is_empty() && self.outgoing.write(&mut self.writer).await.is_ok() {
            }
            let _ = self.writer.shutdown().await;
        };
        let _ = timeout(LAST, last).await;
        self.note_shown();
        let place = self.session.place();
        if let (Some(account), Some((network, device, _)), Some(shown)) =
            (&self.account, place, self.shown)
        {
            let device = (account.clone(), network.to_owned(), device.to_owned());
            self.shared.saw(device, shown);
        }
    }
}

async fn news(attachment: &mut Option<Attachment>) -> News {
    match attachment {
        Some(attachment) => attachment.news().await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
