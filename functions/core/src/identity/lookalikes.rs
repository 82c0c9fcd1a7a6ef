//! Names that look like account names.

use storage_adapter::{ObjectStore, StoreError};

use crate::identity::Identity;
use crate::kernel::host::Host;
use crate::kernel::keys;

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Returns whether the name of an account has this outline ([`protocol::outline`]). Only names with the same
    /// beginning are listed.
    pub(crate) async fn looks_like_account(&self, seen: &str) -> Result<bool, StoreError> {
        let Some(first) = seen.chars().next().filter(char::is_ascii_lowercase) else {
            return Ok(false);
        };
        let also = match first {
            'l' => Some("i"),
            'm' => Some("rn"),
            'w' => Some("vv"),
            _ => None,
        };
        let first = first.to_string();
        for begin in [Some(first.as_str()), also].into_iter().flatten() {
            let begin = format!("{}{begin}", keys::NAMES);
            let names = self.kernel.list_keys(&begin).await?;
            let alike = |key: &String| {
                let name = key.strip_prefix(keys::NAMES);
                name.is_some_and(|name| protocol::outline(name) == seen)
            };
            if names.iter().any(alike) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use protocol::outline;

    use crate::testing::{block_on, functions};

    #[test]
    fn accounts_are_found_by_how_their_names_look() {
        let f = functions();
        for name in ["lilli", "irene", "martin", "wu", "bob-42"] {
            f.sign_up(name);
        }
        let looks = |name: &str| block_on(f.identity.looks_like_account(&outline(name))).unwrap();
        for name in [
            "Lilli", "1i1li", "lrene", "IRENE", "rnartin", "Mártin", "vvu", "Wu.", "b0b 42",
        ] {
            assert!(looks(name), "{name}");
        }
        for name in ["lill", "marti", "w", "bob", "42", "漢", ""] {
            assert!(!looks(name), "{name}");
        }
    }
}
