//! Doubling the text at most about doubles the work, for every parser of untrusted input.
//!
//! Work is what [`crate::work::look`] counts, so these tests give the same result on every machine.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::work::steps_of;
use crate::{Call, Filter, Source, Template, read, say, signature};

/// What is repeated: characters at which some parser starts or ends something.
const SIGNS: &[&str] = &[
    "&",
    "&#",
    "&amp;",
    ";",
    "<",
    ">",
    "<a|",
    "<!",
    "<!--",
    "<!-- --> ",
    "`<!--",
    "](",
    "[a](b)",
    "**",
    "> \n",
    "\u{1b}[",
    "\u{1b}[33333333",
    "*a",
    "*a* ",
    "_*",
    "`",
    "@",
    "@all ",
    "DCC ",
    "\n",
    "\r\n\r\n",
    "a\n",
    "ab cdefgh\n",
    " ",
    "é",
    "\u{200d}",
    "{",
    "\"",
    "\\",
    "=",
    "a=b&",
    "%41",
    "%FC",
    "+",
    "--b\r\n",
    "a/",
    ".",
    "x",
];
/// How often.
const FEW: usize = 400;

fn steps(source: Source, kind: &str, body: &[u8]) -> usize {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", kind),
        ("x-github-event", "push"),
        ("x-gitea-event", "issues"),
        ("webhook-id", "1"),
        ("webhook-timestamp", "0"),
        ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    ] {
        let name = HeaderName::from_static(match name {
            "content-type" => "content-type",
            "x-github-event" => "x-github-event",
            "x-gitea-event" => "x-gitea-event",
            "webhook-id" => "webhook-id",
            "webhook-timestamp" => "webhook-timestamp",
            _ => "x-twilio-signature",
        });
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    let many = "v1,bm90 ".repeat(500);
    headers.insert("webhook-signature", many.parse().unwrap());
    let call = Call {
        headers: &headers,
        rest: "",
        query: "",
        body,
    };
    let filter = Filter {
        events: vec!["-*a*a*a*a*b".to_owned(); 50],
        branches: vec![format!("-*{}b", "a".repeat(90)); 50],
    };
    let template: Template =
        "{text|json|upper|json|json|json}{title|json|lower|first_line|count|short:3}"
            .repeat(20)
            .parse()
            .unwrap();
    let (steps, _) = steps_of(|| {
        for secret in ["secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            let _refused = signature::verify(source, secret, "https://a.example/x", &call, 0);
        }
        for template in [None, Some(&template)] {
            if let Ok(event) = read(source, &call, template) {
                let _why = crate::filter::reason(&filter, &event);
                let _lines = say(&event.lines, false);
            }
        }
    });
    steps
}

/// Checks that twice the input is not much more than twice the work.
fn grows(what: &str, source: Source, kind: &str, body: impl Fn(usize) -> Vec<u8>) {
    let (once, twice) = (body(FEW), body(2 * FEW));
    let (few, many) = (steps(source, kind, &once), steps(source, kind, &twice));
    // The constant part, whatever the input: lines, patterns, templates.
    let constant = 600_000;
    assert!(
        many <= 2 * few + few / 4 + 1_000,
        "{source:?}, {what}: {few} steps for {} bytes, {many} for {}",
        once.len(),
        twice.len()
    );
    assert!(
        many <= 60 * twice.len() + constant,
        "{source:?}, {what}: {many} steps for {} bytes",
        twice.len()
    );
}

/// A body for each service with a text wherever it can have one.
fn body(source: Source, text: &str) -> Value {
    let person = json!({"login": text, "name": text, "username": text});
    match source {
        Source::GitHub | Source::Gitea => json!({
            "action": text, "ref": format!("refs/heads/{text}"), "repository": {"name": text, "html_url": text},
            "sender": person, "pusher": person, "compare": text, "before": text, "after": text,
            "commits": [{"id": text, "message": text, "author": person}],
            "issue": {"title": text, "html_url": text}}),
        Source::GitLab => json!({
            "object_kind": "note", "user": person, "project": {"name": text, "web_url": text},
            "object_attributes": {"note": text, "url": text, "noteable_type": text, "title": text}}),
        Source::Slack => json!({
            "username": text, "text": text,
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}, "fields": [text, text]},
                {"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": [{"type": "text", "text": text}]}]},
                {"type": "markdown", "text": text}],
            "attachments": [{"pretext": text, "author_name": text, "title": text, "title_link": text, "text": text,
                "footer": text, "fields": [{"title": text, "value": text}], "actions": [{"url": text, "text": text}]}]}),
        Source::Kosmos => json!({"room": text, "message": [text, text]}),
        Source::Alertmanager | Source::Grafana => json!({
            "status": text, "title": text, "externalURL": text, "groupLabels": {"a": text},
            "commonLabels": {"severity": text, "alertname": text},
            "alerts": [{"status": text, "labels": {"alertname": text, "namespace": text, "pod": text, "severity": text},
                "annotations": {"summary": text}}, {"labels": {"rulename": text, "instance": text}}]}),
        Source::UptimeKuma => {
            json!({"heartbeat": {"msg": text, "status": 0}, "monitor": {"name": text, "url": text}})
        }
        Source::UptimeRobot => {
            json!({"monitorFriendlyName": text, "alertTypeFriendlyName": text, "monitorID": text})
        }
        Source::Sms => json!({"From": text, "Body": text, "NumMedia": text, "MediaUrl0": text}),
        Source::Json => {
            json!({"title": text, "data": {"message": text, "url": text, "state": text, "a": [text, text]}})
        }
    }
}

