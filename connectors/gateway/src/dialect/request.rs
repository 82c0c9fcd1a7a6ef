//! Parses a client's JSON into a checked activity.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{
    Activity, ActivityObject, Conversations, Entity, Feature, PersonId, PlatformDescriptor, RoomId,
    RoomSpelling, context,
};
use serde_json::{Map, Value, json};

use super::render::ACCOUNT;
use super::{Dialect, error_ack, relations};
use crate::platform::PlatformInfo;
use crate::work::look;

/// The event a request arrived in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Which {
    Credentials,
    Message,
}

/// A valid request.
#[derive(Debug)]
pub(crate) struct Request {
    /// In current form, with room ids like `#chan@server`.
    pub(crate) activity: Activity,
    /// The acting person.
    pub(crate) actor: PersonId,
    /// The dialect marks the message carried.
    pub(crate) dialect: Dialect,
    /// The platform.
    pub(crate) platform: Arc<PlatformInfo>,
    /// The target room, with the client's spelling.
    pub(crate) room: Option<(RoomId, RoomSpelling)>,
}

/// An invalid request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) dialect: Dialect,
    /// The request with `error` added; never contains a secret.
    pub(crate) ack: Value,
}

/// Types the gateway handles itself.
const GATEWAY_TYPES: [&str; 2] = ["connect", "disconnect"];

/// Validates a request and fills in what the dialects allow to be omitted. `registered` holds the objects the socket
/// introduced with `activity-object`.
pub(crate) fn read(
    value: Value,
    which: Which,
    platforms: &[Arc<PlatformInfo>],
    registered: &HashMap<String, Entity>,
) -> Result<Request, Refusal> {
    let Value::Object(mut map) = value else {
        return Err(Refusal {
            dialect: Dialect::default(),
            ack: error_ack("message received is not an object."),
        });
    };
    look(map.len());
    map.retain(|_, value| !value.is_null());
    let dialect = Dialect {
        current: map.contains_key("@context"),
        old: map.get("context").is_some_and(Value::is_string),
    };
    parse(&map, which, dialect, platforms, registered).map_err(|error| Refusal {
        dialect,
        ack: echo(map, which, &error),
    })
}

/// Bytes of a property that are echoed in a refusal.
const MOST_ECHOED: usize = 1024;
/// Properties of a request that are echoed; if there are more, only the usual ones.
const MOST_PROPERTIES: usize = 16;
const PROPERTIES: [&str; 7] = [
    "@context", "actor", "context", "id", "object", "target", "type",
];

/// Echoes the request with its error. Only the type of a long request is echoed: refusals that the client does not
/// read must not fill memory.
fn echo(mut map: Map<String, Value>, which: Which, error: &str) -> Value {
    let is_long = |value: &Value| {
        serde_json::to_vec(value).is_ok_and(|text| {
            look(text.len());
            text.len() > MOST_ECHOED
        })
    };
    map.retain(|_, value| !is_long(value));
    if map.len() > MOST_PROPERTIES {
        map.retain(|key, _| PROPERTIES.contains(&key.as_str()));
    }
    let is_account = |object: &Value| object.get("type").is_some_and(|kind| kind == ACCOUNT);
    if which == Which::Credentials
        || map.get("type").is_some_and(|kind| kind == "credentials")
        || map.get("object").is_some_and(is_account)
    {
        map.remove("object");
    }
    for key in ["actor", "target"] {
        if let Some(id @ Value::String(_)) = map.get(key) {
            let entity = json!({ "id": id });
            map.insert(key.to_owned(), entity);
        }
    }
    map.insert("error".to_owned(), error.into());
    map.into()
}

