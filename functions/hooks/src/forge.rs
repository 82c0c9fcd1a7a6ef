//! What GitHub, GitLab and Gitea have in common: lines in the familiar form of github-services.

use serde_json::Value;

use crate::Event;
use crate::json::{at, first, list, text};
use crate::text::summary;

/// The most commits of a push that are shown.
const SHOWN_COMMITS: usize = 3;
/// The longest title, in characters.
pub(crate) const TITLE: usize = 200;
/// The longest first line of a comment or commit, in characters.
pub(crate) const COMMENT: usize = 160;

/// A push, whatever its service's format.
#[derive(Debug, Default)]
pub(crate) struct Push<'a> {
    pub(crate) repository: &'a str,
    pub(crate) pusher: &'a str,
    /// `refs/heads/main`.
    pub(crate) reference: &'a str,
    /// The reference that a new one was created from, if the service sends it.
    pub(crate) base: &'a str,
    pub(crate) before: &'a str,
    pub(crate) after: &'a str,
    pub(crate) created: bool,
    pub(crate) deleted: bool,
    pub(crate) forced: bool,
    /// Whether the push has commits, even if only known ones.
    pub(crate) any_commits: bool,
    /// Commits that are new.
    pub(crate) commits: Vec<Commit<'a>>,
    /// The number of new ones; there may be more than are listed.
    pub(crate) total: usize,
    pub(crate) url: &'a str,
}

#[derive(Debug)]
pub(crate) struct Commit<'a> {
    pub(crate) id: &'a str,
    pub(crate) author: &'a str,
    pub(crate) message: &'a str,
}

impl<'a> Commit<'a> {
    /// Parses an entry of the list that all three services send.
    pub(crate) fn read(value: &'a Value) -> Self {
        Self {
            id: text(value, "id"),
            author: first(value, &["author.name", "author.username", "author.login"]),
            message: text(value, "message"),
        }
    }
}

/// Returns whether an id is the null id.
pub(crate) fn is_zero(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte == b'0')
}

/// Abbreviates the id of a commit.
pub(crate) fn short(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}

/// Returns the name of a branch or tag.
pub(crate) fn branch(reference: &str) -> &str {
    reference
        .strip_prefix("refs/heads/")
        .or_else(|| reference.strip_prefix("refs/tags/"))
        .unwrap_or(reference)
}

/// Formats `1 commit`, `2 commits`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Joins parts with single spaces, leaving out empty ones.
pub(crate) fn join(parts: &[&str]) -> String {
    let parts = parts.iter().map(|part| part.trim());
    parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl<'a> Push<'a> {
    /// Parses what GitLab and Gitea send under the same names; `total` is the field with the number of commits.
    pub(crate) fn read(body: &'a Value, total: &str) -> Self {
        let commits: Vec<_> = list(body, "commits").iter().map(Commit::read).collect();
        let total = at(body, total).as_u64();
        let (before, after) = (text(body, "before"), text(body, "after"));
        Self {
            reference: text(body, "ref"),
            before,
            after,
            created: is_zero(before),
            deleted: is_zero(after),
            any_commits: !commits.is_empty(),
            total: total.map_or(commits.len(), |n| usize::try_from(n).unwrap_or(usize::MAX)),
            commits,
            ..Self::default()
        }
    }

    /// Describes it in the words of github-services.
    pub(crate) fn event(self) -> Event {
        let name = branch(self.reference);
        let is_tag = self.reference.starts_with("refs/tags/");
        let (before, after) = (short(self.before), short(self.after));
        let base = branch(self.base);
        let what = if self.created && is_tag {
            format!(
                "tagged {name} at {}",
                if base.is_empty() { after } else { base }
            )
        } else if self.created {
            let from = if !base.is_empty() {
                format!(" from {base}")
            } else if self.commits.is_empty() {
                format!(" at {after}")
            } else {
                String::new()
            };
            format!(
                "created {name}{from} (+{})",
                count(self.total, "new commit")
            )
        } else if self.deleted {
            format!("deleted {name} at {before}")
        } else if self.forced {
            format!("force-pushed {name} from {before} to {after}")
        } else if self.any_commits && self.commits.is_empty() {
            if base.is_empty() {
                format!("fast-forwarded {name} from {before} to {after}")
            } else {
                format!("merged {base} into {name}")
            }
        } else {
            format!("pushed {} to {name}", count(self.total, "new commit"))
        };
        let url = if self.url.is_empty() {
            String::new()
        } else {
            format!(": {}", self.url)
        };
        let repository = self.repository;
        let mut lines = vec![format!("[{repository}] {} {what}{url}", self.pusher)];
        if !self.deleted {
            lines.extend(self.commits.iter().take(SHOWN_COMMITS).map(|commit| {
                let message = summary(commit.message, COMMENT);
                let id = short(commit.id);
                format!("{repository}/{name} {id} {}: {message}", commit.author)
            }));
            let more = self.total.saturating_sub(lines.len() - 1);
            if let (Some(last), true) = (lines.last_mut(), more > 0) {
                last.push_str(&format!(" (… and {more} more)"));
            }
        }
        Event {
            kind: "push".to_owned(),
            branch: Some(name.to_owned()),
            lines,
            ..Event::default()
        }
    }
}
