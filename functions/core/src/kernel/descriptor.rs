//! A connector's description of a platform, validated before it is stored: it determines how connections are filled in
//! and validated.

use protocol::{Connection, ConnectionField, FieldKind, PlatformDescriptor, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::fields::{InvalidField, invalid, said, text};
use super::platform::Platform;

/// The longest descriptor, in bytes of JSON.
const MAX_DESCRIPTOR: usize = 16 * 1024;
/// The most fields that a platform may have.
const MAX_FIELDS: usize = 64;
/// The longest name of a field, in bytes.
const MAX_NAME: usize = 64;
/// Members of a connection's record and of its view that cannot be a platform's fields: a record with a duplicate
/// member cannot be parsed.
const RESERVED: [&str; 10] = [
    "version",
    "id",
    "platform",
    "name",
    "server",
    "enabled",
    "connector",
    "created",
    "has_password",
    "managed",
];
/// Fields that mean the same on every platform, and their kinds.
const KNOWN: [(&str, FieldKind); 6] = [
    ("nick", FieldKind::OwnName),
    ("password", FieldKind::Secret),
    ("channels", FieldKind::Channels),
    ("host", FieldKind::Host),
    ("port", FieldKind::Port),
    ("username", FieldKind::Word),
];

/// Validates a descriptor.
///
/// # Errors
/// What is wrong, with the name of the field.
pub(crate) fn check_descriptor(described: &Value) -> Result<(), InvalidField> {
    let wrong = |why: &str| invalid("the descriptor of", said(described, "id"), why);
    if described.to_string().len() > MAX_DESCRIPTOR {
        return Err(wrong(&format!(
            "expected at most {MAX_DESCRIPTOR} bytes of JSON"
        )));
    }
    let fields = described["fields"].as_array();
    let fields = fields.ok_or_else(|| wrong("expected a list of fields"))?;
    if fields.len() > MAX_FIELDS {
        return Err(wrong(&format!("expected at most {MAX_FIELDS} fields")));
    }
    for field in fields {
        read::<ConnectionField>(field)
            .map_err(|error| invalid("field", said(field, "name"), &error.to_string()))?;
    }
    let typed: PlatformDescriptor = read(described).map_err(|error| wrong(&error.to_string()))?;
    text("label", &typed.label)?;
    let platform = Platform(described.clone());
    for (at, (field, untyped)) in typed.fields.iter().zip(fields).enumerate() {
        let before = typed.fields.iter().take(at);
        check_name(field, before)?;
        check_defaults(field, untyped, &typed, &platform)?;
    }
    Ok(())
}

/// Parses a value from its text like everything else: parsing from a JSON value is separate code, which would enlarge
/// the edge builds.
fn read<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    serde_json::from_slice(value.to_string().as_bytes())
}

fn check_name<'a>(
    field: &ConnectionField,
    mut before: impl Iterator<Item = &'a ConnectionField>,
) -> Result<(), InvalidField> {
    let name = field.name.as_str();
    let wrong = |why: &str| Err(invalid("field", name, why));
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(fits) {
        return wrong("its name must be 1 to 64 of the characters a-z, 0-9 and _");
    }
    if RESERVED.contains(&name) {
        return wrong("every connection has one of that name, which no platform describes");
    }
    if before.any(|other| other.name == name) {
        return wrong("it occurs twice");
    }
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    if known.is_some_and(|(_, kind)| *kind != field.kind) {
        return wrong("a field of that name is of another kind");
    }
    let only = match field.kind {
        FieldKind::OwnName => "nick",
        FieldKind::Channels => "channels",
        _ => name,
    };
    if only != name {
        return wrong(&format!("a field of its kind is always \"{only}\""));
    }
    text("label", &field.label).map_err(|error| invalid("field", name, &error.to_string()))?;
    if field.limit == Some(0) {
        return wrong("its limit must not be 0");
    }
    Ok(())
}

