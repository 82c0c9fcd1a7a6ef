//! How connections end, and what others are told.

use std::borrow::Cow;

/// How a connection ended.
#[derive(Clone, Debug)]
pub enum Departure {
    /// The client sent QUIT with this text, possibly empty: it has read everything sent to it.
    Quit(String),
    /// The client closed the connection: it has read everything sent to it.
    Closed,
    /// Anything else, with the reason that others are told: it is unknown what the client has read.
    Lost(String),
}

impl Departure {
    /// The same without a text of the client's own.
    pub(crate) fn without_text(&self) -> Self {
        match self {
            Self::Quit(_) => Self::Quit(String::new()),
            Self::Closed | Self::Lost(_) => self.clone(),
        }
    }

    /// The reason that the client itself and others are told.
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
