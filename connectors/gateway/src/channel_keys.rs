//! Channel keys are secrets. The functions keep them in the connection's record, so that it can rejoin its channels.
//! On the way there they are stored sealed in the spool's files, with XChaCha20-Poly1305 and a key derived from the
//! connector's.
//!
//! Older spool records contain channel keys in plain text and are published unchanged.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use connector_kit::FunctionsClient;
use program::Seldom;
use protocol::{Event, EventBody};
use serde_json::Value;

/// Purpose string for deriving the sealing key.
const PURPOSE: &[u8] = b"subspace keys of channels in spools v1";
/// Prefix of a sealed key, which takes the place of the plain one.
const PREFIX: &str = "sealed:v1.";
/// Length of an XChaCha20-Poly1305 nonce, in bytes.
const NONCE: usize = 24;

static SEALED: Seldom = Seldom::new();

/// Seals and opens channel keys.
pub(crate) struct ChannelKeys([u8; 32]);

impl std::fmt::Debug for ChannelKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelKeys").finish_non_exhaustive()
    }
}

impl ChannelKeys {
    pub(crate) fn new(client: &FunctionsClient) -> Self {
        Self(client.derive_key(PURPOSE))
    }

    /// Returns an event in the form in which it may be stored on disk: the key of a joined channel is sealed, for
    /// this connection only. If the system has no randomness, the key is left out and the channel is joined without
    /// it after a restart.
    pub(crate) fn seal<'a>(&self, event: &'a Event) -> Cow<'a, Event> {
        let EventBody::Joined { channel } = &event.body else {
            return Cow::Borrowed(event);
        };
        let Some((name, key)) = channel.split_once(' ') else {
            return Cow::Borrowed(event);
        };
        let mut sealed = event.clone();
        let channel = match self.seal_key(&context(event.account.as_str(), &event.connection), key)
        {
            Some(key) => format!("{name} {key}"),
            None => name.to_owned(),
        };
        sealed.body = EventBody::Joined { channel };
        Cow::Owned(sealed)
    }

    fn seal_key(&self, context: &str, key: &str) -> Option<String> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let payload = Payload {
            msg: key.as_bytes(),
            aad: context.as_bytes(),
        };
        let sealed = XChaCha20Poly1305::new(&self.0.into())
            .encrypt(&XNonce::from(nonce), payload)
            .ok()?;
        let bytes = [&nonce[..], &sealed].concat();
        Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Returns a spool record as the functions should receive it. A key that cannot be opened because the connector's
    /// key has changed is left out.
    pub(crate) fn open<'a>(&self, record: &'a [u8]) -> Cow<'a, [u8]> {
        let marked = record
            .windows(PREFIX.len())
            .any(|part| part == PREFIX.as_bytes());
        if !marked {
            return Cow::Borrowed(record);
        }
        self.opened(record)
            .map_or(Cow::Borrowed(record), Cow::Owned)
    }

    fn opened(&self, record: &[u8]) -> Option<Vec<u8>> {
        let mut event: Value = serde_json::from_slice(record).ok()?;
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        if text("event") != Some("joined") {
            return None;
        }
        let (name, sealed) = text("channel")?.split_once(' ')?;
        let sealed = sealed.strip_prefix(PREFIX)?;
        let context = context(text("account")?, text("connection")?);
        let channel = match self.open_key(&context, sealed) {
            Some(key) => format!("{name} {key}"),
            None => {
                if let Some(left_out) = SEALED.say() {
                    tracing::warn!(
                        account = text("account"),
                        left_out,
                        "a joined channel's key cannot be opened with this connector's key; keeping the channel without it"
                    );
                }
                name.to_owned()
            }
        };
        event["channel"] = channel.into();
        serde_json::to_vec(&event).ok()
    }

    fn open_key(&self, context: &str, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: context.as_bytes(),
        };
        let key = XChaCha20Poly1305::new(&self.0.into())
            .decrypt(&XNonce::from(*nonce), payload)
            .ok()?;
        String::from_utf8(key).ok()
    }
}

/// The context that a sealed key is bound to.
fn context(account: &str, connection: &str) -> String {
    format!("{account}\n{connection}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(connector: u8) -> ChannelKeys {
        let client = FunctionsClient::new("http://127.0.0.1:1", "irc", &[connector; 32]);
        ChannelKeys::new(&client.unwrap())
    }

    fn joined(channel: &str) -> Event {
        Event {
            id: "e1".into(),
            account: "alice".parse().unwrap(),
            connection: "c".into(),
            body: EventBody::Joined {
                channel: channel.to_owned(),
            },
        }
    }

    fn record(event: &Event) -> Vec<u8> {
        serde_json::to_vec(event).unwrap()
    }

    fn read(record: &[u8]) -> Event {
        serde_json::from_slice(record).unwrap()
    }

    #[test]
    fn a_key_is_in_no_record_and_comes_back_out_of_it() {
        let event = joined("#c hunter-2 sealed:v1.x");
        let stored = record(&keys(1).seal(&event));
        let text = String::from_utf8_lossy(&stored);
        assert!(
            text.contains("#c sealed:v1.") && !text.contains("hunter"),
            "{text}"
        );
        assert_eq!(read(&keys(1).open(&stored)), event);
        assert_ne!(stored, record(&keys(1).seal(&event)), "never twice alike");
        // With a different connector key, or moved to another connection, only the channel remains.
        assert_eq!(read(&keys(2).open(&stored)), joined("#c"));
        let moved = text.replace("alice", "mallory");
        let left = read(&keys(1).open(moved.as_bytes()));
        assert_eq!(left.body, joined("#c").body);
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for event in [
            joined("#c"),
            Event {
                body: EventBody::Left {
                    channel: "#c sealed:v1.x".into(),
                },
                ..joined("")
            },
        ] {
            let stored = record(&keys(1).seal(&event));
            assert_eq!(read(&stored), event);
            assert_eq!(*keys(1).open(&stored), stored);
        }
        // As written by earlier versions.
        let old = record(&joined("#c hunter-2"));
        assert_eq!(*keys(1).open(&old), old);
    }
}
