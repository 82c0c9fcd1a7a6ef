//! How the services differ.

use protocol::HookSource;

/// Returns the nickname under which the lines of a service are said.
#[must_use]
pub const fn nick(source: HookSource) -> &'static str {
    match source {
        HookSource::GitHub => "GitHub",
        HookSource::GitLab => "GitLab",
        HookSource::Gitea => "Gitea",
        HookSource::Slack | HookSource::Kosmos | HookSource::Json => "webhook",
        HookSource::Alertmanager => "Alertmanager",
        HookSource::Grafana => "Grafana",
        HookSource::UptimeKuma => "UptimeKuma",
        HookSource::UptimeRobot => "UptimeRobot",
        HookSource::Sms => "SMS",
    }
}

/// Returns the largest body that is read, in bytes. GitHub sends up to 25 MiB, but only what has thousands of commits is
/// larger than this; of the others nothing that people read comes near.
#[must_use]
pub const fn max_body(source: HookSource) -> usize {
    match source {
        HookSource::GitHub | HookSource::GitLab | HookSource::Gitea => 5 * 1024 * 1024,
        HookSource::Slack
        | HookSource::Kosmos
        | HookSource::Alertmanager
        | HookSource::Grafana
        | HookSource::Json => 1024 * 1024,
        HookSource::UptimeKuma | HookSource::UptimeRobot | HookSource::Sms => 256 * 1024,
    }
}

/// Returns whether one chooses a secret here and gives it to the service, which then proves that it knows it.
#[must_use]
pub const fn signs_with_our_secret(source: HookSource) -> bool {
    matches!(
        source,
        HookSource::GitHub | HookSource::GitLab | HookSource::Gitea
    )
}
