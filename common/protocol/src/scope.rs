//! OAuth scopes of remoteStorage (draft-dejong-remotestorage-26, section 9).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The permission that a scope grants.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Access {
    /// GET and HEAD.
    Read,
    /// All methods.
    ReadWrite,
}

/// One scope, `<module>:r`, `<module>:rw`, `*:r` or `*:rw`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scope {
    /// The module, or `*` for the whole tree.
    pub module: String,
    /// The permission there.
    pub access: Access,
}

/// The text is not a scope.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{0}\" is not a scope; expected a form like notes:rw, notes:r or *:rw")]
pub struct InvalidScope(pub String);

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let invalid = || InvalidScope(text.chars().take(100).collect());
        let (module, access) = text.rsplit_once(':').ok_or_else(invalid)?;
        let access = match access {
            "r" => Access::Read,
            "rw" => Access::ReadWrite,
            _ => return Err(invalid()),
        };
        let name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let named = !module.is_empty()
            && module.len() <= 100
            && module.chars().all(name_char)
            && !matches!(module, "public" | "." | "..");
        if module != "*" && !named {
            return Err(invalid());
        }
        Ok(Self {
            module: module.to_owned(),
            access,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Read => "r",
            Access::ReadWrite => "rw",
        };
        write!(f, "{}:{access}", self.module)
    }
}

/// Several scopes, separated by spaces; they add up.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub struct Scopes(pub Vec<Scope>);

impl Scopes {
    /// Returns whether `access` to `module` is granted; `None` means the root, above all modules.
    #[must_use]
    pub fn allow(&self, module: Option<&str>, access: Access) -> bool {
        self.0.iter().any(|scope| {
            (scope.module == "*" || Some(scope.module.as_str()) == module) && scope.access >= access
        })
    }

    /// Returns whether everything that `other` grants is granted here too.
    #[must_use]
    pub fn include(&self, other: &Self) -> bool {
        other.0.iter().all(|scope| {
            let module = (scope.module != "*").then_some(scope.module.as_str());
            self.allow(module, scope.access)
        })
    }
}

impl FromStr for Scopes {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let mut scopes = text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if scopes.is_empty() || scopes.len() > 100 {
            return Err(InvalidScope(text.chars().take(100).collect()));
        }
        crate::sort(&mut scopes);
        scopes.dedup();
        Ok(Self(scopes))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            scope.fmt(f)?;
        }
        Ok(())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_add_up() {
        let scopes: Scopes = "notes:r chat-messages:rw".parse().unwrap();
        assert!(scopes.allow(Some("notes"), Access::Read));
        assert!(!scopes.allow(Some("notes"), Access::ReadWrite));
        assert!(scopes.allow(Some("chat-messages"), Access::ReadWrite));
        assert!(!scopes.allow(None, Access::Read));
        let all: Scopes = "*:rw".parse().unwrap();
        assert!(all.allow(None, Access::ReadWrite) && all.allow(Some("x"), Access::ReadWrite));
        assert!(all.include(&scopes) && !scopes.include(&all));
    }

    #[test]
    fn refuses_what_is_no_scope() {
        for bad in [
            "",
            "notes",
            "notes:w",
            "public:rw",
            "a b",
            ":rw",
            "a/b:r",
            "..:r",
            "**:r",
        ] {
            assert!(bad.parse::<Scopes>().is_err(), "{bad}");
        }
    }
}
