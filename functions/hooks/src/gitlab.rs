//! GitLab: <https://docs.gitlab.com/user/project/integrations/webhook_events/>.

use serde_json::Value;

use crate::Event;
use crate::forge::{COMMENT, Push, TITLE, branch, is_zero, join, short};
use crate::json::{at, first, scalar_at, text};
use crate::text::{remark, summary};

/// Parses a delivery; its kind is in the body.
pub(crate) fn read(body: &Value) -> Event {
    let g = GitLab {
        body,
        kind: first(body, &["object_kind", "event_type", "event_name"]),
        project: first_or(
            "GitLab",
            body,
            &[
                "project.name",
                "repository.name",
                "project_name",
                "group_name",
                "group.name",
                "path",
            ],
        ),
        user: first(
            body,
            &[
                "user.username",
                "user_username",
                "user.name",
                "user_name",
                "commit.author_name",
            ],
        ),
    };
    match g.kind {
        "push" | "tag_push" => g.push(),
        "issue" | "work_item" | "incident" => g.issue("issue", "#"),
        "merge_request" => g.merge_request(),
        "note" => g.note(),
        "pipeline" => g.pipeline(),
        "build" => g.job(),
        "deployment" => g.deployment(),
        "release" => {
            let did = match text(body, "action") {
                "create" => "published",
                "delete" => "deleted",
                _ => "updated",
            };
            let name = match text(body, "name") {
                name if name == text(body, "tag") => String::new(),
                name => summary(name, TITLE),
            };
            let event = g.say(
                did,
                &["release", text(body, "tag"), &name, text(body, "url")],
            );
            if did == "updated" {
                event.quiet("edited texts are too frequent to announce")
            } else {
                event
            }
        }
        "wiki_page" => {
            let page = at(body, "object_attributes");
            let title = format!("{}:", summary(text(page, "title"), TITLE));
            g.say(
                done(text(page, "action")),
                &["wiki page", &title, text(page, "url")],
            )
        }
        "milestone" => {
            let title = text(body, "object_attributes.title");
            g.say(done(text(body, "action")), &["milestone", title])
        }
        "feature_flag" => {
            let flag = at(body, "object_attributes");
            let state = if crate::json::is_true(flag, "active") {
                "switched on"
            } else {
                "switched off"
            };
            g.say(state, &["feature flag", text(flag, "name")])
        }
        "vulnerability" => {
            let found = at(body, "object_attributes");
            let title = summary(text(found, "title"), TITLE);
            let severity = format!("({})", text(found, "severity"));
            g.say(
                text(found, "state"),
                &["vulnerability:", &title, &severity, text(found, "url")],
            )
        }
        "emoji" => g
            .say(
                if text(body, "event_type") == "revoke" {
                    "took back"
                } else {
                    "awarded"
                },
                &[&format!(":{}:", text(body, "object_attributes.name"))],
            )
            .quiet("reactions are too frequent to announce"),
        "access_token" => {
            let token = text(body, "object_attributes.name");
            let until = text(body, "object_attributes.expires_at");
            g.plain(&["access token", token, "expires on", until])
        }
        "" => Event::ignored("", "the body has no object_kind, so it is not from GitLab"),
        "user_failed_login" | "key_create" | "key_destroy" => {
            Event::ignored(g.kind, "sign-ins are not announced in channels")
        }
        other => match g.change() {
            Some(change) => g.plain(&[&change]),
            None => Event::ignored(other, "this event of GitLab is not known here"),
        },
    }
}

fn first_or<'a>(otherwise: &'a str, body: &'a Value, paths: &[&str]) -> &'a str {
    match first(body, paths) {
        "" => otherwise,
        found => found,
    }
}

struct GitLab<'a> {
    body: &'a Value,
    kind: &'a str,
    project: &'a str,
    user: &'a str,
}

/// GitLab's actions are imperatives; the lines use the past tense.
fn done(action: &str) -> &str {
    match action {
        "open" => "opened",
        "close" => "closed",
        "reopen" => "reopened",
        "update" => "updated",
        "merge" => "merged",
        "create" => "created",
        "delete" => "deleted",
        "approved" | "approval" => "approved",
        "unapproved" | "unapproval" => "took back the approval of",
        other => other,
    }
}

