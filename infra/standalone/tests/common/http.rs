//! A minimal HTTP client.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::LIMIT;

/// One request: method and path, then headers on separate lines. `None` if the server is gone.
pub(crate) fn request(address: &str, head: &str, body: &str) -> Option<(u16, String)> {
    let (head, body) = exchange(address, head, body)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body))
}

/// The same; returns the whole head of the response, and the body.
pub(crate) fn exchange(address: &str, head: &str, body: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let (first, rest) = head.split_once('\n').unwrap_or((head, ""));
    let rest: String = rest.lines().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{first} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{rest}\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}
