//! Text with separators that are written only once something follows.

/// Maximum length of the text produced, in bytes; more is not shown anyway.
const MAX_TEXT: usize = 4 * protocol::MAX_MAIL_TEXT;

#[derive(Debug, Default)]
pub(super) struct Writer {
    out: String,
    lines: usize,
    space: bool,
    bullet: bool,
    /// How many quotations what comes is in.
    quoted: usize,
    /// Whether the pending line ends finish a row.
    row: bool,
    /// Whether nothing has been written in a cell yet.
    fresh: bool,
    /// Whether a cell has several lines.
    broken: bool,
    /// A character that joins the last letter and the next, if one follows.
    joiner: Option<char>,
}

impl Writer {
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Requires at least this many line ends before what follows.
    pub(super) fn block(&mut self, lines: usize) {
        // A cell is on its row's line.
        if self.fresh {
            return;
        }
        self.lines = self.lines.max(lines);
        self.space = false;
    }

    /// One more line end.
    pub(super) fn line(&mut self) {
        self.lines = (self.lines + 1).min(2);
        self.space = false;
    }

    /// A row begins or ends.
    pub(super) fn row(&mut self) {
        (self.fresh, self.broken) = (false, false);
        self.block(1);
        self.row = true;
    }

    /// A cell begins or ends: a one-line cell stays on its row's line.
    pub(super) fn cell(&mut self) {
        if !self.row && !self.fresh {
            // After several lines, the next cell does not continue the last of them.
            self.lines = usize::from(self.broken);
            self.broken = false;
        }
        (self.space, self.fresh) = (true, true);
    }

    pub(super) fn space(&mut self) {
        self.space = true;
    }

    pub(super) fn bullet(&mut self) {
        self.lines = 1;
        self.bullet = true;
    }

    /// What follows is in so many quotations; a mail in plain text marks their lines with `>`.
    pub(super) fn quote(&mut self, depth: usize) {
        self.block(1);
        self.quoted = depth;
    }

    pub(super) fn text(&mut self, text: &str, preformatted: bool) {
        for c in text.chars() {
            if self.out.len() >= MAX_TEXT {
                return;
            }
            match c {
                '\n' if preformatted => self.line(),
                ' ' | '\t' if preformatted => {
                    self.borders();
                    self.out.push(c);
                }
                // Fillers that shorten the preview in a list of mails.
                '\u{34f}' | '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => {}
                // Between letters they are significant, elsewhere they are fillers too.
                '\u{200c}' | '\u{200d}' => self.joiner = Some(c),
                c if c.is_whitespace() => self.space = true,
                c => {
                    self.borders();
                    self.out.push(c);
                }
            }
        }
    }

    fn borders(&mut self) {
        if self.out.is_empty() {
            self.lines = 0;
        }
        let begins = self.out.is_empty() || self.lines > 0;
        let mark = if begins { self.quoted } else { 0 };
        let joiner = self.joiner.take();
        if self.lines == 0 && !self.space && !self.out.is_empty() {
            self.out.extend(joiner);
        }
        for _ in 0..self.lines {
            self.out.push('\n');
        }
        if mark > 0 {
            self.out.extend(std::iter::repeat_n('>', mark));
            self.out.push(' ');
            self.space = false;
        }
        if self.bullet {
            self.out.push_str("- ");
        } else if self.space
            && self.lines == 0
            && !self.out.is_empty()
            && !self.out.ends_with(['\n', ' '])
        {
            self.out.push(' ');
        }
        self.broken |= self.lines > 0 && !self.row;
        (self.lines, self.space, self.bullet) = (0, false, false);
        (self.row, self.fresh) = (false, false);
    }

    /// Shows the URL of a link whose text began at a position, unless the text contains it.
    pub(super) fn address(&mut self, address: &str, start: usize) {
        let said = self.out.get(start..).unwrap_or_default();
        if self.out.len() + address.len() >= MAX_TEXT || said.contains(bare(address)) {
            return;
        }
        if said.trim().is_empty() {
            self.text(address, false);
        } else {
            self.out.push_str(&format!(" ({address})"));
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// A URL as people write it.
fn bare(address: &str) -> &str {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    address
        .strip_prefix("www.")
        .unwrap_or(address)
        .trim_end_matches('/')
}
