//! Connections through a proxy of the operator: SOCKS5 (RFC 1928, with RFC 1929's names and passwords) or HTTP CONNECT
//! (RFC 9110, section 9.3.6).
//!
//! The proxy gets addresses that were resolved and checked here, never names: otherwise a name that somebody else answers for
//! could lead it to where no connection may.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::io_words::words;

/// The longest head of an HTTP proxy's response, in bytes.
const MAX_HEAD: usize = 8192;

/// The longest name and password, in bytes (RFC 1929, section 2).
const MAX_WORD: usize = 255;

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Socks5,
    Http,
}

impl Kind {
    const fn scheme(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http => "http",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Socks5 => 1080,
            Self::Http => 3128,
        }
    }
}

/// A proxy: `socks5://host:1080`, `http://name:password@host:3128`.
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
}

impl fmt::Debug for Proxy {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.to_string()).finish()
    }
}

impl fmt::Display for Proxy {
    /// Without name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        let scheme = self.kind.scheme();
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

impl FromStr for Proxy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (scheme, rest) = text.trim_end_matches('/').split_once("://").ok_or(())?;
        let kind = match scheme {
            "socks5" | "socks5h" => Kind::Socks5,
            "http" => Kind::Http,
            _ => return Err(()),
        };
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => {
                let (name, password) = credentials.split_once(':').ok_or(())?;
                let fits = |text: &str| (1..=MAX_WORD).contains(&text.len());
                if !fits(name) || !fits(password) {
                    return Err(());
                }
                (Some((name.to_owned(), password.to_owned())), place)
            }
            None => (None, rest),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or(())?;
                (host, port.strip_prefix(':'))
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(())?,
            None => kind.port(),
        };
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#');
        if host.is_empty() || host.contains(odd) {
            return Err(());
        }
        Ok(Self {
            kind,
            host: host.to_owned(),
            port,
            credentials,
        })
    }
}

impl Proxy {
    /// Connects to an address through the proxy.
    ///
    /// # Errors
    /// One sentence, about the proxy or what it says of the address.
    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<TcpStream, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| unanswered(&error))?;
        self.lead(stream, address).await
    }

    /// Where the proxy is.
    pub(crate) fn place(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Has the proxy at the other end connect to an address.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(crate) async fn lead(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
    ) -> Result<TcpStream, String> {
        let agreed = match self.kind {
            Kind::Socks5 => self.socks5(&mut stream, address).await,
            Kind::Http => self.http(&mut stream, address).await,
        };
        agreed.map_err(|error| unanswered(&error))??;
        Ok(stream)
    }

    /// RFC 1928, sections 3 to 6.
    async fn socks5(
        &self,
        stream: &mut TcpStream,
        address: SocketAddr,
    ) -> std::io::Result<Result<(), String>> {
        let methods: &[u8] = match self.credentials {
            Some(_) => &[5, 2, 0, 2],
            None => &[5, 1, 0],
        };
        stream.write_all(methods).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        match (chosen, &self.credentials) {
            ([5, 0], _) => {}
            ([5, 2], Some((name, password))) => {
                let mut said = vec![1];
                for word in [name, password] {
                    // At most 255 bytes, see `from_str`.
                    said.push(u8::try_from(word.len()).unwrap_or(u8::MAX));
                    said.extend_from_slice(word.as_bytes());
                }
                stream.write_all(&said).await?;
                let mut answer = [0; 2];
                stream.read_exact(&mut answer).await?;
                if answer[1] != 0 {
                    return Ok(Err(refused("it does not accept the name and password")));
                }
            }
            ([5, _], _) => return Ok(Err(refused("it wants another sign-in"))),
            _ => return Ok(Err(refused("it does not speak SOCKS5"))),
        }
        let mut request = vec![5, 1, 0];
        match address {
            SocketAddr::V4(v4) => {
                request.push(1);
                request.extend_from_slice(&v4.ip().octets());
            }
            SocketAddr::V6(v6) => {
                request.push(4);
                request.extend_from_slice(&v6.ip().octets());
            }
        }
        request.extend_from_slice(&address.port().to_be_bytes());
        stream.write_all(&request).await?;
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let bound = match head[3] {
            1 => 4,
            3 => usize::from(stream.read_u8().await?),
            4 => 16,
            _ => return Ok(Err(refused("it does not speak SOCKS5"))),
        };
        let mut rest = vec![0; bound + 2];
        stream.read_exact(&mut rest).await?;
        Ok(match head[1] {
            0 => Ok(()),
            2 => Err(refused("its rules forbid it")),
            3 | 4 => Err(refused("it cannot reach the server")),
            5 => Err(refused("the server refuses the connection")),
            6 => Err(refused("the server does not answer")),
            8 => Err(refused("it has no connections of this address family")),
            code => Err(refused(&format!("code {code}"))),
        })
    }

    async fn http(
        &self,
        stream: &mut TcpStream,
        address: SocketAddr,
    ) -> std::io::Result<Result<(), String>> {
        let mut request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
        if let Some((name, password)) = &self.credentials {
            let credentials = STANDARD.encode(format!("{name}:{password}"));
            request.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        // Byte by byte: what follows is the server's.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MAX_HEAD {
                return Ok(Err(refused("it does not speak HTTP")));
            }
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head);
        let status = head
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1))
            .and_then(|status| status.parse::<u16>().ok());
        Ok(match status {
            Some(200..=299) => Ok(()),
            Some(407) => Err(refused("it does not accept the name and password")),
            Some(403 | 405) => Err(refused("its rules forbid it")),
            Some(502..=504) => Err(refused("it cannot reach the server")),
            Some(status) => Err(refused(&format!("status {status}"))),
            None => Err(refused("it does not speak HTTP")),
        })
    }
}

