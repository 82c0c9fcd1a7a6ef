//! One thread: waits for its sockets and passes what arrives to the core.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mutex::lock;
use program::Seldom;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags, acceptfrom_with, recvfrom};
use rustls::{ServerConfig, ServerConnection};

use super::batch::{BATCH, Incoming, MAX_DATAGRAM, PLACE};
use super::net::{Net, Source};
use super::sockets::{self, Listeners};
use super::stream::{Connections, Stream, Streams, close, split};
use crate::clock::Time;
use crate::relay::{Client, Counters, HEADROOM, Link, RelayId, Server, Shared};

/// Events handled at once.
const EVENTS: usize = 256;
/// Connections accepted at once.
const ACCEPTS: usize = 64;
/// A connection without an allocation that is silent this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// A connection whose client reads nothing of the queued data for this long is closed, whatever it has allocated.
const UNREAD: Duration = Duration::from_secs(30);

static NOT_ACCEPTED: Seldom = Seldom::new();

const ONE_SECOND: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// What a thread is built from.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) connections: Arc<Connections>,
    pub(super) listeners: Listeners,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) waker: Arc<OwnedFd>,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) counters: Arc<Mutex<Counters>>,
}

/// A thread's state.
#[derive(Debug)]
pub(super) struct Worker {
    core: Server,
    net: Net,
    clock: Clock,
    incoming: Vec<Incoming>,
    /// Where datagrams from clients are received.
    received: Box<[u8]>,
    /// Where connections are read.
    scratch: Vec<u8>,
    plain: Vec<OwnedFd>,
    secure: Vec<OwnedFd>,
    /// Whether accepting has failed and is suspended until the next tick.
    deaf: bool,
    connections: Arc<Connections>,
    tls: Option<Arc<ServerConfig>>,
    _waker: Arc<OwnedFd>,
    stopping: Arc<AtomicBool>,
    counters: Arc<Mutex<Counters>>,
}

/// The system's time at the start, and how much has passed since: never goes backwards.
#[derive(Clone, Copy, Debug)]
struct Clock {
    start: u64,
    begun: Instant,
}

impl Clock {
    fn new() -> Self {
        let start = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start: u64::try_from(start.as_millis()).unwrap_or(0),
            begun: Instant::now(),
        }
    }

    fn now(&self) -> Time {
        Time::from_millis(self.start) + self.begun.elapsed()
    }
}

impl Worker {
    /// Prepares a thread.
    pub(super) fn new(parts: Parts) -> io::Result<Self> {
        let Parts {
            shared,
            connections,
            listeners,
            tls,
            waker,
            stopping,
            counters,
        } = parts;
        let clock = Clock::new();
        let sockets = |list: Vec<(OwnedFd, SocketAddr)>| {
            list.into_iter()
                .map(|(socket, _)| socket)
                .collect::<Vec<_>>()
        };
        let (datagram, plain, secure) = (
            sockets(listeners.datagram),
            sockets(listeners.plain),
            sockets(listeners.tls),
        );
        let incoming = datagram.iter().map(|_| Incoming::new()).collect();
        let net = Net::new(
            epoll::create(CreateFlags::CLOEXEC)?,
            datagram,
            Streams::default(),
        );
        net.watch(waker.as_fd(), Source::Wake)?;
        for (index, socket) in (0..).zip(&net.datagram) {
            net.watch(socket.as_fd(), Source::Datagram(index))?;
        }
        let worker = Self {
            core: Server::new(shared, clock.now()),
            net,
            clock,
            incoming,
            received: vec![0; BATCH * PLACE].into(),
            scratch: Vec::new(),
            plain,
            secure,
            deaf: true,
            connections,
            tls,
            _waker: waker,
            stopping,
            counters,
        };
        Ok(worker)
    }

