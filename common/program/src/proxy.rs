//! The PROXY protocol, versions 1 and 2 (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>): a reverse
//! proxy announces a client's real address before the client's own first byte.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The signature of version 2; neither a line of IRC nor TLS begins with it.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Maximum length of a version 1 header, CR LF included (section 2.1).
const MAX_TEXT: usize = 107;

/// Maximum length of a version 2 header that is accepted: addresses, and information about TLS.
const MAX_HEADER: usize = 4096;

/// How long a proxy may take to send its header.
const HEADER: Duration = Duration::from_secs(5);

/// The type of the TLS information about client and proxy, and the bit that says TLS was used (section 2.2.6).
const TLS: u8 = 0x20;
const TLS_SPOKEN: u8 = 0x01;

/// A client's origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Its address.
    pub address: IpAddr,
    /// It uses TLS to the proxy.
    pub secure: bool,
}

/// Reads a proxy's header; returns the client's origin, and the rest of the connection. If the header is not
/// `optional`, its absence is an error; without an origin, the proxy itself is the client.
///
/// # Errors
/// The connection failed, or the header is missing, invalid or late; one clause saying which.
pub async fn announced(
    mut stream: TcpStream,
    optional: bool,
) -> io::Result<(Option<Origin>, Prefixed)> {
    match timeout(HEADER, read_header(&mut stream, optional)).await {
        Ok(Ok((origin, before))) => Ok((origin, Prefixed::new(before, stream))),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("it did not arrive in time")),
    }
}

async fn read_header(
    stream: &mut TcpStream,
    optional: bool,
) -> io::Result<(Option<Origin>, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        match read(&bytes) {
            Reading::More => {}
            Reading::Absent if optional => return Ok((None, bytes)),
            Reading::Absent => return Err(io::Error::other("it is missing")),
            Reading::Wrong(reason) => return Err(io::Error::other(reason)),
            Reading::Header { length, origin } => {
                return Ok((origin, bytes.split_off(length)));
            }
        }
        let most = MAX_HEADER - bytes.len().min(MAX_HEADER);
        let mut part = (&mut *stream).take(most as u64);
        if part.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A connection from which some bytes were read already.
#[derive(Debug)]
pub struct Prefixed<S = TcpStream> {
    before: Vec<u8>,
    inner: S,
}

impl<S> Prefixed<S> {
    /// Creates one from which these bytes were read.
    #[must_use]
    pub const fn new(before: Vec<u8>, inner: S) -> Self {
        Self { before, inner }
    }
}

impl From<TcpStream> for Prefixed {
    /// Of which nothing was read.
    fn from(inner: TcpStream) -> Self {
        Self::new(Vec::new(), inner)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        let count = self.before.len().min(buffer.remaining());
        buffer.put_slice(self.before.get(..count).unwrap_or_default());
        // Moves at most one header's length, a few times.
        self.before.drain(..count);
        if self.before.is_empty() {
            self.before = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// The kind of a connection's first bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// Possibly a header; more bytes are needed.
    More,
    /// No header: the client's own bytes.
    Absent,
    /// A header of this length; without an origin, the proxy itself is the client.
    Header {
        length: usize,
        origin: Option<Origin>,
    },
    /// An invalid header; one sentence saying why.
    Wrong(&'static str),
}

/// Parses a connection's first bytes.
fn read(bytes: &[u8]) -> Reading {
    let agrees = |wanted: &[u8]| {
        let length = bytes.len().min(wanted.len());
        bytes.get(..length) == wanted.get(..length)
    };
    if agrees(SIGNATURE) {
        binary(bytes)
    } else if agrees(b"PROXY ") {
        text(bytes)
    } else {
        Reading::Absent
    }
}

fn text(bytes: &[u8]) -> Reading {
    let start = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    let Some(end) = start.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < MAX_TEXT {
            Reading::More
        } else {
            Reading::Wrong("its line does not end within 107 bytes")
        };
    };
    let line = start
        .get(..end)
        .and_then(|line| std::str::from_utf8(line).ok());
    let Some(line) = line else {
        return Reading::Wrong("its line is not text");
    };
    let length = end + 2;
    let words: Vec<&str> = line.split(' ').collect();
    let address = match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => {
            return Reading::Header {
                length,
                origin: None,
            };
        }
        ["PROXY", "TCP4", from, _, _, _] => from.parse::<Ipv4Addr>().map(IpAddr::V4),
        ["PROXY", "TCP6", from, _, _, _] => from.parse::<Ipv6Addr>().map(IpAddr::V6),
        _ => return Reading::Wrong("its line is not PROXY, protocol, two addresses, two ports"),
    };
    match address {
        Ok(address) => Reading::Header {
            length,
            origin: Some(Origin {
                address: address.to_canonical(),
                secure: false,
            }),
        },
        Err(_) => Reading::Wrong("the client's address does not match its protocol"),
    }
}

fn binary(bytes: &[u8]) -> Reading {
    let Some(&[version, family, high, low]) = bytes.get(12..16) else {
        return Reading::More;
    };
    let length = 16 + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_HEADER {
        return Reading::Wrong("it is longer than 4096 bytes");
    }
    if version >> 4 != 2 || version & 0xf > 1 {
        return Reading::Wrong("its version or command is unknown");
    }
    let Some(body) = bytes.get(16..length) else {
        return Reading::More;
    };
    // LOCAL: the proxy itself connects, to check that the server is alive.
    if version & 0xf == 0 {
        return Reading::Header {
            length,
            origin: None,
        };
    }
    let (address, more) = match family {
        0x11 | 0x12 => match body.split_at_checked(12) {
            Some((addresses, more)) => (first::<4>(addresses).map(IpAddr::from), more),
            None => (None, body),
        },
        0x21 | 0x22 => match body.split_at_checked(36) {
            Some((addresses, more)) => (first::<16>(addresses).map(IpAddr::from), more),
            None => (None, body),
        },
        // Neither IPv4 nor IPv6: a socket on the same machine, or unspecified.
        _ => {
            return Reading::Header {
                length,
                origin: None,
            };
        }
    };
    match address {
        Some(address) => Reading::Header {
            length,
            origin: Some(Origin {
                address: address.to_canonical(),
                secure: tls_spoken(more, &mut 0),
            }),
        },
        None => Reading::Wrong("it is too short for its addresses"),
    }
}

fn first<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

/// Searches for the TLS information among the entries after the addresses: type, length, value.
fn tls_spoken(mut entries: &[u8], steps: &mut usize) -> bool {
    while let [kind, high, low, rest @ ..] = entries {
        *steps += 1;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, rest)) = rest.split_at_checked(length) else {
            return false;
        };
        if *kind == TLS {
            return value.first().is_some_and(|flags| flags & TLS_SPOKEN != 0);
        }
        entries = rest;
    }
    false
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail"
)]
mod tests {
    use super::*;

