//! The entrance for members' programs that speak other protocols than Socket.IO, such as a bouncer's IRC clients.
//!
//! Whoever checked a member's credentials calls [`Entrance::admit`], and gets an [`Attachment`]: it sees the account's
//! connections, attaches to one of them, receives its activities and sends requests. It ends with its session, like a
//! socket.

mod queue;

use std::sync::Arc;
use std::time::Duration;

use connector_kit::FunctionsClient;
use protocol::{
    Activity, Connection, ConnectionStatus, Conversations, Folding, PersonId, RoomId, RoomSpelling,
    SessionRef, Timestamp,
};
use serde_json::Value;
use tokio::sync::oneshot;

use self::queue::{Awaited, Queue, Reading};
use crate::clients::{Admitted, Client};
use crate::config::Limits;
use crate::dialect;
use crate::hub::Hub;
use crate::link::{Link, ToLink};
use crate::sessions::{Refusal, Sessions};

/// How long a member waits for connections that are not known here.
const FETCH: Duration = Duration::from_secs(5);

/// Admits programs of members; clones are the same entrance.
#[derive(Clone)]
pub struct Entrance {
    hub: Arc<Hub>,
    sessions: Arc<Sessions>,
    functions: FunctionsClient,
    limits: Limits,
}

impl std::fmt::Debug for Entrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entrance").finish_non_exhaustive()
    }
}

/// Why a program is not admitted. One sentence for its member.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAdmitted {
    /// The session has ended meanwhile.
    #[error("the session has ended; sign in again")]
    Over,
    /// The functions cannot be reached.
    #[error("can't check whether you're still signed in; try again in a moment")]
    Unconfirmed,
    /// The account has too many clients.
    #[error("too many concurrent connections of this account")]
    TooMany,
}

/// One of an account's connections.
#[derive(Clone, Debug)]
pub struct NetworkState {
    /// The record, without password and channel keys.
    pub record: Connection,
    /// The current nickname.
    pub nick: String,
    /// Whether it is online.
    pub status: ConnectionStatus,
    /// How the network compares names.
    pub folding: Folding,
    /// How names of conversations are told apart there.
    pub conversations: Conversations,
}

/// What an attached program is told, in order.
#[derive(Debug)]
pub enum News {
    /// Something happened on the network.
    Activity {
        /// In the form of full mode (see `SOCKETHUB.md`).
        activity: Box<Activity>,
        /// Whether it happened before the program attached.
        missed: bool,
    },
    /// The outcome of a request.
    Answer {
        /// The number the program gave it.
        request: u64,
        /// With `error` if it failed.
        activity: Box<Activity>,
    },
    /// The program has to go; one sentence saying why.
    Ended(String),
}

impl Entrance {
    pub(crate) const fn new(
        hub: Arc<Hub>,
        sessions: Arc<Sessions>,
        functions: FunctionsClient,
        limits: Limits,
    ) -> Self {
        Self {
            hub,
            sessions,
            functions,
            limits,
        }
    }

    /// The functions, which check passwords.
    #[must_use]
    pub const fn functions(&self) -> &FunctionsClient {
        &self.functions
    }

    /// Admits a program whose member has signed in, as this session.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit(&self, session: SessionRef) -> Result<Attachment, NotAdmitted> {
        let admitted = Admitted {
            id: self.hub.next_client(),
            session: session.clone(),
            full: true,
        };
        let (queue, reading) = Queue::new(admitted, &self.limits);
        if !self.hub.enter(Arc::<Queue>::clone(&queue)) {
            return Err(NotAdmitted::TooMany);
        }
        // It is among the account's clients already, so anything that ends while the functions are being asked ends
        // it too, and dropping it removes it.
        let attachment = Attachment {
            hub: Arc::clone(&self.hub),
            queue,
            reading,
            link: None,
        };
        match self.sessions.vouched(Some(&session), None).await {
            Ok(()) => Ok(attachment),
            Err(Refusal::Over | Refusal::CallOver) => Err(NotAdmitted::Over),
            Err(Refusal::Unconfirmed) => Err(NotAdmitted::Unconfirmed),
        }
    }
}

/// A program's place among the clients of its account; given up when it is dropped.
pub struct Attachment {
    hub: Arc<Hub>,
    queue: Arc<Queue>,
    reading: Reading,
    link: Option<Arc<Link>>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment")
            .field("client", self.queue.admitted())
            .finish_non_exhaustive()
    }
}

impl Attachment {
    /// Returns the account's connections that are switched on, in the order of their names.
    #[must_use]
    pub fn networks(&self) -> Vec<NetworkState> {
        let links = self.hub.links(self.queue.admitted().account());
        links.iter().filter_map(|link| self.state(link)).collect()
    }

    /// The same, after asking the functions: for a member whose connection is not known here, since it may have been
    /// created moments ago. It takes at most [`FETCH`]; afterwards the answer is what is known.
    pub async fn fetched_networks(&self) -> Vec<NetworkState> {
        let account = self.queue.admitted().account();
        let _ = tokio::time::timeout(FETCH, self.hub.fetch_missed(account)).await;
        self.networks()
    }

