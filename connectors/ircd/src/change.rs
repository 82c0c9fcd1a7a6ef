//! A change of a channel as the log has it: what changed, not the whole channel. Whoever has a channel of their own can
//! make it large, and the log's oldest messages go when it is full, so a short command must not cost a long record.

use std::collections::{BTreeMap, BTreeSet};

use protocol::AccountName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::channel_record::{Ban, ChannelRecord};

/// What changed in a channel since its last record. Applying it twice changes nothing more.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChannelChange {
    /// Its name before.
    pub name: String,
    /// Fields of [`ChannelRecord`] that have another value, by name; `null` for none.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// What is in its lists and sets now.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub added: Entries,
    /// What no longer is.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub removed: Entries,
}

/// Entries of a channel's lists and sets; see [`ChannelRecord`].
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entries {
    /// +b.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bans: Vec<Ban>,
    /// +e.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Ban>,
    /// +I.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invite_exceptions: Vec<Ban>,
    /// +q.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiets: Vec<Ban>,
    /// +o.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub operators: BTreeSet<AccountName>,
    /// +v.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub voices: BTreeSet<AccountName>,
    /// Accounts that joined and did not leave.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub members: BTreeSet<AccountName>,
    /// Since when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub joined: BTreeMap<AccountName, i64>,
}

/// Those of a list that are not in the other: linear, since lists grow at the end.
fn only(list: &[Ban], other: &[Ban]) -> Vec<Ban> {
    let pairs = list.iter().zip(other);
    let same = pairs.take_while(|(one, other)| one == other).count();
    let (list, other) = (
        list.get(same..).unwrap_or_default(),
        other.get(same..).unwrap_or_default(),
    );
    let pairs = list.iter().rev().zip(other.iter().rev());
    let same = pairs.take_while(|(one, other)| one == other).count();
    let other = other.get(..other.len() - same).unwrap_or_default();
    let list = list.get(..list.len() - same).unwrap_or_default();
    let mut found = list.to_vec();
    found.retain(|entry| !other.contains(entry));
    found
}

fn alter(list: &mut Vec<Ban>, added: &[Ban], removed: &[Ban]) {
    if !removed.is_empty() {
        list.retain(|entry| !removed.contains(entry));
    }
    for entry in added {
        if !list.contains(entry) {
            list.push(entry.clone());
        }
    }
}

fn alter_set(
    set: &mut BTreeSet<AccountName>,
    added: &BTreeSet<AccountName>,
    removed: &BTreeSet<AccountName>,
) {
    for account in removed {
        set.remove(account);
    }
    set.extend(added.iter().cloned());
}

impl Entries {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn only(record: &ChannelRecord, other: &ChannelRecord) -> Self {
        let set = |one: &BTreeSet<AccountName>, other| one.difference(other).cloned().collect();
        let joined = record
            .joined
            .iter()
            .filter(|(account, at)| other.joined.get(*account) != Some(at));
        Self {
            bans: only(&record.bans, &other.bans),
            exceptions: only(&record.exceptions, &other.exceptions),
            invite_exceptions: only(&record.invite_exceptions, &other.invite_exceptions),
            quiets: only(&record.quiets, &other.quiets),
            operators: set(&record.operators, &other.operators),
            voices: set(&record.voices, &other.voices),
            members: set(&record.members, &other.members),
            joined: joined.map(|(account, at)| (account.clone(), *at)).collect(),
        }
    }
}

/// A channel without what is in [`Entries`].
fn head(record: &ChannelRecord) -> ChannelRecord {
    ChannelRecord {
        name: record.name.clone(),
        history: record.history.clone(),
        created: record.created,
        topic: record.topic.clone(),
        invite_only: record.invite_only,
        moderated: record.moderated,
        members_only: record.members_only,
        secret: record.secret,
        topic_locked: record.topic_locked,
        from_join: record.from_join,
        key: record.key.clone(),
        limit: record.limit,
        founder: record.founder.clone(),
        permanent: record.permanent,
        joined: BTreeMap::new(),
        bans: Vec::new(),
        exceptions: Vec::new(),
        invite_exceptions: Vec::new(),
        quiets: Vec::new(),
        operators: BTreeSet::new(),
        voices: BTreeSet::new(),
        members: BTreeSet::new(),
    }
}

