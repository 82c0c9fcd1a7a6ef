//! Time-limited credentials for TURN servers: user name `expiry:name`, password base64(HMAC-SHA1(secret, user name)),
//! as in draft-uberti-behave-turn-rest-00.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use protocol::AccountName;
use sha1::Sha1;
use storage_adapter::ObjectStore;

use crate::chat::Chat;
use crate::kernel::config::TurnConfig;
use crate::kernel::host::Host;
use crate::kernel::problem::Failure;

/// How long an account's credentials last, in seconds: half an hour, and an allocation made with them may last as long
/// again. A TURN server does not learn that a session has ended, so credentials are short-lived, and clients renew them
/// during a call.
pub(crate) const TTL: i64 = 30 * 60;
/// How long a guest's credentials last, in seconds: an hour, and so may an allocation made with them.
pub(crate) const GUEST_TTL: i64 = 60 * 60;

/// Who uses the relay.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Relayed<'a> {
    /// An account.
    Member(&'a str),
    /// A guest of a call.
    Guest {
        /// Who started the call.
        starter: &'a AccountName,
        /// The call's id.
        call: &'a str,
    },
}

impl Relayed<'_> {
    /// Returns how long the credentials last, in seconds.
    pub(crate) const fn ttl(self) -> i64 {
        match self {
            Self::Member(_) => TTL,
            Self::Guest { .. } => GUEST_TTL,
        }
    }

    /// Returns the name by which the TURN server counts quotas. For guests it is `guest:<starter>/<call>`, which cannot
    /// be an account's name. All guests of a call share one, so reopening a link gains nothing.
    fn name(self) -> String {
        match self {
            Self::Member(account) => account.to_owned(),
            Self::Guest { starter, call } => format!("guest:{starter}/{call}"),
        }
    }
}

/// Credentials for the TURN servers of the installation, as returned by `GET /api/turn`.
#[derive(Clone, serde::Serialize)]
pub struct TurnCredentials {
    /// For `RTCIceServer.username`.
    pub username: String,
    /// For `RTCIceServer.credential`.
    pub credential: String,
    /// How long they are valid, in seconds.
    pub ttl: i64,
    /// For `RTCIceServer.urls`.
    pub urls: Vec<String>,
}

impl std::fmt::Debug for TurnCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TurnCredentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Creates credentials that are valid for `ttl` seconds; `now` is in seconds.
fn credentials(config: &TurnConfig, name: &str, ttl: i64, now: i64) -> TurnCredentials {
    let username = format!("{}:{name}", now + ttl);
    #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac =
        Hmac::<Sha1>::new_from_slice(&config.secret).expect("HMAC takes keys of every length");
    mac.update(username.as_bytes());
    let credential = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    TurnCredentials {
        username,
        credential,
        ttl,
        urls: config.urls.clone(),
    }
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// Creates credentials for a participant of a call.
    pub(crate) fn turn_credentials(&self, whose: Relayed<'_>) -> Result<TurnCredentials, Failure> {
        let config = self.kernel.config().turn.as_ref().ok_or_else(|| {
            Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "this installation has no TURN server; calls work only between people who reach each other directly",
            )
        })?;
        Ok(credentials(
            config,
            &whose.name(),
            whose.ttl(),
            self.kernel.now().millis() / 1000,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_turn_servers_compute() {
        let config = TurnConfig {
            urls: vec!["turn:x".into()],
            secret: b"secret".to_vec(),
        };
        let made = credentials(&config, "alice", TTL, 1_700_000_000 - TTL);
        assert_eq!(made.username, "1700000000:alice");
        // printf %s 1700000000:alice | openssl dgst -sha1 -hmac secret -binary | base64
        assert_eq!(made.credential, "d8soP47RbdIKLDUOpnJPVQyq5Ts=");
        assert!(!format!("{made:?} {config:?}").contains(&made.credential));
        assert!(!format!("{config:?}").contains("115, 101"));
    }
}
