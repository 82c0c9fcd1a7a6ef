//! How a connector learns that a session has ended: `/connector/sessions`.
//!
//! A connector lets clients receive and send because the functions authenticated them once: by a ticket, or by `POST
//! /connector/authenticate`. It remembers the grant, and asks from time to time which of its clients' sessions have
//! ended. A version that changes whenever any session ends makes asking cheap.

use serde::{Deserialize, Serialize};

use crate::{AccountName, Timestamp};

/// The most sessions, and the most calls, in one request.
pub const MAX_SESSIONS_ASKED: usize = 500;

/// The credential with which somebody was admitted.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SessionRef {
    /// The account.
    pub account: AccountName,
    /// Id of the grant: of the session for which a ticket was issued, or of the `irc` grant that was used. Absent if
    /// the account's password was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// When they were admitted. Without a grant, the session ends when the password changes after that.
    pub since: Timestamp,
}

/// Body of `POST /connector/sessions`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct SessionsQuery {
    /// The sessions that the connector acts for.
    #[serde(default)]
    pub sessions: Vec<SessionRef>,
    /// Ids of the calls in progress there.
    #[serde(default)]
    pub calls: Vec<String>,
}

/// Response to `GET` (the version only) and `POST /connector/sessions`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct SessionsAnswer {
    /// Changes whenever anything ends; as long as it is the same, nothing has.
    pub version: String,
    /// Those of the request that have ended: signed out, revoked, expired, or their account is gone or disabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<SessionRef>,
    /// Those of the request whose link is no longer valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_calls: Vec<String>,
}
