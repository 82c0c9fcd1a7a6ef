//! A browser's socket: Socket.IO over a WebSocket (RFC 6455), as far as the gateway needs it. It notes when marked
//! messages arrive.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use mutex::lock;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::marks::{Marks, mark_in};

/// The largest frame that is taken, in bytes.
const MAX_FRAME: u64 = 16 << 20;

type Reader = BufReader<OwnedReadHalf>;

/// Opens a socket in mode full, attaches it to the account's network, and reads until it is closed.
///
/// # Errors
///
/// If the gateway refuses it.
pub(super) async fn attach(
    gateway: SocketAddr,
    ticket: &str,
    person: (&str, &str),
    marks: Arc<Mutex<Marks>>,
    start: Instant,
) -> Result<()> {
    let stream = TcpStream::connect(gateway).await?;
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    // The key is the example of RFC 6455; servers only hash it.
    let head = format!(
        "GET /sockethub/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {gateway}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    writer.write_all(head.as_bytes()).await?;
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    if !line.contains(" 101 ") {
        bail!("no WebSocket: {line}");
    }
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line).await?;
    }
    let auth = json!({"ticket": ticket, "mode": "full"});
    write(&mut writer, &format!("40{auth}")).await?;
    while !read(&mut reader, &mut writer).await?.starts_with("40") {}
    let (nick, server) = person;
    let connect = json!(["message", {
        "@context": [
            "https://www.w3.org/ns/activitystreams",
            "https://sockethub.org/ns/context/v1.jsonld",
            "https://sockethub.org/ns/context/platform/irc/v1.jsonld",
        ],
        "type": "connect",
        "actor": {"id": format!("{nick}@{server}"), "type": "person", "name": nick},
    }]);
    write(&mut writer, &format!("421{connect}")).await?;
    loop {
        let text = read(&mut reader, &mut writer).await?;
        if text.starts_with("431") {
            if text.contains("\"error\"") {
                bail!("{nick} was not attached: {text}");
            }
            break;
        }
    }
    tokio::spawn(async move {
        // The end of the gateway is the end of the socket.
        while let Ok(text) = read(&mut reader, &mut writer).await {
            if let Some(sent) = mark_in(&text) {
                lock(&marks).note(sent, start);
            }
        }
    });
    Ok(())
}

/// Reads a packet; answers pings.
async fn read(reader: &mut Reader, writer: &mut OwnedWriteHalf) -> Result<String> {
    let mut text = Vec::new();
    loop {
        let (first, second) = (reader.read_u8().await?, reader.read_u8().await?);
        let size = match second & 0x7F {
            126 => u64::from(reader.read_u16().await?),
            127 => reader.read_u64().await?,
            size => u64::from(size),
        };
        if size > MAX_FRAME {
            bail!("a frame of {size} bytes");
        }
        let begin = text.len();
        text.resize(begin + usize::try_from(size)?, 0);
        reader.read_exact(&mut text[begin..]).await?;
        match first & 0x0F {
            0x8 => bail!("the gateway closed the socket"),
            0x9 | 0xA => text.truncate(begin),
            _ if first & 0x80 != 0 => {
                let whole = String::from_utf8(std::mem::take(&mut text))
                    .context("a text that is not UTF-8")?;
                if whole != "2" {
                    return Ok(whole);
                }
                write(writer, "3").await?;
            }
            _ => {}
        }
    }
}

/// Writes a text in one frame, masked with zeros.
async fn write(writer: &mut OwnedWriteHalf, text: &str) -> Result<()> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(size @ 0..126) => frame.push(0x80 | size),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(text.len())?.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    Ok(writer.write_all(&frame).await?)
}
