//! How a connector learns that a session ended: `/connector/sessions`.
//!
//! A connector lets somebody receive and speak because the functions vouched for them once: by a ticket, or by
//! `POST /connector/authenticate`. It remembers by which grant, and asks from time to time which of
//! those that it acts for are over. A version that changes whenever anything ended makes asking cheap.

use serde::{Deserialize, Serialize};

use crate::{AccountName, Timestamp};

/// Most sessions, and most calls, of one question.
pub const MAX_SESSIONS_ASKED: usize = 500;

/// What somebody was admitted by.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SessionRef {
    /// Whose.
    pub account: AccountName,
    /// Id of the grant: of the session that a ticket was made from, or of the `irc` grant that was shown. Absent if the
    /// account's password was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// When they were admitted. Without a grant it is over once the password has changed since.
    pub since: Timestamp,
}

/// Body of `POST /connector/sessions`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct SessionsQuery {
    /// Those that the connector acts for.
    #[serde(default)]
    pub sessions: Vec<SessionRef>,
    /// Ids of calls that are going on there.
    #[serde(default)]
    pub calls: Vec<String>,
}

/// Answer to `GET` (the version only) and `POST /connector/sessions`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct SessionsAnswer {
    /// Another text after anything ended; while it is the same nothing has.
    pub version: String,
    /// Those of the question that are over: signed out, revoked, expired, or their account is gone or disabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<SessionRef>,
    /// Those of the question whose link is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_calls: Vec<String>,
}
