//! Webhooks as lines of plain text, for people who read IRC.
//!
//! [`read`] takes a request that a service sent to a hook and gives what to say, or why nothing is said;
//! [`say`] makes the lines of it harmless and short ([`text`]); [`signature`] checks who sent it;
//! [`filter`] knows which events a hook wants. All of it is a function of the request: no I/O, no clock.

mod alerts;
mod charset;
mod encoding;
pub mod filter;
mod forge;
mod generic;
mod gitea;
mod github;
mod gitlab;
#[cfg(test)]
mod growth;
mod json;
mod kosmos;
mod parse;
mod payload;
pub mod signature;
mod slack;
pub mod sms;
pub mod source;
mod template;
pub mod text;
mod uptime;
mod work;

use std::borrow::Cow;

use http::HeaderMap;

pub use encoding::decoded;
pub use kosmos::is_get as is_event_by_get;
pub use parse::{parse as parse_json, parse_whole as parse_whole_json};
pub use payload::form;
pub use protocol::{HookFilter as Filter, HookSource as Source};
pub use template::{InvalidTemplate, MAX_TEMPLATE, Template};
pub use text::{MAX_LINE, MAX_LINES, say};

/// The longest name of an event, in characters.
const MAX_KIND: usize = 200;
/// The longest name of a branch, in characters: file systems, and therefore services, accept no more than some 250
/// bytes.
const MAX_BRANCH: usize = 500;

/// A request to the address of a hook.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The path after the token, without the slash.
    pub rest: &'a str,
    /// The query, without the question mark.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Call<'_> {
    /// Returns a header's text, empty if absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Returns whether the body has a content type.
    fn is(&self, kind: &str) -> bool {
        let essence = self.header("content-type").split(';').next();
        essence
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case(kind)
    }

    fn is_form(&self) -> bool {
        self.is("application/x-www-form-urlencoded")
    }

    /// Returns a parameter of the body's content type; its name is given in lower case.
    fn parameter(&self, wanted: &str) -> Option<&str> {
        let mut parameters = self.header("content-type").split(';').skip(1);
        parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_it = name.trim().eq_ignore_ascii_case(wanted);
            is_it.then_some(value.trim().trim_matches('"'))
        })
    }
}

/// A parsed request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// What happened, `issues.opened`; filters match it.
    pub kind: String,
    /// The branch on which it happened, if any.
    pub branch: Option<String>,
    /// The sender, if the service names one.
    pub from: Option<String>,
    /// The service's lines: only to be shown through [`say`].
    pub lines: Vec<String>,
    /// Why this is not announced unless a filter includes it.
    pub quiet: Option<Cow<'static, str>>,
}

impl Event {
    fn new(kind: impl Into<String>, line: String) -> Self {
        Self {
            kind: kind.into(),
            lines: vec![line],
            ..Self::default()
        }
    }

    fn on(mut self, branch: &str) -> Self {
        self.branch = (!branch.is_empty()).then(|| branch.to_owned());
        self
    }

    /// Later steps process it again, so its parts are limited here.
    fn bounded(mut self) -> Self {
        let cut = |text: &mut String, most: usize| {
            if let Some((end, _)) = text.char_indices().nth(most) {
                text.truncate(end);
            }
        };
        cut(&mut self.kind, MAX_KIND);
        if let Some(branch) = &mut self.branch {
            cut(branch, MAX_BRANCH);
        }
        // One more line reveals that there is more.
        self.lines.truncate(text::MAX_RAW + 1);
        for line in &mut self.lines {
            cut(line, text::MAX_RAW_LINE);
        }
        self
    }

    fn quiet(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.quiet = Some(reason.into());
        self
    }

    /// An event with nothing to announce, whatever a filter includes.
    fn ignored(kind: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: kind.into(),
            quiet: Some(reason.into()),
            ..Self::default()
        }
    }
}

/// A request that its service would not send. One sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// The body is neither JSON nor a form.
    #[error("{0}")]
    Malformed(String),
    /// A required field is missing or of another type.
    #[error("{0}")]
    Field(String),
    /// Its compression or character encoding is not supported.
    #[error("{0}")]
    Encoding(String),
    /// It is too large.
    #[error("{0}")]
    TooLarge(String),
}

/// Parses a request; its body is already decoded ([`decoded`]).
///
/// # Errors
/// If the request is not one that its service sends: not JSON, without the required fields, or too large.
pub fn read(
    source: Source,
    call: &Call<'_>,
    template: Option<&Template>,
) -> Result<Event, Unreadable> {
    if call.body.len() > source::max_body(source) {
        return Err(Unreadable::TooLarge(format!(
            "the body is larger than the {} bytes that are allowed here",
            source::max_body(source)
        )));
    }
    let body = &charset::body(call)?;
    read_any(source, &Call { body, ..*call }, template).map(Event::bounded)
}

fn read_any(
    source: Source,
    call: &Call<'_>,
    template: Option<&Template>,
) -> Result<Event, Unreadable> {
    match source {
        Source::GitHub => Ok(github::read(
            call.header("x-github-event"),
            &payload::json(call)?,
        )),
        Source::GitLab => Ok(gitlab::read(&payload::json(call)?)),
        Source::Gitea => {
            let names = ["x-gitea-event", "x-forgejo-event", "x-github-event"];
            let name = names.into_iter().map(|name| call.header(name));
            let name = name.into_iter().find(|name| !name.is_empty());
            Ok(gitea::read(name.unwrap_or(""), &payload::json(call)?))
        }
        Source::Slack => slack::read(&payload::json(call)?),
        Source::Kosmos => kosmos::read(call),
        Source::Alertmanager => Ok(alerts::alertmanager(&payload::json(call)?)),
        Source::Grafana => Ok(alerts::grafana(&payload::json(call)?)),
        Source::UptimeKuma => Ok(uptime::kuma(&payload::json(call)?)),
        Source::UptimeRobot => uptime::robot(&payload::fields(call)?),
        Source::Sms => sms::read(&payload::fields(call)?),
        Source::Json => generic::read(call, template),
    }
}