fn parse(
    map: &Map<String, Value>,
    which: Which,
    dialect: Dialect,
    platforms: &[Arc<PlatformInfo>],
    registered: &HashMap<String, Entity>,
) -> Result<Request, String> {
    let platform = platform(map, platforms)?;
    let kind = map
        .get("type")
        .and_then(Value::as_str)
        .ok_or("activity stream must contain a type property.")?;
    let actor = entity(map.get("actor"), "actor", registered)?
        .ok_or("activity stream must contain an actor property.")?;
    match which {
        Which::Credentials if kind != "credentials" => {
            return Err("credentials must have the type credentials.".to_owned());
        }
        Which::Message if !GATEWAY_TYPES.contains(&kind) && !platform.types.contains(&kind) => {
            let types = platform.types.join(", ");
            let id = platform.id();
            return Err(format!(
                "platform type {kind} not supported by {id} platform. (types: {types})"
            ));
        }
        _ => {}
    }
    let person: PersonId = actor.id.parse().map_err(|()| {
        format!(
            "actor id \"{}\" must have the form nick@server.",
            short(&actor.id)
        )
    })?;
    let mut activity = Activity::new(
        platform.id(),
        kind,
        Entity::person(&person.nick, &person.server),
    );
    activity.id = map.get("id").and_then(Value::as_str).map(str::to_owned);
    let names = &platform.descriptor.conversations;
    let mut object = object(map.get("object"), kind)?;
    if let Some(inner) = object.as_mut().filter(|_| which == Which::Message) {
        canonical_rooms(inner, names);
    }
    activity.object = object.map(ActivityObject::from);
    let target = entity(map.get("target"), "target", registered)?;
    let mut room = None;
    if let Some(target) = target {
        let (target, found) = resolve(
            target,
            kind,
            activity.object_type(),
            &person.server,
            &platform.descriptor,
        )?;
        room = found;
        activity.target = Some(target);
    }
    if which == Which::Message {
        offered(&activity, room.is_some(), &platform.descriptor)?;
        relations::keep_reply(&mut activity, &platform.descriptor);
    }
    complete(&activity, room.is_some())?;
    relations::check(&activity)?;
    Ok(Request {
        activity,
        actor: person,
        dialect,
        platform: Arc::clone(platform),
        room,
    })
}

fn platform<'a>(
    map: &Map<String, Value>,
    platforms: &'a [Arc<PlatformInfo>],
) -> Result<&'a Arc<PlatformInfo>, String> {
    let known = |id: &str| platforms.iter().find(|platform| platform.id() == id);
    let disabled = |id: &str| {
        format!(
            "platform {} resolved from @context is not enabled in this Sockethub instance.",
            short(id)
        )
    };
    let Some(contexts) = map.get("@context") else {
        let old = map.get("context").and_then(Value::as_str);
        let id = old.ok_or("activity stream must contain an @context array.")?;
        return known(id).ok_or_else(|| disabled(id));
    };
    let contexts: Option<Vec<&str>> = contexts
        .as_array()
        .and_then(|contexts| contexts.iter().map(Value::as_str).collect());
    let contexts = contexts.ok_or("activity stream must contain an @context array.")?;
    look(contexts.len());
    let base = [context::ACTIVITYSTREAMS, context::SOCKETHUB];
    let others: Vec<&str> = contexts
        .iter()
        .copied()
        .filter(|url| !base.contains(url))
        .collect();
    let ([url], true) = (
        others.as_slice(),
        contexts.len() == 3 && base.iter().all(|b| contexts.contains(b)),
    ) else {
        return Err(format!(
            "activity stream must contain an @context array of {}, {} and one platform context URL.",
            base[0], base[1]
        ));
    };
    if let Some(found) = platforms
        .iter()
        .find(|p| context::platform(p.id()) == **url)
    {
        return Ok(found);
    }
    let id = url
        .strip_prefix("https://sockethub.org/ns/context/platform/")
        .and_then(|rest| rest.strip_suffix("/v1.jsonld"));
    Err(id.map_or_else(
        || {
            let registered: Vec<String> = platforms.iter().map(|p| context::platform(p.id())).collect();
            format!(
                "platform context URL not registered with this Sockethub instance. (url: {}, registered: {})",
                short(url),
                registered.join(", ")
            )
        },
        disabled,
    ))
}

