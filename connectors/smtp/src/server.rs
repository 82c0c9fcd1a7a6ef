//! The listener and its connections: sockets and time around [`Session`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use program::Seldom;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::directory::Directory;
use crate::inbox::Inbox;
use crate::places::{Place, Places};
use crate::session::{Recipient, Session, SessionConfig, Step};

/// Bytes read at once.
const CHUNK: usize = 32 * 1024;
/// How long the client may take to read the last response, so that it is not lost in a reset.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes a client may still send meanwhile.
const MAX_LINGER: usize = 256 * 1024;
/// Time limit for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Delay after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

static NOT_ACCEPTED: Seldom = Seldom::new();
static REFUSED: Seldom = Seldom::new();

/// State shared by all connections.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) session: Arc<SessionConfig>,
    pub(crate) tls: Option<TlsAcceptorDebug>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) inbox: Inbox,
    pub(crate) places: Places,
    /// Connections being refused.
    pub(crate) refusing: AtomicUsize,
}

/// An acceptor that implements `Debug`.
#[derive(Clone)]
pub(crate) struct TlsAcceptorDebug(pub(crate) TlsAcceptor);

impl std::fmt::Debug for TlsAcceptorDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

/// Serves until `stop` becomes true, then ends every connection between two steps.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let mut stopping = stop.clone();
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    while tasks.try_join_next().is_some() {}
                    // Many may be accepted before the first of them is processed.
                    if tasks.len() >= shared.session.limits.share().all {
                        refused(peer.ip().to_canonical());
                        continue;
                    }
                    let (shared, stop) = (Arc::clone(&shared), stop.clone());
                    tasks.spawn(async move { shared.answer(stream, peer, stop).await });
                }
                Err(error) => {
                    if let Some(left_out) = NOT_ACCEPTED.say() {
                        tracing::warn!(%error, left_out, "a connection could not be accepted");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

fn refused(address: IpAddr) {
    if let Some(left_out) = REFUSED.say() {
        tracing::warn!(%address, left_out, "refused a connection: there are too many, from this address or in total");
    }
}

impl Shared {
    /// Responds that there is no place, unless many are being told so already.
    async fn refuse(&self, mut stream: TcpStream, address: IpAddr) {
        refused(address);
        if self.refusing.fetch_add(1, Relaxed) < self.session.limits.refusals() {
            let hostname = &self.session.hostname;
            let line = format!("421 4.7.0 {hostname} too many connections; try again later\r\n");
            drop(timeout(LINGER, stream.write_all(line.as_bytes())).await);
        }
        self.refusing.fetch_sub(1, Relaxed);
    }

    async fn answer(
        &self,
        mut stream: TcpStream,
        peer: SocketAddr,
        mut stop: watch::Receiver<bool>,
    ) {
        let address = peer.ip().to_canonical();
        let Some(mut place) = self.places.take(address, &self.session.limits) else {
            self.refuse(stream, address).await;
            return;
        };
        program::accepted(&stream);
        let mut session = Session::new(Arc::clone(&self.session));
        let end = Instant::now() + self.session.limits.session;
        let run = Run {
            shared: self,
            address,
            end,
        };
        let secure = match run
            .drive(&mut stream, &mut session, &mut place, &mut stop)
            .await
        {
            Ok(After::Secure) => true,
            Ok(After::Close) => {
                linger(&mut stream).await;
                false
            }
            Err(error) => {
                tracing::debug!(%address, %error, "a connection broke");
                false
            }
        };
        let (true, Some(acceptor)) = (secure, &self.tls) else {
            return;
        };
        match timeout(HANDSHAKE, acceptor.0.accept(stream)).await {
            Ok(Ok(mut stream)) => {
                session.secured();
                match run
                    .drive(&mut stream, &mut session, &mut place, &mut stop)
                    .await
                {
                    Ok(_) => linger(&mut stream).await,
                    Err(error) => tracing::debug!(%address, %error, "a connection broke"),
                }
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS could not be set up"),
            Err(_) => tracing::debug!(%address, "TLS took too long"),
        }
    }
}

enum After {
    Secure,
    Close,
}

struct Run<'a> {
    shared: &'a Shared,
    address: IpAddr,
    end: Instant,
}

impl Run<'_> {
    /// Drives a session until TLS starts or it ends.
    async fn drive<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut T,
        session: &mut Session,
        place: &mut Place<'_>,
        stop: &mut watch::Receiver<bool>,
    ) -> io::Result<After> {
        let limits = &self.shared.session.limits;
        let mut chunk = vec![0; CHUNK];
        let mut heard = false;
        loop {
            match session.next_step() {
                Step::Send(bytes) => {
                    let end = self.end.min(Instant::now() + limits.writing);
                    timeout_at(end, async {
                        stream.write_all(&bytes).await?;
                        stream.flush().await
                    })
                    .await??;
                }
                Step::Receive => {
                    if !place.hold(session.held(), limits) {
                        session.end("452 4.3.1", "too much mail at once; try again later");
                        continue;
                    }
                    let idle = self.end.min(Instant::now() + place.patience(limits, heard));
                    tokio::select! {
                        biased;
                        read = stream.read(&mut chunk) => match read? {
                            0 => return Ok(After::Close),
                            count => {
                                heard = true;
                                session.receive(chunk.get(..count).unwrap_or_default());
                            }
                        },
                        () = tokio::time::sleep_until(idle) => {
                            session.end("421 4.4.2", "that took too long; goodbye");
                        }
                        () = stopped(stop) => {
                            session.end("421 4.3.2", "this server is shutting down; try again later");
                        }
                    }
                }
                Step::Lookup(address) => {
                    let recipient = if self.shared.inbox.has_room(session.announced()) {
                        self.shared.directory.find(&address).await
                    } else {
                        Recipient::NoRoom
                    };
                    session.recipient(recipient);
                }
                Step::Deliver(mail) => {
                    let verdict = self.shared.inbox.take(*mail, self.address).await;
                    session.delivered(&verdict);
                }
                Step::StartTls => return Ok(After::Secure),
                Step::Close => return Ok(After::Close),
            }
        }
    }
}

