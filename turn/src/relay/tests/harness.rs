//! A client, and an outside that records what it was asked for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Time;
use crate::credentials::{Secrets, password};
use crate::peers::PeerPolicy;
use crate::relay::{
    BindError, Client, HEADROOM, Io, Link, Options, RelayAddress, RelayId, Server, Shared,
};
use crate::stun::{Class, Message, Writer, attribute, long_term_key, method};

pub(super) const SECRET: &[u8] = b"a secret for the tests";
pub(super) const START: u64 = 1_700_000_000;

/// The outside for the core.
#[derive(Default)]
pub(super) struct Outside {
    pub(super) open: HashMap<RelayId, SocketAddr>,
    pub(super) to_client: Vec<(Client, Vec<u8>)>,
    pub(super) to_peer: Vec<(RelayId, SocketAddr, Vec<u8>, bool)>,
    pub(super) foreign: Vec<u16>,
    pub(super) random: u8,
}

impl Io for Outside {
    fn bind(&mut self, relay: RelayId, address: SocketAddr) -> Result<(), BindError> {
        assert!(
            !self.open.values().any(|open| *open == address),
            "{address} is bound twice"
        );
        if self.foreign.contains(&address.port()) {
            return Err(BindError::InUse);
        }
        assert!(
            self.open.insert(relay, address).is_none(),
            "a relay is bound twice"
        );
        Ok(())
    }

    fn close(&mut self, relay: RelayId) {
        assert!(
            self.open.remove(&relay).is_some(),
            "a relay that is not open is closed"
        );
    }

    fn to_client(&mut self, client: Client, message: &[u8]) {
        self.to_client.push((client, message.to_vec()));
    }

    fn to_peer(&mut self, relay: RelayId, peer: SocketAddr, data: &[u8], whole: bool) {
        self.to_peer.push((relay, peer, data.to_vec(), whole));
    }

    fn random(&mut self, bytes: &mut [u8]) {
        self.random = self.random.wrapping_add(1);
        bytes.fill(self.random);
    }
}

/// A server and the time.
pub(super) struct Bench {
    pub(super) shared: Arc<Shared>,
    pub(super) server: Server,
    pub(super) outside: Outside,
    pub(super) now: Time,
    transaction: u64,
}

/// A parsed response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    /// The error code, 0 for a success.
    pub(super) fn code(&self) -> u16 {
        let message = self.message();
        match message.get(attribute::ERROR_CODE) {
            Some(value) => u16::from(value[2]) * 100 + u16::from(value[3]),
            None => {
                assert_eq!(message.class(), Class::Success);
                0
            }
        }
    }

    pub(super) fn address(&self, kind: u16) -> SocketAddr {
        let message = self.message();
        message.xor_address(message.get(kind).unwrap()).unwrap()
    }

    pub(super) fn lifetime(&self) -> u32 {
        self.message().number(attribute::LIFETIME).unwrap()
    }
}

pub(super) fn options() -> Options {
    let [v4, v6] = ["198.18.0.9", "2001:db8::9"].map(|ip| ip.parse().unwrap());
    Options {
        realm: "test".into(),
        secrets: Secrets::new(vec![SECRET.to_vec(), b"an older secret".to_vec()]),
        peers: PeerPolicy::public(Vec::new(), Vec::new()).with_own(
            vec![v4, v6],
            vec![v4, v6],
            50_000..=50_015,
        ),
        relays: [v4, v6]
            .map(|ip| RelayAddress {
                local: ip,
                public: ip,
            })
            .to_vec(),
        ports: 50_000..=50_015,
        max_allocations: 10,
        max_user_allocations: 3,
        max_lifetime: Duration::from_secs(3600),
        max_rate: 0,
        max_unauthorized: 0,
    }
}

pub(super) fn client(last: u8) -> Client {
    Client {
        link: Link::Datagram(0),
        address: SocketAddr::from(([192, 0, 2, last], 4000)),
    }
}

/// A user name that expires in an hour.
pub(super) fn user(name: &str) -> String {
    format!("{}:{name}", START + 3600)
}

