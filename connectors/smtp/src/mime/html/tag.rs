//! A tag and its relevant attributes.

/// A tag. Names are in lower case, values as written.
#[derive(Debug, Default)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) closing: bool,
    /// Whether it closes itself, `<br/>`.
    pub(super) empty: bool,
    pub(super) hidden: bool,
    pub(super) style: String,
    pub(super) class: String,
    pub(super) href: String,
    pub(super) alt: String,
    pub(super) kind: String,
}

/// Maximum length of a relevant name.
const MAX_NAME: usize = 32;

impl Tag {
    /// Returns whether a tag begins here.
    pub(super) fn begins(text: &str) -> bool {
        let inner = text.get(1..).unwrap_or_default();
        let inner = inner.strip_prefix('/').unwrap_or(inner);
        inner.starts_with(|c: char| c.is_ascii_alphabetic())
    }

    /// Parses the tag that begins here, and returns its length; `None` if there is none or it does not end.
    pub(super) fn read(text: &str) -> Option<(Self, usize)> {
        if !Self::begins(text) {
            return None;
        }
        let mut tag = Self::default();
        let mut scan = Scan { text, at: 1 };
        tag.closing = scan.take('/');
        tag.name = scan
            .word(|c| c.is_whitespace() || matches!(c, '>' | '/'))
            .to_ascii_lowercase();
        if tag.name.len() > MAX_NAME {
            tag.name.clear();
        }
        loop {
            scan.word(|c| !(c.is_whitespace() || matches!(c, '/' | '=')));
            if scan.take('>') {
                tag.empty = text
                    .get(..scan.at - 1)
                    .is_some_and(|tag| tag.ends_with('/'));
                return Some((tag, scan.at));
            }
            let name = scan.word(|c| c.is_whitespace() || matches!(c, '>' | '/' | '='));
            if name.is_empty() {
                return None;
            }
            let before = scan.at;
            scan.word(|c| !c.is_whitespace());
            let value = if scan.take('=') {
                scan.value()?
            } else {
                scan.at = before;
                ""
            };
            match name.len() {
                6 if name.eq_ignore_ascii_case("hidden") => tag.hidden = true,
                5 if name.eq_ignore_ascii_case("style") => value.clone_into(&mut tag.style),
                5 if name.eq_ignore_ascii_case("class") => value.clone_into(&mut tag.class),
                4 if name.eq_ignore_ascii_case("href") => value.clone_into(&mut tag.href),
                4 if name.eq_ignore_ascii_case("type") => value.clone_into(&mut tag.kind),
                3 if name.eq_ignore_ascii_case("alt") => value.clone_into(&mut tag.alt),
                _ => {}
            }
        }
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, c: char) -> bool {
        let is = self.rest().starts_with(c);
        self.at += usize::from(is);
        is
    }

    fn word(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let word = rest
            .get(..rest.find(end).unwrap_or(rest.len()))
            .unwrap_or_default();
        self.at += word.len();
        word
    }

    /// A value, quoted or not; `None` if its quotes do not end.
    fn value(&mut self) -> Option<&'a str> {
        self.word(|c| !c.is_whitespace());
        for quote in ['"', '\''] {
            if self.take(quote) {
                let rest = self.rest();
                let value = rest.get(..rest.find(quote)?)?;
                self.at += value.len() + 1;
                return Some(value);
            }
        }
        Some(self.word(|c| c.is_whitespace() || c == '>'))
    }
}
