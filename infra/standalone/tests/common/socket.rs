//! A Socket.IO client (protocol 5) over one WebSocket (RFC 6455), as far as the gateway needs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::watch::Watch;
use super::{IRC, LIMIT};

/// A client that stores what it receives.
#[derive(Debug)]
pub(crate) struct Socket {
    writer: Mutex<TcpStream>,
    next: AtomicU64,
    /// Values of `message`.
    pub(crate) got: Watch<Value>,
    /// Values of `error`.
    pub(crate) errors: Watch<Value>,
    acks: Watch<(u64, Value)>,
}

impl Socket {
    /// Connects with this `auth`; `None` if the server is gone.
    pub(crate) fn open(address: &str, auth: &Value) -> Option<Self> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        let path = "/sockethub/?EIO=4&transport=websocket";
        // The key is the example of RFC 6455; servers only hash it.
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.is_empty() {
            return None;
        }
        assert!(line.contains(" 101 "), "no WebSocket: {line}");
        while line.trim_end() != "" {
            line.clear();
            reader.read_line(&mut line).ok()?;
        }
        // The Engine.IO handshake, then the namespace's.
        assert!(read_text(&mut reader)?.starts_with("0{"));
        write_text(&mut stream, &format!("40{auth}")).ok()?;
        let mut opened = read_text(&mut reader)?;
        while opened == "2" {
            write_text(&mut stream, "3").ok()?;
            opened = read_text(&mut reader)?;
        }
        assert!(opened.starts_with("40"), "refused: {opened}");
        stream.set_read_timeout(None).ok()?;
        let socket = Self {
            writer: Mutex::new(stream.try_clone().ok()?),
            next: AtomicU64::new(0),
            got: Watch::new(),
            errors: Watch::new(),
            acks: Watch::new(),
        };
        let (got, errors, acks) = (
            socket.got.clone(),
            socket.errors.clone(),
            socket.acks.clone(),
        );
        std::thread::spawn(move || {
            while let Some(text) = read_text(&mut reader) {
                if text == "2" {
                    if write_text(&mut stream, "3").is_err() {
                        break;
                    }
                } else if let Some(event) = text.strip_prefix("42") {
                    let mut event: Value = serde_json::from_str(event).unwrap();
                    let value = event[1].take();
                    match event[0].as_str() {
                        Some("message") => got.push(value),
                        Some("error") => errors.push(value),
                        _ => {}
                    }
                } else if let Some(ack) = text.strip_prefix("43") {
                    let at = ack.find('[').unwrap();
                    let mut value: Value = serde_json::from_str(&ack[at..]).unwrap();
                    acks.push((ack[..at].parse().unwrap(), value[0].take()));
                } else if text.starts_with("41") || text == "1" {
                    break;
                }
            }
            got.end();
            errors.end();
            acks.end();
        });
        Some(socket)
    }

    /// Sends a `message` and waits for its ack; `None` if the socket closes first.
    pub(crate) fn ask(&self, value: &Value) -> Option<Value> {
        self.ask_as("message", value)
    }

    /// The same with another event.
    pub(crate) fn ask_as(&self, event: &str, value: &Value) -> Option<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let text = format!("42{id}{}", json!([event, value]));
        write_text(&mut self.writer.lock().unwrap(), &text).ok()?;
        let found = self.acks.find(0, |(other, _)| *other == id);
        let found =
            found.unwrap_or_else(|_| panic!("no ack of {value}; got {:#?}", self.got.all()));
        found.map(|(_, (_, ack))| ack)
    }

    /// Like [`Socket::ask`], for requests that must succeed.
    pub(crate) fn done(&self, value: &Value) -> Value {
        let ack = self.ask(value).expect("the socket stays open");
        assert_eq!(ack.get("error"), None, "{value}");
        ack
    }

    /// Like [`Socket::ask`], for requests that must fail; returns the error.
    pub(crate) fn refused(&self, value: &Value) -> String {
        let ack = self.ask(value).expect("the socket stays open");
        let error = ack["error"].as_str();
        error
            .unwrap_or_else(|| panic!("not refused: {ack}"))
            .to_owned()
    }

    /// Waits for a message, among those from an index on.
    pub(crate) fn wait_from(
        &self,
        from: usize,
        what: &str,
        test: impl Fn(&Value) -> bool,
    ) -> (usize, Value) {
        match self.got.find(from, test) {
            Ok(Some(found)) => found,
            Ok(None) => panic!("closed before: {what}; got {:#?}", self.got.all()),
            Err(instead) => panic!("never came: {what}; instead {instead:#?}"),
        }
    }

    /// Waits for a message, among all of them.
    pub(crate) fn wait(&self, what: &str, test: impl Fn(&Value) -> bool) -> Value {
        self.wait_from(0, what, test).1
    }

    pub(crate) fn close(&self) {
        let _ = self.writer.lock().unwrap().shutdown(Shutdown::Both);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_text(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    let size = text.len();
    let mut frame = vec![0x81];
    match size {
        0..126 => frame.push(0x80 | u8::try_from(size).unwrap()),
        126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(size).unwrap().to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((size as u64).to_be_bytes());
        }
    }
    // A mask of zeros leaves the text unchanged.
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    stream.write_all(&frame)
}

