//! Webhooks: their options, and what `/api/hooks` takes and answers. What the words mean is known to those who act on them:
//! how a service speaks to `functions/hooks`, when it is quiet to the functions.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Timestamp;

/// The services whose requests are understood.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum HookSource {
    /// GitHub and GitHub Enterprise Server.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
    /// Whatever posts to Slack's incoming webhooks.
    Slack,
    /// `{"room","message"}` of hubot-incoming-webhook.
    Kosmos,
    /// Prometheus Alertmanager, version 4 of its format.
    Alertmanager,
    /// Grafana's alerts, unified and legacy.
    Grafana,
    /// Uptime Kuma.
    UptimeKuma,
    /// UptimeRobot.
    UptimeRobot,
    /// Text messages, as Twilio and compatible gateways hand them on.
    Sms,
    /// Any JSON, with a template.
    Json,
}

impl HookSource {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::GitHub,
        Self::GitLab,
        Self::Gitea,
        Self::Slack,
        Self::Kosmos,
        Self::Alertmanager,
        Self::Grafana,
        Self::UptimeKuma,
        Self::UptimeRobot,
        Self::Sms,
        Self::Json,
    ];
}

/// Patterns of events (`push`, `issues.*`, `-star`) and of branches (`main`, `release/*`, `-wip/*`).
///
/// `*` stands for any characters, `?` for one; a `-` before a pattern excludes. Without a pattern that includes,
/// everything that is said by default is included; what is not (labels, successful builds) is said if a pattern
/// includes it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct HookFilter {
    /// Patterns of events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub events: Vec<String>,
    /// Patterns of branches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub branches: Vec<String>,
}

/// From one time of the day to another, which may be on the next day. Messages that arrive meanwhile are dropped; they are in
/// the list of deliveries and can be said later from there.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// The first minute, `22:00`.
    pub from: String,
    /// The first minute after, `07:00`.
    pub to: String,
    /// Minutes that the clock is ahead of UTC.
    #[serde(default)]
    pub offset: i64,
}

/// What the owner of a hook decides.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct HookOptions {
    /// Which events are said.
    #[serde(default)]
    pub filter: HookFilter,
    /// When nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// `@channel` and the like stay what they are.
    #[serde(default)]
    pub mention_everybody: bool,
    /// As notices.
    #[serde(default)]
    pub notice: bool,
    /// The template of a generic hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// What became of a delivery.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum HookOutcome {
    /// It waits for the connector.
    Queued,
    /// It was said.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// It cannot be said, or will not be taken.
    Refused {
        /// Why, one sentence.
        reason: String,
    },
    /// It is not said, on purpose.
    Ignored {
        /// Why, one sentence.
        reason: String,
    },
}

/// One request of a service and its outcome.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct HookDelivery {
    /// Its id.
    pub id: String,
    /// When it came.
    pub time: Timestamp,
    /// What happened, as the service says.
    pub event: String,
    /// What is said of it.
    pub lines: Vec<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: HookOutcome,
    /// The delivery whose lines are said again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

/// A hook.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct HookView {
    /// Its id.
    pub id: String,
    /// Who sends.
    pub source: HookSource,
    /// What its owner calls it.
    pub name: String,
    /// Over which connection it speaks.
    pub connection: String,
    /// Where it speaks.
    pub channel: String,
    /// Whether it is on.
    pub enabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Whether the service proves that it is the service.
    pub has_secret: bool,
    /// What its owner decides.
    #[serde(flatten)]
    pub options: HookOptions,
    /// The address for the service, with the token; only when it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The secret for the service; only when it has just been generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The latest deliveries, the last first; only in the answer to `GET /api/hooks/<id>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Vec<HookDelivery>>,
}

/// Response to `GET /api/hooks`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HookList {
    /// The account's hooks, the oldest first.
    pub hooks: Vec<HookView>,
}

/// Body of `POST /api/hooks`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct NewHook {
    /// Who sends.
    pub source: HookSource,
    /// The connection over which it is to speak.
    pub connection: String,
    /// The channel in which it is to speak.
    pub channel: String,
    /// What its owner calls it; the name of the source if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// What the service proves with that it is the service. Absent: generated if the service supports one; `null`: none.
    #[serde(default, deserialize_with = "present")]
    pub secret: Option<Option<String>>,
    /// Which events are said.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<HookFilter>"))]
    pub filter: HookFilter,
    /// When nothing is said.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub quiet_hours: Option<QuietHours>,
    /// `@channel` and the like stay what they are.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub mention_everybody: bool,
    /// As notices.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub notice: bool,
    /// The template of a generic hook.
    #[serde(default)]
    #[cfg_attr(test, ts(optional = nullable))]
    pub template: Option<String>,
}

impl fmt::Debug for NewHook {
    /// Without its secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewHook")
            .field("source", &self.source)
            .field("connection", &self.connection)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// Body of `PATCH /api/hooks/<id>`: what is absent stays; `null` takes away what may be absent.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct HookChanges {
    /// What its owner calls it.
    pub name: Option<String>,
    /// Where it speaks.
    pub channel: Option<String>,
    /// Whether it is on.
    pub enabled: Option<bool>,
    /// What the service proves with that it is the service.
    #[serde(deserialize_with = "present")]
    pub secret: Option<Option<String>>,
    /// Which events are said.
    pub filter: Option<HookFilter>,
    /// When nothing is said.
    #[serde(deserialize_with = "present")]
    pub quiet_hours: Option<Option<QuietHours>>,
    /// `@channel` and the like stay what they are.
    pub mention_everybody: Option<bool>,
    /// As notices.
    pub notice: Option<bool>,
    /// The template of a generic hook.
    #[serde(deserialize_with = "present")]
    pub template: Option<Option<String>>,
}

impl fmt::Debug for HookChanges {
    /// Without its secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookChanges")
            .field("name", &self.name)
            .field("channel", &self.channel)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// Tells `null` from what is absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(d).map(Some)
}
