//! A platform's description of itself is consistent.

use std::collections::BTreeSet;

use protocol::{ConnectionField, Feature, FieldKind, PersonId, PlatformDescriptor};
use serde_json::Value;

use crate::Ground;

/// The descriptor is complete, and connection records contain nothing that it does not describe.
pub async fn it_describes_itself(ground: &dyn Ground) {
    let platform = ground.platform();
    let told = platform.descriptor();
    let is_word = |text: &str, more: u8| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == more;
        (1..=64).contains(&text.len()) && text.bytes().all(fits)
    };
    assert!(is_word(&told.id, b'-') && !told.label.is_empty());
    let wire = serde_json::to_value(&told).unwrap();
    let read: PlatformDescriptor = serde_json::from_value(wire).unwrap();
    assert_eq!(read, told);
    let mut names = BTreeSet::new();
    for field in &told.fields {
        let name = &field.name;
        assert!(is_word(name, b'_') && names.insert(name.clone()), "{name}");
        assert!(!field.label.is_empty(), "{name}");
        assert!(
            name != "name",
            "what people call the network is not described"
        );
        // The gateway and the functions find these by their names.
        for (kind, usual) in [
            (FieldKind::OwnName, "nick"),
            (FieldKind::Channels, "channels"),
        ] {
            assert_eq!(field.kind == kind, name == usual, "{name}");
        }
        assert!(name != "password" || field.kind == FieldKind::Secret);
        if let Some(default) = &field.default {
            assert!(takes(field, default), "{name}");
        }
        if let Some(unless) = &field.unless {
            let flag = told.field(&unless.flag).map(|flag| flag.kind);
            assert_eq!(flag, Some(FieldKind::Flag), "{name}");
            assert!(takes(field, &unless.default), "{name}");
        }
        for implied in &field.implies {
            let flag = told.field(implied).map(|flag| flag.kind);
            assert_eq!(flag, Some(FieldKind::Flag), "{name}");
        }
    }
    let types = platform.types();
    let channels = told.supports(Feature::Channels);
    for kind in ["join", "leave"] {
        assert_eq!(types.contains(&kind), channels, "{kind}");
    }
    assert_eq!(told.field("channels").is_some(), channels);
    assert!(types.contains(&"send"));
    let begin = &told.conversations;
    assert!(begin.usual.is_empty() || begin.channels.contains(&begin.usual));
    assert!(!told.supports(Feature::Unknown));

    let (server, object) = ground.credentials("alice");
    let actor = PersonId {
        nick: "alice".to_owned(),
        server,
    };
    let made = platform.credentials(&actor, &object).unwrap();
    for record in [made, ground.record("alice")] {
        assert_eq!(record.platform, told.id);
        for (name, value) in &record.fields {
            let field = told
                .field(name)
                .unwrap_or_else(|| panic!("{name} is not described"));
            assert!(takes(field, value), "{name}: {value}");
        }
        let needed = told.fields.iter().filter(|field| field.required);
        for field in needed {
            assert!(record.fields.contains_key(&field.name), "{}", field.name);
        }
    }
}

fn takes(field: &ConnectionField, value: &Value) -> bool {
    match field.kind {
        FieldKind::Flag => value.is_boolean(),
        FieldKind::Port => value
            .as_u64()
            .is_some_and(|port| (1..=65_535).contains(&port)),
        FieldKind::Text | FieldKind::Word | FieldKind::Host => value.is_string(),
        FieldKind::OwnName | FieldKind::Secret | FieldKind::SecretLines | FieldKind::Channels => {
            false
        }
    }
}
