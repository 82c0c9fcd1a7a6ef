//! Making a connection: the name, the addresses that are allowed, TCP, TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::failure::Failure;
use crate::identities::{Identities, Identity, Owner};
use crate::io_words::words;
use crate::own_server::OwnServer;
use crate::tls::{Check, failure};
use crate::{AddressPolicy, Family, Proxy};

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

/// Where a connection may lead, and how.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub(crate) addresses: AddressPolicy,
    pub(crate) own_server: Arc<OwnServer>,
    /// Whether it is the one that every account has to the own server.
    pub(crate) built_in: bool,
    /// The operator's proxy.
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// Whether accounts may have proxies of their own.
    pub(crate) member_proxies: bool,
}

/// How this server is to be connected to.
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) family: Family,
    /// The account's own proxy, as it was typed.
    pub(crate) proxy: Option<String>,
    /// Whether the server is the operator's own, which no proxy stands before.
    pub(crate) direct: bool,
}

/// Resolves, checks, connects to what was checked; with TLS if there is something to check certificates with.
///
/// Names are resolved here also if there is a proxy, which gets the address that was checked.
pub(crate) async fn connect(
    target: Target,
    tls: Option<Tls>,
    reach: Reach,
) -> Result<Box<dyn Stream>, Failure> {
    let connecting = async {
        let Target { host, port, .. } = &target;
        let addresses = resolved(host, *port, target.family, &reach).await?;
        let way = Way::new(&target, &reach).await?;
        let mut trouble = String::new();
        for address in addresses {
            match way.connect(host, address).await {
                Ok(stream) => {
                    if reach.built_in {
                        reach.own_server.note(address);
                    }
                    return secured(stream, host, *port, tls).await;
                }
                Err(reason) => trouble = reason,
            }
        }
        Err(trouble.into())
    };
    timeout(CONNECT_TIMEOUT, connecting)
        .await
        .unwrap_or_else(|_| {
            let (host, port) = (&target.host, target.port);
            let seconds = CONNECT_TIMEOUT.as_secs();
            let reason = format!("{host} did not answer on port {port} within {seconds} seconds.");
            Err(reason.into())
        })
}

/// The addresses of a host that may be connected to.
async fn resolved(
    host: &str,
    port: u16,
    family: Family,
    reach: &Reach,
) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| format!("There is no server called {host} ({error})."))?
        .collect();
    let mut allowed = Vec::with_capacity(found.len());
    let mut refused = format!("There is no server called {host}.");
    for address in found {
        let own = &reach.own_server;
        match own.check(&reach.addresses, reach.built_in, host, address) {
            Ok(()) if family.has(address.ip().to_canonical()) => allowed.push(address),
            Ok(()) => {
                refused = format!(
                    "{host} has no {} address; change that in the settings.",
                    family.name()
                );
            }
            Err(reason) => refused = reason,
        }
    }
    if allowed.is_empty() {
        return Err(refused);
    }
    Ok(allowed)
}

/// The proxies on the way, if there are any.
struct Way<'a> {
    operators: Option<&'a Proxy>,
    /// The account's own, and where it is, which was checked as the server's address was.
    members: Option<(Proxy, SocketAddr)>,
}

impl<'a> Way<'a> {
    async fn new(target: &Target, reach: &'a Reach) -> Result<Self, String> {
        let direct = target.direct || reach.built_in;
        let members = match &target.proxy {
            // Connecting without it would show the address that was to be hidden.
            Some(_) if !reach.member_proxies => {
                return Err(
                    "Connections through your own proxy are not allowed here: remove it in the settings."
                        .to_owned(),
                );
            }
            Some(text) => {
                let proxy: Proxy = text.parse().map_err(|()| {
                    "Your proxy is no address of one: expected socks5://host:port or http://host:port."
                        .to_owned()
                })?;
                let (host, port) = proxy.place();
                let at = resolved(host, port, Family::Any, reach).await?;
                at.first().copied().map(|at| (proxy, at))
            }
            None => None,
        };
        Ok(Self {
            operators: reach.proxy.as_deref().filter(|_| !direct),
            members,
        })
    }