pub(crate) fn unanswered(error: &std::io::Error) -> String {
    format!("The proxy does not answer ({}).", words(error))
}

fn refused(why: &str) -> String {
    format!("The proxy did not make the connection: {why}.")
}

impl options::Value for Proxy {
    // It may contain a password.
    const KIND: options::Kind = options::Kind::Secret;

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn proxies_are_written_as_addresses() {
        for (text, shown) in [
            ("socks5://localhost", "socks5://localhost:1080"),
            ("socks5://n:p@10.0.0.1:9050/", "socks5://10.0.0.1:9050"),
            ("http://n:p@x@[::1]:8080", "http://[::1]:8080"),
            ("http://proxy.test", "http://proxy.test:3128"),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(proxy.to_string(), shown);
            assert!(!format!("{proxy:?}").contains("n:p"));
        }
        for bad in [
            "",
            "localhost:1080",
            "https://x",
            "socks5://",
            "socks5://x:0",
            "socks5://x:y",
            "socks5://name@x",
            "http://[::1",
            "http://a b",
        ] {
            assert!(bad.parse::<Proxy>().is_err(), "{bad}");
        }
    }

    /// A proxy that expects bytes and answers with others, one pair after the other; then what was said to it after that.
    async fn scripted(script: Vec<(Vec<u8>, Vec<u8>)>) -> (u16, tokio::task::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for (expected, answer) in script {
                let mut said = vec![0; expected.len()];
                stream.read_exact(&mut said).await.unwrap();
                assert_eq!(said, expected, "{}", String::from_utf8_lossy(&said));
                stream.write_all(&answer).await.unwrap();
            }
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            rest
        });
        (port, task)
    }

    const SERVER: &str = "192.0.2.7:6697";

    async fn through(text: String) -> Result<TcpStream, String> {
        let proxy: Proxy = text.parse().unwrap();
        proxy.connect(SERVER.parse().unwrap()).await
    }

    #[tokio::test]
    async fn socks5_gets_the_address_that_was_checked() {
        let asked = vec![5, 1, 0, 1, 192, 0, 2, 7, 0x1a, 0x29];
        let done = vec![5, 0, 0, 3, 2, b'a', b'b', 0, 1];
        let (port, task) = scripted(vec![
            (vec![5, 2, 0, 2], vec![5, 2]),
            (b"\x01\x04name\x02pw".to_vec(), vec![1, 0]),
            (asked.clone(), done),
        ])
        .await;
        let proxy = format!("socks5://name:pw@127.0.0.1:{port}");
        let mut stream = through(proxy).await.unwrap();
        stream.write_all(b"NICK al\r\n").await.unwrap();
        drop(stream);
        assert_eq!(task.await.unwrap(), b"NICK al\r\n");
        for (code, why) in [(2, "rules"), (5, "refuses"), (77, "code 77")] {
            let answer = vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0];
            let script = vec![(vec![5, 1, 0], vec![5, 0]), (asked.clone(), answer)];
            let (port, _task) = scripted(script).await;
            let sentence = through(format!("socks5://127.0.0.1:{port}")).await;
            let sentence = sentence.unwrap_err();
            assert!(sentence.contains(why), "{sentence}");
        }
    }

    #[tokio::test]
    async fn http_gets_it_too() {
        let asked = format!(
            "CONNECT {SERVER} HTTP/1.1\r\nHost: {SERVER}\r\nProxy-Authorization: Basic bmFtZTpwdw==\r\n\r\n"
        );
        let answer = b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n:irc".to_vec();
        let (port, _task) = scripted(vec![(asked.into_bytes(), answer)]).await;
        let mut stream = through(format!("http://name:pw@127.0.0.1:{port}"))
            .await
            .unwrap();
        let mut first = [0; 4];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b":irc", "nothing of the server's is lost");
        let asked = format!("CONNECT {SERVER} HTTP/1.1\r\nHost: {SERVER}\r\n\r\n");
        for (answer, why) in [
            ("HTTP/1.1 407 Who are you\r\n\r\n", "name and password"),
            ("HTTP/1.1 502 No\r\n\r\n", "cannot reach"),
            ("SSH-2.0\r\n\r\n", "does not speak HTTP"),
        ] {
            let script = vec![(asked.clone().into_bytes(), answer.as_bytes().to_vec())];
            let (port, _task) = scripted(script).await;
            let sentence = through(format!("http://127.0.0.1:{port}"))
                .await
                .unwrap_err();
            assert!(sentence.contains(why), "{sentence}");
        }
        let (port, _task) = scripted(vec![(asked.into_bytes(), vec![b'x'; 2 * MAX_HEAD])]).await;
        let endless = through(format!("http://127.0.0.1:{port}")).await;
        assert!(endless.unwrap_err().contains("does not speak HTTP"));
    }
}
