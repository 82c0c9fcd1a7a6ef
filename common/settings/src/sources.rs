//! Where the values of keys come from, for errors that a program finds after it has read its options.

use std::collections::BTreeMap;
use std::fmt::Display;

/// A key's names, and where its value comes from.
#[derive(Clone, Debug)]
struct Source {
    /// As in files and after `--`.
    shown: String,
    /// `--key`, a variable, or a key in a file with its line.
    from: String,
}

/// Where the values that are set come from; see the module documentation.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<String, Source>);

impl Sources {
    pub(crate) fn insert(&mut self, variable: String, shown: String, from: &str) {
        let from = from.to_owned();
        let source = Source { shown, from };
        self.0.insert(source.shown.clone(), source.clone());
        self.0.insert(variable, source);
    }

    /// Adds to a sentence that begins with a key, or with its variable, where its value comes from.
    #[must_use]
    pub fn explain(&self, sentence: &str) -> String {
        let end = sentence.find([':', ' ']).unwrap_or(sentence.len());
        let (key, rest) = sentence.split_at(end);
        // In a file a prefix may be a table: `limits.nick`.
        match self.0.get(&key.replace('.', "-")) {
            // It says so already.
            Some(source) if sentence.ends_with(')') && sentence.contains(&source.from) => {
                sentence.to_owned()
            }
            Some(source) if source.from == key => sentence.to_owned(),
            Some(source) => format!("{}{rest} (from {})", source.shown, source.from),
            None => sentence.to_owned(),
        }
    }

    /// The same for an error with its causes, as one sentence.
    #[must_use]
    pub fn explained(&self, error: &impl Display) -> String {
        self.explain(&program::sentence(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_about_a_key_says_where_it_comes_from() {
        let mut sources = Sources::default();
        let mut insert = |name: &str, from: &str| {
            sources.insert(options::variable(name), name.replace('_', "-"), from);
        };
        insert("origin", "origin in x.toml, line 3");
        insert("s3_endpoint", "s3-endpoint in x.toml, line 5");
        insert("name", "SUBSPACE_NAME");
        for (sentence, explained) in [
            (
                "origin: found \"x\", expected y",
                "origin: found \"x\", expected y (from origin in x.toml, line 3)",
            ),
            (
                "SUBSPACE_S3_ENDPOINT: found something else, expected an address",
                "s3-endpoint: found something else, expected an address (from s3-endpoint in x.toml, line 5)",
            ),
            ("SUBSPACE_NAME: found", "SUBSPACE_NAME: found"),
            ("name: found", "name: found (from SUBSPACE_NAME)"),
            ("origins: found", "origins: found"),
            (
                "s3.endpoint is x; expected an address",
                "s3-endpoint is x; expected an address (from s3-endpoint in x.toml, line 5)",
            ),
            ("the disk is full", "the disk is full"),
            ("", ""),
        ] {
            assert_eq!(sources.explain(sentence), explained);
            assert_eq!(sources.explain(explained), explained, "once");
        }
    }
}
