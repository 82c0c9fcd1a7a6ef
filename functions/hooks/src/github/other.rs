//! All other events of GitHub.

use super::{Delivery, words};
use crate::Event;
use crate::forge::{COMMENT, TITLE, count, join};
use crate::json::{at, first, list, scalar_at, text};
use crate::text::{remark, summary};

/// The most wiki pages that are shown.
const SHOWN_PAGES: usize = 3;

pub(super) fn read(d: &Delivery<'_>) -> Event {
    let action = words(d.action);
    let action = action.as_str();
    match d.name {
        "ping" => ping(d),
        "create" | "delete" => {
            let did = if d.name == "create" {
                "created"
            } else {
                "deleted"
            };
            let url = d.text("repository.html_url");
            d.say(&[did, d.text("ref_type"), d.text("ref"), url])
                .on(d.text("ref"))
                .quiet("the push is announced already")
        }
        "release" => release(d),
        "fork" => d.say(&[
            "forked to",
            d.text("forkee.full_name"),
            d.text("forkee.html_url"),
        ]),
        "star" if d.action == "created" => d.say(&["starred it", d.text("repository.html_url")]),
        "star" => d
            .say(&["took a star away"])
            .quiet("removed stars are not announced"),
        "watch" => d
            .say(&["starred it", d.text("repository.html_url")])
            .quiet("the event star is announced already"),
        "gollum" => wiki(d),
        "public" => d.say(&["made the repository public:", d.text("repository.html_url")]),
        "repository" => repository(d),
        "member" => {
            let who = d.text("member.login");
            let event = d.say(&[action, "collaborator", who]);
            if d.action == "edited" {
                event.quiet("changes of permissions are not announced")
            } else {
                event
            }
        }
        "membership" => d.say(&[
            action,
            first(d.body, &["member.login", "scope"]),
            "in team",
            d.text("team.name"),
        ]),
        "organization" => {
            let did = match d.action {
                "member_added" => "added",
                "member_removed" => "removed",
                "member_invited" => "invited",
                _ => action,
            };
            let whom = [
                "membership.user.login",
                "invitation.login",
                "organization.login",
            ];
            d.say(&[did, first(d.body, &whom)])
        }
        "org_block" => d.say(&[action, d.text("blocked_user.login")]),
        "team" => {
            let event = d.say(&[
                action,
                "team",
                d.text("team.name"),
                d.text("repository.name"),
            ]);
            if d.action == "edited" {
                event.quiet("changes of teams are not announced")
            } else {
                event
            }
        }
        "team_add" => d.say(&["gave team", d.text("team.name"), "access"]),
        "milestone" => {
            let event = titled(d, "milestone", "milestone", "title");
            if d.action == "edited" {
                event.quiet("edited texts are too frequent to announce")
            } else {
                event
            }
        }
        "discussion" => {
            let discussion = d.subject("discussion", "discussion");
            let name = format!("{}:", discussion.name);
            let event = d.say(&[action, &name, &discussion.title, discussion.url]);
            match d.action {
                "created" | "answered" | "closed" | "reopened" | "deleted" | "transferred" => event,
                _ => event
                    .quiet("changes of labels, categories and texts are too frequent to announce"),
            }
        }
        "discussion_comment" => {
            let name = format!("{}:", d.subject("discussion", "discussion").name);
            let body = remark(d.text("comment.body"), COMMENT);
            let url = d.text("comment.html_url");
            if d.action == "created" {
                d.say(&["commented on", &name, &body, url])
            } else {
                d.say(&[action, "a comment on", &name, &body, url])
                    .quiet("edited and deleted comments are too frequent to announce")
            }
        }
        "dependabot_alert"
        | "code_scanning_alert"
        | "secret_scanning_alert"
        | "repository_vulnerability_alert" => alert(d),
        "repository_advisory" | "security_advisory" => {
            let advisory = first(
                d.body,
                &["repository_advisory.ghsa_id", "security_advisory.ghsa_id"],
            );
            let title = first(
                d.body,
                &["repository_advisory.summary", "security_advisory.summary"],
            );
            let url = d.text("repository_advisory.html_url");
            let title = summary(title, TITLE);
            let event = d.say(&[action, "security advisory", advisory, &title, url]);
            if d.name == "security_advisory" {
                event.quiet(
                    "GitHub's advisories are global; alerts announce those that affect a repository",
                )
            } else {
                event
            }
        }
        "package" | "registry_package" => {
            let package = at(d.body, d.name);
            let version = first(
                package,
                &["package_version.version", "package_version.name"],
            );
            let url = first(package, &["package_version.html_url", "html_url"]);
            d.say(&[action, "package", text(package, "name"), version, url])
        }
        "page_build" => {
            let status = d.text("build.status");
            let error = summary(d.text("build.error.message"), COMMENT);
            let event = d.say(&[
                "built the pages:",
                status,
                &error,
                d.text("repository.html_url"),
            ]);
            if status == "errored" {
                event
            } else {
                event.quiet("only failures are announced")
            }
        }
        "deploy_key" => d.say(&[action, "deploy key", d.text("key.title")]),
        "branch_protection_rule" => d.say(&[action, "the protection of", d.text("rule.name")]),
        "deployment_review" => d.say(&[
            action,
            "a review of a deployment to",
            d.text("environment"),
            d.text("workflow_run.html_url"),
        ]),
        "sponsorship" => d.say(&[
            action,
            "a sponsorship of",
            d.text("sponsorship.sponsorable.login"),
            d.text("sponsorship.tier.name"),
        ]),
        "marketplace_purchase" => d.say(&[
            action,
            d.text("marketplace_purchase.plan.name"),
            d.text("marketplace_purchase.account.login"),
        ]),
        "meta" => d.say(&["deleted this webhook; no more events will come"]),
        "repository_import" => d.say(&[
            "imported the repository:",
            d.text("status"),
            d.text("repository.html_url"),
        ]),
        "label" => d
            .say(&[action, "label", d.text("label.name")])
            .quiet("changes of labels are too frequent to announce"),
        "deployment" => d
            .say(&[
                "started to deploy",
                d.text("deployment.ref"),
                "to",
                d.text("deployment.environment"),
            ])
            .quiet("only the end of a deployment is announced"),
        "pull_request_review_thread" => {
            let pull = d.subject("pull_request", "pull request");
            d.say(&[action, "a thread of", &pull.name, pull.url])
                .quiet("threads of reviews are too frequent to announce")
        }
        "merge_group" => d
            .say(&[action, "for", d.text("merge_group.head_ref")])
            .quiet("the push that follows is announced"),
        "project" | "project_card" | "project_column" | "projects_v2" | "projects_v2_item" => {
            let title = first(
                d.body,
                &["project.name", "project_column.name", "project_card.note"],
            );
            let url = first(d.body, &["project.html_url"]);
            d.say(&[action, &words(d.name), &summary(title, TITLE), url])
                .quiet("changes of project boards are too frequent to announce")
        }
        "repository_dispatch" | "workflow_dispatch" => {
            let what = first(d.body, &["action", "workflow"]);
            d.say(&["triggered", what])
                .quiet("the workflow that it starts is announced")
        }
        "installation"
        | "installation_repositories"
        | "github_app_authorization"
        | "installation_target" => Event::ignored(
            d.kind(),
            "this is about a GitHub App, not about a repository",
        ),
        "secret_scanning_alert_location" => {
            Event::ignored(d.kind(), "the alert itself is announced")
        }
        "cache_sync" | "content_reference" | "enterprise" | "user" => Event::ignored(
            d.kind(),
            "this is about the GitHub server, not about a repository",
        ),
        "" => Event::ignored(
            "",
            "the request has no X-GitHub-Event, so it is not from GitHub",
        ),
        _ => Event::ignored(d.kind(), "this event of GitHub is not known here"),
    }
}

