//! The records of accounts, as the functions keep them in the object store. They hold hashes and sealed secrets,
//! so they are nobody else's: what others are told has types of its own in `protocol`.

use std::fmt;

use protocol::{
    AccountName, ArchiveState, ArchiveView, EmailAddress, GrantKind, MailResult, Scopes, Timestamp,
};
use serde::{Deserialize, Serialize};

/// `accounts/<account>/account.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct AccountRecord {
    /// Version of this record's format; 1.
    pub(crate) version: u32,
    /// The account's name.
    pub(crate) name: AccountName,
    /// argon2id hash of the password in PHC form.
    pub(crate) password: String,
    /// May manage the whole installation.
    pub(crate) admin: bool,
    /// Quota in bytes; none means the installation's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quota: Option<u64>,
    /// Where chat archives are kept, if not in the account's storage here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<ArchivePlace>,
    /// When the account was made.
    pub(crate) created: Timestamp,
    /// When the password was changed last, if it ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password_changed: Option<Timestamp>,
}

/// A storage on an external remoteStorage server in which an account's chat archives are kept.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct ArchivePlace {
    /// The user's address there, `alice@example.org`.
    pub(crate) user_address: String,
    /// The storage's address, without a slash at its end.
    pub(crate) root: String,
    /// The page on which the user authorises apps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authorize: Option<String>,
    /// The bearer token that the user granted, sealed.
    pub(crate) token: String,
    /// How it goes.
    pub(crate) state: ArchiveState,
    /// Why it does not go well, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Since when the state is what it is.
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

/// `accounts/<account>/grants/<id>.json`: one bearer token, of which only the hash is kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Grant {
    /// Version of this record's format; 1.
    pub(crate) version: u32,
    /// Names the grant; part of its token.
    pub(crate) id: String,
    /// What it is for.
    pub(crate) kind: GrantKind,
    /// Who holds it: an app's origin, or a label.
    pub(crate) client: String,
    /// What it may do in the storage; nothing for sessions and IRC passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scopes: Option<Scopes>,
    /// SHA-256 of the token's secret part, hexadecimal.
    pub(crate) secret_hash: String,
    /// When it was granted.
    pub(crate) created: Timestamp,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Timestamp>,
    /// The session that it ends with: who made it is the web client, for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// The account is disabled: it opens nothing until the account is enabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) suspended: bool,
}

/// `invites/<id>.json`: lets one person make an account.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Invite {
    /// Version of this record's format; 1.
    pub(crate) version: u32,
    /// Names the invite; part of its token.
    pub(crate) id: String,
    /// SHA-256 of the token's secret part, hexadecimal.
    pub(crate) secret_hash: String,
    /// Who invited.
    pub(crate) inviter: AccountName,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it ends.
    pub(crate) expires: Timestamp,
    /// Who used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) used_by: Option<AccountName>,
    /// Whom it was mailed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<EmailAddress>,
    /// What became of that mail, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mail: Option<MailResult>,
    /// What the mail server said if it refused the mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mail_problem: Option<String>,
}
