//! Who is in which room, as far as the activities that pass tell.
//!
//! Clients of the older kind learn who is there from attendance lists only, so the gateway keeps them.

use std::collections::{BTreeMap, HashMap};

use model::{Activity, Entity};
use serde_json::{Value, json};

/// Most members kept of one room.
const MAX_MEMBERS: usize = 50_000;

/// Folds a name as RFC 1459, section 2.2 does, for comparison.
pub(crate) fn fold(name: &str) -> String {
    let lower = |c: char| match c {
        '[' => '{',
        ']' => '}',
        '\\' => '|',
        '~' => '^',
        c => c.to_ascii_lowercase(),
    };
    name.chars().map(lower).collect()
}

#[derive(Debug, Default)]
struct Room {
    /// By folded nickname.
    members: BTreeMap<String, String>,
    topic: Option<Activity>,
    /// Whether an attendance list was seen.
    complete: bool,
}

/// Rooms by folded channel.
#[derive(Debug, Default)]
pub(crate) struct Roster(HashMap<String, Room>);

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
    /// Learns from an activity; returns the folded channels of which the list changed because of somebody else.
    pub(crate) fn note(&mut self, activity: &Activity, own: &str) -> Vec<String> {
        let target = activity.target.as_ref();
        let who = nick(activity.actor.as_ref()).unwrap_or_default();
        let is_own = fold(who) == fold(own);
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
                let room = self.0.entry(fold(channel)).or_default();
                room.members.insert(fold(who), who.to_owned());
                Vec::new()
            }
            ("join", _, Some(channel)) => self.change(&fold(channel), |members| {
                members.len() < MAX_MEMBERS && members.insert(fold(who), who.to_owned()).is_none()
            }),
            ("leave", _, Some(channel)) if is_own => {
                self.0.remove(&fold(channel));
                Vec::new()
            }
            ("leave", _, Some(channel)) => self.change(&fold(channel), |members| {
                members.remove(&fold(who)).is_some()
            }),
            ("leave", _, None) => self.change_all(|members| members.remove(&fold(who)).is_some()),
            ("update", Some("address"), _) => {
                let Some(new) = nick(target) else {
                    return Vec::new();
                };
                self.change_all(|members| {
                    let was_there = members.remove(&fold(who)).is_some();
                    if was_there {
                        members.insert(fold(new), new.to_owned());
                    }
                    was_there
                })
            }
            ("update", Some("topic"), Some(channel)) => {
                if let Some(room) = self.0.get_mut(&fold(channel)) {
                    room.topic = Some(activity.clone());
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn set_members(&mut self, channel: &str, object: Option<&Value>) {
        let Some(members) = object.and_then(|object| object.get("members")?.as_array()) else {
            return;
        };
        let names = members.iter().filter_map(Value::as_str).take(MAX_MEMBERS);
        let room = self.0.entry(fold(channel)).or_default();
        room.members = names.map(|name| (fold(name), name.to_owned())).collect();
        room.complete = true;
    }

    fn change(
        &mut self,
        channel: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> bool,
    ) -> Vec<String> {
        let room = self.0.get_mut(channel);
        let changed = room.is_some_and(|room| change(&mut room.members));
        changed.then(|| channel.to_owned()).into_iter().collect()
    }

    fn change_all(
        &mut self,
        mut change: impl FnMut(&mut BTreeMap<String, String>) -> bool,
    ) -> Vec<String> {
        let changed = self
            .0
            .iter_mut()
            .filter_map(|(channel, room)| change(&mut room.members).then(|| channel.clone()));
        changed.collect()
    }

    /// Forgets everything: the connection starts anew.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the list of a channel is known.
    pub(crate) fn knows(&self, folded: &str) -> bool {
        self.0.get(folded).is_some_and(|room| room.complete)
    }

    /// Returns the attendance answer for a channel, if its list is known.
    pub(crate) fn attendance(
        &self,
        platform: &str,
        server: &str,
        channel: &str,
        own: &str,
    ) -> Option<Activity> {
        let room = self.0.get(&fold(channel)).filter(|room| room.complete)?;
        let members: Vec<&String> = room.members.values().collect();
        let mut activity = Activity::new(platform, "query", Entity::room(channel, server));
        activity.target = Some(Entity::person(own, server));
        activity.object = Some(json!({"type": "attendance", "members": members}));
        Some(activity)
    }

    /// Returns the topic of a channel, if it is known.
    pub(crate) fn topic(&self, channel: &str) -> Option<&Activity> {
        self.0.get(&fold(channel))?.topic.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(kind: &str, who: &str, channel: Option<&str>) -> Activity {
        let mut activity = Activity::new("irc", kind, Entity::person(who, "h"));
        activity.target =
            Some(channel.map_or_else(|| Entity::service("h"), |c| Entity::room(c, "h")));
        activity
    }

    fn attendance(members: &[&str]) -> Activity {
        let mut activity = Activity::new("irc", "query", Entity::room("#C", "h"));
        activity.object = Some(json!({"type": "attendance", "members": members}));
        activity
    }

    fn members(roster: &Roster) -> Value {
        let list = roster.attendance("irc", "h", "#c", "me").unwrap();
        list.object.unwrap()["members"].clone()
    }

    #[test]
    fn follows_joins_leaves_quits_and_nicks() {
        let mut roster = Roster::default();
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
        renamed.object = Some(json!({"type": "address"}));
        assert_eq!(roster.note(&renamed, "me"), ["#c"]);
        assert_eq!(members(&roster), json!(["Anna", "me"]));
        assert_eq!(roster.note(&about("leave", "ANNA", None), "me"), ["#c"]);
        roster.note(&about("leave", "me", Some("#c")), "me");
        assert!(!roster.knows("#c"));
    }
}
