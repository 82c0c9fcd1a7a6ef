//! A struct that is declared once is both read and described.

use std::net::SocketAddr;

use super::*;

options! {
    /// A lamp.
    #[derive(Debug)]
    struct Lamp {
        /// How bright it is,
        /// at most.
        brightness: u32 = "100", "PERCENT", "a number of percent";
        /// Who may turn it on.
        owner: Option<String>, or "anybody", "NAME", "a name";
        /// Where it listens.
        listen: List<SocketAddr>, "ADDRS", "addresses like 127.0.0.1:1";
        /// Whether it is on.
        on: bool = "false", "BOOL", "true or false";
        /// What opens it.
        key: Option<Secret>, "TEXT", "a key";
    }
}

options! {
    /// A room.
    #[derive(Debug)]
    struct Room {
        /// Its number.
        number: u16, "NUMBER", "the number at the door";
    }
    with {
        /// Its lamp.
        lamp: Lamp, "lamp", except ["owner"];
    }
}

fn read(pairs: &[(&str, &str)]) -> Result<Room, String> {
    let get = |name: &str| {
        let found = pairs.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Room::read(&get).map_err(|invalid| invalid.to_string())
}

#[test]
fn keys_are_read_by_their_names() {
    let room = read(&[
        ("number", " 7"),
        ("lamp_listen", "127.0.0.1:1,127.0.0.1:2  [::1]:3"),
        ("lamp_on", "on"),
        ("lamp_owner", "somebody"),
    ])
    .unwrap();
    assert_eq!((room.number, room.lamp.brightness), (7, 100));
    assert_eq!(room.lamp.listen.0.len(), 3);
    assert!(room.lamp.on && room.lamp.owner.is_none());
    let lamp: Lamp = defaults();
    assert!(!lamp.on && lamp.listen.0.is_empty() && lamp.key.is_none());
}

#[test]
fn what_is_wrong_is_named() {
    let wrong = |pairs: &[(&str, &str)]| read(pairs).unwrap_err();
    assert_eq!(
        wrong(&[]),
        "number: found nothing, expected the number at the door"
    );
    assert_eq!(
        wrong(&[("number", "1"), ("lamp_listen", "1")]),
        "lamp-listen: found \"1\", expected addresses like 127.0.0.1:1"
    );
    assert_eq!(visible("1\u{1b}[2J\n\u{202e}2"), "1\\u{1b}[2J\\n\\u{202e}2");
    assert_eq!(
        visible(&"ä".repeat(100_000)),
        format!("{}…", "ä".repeat(100))
    );
    assert_eq!(
        wrong(&[("number", "hunter2")]),
        "number: found something else than the number at the door"
    );
    let hidden = Invalid::secret("lamp_key", "a key");
    assert_eq!(
        hidden.to_string(),
        "lamp-key: found something else than a key"
    );
}

/// A secret that is not any text.
#[derive(Debug)]
struct Pin;

impl Value for Pin {
    const KIND: Kind = Kind::Secret;

    fn parse(text: &str) -> Option<Self> {
        (text == "1234").then_some(Self)
    }
}

options! {
    /// What opens something.
    #[derive(Debug)]
    struct Lock {
        /// With what.
        pin: Option<Pin>, "PIN", "four digits";
    }
}

#[test]
fn a_secret_that_is_wrong_is_not_shown() {
    let read = |pin: &'static str| Lock::read(&move |_| Some(pin.to_owned()));
    assert!(read("1234").unwrap().pin.is_some());
    let wrong = read("hunter2").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "pin: found something else than four digits"
    );
    assert!(!format!("{wrong:?}").contains("hunter2"));
}

#[test]
fn keys_are_described() {
    let keys = Room::keys();
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "number",
            "lamp_brightness",
            "lamp_listen",
            "lamp_on",
            "lamp_key"
        ]
    );
    assert_eq!(keys[1].help, "How bright it is, at most.");
    assert_eq!(keys[1].default, Some("100"));
    assert_eq!(keys[1].kind, Kind::Number);
    assert_eq!(keys[4].kind, Kind::Secret);
    assert_eq!(Lamp::keys()[1].otherwise, Some("anybody"));
    assert_eq!(variable("lamp_on"), "SUBSPACE_LAMP_ON");
    assert_eq!(format!("{:?}", Secret("s3cret".into())), "Secret");
}

/// Where there is a private key, or anything else.
#[test]
fn the_content_of_a_file_is_no_path() {
    use std::path::PathBuf;
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END PRIVATE KEY-----\n";
    assert!(PathBuf::parse(key).is_none() && PathBuf::parse("key.pem\n").is_some());
}

#[test]
fn what_could_be_a_secret_is_not_shown() {
    for text in [
        "hunter2",
        "hunter",
        "correct horse",
        "abcdabcdabcdabcd",
        "user:hunter2",
        "12345678",
        "alice@example.org",
        "Hnt2",
        "a/b+c==",
        "mail.example.org:587",
        "\u{1b}",
        "äöü",
    ] {
        assert_eq!(shown(text), "…", "{text}");
        let invalid = Invalid::new("number", Some(text.to_owned()), "a number");
        assert!(invalid.hidden && !format!("{invalid:?} {invalid}").contains(text));
    }
    for text in [
        "6700",
        "-3",
        "0.0.0.0:3478",
        "127.0.0.1:1,127.0.0.1:2",
        "10.0.0.0/8",
        "yes",
        "ftp",
        "",
    ] {
        assert_eq!(shown(text), text);
    }
    for (text, seen) in [
        ("https://user:hunter2@a.example/x", "https://…@a.example/…"),
        ("https://token@a.example", "https://…@a.example"),
        ("https://a.example/", "https://a.example/"),
        ("https://a.example?key=hunter2", "https://a.example/…"),
        (
            "https://hooks.example/services/T0/hunter2",
            "https://hooks.example/…",
        ),
    ] {
        assert_eq!(shown(text), seen);
    }
}

#[test]
fn a_password_in_an_address_is_not_visible() {
    for (text, seen) in [
        ("https://user:hunter2@a.example/x", "https://…@a.example/x"),
        ("https://token@a.example", "https://…@a.example"),
        ("user:hunter@2@mail.example:587", "…@mail.example:587"),
        ("alice@example.org", "alice@example.org"),
        ("mail.example.org:587", "mail.example.org:587"),
    ] {
        assert_eq!(visible(text), seen);
    }
}
