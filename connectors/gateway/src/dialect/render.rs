//! Converts an activity to the JSON that one socket receives.

use protocol::{Activity, Folding, RoomId, RoomSpelling};
use serde_json::{Map, Value};

use super::Dialect;
use crate::platform::PlatformInfo;

/// A socket's view of activities.
pub(crate) struct View<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) platform: &'a PlatformInfo,
    /// Full mode: everything, unchanged.
    pub(crate) full: bool,
    /// The account's current nickname, and the one the client connected with and expects.
    pub(crate) alias: Option<(&'a str, &'a str)>,
    /// How the network compares nicknames.
    pub(crate) folding: Folding,
    /// How the client spells the id of a channel.
    pub(crate) spelling: &'a dyn Fn(&str) -> RoomSpelling,
}

/// The object that registers an account with a network, and what of it no answer repeats.
pub(super) const ACCOUNT: &str = "account";
const ACCOUNT_SECRETS: [&str; 2] = ["password", "code"];

/// Writes an activity for a socket.
pub(crate) fn render(activity: &Activity, view: &View<'_>) -> Value {
    let Ok(Value::Object(mut map)) = serde_json::to_value(activity) else {
        return Value::Object(Map::new());
    };
    view.dialect.mark(&mut map, view.platform.id());
    for key in ["actor", "target", "object"] {
        if let Some(part) = map.get_mut(key) {
            entity(part, view, 0);
        }
    }
    if let Some(Value::Object(object)) = map.get_mut("object") {
        let kind = object
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if kind == "topic" {
            for (from, to) in [("topic", "content"), ("content", "topic")] {
                if let (Some(text), false) = (object.get(from).cloned(), object.contains_key(to)) {
                    object.insert(to.to_owned(), text);
                }
            }
        } else if kind == ACCOUNT {
            for secret in ACCOUNT_SECRETS {
                object.remove(secret);
            }
        } else if kind == "notice" && activity.kind == "send" && !view.full {
            object.insert("type".to_owned(), "message".into());
        }
    }
    map.into()
}

/// Maximum nesting of entities: an `object` within an `object`.
const MAX_DEPTH: usize = 2;

