//! Creates connection records from the `credentials` that Sockethub clients send.

use protocol::{Connection, PersonId, Timestamp};
use serde_json::{Map, Value};

/// Maximum length of a text, in bytes.
const MAX_TEXT: usize = 500;

/// Creates the record; see `gateway::Platform::credentials`.
pub(crate) fn connection(
    actor: &PersonId,
    object: &Value,
    id: String,
    created: Timestamp,
) -> Result<Connection, String> {
    let text = |key: &str| -> Result<Option<String>, String> {
        match object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => {
                let bad = |c: char| matches!(c, '\0' | '\r' | '\n');
                if text.len() > MAX_TEXT || text.contains(bad) {
                    Err(format!(
                        "credentials: {key} must be one line of at most {MAX_TEXT} bytes."
                    ))
                } else {
                    Ok(Some(text.clone()))
                }
            }
            Some(other) => Err(format!(
                "credentials: {key} must be a string, not {}.",
                named(other)
            )),
        }
    };
    let flag = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(format!(
            "credentials: {key} must be true or false, not {}.",
            named(other)
        )),
    };
    let word = |key: &str, text: String| {
        if text.contains(char::is_whitespace) {
            Err(format!("credentials: {key} must not contain spaces."))
        } else {
            Ok(text)
        }
    };
    if flag("allowInvalidCert")? == Some(true) {
        return Err(
            "credentials: allowInvalidCert is not supported; the server needs a valid certificate."
                .to_owned(),
        );
    }
    match text("saslMechanism")?.as_deref() {
        // Which of the two is used the server decides.
        None | Some("PLAIN" | "SCRAM-SHA-256") => {}
        Some(other) => {
            return Err(format!(
                "credentials: saslMechanism {other} is not supported; use PLAIN or SCRAM-SHA-256."
            ));
        }
    }
    let nick = word("nick", text("nick")?.unwrap_or_else(|| actor.nick.clone()))?;
    let server = word(
        "server",
        text("server")?.unwrap_or_else(|| actor.server.clone()),
    )?;
    let secure = flag("secure")?.unwrap_or(true);
    let port = match object.get("port") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let number = value
                .as_u64()
                .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            let port = number
                .and_then(|number| u16::try_from(number).ok())
                .filter(|port| *port > 0)
                .ok_or_else(|| {
                    let found = match value {
                        Value::Number(number) => number.to_string(),
                        other => named(other).to_owned(),
                    };
                    format!("credentials: port must be a number from 1 to 65535, not {found}.")
                })?;
            Some(port)
        }
    };
    let password = match text("password")? {
        Some(password) => Some(password),
        None => text("token")?,
    };
    // A server may be given with its port; an IPv6 address is then in brackets.
    let (host, port_of_server) = match server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            match port.parse::<u16>() {
                Ok(port) => (host, Some(port)),
                Err(_) => (server.as_str(), None),
            }
        }
        _ => (server.as_str(), None),
    };
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    if host.is_empty() {
        return Err("credentials: server must be a host name or an address.".to_owned());
    }
    let port = port
        .or(port_of_server)
        .unwrap_or(if secure { 6697 } else { 6667 });
    let username = match text("username")? {
        Some(username) => Some(word("username", username)?),
        None => None,
    };
    let mut connection = Connection {
        version: 1,
        id,
        platform: crate::descriptor::PLATFORM.to_owned(),
        name: host.clone(),
        server,
        nick,
        password,
        channels: Vec::new(),
        enabled: true,
        connector: String::new(),
        created,
        fields: Map::new(),
    };
    let sasl = flag("sasl")?.unwrap_or_else(|| connection.password.is_some());
    connection.set("sasl", sasl);
    if flag("without_account")? == Some(true) {
        connection.set("without_account", true);
    }
    connection.set("host", host);
    connection.set("port", port);
    connection.set("secure", secure);
    if let Some(username) = username {
        connection.set("username", username);
    }
    Ok(connection)
}

/// The type of a value; never the value, which may be or contain a secret.
const fn named(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::Record as _;

    fn read(object: Value) -> Result<Connection, String> {
        let actor = "alice@irc.example".parse().unwrap();
        connection(&actor, &object, "id".to_owned(), Timestamp::from_millis(0))
    }

    #[test]
    fn what_lacks_has_sockethubs_defaults() {
        let found =
            read(json!({"type": "credentials", "nick": "al", "server": "irc.example"})).unwrap();
        assert_eq!(
            (found.port(), found.secure(), found.sasl()),
            (6697, true, false)
        );
        assert_eq!((found.nick.as_str(), found.host()), ("al", "irc.example"));
        let plain = read(json!({"secure": false, "password": "x"})).unwrap();
        assert_eq!(
            (plain.port(), plain.sasl(), plain.nick.as_str()),
            (6667, true, "alice")
        );
        let with_port = read(json!({"server": "localhost:7000"})).unwrap();
        assert_eq!((with_port.host(), with_port.port()), ("localhost", 7000));
        assert_eq!(with_port.server, "localhost:7000");
        for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
            let made = read(json!({"password": "x", "saslMechanism": mechanism}));
            assert!(made.unwrap().sasl(), "{mechanism}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (object, about) in [
            (json!({"port": 70000}), "port"),
            (json!({"port": 0}), "port"),
            (json!({"nick": "a b"}), "nick"),
            (json!({"nick": 5}), "nick"),
            (json!({"password": "a\r\nQUIT"}), "password"),
            (json!({"secure": "yes"}), "secure"),
            (json!({"allowInvalidCert": true}), "allowInvalidCert"),
            (json!({"saslMechanism": "OAUTHBEARER"}), "saslMechanism"),
        ] {
            let sentence = read(object.clone()).unwrap_err();
            assert!(sentence.contains(about), "{object} {sentence}");
        }
    }

    #[test]
    fn no_error_repeats_what_was_given() {
        for key in [
            "password",
            "token",
            "saslMechanism",
            "secure",
            "sasl",
            "port",
            "nick",
        ] {
            for value in [
                json!(["SECRET"]),
                json!({"x": "SECRET"}),
                json!("SECRET\r\n"),
            ] {
                let sentence = read(json!({ key: value })).unwrap_err();
                assert!(!sentence.contains("SECRET"), "{sentence}");
                assert!(sentence.contains(key), "{sentence}");
            }
        }
    }
}
