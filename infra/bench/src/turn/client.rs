//! A client that opens allocations and keeps them open: the same for every server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use turn_server::credentials::password;
use turn_server::stun::{Class, Key, Message, Writer, attribute, long_term_key, method};

/// How long a response may take until the request is repeated, and how often it is sent.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: usize = 5;
/// The channel of each allocation.
const CHANNEL: u16 = 0x4000;
/// Messages in one burst through the channel, and as many by indications; each comes back.
const MESSAGES: usize = 8;
/// Bytes of a message.
const SIZE: usize = 1000;
/// UDP, in REQUESTED-TRANSPORT.
const UDP: [u8; 4] = [17, 0, 0, 0];

/// Opens allocations, and has the peers that they talk to.
#[derive(Debug)]
pub(super) struct Client {
    ip: Ipv4Addr,
    server: SocketAddr,
    username: String,
    password: String,
    requests: u64,
    /// One peer for the channel, one for indications.
    peers: [Echo; 2],
    open: Vec<UdpSocket>,
}

/// The server's challenge for signing requests.
#[derive(Debug)]
struct Challenge {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    key: Key,
}

impl Client {
    pub(super) fn new(ip: Ipv4Addr, server: SocketAddr, secret: &str) -> Result<Self> {
        let hour = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600;
        let username = format!("{hour}:bench");
        Ok(Self {
            ip,
            server,
            password: password(secret.as_bytes(), &username),
            username,
            requests: 0,
            peers: [Echo::start(ip)?, Echo::start(ip)?],
            open: Vec::new(),
        })
    }

    /// Opens allocations until there are this many, each with a permission and a channel, and sends messages both ways
    /// through each.
    ///
    /// # Errors
    /// If the server refuses, or does not respond in time.
    pub(super) fn open_until(&mut self, count: usize) -> Result<()> {
        while self.open.len() < count {
            let number = self.open.len() + 1;
            let socket = self
                .allocate()
                .with_context(|| format!("allocation {number}"))?;
            self.talk(&socket)
                .with_context(|| format!("messages of allocation {number}"))?;
            self.open.push(socket);
        }
        Ok(())
    }

    fn allocate(&mut self) -> Result<UdpSocket> {
        let socket = UdpSocket::bind((self.ip, 0))?;
        socket.connect(self.server)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut challenge = None;
        let transport = [(attribute::REQUESTED_TRANSPORT, &UDP[..])];
        let code = self.ask(&socket, method::ALLOCATE, &transport, None, &mut challenge)?;
        if code != 401 {
            bail!("a request without credentials was answered with {code} instead of 401");
        }
        self.succeed(&socket, method::ALLOCATE, &transport, None, &mut challenge)?;
        let [bound, permitted] = [&self.peers[0], &self.peers[1]].map(|peer| peer.address);
        let permission = method::CREATE_PERMISSION;
        self.succeed(&socket, permission, &[], Some(permitted), &mut challenge)?;
        let [high, low] = CHANNEL.to_be_bytes();
        let channel = [(attribute::CHANNEL_NUMBER, &[high, low, 0, 0][..])];
        let bind = method::CHANNEL_BIND;
        self.succeed(&socket, bind, &channel, Some(bound), &mut challenge)?;
        Ok(socket)
    }

    fn succeed(
        &mut self,
        socket: &UdpSocket,
        method: u16,
        attributes: &[(u16, &[u8])],
        peer: Option<SocketAddr>,
        challenge: &mut Option<Challenge>,
    ) -> Result<()> {
        match self.ask(socket, method, attributes, peer, challenge)? {
            0 => Ok(()),
            code => bail!("method {method} was refused with {code}"),
        }
    }

