//! Just enough HTTP/1.1 (RFC 9112) to send prepared requests on one connection and read the responses.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest head of a response, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// One connection that is kept open.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    head: Vec<u8>,
    /// The body without transfer coding.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

impl Connection {
    /// Connects to a server.
    ///
    /// # Errors
    ///
    /// If nothing listens there.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(MAX_HEAD),
        })
    }

    /// Sends a request and reads the whole response into `answer`, whose memory is reused.
    ///
    /// # Errors
    ///
    /// If the connection broke, or the response is not HTTP/1.1.
    pub(crate) async fn ask(&mut self, request: &[u8], answer: &mut Answer) -> Result<()> {
        self.stream.write_all(request).await?;
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if self.buffer.len() > MAX_HEAD {
                bail!("the head of an answer is longer than {MAX_HEAD} bytes");
            }
            self.more().await?;
        };
        let (status, length, chunked) = parse_head(&self.buffer[..head])?;
        answer.status = status;
        answer.head.clear();
        answer.head.extend_from_slice(&self.buffer[..head]);
        answer.body.clear();
        let end = if chunked {
            self.chunks(head, &mut answer.body).await?
        } else {
            let end = head + length;
            while self.buffer.len() < end {
                self.more().await?;
            }
            answer.body.extend_from_slice(&self.buffer[head..end]);
            end
        };
        if end == self.buffer.len() {
            self.buffer.clear();
        } else {
            bail!("more came than one answer");
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }

    /// Reads a body in chunks (RFC 9112, section 7.1) and returns where it ends.
    async fn chunks(&mut self, mut at: usize, body: &mut Vec<u8>) -> Result<usize> {
        loop {
            let line = loop {
                if let Some(end) = find(&self.buffer[at..], b"\r\n") {
                    break at + end;
                }
                self.more().await?;
            };
            let size = std::str::from_utf8(&self.buffer[at..line])?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).context("a chunk without size")?;
            let end = line + 2 + size + 2;
            while self.buffer.len() < end {
                self.more().await?;
            }
            body.extend_from_slice(&self.buffer[line + 2..end - 2]);
            at = end;
            if size == 0 {
                return Ok(at);
            }
        }
    }
}

/// Sends a single request, on a separate connection.
///
/// # Errors
///
/// Like [`Connection::ask`].
pub(crate) async fn ask_once(address: SocketAddr, request: &[u8]) -> Result<Answer> {
    let mut answer = Answer::default();
    let mut connection = Connection::open(address).await?;
    connection.ask(request, &mut answer).await?;
    Ok(answer)
}

/// Creates a request with a body (which may be empty).
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if matches!(method, "POST" | "PUT") {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Returns status, length of the body, and whether it is chunked.
fn parse_head(head: &[u8]) -> Result<(u16, usize, bool)> {
    let status = head
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok())
        .and_then(|status| status.parse().ok())
        .context("an answer that is no HTTP/1.1")?;
    // RFC 9110, section 15: these have no body, whatever their headers state.
    if matches!(status, 100..200 | 204 | 304) {
        return Ok((status, 0, false));
    }
    if let Some(length) = header(head, "content-length") {
        return Ok((status, length.parse()?, false));
    }
    match header(head, "transfer-encoding") {
        Some("chunked") => Ok((status, 0, true)),
        _ => bail!("an answer {status} without length"),
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        found
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| std::str::from_utf8(value).ok().map(str::trim))?
    })
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    let (first, width) = (pattern.first()?, pattern.len());
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        let at = from + at;
        if bytes.get(at..at + width)? == pattern {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let head = b"HTTP/1.1 200 OK\r\nContent-length:  12 \r\nETag: \"x\"\r\n\r\n";
        assert_eq!(parse_head(head).unwrap(), (200, 12, false));
        assert_eq!(header(head, "etag"), Some("\"x\""));
        assert_eq!(header(head, "tag"), None);
        let chunked = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(parse_head(chunked).unwrap(), (201, 0, true));
        let none = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(parse_head(none).unwrap(), (304, 0, false));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse_head(b"SSH-2.0\r\n\r\n").is_err());
    }

    #[test]
    fn patterns_are_found() {
        assert_eq!(find(b"a\r\n\r\r\n\r\nb", b"\r\n\r\n"), Some(4));
        assert_eq!(find(b"a\r\n\r", b"\r\n\r\n"), None);
    }
}
