//! Client certificates: one for each connection that wants one, made here, with its key (ECDSA, P-256).
//!
//! They are kept on the connector's disk, sealed with a key derived from the connector's (XChaCha20-Poly1305) and bound to
//! account and connection: the functions have no place for what a connector makes, and nobody else needs it. A connection that
//! another connector takes over gets another certificate.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use durable::Disk;
use hmac::{Hmac, Mac};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::Sha256;

use crate::kept::Kept;

/// The file.
const FILE: &str = "certificates";

/// Connections whose certificate is kept; the oldest is forgotten first, and then made anew.
const MOST: usize = 10_000;

/// What the key is derived for.
const PURPOSE: &[u8] = b"subspace client certificates for IRC v1";

/// Length of a nonce of XChaCha20-Poly1305, in bytes.
const NONCE: usize = 24;

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// What TLS presents.
    pub(crate) fn presented(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = self.key.clone_key();
        (vec![self.certificate.clone()], PrivateKeyDer::Pkcs8(key))
    }
}

/// Whose certificate it is: account and connection.
pub(crate) type Owner = (String, String);

/// All certificates.
pub(crate) struct Identities {
    kept: Kept<String>,
    key: [u8; 32],
    /// Held while one is made, so that nobody has two.
    making: std::sync::Mutex<()>,
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identities").finish_non_exhaustive()
    }
}

impl Identities {
    /// Reads those that were made; `secret` is the connector's key. Without a folder they last as long as the process.
    /// Blocking.
    pub(crate) fn open(folder: Option<&Path>, secret: &[u8]) -> Self {
        let kept = folder.map(|folder| Kept::open(Disk::default(), folder, FILE, MOST));
        let kept = match kept {
            Some(Ok(kept)) => kept,
            Some(Err(error)) => {
                tracing::error!(%error, "{FILE} cannot be read: client certificates are made anew");
                Kept::in_memory(FILE, MOST)
            }
            None => Kept::in_memory(FILE, MOST),
        };
        Self {
            kept,
            key: derived(secret),
            making: std::sync::Mutex::new(()),
        }
    }

    /// The certificate of a connection, made if there is none. Blocking.
    ///
    /// # Errors
    /// One sentence: it cannot be made, or is not kept.
    pub(crate) fn of(&self, owner: &Owner) -> Result<Arc<Identity>, String> {
        let _making = mutex::lock(&self.making);
        let context = format!("{}\n{}", owner.0, owner.1);
        let known = self.kept.get(&context);
        // One that does not open was sealed with another key of the connector.
        if let Some(identity) = known.and_then(|sealed| self.opened(&context, &sealed)) {
            return Ok(Arc::new(identity));
        }
        let failed = |error: &dyn std::fmt::Display| {
            format!("The certificate for this connection can't be made ({error}).")
        };
        let identity = made().map_err(|error| failed(&error))?;
        let sealed = self
            .sealed(&context, &identity)
            .ok_or_else(|| failed(&"no randomness"))?;
        // One that is lost with the next start would have been added to the account for nothing.
        self.kept
            .put(&context, Some(sealed))
            .map_err(|error| failed(&error))?;
        Ok(Arc::new(identity))
    }

    fn sealed(&self, context: &str, identity: &Identity) -> Option<String> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let certificate = STANDARD_NO_PAD.encode(&identity.certificate);
        let key = STANDARD_NO_PAD.encode(identity.key.secret_pkcs8_der());
        let text = format!("{certificate}.{key}");
        let payload = Payload {
            msg: text.as_bytes(),
            aad: context.as_bytes(),
        };
        let sealed =
            XChaCha20Poly1305::new(&self.key.into()).encrypt(&XNonce::from(nonce), payload);
        Some(STANDARD_NO_PAD.encode([&nonce[..], &sealed.ok()?].concat()))
    }

    fn opened(&self, context: &str, sealed: &str) -> Option<Identity> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: context.as_bytes(),
        };
        let cipher = XChaCha20Poly1305::new(&self.key.into());
        let text = cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        let text = String::from_utf8(text).ok()?;
        let (certificate, key) = text.split_once('.')?;
        let decoded = |text: &str| STANDARD_NO_PAD.decode(text).ok();
        Some(Identity {
            certificate: decoded(certificate)?.into(),
            key: decoded(key)?.into(),
        })
    }
}

fn made() -> Result<Identity, rcgen::Error> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    // Networks show it; it tells nothing of whose it is.
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "IRC client");
    let certificate = params.self_signed(&key)?;
    Ok(Identity {
        certificate: certificate.der().clone(),
        key: key.serialize_der().into(),
    })
}

/// HMAC-SHA256 with the connector's key: who has the result can neither sign as the connector nor derive its other keys.
fn derived(secret: &[u8]) -> [u8; 32] {
    // A key of any length is one (RFC 2104, section 2), so there is always a result.
    Hmac::<Sha256>::new_from_slice(secret)
        .map(|mut mac| {
            mac.update(PURPOSE);
            mac.finalize().into_bytes().into()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(account: &str) -> Owner {
        (account.to_owned(), "c1".to_owned())
    }

    #[test]
    fn a_certificate_stays_and_is_its_connections_alone() {
        let folder = tempfile::tempdir().unwrap();
        let open = |secret: &[u8]| Identities::open(Some(folder.path()), secret);
        let der = |identities: &Identities, account: &str| {
            identities.of(&owner(account)).unwrap().certificate.clone()
        };
        let identities = open(b"secret");
        let alice = der(&identities, "alice");
        assert_eq!(der(&identities, "alice"), alice);
        assert_ne!(der(&identities, "bob"), alice);
        let key = identities.of(&owner("alice")).unwrap();
        let key = STANDARD_NO_PAD.encode(key.key.secret_pkcs8_der());
        drop(identities);
        assert_eq!(der(&open(b"secret"), "alice"), alice);
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains(&key) && text.contains("alice"), "{text}");
        // What another key sealed is made anew, and so is what was sealed for somebody else.
        assert_ne!(der(&open(b"other"), "alice"), alice);
        let identities = open(b"secret");
        let of_bob = identities.kept.get("bob\nc1");
        identities.kept.put("alice\nc1", of_bob).unwrap();
        assert_ne!(der(&identities, "alice"), der(&identities, "bob"));
    }
}
