//! Requests exactly as clients send them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn platforms() -> [Arc<PlatformInfo>; 1] {
    [Arc::new(PlatformInfo {
        descriptor: PlatformDescriptor::default_platform(),
        types: &["update", "join", "leave", "send", "query", "invite"],
    })]
}

fn ctx() -> Value {
    json!([
        "https://www.w3.org/ns/activitystreams",
        "https://sockethub.org/ns/context/v1.jsonld",
        "https://sockethub.org/ns/context/platform/irc/v1.jsonld"
    ])
}

fn message(value: Value) -> Result<Request, Refusal> {
    read(value, Which::Message, &platforms(), &HashMap::new())
}

fn refusal(value: Value) -> String {
    let ack = message(value).unwrap_err().ack;
    ack["error"].as_str().unwrap().to_owned()
}

/// A platform whose channels have no prefix and that supports plain messages only.
fn plain(supports: &[Feature]) -> Arc<PlatformInfo> {
    Arc::new(PlatformInfo {
        descriptor: PlatformDescriptor {
            label: "Plain".to_owned(),
            conversations: Conversations::default(),
            supports: supports.to_vec(),
            ..PlatformDescriptor::default_platform()
        },
        types: &["update", "join", "leave", "send", "query", "add"],
    })
}

#[test]
fn what_a_platform_does_not_support_is_refused_in_one_sentence() {
    let room = json!({"id": "tea@irc.example", "type": "room"});
    let asks = [
        ("join", json!({}), Feature::Channels, "channels"),
        (
            "leave",
            json!({"type": "message"}),
            Feature::Channels,
            "channels",
        ),
        (
            "query",
            json!({"type": "attendance"}),
            Feature::Channels,
            "channels",
        ),
        (
            "query",
            json!({"type": "rooms"}),
            Feature::Channels,
            "channels",
        ),
        (
            "send",
            json!({"content": "x"}),
            Feature::Channels,
            "channels",
        ),
        (
            "update",
            json!({"type": "topic", "content": "x"}),
            Feature::Topics,
            "topics",
        ),
        (
            "update",
            json!({"type": "account", "password": "secret"}),
            Feature::Services,
            "services",
        ),
        (
            "add",
            json!({"type": "relationship"}),
            Feature::Roles,
            "roles",
        ),
    ];
    for (kind, object, feature, what) in asks {
        let ask = |supports: &[Feature]| {
            let request = json!({"@context": ctx(), "type": kind, "actor": "a@irc.example",
                "target": room, "object": object});
            read(request, Which::Message, &[plain(supports)], &HashMap::new())
        };
        let refused = ask(&[]).unwrap_err().ack;
        assert!(!refused.to_string().contains("secret"), "{refused}");
        assert_eq!(refused["error"], format!("Plain has no {what}."), "{kind}");
        let taken = ask(&[feature, Feature::Channels]);
        assert!(taken.is_ok(), "{kind}: {taken:?}");
    }
}

#[test]
fn where_names_do_not_tell_the_target_has_to() {
    let ask = |target: Value| {
        let request = json!({"@context": ctx(), "type": "send", "actor": "a@irc.example",
            "target": target, "object": "x"});
        read(
            request,
            Which::Message,
            &[plain(&[Feature::Channels])],
            &HashMap::new(),
        )
    };
    let refused = ask("tea@irc.example".into()).unwrap_err().ack;
    assert_eq!(
        refused["error"],
        "target tea@irc.example must have the type room or person: on Plain, names do not reveal which."
    );
    for (kind, is_room) in [("room", true), ("person", false)] {
        let taken = ask(json!({"id": "tea@irc.example", "type": kind})).unwrap();
        assert_eq!(taken.room.is_some(), is_room);
        let target = taken.activity.target.unwrap();
        assert_eq!(
            (target.kind.as_str(), target.name.as_deref()),
            (kind, Some("tea"))
        );
    }
}

/// Builds a request with `n` of something.
type Ask<'a> = &'a dyn Fn(usize) -> Value;

#[test]
fn twice_the_request_is_twice_the_work() {
    let request = |key: &str, value: Value| {
        let mut request = json!({"@context": ctx(), "type": "send", "actor": "a@irc.example",
            "target": "#b@irc.example", "object": "x"});
        request[key] = value;
        request
    };
    let properties = |n: usize| {
        let properties = (0..n).map(|n| (format!("{n:05}"), 0.into()));
        Value::Object(properties.collect())
    };
    let deep = |n: usize| {
        // The parser rejects deeper nesting.
        let levels = n.min(100);
        (0..levels).fold(
            json!("x"),
            |inner, _| json!({"type": "room", "object": inner}),
        )
    };
    let asks: [Ask<'_>; 10] = [
        &|n| {
            let mut all = properties(n);
            all["type"] = "send".into();
            all
        },
        &|n| request("@context", vec!["https://x.example"; n].into()),
        &|n| request("@context", json!(["x".repeat(n), "y", "z"])),
        &|n| request("actor", "a".repeat(n).into()),
        &|n| {
            request(
                "actor",
                json!({"id": "a@irc.example", "more": properties(n)}),
            )
        },
        &|n| request("target", format!("#{}@irc.example", "a/".repeat(n)).into()),
        &|n| request("target", "\u{7}".repeat(n).into()),
        &|n| request("target", properties(n)),
        &|n| request("object", properties(n)),
        &|n| request("object", deep(n)),
    ];
    for (which, ask) in asks.into_iter().enumerate() {
        let steps = |n: usize| {
            let asked = ask(n);
            crate::work::steps_of(|| drop(message(asked))).0
        };
        let (one, two) = (steps(2_000), steps(4_000));
        assert!(two <= 2 * one + 1_000, "{which}: {one} and {two}");
    }
    // The count matches the input.
    let seen = crate::work::steps_of(|| drop(message(request("object", properties(2_000))))).0;
    assert!(seen >= 2_000, "{seen}");
}

