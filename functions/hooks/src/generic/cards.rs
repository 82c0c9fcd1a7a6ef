//! Cards for Microsoft Teams: MessageCard
//! (<https://learn.microsoft.com/en-us/outlook/actionable-messages/message-card-reference>) and Adaptive Cards
//! (<https://adaptivecards.io/explorer/>).

use serde_json::Value;

use crate::json::{at, first, list, scalar_at, text};
use crate::text::{MAX_RAW, raw_lines};
use crate::work::look;

/// The most elements of a list that are looked at.
const MAX_PARTS: usize = 50;
/// How deep elements are followed.
const MAX_DEPTH: usize = 8;

/// What was read of cards.
#[derive(Default)]
struct Card<'a> {
    lines: Vec<String>,
    /// Where the first button leads.
    link: &'a str,
}

/// Makes lines of a body, if it is a card or has some.
pub(super) fn lines(body: &Value) -> Option<Vec<String>> {
    let mut card = Card::default();
    if text(body, "@type").eq_ignore_ascii_case("MessageCard") {
        card.message_card(body);
    } else if is_adaptive(body) {
        card.adaptive(body);
    } else {
        let attachments = list(body, "attachments").iter().take(MAX_PARTS);
        let cards = attachments.map(|attachment| at(attachment, "content"));
        let cards: Vec<&Value> = cards.filter(|card| is_adaptive(card)).collect();
        if cards.is_empty() {
            return None;
        }
        card.text(text(body, "text"));
        cards
            .into_iter()
            .for_each(|adaptive| card.adaptive(adaptive));
    }
    let Card { mut lines, link } = card;
    if let Some(line) = lines.first_mut()
        && !link.is_empty()
        && !line.contains(link)
    {
        line.push_str(&format!(" {link}"));
    }
    Some(lines)
}

fn is_adaptive(card: &Value) -> bool {
    text(card, "type").eq_ignore_ascii_case("AdaptiveCard")
}

impl<'a> Card<'a> {
    fn text(&mut self, source: &str) {
        if self.lines.len() <= MAX_RAW {
            self.lines.extend(raw_lines(&markdown(source)));
        }
    }

    fn joined(&mut self, parts: impl Iterator<Item = String>) {
        let parts = parts.map(|part| part.trim().replace('\n', " "));
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        self.text(&parts.join(" · "));
    }

    fn facts(&mut self, facts: &[Value], name: &str) {
        self.joined(facts.iter().take(MAX_PARTS).map(|fact| {
            let value = scalar_at(fact, "value");
            match text(fact, name).trim_end_matches(':') {
                "" => value,
                _ if value.is_empty() => value,
                name => format!("{name}: {value}"),
            }
        }));
    }

    fn links(&mut self, url: &'a str) {
        if self.link.is_empty() && (url.starts_with("https://") || url.starts_with("http://")) {
            self.link = url;
        }
    }

    fn message_card(&mut self, card: &'a Value) {
        self.text(text(card, "title"));
        self.text(text(card, "text"));
        for section in list(card, "sections").iter().take(MAX_PARTS) {
            self.text(text(section, "title"));
            let names = ["activityTitle", "activitySubtitle"];
            self.joined(names.into_iter().map(|name| text(section, name).to_owned()));
            self.text(text(section, "activityText"));
            self.text(text(section, "text"));
            self.facts(list(section, "facts"), "name");
            self.actions(list(section, "potentialAction"));
        }
        self.actions(list(card, "potentialAction"));
        if self.lines.is_empty() {
            self.text(text(card, "summary"));
        }
    }

    fn actions(&mut self, actions: &'a [Value]) {
        for action in actions.iter().take(MAX_PARTS) {
            self.links(first(action, &["targets.0.uri", "target.0", "url"]));
        }
    }

    fn adaptive(&mut self, card: &'a Value) {
        self.elements(list(card, "body"), 0);
        self.actions(list(card, "actions"));
        if self.lines.is_empty() {
            self.text(first(card, &["fallbackText", "speak"]));
        }
    }

    fn elements(&mut self, elements: &'a [Value], depth: usize) {
        if depth > MAX_DEPTH || self.lines.len() > MAX_RAW {
            return;
        }
        for element in elements.iter().take(MAX_PARTS) {
            look(1);
            self.text(text(element, "text"));
            self.facts(list(element, "facts"), "title");
            let inlines = list(element, "inlines").iter().take(MAX_PARTS);
            let inlines = inlines.map(|part| part.as_str().unwrap_or_else(|| text(part, "text")));
            self.text(&inlines.collect::<String>());
            self.actions(list(element, "actions"));
            self.elements(list(element, "items"), depth + 1);
            self.elements(list(element, "rows"), depth + 1);
            // What stands beside each other is one line.
            for beside in ["columns", "cells"] {
                let before = self.lines.len();
                self.elements(list(element, beside), depth + 1);
                if self.lines.len() > before {
                    let line = self.lines.drain(before..).collect::<Vec<_>>().join(" · ");
                    self.lines.push(line);
                }
            }
        }
    }
}

/// Markdown as plain text: a link stands behind its words, and what is bold is not marked.
pub(super) fn markdown(source: &str) -> String {
    look(source.len());
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((url, after)) = after.split_once(')') else {
            break;
        };
        match before.rsplit_once('[') {
            // The words of a link are in its line.
            Some((before, words))
                if !words.contains('\n') && !url.contains(char::is_whitespace) =>
            {
                // A picture has a `!` before.
                out.push_str(before.strip_suffix('!').unwrap_or(before));
                if words.is_empty() || words == url {
                    out.push_str(url);
                } else {
                    out.push_str(&format!("{words} ({url})"));
                }
            }
            _ => {
                out.push_str(before);
                out.push_str("](");
                out.push_str(url);
                out.push(')');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out.replace("**", "")
}
