//! The members of each room, as far as the activities passing through reveal them.
//!
//! Clients of the older dialect learn the members only from attendance lists, so the gateway keeps them.

use protocol::{Activity, ActivityObject, AttendanceObject, Entity, FoldedMap, Folding};

/// Maximum members kept per room.
const MAX_MEMBERS: usize = 50_000;

#[derive(Debug)]
struct Room {
    members: FoldedMap<()>,
    /// Boxed, as many rooms have none.
    topic: Option<Box<Activity>>,
    /// Whether an attendance list has been received.
    complete: bool,
}

impl Room {
    fn new(folding: Folding) -> Self {
        Self {
            members: FoldedMap::new(folding),
            topic: None,
            complete: false,
        }
    }
}

/// Rooms by channel.
#[derive(Debug)]
pub(crate) struct Roster(FoldedMap<Room>);

/// Returns the channel of a room.
pub(crate) fn channel(entity: Option<&Entity>) -> Option<&str> {
    entity
        .filter(|entity| entity.kind == "room")?
        .name
        .as_deref()
}

/// Returns the nickname of a person.
pub(crate) fn nick(entity: Option<&Entity>) -> Option<&str> {
    entity
        .filter(|entity| entity.kind == "person")?
        .name
        .as_deref()
}

impl Roster {
    pub(crate) fn new(folding: Folding) -> Self {
        Self(FoldedMap::new(folding))
    }

    /// The network uses a different case mapping from now on.
    pub(crate) fn refold(&mut self, folding: Folding) {
        self.0.refold(folding);
        for room in self.0.values_mut() {
            room.members.refold(folding);
        }
    }

