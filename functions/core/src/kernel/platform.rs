//! A platform as described by its connector, which determines the fields of its connections.

use protocol::{
    CLEAR, Connection, DEFAULT_DESCRIPTOR, DEFAULT_PLATFORM, Feature, Folding, MAX_CHANNELS,
};
use serde_json::{Map, Value, json};

use super::fields::{
    InvalidField, channel, host, invalid, limit, said, same_channel, secret, text_within, word,
};

/// A platform's description, as it was registered.
///
/// Accessed as a JSON value, not parsed into a type: that parser would enlarge the edge builds.
#[derive(Clone, Debug)]
pub(crate) struct Platform(pub(crate) Value);

impl Platform {
    /// The default platform, for connections without a described one.
    pub(crate) fn usual() -> Self {
        Self(serde_json::from_str(DEFAULT_DESCRIPTOR).unwrap_or_default())
    }

    fn fields(&self) -> &[Value] {
        self.0["fields"].as_array().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields()
            .iter()
            .find(|field| said(field, "name") == name)
    }

    /// Returns a value from the descriptor. For the default platform, values that older connectors do not send are
    /// filled in.
    fn told(&self, name: &str) -> Value {
        match self.0.get(name) {
            Some(value) => value.clone(),
            None if said(&self.0, "id") == DEFAULT_PLATFORM => Self::usual().0[name].take(),
            None => Value::Null,
        }
    }

    /// The URI scheme of its addresses, if it has one.
    pub(crate) fn scheme(&self) -> Option<String> {
        self.told("scheme").as_str().map(str::to_owned)
    }

    /// Checks that the platform supports a feature.
    ///
    /// # Errors
    /// If it does not, or no connector describes the platform any more.
    pub(crate) fn must_support(&self, feature: Feature) -> Result<(), InvalidField> {
        let word = serde_json::to_value(feature).unwrap_or_default();
        let supports = self.told("supports");
        if supports.as_array().is_some_and(|all| all.contains(&word)) {
            return Ok(());
        }
        let what = word.as_str().unwrap_or_default();
        let label = match said(&self.0, "label") {
            "" => "the platform of this connection",
            label => label,
        };
        Err(InvalidField(format!("{label} has no {what}")))
    }

    /// How channel names compare. An IRC network reveals its case mapping only to connected clients, so only the
    /// mapping common to all networks is applied; otherwise one of two distinct channels could be lost.
    pub(crate) fn folding(&self) -> Folding {
        let told = Folding::parse(said(&self.0["names"], "compare"));
        told.unwrap_or(Folding::Exact).at_least()
    }

    /// Validates a channel, optionally followed by a space and its key.
    pub(crate) fn channel(&self, text: &str) -> Result<String, InvalidField> {
        let expected = self.field("channels").map(|field| said(field, "expected"));
        let begins = said(&self.0["conversations"], "channels");
        channel(begins, expected.unwrap_or_default(), text)
    }

    /// Validates a list of channels; of several entries for one channel the last counts.
    pub(crate) fn channels(&self, list: &[String]) -> Result<Vec<String>, InvalidField> {
        let mut checked: Vec<String> = Vec::with_capacity(list.len().min(MAX_CHANNELS));
        for entry in list {
            let entry = self.channel(entry)?;
            checked.retain(|other| !same_channel(other, &entry, self.folding()));
            checked.push(entry);
            if checked.len() > MAX_CHANNELS {
                return Err(InvalidField(format!(
                    "channels are not valid: a connection takes at most {MAX_CHANNELS}"
                )));
            }
        }
        Ok(checked)
    }

    /// Validates the account's own name on the network; what exactly is allowed is up to the network.
    pub(crate) fn own_name(&self, text: &str) -> Result<String, InvalidField> {
        word(self.field("nick").unwrap_or(&Value::Null), text)
    }

