//! Parses untrusted JSON within a memory limit.
//!
//! A few bytes can expand a lot: `{"":0}` is six bytes in a body, and some 700 in memory. So the memory is counted
//! while parsing, and texts longer than anyone reads are cut.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::Unreadable;
use crate::work::look;

/// The most memory that one parsed body takes, in bytes. A push of 2,000 commits takes half of it.
pub(crate) const MAX_MEMORY: usize = 24 * 1024 * 1024;
/// Longer texts are cut, in bytes: nobody reads that much of a line.
const MAX_TEXT: usize = 64 * 1024;
/// The size of a list element: lists double their capacity as they grow.
const ELEMENT: usize = 2 * size_of::<Value>();
/// The size of an object's first field: a tree node with room for eleven.
const OBJECT: usize = 12 * (size_of::<String>() + size_of::<Value>());
/// The size of each further field, as nodes are half full at worst.
const FIELD: usize = 3 * (size_of::<String>() + size_of::<Value>());
/// The size of a text besides its bytes.
const TEXT: usize = 16;

/// Parses JSON; `serde_json` limits nesting to 128. A byte order mark is skipped, and unescaped line breaks and other
/// control characters within texts are accepted, although JSON forbids them.
///
/// # Errors
/// If it is not JSON, or would take too much memory.
pub fn parse(bytes: &[u8]) -> Result<Value, Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let error = match read(bytes, MAX_MEMORY, MAX_TEXT) {
        Ok(value) => return Ok(value),
        Err(Failed::Memory) => return Err(too_much()),
        Err(Failed::Syntax(error)) => error,
    };
    match repaired(bytes).map(|repaired| read(&repaired, MAX_MEMORY, MAX_TEXT)) {
        Some(Ok(value)) => Ok(value),
        Some(Err(Failed::Memory)) => Err(too_much()),
        _ => Err(malformed(&error)),
    }
}

/// Parses JSON with texts of any length, within this many bytes of memory.
///
/// # Errors
/// If it is not JSON, or would take more ([`Unreadable::TooLarge`]).
pub fn parse_whole(bytes: &[u8], most: usize) -> Result<Value, Unreadable> {
    read(bytes, most, usize::MAX).map_err(|failed| match failed {
        Failed::Memory => too_much(),
        Failed::Syntax(error) => malformed(&error),
    })
}

fn malformed(error: &serde_json::Error) -> Unreadable {
    Unreadable::Malformed(format!("the body is not JSON: {error}"))
}

fn too_much() -> Unreadable {
    Unreadable::TooLarge(
        "the body has so many fields and values that it would take too much memory; send less at once"
            .to_owned(),
    )
}

enum Failed {
    Syntax(serde_json::Error),
    Memory,
}

fn read(bytes: &[u8], most: usize, longest: usize) -> Result<Value, Failed> {
    look(bytes.len());
    let budget = Budget {
        longest,
        left: Cell::new(most),
        spent: Cell::new(false),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = budget.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        if budget.spent.get() {
            Failed::Memory
        } else {
            Failed::Syntax(error)
        }
    })
}

/// Returns the text with control characters in strings escaped, and invalid bytes replaced; `None` if that changes
/// nothing.
fn repaired(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = crate::charset::text(bytes);
    let controls = text.bytes().any(|byte| byte < b' ');
    if !controls && matches!(text, Cow::Borrowed(_)) {
        return None;
    }
    look(text.len());
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    let (mut inside, mut escaped) = (false, false);
    for byte in text.bytes() {
        if inside && byte < b' ' {
            let written: &[u8] = if byte == b'\n' { b"\\n" } else { b" " };
            out.extend_from_slice(written);
            escaped = false;
            continue;
        }
        if byte == b'"' && !escaped {
            inside = !inside;
        }
        escaped = inside && byte == b'\\' && !escaped;
        out.push(byte);
    }
    Some(out)
}

/// How much memory is left. A visitor that builds values.
struct Budget {
    /// Longer texts are cut.
    longest: usize,
    left: Cell<usize>,
    spent: Cell<bool>,
}

impl Budget {
    fn spend<E: Error>(&self, bytes: usize) -> Result<(), E> {
        look(1);
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.spent.set(true);
                Err(E::custom("too much"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for &Budget {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Budget {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        let mut end = text.len().min(self.longest);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.spend(end + TEXT)?;
        Ok(Value::String(text[..end].to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = access.next_element_seed(self)? {
            self.spend(ELEMENT)?;
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            self.spend(name.len() + TEXT + if map.is_empty() { OBJECT } else { FIELD })?;
            let value = access.next_value_seed(self)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_as_people_write_it() {
        let all = r#"{"a":[1,-2,2.5,true,null,"\u00e4\n\"x"],"b":{"c":"d","a":{}},"a":3}"#;
        assert_eq!(
            parse(all.as_bytes()),
            Ok(serde_json::from_str(all).unwrap())
        );
        for (text, value) in [
            ("\u{feff}{\"a\":1}", json!({"a": 1})),
            ("{\"a\":\"b\nc\td\"\n}", json!({"a": "b\nc d"})),
            ("[\"\\\\\", \"\n\\\"\"]", json!(["\\", "\n\""])),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(value), "{text}");
        }
        assert_eq!(parse(b"\"f\xfcr\""), Ok(json!("für")));
        for bad in ["", "{", "a", "{}x", "[1\n2]", "\"\n"] {
            assert!(
                matches!(parse(bad.as_bytes()), Err(Unreadable::Malformed(_))),
                "{bad}"
            );
        }
        // Nesting.
        for (depth, fits) in [(100, true), (200, false)] {
            let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(parse(text.as_bytes()).is_ok(), fits);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let many = |item: &str, times: usize| {
            let items = vec![item; times];
            parse(format!("[{}]", items.join(",")).as_bytes())
        };
        assert!(many(r#"{"":0}"#, 10_000).is_ok());
        for item in [r#"{"":0}"#, "[]", "0", r#""""#, "[[0]]"] {
            let times = 5 * 1024 * 1024 / (item.len() + 1);
            let refused = many(item, times);
            assert!(matches!(refused, Err(Unreadable::TooLarge(_))), "{item}");
        }
        // A value parsed by this function is complete, or refused.
        let whole = format!("[\"{}\",{{\"a\":1.5}}]", "ä".repeat(MAX_TEXT));
        assert_eq!(
            parse_whole(whole.as_bytes(), MAX_MEMORY),
            Ok(serde_json::from_str(&whole).unwrap())
        );
        assert!(matches!(
            parse_whole(whole.as_bytes(), MAX_TEXT),
            Err(Unreadable::TooLarge(_))
        ));
        assert!(matches!(
            parse_whole(b"\"a\nb\"", MAX_MEMORY),
            Err(Unreadable::Malformed(_))
        ));
        let long = parse(format!("\"{}\"", "ä".repeat(MAX_TEXT)).as_bytes()).unwrap();
        assert_eq!(long.as_str().map(str::len), Some(MAX_TEXT));
    }
}
