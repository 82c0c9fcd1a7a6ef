//! How connectors register, and how admins create them.

use serde::{Deserialize, Serialize};

use crate::{DEFAULT_PLATFORM, MailInfo, Timestamp};

/// Body of `POST /connector/register`: a connector announces its address and capabilities.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Registration {
    /// Origin of its Sockethub server as browsers reach it; absent if it serves no browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Platforms it serves, `irc`.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// Their descriptors; the default platform without one has `DEFAULT_DESCRIPTOR`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<crate::PlatformDescriptor>>"))]
    pub descriptors: Vec<serde_json::Value>,
    /// The program's version.
    #[serde(default)]
    pub version: String,
    /// Its private network, if it is an IRC server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkInfo>,
    /// The mail that it receives and sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailInfo>,
}

/// A private IRC network, for other connectors.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NetworkInfo {
    /// Its name for people.
    pub name: String,
    /// The server's name in ids and archives.
    pub server: String,
    /// Host that connectors dial.
    pub host: String,
    /// Port that connectors dial.
    pub port: u16,
    /// Whether to use TLS.
    pub secure: bool,
    /// Channels that new accounts join.
    #[serde(default)]
    pub channels: Vec<String>,
}

/// The kind of a connector, which determines what its key permits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "lowercase"))]
pub enum ConnectorKind {
    /// Maintains the accounts' connections to its platforms, and serves browsers.
    Gateway,
    /// The private IRC server.
    Ircd,
    /// Receives and sends mail.
    Smtp,
}

impl ConnectorKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Gateway, Self::Ircd, Self::Smtp];

    /// Returns the kind of a connector for which none is given: one that serves platforms is a gateway, the one that
    /// receives the installation's mail is a mail connector, any other is an IRC server.
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

    /// Parses a kind as in the configuration, records and requests of admins. Gateways used to be named after the only
    /// platform.
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
    /// Its kind. The former word `irc` means a gateway.
    #[cfg_attr(test, ts(as = "ConnectorKind"))]
    pub kind: String,
    /// For a gateway, its platform; `irc` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Its id, `^[a-z0-9-]{1,32}$`; derived from the platform or the kind if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it will be reached: by browsers, an origin; for an IRC server, `irc://host:port` or `ircs://host:port`;
    /// for a mail connector, `smtp://` and the domain of its addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The state of a connector.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ConnectorState {
    /// It is in the configuration.
    Configured,
    /// It has never registered.
    Waiting,
    /// It has registered.
    Registered,
    /// It has not registered for two hours.
    Silent,
}

/// One connector in responses of `/api/connectors`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ConnectorView {
    /// Its id.
    pub id: String,
    /// Its kind; empty for configured ones.
    pub kind: String,
    /// Its state.
    pub state: ConnectorState,
    /// Its latest registration.
    pub registration: Registration,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it last registered, to within ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// Its key in hexadecimal; only when it was just created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The command that starts it, including the key; only when that was just created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}
