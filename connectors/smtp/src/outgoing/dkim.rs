//! DKIM signatures (RFC 6376), by which other servers recognise mail from our domain, with RSA (RFC 8301) or Ed25519
//! (RFC 8463).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::{DkimSigner, Done};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

/// The default selector.
const SELECTOR: &str = "subspace";
/// Maximum length of a selector, which is that of a DNS label.
const MAX_SELECTOR: usize = 63;
/// Maximum length of a string in a TXT record (RFC 1035 section 3.3.14).
const TXT_PIECE: usize = 255;
/// The signed fields. RFC 8058 section 3.1 requires both `List-Unsubscribe` fields, RFC 6376 section 5.4 the others.
const FIELDS: [&str; 11] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Signs mails of one domain.
#[derive(Clone)]
pub struct Dkim {
    signer: Arc<Signer>,
    name: String,
    record: String,
}

enum Signer {
    Rsa(DkimSigner<RsaKey<Sha256>, Done>),
    Ed25519(DkimSigner<Ed25519Key, Done>),
}

impl fmt::Debug for Dkim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dkim")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Dkim {
    /// Creates a signer from a private key in PEM, RSA (PKCS #1 or PKCS #8, 2048 bits or more) or Ed25519 (PKCS #8),
    /// the name of the key in the domain (by default `subspace`), and the domain of the sender's address.
    ///
    /// # Errors
    /// One sentence: which key is wrong and what is expected; it reveals nothing about the key.
    pub fn new(pem: &[u8], selector: Option<&str>, domain: &str) -> Result<Self, String> {
        let selector = selector.unwrap_or(SELECTOR);
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if selector.is_empty() || selector.len() > MAX_SELECTOR || !selector.bytes().all(fits) {
            let found = Some(selector.to_owned());
            let expected = "a name like subspace";
            return Err(options::Invalid::new("mail_dkim_selector", found, expected).to_string());
        }
        let unusable = || {
            "mail-dkim-key: found no key that can sign, expected a PEM file with a private key: RSA of 2048 to 4096 bits \
             (openssl genrsa 2048) or Ed25519"
                .to_owned()
        };
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| unusable())?;
        let ed25519 = match &key {
            PrivateKeyDer::Pkcs8(der) => {
                Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_pkcs8_der()).ok()
            }
            _ => None,
        };
        let (signer, kind, public) = match ed25519 {
            Some(key) => {
                let public = key.public_key();
                let signer = DkimSigner::from_key(key)
                    .domain(domain)
                    .selector(selector)
                    .headers(FIELDS);
                (Signer::Ed25519(signer), "ed25519", public)
            }
            None => {
                let key = RsaKey::<Sha256>::from_key_der(key).map_err(|_| unusable())?;
                let public = subject_public_key_info(&key.public_key());
                let signer = DkimSigner::from_key(key)
                    .domain(domain)
                    .selector(selector)
                    .headers(FIELDS);
                (Signer::Rsa(signer), "rsa", public)
            }
        };
        Ok(Self {
            signer: Arc::new(signer),
            name: format!("{selector}._domainkey.{domain}"),
            record: format!("v=DKIM1; k={kind}; p={}", STANDARD.encode(public)),
        })
    }

    /// Name of the TXT record that must be published.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Content of that record.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }

    /// That record as a line of a zone file (RFC 1035 section 5.1).
    #[must_use]
    pub fn zone_line(&self) -> String {
        let mut line = format!("{}. TXT", self.name);
        let mut rest = self.record.as_str();
        while !rest.is_empty() {
            // The record is ASCII.
            let (piece, more) = rest.split_at(rest.len().min(TXT_PIECE));
            line.push_str(&format!(" \"{piece}\""));
            rest = more;
        }
        line
    }

    /// Returns the mail with its signature prepended.
    ///
    /// # Errors
    /// One sentence: it cannot be signed.
    pub(crate) fn sign(&self, mail: &[u8]) -> Result<Vec<u8>, String> {
        let signature = match &*self.signer {
            Signer::Rsa(signer) => signer.sign(mail),
            Signer::Ed25519(signer) => signer.sign(mail),
        };
        let field = signature
            .map_err(|error| format!("the mail cannot be signed: {error}"))?
            .to_header();
        Ok([field.as_bytes(), mail].concat())
    }
}

/// An RSA key in the form of DKIM's `p=`: `SubjectPublicKeyInfo` (RFC 5280 section 4.1) around `RSAPublicKey` (RFC
/// 8017 appendix A.1.1).
fn subject_public_key_info(rsa: &[u8]) -> Vec<u8> {
    /// `AlgorithmIdentifier` of rsaEncryption, with NULL.
    const ALGORITHM: [u8; 15] = [
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    // No unused bits.
    let bits = der(0x03, &[&[0], rsa].concat());
    der(0x30, &[&ALGORITHM, bits.as_slice()].concat())
}

/// A DER element (X.690 section 8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|b| **b == 0).count()..];
    let mut out = vec![tag];
    match length {
        [] => out.push(0),
        [short @ 0..=0x7f] => out.push(*short),
        // At most eight bytes.
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            out.extend(long);
        }
    }
    out.extend(content);
    out
}