    fn state(&self, link: &Link) -> Option<NetworkState> {
        let mut record = link.record().clone();
        record.password = None;
        for channel in &mut record.channels {
            // The key follows a space.
            let end = channel.find(' ').unwrap_or(channel.len());
            channel.truncate(end);
        }
        let platform = self.hub.platform(&record.platform)?;
        let status = ConnectionStatus::ALL.get(usize::from(link.status()));
        Some(NetworkState {
            nick: link.nick(),
            status: status.copied().unwrap_or(ConnectionStatus::Offline),
            folding: link.folding(),
            conversations: platform.descriptor.conversations.clone(),
            record,
        })
    }

    /// Attaches to one of the account's connections; an attachment to another one ends. Its state and its rooms
    /// follow, then the answer to this request, then what was published after `since`.
    ///
    /// # Errors
    /// The account has no such connection, or it has just ended. One sentence.
    pub async fn attach(
        &mut self,
        connection: &str,
        since: Option<Timestamp>,
        request: u64,
    ) -> Result<NetworkState, String> {
        self.detach();
        let links = self.hub.links(self.queue.admitted().account());
        let link = links
            .into_iter()
            .find(|link| link.record().id == connection)
            .ok_or("there is no such network")?;
        let state = self.state(&link).ok_or("there is no such network")?;
        let (nick, server) = (state.nick.clone(), &state.record.server);
        let person = protocol::Entity::person(&nick, server);
        let message = ToLink::Attach {
            client: self.as_client(),
            echo: Activity::new(&state.record.platform, "connect", person),
            nick,
            since,
            reply: self.answer(request),
        };
        if link.send(message).await.is_err() {
            return Err("the connection to the network has ended".to_owned());
        }
        self.link = Some(link);
        Ok(state)
    }

    /// Sends a request to the connection. Its actor is set here. The answer is [`News::Answer`].
    pub async fn perform(&self, request: u64, mut activity: Activity) {
        let answer = self.answer(request);
        let Some(link) = &self.link else {
            return answer.refuse(activity, "there is no network to send this to");
        };
        let (platform, server) = {
            let record = link.record();
            (record.platform.clone(), record.server.clone())
        };
        let Some(platform) = self.hub.platform(&platform) else {
            return answer.refuse(activity, "the platform is not enabled");
        };
        activity.actor = Some(protocol::Entity::person(&link.nick(), &server));
        let names = &platform.descriptor.conversations;
        let target = activity.target.as_ref();
        let room = match target.filter(|target| target.kind == "room") {
            Some(target) => match RoomId::parse(&target.id, names) {
                Some((room, _)) => Some((room, RoomSpelling::HashAt)),
                None => return answer.refuse(activity, "no such channel"),
            },
            None => None,
        };
        if let Err(error) = dialect::check(&activity, room.is_some(), &platform) {
            return answer.refuse(activity, &error);
        }
        let message = ToLink::Perform {
            client: self.as_client(),
            activity,
            room,
            reply: answer,
        };
        if let Err(unsent) = link.send(message).await
            && let ToLink::Perform { activity, .. } = *unsent
        {
            let ended = "the connection to the network has ended";
            self.answer(request).refuse(activity, ended);
        }
    }

    /// Returns the recent messages of a conversation on the connection, or all, in order of time; at most
    /// [`Limits::recent`].
    pub async fn recall(&self, conversation: Option<String>) -> Vec<Activity> {
        let Some(link) = &self.link else {
            return Vec::new();
        };
        let (answer, recalled) = oneshot::channel();
        let message = ToLink::Recall {
            conversation,
            answer,
        };
        if link.send(message).await.is_err() {
            return Vec::new();
        }
        recalled.await.unwrap_or_default()
    }

    /// Creates a connection of the account, or finds it if there is one with this server and nickname. `credentials`
    /// is the object of a Sockethub client's `credentials`.
    ///
    /// # Errors
    /// The credentials are invalid, or the functions do not store the connection. One sentence.
    pub async fn create(
        &self,
        platform: &str,
        actor: &PersonId,
        credentials: &Value,
    ) -> Result<NetworkState, String> {
        let account = self.queue.admitted().account();
        let link = self
            .hub
            .find_or_make(account, platform, actor, Some(credentials))
            .await?;
        self.state(&link)
            .ok_or_else(|| "the platform is not enabled".to_owned())
    }

    /// Waits for the next news. Dropping the future loses nothing.
    pub async fn news(&mut self) -> News {
        let link = self.link.clone();
        let link_ended = async {
            match link {
                Some(link) => link.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            news = self.reading.next() => news,
            () = link_ended => News::Ended("the connection to the network was removed".to_owned()),
        }
    }

    fn detach(&mut self) {
        if let Some(link) = self.link.take() {
            link.tell(ToLink::Detach(self.queue.admitted().id));
        }
    }

    fn as_client(&self) -> Arc<dyn Client> {
        Arc::<Queue>::clone(&self.queue)
    }

    fn answer(&self, request: u64) -> Box<Awaited> {
        Box::new(Awaited {
            queue: Arc::clone(&self.queue),
            request,
        })
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.detach();
        self.hub.leave(&*self.queue);
    }
}
