//! Whatever the input: nothing panics, and only harmless lines result.

use hooks::{Call, Filter, MAX_LINE, MAX_LINES, Source, Template, read, say, signature};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Names with a meaning to some source.
const NAMES: &[&str] = &[
    "action",
    "alerts",
    "annotations",
    "attachments",
    "blocks",
    "body",
    "branches",
    "build",
    "comment",
    "commits",
    "created",
    "elements",
    "fields",
    "head_commit",
    "heartbeat",
    "html_url",
    "id",
    "issue",
    "labels",
    "login",
    "merged",
    "message",
    "monitor",
    "name",
    "number",
    "object_attributes",
    "object_kind",
    "pages",
    "payload",
    "project",
    "pull_request",
    "ref",
    "release",
    "repository",
    "review",
    "room",
    "sender",
    "status",
    "text",
    "title",
    "type",
    "url",
    "user",
    "From",
    "Body",
    "NumMedia",
    "monitorFriendlyName",
    "check_run",
    "workflow_run",
    "state",
    "before",
    "after",
    "object",
    "summary",
    "labels",
    "instance",
    "alertname",
    "conclusion",
    "total_commits",
];

const EVENTS: &[&str] = &[
    "push",
    "issues",
    "pull_request",
    "issue_comment",
    "commit_comment",
    "pull_request_review",
    "status",
    "check_run",
    "check_suite",
    "workflow_run",
    "deployment_status",
    "release",
    "gollum",
    "ping",
    "wiki",
    "package",
    "dependabot_alert",
    "pull_request_approved",
    "star",
    "repository",
    "whatever",
    "",
];

const KINDS: &[&str] = &[
    "push",
    "tag_push",
    "issue",
    "merge_request",
    "note",
    "pipeline",
    "build",
    "deployment",
    "release",
    "wiki_page",
    "emoji",
    "vulnerability",
    "section",
    "context",
    "actions",
    "rich_text",
    "header",
    "markdown",
    "image",
    "opened",
    "closed",
    "created",
    "completed",
    "submitted",
    "firing",
    "resolved",
    "failure",
    "0000000000",
];

fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,20}",
        any::<String>(),
        Just(
            "\u{1}DCC SEND a 1 2\u{1}\r\nQUIT :x\n\u{202e}@channel <!here> <https://a|b>"
                .to_owned()
        ),
        Just("<a|<b>&amp;{x}\u{200b}\u{feff}\u{0}".to_owned()),
        proptest::sample::select(KINDS).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| json!(n)),
        nasty().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((proptest::sample::select(NAMES), inner), 0..8).prop_map(
                |pairs| {
                    let pairs = pairs
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value));
                    Value::Object(pairs.collect::<Map<_, _>>())
                }
            ),
        ]
    })
}

fn check(
    source: Source,
    event: &str,
    kind: &'static str,
    body: &[u8],
) -> Result<(), TestCaseError> {
    let mut headers = HeaderMap::new();
    for name in ["x-github-event", "x-gitea-event"] {
        headers.insert(
            name,
            HeaderValue::from_str(event).map_err(|e| TestCaseError::fail(e.to_string()))?,
        );
    }
    headers.insert("content-type", HeaderValue::from_static(kind));
    let call = Call {
        headers: &headers,
        rest: "",
        query: "",
        body,
    };
    let template: Option<Template> = "{text} {commits.0.id|short:7}".parse().ok();
    let _refused = signature::verify(source, "secret", "https://a.example/x", &call, 0);
    if let Ok(event) = read(source, &call, template.as_ref()) {
        let _why = hooks::filter::reason(&Filter::default(), &event);
        let lines = say(&event.lines, false);
        prop_assert!(lines.len() <= MAX_LINES);
        for line in lines {
            prop_assert!(!line.is_empty() && line.len() <= MAX_LINE);
            prop_assert!(!line.contains(char::is_control), "{:?}", line);
            prop_assert!(
                !line.contains(['\u{202e}', '\u{200b}', '\u{feff}']),
                "{:?}",
                line
            );
            prop_assert!(!line.to_lowercase().starts_with("@channel"), "{:?}", line);
            prop_assert!(!line.contains("DCC SEND"), "{:?}", line);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_json_gives_harmless_lines(
        body in value(),
        event in proptest::sample::select(EVENTS),
        source in proptest::sample::select(&Source::ALL[..]),
    ) {
        check(source, event, "application/json", body.to_string().as_bytes())?;
    }

    #[test]
    fn any_bytes_give_harmless_lines(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        text in nasty(),
        source in proptest::sample::select(&Source::ALL[..]),
    ) {
        check(source, "push", "application/json", &body)?;
        check(source, "push", "application/x-www-form-urlencoded", &body)?;
        let form = format!("From=1&Body={text}&payload={text}&monitorFriendlyName={text}");
        check(source, "push", "application/x-www-form-urlencoded", form.as_bytes())?;
    }

    #[test]
    fn any_template_is_filled_or_refused(text in "[{}a-z.|:0-9\\n ]{0,60}", body in value()) {
        if let Ok(template) = text.parse::<Template>() {
            prop_assert!(template.fill(&body).len() <= MAX_LINES);
        }
    }
}
