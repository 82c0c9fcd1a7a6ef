//! One attempt to deliver a mail to the next server (RFC 5321), using lettre's connection.
//!
//! The dialogue is carried out step by step, because the meaning of a refusal depends on the step: at `RCPT` it is
//! about the address, at `AUTH` about our own configuration.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use mail_auth::{DnsError, MessageAuthenticator};
use protocol::EmailAddress;
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use super::bounded::Bounded;
use super::config::{Protection, Route, Smarthost};
use super::store::Envelope;

/// Mail servers tried per domain.
const MAX_SERVERS: usize = 5;
/// Addresses tried per mail server.
const MAX_ADDRESSES: usize = 3;
/// DNS response codes (RFC 1035 section 4.1.1).
const NOERROR: u16 = 0;
const NXDOMAIN: u16 = 3;
/// Time limit for QUIT.
const QUIT: Duration = Duration::from_secs(5);

/// The result of an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    /// The next server has it.
    Sent,
    /// The address was refused permanently.
    Undeliverable(String),
    /// The mail was refused permanently.
    Failed(String),
    /// Temporarily refused.
    Later(String),
}

/// Delivers mails.
pub(crate) struct Transport {
    pub(crate) route: Route,
    pub(crate) hello: ClientId,
    pub(crate) resolver: MessageAuthenticator,
    /// Time limit for connecting to a server.
    pub(crate) connecting: Duration,
    /// Time limit for an attempt with one server.
    pub(crate) sending: Duration,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// Creates one attempt.
    pub(crate) async fn send(&self, envelope: &Envelope, bytes: &[u8]) -> Attempt {
        let Some(letter) = Letter::new(envelope, bytes) else {
            return Attempt::Failed("the addresses cannot be expressed in SMTP".to_owned());
        };
        match &self.route {
            Route::Smarthost(server) => {
                let sending = self.to_smarthost(server, &letter);
                timeout(self.sending, sending)
                    .await
                    .unwrap_or_else(|_| too_long(&server.host))
            }
            Route::Direct { port, private } => {
                self.direct(&envelope.to, *port, *private, &letter).await
            }
        }
    }

