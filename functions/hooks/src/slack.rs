//! Slack's incoming webhooks: <https://docs.slack.dev/messaging/formatting-message-text>. Text, blocks and
//! attachments become plain lines; `channel` and other wishes about where to say it are not followed.

use std::collections::HashSet;

use serde_json::Value;

use crate::json::{at, first, list, text};
use crate::text::{nick, unescape_html};
use crate::{Event, Unreadable};

/// The most blocks, attachments and elements of each that are looked at.
const MAX_PARTS: usize = 50;
/// How deep rich text is followed.
const MAX_DEPTH: usize = 8;

/// Reads a message.
pub(crate) fn read(body: &Value) -> Result<Event, Unreadable> {
    let mut lines = Vec::new();
    blocks(list(body, "blocks"), &mut lines);
    if lines.is_empty() {
        lines.extend(mrkdwn_lines(text(body, "text")));
    }
    for attachment in list(body, "attachments").iter().take(MAX_PARTS) {
        attach(attachment, &mut lines);
    }
    // Who does not know what is shown where says it twice.
    let mut said = HashSet::new();
    lines.retain(|line| said.insert(line.trim().to_owned()));
    if lines.iter().all(|line| line.trim().is_empty()) {
        let empty = ["text", "blocks", "attachments"];
        if empty.iter().all(|name| at(body, name).is_null()) {
            let sentence = "the message has no \"text\", \"blocks\" or \"attachments\"";
            return Err(Unreadable::Field(sentence.to_owned()));
        }
        return Ok(Event::ignored("message", "the message is empty"));
    }
    Ok(Event {
        kind: "message".to_owned(),
        from: nick(text(body, "username")),
        lines,
        ..Event::default()
    })
}

fn mrkdwn_lines(source: &str) -> Vec<String> {
    plain_lines(&mrkdwn(source))
}

fn plain_lines(resolved: &str) -> Vec<String> {
    let lines = resolved
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    // Fences say nothing on a line of their own.
    lines
        .filter(|line| *line != "```")
        .map(str::to_owned)
        .collect()
}

/// Resolves `<https://example.org|text>` and other angle brackets, then entities.
fn mrkdwn(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else {
            break;
        };
        out.push_str(&rest[..start]);
        out.push_str(&bracket(&rest[start + 1..start + length]));
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    unescape_html(&out)
}

fn bracket(inner: &str) -> String {
    let (target, label) = match inner.split_once('|') {
        Some((target, label)) => (target, label.trim()),
        None => (inner, ""),
    };
    let named = |sign: &str, id: &str| {
        let name = if label.is_empty() { id } else { label };
        format!("{sign}{}", name.trim_start_matches(sign))
    };
    match target.chars().next() {
        Some('@') => named("@", &target[1..]),
        Some('#') => named("#", &target[1..]),
        Some('!') => match target[1..].split('^').next() {
            Some("date" | "subteam") => label.to_owned(),
            Some(word) => format!("@{word}"),
            None => String::new(),
        },
        _ => link(target, label),
    }
}

fn link(url: &str, label: &str) -> String {
    let bare = url.strip_prefix("mailto:").unwrap_or(url);
    if label.is_empty() || label == bare || label == url {
        bare.to_owned()
    } else {
        format!("{label} ({bare})")
    }
}

fn blocks(blocks: &[Value], lines: &mut Vec<String>) {
    for block in blocks.iter().take(MAX_PARTS) {
        match text(block, "type") {
            "section" => {
                lines.extend(plain_lines(&object(at(block, "text"))));
                let fields = list(block, "fields").iter().take(MAX_PARTS).map(object);
                push_joined(fields.map(|field| field.replace('\n', " ")), " · ", lines);
                if let Some(url) = some(text(block, "accessory.url")) {
                    let label = object(at(block, "accessory.text"));
                    lines.push(link(url, &label));
                }
            }
            "context" => {
                let parts = list(block, "elements").iter().take(MAX_PARTS);
                let parts = parts.filter(|part| text(part, "type") != "image");
                push_joined(parts.map(object), " · ", lines);
            }
            "actions" => {
                let buttons = list(block, "elements").iter().take(MAX_PARTS);
                let links = buttons.filter(|button| !text(button, "url").is_empty());
                let links =
                    links.map(|button| link(text(button, "url"), &object(at(button, "text"))));
                push_joined(links, " · ", lines);
            }
            "image" | "video" => {
                let url = first(block, &["image_url", "title_url", "video_url"]);
                let label = first(block, &["alt_text"]);
                lines.push(link(url, label));
            }
            "rich_text" => {
                for element in list(block, "elements").iter().take(MAX_PARTS) {
                    let mut line = String::new();
                    rich(element, 0, &mut line);
                    lines.extend(line.lines().map(str::to_owned));
                }
            }
            "markdown" => lines.extend(text(block, "text").lines().map(str::to_owned)),
            // Headers, and whatever comes with a text.
            _ => lines.extend(plain_lines(&object(at(block, "text")))),
        }
    }
    lines.retain(|line| !line.trim().is_empty());
}