fn ping(d: &Delivery<'_>) -> Event {
    let events: Vec<&str> = list(d.body, "hook.events")
        .iter()
        .filter_map(|e| e.as_str())
        .collect();
    let events = match events.as_slice() {
        [] => String::new(),
        list if list.len() > 8 => format!("for {}", count(list.len(), "event")),
        list => format!("for {}", list.join(", ")),
    };
    let zen = d.text("zen");
    let parts = ["GitHub sends its events here now", &events, "-", zen];
    let end = if zen.is_empty() { 2 } else { 4 };
    Event::new("ping", join(&[&d.scope, &join(&parts[..end])]))
}

fn release(d: &Delivery<'_>) -> Event {
    let release = at(d.body, "release");
    let tag = text(release, "tag_name");
    let name = text(release, "name");
    let name = if name.is_empty() || name == tag {
        String::new()
    } else {
        format!("({})", summary(name, TITLE))
    };
    let event = d.say(&[
        &words(d.action),
        "release",
        tag,
        &name,
        text(release, "html_url"),
    ]);
    match d.action {
        "published" | "unpublished" | "deleted" => event,
        _ => event.quiet("\"published\" is announced already"),
    }
}

fn wiki(d: &Delivery<'_>) -> Event {
    let pages = list(d.body, "pages");
    let lines = pages.iter().take(SHOWN_PAGES).map(|page| {
        let title = format!("{}:", summary(text(page, "title"), TITLE));
        let parts = [
            &d.scope,
            d.sender,
            text(page, "action"),
            "wiki page",
            &title,
            text(page, "html_url"),
        ];
        join(&parts)
    });
    let mut lines: Vec<String> = lines.collect();
    if pages.len() > SHOWN_PAGES {
        lines.push(format!(
            "… and {} more",
            count(pages.len() - SHOWN_PAGES, "page")
        ));
    }
    Event {
        kind: d.kind(),
        lines,
        ..Event::default()
    }
}

