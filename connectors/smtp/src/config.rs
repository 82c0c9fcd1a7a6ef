//! What an operator decides, and the bounds of everything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use program::Share;

use crate::outgoing::config::OutgoingConfig;

/// Connections that are refused with an answer at the same time, at most.
const MAX_REFUSING: usize = 50;

/// Configuration of the mail connector.
#[derive(Clone)]
pub struct SmtpConfig {
    /// This connector's id, as the functions know it.
    pub id: String,
    /// Key shared with the functions.
    pub key: Vec<u8>,
    /// Origin of the functions, `https://chat.example.org`.
    pub functions: String,
    /// Name by which this server greets and calls itself, `mx.example.org`.
    pub hostname: String,
    /// The domain that channels have addresses in, lower case.
    pub mail_domain: String,
    /// Folder of the queues; made if missing.
    pub data: PathBuf,
    /// Certificate and key for STARTTLS.
    pub tls: Option<TlsFiles>,
    /// Whether SPF, DKIM and DMARC are looked at.
    pub checks: bool,
    /// The DNS server that is asked; none means those of the system.
    pub dns: Option<SocketAddr>,
    /// How outgoing mail leaves; none if none is sent.
    pub outgoing: Option<OutgoingConfig>,
    /// Whether it makes itself known to the functions: an admin made it there.
    pub register: bool,
    /// Bounds.
    pub limits: Limits,
}

/// Where the certificate is.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

impl SmtpConfig {
    /// Makes a configuration with default bounds, without TLS.
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

/// Bounds. The defaults suit an installation of some thousand accounts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest mail in bytes, 25 MiB.
    pub size: usize,
    /// Recipients of one mail; RFC 5321 section 4.5.3.1.8 asks for at least 100.
    pub recipients: usize,
    /// Longest command with CRLF, bytes. RFC 5321 asks for 512, extensions add to it.
    pub command_line: usize,
    /// Commands in one connection.
    pub commands: u32,
    /// Commands that were refused in one connection, unknown recipients included.
    pub bad_commands: u32,
    /// Mails in one connection.
    pub mails: u32,
    /// `Received` fields after which a mail is going in circles (RFC 5321 section 6.3).
    pub hops: usize,
    /// Open connections.
    pub connections: usize,
    /// Open connections of one address; of IPv6 of one /64.
    pub connections_per_address: usize,
    /// Bytes of mails that are being received, all connections together.
    pub receiving: usize,
    /// The same, those of one address.
    pub receiving_per_address: usize,
    /// Mails for one channel's address in an hour.
    pub mails_per_hour: u32,
    /// How long a client may be silent; RFC 5321 section 4.5.3.2.7 asks for five minutes.
    pub idle: Duration,
    /// How long a client may be silent that has sent nothing at all yet.
    pub first: Duration,
    /// How long a client may be silent while three of four places are taken.
    pub idle_crowded: Duration,
    /// How long a client may take to read an answer.
    pub writing: Duration,
    /// How long a connection may last.
    pub session: Duration,
    /// How long the checks of one mail may take.
    pub checking: Duration,
    /// How long it may take to take one mail apart.
    pub taking_apart: Duration,
    /// Bytes that mails may take on disk until the functions have them.
    pub queue_bytes: u64,
    /// Bytes that mails may take on disk until other servers have them.
    pub outgoing_bytes: u64,
    /// Mails that are handed over at the same time.
    pub handovers: usize,
    /// Longest pause before something that failed is tried again.
    pub retry: Duration,
    /// How long mails are kept aside that the functions refused for good.
    pub keep_refused: Duration,
    /// How often the functions are asked for mail to send.
    pub outbox: Duration,
    /// How long it may take to reach a mail server.
    pub connecting: Duration,
    /// How long a mail server may take for one mail; RFC 5321 section 4.5.3.2 asks for ten minutes after its end.
    pub sending: Duration,
    /// Pause before a mail is tried for the second time; each further one is twice as long.
    pub first_retry: Duration,
    /// Longest pause before a mail is tried again.
    pub last_retry: Duration,
}

impl Limits {
    /// The connections that these bounds allow, those that are being refused included.
    #[must_use]
    pub fn share(&self) -> Share {
        Share {
            all: self.connections.saturating_add(self.refusals()),
            of_address: self.connections_per_address,
        }
    }

    /// Allows so many connections, those that are being refused included.
    #[must_use]
    pub fn with_share(mut self, share: Share) -> Self {
        if share != self.share() {
            let most = share.all.saturating_sub(MAX_REFUSING);
            self.connections = most.max(share.all * 4 / 5).max(1);
            self.connections_per_address = share.of_address;
        }
        self
    }

    /// How many connections may be refused with an answer at the same time; further ones are closed without.
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