    /// Works until the server stops.
    pub(super) fn run(mut self) {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        self.listen(true);
        while !self.stopping.load(Ordering::Acquire) {
            let now = self.clock.now();
            let wait = self.core.next_tick().since(now) + 1;
            let wait = Timespec::try_from(Duration::from_millis(wait)).unwrap_or(ONE_SECOND);
            events.clear();
            match epoll::wait(&self.net.epoll, spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "waiting for sockets failed");
                    return;
                }
            }
            let now = self.clock.now();
            for event in &events {
                self.event(now, *event);
            }
            self.net.flush();
            self.write_streams();
            if now >= self.core.next_tick() {
                self.tick(now);
            }
        }
        self.publish();
    }

    fn event(&mut self, now: Time, event: Event) {
        match Source::of(event.data) {
            Source::Wake => {}
            Source::Datagram(listener) => self.datagrams(now, listener),
            Source::Relay(relay) => self.relay(now, RelayId::from_index(relay)),
            Source::Plain(listener) => self.accept(now, listener, false),
            Source::Tls(listener) => self.accept(now, listener, true),
            Source::Stream(id) => {
                let flags = event.flags;
                if flags.intersects(EventFlags::OUT) {
                    self.net.streams.touch(id);
                }
                if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                    self.read_stream(now, id);
                }
            }
        }
    }

    /// Handles the available datagrams from clients.
    fn datagrams(&mut self, now: Time, listener: u32) {
        let index = listener as usize;
        let (Some(incoming), Some(socket)) =
            (self.incoming.get_mut(index), self.net.datagram.get(index))
        else {
            return;
        };
        let Ok(messages) = incoming.receive(socket.as_fd(), &mut self.received) else {
            return;
        };
        for (message, place) in messages.iter().zip(self.received.chunks_exact(PLACE)) {
            if let (size, Some(address)) = *message {
                let client = Client {
                    link: Link::Datagram(listener),
                    address,
                };
                if let Some(bytes) = place.get(..size.min(MAX_DATAGRAM)) {
                    self.core.from_client(now, client, bytes, &mut self.net);
                }
            }
        }
    }

    /// Handles one datagram from a peer; if there are more, the next round handles them.
    fn relay(&mut self, now: Time, relay: RelayId) {
        let Some(Some(socket)) = self.net.relays.get(relay.index() as usize) else {
            return;
        };
        let range = self.net.place();
        let place = &mut self.net.places[range];
        let into = &mut place[HEADROOM..HEADROOM + MAX_DATAGRAM];
        let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
        let Ok((_, size, Some(peer))) = recvfrom(socket, into, flags) else {
            return;
        };
        let Ok(peer) = SocketAddr::try_from(peer) else {
            return;
        };
        if size > MAX_DATAGRAM {
            return;
        }
        if let Some((client, range)) = self.core.from_peer(now, relay, peer, place, size) {
            self.net.queue(client, range);
        }
    }

    fn accept(&mut self, now: Time, listener: u32, secure: bool) {
        for _ in 0..ACCEPTS {
            let sockets = if secure { &self.secure } else { &self.plain };
            let Some(socket) = sockets.get(listener as usize) else {
                return;
            };
            match acceptfrom_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((stream, address)) => {
                    if let Some(Ok(address)) = address.map(SocketAddr::try_from) {
                        self.accepted(now, stream.into(), address, secure);
                    }
                }
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return,
                Err(error) => {
                    if let Some(left_out) = NOT_ACCEPTED.say() {
                        tracing::warn!(%error, left_out, "accepting connections is suspended for a moment");
                    }
                    self.listen(false);
                    return;
                }
            }
        }
    }

    fn accepted(&mut self, now: Time, socket: TcpStream, address: SocketAddr, secure: bool) {
        let tls = match self
            .tls
            .as_ref()
            .filter(|_| secure)
            .map(|tls| ServerConnection::new(Arc::clone(tls)))
        {
            Some(Err(_)) => return,
            Some(Ok(tls)) => Some(tls),
            None => None,
        };
        if sockets::prepare(&socket).is_err() || !self.connections.enter(address.ip()) {
            return;
        }
        let id = self.net.streams.add(Stream::new(socket, address, tls, now));
        let watched = self.net.streams.get_mut(id).map(|stream| {
            epoll::add(
                &self.net.epoll,
                &stream.socket,
                Source::Stream(id).data(),
                EventFlags::IN,
            )
        });
        if !matches!(watched, Some(Ok(()))) {
            self.close(id);
        }
    }

    fn read_stream(&mut self, now: Time, id: u32) {
        let Some(stream) = self.net.streams.get_mut(id) else {
            return;
        };
        let client = Client {
            link: Link::Stream(id),
            address: stream.address,
        };
        let mut buffer = std::mem::take(&mut self.scratch);
        let read = stream.read(&mut buffer);
        let mut rest = buffer.as_slice();
        let outcome = loop {
            match split(rest) {
                Ok(Some((message, more))) => {
                    self.core.from_client(now, client, message, &mut self.net);
                    rest = more;
                }
                Ok(None) => break read,
                Err(ended) => break Err(ended),
            }
        };
        if let Some(stream) = self.net.streams.get_mut(id) {
            if rest.len() < buffer.len() {
                stream.last = now;
            }
            stream.keep(rest);
        }
        self.scratch = buffer;
        self.net.streams.touch(id);
        if outcome.is_err() {
            // A response, an alert for example, is written if possible.
            if let Some(stream) = self.net.streams.get_mut(id) {
                let _ = stream.flush();
            }
            self.close(id);
        }
    }

    /// Writes what is queued for connections.
    fn write_streams(&mut self) {
        let mut dirty = std::mem::take(&mut self.net.streams.dirty);
        for id in dirty.drain(..) {
            let Some(stream) = self.net.streams.get_mut(id) else {
                continue;
            };
            match stream.flush() {
                Ok(all) => {
                    if stream.blocked == all {
                        stream.blocked = !all;
                        let flags = if all {
                            EventFlags::IN
                        } else {
                            EventFlags::IN | EventFlags::OUT
                        };
                        let data = Source::Stream(id).data();
                        if epoll::modify(&self.net.epoll, &stream.socket, data, flags).is_err() {
                            self.close(id);
                        }
                    }
                }
                Err(_) => self.close(id),
            }
        }
        self.net.streams.dirty = dirty;
    }

    fn close(&mut self, id: u32) {
        if let Some(stream) = self.net.streams.remove(id) {
            let client = Client {
                link: Link::Stream(id),
                address: stream.address,
            };
            self.core.client_gone(client, &mut self.net);
            close(&stream, &self.connections);
        }
    }

    fn tick(&mut self, now: Time) {
        self.core.tick(now, &mut self.net);
        let [idle, unread] =
            [IDLE, UNREAD].map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let over: Vec<u32> = (0..)
            .zip(&mut self.net.streams.list)
            .filter_map(|(id, stream)| Some((id, stream.as_mut()?)))
            .filter_map(|(id, stream)| {
                let client = Client {
                    link: Link::Stream(id),
                    address: stream.address,
                };
                let silent = now.since(stream.last) > idle && !self.core.has_allocation(client);
                (stream.stuck_for(now) > unread || silent).then_some(id)
            })
            .collect();
        for id in over {
            self.close(id);
        }
        if self.deaf {
            self.listen(true);
        }
        self.publish();
    }

    /// Starts or stops accepting connections.
    fn listen(&mut self, wanted: bool) {
        if wanted != self.deaf {
            return;
        }
        let plain = (0..).map(Source::Plain).zip(&self.plain);
        let secure = (0..).map(Source::Tls).zip(&self.secure);
        for (source, socket) in plain.chain(secure) {
            let done = if wanted {
                self.net.watch(socket.as_fd(), source)
            } else {
                epoll::delete(&self.net.epoll, socket)
            };
            if let Err(error) = done {
                tracing::error!(%error, "a listener cannot be watched");
            }
        }
        self.deaf = !wanted;
    }

    fn publish(&self) {
        let mut counters = *self.core.counters();
        counters.unsent += self.net.streams.dropped + self.net.unsent;
        *lock(&self.counters) = counters;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;
    use crate::credentials::Secrets;
    use crate::peers::PeerPolicy;
    use crate::relay::Options;

    /// A worker without its thread, with a TCP listener.
    fn worker() -> (Worker, SocketAddr, Arc<Connections>) {
        let options = Options {
            realm: "test".into(),
            secrets: Secrets::new(Vec::new()),
            peers: PeerPolicy::default(),
            relays: Vec::new(),
            ports: 50_000..=50_000,
            max_allocations: 1,
            max_user_allocations: 1,
            max_lifetime: Duration::from_secs(600),
            max_rate: 0,
            max_unauthorized: 0,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Connections::new(1, 1));
        let parts = Parts {
            shared: Arc::new(Shared::new(options, [3; 32])),
            connections: Arc::clone(&connections),
            listeners: Listeners {
                datagram: Vec::new(),
                plain: vec![(listener.into(), address)],
                tls: Vec::new(),
            },
            tls: None,
            waker: Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap()),
            stopping: Arc::default(),
            counters: Arc::default(),
        };
        (Worker::new(parts).unwrap(), address, connections)
    }

    /// Writes to the only connection until the system accepts no more.
    fn fill(worker: &mut Worker) {
        while !worker.net.streams.get_mut(0).unwrap().blocked {
            worker.net.streams.queue(0, &[0; 64 * 1024]);
            worker.write_streams();
        }
    }

    #[test]
    fn a_client_that_takes_nothing_keeps_no_place() {
        for reads in [false, true] {
            let (mut worker, address, connections) = worker();
            let mut client = TcpStream::connect(address).unwrap();
            let patience = Duration::from_millis(100);
            client.set_read_timeout(Some(patience)).unwrap();
            let mut now = worker.clock.now();
            while connections.count() == 0 {
                worker.accept(now, 0, false);
            }
            fill(&mut worker);
            for _ in 0..4 {
                worker.tick(now);
                now = now + UNREAD / 2;
                let Some(stream) = worker.net.streams.get_mut(0) else {
                    break;
                };
                // It keeps sending.
                stream.last = now;
                stream.taken = false;
                while reads && !worker.net.streams.get_mut(0).unwrap().taken {
                    assert_ne!(client.read(&mut vec![0; 64 * 1024]).ok(), Some(0));
                    worker.net.streams.touch(0);
                    worker.write_streams();
                }
                fill(&mut worker);
            }
            worker.tick(now);
            assert_eq!(connections.count(), usize::from(reads));
        }
    }
}