#[test]
fn texts_of_every_service() {
    for source in Source::ALL {
        for sign in SIGNS {
            grows(sign, source, "application/json", |times| {
                body(source, &sign.repeat(times)).to_string().into_bytes()
            });
        }
    }
}

/// Lists, objects and nesting where each service has a list, and where it has none.
#[test]
fn lists_of_every_service() {
    let items = [
        json!(0),
        json!({"": 0}),
        json!("a"),
        json!([[]]),
        json!({"title": "t", "message": "m", "status": "firing", "labels": {"a": "b"}}),
        json!({"type": "section", "text": "a", "fields": ["a", "b"], "elements": [{"type": "text", "text": "a"}]}),
        json!({"id": "1", "message": "a", "author": {"name": "b"}}),
    ];
    for source in Source::ALL {
        for item in &items {
            grows(&item.to_string(), source, "application/json", |times| {
                let list = vec![item; times / 4];
                let body = json!({"room": "a", "From": "a", "monitorFriendlyName": "a", "object_kind": "push",
                    "commits": list, "alerts": list, "blocks": list, "attachments": list, "message": list,
                    "pages": list, "data": {"list": list}});
                body.to_string().into_bytes()
            });
        }
        grows("fields", source, "application/json", |times| {
            let fields = (0..times).map(|n| (format!("{n}_name"), json!("a")));
            Value::Object(fields.collect()).to_string().into_bytes()
        });
    }
}

#[test]
fn forms_and_whatever_is_not_json() {
    let multipart = "multipart/form-data; boundary=b";
    let form = "application/x-www-form-urlencoded";
    for source in Source::ALL {
        for sign in SIGNS {
            for kind in [form, multipart, "text/plain", "application/json"] {
                grows(sign, source, kind, |times| sign.repeat(times).into_bytes());
            }
            grows(sign, source, form, |times| {
                let text = sign.repeat(times);
                let pairs = ["monitorFriendlyName", "From", "Body", "text", "payload"]
                    .map(|name| (name, &text));
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(pairs).finish().into_bytes()
            });
            grows(sign, source, multipart, |times| {
                let part = format!(
                    "--b\r\nContent-Disposition: form-data; name=\"{0}\"; {0}\r\n\r\n{0}\r\n",
                    sign.repeat(3)
                );
                part.repeat(times / 4).into_bytes()
            });
            let other = ["charset=latin1", "charset=utf-16", "charset=x"];
            for kind in other.map(|charset| format!("text/plain; {charset}")) {
                // In UTF-16 it is half as many characters, of three bytes each.
                grows(sign, source, &kind, |times| {
                    sign.repeat(times / 4).into_bytes()
                });
            }
            grows(sign, source, "text/plain", |times| {
                [sign.as_bytes(), b"\xfc"].concat().repeat(times / 2)
            });
            // Texts that JSON does not allow unescaped.
            grows(sign, source, "application/json", |times| {
                format!("{{\"text\":\"\n{}\"}}", sign.repeat(times)).into_bytes()
            });
        }
    }
}

/// What services send to a hook that is none of theirs, with a text wherever they have one.
#[test]
fn services_that_are_known_by_shape() {
    let shapes: [fn(&str) -> Value; 5] = [
        |text| json!({"Type": "Notification", "TopicArn": text, "Subject": text, "Message": text}),
        |text| {
            json!({"AlarmName": text, "NewStateValue": text, "NewStateReason": text, "AlarmArn": text,
                "AlarmDescription": text})
        },
        |text| {
            json!({"webhookEvent": text, "user": {"displayName": text}, "comment": {"body": text},
                "issue": {"key": text, "self": text, "fields": {"summary": text, "status": {"name": text}}},
                "changelog": {"items": [{"field": text, "toString": text}]}})
        },
        |text| json!({"title": text, "body": format!("%%%\n{text}"), "alert_transition": text}),
        |text| {
            let element =
                json!({"text": text, "facts": [{"title": text, "value": text}], "inlines": [text]});
            json!({"@type": "MessageCard", "title": text, "text": text, "type": "AdaptiveCard", "body": [element],
                "sections": [{"activityTitle": text, "facts": [{"name": text, "value": text}]}]})
        },
    ];
    for source in [Source::Json, Source::Slack] {
        for shape in shapes {
            for sign in SIGNS {
                grows(sign, source, "application/json", |times| {
                    shape(&sign.repeat(times)).to_string().into_bytes()
                });
            }
            let nested = |times: usize| {
                let inner = vec![json!({"a": [1, "b"]}); times / 4];
                shape(&json!(inner).to_string()).to_string().into_bytes()
            };
            grows("JSON in a text", source, "application/json", nested);
        }
    }
}

/// Elements of cards, in each other and beside each other.
#[test]
fn cards_with_many_elements() {
    for name in ["items", "columns", "rows"] {
        grows(name, Source::Json, "application/json", |times| {
            let leaf = json!({"text": "a", "facts": [{"title": "a", "value": "b"}]});
            let row = json!({name: vec![leaf; 5]});
            let body = json!({"type": "AdaptiveCard", "body": vec![row; times / 20]});
            body.to_string().into_bytes()
        });
    }
}
