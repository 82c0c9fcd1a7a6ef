//! Making a connection: the name, the addresses that are allowed, TCP, TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::AddressPolicy;
use crate::failure::Failure;
use crate::identities::{Identities, Identity, Owner};
use crate::io_words::words;
use crate::own_server::OwnServer;
use crate::tls::{Check, failure};

/// How long all of connecting may take: name, TCP, TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long TLS may take of that.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// With what TLS is spoken.
pub(crate) struct Tls {
    pub(crate) check: Arc<Check>,
    /// Whose certificate is presented, if one is.
    pub(crate) identity: Option<(Arc<Identities>, Owner)>,
}

/// Where a connection may lead.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) addresses: AddressPolicy,
    pub(crate) own_server: Arc<OwnServer>,
    /// Whether it is the one that every account has to the own server.
    pub(crate) built_in: bool,
}

/// Resolves, checks, connects to what was checked; with TLS if there is something to check certificates with.
pub(crate) async fn connect(
    host: String,
    port: u16,
    tls: Option<Tls>,
    reach: Reach,
) -> Result<Box<dyn Stream>, Failure> {
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
            return Err(refused.into());
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
        Err(trouble.into())
    };
    timeout(CONNECT_TIMEOUT, connecting)
        .await
        .unwrap_or_else(|_| {
            let seconds = CONNECT_TIMEOUT.as_secs();
            let reason = format!("{host} did not answer on port {port} within {seconds} seconds.");
            Err(reason.into())
        })
}

/// Says why a server could not be connected to.
fn unreached(host: &str, port: u16, error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::ConnectionRefused {
        format!("{host} refuses the connection on port {port}.")
    } else {
        format!("{host} does not answer on port {port} ({}).", words(error))
    }
}

/// Looks for the certificate of a connection, or makes it.
async fn identity_of(identities: Arc<Identities>, owner: Owner) -> Result<Arc<Identity>, String> {
    let made = tokio::task::spawn_blocking(move || identities.of(&owner));
    made.await
        .unwrap_or_else(|_| Err("The certificate for this connection can't be made.".to_owned()))
}

async fn secured(
    stream: TcpStream,
    host: &str,
    port: u16,
    tls: Option<Tls>,
) -> Result<Box<dyn Stream>, Failure> {
    // Without it a line waits for the one after it; a failure only costs time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let Some(Tls { check, identity }) = tls else {
        return Ok(Box::new(stream));
    };
    let identity = match identity {
        Some((identities, owner)) => Some(identity_of(identities, owner).await?),
        None => None,
    };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("{host} is no host name that a certificate could be for."))?;
    let handshake = TlsConnector::from(check.config(identity.as_deref())?).connect(name, stream);
    match timeout(TLS_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(failure(host, port, &error, &check)),
        Err(_) => Err(format!(
            "{host} does not answer with TLS on port {port}; check port and TLS in the settings."
        )
        .into()),
    }
}
