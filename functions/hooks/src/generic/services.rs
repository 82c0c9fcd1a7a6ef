//! Services whose JSON is known by its shape, whichever hook they send it to: Amazon SNS and CloudWatch, Jira, Datadog, and
//! what posts cards for Microsoft Teams. Title, state and link, and nothing else.

use serde_json::Value;

use super::{cards, plain};
use crate::forge::{COMMENT, TITLE, join};
use crate::json::{at, first, list, text};
use crate::parse::parse;
use crate::text::{raw_lines, remark, summary};
use crate::work::look;

/// Changes of an issue that are shown.
const SHOWN_CHANGES: usize = 3;
/// Longer values are only said to have changed, in bytes.
const MAX_VALUE: usize = 60;
/// Lines of Datadog's texts that are shown.
const SHOWN_LINES: usize = 2;

/// Makes lines of a body, if it is one of theirs.
pub(crate) fn lines(body: &Value) -> Option<Vec<String>> {
    let known = [cards::lines, sns, cloudwatch, jira, datadog];
    let mut lines = known.into_iter().filter_map(|lines| lines(body));
    lines.find(|lines| !lines.is_empty())
}

/// What topics of Amazon SNS send: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>.
fn sns(body: &Value) -> Option<Vec<String>> {
    let topic = text(body, "TopicArn").rsplit(':').next();
    let topic = topic.filter(|topic| !topic.is_empty())?;
    let topic = summary(topic, TITLE);
    let url = text(body, "SubscribeURL");
    // Whoever knows the address of the hook can send this.
    let open = if is_amazon(url) {
        format!("open {url} once")
    } else {
        "its link does not lead to Amazon, so do not open it".to_owned()
    };
    let said = match text(body, "Type") {
        "SubscriptionConfirmation" => format!(
            "The topic {topic} sends nothing here until that is confirmed: {open}. If nobody here set this up, ignore it."
        ),
        "UnsubscribeConfirmation" => {
            format!("The topic {topic} no longer sends here. If it should: {open}.")
        }
        "Notification" => return Some(notification(body, &topic)),
        _ => return None,
    };
    Some(vec![format!("[Amazon SNS] {said}")])
}

fn is_amazon(url: &str) -> bool {
    let host = url.strip_prefix("https://sns.").unwrap_or_default();
    let host = host.split('/').next().unwrap_or_default();
    let domains = [".amazonaws.com", ".amazonaws.com.cn"];
    host.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        && domains.iter().any(|domain| host.ends_with(domain))
}

/// What is in the envelope: JSON of some service of Amazon's, or words.
fn notification(body: &Value, topic: &str) -> Vec<String> {
    let message = text(body, "Message");
    let subject = summary(text(body, "Subject"), TITLE);
    if message.trim_start().starts_with(['{', '['])
        && let Ok(inner) = parse(message.as_bytes())
    {
        if let Some(lines) = cloudwatch(&inner) {
            return lines;
        }
        let mut lines = plain::lines(&inner);
        if !subject.is_empty() {
            lines.insert(0, subject);
        }
        return lines;
    }
    let mut lines: Vec<String> = raw_lines(message).collect();
    let begins = if subject.is_empty() {
        format!("[{topic}]")
    } else {
        format!("[{topic}] {subject}:")
    };
    match lines.first_mut() {
        // A message without a subject of its own repeats the text there.
        Some(first) if *first == subject => *first = format!("[{topic}] {first}"),
        Some(first) => *first = format!("{begins} {first}"),
        None if subject.is_empty() => {}
        None => lines.push(format!("[{topic}] {subject}")),
    }
    lines
}

/// An alarm of CloudWatch, as SNS or EventBridge has it.
fn cloudwatch(body: &Value) -> Option<Vec<String>> {
    let name = first(body, &["AlarmName", "detail.alarmName"]);
    let state = first(body, &["NewStateValue", "detail.state.value"]);
    if name.is_empty() || state.is_empty() {
        return None;
    }
    let reason = first(body, &["NewStateReason", "detail.state.reason"]);
    let reason = summary(reason, COMMENT);
    // arn:aws:cloudwatch:eu-west-1:…
    let region = text(body, "AlarmArn").split(':').nth(3);
    let region = region.unwrap_or_else(|| text(body, "region"));
    let fits = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !text.is_empty() && text.len() <= TITLE && text.bytes().all(plain)
    };
    let link = if fits(region) && fits(name) {
        format!(
            "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{name}"
        )
    } else {
        String::new()
    };
    let name = summary(name, TITLE);
    let name = if reason.is_empty() {
        name
    } else {
        format!("{name}:")
    };
    let mut lines = vec![join(&[
        "[CloudWatch]",
        &format!("[{}]", summary(state, MAX_VALUE)),
        &name,
        &reason,
        &link,
    ])];
    let about = first(
        body,
        &["AlarmDescription", "detail.configuration.description"],
    );
    let about = summary(about, COMMENT);
    if !about.is_empty() {
        lines.push(about);
    }
    Some(lines)
}

