//! Where programs take their options from: built-in defaults, a TOML file, the environment, flags; what comes later wins.
//!
//! A program declares its options once ([`options::options!`]) and names ([`Program`]) which section is its own and
//! which names it had before. The rest follows from the keys. `turn_relay_ports`, of the section `turn`, is
//!
//! * in every environment `SUBSPACE_TURN_RELAY_PORTS`,
//! * as a flag `--turn-relay-ports`, or `--relay-ports` of the program whose own section `turn` is,
//! * in a file the flag's name, where what keys begin with can also be a table: `[turn]` with `relay-ports`.
//!
//! Secrets are no flags. They are also taken from files of their own, which `…-file` names and which win.

mod error;
mod file;
mod flags;
mod known;
mod layers;
mod nearest;
mod place;
mod reference;
mod renamed;

use options::Options;

pub use error::Error;
pub use flags::Given;
pub use reference::reference;
pub use renamed::Renamed;

/// A program, and what can be set for it.
pub trait Program: Options + Clone + Send + Sync + 'static {
    /// Its name, `subspace-turn`.
    const NAME: &'static str;
    /// The section whose keys are flags and keys of files without its name; empty if there is none.
    const OWN: &'static str = "";
    /// Names that keys had before.
    const RENAMED: &'static [Renamed] = &[];
}

options::options! {
    /// What can be set for every program.
    #[derive(Clone, Debug)]
    pub(crate) struct Common {
        /// TOML file with the keys of this list.
        config: Option<std::path::PathBuf>, or "no file", "FILE", "a path";
        /// What is logged: `info`, or a filter such as `warn,ircd=debug`.
        log: Option<String>, or "RUST_LOG, else info", "FILTER", "a filter like info or warn,ircd=debug";
    }
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Loaded<P> {
    /// The options.
    pub options: P,
    /// The filter of the log, if one is set.
    pub log: Option<String>,
    /// One sentence for each old name.
    pub warnings: Vec<String>,
}

impl<P> Loaded<P> {
    /// Begins the log, which tells of old names.
    ///
    /// # Errors
    /// The filter cannot be understood.
    pub fn begin(self) -> Result<P, String> {
        program::log(self.log.as_deref())?;
        for warning in self.warnings {
            tracing::warn!("{warning}");
        }
        Ok(self.options)
    }
}

#[cfg(test)]
mod tests;
