//! Behaviour common to all platforms.

use protocol::{ArchiveTarget, Event, EventBody, Feature, Folding, MessageType};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, World, act, ask, message, online};
use crate::{Ground, until};

/// An assigned connection comes online and reports its nickname.
pub async fn it_comes_online(ground: &dyn Ground) {
    let world = World::new(ground).await;
    world.assign();
    let served = world.serve().await;
    let mut socket = served.socket(json!({"mode": "full"})).await;
    let ack = ask(&mut socket, world.act("connect", json!({}))).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    let state = online(&mut socket).await;
    assert_eq!(state["actor"]["id"], world.record.server.as_str());
    assert_eq!(state["object"]["nick"], world.record.nick.as_str());
    let told = &state["object"]["casemapping"];
    assert!(told.is_null() || Folding::parse(told.as_str().unwrap()).is_some());
    served.stop().await;
}

/// The ack of a message, the message on other devices and the archive have the same id; nothing is archived twice.
pub async fn what_is_said_has_one_id_everywhere(ground: &dyn Ground) {
    let world = World::new(ground).await;
    world.assign();
    let served = world.serve().await;
    let mut other = served.attached(&world, json!({})).await;
    let mut socket = served.attached(&world, json!({})).await;
    let somebody = ground.somebody();
    let said = world.say(world.person(somebody), "one for all");
    let ack = ask(&mut socket, said).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    assert_eq!(ack["object"]["content"], "one for all");
    assert_eq!(ack["target"], world.person(somebody));
    let (id, published) = (
        ack["id"].as_str().unwrap(),
        ack["published"].as_str().unwrap(),
    );
    let seen = message(&mut other, |seen| seen["id"] == id).await;
    assert_eq!(seen["published"], published);
    assert_eq!(seen["actor"], world.person(&world.record.nick));
    let ours = |event: &&Event| message_of(event).is_some_and(|(_, _, from)| from == ACCOUNT);
    until("it is archived", || {
        !world.archived("one for all").is_empty()
    })
    .await;
    served.stop().await;
    let archived = world.archived("one for all");
    let archived: Vec<&Event> = archived.iter().filter(ours).collect();
    assert_eq!(archived.len(), 1, "{archived:?}");
    let EventBody::Message {
        server,
        target,
        message,
        ..
    } = &archived[0].body
    else {
        panic!("{archived:?}");
    };
    assert_eq!(message.id.as_deref(), Some(id));
    assert_eq!(
        protocol::Timestamp::from_millis(message.timestamp).to_string(),
        published
    );
    assert_eq!(
        (server, &message.kind),
        (&world.record.server, &MessageType::Text)
    );
    assert_eq!(target, &ArchiveTarget::User(somebody.to_owned()));
    assert_eq!(archived[0].connection, "c1");
}

fn message_of(event: &Event) -> Option<(&ArchiveTarget, &str, &str)> {
    match &event.body {
        EventBody::Message {
            target, message, ..
        } => Some((target, message.text.as_str(), message.from.as_str())),
        _ => None,
    }
}

/// Anything a platform does not support is answered with one sentence.
pub async fn what_cannot_be_done_is_said(ground: &dyn Ground) {
    let world = World::new(ground).await;
    world.assign();
    let served = world.serve().await;
    let mut socket = served.attached(&world, json!({})).await;
    let id = ground.platform().descriptor().id;
    let ack = ask(&mut socket, world.act("fetch", json!({}))).await;
    let error = ack["error"].as_str().unwrap();
    assert!(
        error.starts_with(&format!(
            "platform type fetch not supported by {id} platform."
        )),
        "{error}"
    );
    let nothing = json!({"target": world.person(ground.somebody()), "object": {"type": "message"}});
    let ack = ask(&mut socket, world.act("send", nothing)).await;
    assert_eq!(ack["error"], "cannot send message with no object.content");
    let elsewhere = act(&id, "connect", "nowhere.example", json!({}));
    let ack = ask(&mut socket, elsewhere).await;
    assert_eq!(
        ack["error"],
        "no client found, and no credentials specified. you must connect first"
    );
    for kind in ground.platform().types() {
        // Every request gets an answer.
        if !["connect", "credentials", "disconnect", "throw"].contains(kind) {
            ask(&mut socket, world.act(kind, json!({}))).await;
        }
    }
    let said = world.say(world.person(ground.somebody()), "still here");
    assert_eq!(ask(&mut socket, said).await["error"], Value::Null);
    served.stop().await;
}

