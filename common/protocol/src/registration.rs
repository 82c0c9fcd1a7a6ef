//! How connectors make themselves known, and how an admin makes them.

use serde::{Deserialize, Serialize};

use crate::{DEFAULT_PLATFORM, MailInfo, Timestamp};

/// Body of `POST /connector/register`: a connector says where it is and what it can do.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Registration {
    /// Origin of its Sockethub server as browsers reach it; none if it has nothing for browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Platforms it serves, `irc`.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// What these say of themselves; one that says nothing is as `DEFAULT_DESCRIPTOR` has it, if it is that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<crate::PlatformDescriptor>>"))]
    pub descriptors: Vec<serde_json::Value>,
    /// The program's version.
    #[serde(default)]
    pub version: String,
    /// The private network that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkInfo>,
    /// The mail it takes and sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailInfo>,
}

/// A private IRC network, for other connectors.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NetworkInfo {
    /// What people call it.
    pub name: String,
    /// The server as in ids and archives.
    pub server: String,
    /// Host that connectors dial.
    pub host: String,
    /// Port that connectors dial.
    pub port: u16,
    /// TLS.
    pub secure: bool,
    /// Channels that a new account is in.
    #[serde(default)]
    pub channels: Vec<String>,
}

/// What a connector is, and so what its key opens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "lowercase"))]
pub enum ConnectorKind {
    /// Keeps the connections of accounts to the platforms that it serves, and serves browsers.
    Gateway,
    /// The private IRC server.
    Ircd,
    /// Takes and sends mail.
    Smtp,
}

impl ConnectorKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Gateway, Self::Ircd, Self::Smtp];

    /// Returns the kind of a connector of which it was not said: who serves platforms is a gateway, who takes the
    /// installation's mail is a mail connector, what is left is an IRC server.
    #[must_use]
    pub fn guess(platforms: &[String], takes_mail: bool) -> Self {
        match (platforms.is_empty(), takes_mail) {
            (false, _) => Self::Gateway,
            (true, true) => Self::Smtp,
            (true, false) => Self::Ircd,
        }
    }
}

impl std::str::FromStr for ConnectorKind {
    type Err = ();

    /// Reads a kind as the configuration, records and an admin name it. Gateways were called by the one platform that
    /// there was.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "gateway" | DEFAULT_PLATFORM => Ok(Self::Gateway),
            "ircd" => Ok(Self::Ircd),
            "smtp" => Ok(Self::Smtp),
            _ => Err(()),
        }
    }
}

impl std::fmt::Display for ConnectorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gateway => "gateway",
            Self::Ircd => "ircd",
            Self::Smtp => "smtp",
        })
    }
}

/// Body of `POST /api/connectors`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NewConnector {
    /// What it is. The word `irc` of before is a gateway.
    #[cfg_attr(test, ts(as = "ConnectorKind"))]
    pub kind: String,
    /// Of a gateway: what it connects to; `irc` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Its id, `^[a-z0-9-]{1,32}$`; made from the platform or the kind if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it will be reached: by browsers, an origin; of an IRC server, `irc://host:port` or `ircs://host:port`;
    /// of a mail connector, `smtp://` and the domain of its addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How a connector is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ConnectorState {
    /// It is in the configuration.
    Configured,
    /// It has never registered.
    Waiting,
    /// It registered.
    Registered,
    /// It did not register for two hours.
    Silent,
}

/// One connector in answers of `/api/connectors`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ConnectorView {
    /// Its id.
    pub id: String,
    /// What it is; empty for those of the configuration.
    pub kind: String,
    /// How it is.
    pub state: ConnectorState,
    /// What it last said about itself.
    pub registration: Registration,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it registered last, within ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// Its key, hexadecimal; only when it has just been made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The command that starts it, key included; only when that has just been made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}
