//! What `/api/…` answers: things of an account as its owner, or an admin, sees them. Never with a secret that was not made
//! just now.

use serde::{Deserialize, Serialize};

use crate::{AccountName, EmailAddress, GrantKind, MailResult, Scopes, Timestamp};

/// Answer to `GET /api`: what a client has to know before anybody has signed in.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ServerInfo {
    /// What the installation is called.
    pub name: String,
    /// The version of the functions.
    pub version: String,
    /// Whether the first account is missing, and can be made with the set-up token.
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
    /// What it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whether it is the session that asks.
    pub current: bool,
    /// Whether the server made it, for the account's connection to the server's own network. To revoke it is to
    /// change it: the connection gets another one.
    #[serde(default)]
    pub managed: bool,
    /// The token; only when it has just been made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// An invite.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct InviteView {
    /// Its id.
    pub id: String,
    /// Who invites.
    pub inviter: AccountName,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Who came by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<AccountName>,
    /// Whom it was mailed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// What became of the mail; absent while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailResult>,
    /// Why it was not sent, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_problem: Option<String>,
    /// The token; only when it has just been made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Answer to `GET /api/invites/<token>`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InviteAbout {
    /// Who invites.
    pub inviter: AccountName,
    /// When it ends.
    pub expires: Timestamp,
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
    /// When it was made.
    pub created: Timestamp,
}

/// Answer to `/api/notifications`: where missed mentions are mailed to.
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
    /// How long a message waits to be read.
    pub minutes: u32,
    /// What the mail server said when it refused the address.
    pub undeliverable: Option<String>,
}

/// Where the documents of an account are, without the secret.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlaceView {
    /// In the installation's store.
    Installation,
    /// In a bucket of the account's own.
    Bucket {
        /// Address of the S3 server, if it is not Amazon's.
        endpoint: Option<String>,
        /// Its region.
        region: String,
        /// Its name.
        bucket: String,
        /// What all keys begin with.
        prefix: String,
        /// Whether the bucket is in the path instead of the host name.
        path_style: bool,
        /// Id of the access key.
        access_key_id: String,
    },
}

/// How far a move is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum MovePhase {
    /// What never changes is copied; writers write.
    Copying,
    /// Writing is no longer allowed.
    Closed,
    /// The heads have the mark, so what was on its way can no longer happen.
    Marked,
}

/// A move that is under way.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MoveView {
    /// Where to.
    pub to: PlaceView,
    /// How far it is.
    pub phase: MovePhase,
    /// Objects that are there.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it began.
    pub started: Timestamp,
}

/// Answer to `/api/store`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct StoreView {
    /// Where the documents are.
    pub place: PlaceView,
    /// The move that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<MoveView>,
    /// Where copies are left that nobody uses.
    pub left: Vec<PlaceView>,
    /// Whether this installation can reach buckets of users' own.
    pub available: bool,
}

/// Answer to `POST /api/store/test`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StoreTested {
    /// Whether the bucket can be used.
    pub works: bool,
    /// Why, or why not, one sentence.
    pub detail: String,
}

/// Answer to `GET /api/store/kept`: what is retained of overwritten and deleted documents.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeptView {
    /// How many versions there are.
    pub versions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many bytes there may be.
    pub most_bytes: u64,
    /// For how long they are retained.
    pub days: i64,
}

/// Answer to `POST /api/calls`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallLink {
    /// The call's id.
    pub id: String,
    /// The token that opens it.
    pub token: String,
    /// The link with the token.
    pub link: String,
    /// Whether people without an account may join.
    pub guests: bool,
    /// When the link ends.
    pub expires: Timestamp,
}

/// Answer to `GET /api/calls/<token>`: what is behind a link.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallAbout {
    /// Who started it.
    pub account: AccountName,
    /// Where its link was said, for people: `#general`.
    pub target: String,
    /// Whether people without an account may join.
    pub guests: bool,
    /// When the link ends.
    pub expires: Timestamp,
}

/// One of `RTCConfiguration.iceServers`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct IceServer {
    /// Where it is.
    pub urls: Vec<String>,
    /// Who asks.
    pub username: String,
    /// What proves it.
    pub credential: String,
}

/// Answer to `POST /api/calls/<token>`: how to take part.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallAdmission {
    /// What one is called there.
    pub name: String,
    /// Whether one is a guest.
    pub guest: bool,
    /// Whether one may remove others.
    pub moderator: bool,
    /// Names the device in the call.
    pub peer: String,
    /// Origin of the connector that carries the signalling.
    pub url: String,
    /// The ticket for it.
    pub ticket: String,
    /// The TURN servers, if there are any.
    pub ice_servers: Vec<IceServer>,
    /// For how many seconds these may be used; then whoever is in the call asks again.
    pub ice_ttl: i64,
    /// When the ticket ends.
    pub expires: Timestamp,
}
