//! Responses of `/api/…`: what an account's owner, or an admin, sees. They never contain a secret that was not just
//! created.

use serde::{Deserialize, Serialize};

use crate::{AccountName, Connection, EmailAddress, GrantKind, MailResult, Scopes, Timestamp};

/// Response to `GET /api`: what a client needs before signing in.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ServerInfo {
    /// The installation's name.
    pub name: String,
    /// The version of the functions.
    pub version: String,
    /// Whether the first account is missing, and can be created with the set-up token.
    pub needs_setup: bool,
    /// Origin of the storage.
    pub storage: String,
}

/// A grant.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct GrantView {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub kind: GrantKind,
    /// Who holds it: an origin or a label.
    pub client: String,
    /// Its permissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires, if ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whether it is the session of this request.
    pub current: bool,
    /// Whether the server created it, for the account's connection to the server's own network. Revoking it means
    /// replacing it: the connection gets a new one.
    #[serde(default)]
    pub managed: bool,
    /// The token; only when it was just created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// An invite.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct InviteView {
    /// Its id.
    pub id: String,
    /// Who sent the invite.
    pub inviter: AccountName,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires.
    pub expires: Timestamp,
    /// Who used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<AccountName>,
    /// The address it was mailed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// The outcome of the mail; absent while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailResult>,
    /// Why it was not sent, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_problem: Option<String>,
    /// The token; only when it was just created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Response to `GET /api/invites/<token>`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InviteAbout {
    /// Who sent the invite.
    pub inviter: AccountName,
    /// When it expires.
    pub expires: Timestamp,
}

/// A connection, without its password. Other secrets are `true` if they are set.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConnectionView {
    /// The connection.
    #[serde(flatten)]
    connection: Connection,
    /// Whether it has a password.
    has_password: bool,
    /// Leads to the server's own network: the server says where that is, and it cannot be removed.
    managed: bool,
}

impl ConnectionView {
    /// Shows a connection.
    #[must_use]
    pub fn new(mut connection: Connection, managed: bool) -> Self {
        let has_password = connection.password.take().is_some();
        for secret in connection.fields.values_mut().filter(|f| f.is_object()) {
            *secret = true.into();
        }
        Self {
            connection,
            has_password,
            managed,
        }
    }
}

/// An address by which mail reaches a channel.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MailAddressView {
    /// Its id.
    pub id: String,
    /// The address.
    pub address: String,
    /// The connection over which the channel is reached.
    pub connection: String,
    /// The channel.
    pub channel: String,
    /// When it was created.
    pub created: Timestamp,
}

/// Response to `/api/notifications`: where missed mentions are mailed to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NotificationsView {
    /// Whether this installation sends mail at all.
    pub available: bool,
    /// The address, if there is one.
    pub email: Option<EmailAddress>,
    /// Whether its owner has confirmed it.
    pub confirmed: bool,
    /// Whether mail is wanted.
    pub enabled: bool,
    /// How many minutes a message waits to be read.
    pub minutes: u32,
    /// The mail server's reason for refusing the address.
    pub undeliverable: Option<String>,
}

/// Response to `GET /api/archive/discovery?address=…`: a storage that was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ArchiveFound {
    /// `alice@example.org`.
    pub user_address: String,
    /// The storage's address without a slash at the end.
    pub root: String,
    /// Where the user authorises apps; `null` if it does not say.
    pub authorize: Option<String>,
}

/// Where the documents of an account are, without the secret.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlaceView {
    /// In the installation's store.
    Installation,
    /// In the account's own bucket.
    Bucket {
        /// Address of the S3 server, if it is not Amazon's.
        endpoint: Option<String>,
        /// Its region.
        region: String,
        /// Its name.
        bucket: String,
        /// The prefix of all keys.
        prefix: String,
        /// Whether the bucket is in the path instead of the host name.
        path_style: bool,
        /// Id of the access key.
        access_key_id: String,
    },
}

/// The phase of a move.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum MovePhase {
    /// Immutable objects are copied, while writing is still permitted.
    Copying,
    /// Writing is no longer permitted.
    Closed,
    /// The heads are marked, so writes still under way can no longer succeed.
    Marked,
}

/// A move that is under way.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MoveView {
    /// The target.
    pub to: PlaceView,
    /// Its phase.
    pub phase: MovePhase,
    /// Objects copied so far.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it started.
    pub started: Timestamp,
}

/// Response to `/api/store`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct StoreView {
    /// Where the documents are stored.
    pub place: PlaceView,
    /// The move that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<MoveView>,
    /// Where copies are left that are no longer used.
    pub left: Vec<PlaceView>,
    /// Whether this installation can use accounts' own buckets.
    pub available: bool,
}

/// Response to `POST /api/store/test`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StoreTested {
    /// Whether the bucket can be used.
    pub works: bool,
    /// Why, or why not, in one sentence.
    pub detail: String,
}

/// Response to `GET /api/store/kept`: the retained overwritten and deleted documents.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeptView {
    /// The number of versions.
    pub versions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The limit in bytes.
    pub most_bytes: u64,
    /// How many days they are retained.
    pub days: i64,
}

/// Response to `POST /api/calls`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallLink {
    /// The call's id.
    pub id: String,
    /// The token in its link.
    pub token: String,
    /// The link with the token.
    pub link: String,
    /// Whether people without an account may join.
    pub guests: bool,
    /// When the link expires.
    pub expires: Timestamp,
}

/// Response to `GET /api/calls/<token>`: describes the call of a link.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallAbout {
    /// Who started it.
    pub account: AccountName,
    /// Where its link was posted, for people: `#general`.
    pub target: String,
    /// Whether people without an account may join.
    pub guests: bool,
    /// When the link expires.
    pub expires: Timestamp,
}

/// One of `RTCConfiguration.iceServers`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IceServer {
    /// Its addresses.
    pub urls: Vec<String>,
    /// The user name.
    pub username: String,
    /// The password.
    pub credential: String,
}

/// Response to `POST /api/calls/<token>`: how to take part.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallAdmission {
    /// The participant's display name.
    pub name: String,
    /// Whether the participant is a guest.
    pub guest: bool,
    /// Whether the participant may remove others.
    pub moderator: bool,
    /// The device's id in the call.
    pub peer: String,
    /// Origin of the connector that carries the signalling.
    pub url: String,
    /// The ticket for it.
    pub ticket: String,
    /// The TURN servers, if there are any.
    pub ice_servers: Vec<IceServer>,
    /// How many seconds these are valid; after that, participants request new ones.
    pub ice_ttl: i64,
    /// When the ticket expires.
    pub expires: Timestamp,
}
