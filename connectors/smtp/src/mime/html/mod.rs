//! Converts HTML to text.
//!
//! One pass, linear: tags become separators, hidden content stays hidden, and a link's URL follows its text.

mod style;
mod tag;
mod writer;

use mail_parser::decoders::html::add_html_token;

use super::work::look;

use style::{Classes, is_hidden, is_tiny};
use tag::Tag;
use writer::Writer;

/// Maximum length of a character reference, `&CounterClockwiseContourIntegral;`.
const MAX_ENTITY: usize = 40;
/// Elements whose content is not shown.
const RAW: &[&str] = &[
    "script", "style", "title", "textarea", "template", "svg", "object",
];
/// Elements that never have content.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr",
];
/// Elements with an empty line around them.
const PARAGRAPHS: &[&str] = &[
    "blockquote",
    "dl",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ol",
    "p",
    "pre",
    "ul",
];
/// Elements that are table rows or separate them.
const ROWS: &[&str] = &["caption", "table", "tbody", "tfoot", "thead", "tr"];
/// Elements with lines of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "body",
    "center",
    "dd",
    "div",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "legend",
    "li",
    "main",
    "nav",
    "option",
    "section",
];

/// Most quotations in each other.
const MAX_QUOTES: usize = 20;
/// Maximum nesting of elements that change whether letters have a size.
const MAX_SIZES: usize = 100;

/// Converts a page; if everything in it is hidden, it is shown nevertheless.
pub(crate) fn text(html: &str) -> String {
    let shown = Reader::new(html, true).read();
    if shown.trim().is_empty() {
        Reader::new(html, false).read()
    } else {
        shown
    }
}

struct Reader<'a> {
    html: &'a str,
    at: usize,
    hiding: bool,
    classes: Classes,
    /// The hidden element, and how many elements of its name are open in it.
    hidden: Option<(String, usize)>,
    /// The elements that set the letters' size to zero or back, and how many elements of the same name are open in
    /// each.
    sizes: Vec<(String, usize, bool)>,
    link: Option<(String, usize)>,
    preformatted: usize,
    /// The `blockquote`s that are open, and whether each quotes a mail: others only stand further right.
    quotes: Vec<bool>,
    out: Writer,
}

impl<'a> Reader<'a> {
    fn new(html: &'a str, hiding: bool) -> Self {
        Self {
            html,
            at: 0,
            hiding,
            classes: Classes::default(),
            hidden: None,
            sizes: Vec::new(),
            link: None,
            preformatted: 0,
            quotes: Vec::new(),
            out: Writer::default(),
        }
    }

    fn read(mut self) -> String {
        while let Some(rest) = self.html.get(self.at..) {
            if rest.is_empty() {
                break;
            }
            if rest.starts_with('<') {
                self.markup(rest);
            } else if rest.starts_with('&') {
                let (character, length) = entity(rest);
                self.say(&character);
                self.at += length;
            } else {
                let end = rest.find(['<', '&']).unwrap_or(rest.len());
                look(end);
                self.say(rest.get(..end).unwrap_or_default());
                self.at += end;
            }
        }
        self.out.finish()
    }

    fn say(&mut self, text: &str) {
        if self.hidden.is_none() && !self.is_tiny() {
            self.out.text(text, self.preformatted > 0);
        }
    }

    fn is_tiny(&self) -> bool {
        self.hiding && self.sizes.last().is_some_and(|(_, _, tiny)| *tiny)
    }

    /// Tracks the size of letters, which elements inherit.
    fn size(&mut self, tag: &Tag) {
        if let Some((name, depth, _)) = self.sizes.last_mut()
            && *name == tag.name
        {
            *depth = if tag.closing { *depth - 1 } else { *depth + 1 };
            if *depth == 0 {
                self.sizes.pop();
                return;
            }
        }
        if !tag.closing
            && let Some(tiny) = is_tiny(&tag.style)
            && tiny != self.is_tiny()
            && self.sizes.len() < MAX_SIZES
        {
            self.sizes.push((tag.name.clone(), 1, tiny));
        }
    }

    fn markup(&mut self, rest: &'a str) {
        let all = self.html.len();
        let before = self.at;
        if let Some(comment) = rest.strip_prefix("<!--") {
            self.at = comment.find("-->").map_or(all, |end| self.at + 4 + end + 3);
        } else if rest.starts_with("<!") || rest.starts_with("<?") {
            self.at = rest.find('>').map_or(all, |end| self.at + end + 1);
        } else {
            match Tag::read(rest) {
                Some((tag, length)) => {
                    self.at += length;
                    self.tag(&tag);
                }
                // The end is within a tag.
                None if Tag::begins(rest) => self.at = all,
                None => {
                    self.say("<");
                    self.at += 1;
                }
            }
        }
        look(self.at - before);
    }