fn repository(d: &Delivery<'_>) -> Event {
    let from = first(
        d.body,
        &[
            "changes.repository.name.from",
            "changes.owner.from.user.login",
            "changes.owner.from.organization.login",
        ],
    );
    let from = if from.is_empty() {
        String::new()
    } else {
        format!("(was {from})")
    };
    let event = d.say(&[
        &words(d.action),
        "the repository",
        &from,
        d.text("repository.html_url"),
    ]);
    if d.action == "edited" {
        event.quiet("edited texts are too frequent to announce")
    } else {
        event
    }
}

fn titled(d: &Delivery<'_>, path: &str, what: &str, title: &str) -> Event {
    let subject = at(d.body, path);
    let title = format!("{}:", summary(text(subject, title), TITLE));
    d.say(&[&words(d.action), what, &title, text(subject, "html_url")])
}

fn alert(d: &Delivery<'_>) -> Event {
    let alert = at(d.body, "alert");
    let title = first(
        alert,
        &[
            "security_advisory.summary",
            "rule.description",
            "secret_type_display_name",
            "secret_type",
            "affected_package_name",
        ],
    );
    let severity = first(
        alert,
        &[
            "security_advisory.severity",
            "rule.security_severity_level",
            "rule.severity",
            "severity",
        ],
    );
    let severity = if severity.is_empty() {
        String::new()
    } else {
        format!("({severity})")
    };
    let package = first(alert, &["dependency.package.name"]);
    let name = d.name.trim_end_matches("_alert").replace('_', " ");
    let number = scalar_at(alert, "number");
    let number = if number.is_empty() {
        String::new()
    } else {
        format!("#{number}:")
    };
    let url = first(alert, &["html_url", "external_reference"]);
    let line = join(&[
        &d.scope,
        &name,
        "alert",
        &number,
        &words(d.action),
        "-",
        package,
        &summary(title, TITLE),
        &severity,
        url,
    ]);
    let event = Event::new(d.kind(), line).on(d.text("ref").trim_start_matches("refs/heads/"));
    match d.name {
        "repository_vulnerability_alert" => event.quiet("dependabot_alert is announced already"),
        _ => event,
    }
}