impl<'a> GitLab<'a> {
    fn text(&self, path: &str) -> &'a str {
        text(self.body, path)
    }

    /// Changes of people, groups and projects: events of groups and of a whole server.
    fn change(&self) -> Option<String> {
        let (what, did) = self.kind.rsplit_once('_')?;
        let named = |did: &str| {
            let name = first(self.body, &["path_with_namespace", "full_path", "name"]);
            let old = first(
                self.body,
                &["old_path_with_namespace", "old_full_path", "old_username"],
            );
            let old = if old.is_empty() {
                String::new()
            } else {
                format!("(was {old})")
            };
            join(&[what, name, did, &old])
        };
        Some(match (what, did) {
            ("user" | "group" | "subgroup" | "project", "create") => named("created"),
            ("user" | "group" | "subgroup" | "project", "destroy") => named("deleted"),
            ("user" | "group" | "project", "rename") => named("renamed"),
            ("project", "transfer") => named("transferred"),
            ("project", "update") => named("updated"),
            ("user_add_to", _) => join(&[self.user, "was added"]),
            ("user_remove_from", _) => join(&[self.user, "was removed"]),
            ("user_update_for", _) => join(&[self.user, "has other rights now"]),
            ("user_access_request_to", _) => join(&[self.user, "asks to be added"]),
            ("user_access_request_denied_for", _) => join(&[self.user, "was not added"]),
            _ => return None,
        })
    }

    fn plain(&self, parts: &[&str]) -> Event {
        Event::new(
            self.kind,
            join(&[&format!("[{}]", self.project), &join(parts)]),
        )
    }

    fn say(&self, did: &str, parts: &[&str]) -> Event {
        self.plain(&[self.user, did, &join(parts)])
    }

    fn push(&self) -> Event {
        let body = self.body;
        let (before, after) = (self.text("before"), self.text("after"));
        let home = first(body, &["project.web_url", "repository.homepage"]);
        let name = branch(self.text("ref"));
        let url = if is_zero(after) {
            home.to_owned()
        } else if is_zero(before) {
            format!("{home}/-/commits/{name}")
        } else {
            format!("{home}/-/compare/{}...{}", short(before), short(after))
        };
        let mut event = Push {
            repository: self.project,
            pusher: self.user,
            url: if home.is_empty() { "" } else { &url },
            ..Push::read(body, "total_commits_count")
        }
        .event();
        self.kind.clone_into(&mut event.kind);
        event
    }

    fn issue(&self, what: &str, sign: &str) -> Event {
        let issue = at(self.body, "object_attributes");
        let action = text(issue, "action");
        let what = match text(issue, "type") {
            "" | "Issue" => what.to_owned(),
            other => other.to_lowercase(),
        };
        let name = format!("{what} {sign}{}:", scalar_at(issue, "iid"));
        let title = summary(text(issue, "title"), TITLE);
        let event = self.say(done(action), &[&name, &title, text(issue, "url")]);
        self.with_action(event, action)
    }

    fn with_action(&self, mut event: Event, action: &str) -> Event {
        if !action.is_empty() {
            event.kind = format!("{}.{action}", self.kind);
        }
        match action {
            "update" => {
                event.quiet("changes of labels, people and texts are too frequent to announce")
            }
            _ => event,
        }
    }

    fn merge_request(&self) -> Event {
        let merge = at(self.body, "object_attributes");
        // A system hook sends only the state.
        let action = first(merge, &["action", "state"]);
        let name = match scalar_at(merge, "iid") {
            none if none.is_empty() => "merge request".to_owned(),
            iid => format!("merge request !{iid}:"),
        };
        let title = summary(text(merge, "title"), TITLE);
        let (target, source) = (text(merge, "target_branch"), text(merge, "source_branch"));
        let branches = if target.is_empty() {
            String::new()
        } else {
            format!("({target}...{source})")
        };
        let event = self.say(
            done(action),
            &[&name, &title, &branches, text(merge, "url")],
        );
        self.with_action(event.on(target), action)
    }

    fn note(&self) -> Event {
        let note = at(self.body, "object_attributes");
        let on = match text(note, "noteable_type") {
            "Commit" => format!(
                "commit {}",
                short(first(
                    self.body,
                    &["commit.id", "object_attributes.commit_id"]
                ))
            ),
            "MergeRequest" => format!(
                "merge request !{}",
                scalar_at(self.body, "merge_request.iid")
            ),
            "Snippet" => format!("snippet ${}", scalar_at(self.body, "snippet.id")),
            _ => format!("issue #{}", scalar_at(self.body, "issue.iid")),
        };
        let body = remark(text(note, "note"), COMMENT);
        let event = self.say(
            "commented on",
            &[&format!("{on}:"), &body, text(note, "url")],
        );
        if text(note, "action") == "update" {
            return event.quiet("edited comments are too frequent to announce");
        }
        if crate::json::is_true(note, "system") {
            return event.quiet("this was written by GitLab itself");
        }
        event
    }

    /// Failures are announced, everything else is quiet.
    fn result(event: Event, status: &str) -> Event {
        if status == "failed" {
            event
        } else {
            event.quiet(
                "only failures are announced; name this event in the filter to get every run",
            )
        }
    }

    fn pipeline(&self) -> Event {
        let pipeline = at(self.body, "object_attributes");
        let status = text(pipeline, "status");
        let name = format!("pipeline #{}", scalar_at(pipeline, "id"));
        let (reference, sha) = (text(pipeline, "ref"), short(text(pipeline, "sha")));
        let made = first(pipeline, &["url"]);
        let address = if made.is_empty() {
            let home = self.text("project.web_url");
            format!("{home}/-/pipelines/{}", scalar_at(pipeline, "id"))
        } else {
            made.to_owned()
        };
        let by = format!("by {}", self.user);
        let about = format!("({sha})");
        let event = self.plain(&[&name, status, "on", reference, &about, &by, &address]);
        Self::result(event.on(reference), status)
    }

    fn job(&self) -> Event {
        let status = self.text("build_status");
        let job = format!("{}/{}", self.text("build_stage"), self.text("build_name"));
        let reference = self.text("ref");
        let event = self.plain(&["job", &job, status, "on", reference]);
        event
            .on(reference)
            .quiet("the pipeline that it is part of is announced")
    }

    fn deployment(&self) -> Event {
        let status = self.text("status");
        let environment = format!("to {}", self.text("environment"));
        let did = match status {
            "success" => "deployed",
            "failed" => "failed to deploy",
            other => other,
        };
        let url = first(self.body, &["environment_external_url", "deployable_url"]);
        let event = self.say(did, &[self.text("short_sha"), &environment, url]);
        match status {
            "success" | "failed" => event,
            _ => event.quiet("only the end of a deployment is announced"),
        }
    }
}