/// Parses an actor or a target: an object with an id, or an id.
fn entity(
    value: Option<&Value>,
    name: &str,
    registered: &HashMap<String, Entity>,
) -> Result<Option<Entity>, String> {
    let wrong =
        || format!("activity stream property {name} must be an id or an object with an id.");
    let entity = match value {
        None => return Ok(None),
        Some(Value::String(id)) => Entity {
            id: id.clone(),
            ..Entity::default()
        },
        Some(Value::Object(map)) => {
            look(map.len());
            let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
            Entity {
                id: text("id").ok_or_else(wrong)?,
                kind: text("type").unwrap_or_default(),
                name: text("name"),
                // For instance a channel's key.
                rest: map
                    .iter()
                    .filter(|(key, value)| {
                        !["id", "type", "name"].contains(&key.as_str()) && !value.is_null()
                    })
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            }
        }
        Some(_) => return Err(wrong()),
    };
    let entity = match registered.get(&entity.id) {
        Some(known) if entity.kind.is_empty() => known.clone(),
        _ => entity,
    };
    Ok(Some(entity))
}

/// Parses the object: an object or text.
fn object(value: Option<&Value>, kind: &str) -> Result<Option<Value>, String> {
    let mut map = match value {
        None => return Ok(None),
        Some(Value::String(text)) => Map::from_iter([("content".to_owned(), text.clone().into())]),
        Some(Value::Object(map)) => {
            look(map.len());
            map.clone()
        }
        Some(_) => {
            return Err(
                "activity stream property object must be an object or a string.".to_owned(),
            );
        }
    };
    map.retain(|_, value| !value.is_null());
    if kind == "credentials" {
        return Ok(Some(map.into()));
    }
    // hyperchannel sends the topic as `topic`, Sockethub as `content`.
    for (from, to) in [("topic", "content"), ("content", "topic")] {
        if map.get("type").is_some_and(|kind| kind == "topic")
            && let (Some(text), false) = (map.get(from).cloned(), map.contains_key(to))
        {
            map.insert(to.to_owned(), text);
        }
    }
    if map
        .get("content")
        .is_some_and(|content| !content.is_string())
    {
        return Err("activity stream property object.content must be a string.".to_owned());
    }
    let default = match kind {
        "send" | "delete" => Some("message"),
        "query" => Some("attendance"),
        _ => None,
    };
    if let (Some(default), false) = (default, map.contains_key("type")) {
        map.insert("type".to_owned(), default.into());
    }
    Ok(Some(map.into()))
}

/// Resolves a target to a room or a person.
fn resolve(
    target: Entity,
    kind: &str,
    object: Option<&str>,
    server: &str,
    platform: &PlatformDescriptor,
) -> Result<(Entity, Option<(RoomId, RoomSpelling)>), String> {
    look(target.id.len());
    let names = &platform.conversations;
    let named = |text: &str| text.starts_with(|c| names.channels.contains(c));
    let slash = target
        .id
        .split_once('/')
        .filter(|(start, _)| !start.contains('@') && !named(start));
    let channels = platform.supports(Feature::Channels);
    let is_room = match target.kind.as_str() {
        "room" => true,
        "person" => false,
        // What is said would go to somebody else.
        _ if (kind == "send" || kind == "delete" || relations::needed(kind, object).is_some())
            && channels
            && names.channels.is_empty() =>
        {
            return Err(format!(
                "target {} must have the type room or person: on {}, names do not reveal which.",
                short(&target.id),
                platform.label
            ));
        }
        _ => {
            matches!(kind, "join" | "leave")
                || (kind == "query" && matches!(object, None | Some("attendance")))
                || object == Some("topic")
                || named(&target.id)
                || slash.is_some_and(|(_, channel)| named(channel))
                || target.name.as_deref().is_some_and(named)
        }
    };
    let on_server = |found: &str| {
        found
            .eq_ignore_ascii_case(server)
            .then_some(())
            .ok_or_else(|| {
                let id = short(&target.id);
                format!("target {id} is not on {server}, where the actor is.")
            })
    };
    if is_room {
        let (mut room, spelling) = RoomId::parse(&target.id, names)
            .ok_or_else(|| format!("no such channel {}", short(&target.id)))?;
        on_server(&room.server)?;
        server.clone_into(&mut room.server);
        let entity = Entity {
            rest: target.rest,
            ..Entity::room(&room.channel, server)
        };
        return Ok((entity, Some((room, spelling))));
    }
    let person = match (target.id.parse::<PersonId>(), slash) {
        (Ok(person), _) => person,
        // Sockethub 5.0.0-alpha.22 writes `server/nick`; a bare nick is on the actor's server.
        (_, Some((server, nick))) => PersonId {
            nick: nick.to_owned(),
            server: server.to_owned(),
        },
        _ => PersonId {
            nick: target.id.clone(),
            server: server.to_owned(),
        },
    };
    on_server(&person.server)?;
    // Parsed again: neither part may be empty or contain whitespace.
    let person: PersonId = format!("{}@{server}", person.nick).parse().map_err(|()| {
        format!(
            "target id \"{}\" must have the form nick@server.",
            short(&target.id)
        )
    })?;
    Ok((Entity::person(&person.nick, server), None))
}

