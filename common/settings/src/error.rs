//! What can be wrong.

use std::path::PathBuf;

/// One sentence: which key, what was found, what is expected, where it comes from. It shows no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("config: cannot read {}: {error}", path.display())]
    Config {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no TOML.
    #[error("config: {} is wrong: {message}", path.display())]
    Toml {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The file has a key that nothing is known of.
    #[error("config: {} has the key {key}, which is unknown{nearest}", path.display())]
    Unknown {
        /// Its path.
        path: PathBuf,
        /// The key, as it may be shown.
        key: String,
        /// `; the nearest known one is …`, or nothing.
        nearest: String,
    },
    /// The file gives one key more than once.
    #[error("config: {} gives one key twice, as {first} and as {second}; leave one of them out", path.display())]
    Twice {
        /// Its path.
        path: PathBuf,
        /// The key as it stands first.
        first: String,
        /// The key as it stands again.
        second: String,
    },
    /// Flags, or the environment, give one key more than once.
    #[error("one key is given twice, as {first} and as {second}; leave one of them out")]
    GivenTwice {
        /// One name that it is given by.
        first: String,
        /// Another one.
        second: String,
    },
    /// A list in the file is too long.
    #[error("{key}: found {found} entries, expected at most {most} (in {})", path.display())]
    Long {
        /// The file's path.
        path: PathBuf,
        /// The key.
        key: String,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A value in the file is not of the key's type.
    #[error("{key}: found {found}, expected {expected} (in {}{line})", path.display())]
    Type {
        /// The file's path.
        path: PathBuf,
        /// The key.
        key: String,
        /// `, line …`, or nothing.
        line: String,
        /// What is there.
        found: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// A secret's file cannot be read.
    #[error("{key}: cannot read {path}: {error} (from {source_name})")]
    SecretFile {
        /// The key that names it.
        key: String,
        /// Its path.
        path: String,
        /// Why.
        error: std::io::Error,
        /// Where the path comes from.
        source_name: String,
    },
    /// A value is missing or is not what it must be.
    #[error("{problem}{from}")]
    Invalid {
        /// Which key, what was found, what is expected.
        problem: options::Invalid,
        /// ` (from SUBSPACE_…)`, or nothing.
        from: String,
    },
    /// The filter of the log cannot be understood.
    #[error("{0}")]
    Log(String),
}
