//! TCP and TLS connections of clients.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use mutex::lock;
use program::network;
use rustls::ServerConnection;

use crate::clock::Time;
use crate::frame::{NotTurn, first_message};

/// Bytes that may be queued for a slow client; data beyond that is dropped, as over UDP.
const MAX_OUTPUT: usize = 256 * 1024;
/// Buffer size above which an idle connection's buffers are freed, in bytes.
const KEEP: usize = 4 * 1024;
/// Bytes read at once.
pub(super) const READ: usize = 64 * 1024;

/// The number of connections across all threads.
#[derive(Debug)]
pub(super) struct Connections {
    by_address: Mutex<(usize, HashMap<IpAddr, usize>)>,
    max: usize,
    max_address: usize,
}

impl Connections {
    pub(super) fn new(max: usize, max_address: usize) -> Self {
        Self {
            by_address: Mutex::default(),
            max,
            max_address,
        }
    }

    /// The number of connections.
    pub(super) fn count(&self) -> usize {
        lock(&self.by_address).0
    }

    /// Counts another connection, if allowed.
    pub(super) fn enter(&self, ip: IpAddr) -> bool {
        let mut guard = lock(&self.by_address);
        let (all, by_address) = &mut *guard;
        let own = by_address.get(&network(ip)).copied().unwrap_or(0);
        let fits = *all < self.max && own < self.max_address;
        if fits {
            *all += 1;
            by_address.insert(network(ip), own + 1);
        }
        fits
    }

    /// Counts one connection less.
    pub(super) fn leave(&self, ip: IpAddr) {
        let mut guard = lock(&self.by_address);
        let (all, by_address) = &mut *guard;
        *all = all.saturating_sub(1);
        if let Some(own) = by_address.get_mut(&network(ip)) {
            *own -= 1;
            if *own == 0 {
                by_address.remove(&network(ip));
            }
        }
    }
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    pub(super) address: SocketAddr,
    tls: Option<Box<ServerConnection>>,
    /// The beginning of an incomplete message.
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    /// When the last message arrived.
    pub(super) last: Time,
    /// Whether it is registered for becoming writable.
    pub(super) blocked: bool,
    dirty: bool,
    /// Whether the client has read anything since the last check.
    pub(super) taken: bool,
    /// When it was first observed that nothing of the queued data is read.
    stuck: Option<Time>,
}

/// A connection has ended, or cannot continue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ended;

impl From<NotTurn> for Ended {
    fn from(_: NotTurn) -> Self {
        Self
    }
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Stream {
    pub(super) fn new(
        socket: TcpStream,
        address: SocketAddr,
        tls: Option<ServerConnection>,
        now: Time,
    ) -> Self {
        let tls = tls.map(|mut tls| {
            tls.set_buffer_limit(Some(READ));
            Box::new(tls)
        });
        Self {
            socket,
            address,
            tls,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            last: now,
            blocked: false,
            dirty: false,
            taken: false,
            stuck: None,
        }
    }

    /// Returns for how many milliseconds, as far as was checked, the client has read nothing of what is queued.
    pub(super) fn stuck_for(&mut self, now: Time) -> u64 {
        if std::mem::take(&mut self.taken) || !self.blocked {
            self.stuck = None;
        }
        if !self.blocked {
            return 0;
        }
        now.since(*self.stuck.get_or_insert(now))
    }

    /// Reads once into `buffer`, after what was left from the last time; returns how many bytes it holds.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> Result<(), Ended> {
        buffer.clear();
        buffer.append(&mut self.input);
        let before = buffer.len();
        buffer.resize(before + READ, 0);
        let read = match &mut self.tls {
            None => match self.socket.read(&mut buffer[before..]) {
                Ok(0) => Err(Ended),
                Ok(count) => Ok(count),
                Err(error) if retry(&error) => Ok(0),
                Err(_) => Err(Ended),
            },
            Some(tls) => {
                let ended = match tls.read_tls(&mut self.socket) {
                    Ok(count) => count == 0,
                    Err(error) if retry(&error) => false,
                    Err(_) => true,
                };
                let broken = tls.process_new_packets().is_err();
                // Handshakes and alerts need a response.
                self.dirty = true;
                let mut count = 0;
                while before + count < buffer.len() {
                    match tls.reader().read(&mut buffer[before + count..]) {
                        Ok(more @ 1..) => count += more,
                        _ => break,
                    }
                }
                if broken || ended {
                    Err(Ended)
                } else {
                    Ok(count)
                }
            }
        };
        buffer.truncate(before + read.unwrap_or(0));
        read.map(drop)
    }

