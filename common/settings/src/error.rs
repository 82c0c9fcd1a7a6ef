//! Errors of settings.

use std::path::PathBuf;

/// One sentence: which key, what was found, what is expected, where it comes from. It reveals no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("config: cannot read {}: {error}", path.display())]
    Config {
        /// Its path.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("config: {} is wrong: {message}", path.display())]
    Toml {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The file has an unknown key.
    #[error("config: {} has the key {key}{line}, which is unknown{nearest}", path.display())]
    Unknown {
        /// Its path.
        path: PathBuf,
        /// The key, in a form that may be shown.
        key: String,
        /// ` in line …`, or nothing.
        line: String,
        /// `; the nearest known one is …`, or nothing.
        nearest: String,
    },
    /// The file gives one key more than once.
    #[error("config: {} gives one key twice, as {first} and as {second}; leave one of them out", path.display())]
    Twice {
        /// Its path.
        path: PathBuf,
        /// The key as written the first time.
        first: String,
        /// The key as written the second time.
        second: String,
    },
    /// Flags, or the environment, give one key more than once.
    #[error("one key is given twice, as {first} and as {second}; leave one of them out")]
    GivenTwice {
        /// One name used for it.
        first: String,
        /// The other one.
        second: String,
    },
    /// A list in the file is too long.
    #[error("{key}: found {found} entries, expected at most {most} (in {}{line})", path.display())]
    Long {
        /// The file's path.
        path: PathBuf,
        /// The key.
        key: String,
        /// `, line …`, or nothing.
        line: String,
        /// How many entries there are.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A value in the file does not have the key's type.
    #[error("{key}: found {found}, expected {expected} (in {}{line})", path.display())]
    Type {
        /// The file's path.
        path: PathBuf,
        /// The key.
        key: String,
        /// `, line …`, or nothing.
        line: String,
        /// What was found.
        found: &'static str,
        /// What is expected.
        expected: &'static str,
    },
    /// A secret's file cannot be read. Its path is not shown: some write the secret there.
    #[error("{key}: cannot read the file that it names: {error} (from {source_name})")]
    SecretFile {
        /// The key that names it.
        key: String,
        /// The cause.
        error: std::io::Error,
        /// Where the path comes from.
        source_name: String,
    },
    /// A value is missing or invalid.
    #[error("{problem}{from}")]
    Invalid {
        /// Which key, what was found, what is expected.
        problem: options::Invalid,
        /// ` (from SUBSPACE_…)`, or nothing.
        from: String,
    },
    /// The log filter is not valid.
    #[error("{0}")]
    Log(String),
}
