//! Pushes, pull requests and reviews.

use super::{Delivery, words};
use crate::Event;
use crate::forge::{COMMENT, Commit, Push, is_zero, join};
use crate::json::{at, first, is_true, list, text};
use crate::text::remark;

pub(super) fn push(d: &Delivery<'_>) -> Event {
    let body = d.body;
    let commits = list(body, "commits");
    let distinct: Vec<_> = commits
        .iter()
        // A commit that is on another branch already was announced then.
        .filter(|commit| at(commit, "distinct") != &serde_json::Value::Bool(false))
        .map(Commit::read)
        .collect();
    Push {
        repository: text(body, "repository.name"),
        pusher: first(body, &["sender.login", "pusher.name", "pusher.login"]),
        reference: text(body, "ref"),
        base: text(body, "base_ref"),
        before: text(body, "before"),
        after: text(body, "after"),
        created: is_true(body, "created") || is_zero(text(body, "before")),
        deleted: is_true(body, "deleted") || is_zero(text(body, "after")),
        forced: is_true(body, "forced"),
        any_commits: !commits.is_empty(),
        total: distinct.len(),
        commits: distinct,
        url: push_url(d),
    }
    .event()
}

fn push_url<'a>(d: &Delivery<'a>) -> &'a str {
    let single = list(d.body, "commits").len() == 1;
    let paths: &[&str] = if is_true(d.body, "deleted") {
        &["repository.html_url"]
    } else if single {
        &["head_commit.url", "compare"]
    } else {
        &["compare", "repository.html_url"]
    };
    first(d.body, paths)
}

pub(super) fn pull_request(d: &Delivery<'_>) -> Event {
    let pull = d.subject("pull_request", "pull request");
    let merged = is_true(d.body, "pull_request.merged");
    let action = match d.action {
        "closed" if merged => "merged".to_owned(),
        "ready_for_review" => "marked as ready for review:".to_owned(),
        "converted_to_draft" => "converted to draft:".to_owned(),
        "auto_merge_enabled" => "enabled auto-merge of".to_owned(),
        "auto_merge_disabled" => "disabled auto-merge of".to_owned(),
        "synchronize" => "updated".to_owned(),
        "review_requested" => join(&["asked", &reviewer(d), "to review"]),
        "review_request_removed" => join(&["no longer asks", &reviewer(d), "to review"]),
        "labeled" | "unlabeled" => join(&[d.action, &format!("({})", d.text("label.name"))]),
        "assigned" | "unassigned" => {
            join(&[d.action, &format!("({})", d.text("assignee.login")), "to"])
        }
        other => words(other),
    };
    let name = format!("{}:", pull.name);
    let branches = format!(
        "({}...{})",
        d.text("pull_request.base.ref"),
        d.text("pull_request.head.ref")
    );
    let event = d.say(&[&action, &name, &pull.title, &branches, pull.url]);
    match d.action {
        "opened" | "closed" | "reopened" | "ready_for_review" => event,
        "synchronize" => event.quiet("the push is announced already"),
        _ => event.quiet(
            "changes of labels, people and texts of pull requests are too frequent to announce",
        ),
    }
}

fn reviewer(d: &Delivery<'_>) -> String {
    first(d.body, &["requested_reviewer.login", "requested_team.name"]).to_owned()
}

pub(super) fn review(d: &Delivery<'_>) -> Event {
    let pull = d.subject("pull_request", "pull request");
    let body = remark(d.text("review.body"), COMMENT);
    let state = d.text("review.state").to_lowercase();
    let did = match (d.action, state.as_str()) {
        ("submitted", "approved") => "approved",
        ("submitted", "changes_requested") => "requested changes on",
        ("submitted", _) => "reviewed",
        ("dismissed", _) => "dismissed a review of",
        _ => "edited a review of",
    };
    let name = format!("{}:", pull.name);
    let said = if body.is_empty() { &pull.title } else { &body };
    let event = d.say(&[did, &name, said, d.text("review.html_url")]);
    match (d.action, state.as_str()) {
        ("submitted", "commented") if body.is_empty() => {
            event.quiet("the comments of the review are announced one by one")
        }
        ("submitted" | "dismissed", _) => event,
        _ => event.quiet("edited reviews are too frequent to announce"),
    }
}
