//! Bodies of requests to `/api/…` that only browsers make. They are read and never written here; those of hooks are in
//! `webhooks.rs`.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// `PUT /api/password`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The one that holds.
    pub old: String,
    /// The one wanted.
    pub new: String,
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPassword").finish_non_exhaustive()
    }
}

/// `POST /api/invites`; the body may be absent.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct NewInvite {
    /// Whom the link is mailed to.
    #[serde(default)]
    pub email: Option<String>,
}

/// `POST /api/connections`: beside these, the fields that the platform's descriptor has.
///
/// `PATCH /api/connections/<id>` takes some of them, and `enabled`: what is absent stays.
#[derive(Deserialize)]
#[cfg_attr(
    test,
    derive(ts_rs::TS),
    ts(type = "{ platform: string; name?: string; [field: string]: unknown }")
)]
#[serde(transparent)]
pub struct NewConnection(
    /// As it came: only a descriptor says which fields there are.
    pub Map<String, Value>,
);

impl NewConnection {
    /// Returns a text, if there is one of that name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

impl fmt::Debug for NewConnection {
    /// Without its values: any may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// `POST /api/calls`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NewCall {
    /// Where the link is to be said, for people: `#general`.
    #[serde(default)]
    pub target: String,
    /// Whether people without an account may join.
    #[serde(default)]
    pub guests: bool,
    /// The connection over which the link is to be said; clients from before name none.
    #[cfg_attr(test, ts(as = "String"))]
    pub connection: Option<String>,
}

/// `POST /api/calls/<token>`; the body may be absent.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NewAdmission {
    /// What a guest wants to be called.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<String>"))]
    pub name: String,
}

/// `PATCH /api/connectors/<id>`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ConnectorChange {
    /// Makes a new key; the old one stops working.
    pub rotate: bool,
    /// As in [`crate::NewConnector`].
    #[serde(default)]
    pub url: Option<String>,
}

/// `POST /api/addresses`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct NewMailAddress {
    /// The connection over which the channel is reached.
    pub connection: String,
    /// The channel.
    pub channel: String,
    /// Mail for `postmaster` goes to this channel from now on; for admins.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub postmaster: bool,
}

/// `PUT /api/notifications`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct NewNotifications {
    /// The address; none to get no mail.
    #[cfg_attr(test, ts(optional = nullable))]
    pub email: Option<String>,
    /// Whether mail is wanted; yes if absent.
    pub enabled: Option<bool>,
    /// How long a message waits to be read; a quarter of an hour if absent.
    pub minutes: Option<u32>,
}

/// A bucket and the credentials for it, as a user names it. The secret does not appear in `Debug`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NewBucket {
    /// Address of the S3 server, if it is not Amazon's.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub endpoint: Option<String>,
    /// Its region; `us-east-1` if there is an endpoint and no region.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub region: Option<String>,
    /// Its name.
    pub bucket: String,
    /// What all keys begin with; a `/` follows.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<String>"))]
    pub prefix: String,
    /// Whether the bucket is in the path instead of the host name; by default if there is an endpoint.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub path_style: Option<bool>,
    /// Id of the access key.
    pub access_key_id: String,
    /// Its secret; empty to keep the one that is known.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<String>"))]
    pub secret_access_key: String,
}

impl fmt::Debug for NewBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBucket")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// `PUT /api/store`: where the documents are to go.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NewPlace {
    /// Back to the installation's store.
    Installation,
    /// To a bucket.
    Bucket(NewBucket),
}