fn entity(value: &mut Value, view: &View<'_>, depth: usize) {
    let Some(map) = value.as_object_mut() else {
        return;
    };
    let id = map.get("id").and_then(Value::as_str).unwrap_or_default();
    match map.get("type").and_then(Value::as_str) {
        Some("room") => {
            let names = &view.platform.descriptor.conversations;
            if let Some((room, _)) = RoomId::parse(id, names) {
                let spelled = room.spelled((view.spelling)(&room.channel), names);
                map.insert("id".to_owned(), spelled.into());
                map.insert("name".to_owned(), room.channel.into());
            }
        }
        Some("person") => {
            if let (Some((now, asked)), false) = (view.alias, view.full)
                && let Some((nick, server)) = id.rsplit_once('@')
                && view.folding.same(nick, now)
            {
                let id = format!("{asked}@{server}");
                map.insert("id".to_owned(), id.into());
                map.insert("name".to_owned(), asked.into());
            }
        }
        _ => {}
    }
    if depth < MAX_DEPTH
        && let Some(inner) = map.get_mut("object")
    {
        entity(inner, view, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use protocol::Entity;
    use serde_json::json;

    use super::*;

    static IRC: LazyLock<PlatformInfo> = LazyLock::new(|| PlatformInfo {
        descriptor: protocol::PlatformDescriptor::default_platform(),
        types: &[],
    });

    fn view(dialect: Dialect, full: bool) -> View<'static> {
        View {
            dialect,
            platform: &IRC,
            full,
            alias: Some(("mynick_", "mynick")),
            folding: Folding::Rfc1459,
            spelling: &|channel| match channel {
                "#slash" => RoomSpelling::Slash,
                "#plain" => RoomSpelling::PlainAt,
                _ => RoomSpelling::HashAt,
            },
        }
    }

    const CURRENT: Dialect = Dialect {
        current: true,
        old: false,
    };
    const OLD: Dialect = Dialect {
        current: false,
        old: true,
    };
    const BOTH: Dialect = Dialect {
        current: true,
        old: true,
    };

    fn message(channel: &str, kind: &str) -> Activity {
        let mut activity = Activity::new("irc", "send", Entity::person("alice", "irc.libera.chat"));
        activity.target = Some(Entity::room(channel, "irc.libera.chat"));
        activity.object = Some(json!({"type": kind, "content": "hello"}).into());
        activity.published = Some("2026-01-15T10:00:00.000Z".into());
        activity
    }

    #[test]
    fn a_room_message_in_both_dialects() {
        let current = render(&message("#kosmos", "message"), &view(CURRENT, false));
        let ctx = [
            "https://www.w3.org/ns/activitystreams",
            "https://sockethub.org/ns/context/v1.jsonld",
            "https://sockethub.org/ns/context/platform/irc/v1.jsonld",
        ];
        assert_eq!(
            current,
            json!({"@context": ctx, "type": "send",
            "actor": {"type": "person", "id": "alice@irc.libera.chat", "name": "alice"},
            "target": {"type": "room", "id": "#kosmos@irc.libera.chat", "name": "#kosmos"},
            "object": {"type": "message", "content": "hello"},
            "published": "2026-01-15T10:00:00.000Z"})
        );
        let old = render(&message("#slash", "message"), &view(OLD, false));
        assert_eq!(
            old,
            json!({"context": "irc", "type": "send",
            "actor": {"type": "person", "id": "alice@irc.libera.chat", "name": "alice"},
            "target": {"type": "room", "id": "irc.libera.chat/#slash", "name": "#slash"},
            "object": {"type": "message", "content": "hello"},
            "published": "2026-01-15T10:00:00.000Z"})
        );
        let both = render(&message("#plain", "message"), &view(BOTH, false));
        assert_eq!(
            (&both["context"], &both["@context"]),
            (&json!("irc"), &json!(ctx))
        );
        assert_eq!(both["target"]["id"], "plain@irc.libera.chat");
    }

    #[test]
    fn a_notice_stays_one_only_in_mode_full() {
        let kind =
            |full| render(&message("#c", "notice"), &view(CURRENT, full))["object"]["type"].clone();
        assert_eq!(
            (kind(false), kind(true)),
            (json!("message"), json!("notice"))
        );
    }

    #[test]
    fn a_direct_message_is_addressed_as_the_client_knows_itself() {
        let mut direct = message("#c", "message");
        direct.target = Some(Entity::person("mynick_", "irc.libera.chat"));
        let target = |full| render(&direct, &view(CURRENT, full))["target"]["id"].clone();
        assert_eq!(target(false), "mynick@irc.libera.chat");
        assert_eq!(target(true), "mynick_@irc.libera.chat");
    }

    #[test]
    fn the_own_name_is_found_as_the_network_compares_names() {
        let mut direct = message("#c", "message");
        direct.target = Some(Entity::person("Me[x]", "irc.libera.chat"));
        let target = |folding, now: &'static str| {
            let view = View {
                alias: Some((now, "asked")),
                folding,
                ..view(CURRENT, false)
            };
            render(&direct, &view)["target"]["name"].clone()
        };
        assert_eq!(target(Folding::Rfc1459, "me{x}"), "asked");
        assert_eq!(target(Folding::Exact, "me[x]"), "Me[x]");
        assert_eq!(target(Folding::Exact, "Me[x]"), "asked");
    }

    #[test]
    fn topics_carry_both_keys_and_rooms_inside_objects_are_spelled() {
        let mut topic = message("#c", "topic");
        topic.kind = "update".into();
        assert_eq!(
            render(&topic, &view(OLD, false))["object"]["topic"],
            "hello"
        );
        let mut role = message("#c", "x");
        role.kind = "add".into();
        role.object = Some(
            json!({"type": "relationship", "relationship": "role",
            "subject": {"type": "presence", "role": "owner"},
            "object": {"type": "room", "id": "#slash@irc.libera.chat", "name": "#slash"}})
            .into(),
        );
        let shown = render(&role, &view(OLD, false));
        assert_eq!(shown["object"]["object"]["id"], "irc.libera.chat/#slash");
    }

    #[test]
    fn no_answer_repeats_the_secrets_of_an_account() {
        for object in [
            json!({"type": "account", "email": "a@h", "password": "secret", "code": "secret"}),
            // With a field that is not what it should be.
            json!({"type": "account", "email": 7, "password": "secret"}),
        ] {
            let mut activity = Activity::new("irc", "update", Entity::person("a", "h"));
            activity.object = Some(object.clone().into());
            activity.error = Some("No.".to_owned());
            let written = render(&activity, &view(Dialect::default(), true));
            assert_eq!(written["object"]["email"], object["email"]);
            assert!(!written.to_string().contains("secret"), "{written}");
        }
    }
}
