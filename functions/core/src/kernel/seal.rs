//! Keys derived from the master key, and what is encrypted or signed with them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use protocol::AccountName;
use sha2::Sha256;

/// Length of an XChaCha20-Poly1305 nonce, in bytes.
pub(crate) const NONCE: usize = 24;
/// Marks the format of encrypted secrets.
const PREFIX: &str = "v1.";

/// Keys for single purposes, derived with HKDF-SHA256 (RFC 5869).
pub(crate) struct Keys {
    secrets: [u8; 32],
    forms: [u8; 32],
    connectors: [u8; 32],
}

/// An encrypted secret cannot be decrypted: the master key is another one, or it was moved to another connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the secret cannot be decrypted with this installation's master key")]
pub(crate) struct SealError;

impl Keys {
    pub(crate) fn derive(master: &[u8; 32]) -> Self {
        let kdf = Hkdf::<Sha256>::new(None, master);
        let key = |purpose: &[u8]| {
            let mut key = [0; 32];
            #[allow(
                clippy::expect_used,
                reason = "32 bytes are within what HKDF-SHA256 gives, RFC 5869 section 2.3"
            )]
            kdf.expand(purpose, &mut key)
                .expect("32 bytes are within what HKDF gives");
            key
        };
        Self {
            secrets: key(b"subspace connection secrets v1"),
            forms: key(b"subspace forms v1"),
            connectors: key(b"subspace registered connectors v1"),
        }
    }

    /// Returns the key of a connector that an admin created; each generation has a different one.
    pub(crate) fn connector(&self, id: &str, generation: u32) -> Vec<u8> {
        let mut key = vec![0; 32];
        let info = format!("{generation} {id}");
        #[allow(
            clippy::expect_used,
            reason = "32 bytes are within what HKDF-SHA256 gives, RFC 5869 section 2.3"
        )]
        Hkdf::<Sha256>::new(None, &self.connectors)
            .expand(info.as_bytes(), &mut key)
            .expect("32 bytes are within what HKDF gives");
        key
    }

    /// Encrypts the secret of a connection, bound to this connection of this account.
    pub(crate) fn seal(
        &self,
        account: &AccountName,
        connection: &str,
        secret: &str,
        nonce: [u8; NONCE],
    ) -> Result<String, SealError> {
        let aad = format!("{account}\n{connection}");
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: aad.as_bytes(),
        };
        let sealed = XChaCha20Poly1305::new(&self.secrets.into())
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError)?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Decrypts what [`Keys::seal`] encrypted.
    pub(crate) fn open(
        &self,
        account: &AccountName,
        connection: &str,
        sealed: &str,
    ) -> Result<String, SealError> {
        let text = sealed.strip_prefix(PREFIX).ok_or(SealError)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(SealError)?;
        let aad = format!("{account}\n{connection}");
        let payload = Payload {
            msg: sealed,
            aad: aad.as_bytes(),
        };
        let secret = XChaCha20Poly1305::new(&self.secrets.into())
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| SealError)?;
        String::from_utf8(secret).map_err(|_| SealError)
    }

    /// Creates the token that a form has to send back.
    pub(crate) fn form_token(&self, session: &str, form: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.form_mac(session, form).finalize().into_bytes())
    }

    /// Verifies the token of a form in constant time.
    pub(crate) fn form_token_fits(&self, session: &str, form: &str, token: &str) -> bool {
        URL_SAFE_NO_PAD
            .decode(token)
            .is_ok_and(|token| self.form_mac(session, form).verify_slice(&token).is_ok())
    }

    fn form_mac(&self, session: &str, form: &str) -> Hmac<Sha256> {
        #[allow(
            clippy::expect_used,
            reason = "HMAC takes keys of every length, RFC 2104 section 2"
        )]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.forms).expect("HMAC takes keys of every length");
        for part in [session, form] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_belongs() {
        let keys = Keys::derive(&[1; 32]);
        let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let sealed = keys.seal(&alice, "c1", "hunter2", [9; NONCE]).unwrap();
        assert!(!sealed.contains("hunter2"));
        assert_eq!(keys.open(&alice, "c1", &sealed).unwrap(), "hunter2");
        assert_eq!(keys.open(&alice, "c2", &sealed), Err(SealError));
        assert_eq!(keys.open(&bob, "c1", &sealed), Err(SealError));
        let other = Keys::derive(&[2; 32]);
        assert_eq!(other.open(&alice, "c1", &sealed), Err(SealError));
        for damaged in ["", "v1.", "hunter2", "v1.AAAA", &format!("{sealed}A")] {
            assert_eq!(
                keys.open(&alice, "c1", damaged),
                Err(SealError),
                "{damaged}"
            );
        }
    }

    #[test]
    fn a_form_token_fits_one_form_of_one_session() {
        let keys = Keys::derive(&[1; 32]);
        let token = keys.form_token("s", "f");
        assert!(keys.form_token_fits("s", "f", &token));
        assert!(!keys.form_token_fits("s2", "f", &token));
        assert!(!keys.form_token_fits("s", "f2", &token));
        assert!(!keys.form_token_fits("sf", "", &token));
        assert!(!keys.form_token_fits("s", "f", ""));
        assert!(!Keys::derive(&[2; 32]).form_token_fits("s", "f", &token));
    }
}