    fn v2(version: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([version, family]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    fn origin(text: &str, secure: bool) -> Option<Origin> {
        Some(Origin {
            address: text.parse().unwrap(),
            secure,
        })
    }

    #[test]
    fn headers_of_both_versions() {
        let four = [192, 0, 2, 7, 10, 0, 0, 1, 0, 80, 1, 187];
        let mut six = [0; 36];
        six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        six[15] = 9;
        let with = |entry: &[u8]| [four.as_slice(), &[4, 0, 1, 0], entry].concat();
        let secure = with(&[0x20, 0, 5, 1, 0, 0, 0, 0]);
        let plain = with(&[0x20, 0, 5, 0, 0, 0, 0, 0]);
        for (bytes, wanted) in [
            (
                b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 6667\r\n".to_vec(),
                origin("192.0.2.7", false),
            ),
            (
                b"PROXY TCP6 2001:db8::9 ::1 4711 6667\r\n".to_vec(),
                origin("2001:db8::9", false),
            ),
            (
                b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n".to_vec(),
                origin("192.0.2.7", false),
            ),
            (b"PROXY UNKNOWN ffff:: 1 2 3\r\n".to_vec(), None),
            (v2(0x21, 0x11, &four), origin("192.0.2.7", false)),
            (v2(0x21, 0x21, &six), origin("2001:db8::9", false)),
            (v2(0x21, 0x11, &secure), origin("192.0.2.7", true)),
            (v2(0x21, 0x11, &plain), origin("192.0.2.7", false)),
            (v2(0x20, 0x00, b""), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ] {
            let length = bytes.len();
            for part in 1..length {
                assert_eq!(read(&bytes[..part]), Reading::More, "{part} of {bytes:?}");
            }
            let whole = [bytes.as_slice(), b"NICK x\r\n"].concat();
            let found = Reading::Header {
                length,
                origin: wanted,
            };
            assert_eq!(read(&whole), found);
        }
    }

    #[test]
    fn other_bytes_are_the_clients_and_wrong_headers_are_named() {
        for own in [
            "NICK x\r\n",
            "PASS x\r\n",
            "\r\nNICK",
            "CAP LS",
            "\u{16}\u{3}\u{1}",
        ] {
            assert_eq!(read(own.as_bytes()), Reading::Absent, "{own:?}");
        }
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        for wrong in [
            b"PROXY TCP4 2001:db8::9 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7\r\n".to_vec(),
            b"PROXY \xff\r\n".to_vec(),
            long,
            v2(0x11, 0x11, &[0; 12]),
            v2(0x23, 0x11, &[0; 12]),
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x21, &[0; 35]),
            [SIGNATURE.as_slice(), &[0x21, 0x11, 0xff, 0xff]].concat(),
        ] {
            assert!(matches!(read(&wrong), Reading::Wrong(_)), "{wrong:?}");
        }
    }

    #[test]
    fn twice_the_entries_are_twice_the_steps() {
        let steps = |count: usize| {
            let mut steps = 0;
            assert!(!tls_spoken(&[4, 0, 0].repeat(count), &mut steps));
            steps
        };
        assert_eq!((steps(600), steps(1_200)), (600, 1_200));
    }
}
