//! What can be attached to a connection, whatever protocol it speaks: a socket of Socket.IO, or another program.
//!
//! Connections, sessions and the hub know only this: they never see JSON, dialects or sockets.

use std::fmt::Debug;
use std::io;

use protocol::{AccountName, Activity, FoldedMap, Folding, RoomSpelling, SessionRef};
use serde::Serialize;

use crate::platform::{PlatformInfo, SocketId};

/// Who a client is.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// Unique among all clients of this gateway.
    pub(crate) id: SocketId,
    /// The session that admitted it.
    pub(crate) session: SessionRef,
    /// Whether it is shown everything (see `SOCKETHUB.md`).
    pub(crate) full: bool,
}

impl Admitted {
    pub(crate) const fn account(&self) -> &AccountName {
        &self.session.account
    }
}

/// How a connection looks to one client: what an activity is rendered with.
pub(crate) struct Aspect<'a> {
    pub(crate) platform: &'a PlatformInfo,
    /// The account's current nickname, and the one the client connected with and expects.
    pub(crate) alias: Option<(&'a str, &'a str)>,
    /// How the network compares names.
    pub(crate) folding: Folding,
    /// How the client spelled the ids of rooms, by channel; those that it did not mention are missing.
    pub(crate) spellings: Option<&'a FoldedMap<RoomSpelling>>,
    /// Whether it happened before the client attached.
    pub(crate) missed: bool,
}

impl Aspect<'_> {
    /// Returns how the client spelled the id of a room, if it did.
    pub(crate) fn spelling(&self, channel: &str) -> Option<RoomSpelling> {
        self.spellings?.get(channel).copied()
    }
}

/// A client that is attached to connections.
pub(crate) trait Client: Debug + Send + Sync {
    fn admitted(&self) -> &Admitted;

    /// Sends an activity; never waits. A client that does not read fast enough is disconnected.
    fn show(&self, activity: &Activity, aspect: &Aspect<'_>);

    /// Remembers how the client spelled the id of a room.
    fn spells(&self, spelling: RoomSpelling);

    /// Stops it from receiving and sending, tells it why, and disconnects it.
    fn end(&self, why: &str);
}

/// Answers one request of a client.
pub(crate) trait Answer: Debug + Send {
    /// `activity` has an `error` if the request failed.
    fn answer(self: Box<Self>, activity: &Activity, aspect: &Aspect<'_>);
}

/// The length of a value's JSON in bytes.
pub(crate) fn json_length(value: &impl Serialize) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Values and activities always serialise to JSON, and counting never fails.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}