    fn tag(&mut self, tag: &Tag) {
        let name = tag.name.as_str();
        if !tag.closing && RAW.contains(&name) && !tag.empty {
            self.skip(name);
            return;
        }
        if let Some((hidden, depth)) = &mut self.hidden {
            if hidden == name {
                *depth = if tag.closing {
                    *depth - 1
                } else {
                    *depth + usize::from(!tag.empty)
                };
                if *depth == 0 {
                    self.hidden = None;
                }
            }
            return;
        }
        let void = VOID.contains(&name) || tag.empty;
        if !tag.closing
            && self.hiding
            && (tag.hidden || is_hidden(&tag.style) || self.classes.hide(&tag.class))
        {
            if !void {
                self.hidden = Some((name.to_owned(), 1));
            }
            return;
        }
        if !void {
            self.size(tag);
        }
        match name {
            "a" => {
                self.link_ends();
                if !tag.closing
                    && let Some(address) = address(&tag.href)
                {
                    self.link = Some((address, self.out.len()));
                }
            }
            "br" => self.out.line(),
            "img" => {
                self.out.space();
                self.say(&decoded(&tag.alt));
                self.out.space();
            }
            "td" | "th" => self.out.cell(),
            "button" => self.out.space(),
            _ if ROWS.contains(&name) => self.out.row(),
            _ if PARAGRAPHS.contains(&name) => self.out.block(2),
            _ if BLOCKS.contains(&name) => self.out.block(1),
            _ => {}
        }
        match (name, tag.closing) {
            ("li", false) => self.out.bullet(),
            ("blockquote", closing) => self.quote(tag, closing),
            ("pre", false) => self.preformatted += 1,
            ("pre", true) => self.preformatted = self.preformatted.saturating_sub(1),
            _ => {}
        }
    }

    /// Follows quotations, as programs for mail mark them.
    fn quote(&mut self, tag: &Tag, closing: bool) {
        if closing {
            self.quotes.pop();
        } else if self.quotes.len() < MAX_QUOTES {
            let cites = tag.kind.eq_ignore_ascii_case("cite") || tag.class.contains("_quote");
            self.quotes.push(cites);
        }
        let depth = self.quotes.iter().filter(|cites| **cites).count();
        self.out.quote(depth);
    }

    /// Shows a link's URL, unless its text contains it.
    fn link_ends(&mut self) {
        if let Some((address, start)) = self.link.take() {
            self.out.address(&address, start);
        }
    }

    /// Skips an element whose content is not text.
    fn skip(&mut self, name: &str) {
        let rest = self.html.get(self.at..).unwrap_or_default();
        let mut from = 0;
        let end = loop {
            let Some(found) = rest.get(from..).and_then(|rest| rest.find("</")) else {
                break rest.len();
            };
            let after = rest.get(from + found + 2..).unwrap_or_default();
            if after
                .get(..name.len())
                .is_some_and(|tag| tag.eq_ignore_ascii_case(name))
            {
                break from + found;
            }
            from += found + 2;
        };
        if name == "style" {
            self.classes.learn(rest.get(..end).unwrap_or_default());
        }
        let after = rest.get(end..).unwrap_or_default();
        self.at += end + after.find('>').map_or(after.len(), |n| n + 1);
    }
}

/// A character reference's character, and its length.
fn entity(text: &str) -> (String, usize) {
    look(MAX_ENTITY.min(text.len()));
    let inner = text.get(1..).unwrap_or_default();
    let length = inner
        .bytes()
        .take(MAX_ENTITY)
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'#'));
    let Some(length) = length.filter(|length| *length > 0) else {
        return ("&".to_owned(), 1);
    };
    let name = inner.get(..length).unwrap_or_default();
    let ended = inner.as_bytes().get(length) == Some(&b';');
    // Few are recognised without a semicolon.
    if !ended
        && !name.starts_with('#')
        && !matches!(name, "nbsp" | "amp" | "lt" | "gt" | "quot" | "copy" | "reg")
    {
        return ("&".to_owned(), 1);
    }
    let mut out = String::new();
    add_html_token(&mut out, format!("&{name};").as_bytes(), false);
    if out.starts_with('&') && out.len() > 1 {
        return ("&".to_owned(), 1);
    }
    (out, 1 + length + usize::from(ended))
}

/// The value of an attribute.
fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        let (character, length) = entity(from);
        out.push_str(before);
        out.push_str(&character);
        rest = from.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Maximum length of a URL that is shown, in characters.
const MAX_ADDRESS: usize = 2_000;

/// A link's URL, if it is meaningful to people.
fn address(href: &str) -> Option<String> {
    let address: String = decoded(href)
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .collect();
    let scheme = address.split_once(':')?.0.to_ascii_lowercase();
    let shown = match scheme.as_str() {
        "http" | "https" => address,
        "mailto" => address.get(7..)?.split('?').next()?.to_owned(),
        _ => return None,
    };
    (!shown.is_empty() && shown.chars().count() <= MAX_ADDRESS).then_some(shown)
}

#[cfg(test)]
mod tests;
