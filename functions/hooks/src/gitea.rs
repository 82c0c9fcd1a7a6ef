//! Gitea and Forgejo: <https://docs.gitea.com/usage/webhooks>. Their bodies resemble GitHub's; the differences are
//! handled here.

use serde_json::Value;

use crate::Event;
use crate::forge::{Push, join, short};
use crate::github;
use crate::json::{at, first, text};

/// Parses a delivery; `name` is the header `X-Gitea-Event`.
pub(crate) fn read(name: &str, body: &Value) -> Event {
    let scope = format!(
        "[{}]",
        first(
            body,
            &[
                "repository.name",
                "run.repository.name",
                "organization.username",
                "package.owner.login",
            ]
        )
    );
    let sender = first(body, &["sender.login", "sender.username"]);
    let url = text(body, "repository.html_url");
    match name {
        "push" => push(body),
        "pull_request" if text(body, "action") == "reviewed" => review("", body, &scope, sender),
        "pull_request_approved"
        | "pull_request_rejected"
        | "pull_request_comment"
        | "pull_request_review_approved"
        | "pull_request_review_rejected"
        | "pull_request_review_comment"
            if at(body, "review").is_object() =>
        {
            review(name, body, &scope, sender)
        }
        // A field marks comments on pull requests; with GitHub it is in the issue.
        "issue_comment" | "pull_request_comment" => {
            let on_pull = crate::json::is_true(body, "is_pull");
            comment(
                body,
                &scope,
                sender,
                if on_pull || name != "issue_comment" {
                    "pull request"
                } else {
                    "issue"
                },
            )
        }
        "issue_assign" | "issue_label" | "issue_milestone" => github::read("issues", body)
            .quiet("changes of labels, people and milestones are too frequent to announce"),
        "pull_request_assign"
        | "pull_request_label"
        | "pull_request_milestone"
        | "pull_request_sync"
        | "pull_request_review_request" => github::read("pull_request", body)
            .quiet("changes of labels, people and milestones are too frequent to announce"),
        "wiki" => {
            let page = format!("{}:", text(body, "page"));
            Event::new(
                "wiki",
                join(&[
                    &scope,
                    sender,
                    text(body, "action"),
                    "wiki page",
                    &page,
                    url,
                ]),
            )
        }
        "package" => {
            let package = at(body, "package");
            let parts = [
                &scope,
                sender,
                text(body, "action"),
                "package",
                text(package, "name"),
                text(package, "version"),
                text(package, "html_url"),
            ];
            Event::new("package", join(&parts))
        }
        "fork" => {
            let parts = [
                &format!("[{}]", text(body, "forkee.name")),
                sender,
                "forked to",
                text(body, "repository.full_name"),
                url,
            ];
            Event::new("fork", join(&parts))
        }
        "action_run_success" | "action_run_failure" | "action_run_recover" => {
            run(name, body, &scope)
        }
        "" => Event::ignored(
            "",
            "the request has no X-Gitea-Event, so it is not from Gitea or Forgejo",
        ),
        name => github::read(name, body),
    }
}

fn push(body: &Value) -> Event {
    Push {
        repository: text(body, "repository.name"),
        pusher: first(body, &["pusher.login", "pusher.username", "sender.login"]),
        url: first(body, &["compare_url", "repository.html_url"]),
        ..Push::read(body, "total_commits")
    }
    .event()
}

/// A run of Forgejo's Actions: <https://forgejo.org/docs/latest/user/webhooks/>.
fn run(name: &str, body: &Value, scope: &str) -> Event {
    let run = at(body, "run");
    let reference = text(run, "prettyref");
    let about = format!(
        "(#{}, {})",
        crate::json::scalar_at(run, "index_in_repo"),
        short(text(run, "commit_sha"))
    );
    let result = match name {
        "action_run_failure" => "failed",
        "action_run_recover" => "passes again",
        _ => "passed",
    };
    let on = format!("on {reference}");
    let parts = [
        scope,
        "workflow",
        text(run, "workflow_id"),
        result,
        if reference.is_empty() { "" } else { &on },
        &about,
        text(run, "html_url"),
    ];
    let event = Event::new(name, join(&parts)).on(reference);
    if name == "action_run_success" {
        return event
            .quiet("only failures are announced; name this event in the filter to get every run");
    }
    event
}

fn review(name: &str, body: &Value, scope: &str, sender: &str) -> Event {
    let kind = format!("{name} {}", text(body, "review.type"));
    let did = if kind.contains("approved") {
        "approved"
    } else if kind.contains("rejected") {
        "requested changes on"
    } else {
        "reviewed"
    };
    let pull = at(body, "pull_request");
    let number = format!("pull request #{}:", crate::json::scalar_at(pull, "number"));
    let said = first(body, &["review.content", "pull_request.title"]);
    let said = crate::text::remark(said, crate::forge::COMMENT);
    let line = join(&[scope, sender, did, &number, &said, text(pull, "html_url")]);
    Event::new("pull_request_review", line).on(text(pull, "base.ref"))
}

fn comment(body: &Value, scope: &str, sender: &str, what: &str) -> Event {
    let number = first_scalar(body, &["issue.number", "pull_request.number"]);
    let said = crate::text::remark(text(body, "comment.body"), crate::forge::COMMENT);
    let on = format!("{what} #{number}:");
    let url = text(body, "comment.html_url");
    let action = text(body, "action");
    let kind = format!("issue_comment.{action}");
    if action == "created" {
        return Event::new(
            kind,
            join(&[scope, sender, "commented on", &on, &said, url]),
        );
    }
    Event::new(
        kind,
        join(&[scope, sender, action, "a comment on", &on, &said, url]),
    )
    .quiet("edited and deleted comments are too frequent to announce")
}

fn first_scalar(body: &Value, paths: &[&str]) -> String {
    let found = paths.iter().map(|path| crate::json::scalar_at(body, path));
    found
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}
