//! Opening sockets.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use super::{AddressKey, StartError};
use crate::config::Config;

/// Receive buffer requested for a listener, in bytes: it may have to serve thousands of clients.
const LISTENER_BUFFER: usize = 4 << 20;
/// Receive buffer requested for a relay, in bytes: a quarter of a second at an allocation's default rate. No memory
/// is reserved for it.
const RELAY_BUFFER: usize = 512 << 10;
/// Connections waiting to be accepted.
const BACKLOG: i32 = 1024;
/// How many other ports are tried if the system's choice for UDP is taken for TCP.
const PORT_TRIES: usize = 20;

/// The listeners of one thread.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) datagram: Vec<(OwnedFd, SocketAddr)>,
    pub(super) plain: Vec<(OwnedFd, SocketAddr)>,
    pub(super) tls: Vec<(OwnedFd, SocketAddr)>,
}

impl Listeners {
    /// Opens the first thread's listeners.
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        let mut all = Self {
            datagram: Vec::new(),
            plain: Vec::new(),
            tls: Vec::new(),
        };
        for &address in &config.listen {
            // SO_REUSEPORT would let another server of the same user share the port.
            unused(address).map_err(|error| refused(AddressKey::Listen, address, error))?;
            let (datagram, plain) =
                both(address).map_err(|error| refused(AddressKey::Listen, address, error))?;
            all.datagram.push(datagram);
            all.plain.push(plain);
        }
        for &address in &config.tls_listen {
            let wrong = |error| refused(AddressKey::TlsListen, address, error);
            unused_tcp(address).map_err(wrong)?;
            all.tls.push(tcp(address).map_err(wrong)?);
        }
        Ok(all)
    }

    /// Opens the same ones for another thread.
    pub(super) fn again(&self) -> Result<Self, StartError> {
        let open = |list: &[(OwnedFd, SocketAddr)],
                    key: AddressKey,
                    open: fn(SocketAddr) -> io::Result<(OwnedFd, SocketAddr)>| {
            list.iter()
                .map(|(_, address)| open(*address).map_err(|error| refused(key, *address, error)))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            datagram: open(&self.datagram, AddressKey::Listen, udp)?,
            plain: open(&self.plain, AddressKey::Listen, tcp)?,
            tls: open(&self.tls, AddressKey::TlsListen, tcp)?,
        })
    }

    /// The addresses it listens on for UDP and TCP.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.datagram.iter().map(|(_, address)| *address).collect()
    }

    /// The addresses it listens on for TLS.
    pub(super) fn tls_addresses(&self) -> Vec<SocketAddr> {
        self.tls.iter().map(|(_, address)| *address).collect()
    }
}

fn refused(key: AddressKey, address: SocketAddr, error: io::Error) -> StartError {
    if error.kind() == io::ErrorKind::AddrInUse {
        return StartError::InUse { key, address };
    }
    StartError::Address {
        key,
        address,
        error,
    }
}

fn unused(address: SocketAddr) -> io::Result<()> {
    let socket = dgram(address)?;
    bind(&socket, &address)?;
    unused_tcp(address)
}

/// Not the standard library's listener: its `[::]` takes the IPv4 port as well.
fn unused_tcp(address: SocketAddr) -> io::Result<()> {
    let socket = open(address, SocketType::STREAM)?;
    // Connections that ended a moment ago do not count.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, 1).map_err(io::Error::from)
}

/// UDP and TCP on the same port; port 0 lets the system choose for both.
fn both(address: SocketAddr) -> io::Result<((OwnedFd, SocketAddr), (OwnedFd, SocketAddr))> {
    let mut tries = 0;
    loop {
        let datagram = udp(address)?;
        match tcp(datagram.1) {
            Ok(plain) => return Ok((datagram, plain)),
            Err(_) if address.port() == 0 && tries < PORT_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

fn udp(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let socket = dgram(address)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    buffers(&socket, LISTENER_BUFFER)?;
    bind(&socket, &address)?;
    named(socket)
}

fn tcp(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let socket = open(address, SocketType::STREAM)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    named(socket)
}

/// Opens a relay's socket.
pub(super) fn relay(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = dgram(address)?;
    buffers(&socket, RELAY_BUFFER)?;
    bind(&socket, &address)?;
    Ok(socket)
}

/// Requests buffers. The system may give less (`net.core.rmem_max`), unless it trusts the process (CAP_NET_ADMIN);
/// that is not an error.
fn buffers(socket: &OwnedFd, size: usize) -> io::Result<()> {
    if sockopt::set_socket_recv_buffer_size_force(socket, size).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, size)?;
    }
    sockopt::set_socket_send_buffer_size(socket, size)?;
    Ok(())
}

/// Prepares an accepted connection.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)
}

fn dgram(address: SocketAddr) -> io::Result<OwnedFd> {
    open(address, SocketType::DGRAM)
}

fn open(address: SocketAddr, kind: SocketType) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket_with(
        family,
        kind,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}

fn named(socket: OwnedFd) -> io::Result<(OwnedFd, SocketAddr)> {
    let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::credentials::Secrets;

    #[test]
    fn both_families_on_one_port_but_nothing_twice() {
        let secrets = || Secrets::new(vec![b"a secret of this test".to_vec()]);
        let four: SocketAddr = (Ipv4Addr::UNSPECIFIED, 0).into();
        let first = Listeners::open(&Config::new(vec![four], secrets())).unwrap();
        let four = first.addresses()[0];
        let six: SocketAddr = (Ipv6Addr::UNSPECIFIED, four.port()).into();
        let second = Listeners::open(&Config::new(vec![six], secrets())).unwrap();
        assert_eq!(second.addresses(), [six]);
        for taken in [four, six] {
            let again = Listeners::open(&Config::new(vec![taken], secrets()));
            let said = matches!(
                again,
                Err(StartError::InUse {
                    key: AddressKey::Listen,
                    ..
                })
            );
            assert!(said, "{taken}");
        }
        let mut config = Config::new(Vec::new(), secrets());
        config.tls_listen = vec![six];
        assert!(matches!(
            Listeners::open(&config),
            Err(StartError::InUse {
                key: AddressKey::TlsListen,
                ..
            })
        ));
    }
}