#[test]
fn the_three_spellings_of_rooms_mean_the_same() {
    for (id, spelling) in [
        ("#kosmos@irc.libera.chat", RoomSpelling::HashAt),
        ("kosmos@irc.libera.chat", RoomSpelling::PlainAt),
        ("irc.libera.chat/#kosmos", RoomSpelling::Slash),
    ] {
        for target in [
            json!(id),
            json!({"id": id, "type": "room", "name": "#kosmos"}),
            json!({"id": id}),
        ] {
            let request = message(json!({"@context": ctx(), "type": "join",
                "actor": {"id": "mynick@irc.libera.chat", "type": "person", "name": "mynick"},
                "target": target}))
            .unwrap();
            let target = request.activity.target.unwrap();
            assert_eq!(target, Entity::room("#kosmos", "irc.libera.chat"));
            assert_eq!(request.room.unwrap().1, spelling);
        }
    }
}

#[test]
fn the_old_dialect_sends_strings() {
    let request = message(json!({"context": "irc", "type": "join",
        "actor": "mynick@irc.libera.chat", "target": "irc.libera.chat/#kosmos"}))
    .unwrap();
    assert_eq!(
        request.dialect,
        Dialect {
            current: false,
            old: true
        }
    );
    assert_eq!(
        request.activity.actor,
        Some(Entity::person("mynick", "irc.libera.chat"))
    );
    let leave = json!({"context": "irc", "type": "leave", "actor": "mynick@irc.libera.chat",
        "target": {"id": "irc.libera.chat/#kosmos", "type": "room"}, "object": {}});
    assert_eq!(
        message(leave)
            .unwrap()
            .activity
            .target
            .unwrap()
            .name
            .unwrap(),
        "#kosmos"
    );
}

#[test]
fn registered_objects_tell_rooms_from_persons() {
    let room = Entity {
        id: "kosmos@irc.libera.chat".into(),
        kind: "room".into(),
        ..Entity::default()
    };
    let registered = HashMap::from([(room.id.clone(), room)]);
    let send = |registered| {
        let value = json!({"context": "irc", "type": "send", "actor": "mynick@irc.libera.chat",
            "target": "kosmos@irc.libera.chat", "object": {"type": "me", "content": "waves"}});
        let request = read(value, Which::Message, &platforms(), &registered).unwrap();
        request.activity.target.unwrap().kind
    };
    assert_eq!(send(registered), "room");
    assert_eq!(send(HashMap::new()), "person");
}

#[test]
fn persons_may_be_written_in_three_ways() {
    for id in ["friend@irc.libera.chat", "irc.libera.chat/friend", "friend"] {
        let request = message(
            json!({"@context": ctx(), "type": "send", "actor": "mynick@irc.libera.chat",
            "target": {"id": id, "type": "person"}, "object": "Hi"}),
        )
        .unwrap();
        assert_eq!(
            request.activity.target,
            Some(Entity::person("friend", "irc.libera.chat"))
        );
        assert_eq!(
            request.activity.object,
            Some(json!({"type": "message", "content": "Hi"}).into())
        );
    }
}

#[test]
fn a_channels_key_is_kept() {
    let target = json!({"id": "#c@h", "type": "room", "key": "sesame", "x": null});
    let join = json!({"@context": ctx(), "type": "join", "actor": "a@h", "target": target});
    let target = message(join).unwrap().activity.target.unwrap();
    assert_eq!(Value::from(target.rest), json!({"key": "sesame"}));
}

#[test]
fn topics_are_read_from_either_key() {
    for key in ["topic", "content"] {
        let request = message(json!({"@context": ctx(), "type": "update", "actor": "a@h",
            "target": "#c@h", "object": {"type": "topic", key: "New"}}))
        .unwrap();
        assert_eq!(
            request.activity.object,
            Some(json!({"type": "topic", "topic": "New", "content": "New"}).into())
        );
    }
}

