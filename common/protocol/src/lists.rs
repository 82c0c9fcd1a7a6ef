//! Lists that `/api/…` answers. Each is a member of an object, so that something can be said beside it.

use serde::Serialize;

use crate::{ArchiveView, ConnectionView, ConnectorView, GrantView, InviteView, MailAddressView};

/// Response to `GET /api/grants`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GrantList {
    /// What is valid, the oldest first.
    pub grants: Vec<GrantView>,
}

/// Response to `GET /api/invites`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InviteList {
    /// The account's own, of an admin all; the oldest first.
    pub invites: Vec<InviteView>,
    /// Whether this installation can mail them.
    pub mail: bool,
}

/// Response to `GET /api/connections`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConnectionList {
    /// The account's connections, the oldest first.
    pub connections: Vec<ConnectionView>,
    /// What more of them can be made to.
    #[cfg_attr(test, ts(as = "Vec<crate::PlatformDescriptor>"))]
    pub platforms: Vec<serde_json::Value>,
}

/// Response to `GET /api/connectors`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConnectorList {
    /// Those of the configuration, then those that an admin made.
    pub connectors: Vec<ConnectorView>,
}

/// Response to `GET /api/addresses`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MailAddressList {
    /// The domain of all of them; `null` if this installation takes no mail.
    pub domain: Option<String>,
    /// The account's addresses, the oldest first.
    pub addresses: Vec<MailAddressView>,
}

/// Response to `GET /api/archive`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ArchiveAnswer {
    /// The external storage of the archives; `null` if they are kept here.
    pub archive: Option<ArchiveView>,
}
