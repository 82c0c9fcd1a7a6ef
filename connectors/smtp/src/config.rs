//! The operator's settings and all limits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use program::Share;

use crate::outgoing::config::OutgoingConfig;

/// Maximum connections that are concurrently refused with an answer.
const MAX_REFUSING: usize = 50;

/// Configuration of the mail connector.
#[derive(Clone)]
pub struct SmtpConfig {
    /// This connector's id as known to the functions.
    pub id: String,
    /// Key shared with the functions.
    pub key: Vec<u8>,
    /// Origin of the functions, `https://chat.example.org`.
    pub functions: String,
    /// The server's name in its greeting and in header fields, `mx.example.org`.
    pub hostname: String,
    /// The domain of the channels' addresses, in lower case.
    pub mail_domain: String,
    /// Folder of the queues; created if missing.
    pub data: PathBuf,
    /// Certificate and key for STARTTLS.
    pub tls: Option<TlsFiles>,
    /// Whether SPF, DKIM and DMARC are checked.
    pub checks: bool,
    /// The DNS server to use; `None` means the system's.
    pub dns: Option<SocketAddr>,
    /// How outgoing mail is sent; `None` if none is.
    pub outgoing: Option<OutgoingConfig>,
    /// Whether it registers with the functions, where an admin has created it.
    pub register: bool,
    /// Limits.
    pub limits: Limits,
}

/// The certificate's files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

impl SmtpConfig {
    /// Creates a configuration with default limits, without TLS.
    #[must_use]
    pub fn new(
        id: &str,
        key: &[u8],
        functions: &str,
        mail_domain: &str,
        data: impl Into<PathBuf>,
    ) -> Self {
        let mail_domain = mail_domain.to_ascii_lowercase();
        Self {
            id: id.to_owned(),
            key: key.to_vec(),
            functions: functions.to_owned(),
            hostname: mail_domain.clone(),
            mail_domain,
            data: data.into(),
            tls: None,
            checks: true,
            dns: None,
            outgoing: None,
            register: false,
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpConfig")
            .field("id", &self.id)
            .field("functions", &self.functions)
            .field("hostname", &self.hostname)
            .field("mail_domain", &self.mail_domain)
            .field("data", &self.data)
            .field("tls", &self.tls)
            .field("checks", &self.checks)
            .field("outgoing", &self.outgoing)
            .finish_non_exhaustive()
    }
}

/// Limits. The defaults suit an installation with a few thousand accounts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum size of a mail in bytes, 25 MiB.
    pub size: usize,
    /// Recipients per mail; RFC 5321 section 4.5.3.1.8 requires at least 100.
    pub recipients: usize,
    /// Maximum length of a command including CRLF, in bytes. RFC 5321 requires 512, extensions add to it.
    pub command_line: usize,
    /// Commands per connection.
    pub commands: u32,
    /// Refused commands per connection, including unknown recipients.
    pub bad_commands: u32,
    /// Mails per connection.
    pub mails: u32,
    /// `Received` fields above which a mail is considered to be looping (RFC 5321 section 6.3).
    pub hops: usize,
    /// Open connections.
    pub connections: usize,
    /// Open connections per address; for IPv6, per /64.
    pub connections_per_address: usize,
    /// Bytes of mails being received, across all connections.
    pub receiving: usize,
    /// The same, per address.
    pub receiving_per_address: usize,
    /// Mails per hour for one channel's address.
    pub mails_per_hour: u32,
    /// How long a client may be silent; RFC 5321 section 4.5.3.2.7 requires five minutes.
    pub idle: Duration,
    /// How long a client that has not sent anything yet may be silent.
    pub first: Duration,
    /// How long a client may be silent while three quarters of the places are taken.
    pub idle_crowded: Duration,
    /// How long a client may take to read a response.
    pub writing: Duration,
    /// How long a connection may last.
    pub session: Duration,
    /// How long the checks of one mail may take.
    pub checking: Duration,
    /// Time limit for parsing a mail.
    pub taking_apart: Duration,
    /// Bytes on disk for mails that the functions do not have yet.
    pub queue_bytes: u64,
    /// Bytes on disk for outgoing mails that other servers do not have yet.
    pub outgoing_bytes: u64,
    /// Concurrent handovers of mails.
    pub handovers: usize,
    /// Maximum delay before a failed operation is retried.
    pub retry: Duration,
    /// How long mails that the functions refused permanently are kept aside.
    pub keep_refused: Duration,
    /// How often the functions are polled for mail to send.
    pub outbox: Duration,
    /// Time limit for connecting to a mail server.
    pub connecting: Duration,
    /// How long a mail server may take for one mail; RFC 5321 section 4.5.3.2 requires ten minutes after its end.
    pub sending: Duration,
    /// Delay before the second attempt to send a mail; each further delay is twice as long.
    pub first_retry: Duration,
    /// Maximum delay before a mail is tried again.
    pub last_retry: Duration,
}

impl Limits {
    /// The number of connections that these limits allow, including those being refused.
    #[must_use]
    pub fn share(&self) -> Share {
        Share {
            all: self.connections.saturating_add(self.refusals()),
            of_address: self.connections_per_address,
        }
    }

    /// Allows this many connections, including those being refused.
    #[must_use]
    pub fn with_share(mut self, share: Share) -> Self {
        if share != self.share() {
            let most = share.all.saturating_sub(MAX_REFUSING);
            self.connections = most.max(share.all * 4 / 5).max(1);
            self.connections_per_address = share.of_address;
        }
        self
    }

    /// How many connections may be refused with an answer concurrently; further ones are closed without one.
    pub(crate) fn refusals(&self) -> usize {
        self.connections.div_ceil(4).min(MAX_REFUSING)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: 25 << 20,
            recipients: 100,
            command_line: 2_048,
            commands: 1_000,
            bad_commands: 10,
            mails: 100,
            hops: 100,
            connections: 200,
            connections_per_address: 20,
            receiving: 128 << 20,
            receiving_per_address: 64 << 20,
            mails_per_hour: 600,
            idle: Duration::from_secs(300),
            first: Duration::from_secs(60),
            idle_crowded: Duration::from_secs(30),
            writing: Duration::from_secs(60),
            session: Duration::from_secs(3_600),
            checking: Duration::from_secs(15),
            taking_apart: Duration::from_secs(30),
            queue_bytes: 1 << 30,
            outgoing_bytes: 256 << 20,
            handovers: 4,
            retry: Duration::from_secs(60),
            keep_refused: Duration::from_secs(30 * 24 * 3_600),
            outbox: Duration::from_secs(10),
            connecting: Duration::from_secs(60),
            sending: Duration::from_secs(900),
            first_retry: Duration::from_secs(60),
            last_retry: Duration::from_secs(3_600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_connections_leave_some_for_refusals_as_well() {
        let whole = Limits::default();
        let same = whole.clone().with_share(whole.share());
        assert_eq!((same.connections, same.connections_per_address), (200, 20));
        for all in 4..250 {
            let limits = whole.clone().with_share(Share { all, of_address: 6 });
            assert_eq!(limits.connections_per_address, 6);
            assert!(limits.connections > 0 && limits.refusals() > 0, "{all}");
            assert!(limits.share().all <= all, "{all}");
        }
    }
}