pub(super) type Attributes<'a> = &'a [(u16, &'a [u8])];
pub(super) const UDP: (u16, &[u8]) = (attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(options())
    }

    pub(super) fn with(options: Options) -> Self {
        let shared = Arc::new(Shared::new(options, [3; 32]));
        let now = Time::from_millis(START * 1000);
        let server = Server::new(Arc::clone(&shared), now);
        Self {
            shared,
            server,
            outside: Outside::default(),
            now,
            transaction: 0,
        }
    }

    /// Advances the time.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.server.tick(self.now, &mut self.outside);
    }

    fn next_transaction(&mut self) -> [u8; 12] {
        self.transaction += 1;
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&self.transaction.to_be_bytes());
        transaction
    }

    /// Passes bytes to the core and returns its response.
    pub(super) fn hand(&mut self, client: Client, bytes: &[u8]) -> Option<Answer> {
        self.outside.to_client.clear();
        self.server
            .from_client(self.now, client, bytes, &mut self.outside);
        let (to, bytes) = self.outside.to_client.pop()?;
        assert_eq!((to, self.outside.to_client.len()), (client, 0));
        Some(Answer { bytes })
    }

    /// A request without credentials.
    pub(super) fn bare(
        &mut self,
        client: Client,
        method: u16,
        attributes: Attributes<'_>,
    ) -> Option<Answer> {
        let transaction = self.next_transaction();
        let mut buffer = Vec::new();
        let mut writer = Writer::new(&mut buffer, Class::Request, method, transaction);
        for (kind, value) in attributes {
            writer.attribute(*kind, value);
        }
        let bytes = writer.finish(None, true).to_vec();
        self.hand(client, &bytes)
    }

    pub(super) fn nonce(&mut self, client: Client) -> Vec<u8> {
        let answer = self.bare(client, method::ALLOCATE, &[UDP]).unwrap();
        assert_eq!(answer.code(), 401);
        assert_eq!(answer.message().text(attribute::REALM), Some("test"));
        answer.message().get(attribute::NONCE).unwrap().to_vec()
    }

    /// A request with credentials, as bytes.
    pub(super) fn signed(
        &mut self,
        client: Client,
        username: &str,
        secret: &[u8],
        method: u16,
        attributes: Attributes<'_>,
    ) -> Vec<u8> {
        let nonce = self.nonce(client);
        let transaction = self.next_transaction();
        let mut buffer = Vec::new();
        let mut writer = Writer::new(&mut buffer, Class::Request, method, transaction);
        for (kind, value) in attributes {
            match *kind {
                attribute::XOR_PEER_ADDRESS => {
                    let text = std::str::from_utf8(value).unwrap();
                    writer.xor_address(*kind, text.parse().unwrap());
                }
                kind => {
                    writer.attribute(kind, value);
                }
            }
        }
        writer.attribute(attribute::USERNAME, username.as_bytes());
        writer
            .attribute(attribute::REALM, b"test")
            .attribute(attribute::NONCE, &nonce);
        let key = long_term_key(username, "test", &password(secret, username));
        writer.finish(Some(&key), false).to_vec()
    }

    /// A user's request with valid credentials; peers are given as text.
    pub(super) fn ask(
        &mut self,
        client: Client,
        name: &str,
        method: u16,
        attributes: Attributes<'_>,
    ) -> Answer {
        let username = user(name);
        let bytes = self.signed(client, &username, SECRET, method, attributes);
        let answer = self.hand(client, &bytes).unwrap();
        let key = long_term_key(&username, "test", &password(SECRET, &username));
        if !matches!(answer.code(), 401 | 438) {
            assert!(answer.message().verify(&key), "the answer is not signed");
        }
        answer
    }

    /// Creates an allocation and returns its relay.
    pub(super) fn allocate(&mut self, client: Client, name: &str) -> RelayId {
        let before: Vec<_> = self.outside.open.keys().copied().collect();
        assert_eq!(self.ask(client, name, method::ALLOCATE, &[UDP]).code(), 0);
        *self
            .outside
            .open
            .keys()
            .find(|relay| !before.contains(relay))
            .unwrap()
    }

    /// Binds a channel.
    pub(super) fn channel(&mut self, client: Client, number: u16, peer: &str) -> u16 {
        let [high, low] = number.to_be_bytes();
        let number = (attribute::CHANNEL_NUMBER, &[high, low, 0, 0][..]);
        let attributes = [number, (attribute::XOR_PEER_ADDRESS, peer.as_bytes())];
        self.ask(client, "alice", method::CHANNEL_BIND, &attributes)
            .code()
    }

    /// Creates permissions.
    pub(super) fn permit(&mut self, client: Client, peers: &[&str]) -> u16 {
        let peers: Vec<_> = peers
            .iter()
            .map(|peer| (attribute::XOR_PEER_ADDRESS, peer.as_bytes()))
            .collect();
        self.ask(client, "alice", method::CREATE_PERMISSION, &peers)
            .code()
    }

    /// Makes a peer send; returns what the client receives.
    pub(super) fn peer_sends(
        &mut self,
        relay: RelayId,
        peer: &str,
        data: &[u8],
    ) -> Option<(Client, Vec<u8>)> {
        let mut buffer = vec![0xEE; HEADROOM + data.len() + 8];
        buffer[HEADROOM..HEADROOM + data.len()].copy_from_slice(data);
        let size = data.len();
        let (client, range) =
            self.server
                .from_peer(self.now, relay, peer.parse().unwrap(), &mut buffer, size)?;
        Some((client, buffer[range].to_vec()))
    }
}
