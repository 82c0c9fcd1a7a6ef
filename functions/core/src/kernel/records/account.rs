//! The records of accounts in the object store. They contain hashes and encrypted secrets, so they are never sent to
//! others: what is exposed has separate types in `protocol`.

use std::fmt;

use protocol::{
    AccountName, ArchiveState, ArchiveView, EmailAddress, GrantKind, MailResult, Scopes, Timestamp,
};
use serde::{Deserialize, Serialize};

/// `accounts/<account>/account.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct AccountRecord {
    /// Version of this record's format: 1.
    pub(crate) version: u32,
    /// The account's name.
    pub(crate) name: AccountName,
    /// argon2id hash of the password in PHC form.
    pub(crate) password: String,
    /// May administer the whole installation.
    pub(crate) admin: bool,
    /// Quota in bytes; absent for the installation's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quota: Option<u64>,
    /// Where chat archives are stored, if not in the account's storage here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<ArchivePlace>,
    /// When the account was created.
    pub(crate) created: Timestamp,
    /// When the password was last changed, if ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password_changed: Option<Timestamp>,
}

/// A storage on an external remoteStorage server in which an account's chat archives are kept.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct ArchivePlace {
    /// The user's address there, `alice@example.org`.
    pub(crate) user_address: String,
    /// The storage's address, without a trailing slash.
    pub(crate) root: String,
    /// The page on which the user authorises apps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authorize: Option<String>,
    /// The bearer token that the user granted, encrypted.
    pub(crate) token: String,
    /// The current state of writing there.
    pub(crate) state: ArchiveState,
    /// What is wrong, if anything, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The time of the last change of the state.
    pub(crate) since: Timestamp,
    /// When the user connected it.
    pub(crate) connected: Timestamp,
}

impl fmt::Debug for ArchivePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchivePlace")
            .field("root", &self.root)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl From<&ArchivePlace> for ArchiveView {
    fn from(place: &ArchivePlace) -> Self {
        Self {
            user_address: place.user_address.clone(),
            root: place.root.clone(),
            authorize: place.authorize.clone(),
            state: place.state,
            reason: place.reason.clone(),
            since: place.since,
            connected: place.connected,
        }
    }
}

/// `accounts/<account>/grants/<id>.json`: one bearer token, of which only the hash is stored.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Grant {
    /// Version of this record's format: 1.
    pub(crate) version: u32,
    /// The grant's id; part of its token.
    pub(crate) id: String,
    /// What it is for.
    pub(crate) kind: GrantKind,
    /// Who holds it: an app's origin, or a label; of a session the browser and its system, in words.
    pub(crate) client: String,
    /// Its storage permissions; absent for sessions and IRC passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scopes: Option<Scopes>,
    /// SHA-256 of the token's secret part, in hexadecimal.
    pub(crate) secret_hash: String,
    /// When it was granted.
    pub(crate) created: Timestamp,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Timestamp>,
    /// The session that it is bound to: the web client created it for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// The account is disabled: the token does not work until the account is enabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) suspended: bool,
}

/// `invites/<id>.json`: lets one person create an account.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Invite {
    /// Version of this record's format: 1.
    pub(crate) version: u32,
    /// The invite's id; part of its token.
    pub(crate) id: String,
    /// SHA-256 of the token's secret part, in hexadecimal.
    pub(crate) secret_hash: String,
    /// Who sent the invite.
    pub(crate) inviter: AccountName,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// When it expires.
    pub(crate) expires: Timestamp,
    /// Who used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) used_by: Option<AccountName>,
    /// The address it was mailed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<EmailAddress>,
    /// The outcome of that mail, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mail: Option<MailResult>,
    /// The mail server's reason if it refused the mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mail_problem: Option<String>,
}
