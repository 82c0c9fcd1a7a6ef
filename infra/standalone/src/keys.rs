//! Keys of the connectors, derived from the master key.

/// Every connector has a separate key, so that a leaked one opens nothing else.
pub(crate) fn connector_key(master: &[u8; 32], id: &str) -> Vec<u8> {
    let mut key = vec![0; 32];
    let info = format!("subspace connector v1 {id}");
    // HKDF-SHA256 only fails above 255 * 32 bytes (RFC 5869, section 2.3).
    let expanded = hkdf::Hkdf::<sha2::Sha256>::new(None, master).expand(info.as_bytes(), &mut key);
    debug_assert!(expanded.is_ok());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_have_keys_of_their_own() {
        assert_eq!(
            connector_key(&[1; 32], "irc"),
            connector_key(&[1; 32], "irc")
        );
        assert_ne!(
            connector_key(&[1; 32], "irc"),
            connector_key(&[1; 32], "ircd")
        );
        assert_ne!(
            connector_key(&[1; 32], "irc"),
            connector_key(&[2; 32], "irc")
        );
    }
}
