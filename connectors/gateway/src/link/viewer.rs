//! A socket's view of a connection.

use std::sync::Arc;

use protocol::{Activity, ActivityObject, Entity, FoldedMap, Folding, RoomSpelling, Timestamp};

use super::roster::{channel, nick};
use crate::clients::{Answer, Aspect, Client};
use crate::platform::PlatformInfo;

/// A socket that is attached to a connection.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) client: Arc<dyn Client>,
    /// The nickname the client connected with.
    pub(super) asked: String,
    /// Channels it joined itself.
    pub(super) joined: FoldedMap<()>,
    /// How it spells each room, by channel.
    pub(super) spellings: FoldedMap<RoomSpelling>,
    /// Channels whose list it was sent since its last request to join.
    pub(super) attended: FoldedMap<()>,
    /// The time from which on messages are still to be replayed.
    pub(super) replay: Option<Timestamp>,
    last_quit: Option<(String, String)>,
}

/// Maximum rooms per socket whose spelling is remembered.
const MAX_SPELLINGS: usize = 10_000;

/// Whether a socket that is not in full mode receives an activity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pass {
    No,
    Yes,
    /// As a `leave` with the server as its target, once.
    Quit,
}

/// Decides what a Sockethub client expects: only rooms it has `joined`, and never the account's `own` direct
/// messages.
pub(super) fn pass(activity: &Activity, own: &str, joined: &FoldedMap<()>) -> Pass {
    let actor = activity.actor.as_ref();
    let target = activity.target.as_ref();
    let in_room = |channel: &str| joined.contains(channel);
    let is_own = |entity| nick(entity).is_some_and(|nick| joined.folding().same(nick, own));
    let yes = match (activity.kind.as_str(), activity.object_type()) {
        ("leave", _) if is_quit(activity) => {
            return if channel(target).is_none_or(in_room) && !is_own(actor) {
                Pass::Quit
            } else {
                Pass::No
            };
        }
        ("send", _) => channel(target).map_or_else(|| !is_own(actor), in_room),
        ("join" | "leave", _) => channel(target).is_some_and(in_room),
        ("update", Some("presence")) => channel(target).is_some_and(in_room),
        ("update", Some("topic")) => channel(target).is_none_or(in_room),
        ("update", Some("address")) => !is_own(actor) && !is_own(target),
        ("update" | "invite" | "error" | "delete", _) => false,
        ("query", Some("attendance")) => channel(actor).is_some_and(in_room),
        ("add" | "remove", _) => {
            let room = match &activity.object {
                Some(ActivityObject::Relationship(relationship)) => relationship.object.as_ref(),
                _ => None,
            };
            room.and_then(|room| room.name.as_deref())
                .is_some_and(in_room)
        }
        _ => true,
    };
    if yes { Pass::Yes } else { Pass::No }
}

fn is_quit(activity: &Activity) -> bool {
    let marked = match &activity.object {
        Some(ActivityObject::Message(text)) => text.quit == Some(true),
        _ => false,
    };
    let service = activity
        .target
        .as_ref()
        .is_some_and(|target| target.kind == "service");
    marked || service
}

impl Viewer {
    /// `since`: the time from which on a full client wants what it missed.
    pub(super) fn new(
        client: Arc<dyn Client>,
        asked: &str,
        since: Option<Timestamp>,
        folding: Folding,
    ) -> Self {
        let full = client.admitted().full;
        Self {
            client,
            asked: asked.to_owned(),
            joined: FoldedMap::new(folding),
            spellings: FoldedMap::new(folding),
            attended: FoldedMap::new(folding),
            replay: since.filter(|_| full),
            last_quit: None,
        }
    }

    /// The network uses a different case mapping from now on.
    pub(super) fn refold(&mut self, folding: Folding) {
        self.joined.refold(folding);
        self.spellings.refold(folding);
        self.attended.refold(folding);
    }

    /// Remembers how the client spells a room.
    pub(super) fn spells(&mut self, channel: &str, spelling: RoomSpelling) {
        if self.spellings.len() < MAX_SPELLINGS {
            self.spellings.insert(channel, spelling);
        }
        self.client.spells(spelling);
    }

    /// Sends an activity if the client should receive it.
    pub(super) fn show(
        &mut self,
        activity: &Activity,
        platform: &PlatformInfo,
        server: &str,
        own: &str,
    ) {
        if self.is_full() {
            self.show_all(activity, platform, own);
            return;
        }
        match pass(activity, own, &self.joined) {
            Pass::No => {}
            Pass::Yes => {
                if activity.object_type() == Some("attendance")
                    && let Some(channel) = channel(activity.actor.as_ref())
                {
                    self.attended.insert(channel, ());
                }
                self.show_all(activity, platform, own);
            }
            Pass::Quit => {
                let who = nick(activity.actor.as_ref()).unwrap_or_default().to_owned();
                let when = activity.published.clone().unwrap_or_default();
                let quit = Some((who, when));
                if self.last_quit == quit {
                    return;
                }
                self.last_quit = quit;
                let mut once = activity.clone();
                let reason = activity.content().unwrap_or("user has quit");
                once.object = Some(ActivityObject::message(reason));
                once.target = Some(Entity::service(server));
                self.show_all(&once, platform, own);
            }
        }
    }

