//! Slack's incoming webhooks: <https://docs.slack.dev/messaging/formatting-message-text>. Text, blocks and attachments
//! become plain lines; `channel` and other requests for where to post are ignored.

mod mrkdwn;

use std::collections::HashSet;

use serde_json::Value;

use crate::generic::of_services;
use crate::json::{at, first, list, scalar_at, text};
use crate::text::{MAX_RAW, nick, raw_lines, unescape_html};
use crate::{Event, Unreadable};
use mrkdwn::{link, mrkdwn};

/// The most blocks, attachments and elements of each that are processed.
const MAX_PARTS: usize = 50;
/// Rich text is processed up to this length, in bytes.
const MAX_RICH: usize = 64 * 1024;
/// The nesting depth up to which rich text is processed.
const MAX_DEPTH: usize = 8;

/// The longest sender name put in front of a message, in characters.
const MAX_NAME: usize = 40;

/// Parses a message.
pub(crate) fn read(body: &Value) -> Result<Event, Unreadable> {
    // Who offers a webhook for chat at all is given an address of this kind, whatever it sends.
    if let Some(lines) = of_services(body) {
        return Ok(Event {
            kind: "message".to_owned(),
            lines,
            ..Event::default()
        });
    }
    let mut lines = Lines(Vec::new());
    blocks(list(body, "blocks"), &mut lines);
    if lines.0.is_empty() {
        lines.mrkdwn(text(body, "text"));
    }
    for attachment in list(body, "attachments").iter().take(MAX_PARTS) {
        attach(attachment, &mut lines);
    }
    // Senders often repeat a text because they do not know which part is displayed.
    let mut said = HashSet::new();
    let mut lines = lines.0;
    lines.retain(|line| said.insert(line.clone()));
    if lines.is_empty() {
        let empty = ["text", "blocks", "attachments"];
        if empty.iter().all(|name| at(body, name).is_null()) {
            let sentence = "the message has no \"text\", \"blocks\" or \"attachments\"";
            return Err(Unreadable::Field(sentence.to_owned()));
        }
        return Ok(Event::ignored("message", "the message is empty"));
    }
    let name = text(body, "username");
    let from = nick(name);
    if let (None, Some(name)) = (&from, raw_lines(name).next())
        && let Some(first) = lines.first_mut()
        && name.chars().any(char::is_alphanumeric)
    {
        // It may not be a valid IRC nickname, but lines may have any letters.
        let name: String = name.chars().take(MAX_NAME).collect();
        *first = format!("{name}: {first}");
    }
    Ok(Event {
        kind: "message".to_owned(),
        from,
        lines,
        ..Event::default()
    })
}

/// The lines so far, none of them blank, and no more than are used.
struct Lines(Vec<String>);

impl Lines {
    fn push(&mut self, line: String) {
        if self.0.len() <= MAX_RAW && !line.trim().is_empty() {
            self.0.push(line);
        }
    }

    /// Adds the lines of a text without markup.
    fn plain(&mut self, text: &str) {
        if self.0.len() <= MAX_RAW {
            // Fences on a separate line have no meaning here.
            let lines = raw_lines(text).filter(|line| line != "```");
            lines.for_each(|line| self.push(line));
        }
    }

    fn mrkdwn(&mut self, source: &str) {
        if self.0.len() <= MAX_RAW {
            self.plain(&mrkdwn(source));
        }
    }

    /// Adds one line made of several parts.
    fn joined(&mut self, parts: impl Iterator<Item = String>) {
        let parts: Vec<String> = parts
            .map(|part| part.trim().replace('\n', " "))
            .filter(|part| !part.is_empty())
            .collect();
        self.push(parts.join(" · "));
    }
}

fn blocks(blocks: &[Value], lines: &mut Lines) {
    for block in blocks.iter().take(MAX_PARTS) {
        match text(block, "type") {
            "section" => {
                lines.plain(&object(at(block, "text")));
                lines.joined(list(block, "fields").iter().take(MAX_PARTS).map(object));
                lines.joined(button(at(block, "accessory")).into_iter());
            }
            "context" => {
                let parts = list(block, "elements").iter().take(MAX_PARTS);
                lines.joined(
                    parts
                        .filter(|part| text(part, "type") != "image")
                        .map(object),
                );
            }
            "actions" => buttons(list(block, "elements"), lines),
            "image" | "video" => {
                let url = first(block, &["image_url", "title_url", "video_url"]);
                lines.push(link(url, first(block, &["alt_text"])));
            }
            "rich_text" => {
                for element in list(block, "elements").iter().take(MAX_PARTS) {
                    let mut line = String::new();
                    rich(element, 0, &mut line);
                    lines.plain(&line);
                }
            }
            "markdown" => lines.plain(&text(block, "text").replace("**", "")),
            // Headers, and anything else with a text.
            _ => lines.plain(&object(at(block, "text"))),
        }
    }
}

