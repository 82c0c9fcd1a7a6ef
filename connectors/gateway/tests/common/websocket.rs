//! A hand-written Engine.IO client over WebSocket, which sends what no library would.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::TIME_LIMIT;

/// An open WebSocket.
pub struct WebSocket(TcpStream);

impl WebSocket {
    /// Starts a session, or continues one started by polling (`&sid=…`).
    pub async fn open(url: &str, sid: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /sockethub/?EIO=4&transport=websocket{sid} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self(stream)
    }

    /// Sends a packet in one frame; the server may have stopped reading.
    pub async fn send(&mut self, packet: &str) {
        let mut frame = vec![0x81, 0x80 | 127];
        frame.extend_from_slice(&(packet.len() as u64).to_be_bytes());
        // A mask that changes nothing.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(packet.as_bytes());
        let _ = self.0.write_all(&frame).await;
    }

    /// Returns the next packet, or `None` once the connection has ended.
    pub async fn packet(&mut self) -> Option<String> {
        let next = tokio::time::timeout(TIME_LIMIT, self.next_packet()).await;
        next.expect("something comes in time").ok().flatten()
    }

    async fn next_packet(&mut self) -> std::io::Result<Option<String>> {
        let kind = self.0.read_u8().await? & 0x0f;
        let length = match self.0.read_u8().await? {
            126 => u64::from(self.0.read_u16().await?),
            127 => self.0.read_u64().await?,
            short => u64::from(short),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await?;
        Ok((kind == 1).then(|| String::from_utf8(payload).unwrap()))
    }

    /// Returns the first packet with this prefix, or `None` if the connection ends before that.
    pub async fn find(&mut self, start: &str) -> Option<String> {
        loop {
            let packet = self.packet().await?;
            if packet.starts_with(start) {
                return Some(packet);
            }
        }
    }
}
