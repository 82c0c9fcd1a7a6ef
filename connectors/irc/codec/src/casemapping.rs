//! How a server compares names: the ISUPPORT token CASEMAPPING.

/// Which characters are the same but for case.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CaseMapping {
    /// a-z and A-Z.
    Ascii,
    /// Also `{|}^` and `[\]~` (RFC 1459, section 2.2); what holds when the server says nothing.
    #[default]
    Rfc1459,
    /// Also `{|}` and `[\]`.
    Rfc1459Strict,
}

impl CaseMapping {
    /// Reads the token's value; an unknown one is treated as `ascii`.
    #[must_use]
    pub fn from_token(value: &str) -> Self {
        match value.to_ascii_lowercase().as_str() {
            "rfc1459" => Self::Rfc1459,
            "rfc1459-strict" | "strict-rfc1459" => Self::Rfc1459Strict,
            _ => Self::Ascii,
        }
    }

    /// Returns the token's value.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Rfc1459 => "rfc1459",
            Self::Rfc1459Strict => "rfc1459-strict",
        }
    }

    /// Returns the form under which names are compared.
    #[must_use]
    pub fn fold(self, name: &str) -> String {
        name.chars()
            .map(|c| match (self, c) {
                (Self::Rfc1459 | Self::Rfc1459Strict, '[') => '{',
                (Self::Rfc1459 | Self::Rfc1459Strict, ']') => '}',
                (Self::Rfc1459 | Self::Rfc1459Strict, '\\') => '|',
                (Self::Rfc1459, '~') => '^',
                (_, c) => c.to_ascii_lowercase(),
            })
            .collect()
    }

    /// Tells whether two names are the same.
    #[must_use]
    pub fn same(self, a: &str, b: &str) -> bool {
        self.fold(a) == self.fold(b)
    }
}
