//! Which parts of a mail are its text, and which are attachments.

use protocol::MAX_MAIL_TEXT;

use super::tree::{Kind, Part, Tree};
use super::{charset, flowed, html, stub, transfer};

/// Maximum bytes of a text that are processed; far fewer are shown.
const MAX_RENDERED: usize = 2 << 20;
/// Where an HTML page may declare its character set, in bytes.
const MAX_META: usize = 2 * 1024;

/// The text of a mail, and which of its parts are not attachments.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) used: Vec<bool>,
}

impl Body {
    pub(crate) fn of(tree: &Tree<'_>) -> Self {
        let mut body = Self {
            text: String::new(),
            used: vec![false; tree.parts.len()],
        };
        if !tree.parts.is_empty() {
            body.add(tree, 0);
        }
        body
    }

    /// Adds a part's text; returns false if it has none.
    fn add(&mut self, tree: &Tree<'_>, index: usize) -> bool {
        let Some(part) = tree.parts.get(index) else {
            return false;
        };
        let children: Vec<usize> = tree.children(index).collect();
        match &part.kind {
            Kind::Message => false,
            Kind::Multipart(_) if children.is_empty() => {
                self.mark(index);
                self.say(&charset::decode(tree.body(part), None))
            }
            Kind::Multipart(subtype) if subtype == "alternative" => {
                let said = self.alternative(tree, &children);
                children.iter().for_each(|child| self.spend(tree, *child));
                said
            }
            Kind::Multipart(subtype) if subtype == "related" => {
                children.first().is_some_and(|first| self.add(tree, *first))
            }
            Kind::Multipart(_) => {
                let mut said = false;
                for child in children {
                    said |= self.text.len() < MAX_MAIL_TEXT && self.add(tree, child);
                    // What does not fit is still text.
                    self.spend_text(tree, child);
                }
                said
            }
            Kind::Leaf if is_text(tree, index, part) => {
                self.mark(index);
                self.say(&rendered(tree, part))
            }
            Kind::Leaf => false,
        }
    }

    /// The plain text, unless it is empty or only a placeholder for the HTML; otherwise the HTML, or any part with text.
    fn alternative(&mut self, tree: &Tree<'_>, children: &[usize]) -> bool {
        let is_plain = |child: &usize| is_leaf(tree, *child, "text/plain");
        let plain: Vec<usize> = children.iter().copied().filter(is_plain).collect();
        let others = children.iter().rev().copied();
        let mut others: Vec<usize> = others.filter(|child| !is_plain(child)).collect();
        let page = others.iter().find_map(|child| page(tree, *child));
        let part = |index: Option<usize>| index.and_then(|index| tree.parts.get(index));
        let gives_way = match (part(plain.first().copied()), part(page)) {
            (Some(plain), Some(page)) => {
                let said = rendered(tree, plain);
                stub::may_be(&said) && stub::is(&said, &rendered(tree, page))
            }
            _ => false,
        };
        let order = if gives_way {
            others.extend(plain);
            others
        } else {
            [plain, others].concat()
        };
        order.into_iter().any(|child| self.add(tree, child))
    }

    /// Marks the text parts of which another form was used.
    fn spend(&mut self, tree: &Tree<'_>, index: usize) {
        self.spend_text(tree, index);
        for child in tree.children(index) {
            if tree
                .parts
                .get(index)
                .is_some_and(|part| part.kind != Kind::Message)
            {
                self.spend(tree, child);
            }
        }
    }

    fn spend_text(&mut self, tree: &Tree<'_>, index: usize) {
        if tree
            .parts
            .get(index)
            .is_some_and(|part| part.kind == Kind::Leaf && is_text(tree, index, part))
        {
            self.mark(index);
        }
    }

    fn mark(&mut self, index: usize) {
        if let Some(used) = self.used.get_mut(index) {
            *used = true;
        }
    }

    fn say(&mut self, text: &str) -> bool {
        let text = text.trim_matches(|c: char| c == '\n' || c == '\r');
        if text
            .chars()
            .all(|c| c.is_whitespace() || c == '\u{200b}' || c == '\u{feff}')
        {
            return false;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(text);
        true
    }
}

fn is_leaf(tree: &Tree<'_>, index: usize, kind: &str) -> bool {
    tree.parts
        .get(index)
        .is_some_and(|part| part.kind == Kind::Leaf && part.content.value == kind)
}

/// The page that a part is, or that it shows with its pictures.
fn page(tree: &Tree<'_>, mut index: usize) -> Option<usize> {
    while matches!(&tree.parts.get(index)?.kind, Kind::Multipart(subtype) if subtype == "related") {
        index = tree.children(index).next()?;
    }
    is_leaf(tree, index, "text/html").then_some(index)
}

/// Returns whether a part is text to be shown inline: not an attachment, and not a file unless it comes first.
fn is_text(tree: &Tree<'_>, index: usize, part: &Part) -> bool {
    let first = part
        .parent
        .is_none_or(|parent| tree.children(parent).next() == Some(index));
    let named = part.content.get("name").is_some() || part.disposition.get("filename").is_some();
    matches!(
        part.content.value.as_str(),
        "text/plain" | "text/html" | "text"
    ) && part.disposition.value != "attachment"
        && (first || !named)
}

fn rendered(tree: &Tree<'_>, part: &Part) -> String {
    let raw = tree.body(part);
    // base64 takes four bytes for three, quoted-printable up to three for one.
    let raw = raw.get(..3 * MAX_RENDERED).unwrap_or(raw);
    let decoded = transfer::decode(raw, &part.encoding);
    let bytes = decoded.get(..MAX_RENDERED).unwrap_or(&decoded);
    let page = part.content.value == "text/html";
    let meta = if page { meta_charset(bytes) } else { None };
    let text = charset::decode(bytes, part.content.get("charset").or(meta.as_deref()));
    if page {
        return html::text(&text);
    }
    if part
        .content
        .get("format")
        .is_some_and(|format| format.eq_ignore_ascii_case("flowed"))
    {
        let delete = part
            .content
            .get("delsp")
            .is_some_and(|yes| yes.eq_ignore_ascii_case("yes"));
        return flowed::join(&text, delete);
    }
    text
}

/// The character set that a page declares.
fn meta_charset(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..MAX_META).unwrap_or(bytes).to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head).into_owned();
    let (_, label) = head.split_once("charset=")?;
    let label = label.trim_start_matches(['"', '\'', ' ']);
    let end = label
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
        .unwrap_or(label.len());
    label
        .get(..end)
        .filter(|label| !label.is_empty())
        .map(str::to_owned)
}
