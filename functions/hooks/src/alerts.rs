//! Alerts: Prometheus Alertmanager
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>) and Grafana, whose unified alerts
//! have the same shape.

use serde_json::Value;

use crate::Event;
use crate::forge::{COMMENT, TITLE, join};
use crate::json::{at, first, list, scalar, text};
use crate::text::summary;

/// The most alerts of a group that are shown.
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
    let state = first(body, &["state", "status"]);
    let message = summary(text(body, "message"), COMMENT);
    let rule = summary(rule, TITLE);
    let url = first(body, &["ruleUrl", "externalURL"]);
    let dash = if message.is_empty() { "" } else { "-" };
    Event::new(
        state,
        join(&["[Grafana]", &tag(state), &rule, dash, &message, url]),
    )
}

/// Formats a state, if there is one.
fn tag(state: &str) -> String {
    if state.is_empty() {
        String::new()
    } else {
        format!("[{}]", state.to_uppercase())
    }
}

fn group(source: &str, body: &Value) -> Event {
    let alerts = list(body, "alerts");
    let status = text(body, "status");
    // If an alert has no state, it is the group's.
    let status_of = |alert: &Value| match text(alert, "status") {
        "" => status.to_owned(),
        own => own.to_owned(),
    };
    let firing = alerts
        .iter()
        .filter(|alert| status_of(alert) == "firing")
        .count();
    let resolved = alerts.len() - firing;
    if alerts.is_empty() {
        return Event::ignored(status, "there is no alert in it");
    }
    let url = text(body, "externalURL");
    if let [alert] = alerts {
        let url = first(alert, &["panelURL", "dashboardURL", "generatorURL"]);
        let state = status_of(alert);
        let name = match name(alert) {
            none if none.is_empty() => summary(first(body, &["title", "message"]), TITLE),
            name => name,
        };
        let line = join(&[
            &format!("[{source}]"),
            &tag(&state),
            &tell(
                &[
                    if name.is_empty() { "alert" } else { &name },
                    &severity(text(alert, "labels.severity")),
                ],
                alert,
            ),
            url,
        ]);
        return Event::new(state, line);
    }
    let counts = match (firing, resolved) {
        (0, resolved) => format!("[RESOLVED:{resolved}]"),
        (firing, 0) => format!("[FIRING:{firing}]"),
        (firing, resolved) => format!("[FIRING:{firing}, RESOLVED:{resolved}]"),
    };
    let common = common_name(body);
    let named = match common.as_str() {
        // Each alert's name is in its own line; this is Grafana's title for all of them.
        "" => summary(text(body, "title"), TITLE),
        common => common.to_owned(),
    };
    let mut lines = vec![join(&[
        &format!("[{source}]"),
        &counts,
        &named,
        &severity(text(body, "commonLabels.severity")),
        &labels(at(body, "groupLabels")),
        url,
    ])];
    // Those still firing come first.
    let (burning, over): (Vec<&Value>, Vec<&Value>) = alerts
        .iter()
        .partition(|alert| status_of(alert) == "firing");
    let mut shown = 0;
    for alert in burning.into_iter().chain(over).take(SHOWN_ALERTS) {
        let name = if common.is_empty() {
            name(alert)
        } else {
            String::new()
        };
        let said = match text(body, "commonLabels.severity") {
            "" => severity(text(alert, "labels.severity")),
            _ => String::new(),
        };
        let line = tell(&[&name, &said], alert);
        if !line.is_empty() {
            lines.push(format!("{}: {line}", status_of(alert)));
            shown += 1;
        }
    }
    let more = alerts.len() - shown;
    if let (Some(last), true, true) = (lines.last_mut(), more > 0, shown > 0) {
        last.push_str(&format!(" (… and {more} more)"));
    }
    Event {
        kind: status.to_owned(),
        lines,
        ..Event::default()
    }
}

/// The common name of a group's alerts, if they share one.
fn common_name(body: &Value) -> String {
    let common = at(body, "commonLabels");
    match label_name(common) {
        none if none.is_empty() => label_name(at(body, "groupLabels")),
        name => name,
    }
}

fn name(alert: &Value) -> String {
    label_name(at(alert, "labels"))
}

/// Returns the name of an alert. When a source has no data or fails, Grafana names the alert after that, and the rule
/// is in a separate label.
fn label_name(labels: &Value) -> String {
    let rule = first(labels, &["rulename", "alertname"]);
    let rule = summary(rule, TITLE);
    match text(labels, "alertname") {
        "DatasourceNoData" if rule != "DatasourceNoData" => format!("{rule}: no data"),
        "DatasourceError" if rule != "DatasourceError" => format!("{rule}: the source fails"),
        "" => rule,
        name => summary(name, TITLE),
    }
}

fn severity(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("({text})")
    }
}

/// Labels that locate something in Kubernetes; the metrics' own address is meaningless there.
const IN_KUBERNETES: [&str; 9] = [
    "labels.pod",
    "labels.deployment",
    "labels.statefulset",
    "labels.daemonset",
    "labels.job_name",
    "labels.persistentvolumeclaim",
    "labels.node",
    "labels.service",
    "labels.container",
];

