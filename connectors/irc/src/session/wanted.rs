//! The channels that an account wants to be in.

/// A channel that the account wants to be in.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) key: Option<String>,
}

impl Wanted {
    /// Reads it as records have it: the name, and after a blank the key.
    pub(super) fn parse(text: &str) -> Self {
        let (name, key) = text.split_once(' ').unwrap_or((text, ""));
        Self {
            name: name.to_owned(),
            key: Some(key.trim().to_owned()).filter(|key| !key.is_empty()),
        }
    }
}
