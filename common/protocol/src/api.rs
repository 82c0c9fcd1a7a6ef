//! Bodies of `/api/…` and of the errors there.

use serde::{Deserialize, Serialize};

use crate::{AccountName, ArchiveView, GrantKind, Scopes, Timestamp};

/// RFC 9457 problem details, `application/problem+json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Problem {
    /// Always `about:blank`: the status says it.
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
    /// Makes problem details.
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
    /// The name wanted.
    pub name: String,
    /// The password wanted.
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

/// Answer to `POST /api/session` and `POST /api/accounts`; without `token`, to `GET /api/session`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct SessionResponse {
    /// The account.
    pub account: AccountName,
    /// May manage the installation.
    pub admin: bool,
    /// `alice@chat.example.org`, to connect remoteStorage apps with.
    pub user_address: String,
    /// The storage root, without a slash at its end.
    pub storage: String,
    /// Where chat archives are kept, if not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveView>,
    /// Bearer token for `/api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When the token ends.
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
    /// What it may do; required for `app`, absent for `irc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Whether it ends with the session that asks for it, as what the web client needs for itself does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub with_session: bool,
}

/// Answer to `POST /api/tickets`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TicketResponse {
    /// One entry a connector.
    pub connectors: Vec<ConnectorAddress>,
    /// When the tickets end.
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
    /// Address of the client that shows it, so that one that guesses slows down itself only. Absent if many share one:
    /// then the account alone is slowed down.
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

/// Answer to `POST /connector/authenticate`; absent account means no.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct AuthenticateResponse {
    /// The account that was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Id of the `irc` grant that was shown; absent for the account's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Whether the account may manage the installation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
    /// The password is right, but the account is disabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Why not, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds until it is worth trying again, if it was not looked at because of too many wrong ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u64>,
}
