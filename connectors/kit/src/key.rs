//! The key that a connector shares with the functions, as its operator gives it.

use std::path::{Path, PathBuf};

/// Names the environment variable that it is in if there is no file.
const VARIABLE: &str = "SUBSPACE_CONNECTOR_KEY";

/// A key that is missing or cannot be read. One sentence.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Neither a file nor the variable.
    #[error("there is no key: set {VARIABLE} or {VARIABLE}_FILE")]
    Missing,
    /// The file that was named.
    #[error("key-file is {}; that file cannot be read: {error}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why it cannot be read.
        error: std::io::Error,
    },
    /// The value is not a valid key.
    #[error(transparent)]
    Invalid(#[from] protocol::InvalidKey),
}

/// Reads the key from a file, or else from the environment variable `SUBSPACE_CONNECTOR_KEY`; never from an argument.
///
/// # Errors
/// If there is none, or if it is not written in hexadecimal digits.
pub fn connector_key(file: Option<&Path>) -> Result<Vec<u8>, KeyError> {
    choose(file, std::env::var(VARIABLE).ok())
}

fn choose(file: Option<&Path>, variable: Option<String>) -> Result<Vec<u8>, KeyError> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| KeyError::File {
            path: path.to_owned(),
            error,
        })?,
        None => variable.ok_or(KeyError::Missing)?,
    };
    Ok(protocol::connector_key(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let missing = choose(Some(&file), Some("ab".repeat(32)));
        let sentence = missing.unwrap_err().to_string();
        assert!(sentence.contains(&file.display().to_string()), "{sentence}");
        std::fs::write(&file, format!("{}\n", "cd".repeat(32))).unwrap();
        let both = choose(Some(&file), Some("ab".repeat(32)));
        assert_eq!(both.unwrap(), [0xcd; 32]);
        assert_eq!(choose(None, Some("ab".repeat(32))).unwrap(), [0xab; 32]);
        assert!(matches!(choose(None, None), Err(KeyError::Missing)));
        let wrong = choose(None, Some("no digits".to_owned()));
        assert!(matches!(wrong, Err(KeyError::Invalid(_))));
    }
}