/// Returns the text of a text object (or of a plain string), mrkdwn resolved.
fn object(value: &Value) -> String {
    let source = value.as_str().unwrap_or_else(|| text(value, "text"));
    if text(value, "type") == "plain_text" {
        unescape_html(source)
    } else {
        mrkdwn(source)
    }
}

fn rich(value: &Value, depth: usize, out: &mut String) {
    if depth > MAX_DEPTH {
        return;
    }
    match text(value, "type") {
        "text" => out.push_str(text(value, "text")),
        "link" => out.push_str(&link(text(value, "url"), text(value, "text"))),
        "emoji" => out.push_str(&format!(":{}:", text(value, "name"))),
        "user" => out.push_str(&format!("@{}", text(value, "user_id"))),
        "channel" => out.push_str(&format!("#{}", text(value, "channel_id"))),
        "broadcast" => out.push_str(&format!("@{}", text(value, "range"))),
        kind => {
            let is_list = kind == "rich_text_list";
            for element in list(value, "elements").iter().take(MAX_PARTS) {
                if is_list {
                    out.push_str("\n• ");
                }
                rich(element, depth + 1, out);
            }
        }
    }
}

fn attach(attachment: &Value, lines: &mut Vec<String>) {
    let before = lines.len();
    lines.extend(mrkdwn_lines(text(attachment, "pretext")));
    let author = text(attachment, "author_name");
    let title = mrkdwn(text(attachment, "title"));
    let title = match (some(text(attachment, "title_link")), title.as_str()) {
        (Some(url), title) => link(url, title),
        (None, title) => title.to_owned(),
    };
    if !title.is_empty() {
        let author = if author.is_empty() {
            String::new()
        } else {
            format!("{author}: ")
        };
        lines.push(format!("{author}{title}"));
    }
    lines.extend(mrkdwn_lines(text(attachment, "text")));
    let fields = list(attachment, "fields")
        .iter()
        .take(MAX_PARTS)
        .map(|field| {
            let value = mrkdwn(&crate::json::scalar_at(field, "value")).replace('\n', " ");
            match text(field, "title") {
                "" => value,
                title => format!("{}: {value}", mrkdwn(title)),
            }
        });
    push_joined(fields, " · ", lines);
    blocks(list(attachment, "blocks"), lines);
    lines.retain(|line| !line.trim().is_empty());
    if lines.len() == before {
        lines.extend(mrkdwn_lines(text(attachment, "fallback")));
    }
}

fn push_joined(parts: impl Iterator<Item = String>, separator: &str, lines: &mut Vec<String>) {
    let parts: Vec<String> = parts.filter(|part| !part.trim().is_empty()).collect();
    if !parts.is_empty() {
        lines.push(parts.join(separator));
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(body: &Value) -> Vec<String> {
        read(body).unwrap().lines
    }

    #[test]
    fn text_with_links_and_entities() {
        let body = json!({
            "text": "Build <https://ci.example/1|#1> &amp; <https://ci.example/2> by <@U1|ann> in <#C1|dev>\n<!here> 1 &lt; 2",
            "channel": "#elsewhere", "username": "Build Bot"
        });
        assert_eq!(
            lines(&body),
            [
                "Build #1 (https://ci.example/1) & https://ci.example/2 by @ann in #dev",
                "@here 1 < 2"
            ]
        );
        assert_eq!(read(&body).unwrap().from.as_deref(), Some("Build_Bot"));
        assert!(read(&json!({"channel": "#x"})).is_err());
        assert!(read(&json!({"text": ""})).unwrap().lines.is_empty());
        assert!(read(&json!([])).is_err());
    }

    #[test]
    fn blocks_are_flattened() {
        let body = json!({"text": "fallback", "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Deploy <done>"}},
            {"type": "divider"},
            {"type": "section", "text": {"type": "mrkdwn", "text": "See <https://a.example|this>"},
             "fields": [{"type": "mrkdwn", "text": "*Env*\nprod"}, {"type": "mrkdwn", "text": "*By*\nann"}]},
            {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "https://b.example"}]},
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                {"type": "text", "text": "a "}, {"type": "link", "url": "https://c.example"}, {"type": "broadcast", "range": "here"}]}]}
        ]});
        assert_eq!(
            lines(&body),
            [
                "Deploy <done>",
                "See this (https://a.example)",
                "*Env* prod · *By* ann",
                "Open (https://b.example)",
                "a https://c.example@here"
            ]
        );
    }

    #[test]
    fn attachments_follow_the_text() {
        let body = json!({"text": "Alert", "attachments": [
            {"title": "CPU", "title_link": "https://a.example", "text": "high", "fallback": "unused",
             "fields": [{"title": "Host", "value": "a1", "short": true}, {"title": "Load", "value": 5}]},
            {"fallback": "only this"}
        ]});
        assert_eq!(
            lines(&body),
            [
                "Alert",
                "CPU (https://a.example)",
                "high",
                "Host: a1 · Load: 5",
                "only this"
            ]
        );
    }
}