    /// Repeats a request until there is a response; returns its error code, 0 for success.
    fn ask(
        &mut self,
        socket: &UdpSocket,
        method: u16,
        attributes: &[(u16, &[u8])],
        peer: Option<SocketAddr>,
        challenge: &mut Option<Challenge>,
    ) -> Result<u16> {
        self.requests += 1;
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&self.requests.to_be_bytes());
        let mut buffer = Vec::new();
        let mut writer = Writer::new(&mut buffer, Class::Request, method, transaction);
        for (kind, value) in attributes {
            writer.attribute(*kind, value);
        }
        if let Some(peer) = peer {
            writer.xor_address(attribute::XOR_PEER_ADDRESS, peer);
        }
        if let Some(challenge) = challenge.as_ref() {
            writer
                .attribute(attribute::USERNAME, self.username.as_bytes())
                .attribute(attribute::REALM, &challenge.realm)
                .attribute(attribute::NONCE, &challenge.nonce);
        }
        let key = challenge.as_ref().map(|challenge| &challenge.key[..]);
        let request = writer.finish(key, false);
        let mut answer = [0; 2048];
        for _ in 0..TRIES {
            socket.send(request)?;
            while let Some(size) = receive(socket, &mut answer)? {
                let Ok(message) = Message::parse(&answer[..size]) else {
                    continue;
                };
                // A response to an earlier repeat.
                if message.transaction() != transaction {
                    continue;
                }
                if message.class() == Class::Success {
                    return Ok(0);
                }
                if challenge.is_none() {
                    *challenge = self.challenge(&message);
                }
                let code = message.get(attribute::ERROR_CODE).unwrap_or_default();
                return match code {
                    [_, _, class, number, ..] => Ok(u16::from(*class) * 100 + u16::from(*number)),
                    _ => bail!("method {method} was answered with an error without a code"),
                };
            }
        }
        bail!("method {method} was not answered")
    }

    fn challenge(&self, message: &Message<'_>) -> Option<Challenge> {
        let realm = message.text(attribute::REALM)?;
        Some(Challenge {
            nonce: message.get(attribute::NONCE)?.to_vec(),
            key: long_term_key(&self.username, realm, &self.password),
            realm: realm.into(),
        })
    }

    /// Sends a burst of messages to both peers, and waits until as many came back from each.
    fn talk(&self, socket: &UdpSocket) -> Result<()> {
        let data = [b'x'; SIZE];
        let mut indication = Vec::new();
        let mut writer = Writer::new(&mut indication, Class::Indication, method::SEND, [7; 12]);
        writer.xor_address(attribute::XOR_PEER_ADDRESS, self.peers[1].address);
        writer.attribute(attribute::DATA, &data);
        let indication = writer.finish(None, false);
        let length = u16::try_from(SIZE)?;
        let header = [CHANNEL.to_be_bytes(), length.to_be_bytes()].concat();
        let channel = [&header[..], &data].concat();
        let mut back = [0; 2];
        let mut buffer = [0; 2048];
        for _ in 0..TRIES {
            for _ in 0..MESSAGES {
                socket.send(&channel)?;
                socket.send(indication)?;
            }
            while back.iter().any(|count| *count < MESSAGES) {
                match receive(socket, &mut buffer)? {
                    // Something was lost.
                    None => break,
                    Some(size) if buffer[..size].starts_with(&header) => back[0] += 1,
                    Some(size) => {
                        let data = Message::parse(&buffer[..size]).ok();
                        let data = data.filter(|message| message.method() == method::DATA);
                        back[1] += usize::from(data.is_some());
                    }
                }
            }
            if back.iter().all(|count| *count >= MESSAGES) {
                return Ok(());
            }
        }
        bail!(
            "of {MESSAGES} messages each, {} came back through the channel and {} by indications",
            back[0],
            back[1]
        )
    }
}

/// Receives a datagram; `None` if there is none in time.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match socket.recv(buffer) {
        Ok(size) => Ok(Some(size)),
        Err(error) if is_timeout(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}

/// A peer that echoes what it receives, until it is dropped.
#[derive(Debug)]
struct Echo {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn start(ip: Ipv4Addr) -> Result<Self> {
        let socket = UdpSocket::bind((ip, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let address = socket.local_addr()?;
        let over = Arc::<AtomicBool>::default();
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !until.load(Ordering::Relaxed) {
                // Any failure shows as a message that does not come back.
                if let Ok((size, from)) = socket.recv_from(&mut buffer) {
                    drop(socket.send_to(&buffer[..size], from));
                }
            }
        });
        Ok(Self {
            address,
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
