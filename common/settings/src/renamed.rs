//! Former names of keys.

use std::fmt;

/// A former name of a key. It is accepted, with a warning that gives the new one.
#[derive(Clone, Copy, Debug)]
pub struct Renamed {
    /// The old name with `_`, without `SUBSPACE_`.
    pub(crate) old: &'static str,
    /// The key's full name, including its section.
    pub(crate) new: &'static str,
    pub(crate) on: Layers,
    /// New names of old values; all others stay the same.
    pub(crate) means: &'static [(&'static str, &'static str)],
}

/// Where a name was used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layers {
    All,
    Flag,
    Variable,
    File,
}

impl Renamed {
    /// A flag, a variable and a key of files with the same name.
    #[must_use]
    pub const fn everywhere(old: &'static str, new: &'static str) -> Self {
        Self::on(Layers::All, old, new)
    }

    /// A flag.
    #[must_use]
    pub const fn flag(old: &'static str, new: &'static str) -> Self {
        Self::on(Layers::Flag, old, new)
    }

    /// A variable, without `SUBSPACE_`, in lower case.
    #[must_use]
    pub const fn variable(old: &'static str, new: &'static str) -> Self {
        Self::on(Layers::Variable, old, new)
    }

    /// A key of files.
    #[must_use]
    pub const fn file(old: &'static str, new: &'static str) -> Self {
        Self::on(Layers::File, old, new)
    }

    /// Sets new names for old values.
    #[must_use]
    pub const fn meaning(self, means: &'static [(&'static str, &'static str)]) -> Self {
        Self { means, ..self }
    }

    const fn on(on: Layers, old: &'static str, new: &'static str) -> Self {
        Self {
            old,
            new,
            on,
            means: &[],
        }
    }

    pub(crate) fn is_on(&self, layer: Layers) -> bool {
        self.on == Layers::All || self.on == layer
    }

    pub(crate) fn translate(&self, text: String) -> String {
        let known = self.means.iter().find(|(old, _)| *old == text);
        known.map_or(text, |(_, new)| (*new).to_owned())
    }
}

/// Two cells of a Markdown table: the old name, and the new one.
impl fmt::Display for Renamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, variable) = (self.old.replace('_', "-"), options::variable(self.old));
        match self.on {
            Layers::All => write!(f, "`{key}`, `{variable}`")?,
            Layers::Flag => write!(f, "`--{key}`")?,
            Layers::Variable => write!(f, "`{variable}`")?,
            Layers::File => write!(f, "`{key}` in a file")?,
        }
        write!(f, " | `{}`", options::variable(self.new))?;
        for (old, new) in self.means {
            write!(f, ", `{new}` for `{old}`")?;
        }
        Ok(())
    }
}