fn fields(record: &ChannelRecord) -> Map<String, Value> {
    match serde_json::to_value(head(record)) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

impl ChannelChange {
    /// Returns what changed.
    #[must_use]
    pub fn between(before: &ChannelRecord, after: &ChannelRecord) -> Self {
        let old = fields(before);
        let mut set = fields(after);
        for key in old.keys() {
            set.entry(key).or_insert(Value::Null);
        }
        set.retain(|key, value| old.get(key) != Some(value));
        Self {
            name: before.name.clone(),
            set,
            added: Entries::only(after, before),
            removed: Entries::only(before, after),
        }
    }

    /// Its name afterwards.
    #[must_use]
    pub fn new_name(&self) -> &str {
        let new = self.set.get("name").and_then(Value::as_str);
        new.unwrap_or(&self.name)
    }

    /// Applies it. Values that mean nothing to this program change nothing.
    pub fn apply(&self, record: &mut ChannelRecord) {
        if !self.set.is_empty() {
            let mut all = fields(record);
            for (key, value) in &self.set {
                match value {
                    Value::Null => all.remove(key),
                    value => all.insert(key.clone(), value.clone()),
                };
            }
            if let Ok(head) = serde_json::from_value::<ChannelRecord>(Value::Object(all)) {
                let old = std::mem::replace(record, head);
                record.joined = old.joined;
                record.bans = old.bans;
                record.exceptions = old.exceptions;
                record.invite_exceptions = old.invite_exceptions;
                record.quiets = old.quiets;
                record.operators = old.operators;
                record.voices = old.voices;
                record.members = old.members;
            }
        }
        let (added, removed) = (&self.added, &self.removed);
        alter(&mut record.bans, &added.bans, &removed.bans);
        alter(
            &mut record.exceptions,
            &added.exceptions,
            &removed.exceptions,
        );
        alter(
            &mut record.invite_exceptions,
            &added.invite_exceptions,
            &removed.invite_exceptions,
        );
        alter(&mut record.quiets, &added.quiets, &removed.quiets);
        alter_set(&mut record.operators, &added.operators, &removed.operators);
        alter_set(&mut record.voices, &added.voices, &removed.voices);
        alter_set(&mut record.members, &added.members, &removed.members);
        for account in removed.joined.keys() {
            record.joined.remove(account);
        }
        let added = added.joined.iter();
        record
            .joined
            .extend(added.map(|(account, at)| (account.clone(), *at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Body, Record};

    fn record(json: Value) -> ChannelRecord {
        let mut all = serde_json::json!({"name": "#tea", "created": "2026-11-29T23:10:00Z"});
        all.as_object_mut()
            .unwrap()
            .extend(json.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn ban(mask: &str) -> Value {
        serde_json::json!({"mask": mask, "by": "alice", "at": "2026-11-29T23:10:00Z"})
    }

    #[test]
    fn what_changed_makes_one_of_the_other_also_after_it_was_written() {
        let states = [
            record(serde_json::json!({})),
            record(serde_json::json!({
                "history": "#milk", "secret": true, "from_join": true, "key": "k", "limit": 7,
                "topic": {"text": "x", "by": "alice", "at": "2026-11-29T23:10:00Z"},
                "bans": [ban("a"), ban("b"), ban("c")], "quiets": [ban("a")], "founder": "alice",
                "members": ["alice", "bob"], "joined": {"alice": 7, "bob": 8},
            })),
            record(serde_json::json!({
                "name": "#Coffee", "bans": [ban("a"), ban("c"), ban("d")], "exceptions": [ban("e")],
                "invite_exceptions": [ban("i")], "members": ["bob", "carol"], "joined": {"bob": 9},
                "operators": ["bob"], "voices": ["carol"], "permanent": true,
            })),
        ];
        for before in &states {
            for after in &states {
                let change = ChannelChange::between(before, after);
                assert_eq!(change.new_name(), after.name);
                let body = Body::Changed(Box::new(change.clone()));
                let json = serde_json::to_string(&Record { id: 1, body }).unwrap();
                let read: Record = serde_json::from_str(&json).unwrap();
                assert_eq!(read.body, Body::Changed(Box::new(change.clone())));
                let mut made = before.clone();
                for _ in 0..2 {
                    change.apply(&mut made);
                    // What comes back to a list comes to its end.
                    made.bans.sort_by(|a, b| a.mask.cmp(&b.mask));
                    assert_eq!(&made, after, "{json}");
                }
                if before == after {
                    assert!(change.set.is_empty() && change.added.is_empty());
                }
            }
        }
    }
}
