//! Bodies of `/api/…`, including errors.

use serde::{Deserialize, Serialize};

use crate::{AccountName, ArchiveView, GrantKind, Scopes, Timestamp};

/// RFC 9457 problem details, `application/problem+json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Problem {
    /// Always `about:blank`: the status is sufficient.
    #[serde(rename = "type", default = "Problem::about_blank")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// One sentence: what was wrong, with which input, what to do.
    pub detail: String,
}

impl Problem {
    /// Creates problem details.
    #[must_use]
    pub fn new(status: u16, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: Self::about_blank(),
            title: title.to_owned(),
            status,
            detail: detail.into(),
        }
    }

    fn about_blank() -> String {
        "about:blank".to_owned()
    }
}

/// `POST /api/accounts`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NewAccount {
    /// The requested name.
    pub name: String,
    /// The new password.
    pub password: String,
    /// The token of an invite; or
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
    /// the set-up token, for the first account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
}

/// `POST /api/session`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NewSession {
    /// The account.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// Response to `POST /api/session` and `POST /api/accounts`; without `token`, to `GET /api/session`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct SessionResponse {
    /// The account.
    pub account: AccountName,
    /// May administer the installation.
    pub admin: bool,
    /// `alice@chat.example.org`, for connecting remoteStorage apps.
    pub user_address: String,
    /// The storage root, without a trailing slash.
    pub storage: String,
    /// Where chat archives are stored, if not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveView>,
    /// Bearer token for `/api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When the token expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// `POST /api/grants`: a token for an app or an IRC client.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NewGrant {
    /// `app` or `irc`.
    pub kind: GrantKind,
    /// Who holds it: an origin or a label.
    pub client: String,
    /// Its permissions; required for `app`, absent for `irc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Whether it is bound to the requesting session and ends with it, like the web client's own tokens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub with_session: bool,
}

/// Response to `POST /api/tickets`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TicketResponse {
    /// One entry per connector.
    pub connectors: Vec<ConnectorAddress>,
    /// When the tickets expire.
    pub expires: Timestamp,
}

/// A connector that the account may use.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConnectorAddress {
    /// The connector's id.
    pub id: String,
    /// Origin of its Sockethub server, `https://irc.example.org`; the path is `/sockethub`.
    pub url: String,
    /// Its platforms, `irc`.
    pub platforms: Vec<String>,
    /// The ticket for it.
    pub ticket: String,
}

/// `POST /connector/authenticate`: the IRC server asks whether a password is right.
#[derive(Clone, Deserialize, Serialize)]
pub struct AuthenticateRequest {
    /// The account's name, as typed.
    pub name: String,
    /// The account's password, or the token of an `irc` grant.
    pub password: String,
    /// Address of the client that sent it, so that guessing slows down only that client. Absent if many share one: then
    /// only the account is slowed down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl std::fmt::Debug for AuthenticateRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthenticateRequest")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Response to `POST /connector/authenticate`; without an account, the password is wrong.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct AuthenticateResponse {
    /// The authenticated account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Id of the `irc` grant that was used; absent for the account's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Whether the account may administer the installation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
    /// The password is right, but the account is disabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Why not, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds until a retry is worthwhile, if the password was not checked because of too many wrong ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
}
