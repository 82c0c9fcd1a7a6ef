//! Time-limited credentials for TURN servers: user name `expiry:name`, password base64(HMAC-SHA1(secret, user name)),
//! as in draft-uberti-behave-turn-rest-00.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use sha1::Sha1;
use storage_adapter::ObjectStore;

use crate::chat::Chat;
use crate::kernel::config::TurnConfig;
use crate::kernel::host::Host;
use crate::kernel::problem::Failure;

/// How long credentials last, in seconds: 6 hours. An allocation that was made with them may last longer.
pub(crate) const TTL: i64 = 6 * 60 * 60;
/// How long those of guests last: an hour.
pub(crate) const GUEST_TTL: i64 = 60 * 60;

/// Credentials for the TURN servers of the installation, as `GET /api/turn` answers them.
#[derive(Clone, serde::Serialize)]
pub struct TurnCredentials {
    /// For `RTCIceServer.username`.
    pub username: String,
    /// For `RTCIceServer.credential`.
    pub credential: String,
    /// Seconds for which they may be used.
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

/// Makes credentials for somebody: an account, or a guest under a name that no account can have. `now` is in seconds.
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
    /// Makes credentials for whoever may call, for so many seconds: for an account under its name; for a guest under
    /// `guest:<starter>/<call>`, which no account can be named. The TURN server counts its quotas by this name: all
    /// guests of a call have one, and all calls of an account one, however often their links are opened.
    pub(crate) fn turn_credentials(
        &self,
        name: &str,
        ttl: i64,
    ) -> Result<TurnCredentials, Failure> {
        let config = self.kernel.config().turn.as_ref().ok_or_else(|| {
            Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "this installation has no TURN server; calls work only between people who reach each other directly",
            )
        })?;
        Ok(credentials(
            config,
            name,
            ttl,
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
