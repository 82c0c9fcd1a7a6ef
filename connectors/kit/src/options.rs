//! Options of every connector that runs as a program of its own.

use options::Secret;

options::options! {
    /// How a connector reaches the functions and signs its requests.
    #[derive(Clone, Debug)]
    pub struct ConnectorOptions {
        /// Origin of the functions.
        functions_url: Option<String>, "URL", "an origin like https://chat.example.org";
        /// This connector's id, as known to the functions.
        connector_id: Option<String>, or "what it is: irc, ircd or smtp", "ID", "a word";
        /// The key shared with the functions, hexadecimal digits (create it with `openssl rand -hex 32`).
        connector_key: Option<Secret>, "HEX", "hexadecimal digits";
    }
}

/// Something a connector requires is missing or cannot be read. One sentence.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorOptionsError {
    /// The functions' address is missing.
    #[error(
        "functions-url: found nothing, expected an origin like https://chat.example.org; set SUBSPACE_FUNCTIONS_URL"
    )]
    NoFunctions,
    /// An address is not an origin.
    #[error(transparent)]
    NoOrigin(options::Invalid),
    /// Neither a file nor the variable is set.
    #[error("there is no key: set SUBSPACE_CONNECTOR_KEY or SUBSPACE_CONNECTOR_KEY_FILE")]
    NoKey,
    /// The value is not a valid key.
    #[error("connector-key: {0}")]
    InvalidKey(#[from] protocol::InvalidKey),
}

impl ConnectorOptions {
    /// Returns the origin of the functions.
    ///
    /// # Errors
    /// It is not configured.
    pub fn functions(&self) -> Result<&str, ConnectorOptionsError> {
        self.functions_url
            .as_deref()
            .ok_or(ConnectorOptionsError::NoFunctions)
    }

    /// Returns the connector's id, or the usual one.
    #[must_use]
    pub fn id<'a>(&'a self, usual: &'a str) -> &'a str {
        self.connector_id.as_deref().unwrap_or(usual)
    }

    /// Returns the key.
    ///
    /// # Errors
    /// It is missing, or not in hexadecimal digits.
    pub fn key(&self) -> Result<Vec<u8>, ConnectorOptionsError> {
        let key = self
            .connector_key
            .as_ref()
            .ok_or(ConnectorOptionsError::NoKey)?;
        Ok(protocol::connector_key(&key.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_hexadecimal() {
        let mut options: ConnectorOptions = options::defaults();
        assert!(matches!(options.key(), Err(ConnectorOptionsError::NoKey)));
        assert!(options.functions().is_err());
        assert_eq!(options.id("irc"), "irc");
        options.connector_key = Some(Secret("ab".repeat(32)));
        assert_eq!(options.key().unwrap(), [0xab; 32]);
        options.connector_key = Some(Secret("no digits".to_owned()));
        let wrong = options.key();
        assert!(matches!(wrong, Err(ConnectorOptionsError::InvalidKey(_))));
    }
}