/// A channel is joined, written to, and left, and the record is updated.
pub async fn where_there_are_channels_they_are_joined_and_left(ground: &dyn Ground) {
    let told = ground.platform().descriptor();
    if !told.supports(Feature::Channels) {
        return;
    }
    let name = format!("{}contract", told.conversations.usual);
    let marked = !told.conversations.channels.is_empty();
    assert_eq!(told.conversations.is_channel(&name), marked);
    let world = World::new(ground).await;
    world.assign();
    let served = world.serve().await;
    let mut socket = served.attached(&world, json!({})).await;
    let join = world.act("join", json!({"target": world.room(&name)}));
    let ack = ask(&mut socket, join).await;
    assert_eq!(
        (&ack["error"], &ack["target"]),
        (&Value::Null, &world.room(&name))
    );
    let shown = |activity: &Value| {
        let members = activity["object"]["members"].as_array();
        members.is_some_and(|members| members.iter().any(|member| member == ACCOUNT))
    };
    let who = message(&mut socket, shown).await;
    assert_eq!(who["actor"], world.room(&name));
    let ack = ask(&mut socket, world.say(world.room(&name), "to all")).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    // The short spelling means the same channel.
    let short = json!({"id": format!("contract@{}", world.record.server), "type": "room"});
    let leave = world.act(
        "leave",
        json!({"target": short, "object": {"type": "message", "content": ""}}),
    );
    assert_eq!(ask(&mut socket, leave).await["error"], Value::Null);
    let events = || world.functions.stored();
    until("it is left", || {
        let left =
            |event: &Event| matches!(&event.body, EventBody::Left { channel } if *channel == name);
        events().iter().any(left)
    })
    .await;
    served.stop().await;
    let joined =
        |event: &&Event| matches!(&event.body, EventBody::Joined { channel } if *channel == name);
    assert_eq!(events().iter().filter(joined).count(), 1);
    // Someone may have repeated it.
    let mut said = world.archived("to all");
    said.retain(|event| message_of(event).is_some_and(|(_, _, from)| from == ACCOUNT));
    let (target, ..) = message_of(&said[0]).unwrap();
    assert_eq!((said.len(), target), (1, &ArchiveTarget::Channel(name)));
}

/// A feature missing from the descriptor is refused with one sentence that says so, if the platform is asked for it.
pub async fn what_is_not_supported_is_refused(ground: &dyn Ground) {
    let told = ground.platform().descriptor();
    let world = World::new(ground).await;
    world.assign();
    let served = world.serve().await;
    let mut socket = served.attached(&world, json!({})).await;
    let room = world.room(&format!("{}contract", told.conversations.usual));
    let asks = [
        (
            Feature::Channels,
            "send",
            json!({"type": "message", "content": "x"}),
        ),
        (Feature::Channels, "join", json!({"type": "message"})),
        (
            Feature::Topics,
            "update",
            json!({"type": "topic", "content": "x"}),
        ),
        (Feature::Roles, "add", json!({"type": "relationship"})),
        (
            Feature::Reactions,
            "add",
            json!({"type": "reaction", "content": "👍", "inReplyTo": "m1"}),
        ),
        (
            Feature::Edits,
            "update",
            json!({"type": "message", "id": "m1", "content": "x"}),
        ),
        (
            Feature::Deletion,
            "delete",
            json!({"type": "message", "id": "m1"}),
        ),
        (
            Feature::Typing,
            "update",
            json!({"type": "chat-state", "state": "composing"}),
        ),
    ];
    for (feature, kind, object) in asks {
        if told.supports(feature) {
            continue;
        }
        let asked = world.act(kind, json!({"target": room, "object": object}));
        let ack = ask(&mut socket, asked).await;
        let error = ack["error"].as_str().unwrap();
        let unknown = !ground.platform().types().contains(&kind);
        assert!(
            unknown || error.starts_with(&format!("{} has no ", told.label)),
            "{kind}: {error}"
        );
    }
    served.stop().await;
}

