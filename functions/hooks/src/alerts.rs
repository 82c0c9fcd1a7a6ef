//! Alerts: Prometheus Alertmanager
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>) and Grafana, whose unified alerts
//! have the same shape.

use serde_json::Value;

use crate::Event;
use crate::forge::{COMMENT, TITLE, join};
use crate::json::{at, first, list, scalar, text};
use crate::text::summary;

/// Alerts of a group that are shown.
const SHOWN_ALERTS: usize = 3;

/// Alertmanager, version 4.
pub(crate) fn alertmanager(body: &Value) -> Event {
    group("Alertmanager", body)
}

/// Grafana: unified alerts, else the legacy ones with `ruleName`.
pub(crate) fn grafana(body: &Value) -> Event {
    if !list(body, "alerts").is_empty() {
        return group("Grafana", body);
    }
    let rule = first(body, &["ruleName", "title"]);
    if rule.is_empty() {
        return Event::ignored("alert", "there is no alert in it");
    }
    let state = text(body, "state");
    let message = summary(text(body, "message"), COMMENT);
    let rule = summary(rule, TITLE);
    let state_shown = format!("[{}]", state.to_uppercase());
    let url = first(body, &["ruleUrl", "externalURL"]);
    let dash = if message.is_empty() { "" } else { "-" };
    Event::new(
        state,
        join(&["[Grafana]", &state_shown, &rule, dash, &message, url]),
    )
}

fn group(source: &str, body: &Value) -> Event {
    let alerts = list(body, "alerts");
    let status = text(body, "status");
    let firing = alerts
        .iter()
        .filter(|alert| text(alert, "status") == "firing")
        .count();
    let resolved = alerts.len() - firing;
    if alerts.is_empty() {
        return Event::ignored(status, "there is no alert in it");
    }
    let url = text(body, "externalURL");
    if let [alert] = alerts {
        let url = first(alert, &["panelURL", "dashboardURL", "generatorURL"]);
        let status = text(alert, "status").to_uppercase();
        let line = join(&[
            &format!("[{source}]"),
            &format!("[{status}]"),
            &name(alert),
            &about(alert),
            url,
        ]);
        return Event::new(text(alert, "status"), line);
    }
    let counts = match (firing, resolved) {
        (0, resolved) => format!("[RESOLVED:{resolved}]"),
        (firing, 0) => format!("[FIRING:{firing}]"),
        (firing, resolved) => format!("[FIRING:{firing}, RESOLVED:{resolved}]"),
    };
    let common = first(body, &["commonLabels.alertname", "groupLabels.alertname"]);
    let title = labels(at(body, "groupLabels"), common);
    let mut lines = vec![join(&[
        &format!("[{source}]"),
        &counts,
        common,
        &title,
        url,
    ])];
    // Those that are still burning come first.
    let (burning, over): (Vec<&Value>, Vec<&Value>) = alerts
        .iter()
        .partition(|alert| text(alert, "status") == "firing");
    for alert in burning.into_iter().chain(over).take(SHOWN_ALERTS) {
        let name = if common.is_empty() {
            name(alert)
        } else {
            String::new()
        };
        let status = text(alert, "status");
        lines.push(join(&[&format!("{status}:"), &name, &about(alert)]));
    }
    let more = alerts.len().saturating_sub(SHOWN_ALERTS);
    if let (Some(last), true) = (lines.last_mut(), more > 0) {
        last.push_str(&format!(" (… and {more} more)"));
    }
    Event {
        kind: status.to_owned(),
        lines,
        ..Event::default()
    }
}

fn name(alert: &Value) -> String {
    let name = text(alert, "labels.alertname");
    summary(if name.is_empty() { "alert" } else { name }, TITLE)
}

/// Returns where it burns and what the rule says about it.
fn about(alert: &Value) -> String {
    let place = first(
        alert,
        &[
            "labels.instance",
            "labels.pod",
            "labels.node",
            "labels.host",
            "labels.job",
            "labels.service",
        ],
    );
    let said = first(
        alert,
        &[
            "annotations.summary",
            "annotations.description",
            "annotations.message",
            "valueString",
        ],
    );
    let said = summary(said, COMMENT);
    match (place.is_empty(), said.is_empty()) {
        (true, _) => said,
        (false, true) => format!("on {place}"),
        (false, false) => format!("on {place}: {said}"),
    }
}

fn labels(value: &Value, without: &str) -> String {
    let map = value.as_object().into_iter().flatten();
    let shown = map.map(|(name, value)| (name, scalar(value)));
    let shown = shown.filter(|(_, value)| !value.is_empty() && value != without);
    let shown: Vec<String> = shown
        .take(5)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if shown.is_empty() {
        String::new()
    } else {
        format!("({})", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn alerts_alone_and_in_groups() {
        let one = json!({"version": "4", "status": "firing", "externalURL": "http://am.example", "alerts": [
            {"status": "firing", "labels": {"alertname": "HighCPU", "instance": "a1:9100"},
             "annotations": {"summary": "CPU at 97 %"}, "generatorURL": "http://prom.example/g"}]});
        assert_eq!(
            alertmanager(&one).lines,
            ["[Alertmanager] [FIRING] HighCPU on a1:9100: CPU at 97 % http://prom.example/g"]
        );
        let alert = |status: &str, n: u8| json!({"status": status, "labels": {"alertname": "Disk", "instance": format!("h{n}")}});
        let alerts = [
            alert("resolved", 1),
            alert("firing", 2),
            alert("firing", 3),
            alert("firing", 4),
            alert("firing", 5),
        ];
        let many = json!({"status": "firing", "externalURL": "http://am.example", "groupLabels": {"alertname": "Disk", "job": "node"}, "alerts": alerts});
        assert_eq!(
            grafana(&many).lines,
            [
                "[Grafana] [FIRING:4, RESOLVED:1] Disk (job=node) http://am.example",
                "firing: on h2",
                "firing: on h3",
                "firing: on h4 (… and 2 more)"
            ]
        );
        let legacy = json!({"ruleName": "Panel alert", "state": "alerting", "message": "too hot", "ruleUrl": "http://g.example/1"});
        assert_eq!(
            grafana(&legacy).lines,
            ["[Grafana] [ALERTING] Panel alert - too hot http://g.example/1"]
        );
        assert!(grafana(&json!({})).lines.is_empty());
    }
}
