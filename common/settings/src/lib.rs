//! Where programs get their options from: built-in defaults, a TOML file, the environment, flags; later ones take
//! precedence.
//!
//! A program declares its options once ([`options::options!`]) and names ([`Program`]) its own section and former
//! names. Everything else follows from the keys. `turn_relay_ports`, in the section `turn`, is
//!
//! * in every environment `SUBSPACE_TURN_RELAY_PORTS`,
//! * as a flag `--turn-relay-ports`, or `--relay-ports` of the program whose own section is `turn`,
//! * in a file the flag's name, where the prefix of keys can also be a table: `[turn]` with `relay-ports`.
//!
//! Secrets cannot be flags. They can also be in separate files, which `…-file` names and which take precedence.

#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod file;
mod flags;
mod known;
mod layers;
mod nearest;
mod place;
mod reference;
mod renamed;
mod sources;

use options::Options;

pub use error::Error;
pub use flags::Given;
pub use reference::reference;
pub use renamed::Renamed;
pub use sources::Sources;

/// A program and its options.
pub trait Program: Options + Clone + Send + Sync + 'static {
    /// Its name, `subspace-turn`.
    const NAME: &'static str;
    /// The section whose keys are flags and keys of files without its name; empty if there is none.
    const OWN: &'static str = "";
    /// Former names of keys.
    const RENAMED: &'static [Renamed] = &[];
}

options::options! {
    /// Options common to all programs.
    #[derive(Clone, Debug)]
    pub(crate) struct Common {
        /// TOML file with the keys of this list.
        config: Option<std::path::PathBuf>, or "no file", "FILE", "a path";
        /// What is logged: `info`, or a filter such as `warn,ircd=debug`.
        log: Option<String>, or "RUST_LOG, else info", "FILTER", "a filter like info or warn,ircd=debug";
    }
}

/// The result of reading options.
#[derive(Clone, Debug)]
pub struct Loaded<P> {
    /// The options.
    pub options: P,
    /// The filter of the log, if one is set.
    pub log: Option<String>,
    /// Where the values come from.
    pub sources: Sources,
    /// One sentence for each former name used.
    pub warnings: Vec<String>,
}

impl<P> Loaded<P> {
    /// Starts the log, which warns about former names.
    ///
    /// # Errors
    /// If the filter is not valid.
    pub fn begin(self) -> Result<P, String> {
        let logged = program::log(self.log.as_deref());
        logged.map_err(|wrong| self.sources.explain(&wrong))?;
        for warning in self.warnings {
            tracing::warn!("{warning}");
        }
        Ok(self.options)
    }
}

#[cfg(test)]
mod tests;
