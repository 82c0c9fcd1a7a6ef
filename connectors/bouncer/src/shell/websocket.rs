//! WebSocket on the bouncer's own listeners, for clients that are web pages: each message is one line
//! (<https://ircv3.net/specs/extensions/websocket>).

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

/// What a request for a WebSocket begins with, and no line of IRC.
pub(super) const FIRST: &[u8] = b"GET ";

/// The longest message of a client, in bytes: a line with its tags.
const MAX_MESSAGE: usize = 8 << 10;
/// Bytes that wait to be written below the session's own queue: that refuses nothing, since each message is written first.
const MAX_WRITE: usize = 64 << 10;

const TEXT: &str = "text.ircv3.net";
const BINARY: &str = "binary.ircv3.net";
const SUBPROTOCOL: &str = "sec-websocket-protocol";

/// A WebSocket as the bytes of a connection: lines that end with CR LF.
pub(super) struct Lines<S> {
    socket: WebSocketStream<S>,
    is_binary: bool,
    read: VecDeque<u8>,
    /// The beginning of a line that is being written.
    line: Vec<u8>,
}

/// Completes the handshake. A web page may connect if it comes from the host that it connects to, or one of `origins`.
///
/// # Errors
/// The request is not one for a WebSocket, or the page may not connect; it has been told.
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    origins: &[String],
) -> Result<Lines<S>, Error> {
    let mut is_binary = false;
    #[allow(
        clippy::result_large_err,
        reason = "the library's callback has this type"
    )]
    let check = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        if !is_allowed(request, origins) {
            let mut refused = ErrorResponse::new(Some("this origin may not connect".to_owned()));
            *refused.status_mut() = StatusCode::FORBIDDEN;
            return Err(refused);
        }
        let offered = request.headers().get_all(SUBPROTOCOL).iter();
        let mut offered = offered
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim);
        if let Some(chosen) =
            offered.find_map(|name| [TEXT, BINARY].into_iter().find(|one| *one == name))
        {
            is_binary = chosen == BINARY;
            let value = HeaderValue::from_static(chosen);
            response.headers_mut().insert(SUBPROTOCOL, value);
        }
        Ok(response)
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let socket = accept_hdr_async_with_config(stream, check, Some(config)).await?;
    Ok(Lines {
        socket,
        is_binary,
        read: VecDeque::new(),
        line: Vec::new(),
    })
}

/// Whether a request is not from a web page, or from one on the same host or of a known origin (RFC 6455 section 10.2).
fn is_allowed(request: &Request, origins: &[String]) -> bool {
    let Some(origin) = request.headers().get("origin") else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let here = request.headers().get("host");
    let here = here.and_then(|host| host.to_str().ok());
    let from = origin.split_once("://").map(|(_, authority)| authority);
    let same = here
        .zip(from)
        .is_some_and(|(here, from)| host(here).eq_ignore_ascii_case(host(from)));
    same || origins
        .iter()
        .any(|known| known.eq_ignore_ascii_case(origin))
}

/// A host without its port.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Lines<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.read.is_empty() {
            let message = match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            };
            match message {
                Message::Text(_) | Message::Binary(_) => {
                    self.read.extend(message.into_data());
                    self.read.extend(b"\r\n");
                }
                Message::Close(_) => return Poll::Ready(Ok(())),
                // Pings are answered by the library.
                _ => {}
            }
        }
        let count = {
            let bytes = self.read.as_slices().0;
            let count = bytes.len().min(buffer.remaining());
            buffer.put_slice(bytes.get(..count).unwrap_or_default());
            count
        };
        self.read.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lines<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.line.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        };
        // Whatever was sent before has been written then.
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(io::Error::other)?;
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(bytes.get(..end).unwrap_or_default());
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let message = match String::from_utf8(line) {
            Ok(text) if !self.is_binary => Message::text(text),
            Ok(text) => Message::binary(text.into_bytes()),
            Err(error) => Message::binary(error.into_bytes()),
        };
        Pin::new(&mut self.socket)
            .start_send(message)
            .map_err(io::Error::other)?;
        Poll::Ready(Ok(end + 1))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket)
            .poll_flush(context)
            .map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket)
            .poll_close(context)
            .map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_same_host_and_known_ones_may_connect() {
        let allowed = |origin: Option<&str>, host: &str| {
            let mut request = Request::new(());
            let headers = request.headers_mut();
            headers.insert("host", host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert("origin", origin.parse().unwrap());
            }
            is_allowed(&request, &["https://chat.example.org".to_owned()])
        };
        assert!(allowed(None, "irc.example.org:6698"), "it is no web page");
        assert!(allowed(
            Some("https://irc.example.org"),
            "irc.example.org:6698"
        ));
        assert!(allowed(Some("http://[::1]:8080"), "[::1]:6677"));
        assert!(allowed(
            Some("https://Chat.example.org"),
            "irc.example.org:6698"
        ));
        for other in [
            "https://evil.example",
            "https://irc.example.org.evil.example",
            "http://chat.example.org",
            "null",
            "",
        ] {
            assert!(!allowed(Some(other), "irc.example.org:6698"), "{other}");
        }
    }
}