/// Reads a text message; `None` at the end.
fn read_text(reader: &mut impl Read) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let mut head = [0; 2];
        reader.read_exact(&mut head).ok()?;
        let size = match head[1] & 0x7F {
            126 => {
                let mut size = [0; 2];
                reader.read_exact(&mut size).ok()?;
                u64::from(u16::from_be_bytes(size))
            }
            127 => {
                let mut size = [0; 8];
                reader.read_exact(&mut size).ok()?;
                u64::from_be_bytes(size)
            }
            size => u64::from(size),
        };
        let mut part = vec![0; usize::try_from(size).unwrap()];
        reader.read_exact(&mut part).ok()?;
        match head[0] & 0x0F {
            0x8 => return None,
            0x9 | 0xA => {}
            _ => {
                text.extend(part);
                if head[0] & 0x80 != 0 {
                    return String::from_utf8(text).ok();
                }
            }
        }
    }
}

/// An activity of a person on the private network.
pub(crate) fn act(kind: &str, nick: &str, rest: Value) -> Value {
    act_on(IRC, kind, nick, rest)
}

/// An activity of a person on a network.
pub(crate) fn act_on(server: &str, kind: &str, nick: &str, rest: Value) -> Value {
    let mut activity = json!({
        "@context": [
            "https://www.w3.org/ns/activitystreams",
            "https://sockethub.org/ns/context/v1.jsonld",
            "https://sockethub.org/ns/context/platform/irc/v1.jsonld",
        ],
        "type": kind,
        "actor": {"id": format!("{nick}@{server}"), "type": "person", "name": nick},
    });
    for (key, value) in rest.as_object().unwrap() {
        activity[key] = value.clone();
    }
    activity
}

pub(crate) fn room(name: &str) -> Value {
    json!({"id": format!("{name}@{IRC}"), "type": "room", "name": name})
}

pub(crate) fn person(nick: &str) -> Value {
    json!({"id": format!("{nick}@{IRC}"), "type": "person", "name": nick})
}

/// The activity that sends a text.
pub(crate) fn say(nick: &str, target: Value, text: &str) -> Value {
    let object = json!({"type": "message", "content": text});
    act("send", nick, json!({"target": target, "object": object}))
}

/// The part of an id before `@server`.
pub(crate) fn name(entity: &Value) -> &str {
    let id = entity["id"].as_str().unwrap_or_default();
    id.rsplit_once('@').map_or(id, |(name, _)| name)
}

/// Whether an activity contains this text.
pub(crate) fn says(text: &str) -> impl Fn(&Value) -> bool {
    move |value| value["type"] == "send" && value["object"]["content"] == text
}

/// Whether it is this kind of activity, by somebody in a room.
pub(crate) fn is(kind: &str, nick: &str, target: &str) -> impl Fn(&Value) -> bool {
    move |value| {
        value["type"] == kind && name(&value["actor"]) == nick && name(&value["target"]) == target
    }
}

/// Whether it reports that somebody is `online` or `away`.
pub(crate) fn shows(nick: &str, show: &str) -> impl Fn(&Value) -> bool {
    move |value| {
        let object = &value["object"];
        name(&value["actor"]) == nick && object["type"] == "presence" && object["show"] == show
    }
}

/// Whether it reports this status of the connection.
pub(crate) fn is_state(status: &str) -> impl Fn(&Value) -> bool {
    move |value| value["object"]["type"] == "connection" && value["object"]["status"] == status
}
