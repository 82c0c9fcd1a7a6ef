//! GitHub: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.
//!
//! Common events of interest are announced; those that are too frequent, or that duplicate other events, are quiet:
//! announced only if a filter names them.

mod checks;
mod code;
mod other;

use serde_json::Value;

use crate::Event;
use crate::forge::{COMMENT, TITLE, join};
use crate::json::{at, first, scalar_at, text};
use crate::text::{remark, summary};

/// Parses a delivery; `name` is the header `X-GitHub-Event`.
pub(crate) fn read(name: &str, body: &Value) -> Event {
    let delivery = Delivery::new(name, body);
    let event = match name {
        "push" => code::push(&delivery),
        "issues" => issues(&delivery),
        "pull_request" | "pull_request_target" => code::pull_request(&delivery),
        "issue_comment" | "commit_comment" | "pull_request_review_comment" => comment(&delivery),
        "pull_request_review" => code::review(&delivery),
        "status" => checks::status(&delivery),
        "check_run" | "check_suite" => checks::check(&delivery),
        "workflow_run" => checks::workflow_run(&delivery),
        "workflow_job" => checks::workflow_job(&delivery),
        "deployment_status" => checks::deployment_status(&delivery),
        _ => other::read(&delivery),
    };
    event.on_branch(delivery.branch())
}

impl Event {
    fn on_branch(self, branch: &str) -> Self {
        if self.branch.is_some() {
            return self;
        }
        self.on(branch)
    }
}

/// A delivery, with the fields common to all.
struct Delivery<'a> {
    name: &'a str,
    body: &'a Value,
    action: &'a str,
    /// `[repository]`, or the organization or whatever else it is about.
    scope: String,
    sender: &'a str,
}

impl<'a> Delivery<'a> {
    fn new(name: &'a str, body: &'a Value) -> Self {
        let names = [
            "repository.name",
            "organization.login",
            "enterprise.slug",
            "installation.account.login",
            "sponsorship.sponsorable.login",
        ];
        let scope = first(body, &names);
        Self {
            name,
            body,
            action: text(body, "action"),
            scope: format!("[{}]", if scope.is_empty() { "GitHub" } else { scope }),
            sender: first(body, &["sender.login", "pusher.name"]),
        }
    }

    /// The kind that filters match.
    fn kind(&self) -> String {
        if self.action.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.name, self.action)
        }
    }

    fn text(&self, path: &str) -> &'a str {
        text(self.body, path)
    }

    /// Creates an event with one line: scope, sender, and action.
    fn say(&self, parts: &[&str]) -> Event {
        let line = join(&[&self.scope, self.sender, &join(parts)]);
        Event::new(self.kind(), line)
    }

    fn branch(&self) -> &'a str {
        first(
            self.body,
            &[
                "pull_request.base.ref",
                "workflow_run.head_branch",
                "workflow_job.head_branch",
                "check_run.check_suite.head_branch",
                "check_suite.head_branch",
                "branches.0.name",
            ],
        )
    }

    /// `issue #5` or `pull request #5` or `discussion #5`, with its title and link.
    fn subject(&self, path: &str, what: &str) -> Subject<'a> {
        let subject = at(self.body, path);
        Subject {
            name: format!("{what} #{}", scalar_at(subject, "number")),
            title: summary(text(subject, "title"), TITLE),
            url: text(subject, "html_url"),
        }
    }
}

struct Subject<'a> {
    name: String,
    title: String,
    url: &'a str,
}

/// The past tense of an action: actions are in the past tense already, except for the underscores.
fn words(action: &str) -> String {
    action.replace('_', " ")
}

fn issues(d: &Delivery<'_>) -> Event {
    let issue = d.subject("issue", "issue");
    let extra = match d.action {
        "assigned" | "unassigned" => d.text("assignee.login"),
        "labeled" | "unlabeled" => d.text("label.name"),
        "milestoned" | "demilestoned" => d.text("milestone.title"),
        _ => "",
    };
    let extra = if extra.is_empty() {
        String::new()
    } else {
        format!("({extra})")
    };
    let name = format!("{}:", issue.name);
    let event = d.say(&[&words(d.action), &name, &issue.title, &extra, issue.url]);
    match d.action {
        "opened" | "closed" | "reopened" | "transferred" | "deleted" => event,
        _ => event.quiet("changes of labels, people, milestones and texts of issues are too frequent to announce"),
    }
}

fn comment(d: &Delivery<'_>) -> Event {
    let on = match d.name {
        "commit_comment" => {
            format!(
                "commit {}",
                crate::forge::short(d.text("comment.commit_id"))
            )
        }
        "pull_request_review_comment" => join(&[
            &d.subject("pull_request", "pull request").name,
            d.text("comment.path"),
        ]),
        _ if at(d.body, "issue.pull_request").is_object() => {
            d.subject("issue", "pull request").name
        }
        _ => d.subject("issue", "issue").name,
    };
    let body = remark(d.text("comment.body"), COMMENT);
    let url = d.text("comment.html_url");
    let on = format!("{on}:");
    if d.action == "created" {
        return d.say(&["commented on", &on, &body, url]);
    }
    d.say(&[&words(d.action), "a comment on", &on, &body, url])
        .quiet("edited and deleted comments are too frequent to announce")
}
