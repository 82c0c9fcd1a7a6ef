//! How connections end, and what others are told of it.

use std::borrow::Cow;

/// How a connection ended.
#[derive(Clone, Debug)]
pub enum Departure {
    /// The client said QUIT, with this text or an empty one: it has read what it was sent.
    Quit(String),
    /// The client closed the connection: it has read what it was sent.
    Closed,
    /// Anything else, with the reason as others are told: nobody knows what the client has read.
    Lost(String),
}

impl Departure {
    /// The reason as the client itself and others are told.
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        match self {
            Self::Quit(text) if text.is_empty() => "Quit".into(),
            Self::Quit(text) => format!("Quit: {text}").into(),
            Self::Closed => "Connection closed".into(),
            Self::Lost(reason) => reason.into(),
        }
    }
}