/// Checks a request that is not JSON, as [`read`] does: `room` says whether its target is a room.
pub(crate) fn check(
    activity: &Activity,
    room: bool,
    platform: &PlatformInfo,
) -> Result<(), String> {
    if !platform.types.contains(&activity.kind.as_str()) {
        let (label, kind) = (&platform.descriptor.label, &activity.kind);
        return Err(format!("{label} does not support {kind}."));
    }
    offered(activity, room, &platform.descriptor)?;
    complete(activity, room)
}

/// Returns whether the platform supports the requested operation.
fn offered(activity: &Activity, room: bool, platform: &PlatformDescriptor) -> Result<(), String> {
    let (kind, object) = (activity.kind.as_str(), activity.object_type());
    let needed = match (kind, object) {
        _ if relations::needed(kind, object)
            .is_some_and(|(feature, _)| !platform.supports(feature)) =>
        {
            relations::needed(kind, object)
        }
        ("update", Some("topic")) => Some((Feature::Topics, "topics")),
        ("update", Some(ACCOUNT)) => Some((Feature::Services, "services")),
        ("add" | "remove", Some("relationship")) => Some((Feature::Roles, "roles")),
        ("join" | "leave" | "invite", _)
        | ("remove", Some("room"))
        | ("query", None | Some("attendance" | "rooms")) => Some((Feature::Channels, "channels")),
        _ if room => Some((Feature::Channels, "channels")),
        _ => None,
    };
    match needed {
        Some((feature, what)) if !platform.supports(feature) => {
            Err(format!("{} has no {what}.", platform.label))
        }
        _ => Ok(()),
    }
}

/// Returns whether everything the type requires is present.
fn complete(activity: &Activity, room: bool) -> Result<(), String> {
    let kind = activity.kind.as_str();
    let object = activity.object_type();
    let needs_target = match kind {
        "send" | "join" | "leave" | "invite" | "add" | "remove" | "delete" => true,
        "update" => matches!(object, Some("topic" | "address" | "message" | "chat-state")),
        "query" => matches!(object, None | Some("attendance" | "whois")),
        _ => false,
    };
    let needs_object = matches!(
        kind,
        "send" | "update" | "invite" | "add" | "remove" | "delete" | "credentials"
    );
    if kind == "query" && matches!(object, None | Some("attendance")) && !room {
        return Err("cannot query attendance without a valid channel name".to_owned());
    }
    if needs_target && activity.target.is_none() {
        return Err(format!(
            "activity of type {kind} must contain a target property."
        ));
    }
    if kind == "send" && activity.content().is_none() {
        return Err("cannot send message with no object.content".to_owned());
    }
    if needs_object && activity.object.is_none() {
        return Err(format!(
            "activity of type {kind} must contain an object property."
        ));
    }
    if object == Some("topic") && kind == "update" && (activity.content().is_none() || !room) {
        return Err("cannot set a topic without a channel and object.content".to_owned());
    }
    Ok(())
}

/// Rewrites room ids inside an object.
fn canonical_rooms(value: &mut Value, names: &Conversations) {
    let Some(map) = value.as_object_mut() else {
        return;
    };
    look(map.len());
    if map.get("type").is_some_and(|kind| kind == "room")
        && let Some((room, _)) = map
            .get("id")
            .and_then(Value::as_str)
            .and_then(|id| RoomId::parse(id, names))
    {
        map.insert("id".to_owned(), room.to_string().into());
        map.insert("name".to_owned(), room.channel.into());
    }
    if let Some(inner) = map
        .get_mut("object")
        .filter(|inner| inner.get("object").is_none())
    {
        canonical_rooms(inner, names);
    }
}

/// A client's text, shortened for use in an error.
fn short(text: &str) -> String {
    look(text.len());
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests;
