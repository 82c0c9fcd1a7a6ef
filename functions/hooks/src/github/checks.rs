//! Builds, checks and deployments: failures are announced, successes are not.

use super::{Delivery, words};
use crate::Event;
use crate::forge::{COMMENT, join, short};
use crate::json::{at, first, scalar_at, text};
use crate::text::summary;

const PASSED: &str = "only failures are announced; name this event in the filter to get every run";

/// Makes it quiet unless it is a failure.
fn failures(event: Event, conclusion: &str) -> Event {
    let failed = matches!(
        conclusion,
        "failure" | "error" | "timed_out" | "startup_failure" | "action_required"
    );
    if failed { event } else { event.quiet(PASSED) }
}

fn result(conclusion: &str) -> String {
    match conclusion {
        "failure" => "failed".to_owned(),
        "success" => "passed".to_owned(),
        "error" => "could not be run".to_owned(),
        other => words(other),
    }
}

/// The event without its sender: builds run automatically.
fn line(d: &Delivery<'_>, parts: &[&str]) -> Event {
    Event::new(d.kind(), join(&[&d.scope, &join(parts)]))
}

pub(super) fn status(d: &Delivery<'_>) -> Event {
    let state = d.text("state");
    let description = summary(d.text("description"), COMMENT);
    let what = format!("{} {}", d.text("context"), result(state));
    let sha = short(d.text("sha"));
    let on = match d.text("branches.0.name") {
        "" => format!("on {sha}"),
        branch => format!("on {branch} ({sha})"),
    };
    let description = if description.is_empty() {
        String::new()
    } else {
        format!("- {description}")
    };
    let url = first(d.body, &["target_url", "commit.html_url"]);
    failures(line(d, &[&what, &on, &description, url]), state)
}

pub(super) fn check(d: &Delivery<'_>) -> Event {
    let check = at(d.body, d.name);
    let conclusion = text(check, "conclusion");
    let state = if conclusion.is_empty() {
        first(check, &["status"])
    } else {
        conclusion
    };
    let name = first(check, &["name", "app.name"]);
    let sha = short(text(check, "head_sha"));
    let branch = first(check, &["head_branch", "check_suite.head_branch"]);
    let url = first(check, &["html_url", "details_url"]);
    let on = format!("({sha})");
    let event = line(d, &["check", name, &result(state), "on", branch, &on, url]);
    if d.name == "check_suite" {
        return event.quiet("the checks in it are announced one by one");
    }
    if d.action != "completed" {
        return event.quiet(PASSED);
    }
    failures(event, conclusion)
}

pub(super) fn workflow_run(d: &Delivery<'_>) -> Event {
    let run = at(d.body, "workflow_run");
    let conclusion = text(run, "conclusion");
    let state = if conclusion.is_empty() {
        d.action
    } else {
        conclusion
    };
    let about = format!(
        "(#{}, {})",
        scalar_at(run, "run_number"),
        short(text(run, "head_sha"))
    );
    let branch = text(run, "head_branch");
    let event = line(
        d,
        &[
            "workflow",
            text(run, "name"),
            &result(state),
            "on",
            branch,
            &about,
            text(run, "html_url"),
        ],
    );
    failures(
        event,
        if d.action == "completed" {
            conclusion
        } else {
            ""
        },
    )
}

pub(super) fn workflow_job(d: &Delivery<'_>) -> Event {
    let job = at(d.body, "workflow_job");
    let conclusion = text(job, "conclusion");
    let state = if conclusion.is_empty() {
        d.action
    } else {
        conclusion
    };
    line(
        d,
        &[
            "job",
            text(job, "name"),
            &result(state),
            text(job, "html_url"),
        ],
    )
    .quiet("the workflow that it is part of is announced")
}

pub(super) fn deployment_status(d: &Delivery<'_>) -> Event {
    let status = at(d.body, "deployment_status");
    let state = text(status, "state");
    let environment = first(
        d.body,
        &["deployment_status.environment", "deployment.environment"],
    );
    let done = match state {
        "success" => "deployed",
        "failure" | "error" => "failed to deploy",
        other => other,
    };
    let reference = d.text("deployment.ref");
    let target = format!("to {environment}");
    let description = summary(text(status, "description"), COMMENT);
    let url = first(
        d.body,
        &[
            "deployment_status.environment_url",
            "deployment_status.log_url",
            "deployment_status.target_url",
            "repository.html_url",
        ],
    );
    let event = d.say(&[done, reference, &target, &description, url]);
    match state {
        "success" | "failure" | "error" => event,
        _ => event.quiet("only the end of a deployment is announced"),
    }
}