    async fn to_smarthost(&self, server: &Smarthost, letter: &Letter<'_>) -> Attempt {
        let host = &server.host;
        let tls = match parameters(server).await {
            Ok(tls) => tls,
            Err(reason) => return Attempt::Later(reason),
        };
        let address = (host.as_str(), server.port);
        let connected = if server.tls == Protection::Implicit {
            let connecting = AsyncSmtpConnection::connect_tokio1(
                address,
                Some(self.connecting),
                &self.hello,
                Some(tls.clone()),
                None,
            );
            connecting.await.map_err(|error| later(host, &error))
        } else {
            self.connect(host, address).await
        };
        let mut connection = match connected {
            Ok(connection) => connection,
            Err(attempt) => return attempt,
        };
        if server.tls == Protection::StartTls {
            if !connection.can_starttls() {
                connection.abort().await;
                return Attempt::Later(format!("{host} does not offer STARTTLS"));
            }
            if let Err(error) = connection.starttls(tls, &self.hello).await {
                return later(host, &error);
            }
        }
        if let Some((user, password)) = &server.login {
            let credentials = Credentials::new(user.clone(), password.clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let offered = connection.server_info();
            if offered.get_auth_mechanism(&mechanisms).is_none() {
                connection.abort().await;
                return Attempt::Later(format!(
                    "{host} accepts passwords with neither PLAIN nor LOGIN, and no other mechanism is supported"
                ));
            }
            if let Err(error) = connection.auth(&mechanisms, &credentials).await {
                connection.abort().await;
                return Attempt::Later(format!("{host} refused our user and password: {error}"));
            }
        }
        letter.hand_over(&mut connection, host).await
    }

    /// Finds the domain's mail servers (RFC 5321 section 5.1) and tries them in order.
    async fn direct(
        &self,
        to: &EmailAddress,
        port: u16,
        private: bool,
        letter: &Letter<'_>,
    ) -> Attempt {
        let domain = to.domain();
        let servers = match self.servers(domain).await {
            Ok(servers) => servers,
            Err(attempt) => return attempt,
        };
        let mut problem = format!("no mail server of {domain} has an address");
        let mut found = false;
        for server in servers.iter().take(MAX_SERVERS) {
            let addresses = match self.addresses(server).await {
                Ok(addresses) => addresses,
                Err(error) => {
                    found = true;
                    problem = format!("{server} cannot be resolved right now: {error}");
                    continue;
                }
            };
            for address in addresses.into_iter().take(MAX_ADDRESSES) {
                if !private && !protocol::is_public_address(address) {
                    problem = format!("{server} is not on the public internet");
                    continue;
                }
                found = true;
                let address = SocketAddr::new(address, port);
                let attempt = timeout(self.sending, self.to_server(server, address, letter))
                    .await
                    .unwrap_or_else(|_| too_long(server));
                match attempt {
                    Attempt::Later(reason) => problem = reason,
                    settled => return settled,
                }
            }
        }
        if found {
            Attempt::Later(problem)
        } else {
            Attempt::Undeliverable(problem)
        }
    }

    /// Uses TLS if the server offers it; certificates are not checked, since an attacker in between could remove the
    /// offer as well (RFC 7435).
    async fn to_server(&self, server: &str, address: SocketAddr, letter: &Letter<'_>) -> Attempt {
        let mut connection = match self.connect(server, address).await {
            Ok(connection) => connection,
            Err(attempt) => return attempt,
        };
        if connection.can_starttls() {
            let tls = TlsParametersBuilder::new(server.to_owned())
                .dangerous_accept_invalid_certs(true)
                .dangerous_accept_invalid_hostnames(true)
                .build();
            let secured = match tls {
                Ok(tls) => connection.starttls(tls, &self.hello).await,
                Err(error) => Err(error),
            };
            if let Err(error) = secured {
                return later(server, &error);
            }
        }
        letter.hand_over(&mut connection, server).await
    }

    /// Connects to a server whose responses are limited in length.
    async fn connect(
        &self,
        name: &str,
        address: impl ToSocketAddrs,
    ) -> Result<AsyncSmtpConnection, Attempt> {
        let stream = match timeout(self.connecting, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Box::new(Bounded::new(stream)),
            Ok(Err(error)) => return Err(Attempt::Later(format!("{name}: {error}"))),
            Err(_) => return Err(too_long(name)),
        };
        AsyncSmtpConnection::connect_with_transport(stream, &self.hello)
            .await
            .map_err(|error| later(name, &error))
    }

    async fn servers(&self, domain: &str) -> Result<Vec<String>, Attempt> {
        let name = format!("{domain}.");
        match self.resolver.mx_lookup(name.as_str(), NO_NAMES).await {
            Ok(records) => {
                let servers: Vec<String> = records
                    .rrset
                    .iter()
                    .flat_map(|record| &record.exchanges)
                    .map(|server| server.trim_end_matches('.').to_owned())
                    .collect();
                // RFC 7505: a single dot means that the domain accepts no mail.
                if servers.iter().all(String::is_empty) && !servers.is_empty() {
                    let reason = format!("{domain} accepts no mail");
                    return Err(Attempt::Undeliverable(reason));
                }
                if servers.is_empty() {
                    return Ok(vec![domain.to_owned()]);
                }
                Ok(servers)
            }
            Err(mail_auth::Error::Dns(DnsError::RecordNotFound(code)))
                if u16::from(code) == NXDOMAIN =>
            {
                let reason = format!("there is no domain {domain}");
                Err(Attempt::Undeliverable(reason))
            }
            Err(error) if is_absence(&error) => Ok(vec![domain.to_owned()]),
            Err(error) => Err(Attempt::Later(format!(
                "the mail servers of {domain} cannot be looked up right now: {error}"
            ))),
        }
    }

    async fn addresses(&self, server: &str) -> Result<Vec<IpAddr>, mail_auth::Error> {
        let name = format!("{server}.");
        let (v4, v6) = tokio::join!(
            self.resolver.ipv4_lookup(name.as_str(), NO_V4),
            self.resolver.ipv6_lookup(name.as_str(), NO_V6),
        );
        let mut found = Vec::new();
        let mut problem = None;
        match v4 {
            Ok(v4) => found.extend(v4.rrset.iter().copied().map(IpAddr::from)),
            Err(error) => problem = Some(error).filter(|error| !is_absence(error)),
        }
        match v6 {
            Ok(v6) => found.extend(v6.rrset.iter().copied().map(IpAddr::from)),
            Err(error) if !is_absence(&error) => problem = Some(error),
            Err(_) => {}
        }
        match problem {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }
}

/// The trusted certificates for TLS to a smarthost.
async fn parameters(server: &Smarthost) -> Result<TlsParameters, String> {
    let mut builder = TlsParametersBuilder::new(server.host.clone());
    if let Some(path) = &server.authority {
        let unusable = |reason: String| format!("mail-out-ca: {}: {reason}", path.display());
        let pem = tokio::fs::read(path).await;
        let pem = pem.map_err(|error| unusable(error.to_string()))?;
        let certificate =
            Certificate::from_pem(&pem).map_err(|error| unusable(error.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| error.to_string())
}

/// Returns whether DNS says that there are no such records; any other error is temporary.
fn is_absence(error: &mail_auth::Error) -> bool {
    match error {
        mail_auth::Error::Dns(DnsError::RecordNotFound(code)) => {
            matches!(u16::from(*code), NOERROR | NXDOMAIN)
        }
        _ => false,
    }
}

/// A mail with the addresses of its envelope.
struct Letter<'a> {
    from: Option<Address>,
    to: Address,
    bytes: &'a [u8],
}

impl<'a> Letter<'a> {
    fn new(envelope: &Envelope, bytes: &'a [u8]) -> Option<Self> {
        let address = |text: &str| text.parse::<Address>().ok();
        Some(Self {
            from: Some(address(&envelope.return_path)?),
            to: address(envelope.to.as_str())?,
            bytes,
        })
    }

    async fn hand_over(&self, connection: &mut AsyncSmtpConnection, server: &str) -> Attempt {
        let mail = Mail::new(self.from.clone(), Vec::new());
        let attempt = match connection.command(mail).await {
            Err(error) => refused(server, &error, Step::Other),
            Ok(_) => match connection
                .command(Rcpt::new(self.to.clone(), Vec::new()))
                .await
            {
                Err(error) => refused(server, &error, Step::Recipient),
                Ok(_) => match connection.command(Data).await {
                    Err(error) => refused(server, &error, Step::Other),
                    Ok(_) => match connection.message(self.bytes).await {
                        Err(error) => refused(server, &error, Step::Other),
                        Ok(_) => Attempt::Sent,
                    },
                },
            },
        };
        // Responsibility for the mail is already settled, whatever the result of this.
        drop(timeout(QUIT, connection.abort()).await);
        attempt
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Step {
    Recipient,
    Other,
}

/// The meaning of a refusal: about the address, about the mail, or temporary.
fn refused(server: &str, error: &Error, step: Step) -> Attempt {
    let said = said(error);
    let text = format!("{server} said: {said}");
    if !error.is_permanent() {
        return Attempt::Later(format!("{server}: {error}"));
    }
    // RFC 3463: 5.1.x is about the address, 5.2.1 a disabled mailbox; 5.7.x is about us.
    let about_address = match enhanced(&said) {
        Some((1, _) | (2, 1)) => true,
        Some(_) => false,
        None => step == Step::Recipient,
    };
    if about_address {
        Attempt::Undeliverable(text)
    } else {
        Attempt::Failed(text)
    }
}

/// The server's text, with its code.
fn said(error: &Error) -> String {
    let text = error.to_string();
    text.strip_prefix("permanent error ")
        .unwrap_or(&text)
        .to_owned()
}

/// Subject and detail of an enhanced status code of class 5 (RFC 3463).
pub(super) fn enhanced(text: &str) -> Option<(u16, u16)> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find_map(|word| {
            let mut parts = word.strip_prefix("5.")?.split('.');
            let (subject, detail) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            parts.next().is_none().then_some((subject, detail))
        })
}

fn later(server: &str, error: &Error) -> Attempt {
    Attempt::Later(format!("{server}: {error}"))
}

fn too_long(server: &str) -> Attempt {
    Attempt::Later(format!("{server} took too long"))
}

/// DNS responses are not cached here: the resolver does that.
const NO_NAMES: Option<&NoCache> = None;
const NO_V4: Option<&NoCache> = None;
const NO_V6: Option<&NoCache> = None;

/// A cache that never exists.
struct NoCache;

impl<K, V> mail_auth::ResolverCache<K, V> for NoCache {
    fn get<Q>(&self, _: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: std::hash::Hash + Eq + ?Sized,
    {
        None
    }

    fn remove<Q>(&self, _: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: std::hash::Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: K, _: V, _: std::time::Instant) {}
}

#[cfg(test)]
mod tests {
    use super::enhanced;

    #[test]
    fn enhanced_codes_are_found() {
        assert_eq!(enhanced("(550): 5.1.1 <a@b>: unknown"), Some((1, 1)));
        assert_eq!(enhanced("(554): 5.7.1 relay denied"), Some((7, 1)));
        assert_eq!(enhanced("(550): no such user 5.5"), None);
        assert_eq!(enhanced("550 from 15.1.1.2"), None);
        assert_eq!(enhanced(""), None);
    }
}