    /// Sets the fields of a new connection that its platform has: the given values, else the defaults. Its secret is in
    /// clear text afterwards.
    pub(crate) fn fill(
        &self,
        connection: &mut Connection,
        wanted: &Map<String, Value>,
    ) -> Result<(), InvalidField> {
        for field in self.fields() {
            let name = said(field, "name");
            match wanted.get(name).filter(|value| !is_absent(field, value)) {
                Some(value) => self.put(connection, field, value)?,
                None if field["required"] == true => {
                    return Err(invalid(name, "", "it is needed"));
                }
                None if said(field, "kind") == "own-name" => {
                    // Without a name it is the account's; an empty one counts as none.
                    if wanted.get(name).is_some_and(Value::is_string) {
                        return Err(invalid(name, "", "it cannot be empty"));
                    }
                }
                None => {
                    if let Some(value) = default(field, connection, wanted) {
                        self.put(connection, field, &value)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Changes one field; returns whether the platform has it. `null` removes an optional field.
    pub(crate) fn change(
        &self,
        connection: &mut Connection,
        name: &str,
        value: &Value,
    ) -> Result<bool, InvalidField> {
        let Some(field) = self.field(name) else {
            return Ok(false);
        };
        if !is_absent(field, value) {
            self.put(connection, field, value)?;
        } else if name == PASSWORD {
            connection.password = None;
        } else if !must_be(field) {
            connection.fields.remove(name);
        } else if !value.is_null() {
            return Err(invalid(name, "", "it cannot be empty"));
        }
        Ok(true)
    }

    /// Sets a field to a value validated by its kind.
    pub(super) fn put(
        &self,
        connection: &mut Connection,
        field: &Value,
        value: &Value,
    ) -> Result<(), InvalidField> {
        let (name, kind) = (said(field, "name"), said(field, "kind"));
        match (kind, value) {
            (SECRET | LINES, Value::String(text)) => {
                let text = secret(name, text, limit(field), kind == LINES)?;
                if name == PASSWORD {
                    connection.password = Some(text);
                } else {
                    connection.set(name, json!({ CLEAR: text }));
                }
            }
            (SECRET | LINES, _) => {
                return Err(InvalidField(format!(
                    "{name} is not valid: expected a text"
                )));
            }
            ("own-name", Value::String(text)) => connection.nick = word(field, text)?,
            ("channels", Value::Array(list)) => {
                let text = |entry: &Value| entry.as_str().unwrap_or_default().to_owned();
                let list: Vec<String> = list.iter().map(text).collect();
                connection.channels = self.channels(&list)?;
            }
            ("flag", Value::Bool(on)) => {
                // A flag that is off, and off by default, is not stored.
                if *on || field["default"] == true {
                    connection.set(name, *on);
                } else {
                    connection.fields.remove(name);
                }
            }
            ("port", Value::Number(number)) => {
                let fits = number
                    .as_u64()
                    .is_some_and(|port| (1..=65_535).contains(&port));
                if !fits {
                    let expected = "expected a number from 1 to 65535";
                    return Err(invalid(name, &number.to_string(), expected));
                }
                connection.set(name, value.clone());
            }
            ("host", Value::String(text)) => connection.set(name, host(text)?),
            ("text", Value::String(text)) => {
                connection.set(name, text_within(name, text, limit(field))?);
            }
            ("word", Value::String(text)) => connection.set(name, word(field, text)?),
            _ => {
                let expected = format!("expected what a field of kind {kind} takes");
                return Err(invalid(name, &value.to_string(), &expected));
            }
        }
        Ok(())
    }
}

/// The kinds of fields that are stored encrypted.
const SECRET: &str = "secret";
const LINES: &str = "secret-lines";

/// The secret that has a place of its own in the record. Others are objects among the fields.
const PASSWORD: &str = "password";

fn is_absent(field: &Value, value: &Value) -> bool {
    // A secret is taken as typed.
    let is_empty = |text: &str| match said(field, "kind") {
        SECRET | LINES => text.is_empty(),
        _ => text.trim().is_empty(),
    };
    value.is_null() || value.as_str().is_some_and(is_empty)
}

/// Whether a connection must have a field.
fn must_be(field: &Value) -> bool {
    field["required"] == true || !field["default"].is_null() || said(field, "kind") == "own-name"
}

/// The default value of a field.
fn default(field: &Value, connection: &Connection, wanted: &Map<String, Value>) -> Option<Value> {
    let unless = &field["unless"];
    let flag = said(unless, "flag");
    let is_off = !flag.is_empty() && {
        let given = wanted.get(flag).or_else(|| connection.fields.get(flag));
        given.is_some_and(|on| on == false)
    };
    let value = if is_off {
        &unless["default"]
    } else {
        &field["default"]
    };
    (!value.is_null() && value != false).then(|| value.clone())
}