    async fn connect(&self, host: &str, address: SocketAddr) -> Result<TcpStream, String> {
        let first = self.members.as_ref().map_or(address, |(_, at)| *at);
        let stream = match self.operators {
            Some(proxy) => proxy.connect(first).await?,
            None => TcpStream::connect(first)
                .await
                .map_err(|error| match self.members {
                    Some(_) => crate::proxy::unanswered(&error),
                    None => unreached(host, address.port(), &error),
                })?,
        };
        match &self.members {
            Some((proxy, _)) => proxy.lead(stream, address).await,
            None => Ok(stream),
        }
    }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn reach(addresses: AddressPolicy, proxy: Option<String>) -> Reach {
        Reach {
            addresses,
            own_server: Arc::new(OwnServer::new(Vec::new())),
            built_in: false,
            proxy: proxy.map(|text| Arc::new(text.parse().unwrap())),
            member_proxies: true,
        }
    }

    fn target(host: &str, port: u16) -> Target {
        Target {
            host: host.to_owned(),
            port,
            family: Family::Any,
            proxy: None,
            direct: false,
        }
    }

    async fn refused(target: Target, reach: Reach) -> String {
        connect(target, None, reach).await.err().unwrap().reason
    }

    /// A proxy for HTTP that connects nowhere, and tells what it was asked for.
    async fn proxy() -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut said = Vec::new();
            while !said.ends_with(b"\r\n\r\n") {
                said.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let said = String::from_utf8(said).unwrap();
            said.lines().next().unwrap().to_owned()
        });
        (format!("http://127.0.0.1:{port}"), asked)
    }

    #[tokio::test]
    async fn a_proxy_gets_addresses_that_were_checked_and_no_names() {
        let public = AddressPolicy::Public { except: Vec::new() };
        let (operators, asked) = proxy().await;
        let through = reach(public.clone(), Some(operators));
        for (host, port) in [("localhost", 22), ("127.0.0.1", 6667), ("10.0.0.1", 6667)] {
            let reason = refused(target(host, port), through.clone()).await;
            assert!(reason.contains("not on the public internet"), "{reason}");
        }
        connect(target("8.8.8.8", 6667), None, through)
            .await
            .ok()
            .unwrap();
        assert_eq!(asked.await.unwrap(), "CONNECT 8.8.8.8:6667 HTTP/1.1");
        let (operators, asked) = proxy().await;
        let through = reach(AddressPolicy::Any, Some(operators));
        connect(target("localhost", 6667), None, through)
            .await
            .ok()
            .unwrap();
        let asked = asked.await.unwrap();
        assert!(
            asked.contains("127.0.0.1:6667") || asked.contains("[::1]:6667"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_members_proxy_leads_nowhere_else_either_and_is_for_the_operator_to_allow() {
        let with = |host: &str, proxy: &str| Target {
            proxy: Some(proxy.to_owned()),
            ..target(host, 6667)
        };
        let public = AddressPolicy::Public { except: Vec::new() };
        for (host, proxy, why) in [
            ("8.8.8.8", "socks5://127.0.0.1:1080", "not on the public"),
            ("10.0.0.1", "socks5://8.8.8.8:1080", "not on the public"),
            ("8.8.8.8", "ftp://8.8.8.8", "no address of one"),
        ] {
            let reason = refused(with(host, proxy), reach(public.clone(), None)).await;
            assert!(reason.contains(why), "{reason}");
        }
        let mut none = reach(AddressPolicy::Any, None);
        none.member_proxies = false;
        let reason = refused(with("8.8.8.8", "socks5://8.8.8.8"), none).await;
        assert!(reason.contains("not allowed here"), "{reason}");
        // Through the operator's to the member's.
        let (members, asked) = proxy().await;
        let through = reach(AddressPolicy::Any, None);
        connect(with("127.0.0.1", &members), None, through)
            .await
            .ok()
            .unwrap();
        assert_eq!(asked.await.unwrap(), "CONNECT 127.0.0.1:6667 HTTP/1.1");
    }

    #[tokio::test]
    async fn one_address_family_may_be_wanted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let of = |family| Target {
            family,
            ..target("127.0.0.1", port)
        };
        let anywhere = || reach(AddressPolicy::Any, None);
        connect(of(Family::V4), None, anywhere())
            .await
            .ok()
            .unwrap();
        let reason = refused(of(Family::V6), anywhere()).await;
        assert!(reason.contains("has no IPv6 address"), "{reason}");
    }
}