/// Validates the default of a field, as if a user had given it.
fn check_defaults(
    field: &ConnectionField,
    untyped: &Value,
    descriptor: &PlatformDescriptor,
    platform: &Platform,
) -> Result<(), InvalidField> {
    let name = field.name.as_str();
    let wrong = |why: &str| invalid("field", name, why);
    let is_flag = |flag: &str| {
        let flag = descriptor.field(flag);
        flag.is_some_and(|flag| flag.kind == FieldKind::Flag)
    };
    let unless = field.unless.as_ref();
    let mut flags = field
        .implies
        .iter()
        .chain(unless.map(|unless| &unless.flag));
    if !flags.all(|flag| is_flag(flag)) {
        return Err(wrong("what it implies or depends on must be a flag"));
    }
    let defaults = field
        .default
        .iter()
        .chain(unless.map(|unless| &unless.default));
    for default in defaults.filter(|default| !default.is_null()) {
        let kept_elsewhere = [
            FieldKind::OwnName,
            FieldKind::Secret,
            FieldKind::SecretLines,
            FieldKind::Channels,
        ];
        if kept_elsewhere.contains(&field.kind) {
            return Err(wrong("a field of its kind has no default"));
        }
        platform
            .put(&mut nobodys(), untyped, default)
            .map_err(|error| wrong(&format!("its default: {error}")))?;
    }
    Ok(())
}

/// A connection to test fields on.
fn nobodys() -> Connection {
    Connection {
        version: 1,
        id: String::new(),
        platform: String::new(),
        name: String::new(),
        server: String::new(),
        nick: String::new(),
        password: None,
        channels: Vec::new(),
        enabled: false,
        connector: String::new(),
        created: Timestamp::from_millis(0),
        fields: Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(field: &Value) -> Value {
        json!({
            "id": "x", "label": "X", "names": {"compare": "exact"}, "conversations": {},
            "fields": [field, {"name": "loud", "kind": "flag", "label": "Loud"}],
        })
    }

    #[test]
    fn descriptors_that_are_in_use_are_good() {
        check_descriptor(&Platform::usual().0).unwrap();
        let dummy = include_str!("../../../../connectors/dummy/src/dummy.json");
        check_descriptor(&serde_json::from_str(dummy).unwrap()).unwrap();
    }

    #[test]
    fn a_field_that_would_damage_records_or_show_secrets_is_refused_by_its_name() {
        for (name, more) in [
            ("id", json!({"kind": "text"})),
            ("server", json!({"kind": "host"})),
            ("created", json!({"kind": "word"})),
            ("name", json!({"kind": "text"})),
            ("managed", json!({"kind": "flag"})),
            ("nick", json!({"kind": "text"})),
            ("channels", json!({"kind": "text"})),
            ("loud", json!({"kind": "text"})),
            ("token", json!({"kind": "secret", "default": "x"})),
            ("password", json!({"kind": "text"})),
            ("password", json!({"kind": "secret", "default": "x"})),
            ("host", json!({"kind": "text"})),
            ("host", json!({"kind": "host", "default": "a b"})),
            ("port", json!({"kind": "port", "default": {}})),
            (
                "port",
                json!({"kind": "port", "unless": {"flag": "loud", "default": 0}}),
            ),
            (
                "port",
                json!({"kind": "port", "unless": {"flag": "host", "default": 1}}),
            ),
            ("realname", json!({"kind": "text", "default": "a\r\nQUIT"})),
            ("word", json!({"kind": "word", "limit": 0})),
            ("word", json!({"kind": "word", "limit": "long"})),
            ("word", json!({"kind": "any"})),
            ("word", json!({"kind": "word", "implies": ["word"]})),
            ("Word", json!({"kind": "word"})),
        ] {
            let mut field = more.clone();
            field["name"] = name.into();
            field["label"] = "Label".into();
            let error = check_descriptor(&with(&field)).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{name}\"")), "{more}: {error}");
        }
        let unlabelled = json!({"name": "word", "kind": "word"});
        assert!(check_descriptor(&with(&unlabelled)).is_err());
        let labelled = json!({"name": "word", "kind": "word", "label": "Word"});
        check_descriptor(&with(&labelled)).unwrap();
    }

    #[test]
    fn what_is_said_of_names_is_of_its_type() {
        let good = with(&json!({"name": "word", "kind": "word", "label": "Word"}));
        for (member, value) in [
            ("names", json!({"compare": "anyhow"})),
            ("names", json!("exact")),
            ("conversations", json!({"channels": ["#"]})),
            ("supports", json!("calls")),
            ("supports", json!([1])),
            ("label", json!("")),
            ("fields", json!({})),
            ("more", json!("x".repeat(MAX_DESCRIPTOR))),
        ] {
            let mut bad = good.clone();
            bad[member] = value;
            assert!(check_descriptor(&bad).is_err(), "{member}");
        }
    }
}
