//! Mail into channels.
//!
//! [`Smtp`] receives mail for the addresses that users created for their channels, stores each on disk before it
//! responds with 250, and hands it to the functions, which store it and announce it in the channel. The protocol is a
//! state machine without I/O, [`session`]. With [`OutgoingConfig`] it also sends what the functions queue: invites
//! and digests.

mod checks;
mod config;
mod directory;
mod handover;
mod inbox;
mod metrics;
mod mime;
mod options;
mod outgoing;
mod places;
mod queue;
mod server;
pub mod session;
mod trace;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use connector_kit::FunctionsClient;
use durable::{Disk, Tries};
use program::Workshop;
use protocol::{MailInfo, Registration};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use self::options::{DomainName, Options, ProgramOptions};
use checks::Checker;
pub use config::{Limits, SmtpConfig, TlsFiles};
use directory::Directory;
use inbox::Inbox;
use outgoing::Outgoing;
pub use outgoing::{Dkim, OutgoingConfig, Protection, Route, Smarthost};
use places::Places;
use queue::Queue;
use server::{Shared, TlsAcceptorDebug};
use session::SessionConfig;

/// Mails parsed concurrently.
const WORKERS: u32 = 4;
/// Mails whose senders are checked concurrently; most of that time is spent waiting for DNS.
const CHECKERS: u32 = 100;

/// Why it cannot start, in one sentence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// A running mail connector.
#[derive(Debug)]
pub struct Smtp {
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    handing: JoinHandle<()>,
    /// Tasks that end immediately.
    others: Vec<JoinHandle<()>>,
    queue: Arc<Queue>,
    outgoing: Option<Arc<Outgoing>>,
}

impl Smtp {
    /// Starts: opens the queues and serves the listener.
    ///
    /// # Errors
    /// One sentence: a folder, a certificate, or the functions' origin cannot be used.
    pub fn start(config: SmtpConfig, listener: TcpListener) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError(error.to_string());
        let client = FunctionsClient::new(&config.functions, &config.id, &config.key)
            .map_err(|error| failed(&error))?;
        let tls = config
            .tls
            .as_ref()
            .map(|files| tls::server_config(&files.certificate, &files.key))
            .transpose()
            .map_err(|error| failed(&error))?;
        let folder = config.data.join("incoming");
        let (queue, found) = Queue::open(&folder, config.limits.queue_bytes)
            .map_err(|error| StartError(format!("{} cannot be used: {error}", folder.display())))?;
        let queue = Arc::new(queue);
        let checks = config.data.join("checking");
        let tries = Tries::open(Disk::default(), &checks, inbox::MAX_TRIES)
            .map_err(|error| StartError(format!("{} cannot be used: {error}", checks.display())))?;
        let resolver = || checks::resolver(config.dns).map_err(StartError);
        let checker = if config.checks {
            let limit = config.limits.checking;
            Some(Checker::new(resolver()?, config.hostname.clone(), limit))
        } else {
            None
        };
        let (outgoing, sending) = match config.outgoing.clone() {
            None => (None, None),
            Some(route) => {
                announce(&route);
                let folder = config.data.join("outgoing");
                let (outgoing, work) = Outgoing::open(
                    &folder,
                    route,
                    &config.hostname,
                    &config.mail_domain,
                    resolver()?,
                    client.clone(),
                    &config.limits,
                )
                .map_err(|error| {
                    StartError(format!("{} cannot be used: {error}", folder.display()))
                })?;
                let sending = tokio::spawn(Arc::clone(&outgoing).run(work));
                (Some(outgoing), Some(sending))
            }
        };
        let registering = config.register.then(|| {
            let registration = Registration {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                mail: Some(MailInfo {
                    domain: config.mail_domain.clone(),
                    sends: outgoing.is_some(),
                }),
                ..Registration::default()
            };
            tokio::spawn(client.clone().keep_registered(registration))
        });
        let directory = Arc::new(Directory::new(
            client.clone(),
            config.limits.mails_per_hour,
            outgoing.clone(),
        ));
        let workshop = Workshop::new("foreign-mail", WORKERS, config.limits.taking_apart);
        // The checks have a time limit of their own, shorter than this one.
        let checking = Workshop::new("foreign-mail", CHECKERS, config.limits.checking * 2);
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            session: Arc::new(SessionConfig {
                hostname: config.hostname.clone(),
                mail_domain: config.mail_domain.clone(),
                starttls: tls.is_some(),
                limits: config.limits.clone(),
            }),
            tls: tls.map(|config| TlsAcceptorDebug(config.into())),
            directory: Arc::clone(&directory),
            inbox: Inbox {
                queue: Arc::clone(&queue),
                checker,
                directory,
                hostname: config.hostname,
                hops: config.limits.hops,
                arrived,
                outgoing: outgoing.clone(),
                workshop: workshop.clone(),
                checking,
                tries: Arc::new(tries),
            },
            places: Places::default(),
            refusing: AtomicUsize::new(0),
        });
        let (stop, stopping) = watch::channel(false);
        let handing = tokio::spawn(handover::hand_over(
            Arc::clone(&queue),
            client,
            workshop,
            config.limits,
            found,
            arrivals,
        ));
        let serving = tokio::spawn(server::serve(listener, shared, stopping));
        Ok(Self {
            stop,
            serving,
            handing,
            others: sending.into_iter().chain(registering).collect(),
            queue,
            outgoing,
        })
    }

    /// Mails waiting to be handed over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Mails waiting to be sent.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.outgoing
            .as_ref()
            .map_or(0, |outgoing| outgoing.waiting())
    }

    /// Returns its metrics for a metrics server.
    #[must_use]
    pub fn pages(&self) -> impl ::metrics::Pages + use<> {
        metrics::Counted {
            queue: Arc::clone(&self.queue),
            outgoing: self.outgoing.clone(),
        }
    }

    /// Stops: connections end between two steps; mails not handed over yet stay on disk.
    pub async fn shutdown(self) {
        let _ = self.stop.send(true);
        drop(self.serving.await);
        // Everything unfinished is repeated after the next start, with the same ids.
        for task in self.others.into_iter().chain([self.handing]) {
            task.abort();
            drop(task.await);
        }
    }
}

/// Logs which DNS records are needed so that others trust the mail.
fn announce(outgoing: &OutgoingConfig) {
    match (&outgoing.dkim, &outgoing.route) {
        (Some(dkim), _) => {
            tracing::info!(record = %dkim.zone_line(), "mail is signed with DKIM; its key must be in DNS");
        }
        (None, Route::Direct { .. }) => {
            tracing::warn!(
                "mail-out is direct without mail-dkim-key: many servers treat such mail as spam"
            );
        }
        (None, Route::Smarthost(_)) => {}
    }
}
