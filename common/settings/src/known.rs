//! Every key of a program with its names.

use options::{Key, Kind, Options as _};

use crate::{Common, Program};

/// The suffix of keys for secrets' files.
pub(crate) const FILE: &str = "_file";

/// A key of a program.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Its description, with the full name.
    pub(crate) key: Key,
    /// Its name without that of the program's own section.
    short: String,
    /// Whether it names the file of a secret.
    pub(crate) names_file: bool,
}

impl Known {
    fn new<P: Program>(key: Key) -> Self {
        let own = key.name.strip_prefix(P::OWN);
        let short = match own.and_then(|rest| rest.strip_prefix('_')) {
            Some(short) if !P::OWN.is_empty() => short,
            _ => &key.name,
        };
        Self {
            short: short.to_owned(),
            key,
            names_file: false,
        }
    }

    /// Its name in files, and after `--`.
    pub(crate) fn shown(&self) -> String {
        self.short.replace('_', "-")
    }

    /// The same with `_`.
    pub(crate) fn short(&self) -> &str {
        &self.short
    }

    /// Its name in an environment.
    pub(crate) fn variable(&self) -> String {
        options::variable(&self.key.name)
    }

    /// Whether it is a flag.
    pub(crate) fn is_flag(&self) -> bool {
        self.key.kind != Kind::Secret
    }

    fn of_file(&self) -> Self {
        Self {
            key: Key {
                name: format!("{}{FILE}", self.key.name),
                help: format!(
                    "File with the value of {}; it takes precedence.",
                    self.variable()
                ),
                default: None,
                otherwise: None,
                value: "FILE",
                kind: Kind::Text,
            },
            short: format!("{}{FILE}", self.short),
            names_file: true,
        }
    }
}

/// Lists the keys of a program: first those common to all programs, each secret followed by its file.
pub(crate) fn keys<P: Program>() -> Vec<Known> {
    let mut common = Common::keys();
    for key in &mut common {
        if !P::OWN.is_empty() {
            key.name = format!("{}_{}", P::OWN, key.name);
        }
    }
    let mut known = Vec::new();
    for key in common.into_iter().chain(P::keys()) {
        let key = Known::new::<P>(key);
        let file = (key.key.kind == Kind::Secret).then(|| key.of_file());
        known.push(key);
        known.extend(file);
    }
    known
}