/// Returns the alert's name, its location and the rule's description.
fn tell(names: &[&str], alert: &Value) -> String {
    let place = match text(alert, "labels.namespace") {
        "" => first(
            alert,
            &[
                "labels.instance",
                "labels.pod",
                "labels.node",
                "labels.host",
                "labels.job",
                "labels.service",
            ],
        )
        .to_owned(),
        namespace => match first(alert, &IN_KUBERNETES) {
            "" => namespace.to_owned(),
            place => format!("{namespace}/{place}"),
        },
    };
    let said = first(
        alert,
        &[
            "annotations.summary",
            "annotations.description",
            "annotations.message",
            // From Grafana, when a data source fails.
            "annotations.Error",
            "valueString",
        ],
    );
    let said = summary(said, COMMENT);
    let folder = text(alert, "labels.grafana_folder");
    let place = match (place.is_empty(), folder.is_empty()) {
        (false, _) => format!("on {place}"),
        (true, false) => format!("in {folder}"),
        (true, true) => String::new(),
    };
    let what = join(&[&join(names), &place]);
    match (what.as_str(), said.as_str()) {
        (_, "") => what,
        ("", _) => said,
        _ => format!("{what}: {said}"),
    }
}

fn labels(value: &Value) -> String {
    let map = value.as_object().into_iter().flatten();
    // Those are shown already.
    let named = |name: &str| matches!(name, "alertname" | "rulename" | "severity");
    let shown = map.filter(|(name, _)| !named(name));
    let shown = shown.map(|(name, value)| (name, scalar(value)));
    let shown = shown.filter(|(_, value)| !value.is_empty());
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

    /// As sent by Grafana 11 when a rule's source has no data.
    #[test]
    fn no_data_is_named_after_the_rule() {
        let alert = |folder: &str| {
            json!({"status": "firing", "labels": {"alertname": "DatasourceNoData", "datasource_uid": "p1",
                "grafana_folder": folder, "ref_id": "A", "rulename": "Disk usage"},
                "annotations": {}, "values": null, "valueString": "", "generatorURL": "https://g.example/r"})
        };
        let one = json!({"status": "firing", "title": "[FIRING:1] DatasourceNoData Infra", "alerts": [alert("Infra")]});
        assert_eq!(
            grafana(&one).lines,
            ["[Grafana] [FIRING] Disk usage: no data in Infra https://g.example/r"]
        );
        let two = json!({"status": "firing", "title": "[FIRING:2] DatasourceNoData", "externalURL": "https://g.example",
            "commonLabels": {"alertname": "DatasourceNoData", "rulename": "Disk usage"}, "groupLabels": {},
            "alerts": [alert(""), alert("")]});
        assert_eq!(
            grafana(&two).lines,
            ["[Grafana] [FIRING:2] Disk usage: no data https://g.example"]
        );
        let nameless =
            json!({"title": "[FIRING:1] Something", "message": "x", "alerts": [{"labels": {}}]});
        assert_eq!(grafana(&nameless).lines, ["[Grafana] [FIRING:1] Something"]);
        let placeless = json!({"alerts": [{"status": "firing", "labels": {"alertname": "Queue", "severity": "low"},
            "annotations": {"summary": "It grows."}}]});
        assert_eq!(
            grafana(&placeless).lines,
            ["[Grafana] [FIRING] Queue (low): It grows."]
        );
        let nameless = json!({"title": "Something", "message": "x"});
        assert_eq!(grafana(&nameless).lines, ["[Grafana] Something - x"]);
    }

    #[test]
    fn a_source_that_fails_says_why() {
        let alert = json!({"status": "firing", "labels": {"alertname": "DatasourceError", "rulename": "HighCPU", "grafana_folder": "Infra"},
            "annotations": {"Error": "failed to execute query [A]: context deadline exceeded"},
            "generatorURL": "https://g.example/r"});
        assert_eq!(
            grafana(&json!({"status": "firing", "alerts": [alert]})).lines,
            [
                "[Grafana] [FIRING] HighCPU: the source fails in Infra: failed to execute query [A]: context deadline exceeded https://g.example/r"
            ]
        );
    }

    #[test]
    fn kubernetes_says_where_and_how_bad() {
        let alert = |pod: &str| {
            json!({"status": "firing", "labels": {"alertname": "KubePodCrashLooping", "namespace": "prod", "pod": pod,
                "severity": "critical", "instance": "10.0.0.7:8080", "job": "kube-state-metrics"},
                "annotations": {"summary": "Pod is crash looping."}, "generatorURL": "https://p.example"})
        };
        let one = json!({"status": "firing", "alerts": [alert("api-7d9f")]});
        assert_eq!(
            alertmanager(&one).lines,
            [
                "[Alertmanager] [FIRING] KubePodCrashLooping (critical) on prod/api-7d9f: Pod is crash looping. https://p.example"
            ]
        );
        let two = json!({"status": "firing", "externalURL": "https://am.example",
            "groupLabels": {"alertname": "KubePodCrashLooping", "namespace": "prod"},
            "commonLabels": {"alertname": "KubePodCrashLooping", "namespace": "prod", "severity": "critical"},
            "alerts": [alert("a"), alert("b")]});
        assert_eq!(
            alertmanager(&two).lines,
            [
                "[Alertmanager] [FIRING:2] KubePodCrashLooping (critical) (namespace=prod) https://am.example",
                "firing: on prod/a: Pod is crash looping.",
                "firing: on prod/b: Pod is crash looping."
            ]
        );
    }
}