#[cfg(test)]
mod tests {
    use std::borrow::Borrow;
    use std::hash::Hash;
    use std::sync::Arc;

    use mail_auth::common::parse::TxtRecordParser as _;
    use mail_auth::common::verify::DomainKey;
    use mail_auth::{AuthenticatedMessage, DkimResult, Parameters, ResolverCache, Txt};

    use super::*;
    use crate::checks::resolver;

    const MAIL: &str = "From: Home <subspace@chat.example.org>\r\nTo: bob@example.org\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\
        Date: Thu, 15 Jan 2026 10:00:00 +0000\r\nMessage-ID: <a@chat.example.org>\r\nMIME-Version: 1.0\r\n\
        List-Unsubscribe: <https://chat.example.org/notifications/unsubscribe/x>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello\r\n\r\n";

    /// DNS with a single record.
    struct Published(String, Arc<DomainKey>);

    impl ResolverCache<Box<str>, Txt> for Published {
        fn get<Q>(&self, name: &Q) -> Option<Txt>
        where
            Box<str>: Borrow<Q>,
            Q: Hash + Eq + ?Sized,
        {
            let own: Box<str> = format!("{}.", self.0).into();
            let own: &Q = own.borrow();
            (own == name).then(|| Txt::DomainKey(Arc::clone(&self.1)))
        }

        fn remove<Q>(&self, _: &Q) -> Option<Txt>
        where
            Box<str>: Borrow<Q>,
            Q: Hash + Eq + ?Sized,
        {
            None
        }

        fn insert(&self, _: Box<str>, _: Txt, _: std::time::Instant) {}
    }

    async fn passes(dkim: &Dkim, mail: &[u8]) -> bool {
        let key = DomainKey::parse(dkim.record().as_bytes()).unwrap();
        let published = Published(dkim.name().to_owned(), Arc::new(key));
        let nowhere = resolver(Some("127.0.0.1:9".parse().unwrap())).unwrap();
        let message = AuthenticatedMessage::parse(mail).unwrap();
        let outputs = nowhere
            .verify_dkim(Parameters::new(&message).with_txt_cache(&published))
            .await;
        assert_eq!(outputs.len(), 1);
        *outputs[0].result() == DkimResult::Pass
    }

    fn ed25519() -> Dkim {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        Dkim::new(key.serialize_pem().as_bytes(), None, "chat.example.org").unwrap()
    }

    #[tokio::test]
    async fn a_signature_is_of_the_domain_until_a_byte_changes() {
        let dkim = ed25519();
        assert_eq!(dkim.name(), "subspace._domainkey.chat.example.org");
        let signed = String::from_utf8(dkim.sign(MAIL.as_bytes()).unwrap()).unwrap();
        assert!(
            signed.ends_with(MAIL) && signed.starts_with("DKIM-Signature: v=1;"),
            "{signed}"
        );
        assert!(passes(&dkim, signed.as_bytes()).await, "{signed}");
        for (was, is) in [
            ("Hello", "Hallo"),
            ("unsubscribe/x", "unsubscribe/y"),
            ("One-Click", "Two-Click"),
            ("bob@", "eve@"),
            ("Home", "Away"),
        ] {
            assert!(
                !passes(&dkim, signed.replace(was, is).as_bytes()).await,
                "{was}"
            );
        }
        // Someone else's key proves nothing.
        assert!(!passes(&ed25519(), signed.as_bytes()).await);
        let shown = format!("{dkim:?}");
        assert_eq!(
            shown,
            "Dkim { name: \"subspace._domainkey.chat.example.org\", .. }"
        );
    }

    #[test]
    fn what_cannot_sign_is_named() {
        let ecdsa = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for pem in [
            "",
            "x",
            &ecdsa,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            let error = Dkim::new(pem.as_bytes(), None, "a.example").unwrap_err();
            assert!(error.starts_with("mail-dkim-key:"), "{error}");
        }
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)
            .unwrap()
            .serialize_pem();
        for selector in ["", "a b", "a;b", &"x".repeat(64)] {
            let error = Dkim::new(key.as_bytes(), Some(selector), "a.example").unwrap_err();
            assert!(error.starts_with("mail-dkim-selector:"), "{error}");
        }
    }

    #[test]
    fn der_lengths_are_the_shortest() {
        assert_eq!(der(4, &[]), [4, 0]);
        assert_eq!(der(4, &[7; 127])[..2], [4, 127]);
        assert_eq!(der(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(der(4, &[7; 256])[..4], [4, 0x82, 1, 0]);
        assert_eq!(der(4, &[7; 256]).len(), 260);
    }
}