/// Issues of Jira: <https://developer.atlassian.com/server/jira/platform/webhooks/>.
fn jira(body: &Value) -> Option<Vec<String>> {
    let issue = match at(body, "issue") {
        Value::Null => body,
        issue => issue,
    };
    let (key, title) = (text(issue, "key"), text(issue, "fields.summary"));
    if key.is_empty() || title.is_empty() {
        return None;
    }
    let comment = remark(text(body, "comment.body"), COMMENT);
    let event = first(body, &["issue_event_type_name", "webhookEvent"]);
    let did = match event.rsplit(['_', ':']).next().unwrap_or_default() {
        _ if !comment.is_empty() => "commented on",
        "created" => "created",
        "deleted" => "deleted",
        "closed" => "closed",
        "resolved" => "resolved",
        "reopened" => "reopened",
        "" => "",
        _ => "updated",
    };
    let names = [
        "user.displayName",
        "comment.author.displayName",
        "user.name",
    ];
    let who = summary(first(body, &names), MAX_VALUE);
    let mut changes: Vec<String> = Vec::new();
    let mut state = text(issue, "fields.status.name");
    for item in list(body, "changelog.items").iter().take(SHOWN_CHANGES) {
        let (field, value) = (text(item, "field"), text(item, "toString"));
        if field == "status" {
            state = "";
        }
        let short = !value.is_empty() && value.len() <= MAX_VALUE && !value.contains('\n');
        let field = summary(field, MAX_VALUE);
        changes.push(if short {
            format!("{field}: {value}")
        } else {
            format!("{field} changed")
        });
    }
    let changes = match (changes.is_empty(), state) {
        (true, "") => String::new(),
        (true, state) => format!("({})", summary(state, MAX_VALUE)),
        (false, _) => format!("({})", changes.join(", ")),
    };
    let said = if comment.is_empty() {
        summary(title, TITLE)
    } else {
        comment
    };
    // https://jira.example/rest/api/2/issue/10002
    let server = text(issue, "self").split_once("/rest/");
    let link = server.map(|(server, _)| format!("{server}/browse/{key}"));
    Some(vec![join(&[
        "[Jira]",
        &who,
        did,
        &format!("{key}:"),
        &said,
        &changes,
        &link.unwrap_or_default(),
    ])])
}

/// Events of Datadog, whose texts are Markdown between `%%%`: <https://docs.datadoghq.com/integrations/webhooks/>.
fn datadog(body: &Value) -> Option<Vec<String>> {
    let title = first(body, &["title", "event_title"]);
    let message = first(
        body,
        &["body", "event_msg", "text_only_msg", "message", "text"],
    );
    let is_theirs = message.trim_start().starts_with("%%%")
        || (at(body, "last_updated") != &Value::Null && at(body, "event_type") != &Value::Null);
    if title.is_empty() || !is_theirs {
        return None;
    }
    look(message.len());
    // Below the text are pictures, links to whatever can be done, and who is told.
    let says = |line: &String| {
        line.contains(char::is_alphanumeric)
            && !["[![", "![", "[[", "@", "The monitor was last triggered"]
                .iter()
                .any(|noise| line.starts_with(noise))
    };
    let text = cards::markdown(message);
    let said = raw_lines(message.trim().trim_matches('%'))
        .filter(says)
        .take(SHOWN_LINES);
    let mut said = said.map(|line| cards::markdown(&line));
    let link = first(body, &["link", "url", "event_url", "alert_url"]);
    let found = |label: &str| {
        let (_, after) = text.split_once(label)?;
        after.split_once(')').map(|(url, _)| url)
    };
    let link = match link {
        "" => found("Monitor Status (").unwrap_or_default(),
        link => link,
    };
    let state = first(body, &["alert_transition", "alert_status"]);
    let state = if state.is_empty() || title.contains(state) {
        String::new()
    } else {
        format!("[{}]", summary(state, MAX_VALUE))
    };
    let title = summary(title, TITLE);
    let title = title.trim_end_matches(':');
    let first = match said.next() {
        Some(line) if line.trim() != title => format!("{title}: {line}"),
        _ => title.to_owned(),
    };
    let mut lines = vec![join(&["[Datadog]", &state, &first, link])];
    lines.extend(said);
    Some(lines)
}

#[cfg(test)]
mod tests;