    /// Learns from an activity; returns the channels whose list changed because of someone else.
    pub(crate) fn note(&mut self, activity: &Activity, own: &str) -> Vec<String> {
        let folding = self.0.folding();
        let target = activity.target.as_ref();
        let who = nick(activity.actor.as_ref()).unwrap_or_default();
        let is_own = folding.same(who, own);
        match (
            activity.kind.as_str(),
            activity.object_type(),
            channel(target),
        ) {
            ("query", Some("attendance"), _) => {
                if let Some(channel) = channel(activity.actor.as_ref()) {
                    self.set_members(channel, activity.object.as_ref());
                }
                Vec::new()
            }
            ("join", _, Some(channel)) if is_own => {
                if !self.0.contains(channel) {
                    self.0.insert(channel, Room::new(folding));
                }
                if let Some(room) = self.0.get_mut(channel) {
                    room.members.insert(who, ());
                }
                Vec::new()
            }
            ("join", _, Some(channel)) => self.change(channel, |members| {
                members.len() < MAX_MEMBERS && members.insert(who, ())
            }),
            ("leave", _, Some(channel)) if is_own => {
                self.0.remove(channel);
                Vec::new()
            }
            ("leave", _, Some(channel)) => {
                self.change(channel, |members| members.remove(who).is_some())
            }
            ("leave", _, None) => self.change_all(|members| members.remove(who).is_some()),
            ("update", Some("address"), _) => {
                let Some(new) = nick(target) else {
                    return Vec::new();
                };
                self.change_all(|members| {
                    let was_there = members.remove(who).is_some();
                    if was_there {
                        members.insert(new, ());
                    }
                    was_there
                })
            }
            ("update", Some("topic"), Some(channel)) => {
                if let Some(room) = self.0.get_mut(channel) {
                    room.topic = Some(Box::new(activity.clone()));
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn set_members(&mut self, channel: &str, object: Option<&ActivityObject>) {
        let Some(ActivityObject::Attendance(AttendanceObject {
            members: Some(members),
            ..
        })) = object
        else {
            return;
        };
        let folding = self.0.folding();
        if !self.0.contains(channel) {
            self.0.insert(channel, Room::new(folding));
        }
        let Some(room) = self.0.get_mut(channel) else {
            return;
        };
        room.members.clear();
        for name in members.iter().take(MAX_MEMBERS) {
            room.members.insert(name, ());
        }
        room.complete = true;
    }

    fn change(
        &mut self,
        channel: &str,
        change: impl FnOnce(&mut FoldedMap<()>) -> bool,
    ) -> Vec<String> {
        let room = self.0.get_mut(channel);
        let changed = room.is_some_and(|room| change(&mut room.members));
        changed.then(|| channel.to_owned()).into_iter().collect()
    }

    fn change_all(&mut self, mut change: impl FnMut(&mut FoldedMap<()>) -> bool) -> Vec<String> {
        let changed = self
            .0
            .iter_mut()
            .filter_map(|(channel, room)| change(&mut room.members).then(|| channel.to_owned()));
        changed.collect()
    }

    /// Forgets everything, because the connection starts over.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns whether a channel's list is known.
    pub(crate) fn knows(&self, channel: &str) -> bool {
        self.0.get(channel).is_some_and(|room| room.complete)
    }

    /// Returns a channel's attendance list as an activity, if it is known.
    pub(crate) fn attendance(
        &self,
        platform: &str,
        server: &str,
        channel: &str,
        own: &str,
    ) -> Option<Activity> {
        let room = self.0.get(channel).filter(|room| room.complete)?;
        let members = room.members.names().map(str::to_owned).collect();
        let mut activity = Activity::new(platform, "query", Entity::room(channel, server));
        activity.target = Some(Entity::person(own, server));
        activity.object = Some(ActivityObject::attendance(members));
        Some(activity)
    }

    /// Returns a channel's topic, if it is known.
    pub(crate) fn topic(&self, channel: &str) -> Option<&Activity> {
        self.0.get(channel)?.topic.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn about(kind: &str, who: &str, channel: Option<&str>) -> Activity {
        let mut activity = Activity::new("irc", kind, Entity::person(who, "h"));
        activity.target =
            Some(channel.map_or_else(|| Entity::service("h"), |c| Entity::room(c, "h")));
        activity
    }

    fn attendance(members: &[&str]) -> Activity {
        let mut activity = Activity::new("irc", "query", Entity::room("#C", "h"));
        let members = members.iter().map(|&name| name.to_owned()).collect();
        activity.object = Some(ActivityObject::attendance(members));
        activity
    }

    fn members(roster: &Roster) -> Value {
        let list = roster.attendance("irc", "h", "#c", "me").unwrap();
        list.object.unwrap().get("members").unwrap()
    }

    #[test]
    fn follows_joins_leaves_quits_and_nicks() {
        let mut roster = Roster::new(Folding::default());
        assert!(
            roster
                .note(&about("join", "ann", Some("#c")), "me")
                .is_empty()
        );
        roster.note(&about("join", "me", Some("#c")), "me");
        assert!(!roster.knows("#c"));
        roster.note(&attendance(&["me", "Bob"]), "me");
        assert_eq!(members(&roster), json!(["Bob", "me"]));
        assert_eq!(roster.note(&about("join", "ann", Some("#c")), "me"), ["#c"]);
        assert!(
            roster
                .note(&about("join", "ann", Some("#c")), "me")
                .is_empty()
        );
        assert_eq!(
            roster.note(&about("leave", "bob", Some("#c")), "me"),
            ["#c"]
        );
        let mut renamed = about("update", "ann", None);
        renamed.target = Some(Entity::person("Anna", "h"));
        renamed.object = Some(ActivityObject::address());
        assert_eq!(roster.note(&renamed, "me"), ["#c"]);
        assert_eq!(members(&roster), json!(["Anna", "me"]));
        assert_eq!(roster.note(&about("leave", "ANNA", None), "me"), ["#c"]);
        roster.note(&about("leave", "me", Some("#c")), "me");
        assert!(!roster.knows("#c"));
    }

    #[test]
    fn rooms_and_members_are_told_apart_as_the_network_does() {
        let mut roster = Roster::new(Folding::default());
        let join = |who: &str, channel: &str| about("join", who, Some(channel));
        let list = |channel: &str, members: &[&str]| {
            let mut activity = attendance(members);
            activity.actor = Some(Entity::room(channel, "h"));
            activity
        };
        roster.refold(Folding::Ascii);
        roster.note(&join("me", "#a[1]"), "me");
        roster.note(&join("me", "#a{1}"), "me");
        roster.note(&list("#a[1]", &["me", "bob[]", "bob{}"]), "me");
        assert!(roster.knows("#A[1]") && !roster.knows("#a{1}"));
        roster.note(&about("leave", "bob{}", Some("#a[1]")), "me");
        let attendance = roster.attendance("irc", "h", "#a[1]", "me").unwrap();
        assert_eq!(
            attendance.object.unwrap().get("members"),
            Some(json!(["bob[]", "me"]))
        );
        // Someone whose nickname differs from ours only in a bracket is someone else.
        let changed = roster.note(&about("leave", "me{}", Some("#a[1]")), "me[]");
        assert!(changed.is_empty() && roster.knows("#a[1]"));
        roster.note(&about("leave", "me[]", Some("#a[1]")), "me[]");
        assert!(!roster.knows("#a[1]"));
    }
}
