//! What services send, shortened from their documentation.

use serde_json::json;

use super::*;
use crate::text::say;

/// What is said to the channel.
fn said(body: &Value) -> Vec<String> {
    say(&lines(body).unwrap(), false)
}

#[test]
fn topics_of_sns() {
    let arn = "arn:aws:sns:eu-west-1:123456789012:backup";
    let url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=x";
    let confirm = |url: &str| {
        said(
            &json!({"Type": "SubscriptionConfirmation", "TopicArn": arn, "Token": "x", "SubscribeURL": url,
            "Message": "You have chosen to subscribe to the topic.\nTo confirm, visit the SubscribeURL."}),
        )
    };
    assert_eq!(
        confirm(url),
        [format!(
            "[Amazon SNS] The topic backup sends nothing here until that is confirmed: open {url} once. If nobody here set this up, ignore it."
        )]
    );
    for other in [
        "",
        "http://sns.eu-west-1.amazonaws.com/",
        "https://sns.evil.example/.amazonaws.com",
        "https://sns.x@evil.example/#.amazonaws.com",
        "https://evil.example/",
    ] {
        let lines = confirm(other);
        assert!(
            lines[0].contains("do not open it") && lines.len() == 1,
            "{lines:?}"
        );
        assert!(other.is_empty() || !lines[0].contains(other), "{lines:?}");
    }
    let note = |subject: &str, message: &str| {
        said(
            &json!({"Type": "Notification", "TopicArn": arn, "Subject": subject, "Message": message,
            "MessageId": "1", "Timestamp": "2026-01-01T00:00:00Z", "SignatureVersion": "1", "Signature": "x",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x.pem", "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?x"}),
        )
    };
    assert_eq!(
        note("Done", "All of it.\nIn 3 s."),
        ["[backup] Done: All of it.", "In 3 s."]
    );
    assert_eq!(note("", "All of it."), ["[backup] All of it."]);
    assert_eq!(note("Same", "Same"), ["[backup] Same"]);
    assert_eq!(
        note("Deploy", "{\"title\": \"v2\", \"status\": \"done\"}"),
        ["Deploy", "v2 (done)"]
    );
}

#[test]
fn alarms_of_cloudwatch() {
    let alarm = json!({"AlarmName": "cpu-high", "AlarmDescription": "Look at the queue.", "AWSAccountId": "1",
        "NewStateValue": "ALARM", "NewStateReason": "Threshold Crossed: 1 datapoint (99.0) was greater than 80.",
        "StateChangeTime": "2026-01-01T00:00:00.000+0000", "Region": "EU (Ireland)", "OldStateValue": "OK",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:1:alarm:cpu-high", "Trigger": {"MetricName": "CPUUtilization"}});
    let expected = [
        "[CloudWatch] [ALARM] cpu-high: Threshold Crossed: 1 datapoint (99.0) was greater than 80. \
         https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:alarm/cpu-high",
        "Look at the queue.",
    ];
    assert_eq!(said(&alarm), expected);
    let envelope = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Subject": "ALARM: \"cpu-high\"",
        "Message": alarm.to_string()});
    assert_eq!(said(&envelope), expected);
    let bridged = json!({"detail-type": "CloudWatch Alarm State Change", "region": "eu-west-1",
        "detail": {"alarmName": "a b", "state": {"value": "OK"}}});
    assert_eq!(said(&bridged), ["[CloudWatch] [OK] a b"]);
}

#[test]
fn issues_of_jira() {
    let issue = json!({"self": "https://jira.example/rest/api/2/issue/10002", "key": "TEST-1",
        "fields": {"summary": "Login broken", "status": {"name": "In Progress"}, "priority": {"name": "High"}}});
    let event = |name: &str, more: Value| {
        let mut body =
            json!({"webhookEvent": name, "user": {"displayName": "Jane"}, "issue": issue});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        said(&body).concat()
    };
    assert_eq!(
        event("jira:issue_created", json!({})),
        "[Jira] Jane created TEST-1: Login broken (In Progress) https://jira.example/browse/TEST-1"
    );
    assert_eq!(
        event(
            "jira:issue_updated",
            json!({"changelog": {"items": [
            {"field": "status", "fromString": "To Do", "toString": "In Progress"},
            {"field": "description", "toString": "x".repeat(500)}]}})
        ),
        "[Jira] Jane updated TEST-1: Login broken (status: In Progress, description changed) https://jira.example/browse/TEST-1"
    );
    assert_eq!(
        event(
            "comment_created",
            json!({"comment": {"body": "Me too.", "author": {"displayName": "Jane"}}})
        ),
        "[Jira] Jane commented on TEST-1: Me too. (In Progress) https://jira.example/browse/TEST-1"
    );
    // As its automation sends an issue.
    assert_eq!(
        said(&issue),
        ["[Jira] TEST-1: Login broken (In Progress) https://jira.example/browse/TEST-1"]
    );
}

#[test]
fn events_of_datadog() {
    let text = "%%%\n**CPU** of a1 is high.\n@webhook-chat\n\n[![Metric Graph](https://p.example/snap.png)](https://app.example/monitors#1)\n\n\
                **avg(last_5m):avg:system.cpu.user{*}** > 80\n\nThe monitor was last triggered at Thu Jan 01 2026.\n\n- - -\n\n\
                [[Monitor Status](https://app.example/monitors/1?group=a1)] · [[Edit Monitor](https://app.example/monitors/1/edit)]\n%%%";
    assert_eq!(
        said(
            &json!({"body": text, "title": "[Triggered on {host:a1}] CPU high", "event_type": "query_alert_monitor",
            "last_updated": "1", "date": "1", "id": "5", "org": {"id": "1", "name": "x"}})
        ),
        [
            "[Datadog] [Triggered on {host:a1}] CPU high: CPU of a1 is high. https://app.example/monitors/1?group=a1",
            "avg(last_5m):avg:system.cpu.user{*} > 80"
        ]
    );
    assert_eq!(
        said(
            &json!({"title": "CPU high", "body": "%%% ok %%%", "alert_transition": "Recovered", "link": "https://app.example/e"})
        ),
        ["[Datadog] [Recovered] CPU high: ok https://app.example/e"]
    );
}

#[test]
fn cards_for_teams() {
    let card = json!({"@type": "MessageCard", "@context": "https://schema.org/extensions", "themeColor": "FF0000",
        "summary": "Build failed", "title": "Build failed", "text": "See the [log](https://ci.example/log) of **main**.",
        "sections": [{"activityTitle": "Ann", "activitySubtitle": "pushed", "activityImage": "https://i.example/a.png",
            "markdown": true, "facts": [{"name": "Branch:", "value": "main"}, {"name": "Status", "value": "Failed"}]}],
        "potentialAction": [{"@type": "OpenUri", "name": "View", "targets": [{"os": "default", "uri": "https://ci.example/5"}]}]});
    assert_eq!(
        said(&card),
        [
            "Build failed https://ci.example/5",
            "See the log (https://ci.example/log) of main.",
            "Ann · pushed",
            "Branch: main · Status: Failed"
        ]
    );
    assert_eq!(
        said(&json!({"@type": "MessageCard", "summary": "Only this"})),
        ["Only this"]
    );
    let adaptive = json!({"type": "AdaptiveCard", "version": "1.4", "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "msteams": {"width": "Full"}, "fallbackText": "unused", "body": [
            {"type": "TextBlock", "text": "**Pool** degraded", "weight": "Bolder"},
            {"type": "ColumnSet", "columns": [
                {"type": "Column", "items": [{"type": "Image", "url": "https://i.example/a.png"}]},
                {"type": "Column", "width": "auto", "items": [{"type": "TextBlock", "text": "tank"}]},
                {"type": "Column", "items": [{"type": "TextBlock", "text": "DEGRADED"}]}]},
            {"type": "Container", "items": [{"type": "FactSet", "facts": [{"title": "Host", "value": "a1"}, {"title": "Since", "value": ""}]}]},
            {"type": "RichTextBlock", "inlines": ["a ", {"type": "TextRun", "text": "b"}]}],
        "actions": [{"type": "Action.Submit", "title": "OK"}, {"type": "Action.OpenUrl", "title": "Open", "url": "https://nas.example"}]});
    let expected = [
        "Pool degraded https://nas.example",
        "tank · DEGRADED",
        "Host: a1",
        "a b",
    ];
    assert_eq!(said(&adaptive), expected);
    let message = json!({"type": "message", "attachments": [
        {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": adaptive}]});
    assert_eq!(said(&message), expected);
}

#[test]
fn what_is_none_of_theirs_is_left() {
    for body in [
        json!({"title": "Backup", "body": "done"}),
        json!({"type": "message", "attachments": [{"text": "a", "content": {"type": "x"}}]}),
        json!({"Type": "Notification", "Message": "x"}),
        json!({"issue": {"key": "TEST-1"}}),
        json!({"AlarmName": "x"}),
        json!([]),
        json!("x"),
    ] {
        assert_eq!(lines(&body), None, "{body}");
    }
}