/// A topic is set, and other devices see it.
pub async fn where_there_are_topics_they_are_set(ground: &dyn Ground) {
    let told = ground.platform().descriptor();
    if !told.supports(Feature::Topics) {
        return;
    }
    assert!(told.supports(Feature::Channels), "topics are of channels");
    let name = format!("{}contract-topic", told.conversations.usual);
    let world = World::new(ground).await;
    world.assign();
    let served = world.serve().await;
    let mut other = served.attached(&world, json!({})).await;
    let mut socket = served.attached(&world, json!({})).await;
    let room = json!({"target": world.room(&name)});
    let ack = ask(&mut socket, world.act("join", room)).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    let topic = json!({"type": "topic", "content": "Tea at four"});
    let topic = json!({"target": world.room(&name), "object": topic});
    let ack = ask(&mut socket, world.act("update", topic)).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    let is_set = |seen: &Value| {
        seen["object"]["type"] == "topic" && seen["object"]["content"] == "Tea at four"
    };
    let seen = message(&mut other, is_set).await;
    assert_eq!(seen["target"], world.room(&name));
    served.stop().await;
}

/// Each line of a task is sent and recorded once, in order; then the task is done.
pub async fn tasks_are_said_once(ground: &dyn Ground) {
    let world = World::new(ground).await;
    world.assign();
    world.functions.state.lock().unwrap().outbox = vec![json!({
        "id": "t1", "task": "say", "account": ACCOUNT, "connection": "c1", "target": ground.somebody(), "from": "hook",
        "lines": ["the first line", "the second line"],
    })];
    let served = world.serve().await;
    let done = || {
        let state = world.functions.state.lock().unwrap();
        state.receipts.iter().any(|receipt| receipt.done == ["t1"])
    };
    until("the task is done", done).await;
    let own = || -> Vec<String> {
        let stored = world.functions.stored();
        let said = stored.iter().filter_map(message_of);
        let own = said.filter(|(_, _, from)| *from == ACCOUNT);
        own.map(|(_, text, _)| text.to_owned()).collect()
    };
    until("it is archived", || own().len() >= 2).await;
    served.stop().await;
    assert_eq!(own(), ["the first line", "the second line"]);
}

/// Events the functions could not accept still exist after a restart, with the same ids, and are published once.
pub async fn what_was_said_outlives_a_restart(ground: &dyn Ground) {
    let world = World::new(ground).await;
    world.assign();
    let since = protocol::Timestamp::from_millis(1).to_string();
    world.functions.state.lock().unwrap().mute = true;
    let served = world.serve().await;
    let mut socket = served.attached(&world, json!({})).await;
    let said = world.say(world.person(ground.somebody()), "before the restart");
    let ack = ask(&mut socket, said).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    let id = ack["id"].as_str().unwrap().to_owned();
    served.stop().await;
    assert!(world.archived("before the restart").is_empty());

    world.functions.state.lock().unwrap().mute = false;
    let served = world.serve().await;
    let mut socket = served.socket(json!({"mode": "full", "since": since})).await;
    let ack = ask(&mut socket, world.act("connect", json!({}))).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    let again = message(&mut socket, |seen| seen["id"] == id.as_str()).await;
    assert_eq!(again["object"]["content"], "before the restart");
    assert_eq!(again["target"], world.person(ground.somebody()));
    until("it is published", || {
        !world.archived("before the restart").is_empty()
    })
    .await;
    served.stop().await;
    let own = |event: &&Event| message_of(event).is_some_and(|(_, _, from)| from == ACCOUNT);
    let archived = world.archived("before the restart");
    assert_eq!(archived.iter().filter(own).count(), 1, "{archived:?}");
}

/// A Sockethub client creates a connection with its credentials; it is remembered.
pub async fn credentials_make_a_connection(ground: &dyn Ground) {
    let world = World::new(ground).await;
    let served = world.serve().await;
    let id = ground.platform().descriptor().id;
    let (server, object) = ground.credentials(ACCOUNT);
    let mut socket = served.socket(json!({})).await;
    let credentials = act(&id, "credentials", &server, json!({"object": object}));
    let ack = socket.ask("credentials", credentials).await.unwrap();
    assert_eq!(ack["error"], Value::Null, "{ack}");
    assert!(
        ack.get("object").is_none(),
        "credentials are not given back"
    );
    let ack = ask(&mut socket, act(&id, "connect", &server, json!({}))).await;
    assert_eq!(ack["error"], Value::Null, "{ack}");
    let remembered = world.functions.state.lock().unwrap().assignments.clone();
    assert_eq!(remembered.len(), 1);
    let connection = &remembered[0].connection;
    assert_eq!((&connection.platform, &connection.server), (&id, &server));
    assert!(connection.enabled);
    served.stop().await;
}