/// Waits briefly for the client to read the last response: closing with unread input resets the connection.
async fn linger<T: AsyncRead + AsyncWrite + Unpin>(stream: &mut T) {
    let reading = async {
        stream.shutdown().await?;
        let (mut chunk, mut read) = (vec![0; 4096], 0);
        while read < MAX_LINGER {
            match stream.read(&mut chunk).await? {
                0 => break,
                count => read += count,
            }
        }
        io::Result::Ok(())
    };
    drop(timeout(LINGER, reading).await);
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};

    use connector_kit::FunctionsClient;
    use durable::{Disk, Tries};
    use program::Workshop;
    use tokio::sync::mpsc;

    use super::*;
    use crate::queue::Queue;
    use crate::{Limits, Smtp, SmtpConfig};

    /// Maximum wait for anything, on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    struct Client(Lines<BufReader<TcpStream>>);

    impl Client {
        async fn connect(to: SocketAddr) -> Self {
            let stream = TcpStream::connect(to).await.unwrap();
            Self(BufReader::new(stream).lines())
        }

        async fn send(&mut self, line: &str) {
            let stream = self.0.get_mut();
            // It may be closed already, which the response shows.
            drop(stream.write_all(format!("{line}\r\n").as_bytes()).await);
        }

        async fn line(&mut self) -> String {
            let line = timeout(PATIENCE, self.0.next_line()).await.unwrap();
            line.ok().flatten().unwrap_or_default()
        }
    }

    /// The connections' shared state, without functions to query or to hand mails over to.
    fn shared(folder: &std::path::Path, limits: Limits) -> Shared {
        let client = FunctionsClient::new("http://127.0.0.1:9", "smtp", b"key").unwrap();
        let directory = Arc::new(Directory::new(client, limits.mails_per_hour, None));
        let (queue, _) = Queue::open(folder, limits.queue_bytes).unwrap();
        let workshop = Workshop::new("foreign-mail", 1, limits.taking_apart);
        let checks = folder.join("checking");
        let tries = Tries::open(Disk::default(), &checks, crate::inbox::MAX_TRIES).unwrap();
        Shared {
            inbox: Inbox {
                queue: Arc::new(queue),
                tries: Arc::new(tries),
                checker: None,
                directory: Arc::clone(&directory),
                hostname: "mail.example".to_owned(),
                hops: limits.hops,
                arrived: mpsc::unbounded_channel().0,
                outgoing: None,
                workshop: workshop.clone(),
                checking: workshop,
            },
            session: Arc::new(SessionConfig {
                hostname: "mail.example".to_owned(),
                mail_domain: "mail.example".to_owned(),
                starttls: false,
                limits,
            }),
            tls: None,
            directory,
            places: Places::default(),
            refusing: AtomicUsize::new(0),
        }
    }

    #[tokio::test]
    async fn who_does_not_read_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let writing = Duration::from_millis(100);
        let limits = Limits {
            writing,
            ..Limits::default()
        };
        let shared = shared(folder.path(), limits);
        let address = IpAddr::from([192, 0, 2, 1]);
        let begun = Instant::now();
        let run = Run {
            shared: &shared,
            address,
            end: begun + PATIENCE * 2,
        };
        // There is no buffer between the two that would hold unread data.
        let (mut stream, _client) = tokio::io::duplex(16);
        let mut place = shared.places.take(address, &shared.session.limits).unwrap();
        let mut session = Session::new(Arc::clone(&shared.session));
        let (_stop, mut stopping) = watch::channel(false);
        let drive = run.drive(&mut stream, &mut session, &mut place, &mut stopping);
        let ended = timeout(PATIENCE, drive).await.unwrap();
        assert!(
            matches!(&ended, Err(error) if error.kind() == io::ErrorKind::TimedOut),
            "the greeting is longer than that, and nobody read it"
        );
        assert!(begun.elapsed() >= writing);
    }

    #[tokio::test]
    async fn who_sends_nothing_at_all_has_less_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = SmtpConfig::new(
            "smtp",
            b"key",
            "http://127.0.0.1:9",
            "mail.example",
            folder.path(),
        );
        config.checks = false;
        config.limits = Limits {
            first: Duration::from_millis(300),
            idle: PATIENCE * 2,
            ..config.limits
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let smtp = Smtp::start(config, listener).unwrap();
        // On a busy machine it may take longer than that to send something.
        let mut talking = loop {
            let mut talking = Client::connect(address).await;
            talking.send("NOOP").await;
            assert!(talking.line().await.starts_with("220 "));
            let answer = talking.line().await;
            if answer.starts_with("250 ") {
                break talking;
            }
            assert!(answer.starts_with("421 4.4.2 "), "{answer}");
        };
        let mut silent = Client::connect(address).await;
        assert!(silent.line().await.starts_with("220 "));
        let last = silent.line().await;
        assert!(last.starts_with("421 4.4.2 "), "{last}");
        assert_eq!(silent.line().await, "", "it is closed");
        talking.send("NOOP").await;
        assert!(talking.line().await.starts_with("250 "));
        smtp.shutdown().await;
    }
}