    /// Keeps the beginning of a message until the rest arrives.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.input.clear();
        self.input.extend_from_slice(rest);
        if self.input.is_empty() && self.input.capacity() > KEEP {
            self.input = Vec::new();
        }
    }

    /// Writes what is queued, as far as the socket accepts it; returns whether everything is written.
    pub(super) fn flush(&mut self) -> Result<bool, Ended> {
        self.dirty = false;
        loop {
            let waiting = &self.output[self.sent..];
            let Some(tls) = &mut self.tls else {
                if waiting.is_empty() {
                    break;
                }
                match self.socket.write(waiting) {
                    Ok(count) => {
                        self.sent += count;
                        self.taken = true;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if retry(&error) => return Ok(false),
                    Err(_) => return Err(Ended),
                }
                continue;
            };
            if !tls.is_handshaking() {
                self.sent += tls.writer().write(waiting)?;
            }
            if !tls.wants_write() {
                break;
            }
            match tls.write_tls(&mut self.socket) {
                Ok(_) => self.taken = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if retry(&error) => return Ok(false),
                Err(_) => return Err(Ended),
            }
        }
        if self.sent == self.output.len() {
            self.sent = 0;
            self.output.clear();
            if self.output.capacity() > KEEP {
                self.output = Vec::new();
            }
        }
        Ok(true)
    }
}

fn retry(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// A message, and the bytes after it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// Returns the first message in the bytes read, without its padding, and the rest.
pub(super) fn split(bytes: &[u8]) -> Result<Option<Split<'_>>, Ended> {
    let Some((whole, message)) = first_message(bytes)? else {
        return Ok(None);
    };
    // Some clients omit the padding of their last message.
    let Some(message) = bytes.get(..message) else {
        return Ok(None);
    };
    let Some(rest) = bytes.get(whole..) else {
        return Ok(None);
    };
    Ok(Some((message, rest)))
}

/// The connections of one thread.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) list: Vec<Option<Stream>>,
    free: Vec<u32>,
    pub(super) dirty: Vec<u32>,
    /// Messages that a slow client did not receive.
    pub(super) dropped: u64,
}

impl Streams {
    /// Adds a connection and returns its id.
    pub(super) fn add(&mut self, stream: Stream) -> u32 {
        if let Some(id) = self.free.pop() {
            self.list[id as usize] = Some(stream);
            return id;
        }
        self.list.push(Some(stream));
        u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        self.list.get_mut(id as usize)?.as_mut()
    }

    /// Removes a connection.
    pub(super) fn remove(&mut self, id: u32) -> Option<Stream> {
        let stream = self.list.get_mut(id as usize)?.take()?;
        self.free.push(id);
        Some(stream)
    }

    /// Schedules writing to a connection at the end of the round.
    pub(super) fn touch(&mut self, id: u32) {
        self.dirty.push(id);
    }

    /// Adds a complete message to the queue, or drops it if the client is too slow.
    pub(super) fn queue(&mut self, id: u32, message: &[u8]) {
        let Some(Some(stream)) = self.list.get_mut(id as usize) else {
            return;
        };
        if stream.output.len() - stream.sent + message.len() > MAX_OUTPUT {
            self.dropped += 1;
            return;
        }
        if stream.sent > MAX_OUTPUT {
            stream.output.drain(..stream.sent);
            stream.sent = 0;
        }
        stream.output.extend_from_slice(message);
        if !stream.dirty {
            stream.dirty = true;
            self.dirty.push(id);
        }
    }
}

/// Closing a connection releases its place in the shared count.
pub(super) fn close(stream: &Stream, connections: &Arc<Connections>) {
    connections.leave(stream.address.ip());
}
