//! Comments are shown from their first meaningful line, whichever forge sends them.

#![allow(clippy::unwrap_used, reason = "tests may")]

use hooks::{Call, Source, read};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

fn line(source: Source, event: &'static str, body: &Value) -> String {
    let mut headers = HeaderMap::new();
    for name in ["x-github-event", "x-gitea-event"] {
        headers.insert(name, HeaderValue::from_static(event));
    }
    let body = body.to_string();
    let call = Call {
        headers: &headers,
        rest: "",
        query: "",
        body: body.as_bytes(),
    };
    read(source, &call, None).unwrap().lines.concat()
}

#[test]
fn what_is_hidden_or_quoted_is_passed_over() {
    for text in [
        "<!-- sonarcloud -->\n\nThe answer\n",
        "The <!-- bot -->answer\n\n<!-- state: {\"a\": 1}\n-->\n",
        "> quoted question\n> more\n\nThe answer\n",
    ] {
        let comment = json!({"action": "created", "issue": {"number": 7}, "discussion": {"number": 7},
            "comment": {"body": text}, "pull_request": {"number": 5, "title": "PR"},
            "review": {"state": "commented", "body": text, "content": text, "type": "pull_request_review_comment"}});
        let mut submitted = comment.clone();
        submitted["action"] = json!("submitted");
        let note = json!({"object_kind": "note", "issue": {"iid": 3},
            "object_attributes": {"note": text, "noteable_type": "Issue"}});
        for (source, event, body) in [
            (Source::GitHub, "issue_comment", &comment),
            (Source::GitHub, "commit_comment", &comment),
            (Source::GitHub, "discussion_comment", &comment),
            (Source::GitHub, "pull_request_review", &submitted),
            (Source::GitLab, "Note Hook", &note),
            (Source::Gitea, "issue_comment", &comment),
            (Source::Gitea, "pull_request_comment", &comment),
        ] {
            let line = line(source, event, body);
            assert!(line.ends_with(": The answer"), "{source:?} {event}: {line}");
        }
    }
}

#[test]
fn auto_merge_reads_well() {
    for (action, said) in [
        (
            "auto_merge_enabled",
            "[r] ann enabled auto-merge of pull request #5: PR",
        ),
        (
            "auto_merge_disabled",
            "[r] ann disabled auto-merge of pull request #5: PR",
        ),
    ] {
        let body = json!({"action": action, "repository": {"name": "r"}, "sender": {"login": "ann"},
            "pull_request": {"number": 5, "title": "PR", "base": {"ref": "main"}, "head": {"ref": "x"}}});
        let line = line(Source::GitHub, "pull_request", &body);
        assert!(line.starts_with(said), "{line}");
    }
}
