//! What those who take part in a call hear from the connector, over Socket.IO; see `connectors/SOCKETHUB.md`, Calls.

use serde::{Deserialize, Serialize};

/// What somebody sends; what is absent is not sent.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct CallMedia {
    /// Sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<bool>,
    /// Pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
    /// Whether the pictures are those of a screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<bool>,
}

/// `joined`, `returned`, and a part of `welcome`: somebody in the call.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallPeer {
    /// Names the device in the call.
    pub peer: String,
    /// Changes after they were out of the call: earlier negotiations are void.
    pub seat: String,
    /// What they are called.
    pub name: String,
    /// Whether they are a guest.
    pub guest: bool,
    /// What they send.
    pub media: CallMedia,
}

/// `welcome`: the first event after joining, and after every reconnection.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallWelcome {
    /// The own device.
    pub peer: String,
    /// The own seat.
    pub seat: String,
    /// Everybody else.
    pub peers: Vec<CallPeer>,
    /// Whether one may remove others.
    pub moderator: bool,
}

/// `left`: somebody is no longer in the call.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallLeft {
    /// Who.
    pub peer: String,
}

/// `media`: what somebody sends from now on.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallMediaChange {
    /// Who.
    pub peer: String,
    /// What.
    pub media: CallMedia,
}

/// `refused`: one may not be in the call, or sends too much.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallRefusal {
    /// Why, one sentence.
    pub error: String,
    /// Whether it is pointless to come back with this ticket; absent if not.
    #[serde(rename = "final", skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub is_final: bool,
}

/// `signal`: what somebody negotiates with us.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallSignal {
    /// Who.
    pub from: String,
    /// What they say.
    pub data: SignalData,
}

/// What two browsers negotiate.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct SignalData {
    /// A description of the sender's media.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "RTCSessionDescriptionInit"))]
    pub description: Option<SessionDescription>,
    /// Ways to the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "Array<RTCIceCandidateInit>"))]
    pub candidates: Option<Vec<IceCandidate>>,
    /// The number of the offer that a description is, or answers; of a wish, that of the newest one that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<i64>,
    /// The other side is asked to negotiate anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<bool>,
}

/// `RTCSessionDescriptionInit`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SessionDescription {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: DescriptionKind,
    /// The description itself, RFC 8866.
    pub sdp: String,
}

/// Those of `RTCSdpType` that are sent.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DescriptionKind {
    /// An offer.
    Offer,
    /// The answer to one.
    Answer,
}

/// `RTCIceCandidateInit`; what is null there may as well be left out.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IceCandidate {
    /// The candidate attribute, RFC 8839, section 5.1.
    pub candidate: String,
    /// The name of its media line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The number of its media line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    /// Names the negotiation that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}