    /// How the connection looks to the client.
    fn aspect<'a>(&'a self, platform: &'a PlatformInfo, own: &'a str, missed: bool) -> Aspect<'a> {
        Aspect {
            platform,
            alias: Some((own, &self.asked)),
            folding: self.spellings.folding(),
            spellings: Some(&self.spellings),
            missed,
        }
    }

    /// Whether the client is shown everything.
    pub(super) fn is_full(&self) -> bool {
        self.client.admitted().full
    }

    /// Sends an activity, whether or not the client expects it.
    pub(super) fn show_all(&self, activity: &Activity, platform: &PlatformInfo, own: &str) {
        self.client
            .show(activity, &self.aspect(platform, own, false));
    }

    /// Sends an activity that happened before the client attached.
    pub(super) fn show_missed(&self, activity: &Activity, platform: &PlatformInfo, own: &str) {
        self.client
            .show(activity, &self.aspect(platform, own, true));
    }

    /// Answers a request of the client.
    pub(super) fn answer(
        &self,
        reply: Box<dyn Answer>,
        activity: &Activity,
        platform: &PlatformInfo,
        own: &str,
    ) {
        reply.answer(activity, &self.aspect(platform, own, false));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn activity(kind: &str, who: &str, target: Entity, object: serde_json::Value) -> Activity {
        let mut activity = Activity::new("irc", kind, Entity::person(who, "h"));
        activity.target = Some(target);
        activity.object = Some(object.into());
        activity
    }

    fn passes(activity: &Activity) -> Pass {
        let mut joined = FoldedMap::new(Folding::default());
        joined.insert("#in", ());
        pass(activity, "Me", &joined)
    }

    #[test]
    fn rooms_are_seen_only_when_joined() {
        for (channel, expected) in [("#IN", Pass::Yes), ("#out", Pass::No)] {
            let room = || Entity::room(channel, "h");
            let text = || json!({"type": "message", "content": "x"});
            for seen in [
                activity("send", "ann", room(), text()),
                activity("send", "me", room(), text()),
                activity("join", "ann", room(), json!({})),
                activity("leave", "ann", room(), text()),
                activity(
                    "update",
                    "ann",
                    room(),
                    json!({"type": "topic", "content": "x"}),
                ),
                activity(
                    "update",
                    "ann",
                    room(),
                    json!({"type": "presence", "role": "owner"}),
                ),
                activity(
                    "add",
                    "ann",
                    Entity::person("bob", "h"),
                    json!({"type": "relationship", "object": room()}),
                ),
            ] {
                assert_eq!(passes(&seen), expected, "{seen:?}");
            }
            let mut quit = activity(
                "leave",
                "ann",
                room(),
                json!({"type": "message", "quit": true}),
            );
            let expected = if expected == Pass::Yes {
                Pass::Quit
            } else {
                Pass::No
            };
            assert_eq!(passes(&quit), expected);
            quit.kind = "query".into();
            quit.actor = Some(room());
            quit.object = Some(ActivityObject::attendance(Vec::new()));
            assert_eq!(passes(&quit) == Pass::Yes, channel == "#IN");
        }
    }

    #[test]
    fn own_direct_messages_nick_changes_and_states_are_not_seen() {
        let person = |nick| Entity::person(nick, "h");
        let text = || json!({"type": "message", "content": "x"});
        assert_eq!(
            passes(&activity("send", "ann", person("me"), text())),
            Pass::Yes
        );
        assert_eq!(
            passes(&activity("send", "me", person("ann"), text())),
            Pass::No
        );
        let address = || json!({"type": "address"});
        assert_eq!(
            passes(&activity("update", "ann", person("bob"), address())),
            Pass::Yes
        );
        assert_eq!(
            passes(&activity("update", "me", person("me2"), address())),
            Pass::No
        );
        assert_eq!(
            passes(&activity("update", "me2", person("ME"), address())),
            Pass::No
        );
        let state = json!({"type": "connection", "status": "online"});
        assert_eq!(
            passes(&activity("update", "h", person("me"), state)),
            Pass::No
        );
        assert_eq!(
            passes(&activity("invite", "ann", person("me"), json!({}))),
            Pass::No
        );
    }
}