#[test]
fn says_what_is_wrong_in_sockethubs_words() {
    for value in [json!(null), json!(1), json!("x"), json!([]), json!(true)] {
        assert_eq!(refusal(value), "message received is not an object.");
    }
    let base =
        json!({"@context": ctx(), "type": "send", "actor": "a@h", "target": "b@h", "object": "x"});
    let with = |key: &str, value: Value| {
        let mut changed = base.clone();
        changed[key] = value;
        refusal(changed)
    };
    let no_context = "activity stream must contain an @context array.";
    assert_eq!(refusal(json!({})), no_context);
    for wrong in [json!(null), json!("irc"), json!(3), json!([1, 2, 3])] {
        assert_eq!(with("@context", wrong), no_context);
    }
    assert_eq!(
        with("type", json!(null)),
        "activity stream must contain a type property."
    );
    assert_eq!(
        with("type", json!(7)),
        "activity stream must contain a type property."
    );
    assert_eq!(
        with("actor", json!(null)),
        "activity stream must contain an actor property."
    );
    let of = |url: &str| with("@context", json!([ctx()[0], ctx()[1], url]));
    assert!(
        of("https://example.org/x")
            .starts_with("platform context URL not registered with this Sockethub instance. ")
    );
    assert_eq!(
        of("https://sockethub.org/ns/context/platform/xmpp/v1.jsonld"),
        "platform xmpp resolved from @context is not enabled in this Sockethub instance."
    );
    assert_eq!(
        refusal(json!({"context": "xmpp", "type": "send", "actor": "a@h"})),
        "platform xmpp resolved from @context is not enabled in this Sockethub instance."
    );
    assert_eq!(
        with("type", json!("fetch")),
        "platform type fetch not supported by irc platform. (types: update, join, leave, send, query, invite)"
    );
    assert_eq!(
        with("object", json!({})),
        "cannot send message with no object.content"
    );
    assert_eq!(
        with("object", json!(null)),
        "cannot send message with no object.content"
    );
    assert_eq!(
        with("object", json!(5)),
        "activity stream property object must be an object or a string."
    );
    assert_eq!(
        with("object", json!({"content": 5})),
        "activity stream property object.content must be a string."
    );
    assert_eq!(
        with("actor", json!("nobody")),
        "actor id \"nobody\" must have the form nick@server."
    );
    assert_eq!(
        with("actor", json!({"name": "a"})),
        "activity stream property actor must be an id or an object with an id."
    );
    assert_eq!(
        with("target", json!(null)),
        "activity of type send must contain a target property."
    );
    assert_eq!(
        with("target", json!("b@elsewhere")),
        "target b@elsewhere is not on h, where the actor is."
    );
    assert_eq!(
        refusal(
            json!({"@context": ctx(), "type": "query", "actor": "a@h", "object": {"type": "attendance"}})
        ),
        "cannot query attendance without a valid channel name"
    );
}

#[test]
fn a_refusal_echoes_without_secrets_and_nulls() {
    let value = json!({"@context": ctx(), "type": "credentials", "actor": "nobody", "target": null,
        "object": {"password": "secret"}});
    let refused = read(value, Which::Credentials, &platforms(), &HashMap::new()).unwrap_err();
    assert_eq!(
        refused.ack,
        json!({"@context": ctx(), "type": "credentials", "actor": {"id": "nobody"},
        "error": "actor id \"nobody\" must have the form nick@server."})
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "irc", "send", "join", "query", "update", "a@h", "#c@h", "h/#c", "room", "topic"
        ])
        .prop_map(Value::from),
        Just(ctx()),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        let key = prop::sample::select(vec![
            "@context", "context", "type", "actor", "target", "object", "id", "name", "content",
            "topic",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_is_a_request_or_an_error(value in any_json()) {
        match message(value) {
            Ok(request) => {
                prop_assert!(request.activity.actor.is_some());
                prop_assert!(request.activity.kind != "send" || request.activity.content().is_some());
            }
            Err(refusal) => {
                prop_assert!(refusal.ack["error"].is_string());
                for part in ["actor", "target", "object"] {
                    prop_assert!(refusal.ack.get(part).is_none_or(|part| !part.is_null()));
                }
            }
        }
    }
}

#[test]
fn a_refusal_does_not_repeat_what_is_long() {
    let long = "x".repeat(200_000);
    let ack = |value: Value| message(value).unwrap_err().ack;
    for value in [
        json!({"@context": ctx(), "type": "send", "actor": {"id": long}}),
        json!({"context": [long], "type": "send", "object": {"content": long}}),
        json!({"type": long}),
        Value::Object((0..20_000).map(|n| (n.to_string(), json!(n))).collect()),
    ] {
        let ack = ack(value);
        let size = serde_json::to_vec(&ack).unwrap().len();
        assert!(size < 4_096, "{size}");
        assert!(ack["error"].is_string(), "{ack}");
    }
    let short = ack(json!({"context": "irc", "type": "fly", "id": "7", "actor": "a@b"}));
    assert_eq!((&short["id"], &short["type"]), (&json!("7"), &json!("fly")));
}