/// One line with the buttons that have a link.
fn buttons(elements: &[Value], lines: &mut Lines) {
    lines.joined(elements.iter().take(MAX_PARTS).filter_map(button));
}

fn button(button: &Value) -> Option<String> {
    let url = some(text(button, "url"))?;
    Some(link(url, &object(at(button, "text"))))
}

/// Returns the text of a text object (or of a plain string), with mrkdwn converted.
fn object(value: &Value) -> String {
    let source = value.as_str().unwrap_or_else(|| text(value, "text"));
    if text(value, "type") == "plain_text" {
        unescape_html(source)
    } else {
        mrkdwn(source)
    }
}

fn rich(value: &Value, depth: usize, out: &mut String) {
    if depth > MAX_DEPTH || out.len() > MAX_RICH {
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

fn attach(attachment: &Value, lines: &mut Lines) {
    let before = lines.0.len();
    lines.mrkdwn(text(attachment, "pretext"));
    let author = mrkdwn(text(attachment, "author_name"));
    let author = author.trim();
    let title = mrkdwn(text(attachment, "title"));
    let title = match (some(text(attachment, "title_link")), title.as_str()) {
        (Some(url), title) => link(url, title),
        (None, title) => title.to_owned(),
    };
    let at_text = lines.0.len();
    if !title.is_empty() {
        lines.push(title);
    }
    lines.mrkdwn(text(attachment, "text"));
    if let Some(line) = lines.0.get_mut(at_text) {
        // The author precedes the text.
        if !author.is_empty() {
            *line = format!("{author}: {line}");
        }
    } else {
        lines.push(author.to_owned());
    }
    let fields = list(attachment, "fields").iter().take(MAX_PARTS);
    lines.joined(fields.map(|field| {
        let value = mrkdwn(&scalar_at(field, "value"));
        match text(field, "title") {
            "" => value,
            title => format!("{}: {value}", mrkdwn(title)),
        }
    }));
    blocks(list(attachment, "blocks"), lines);
    buttons(list(attachment, "actions"), lines);
    if lines.0.len() == before {
        lines.mrkdwn(text(attachment, "fallback"));
    }
    let footer = mrkdwn(text(attachment, "footer"));
    if lines.0.len() > before {
        lines.joined(std::iter::once(footer));
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
    fn what_other_services_send_is_read_as_it_is() {
        let card = json!({"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive",
            "content": {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "Pool degraded"}]}}]});
        assert_eq!(lines(&card), ["Pool degraded"]);
        let issue = json!({"webhookEvent": "jira:issue_created", "issue": {"key": "T-1", "fields": {"summary": "Login"}}});
        assert_eq!(lines(&issue), ["[Jira] created T-1: Login"]);
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
                "Env prod · By ann",
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

    #[test]
    fn everything_that_an_attachment_says_is_said() {
        let body = json!({"attachments": [
            {"author_name": "ann", "text": "*Deploy* of `a_b_c` to <https://p.example|*prod*>", "footer": "CI",
             "actions": [{"type": "button", "text": "Logs", "url": "https://l.example"}, {"type": "button", "text": "Retry"}]},
            {"author_name": "only"}
        ]});
        assert_eq!(
            lines(&body),
            [
                "ann: Deploy of `a_b_c` to prod (https://p.example)",
                "Logs (https://l.example)",
                "CI",
                "only"
            ]
        );
    }

    #[test]
    fn names_that_irc_has_not_are_said_before_the_line() {
        for (name, from, line) in [
            ("🚀 Ünïcode Bot", Some("Unicode_Bot"), "hi"),
            ("Бот", None, "Бот: hi"),
            ("🚀", None, "hi"),
        ] {
            let event = read(&json!({"text": "hi", "username": name})).unwrap();
            assert_eq!(event.from.as_deref(), from, "{name}");
            assert_eq!(event.lines, [line], "{name}");
        }
    }
}
