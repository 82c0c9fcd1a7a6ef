//! The file: TOML, parsed into texts by the names of keys.

use std::collections::BTreeMap;
use std::path::Path;

use options::{Key, Kind};
use toml::{Table, Value};

use crate::known::Known;
use crate::nearest::nearest;
use crate::place;
use crate::renamed::Layers;
use crate::{Error, Renamed};

/// The most entries of a list.
const MOST_ENTRIES: usize = 1_000;

/// The content of a file.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// The texts, by names of keys or former ones, with `_`.
    pub(crate) values: BTreeMap<String, String>,
    /// Their lines, under the same names.
    pub(crate) lines: BTreeMap<String, usize>,
    /// Keys that were written with `_`.
    pub(crate) snakes: Vec<String>,
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    known: &'a [Known],
    renamed: &'a [Renamed],
    file: File,
    /// How parsed keys were written, by their full current names.
    written: BTreeMap<String, String>,
}

/// Reads a file.
///
/// # Errors
/// If it cannot be read, is not TOML, or has a key that is unknown or of another type.
pub(crate) fn read(path: &Path, known: &[Known], renamed: &[Renamed]) -> Result<File, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Config {
        path: path.to_owned(),
        error,
    })?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let place = error.span().map(|span| place::of(&text, span.start));
        Error::Toml {
            path: path.to_owned(),
            message: error.message().replace('\n', " ") + &place.unwrap_or_default(),
        }
    })?;
    let mut reader = Reader {
        path,
        text: &text,
        known,
        renamed,
        file: File::default(),
        written: BTreeMap::new(),
    };
    reader.table(table, "", "")?;
    Ok(reader.file)
}

impl<'a> Reader<'a> {
    /// Adds a table; `prefix` is the prefix of its keys' names, `shown` the same as written in the file.
    fn table(&mut self, table: Table, prefix: &str, shown: &str) -> Result<(), Error> {
        for (written, value) in table {
            let part = written.replace('-', "_");
            let (name, shown) = match prefix {
                "" => (part, written.clone()),
                _ => (format!("{prefix}_{part}"), format!("{shown}.{written}")),
            };
            let known = self.key(&name);
            let kind = known.map(|key| key.kind);
            if let Some(known) = known
                && (kind == Some(Kind::Json) || !value.is_table())
            {
                self.once(&known.name, &shown)?;
            }
            match (kind, value) {
                (Some(Kind::Json), value) => {
                    let text = self.json(&shown, value)?;
                    self.note_line(&name, &shown);
                    self.file.values.insert(name, text);
                }
                (_, Value::Table(table)) if self.begins(&name) => {
                    self.table(table, &name, &shown)?;
                    continue;
                }
                (Some(kind), value) => {
                    let text = self.text(&shown, kind, value)?;
                    self.note_line(&name, &shown);
                    self.file.values.insert(name, text);
                }
                (None, _) => return Err(self.unknown(&name, &shown)),
            }
            if written.contains('_') {
                self.file.snakes.push(shown);
            }
        }
        Ok(())
    }

    fn note_line(&mut self, name: &str, shown: &str) {
        if let Some(line) = place::line_of(self.text, shown) {
            self.file.lines.insert(name.to_owned(), line);
        }
    }

    /// Describes the line of a key, after these words.
    fn line(&self, words: &str, key: &str) -> String {
        place::line_of(self.text, key)
            .map(|line| format!("{words} {line}"))
            .unwrap_or_default()
    }

    /// Finds a key by its name or a former one.
    fn key(&self, name: &str) -> Option<&'a Key> {
        let known = self.known.iter().find(|key| key.short() == name);
        if let Some(known) = known.filter(|_| name != "config") {
            return Some(&known.key);
        }
        let mut old = self.renamed.iter();
        let old = old.find(|old| old.is_on(Layers::File) && old.old == name)?;
        let known = self.known.iter().find(|key| key.key.name == old.new)?;
        Some(&known.key)
    }

    /// Refuses a key that was already given, under whichever of its names.
    fn once(&mut self, name: &str, shown: &str) -> Result<(), Error> {
        match self.written.insert(name.to_owned(), shown.to_owned()) {
            None => Ok(()),
            Some(first) => Err(Error::Twice {
                path: self.path.to_owned(),
                first,
                second: shown.to_owned(),
            }),
        }
    }

    /// Whether there are keys with this prefix.
    fn begins(&self, name: &str) -> bool {
        let starts = |key: &str| key.strip_prefix(name).is_some_and(|r| r.starts_with('_'));
        self.known.iter().any(|key| starts(key.short()))
            || self.renamed.iter().any(|old| starts(old.old))
    }

    fn unknown(&self, name: &str, key: &str) -> Error {
        let names = self.known.iter().map(Known::short);
        let nearest = nearest(name, names.filter(|name| *name != "config"));
        let nearest = nearest.map(|name| {
            let name = name.replace('_', "-");
            format!("; the nearest known one is {name}")
        });
        Error::Unknown {
            path: self.path.to_owned(),
            key: options::visible(key),
            line: self.line(" in line", key),
            nearest: nearest.unwrap_or_default(),
        }
    }

    fn text(&self, key: &str, kind: Kind, value: Value) -> Result<String, Error> {
        let expected = match kind {
            Kind::Number => "a number",
            Kind::Switch => "true or false",
            Kind::List => "a list of texts",
            Kind::Text | Kind::Secret | Kind::Json => "a text in quotation marks",
        };
        match (kind, value) {
            (Kind::Number, Value::Integer(number)) => Ok(number.to_string()),
            (Kind::Switch, Value::Boolean(on)) => Ok(on.to_string()),
            (Kind::Text | Kind::Secret | Kind::Switch | Kind::List, Value::String(text)) => {
                Ok(text)
            }
            (Kind::List, Value::Array(items)) => {
                if items.len() > MOST_ENTRIES {
                    return Err(self.long(key, items.len()));
                }
                let texts = items.iter().map(|item| item.as_str());
                let texts: Option<Vec<&str>> = texts.collect();
                let wrong = || self.mistyped(key, "a list of other things", expected);
                Ok(texts.ok_or_else(wrong)?.join(","))
            }
            (_, other) => Err(self.mistyped(key, described(&other), expected)),
        }
    }

    fn json(&self, key: &str, value: Value) -> Result<String, Error> {
        let expected = "JSON, or a table or list of the same form";
        match value {
            Value::String(text) => Ok(text),
            Value::Array(items) if items.len() > MOST_ENTRIES => Err(self.long(key, items.len())),
            Value::Table(_) | Value::Array(_) => serde_json::to_string(&value)
                .map_err(|_| self.mistyped(key, described(&value), expected)),
            other => Err(self.mistyped(key, described(&other), expected)),
        }
    }

    fn long(&self, key: &str, found: usize) -> Error {
        Error::Long {
            path: self.path.to_owned(),
            key: key.to_owned(),
            line: self.line(", line", key),
            found,
            most: MOST_ENTRIES,
        }
    }

    fn mistyped(&self, key: &str, found: &'static str, expected: &'static str) -> Error {
        Error::Type {
            path: self.path.to_owned(),
            key: key.to_owned(),
            line: self.line(", line", key),
            found,
            expected,
        }
    }
}

const fn described(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
