//! The only place where untrusted text becomes lines that may be shown.
//!
//! A line has no control characters (so no line breaks, no CTCP, no formatting), no invisible ones or ones that change
//! the text direction, no mention of everyone unless that is allowed, and a limited length.

mod entities;
mod join;
mod nick;

use std::borrow::Cow;

use crate::work::look;
pub(crate) use entities::unescape_html;
pub use nick::nick;

/// The most lines of one event.
pub const MAX_LINES: usize = 4;
/// The longest line, in bytes.
pub const MAX_LINE: usize = 1_000;
/// The most raw lines that are processed.
pub(crate) const MAX_RAW: usize = 200;
/// The most characters of a raw line that are processed.
pub(crate) const MAX_RAW_LINE: usize = 20_000;

/// Words that mention everyone on some platform.
const EVERYBODY: [&str; 7] = [
    "channel",
    "here",
    "everyone",
    "everybody",
    "all",
    "room",
    "group",
];

/// Creates lines that may be shown from untrusted lines: at most [`MAX_LINES`], each at most [`MAX_LINE`] bytes, none
/// empty. A raw line with line breaks becomes several; if there are too many, short ones are joined.
#[must_use]
pub fn say(raw: &[String], may_mention_everybody: bool) -> Vec<String> {
    let pieces = raw.iter().flat_map(|line| line.split(['\n', '\r']));
    let mut pieces = pieces.filter(|line| !line.trim().is_empty());
    let lines: Vec<String> = pieces
        .by_ref()
        .take(MAX_RAW)
        .map(|line| harmless(line, may_mention_everybody))
        .filter(|line| !line.is_empty())
        .collect();
    join::fit(lines, pieces.next().is_some())
}

/// Returns the lines of a text that are processed: a limited number, each of limited length.
pub(crate) fn raw_lines(text: &str) -> impl Iterator<Item = String> {
    let lines = text.split(['\n', '\r']).map(str::trim);
    let lines = lines.filter(|line| !line.is_empty());
    // One more line reveals that there is more.
    lines.take(MAX_RAW + 1).map(|line| {
        let line: String = line.chars().take(MAX_RAW_LINE).collect();
        look(line.len());
        line
    })
}

/// Returns the first line that is not blank, cut to this many characters, with `...` if anything is missing, like
/// github-services.
pub(crate) fn summary(text: &str, most: usize) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("");
    let mut short: String = first.chars().take(most).collect();
    look(short.len());
    if short.len() < first.len() || lines.next().is_some() {
        short.truncate(short.trim_end().trim_end_matches('.').len());
        short.push_str("...");
    }
    short
}

/// Returns a text without what programs hide in it for each other: HTML comments, as Markdown has them too. One that never
/// ends hides all that follows; what is said of them between backticks stays.
pub(crate) fn without_comments(text: &str) -> Cow<'_, str> {
    if !text.contains("<!--") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        if before.ends_with('`') {
            out.push_str("<!--");
            rest = after;
        } else {
            rest = after.split_once("-->").map_or("", |(_, after)| after);
        }
    }
    out.push_str(rest);
    look(text.len());
    Cow::Owned(out)
}

/// Returns the [`summary`] of a comment as people see it: without hidden HTML comments, and beginning after quotations
/// and lines without words, unless there is nothing else.
pub(crate) fn remark(text: &str, most: usize) -> String {
    let text = without_comments(text);
    let (mut rest, mut least) = (text.trim(), "");
    loop {
        let line = rest.lines().next().unwrap_or("");
        let says = |c: char| !(c.is_ascii_punctuation() || c.is_whitespace());
        if !line.starts_with('>') && line.contains(says) {
            return summary(rest, most);
        }
        if least.is_empty() {
            least = rest;
        }
        let after = rest.split_once('\n');
        let after = after.map_or("", |(_, after)| after.trim_start());
        look(rest.len() - after.len());
        if after.is_empty() {
            return summary(least, most);
        }
        rest = after;
    }
}

fn harmless(raw: &str, may_mention_everybody: bool) -> String {
    let mut line = visible(raw);
    if !may_mention_everybody {
        line = without_everybody(&line);
    }
    line = without_dcc(&line);
    cut(&line, MAX_LINE)
}

/// Removes invisible characters and replaces any whitespace by single spaces.
fn visible(raw: &str) -> String {
    let mut line = String::with_capacity(raw.len().min(MAX_LINE));
    let mut previous = ' ';
    let mut characters = raw.chars().take(MAX_RAW_LINE).peekable();
    while let Some(c) = characters.next() {
        look(1);
        // A terminal's escape sequence: all of it, not only the escape character.
        if c == '\u{9b}' || (c == '\u{1b}' && characters.next_if_eq(&'[').is_some()) {
            while characters.next_if(|c| matches!(c, '0'..='?')).is_some() {
                look(1);
            }
            characters.next_if(|c| matches!(c, '@'..='~'));
            continue;
        }
        let c = if c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}' | '\u{2800}' | '\u{3164}') {
            ' '
        } else {
            c
        };
        // Joiners belong in emoji and in words of some scripts, and nowhere else.
        let joins = matches!(c, '\u{200c}' | '\u{200d}')
            && !previous.is_ascii()
            && characters
                .peek()
                .is_some_and(|next| !next.is_ascii() && !is_unseen(*next));
        if (is_unseen(c) && !joins) || (c == ' ' && previous == ' ') {
            continue;
        }
        line.push(c);
        previous = c;
    }
    line.truncate(line.trim_end().len());
    line
}

/// Control characters (Unicode category Cc), and those of category Cf and others that are invisible or change the text
/// order.
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Inserts a space into `@channel` and the like, so that no client takes it for a mention. (A lookalike of `@` would be
/// missing in some fonts.)
fn without_everybody(line: &str) -> String {
    if !line.contains('@') {
        return line.to_owned();
    }
    let mut out = String::with_capacity(line.len() + 8);
    let mut rest = line;
    while let Some(position) = rest.find('@') {
        let (before, after) = (&rest[..position], &rest[position + 1..]);
        out.push_str(before);
        let word: String = after
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .take(12)
            .flat_map(char::to_lowercase)
            .collect();
        // In an address like alice@all.example it is not a mention.
        let begins_word = !out.ends_with(|c: char| c.is_alphanumeric());
        let everybody = begins_word && EVERYBODY.contains(&word.as_str());
        out.push_str(if everybody { "@ " } else { "@" });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Some routers drop connections on which they see `DCC SEND`.
fn without_dcc(line: &str) -> String {
    let upper = line.to_ascii_uppercase();
    let mut out = String::with_capacity(line.len());
    let mut from = 0;
    for (position, _) in upper.match_indices("DCC ") {
        out.push_str(&line[from..position + 3]);
        out.push('-');
        from = position + 4;
    }
    out.push_str(&line[from..]);
    out
}

/// Cuts a text to this many bytes, with an ellipsis if anything is missing.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(raw: &str) -> String {
        let lines = say(&[raw.to_owned()], false);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].clone()
    }

    #[test]
    fn nothing_hidden_gets_through() {
        assert_eq!(one("\u{1}DCC SEND x 1 2\u{1}"), "DCC-SEND x 1 2");
        assert_eq!(one("a\tb\u{0}\u{3}04red\u{f}  c\u{85}d"), "a b04red c d");
        assert_eq!(one("\u{202e}evil\u{2066}\u{200b}x\u{feff}"), "evilx");
        assert_eq!(one("a\u{200d}b"), "ab");
        // A family, and a Persian word with a non-joiner, stay.
        assert_eq!(one("👩\u{200d}👧"), "👩\u{200d}👧");
        assert_eq!(one("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert_eq!(say(&["\u{200b}\r\n \u{2028}".to_owned()], false), [""; 0]);
    }

    #[test]
    fn colours_of_terminals_are_removed_whole() {
        assert_eq!(
            one("\u{1b}[31mred\u{1b}[0m \u{1b}[1;32;40mgreen\u{1b}[K"),
            "red green"
        );
        assert_eq!(one("a\u{9b}0mb \u{1b}c \u{1b}[31"), "ab c");
        assert_eq!(one("a[31m \u{1b}[3é"), "a[31m é");
    }

    #[test]
    fn everybody_is_mentioned_only_if_allowed() {
        assert_eq!(one("@channel: x @Here,@ALL"), "@ channel: x @ Here,@ ALL");
        assert_eq!(one("@\u{200b}every\u{ad}one"), "@ everyone");
        assert_eq!(one("me@all.example @allan"), "me@all.example @allan");
        assert_eq!(say(&["@all".to_owned()], true), ["@all"]);
    }

    #[test]
    fn lines_and_their_lengths_are_bounded() {
        let lines = say(&["1\n2\r\n\n3".to_owned(), "4\n5\n6".to_owned()], false);
        assert_eq!(lines, ["1 · 2", "3 · 4", "5", "6"]);
        let lines = say(&["x\n".repeat(300)], false);
        assert_eq!(lines, ["x", "… and many more lines"]);
        let long = one(&"ä".repeat(3_000));
        assert!(
            long.len() <= MAX_LINE && long.ends_with("ä…"),
            "{}",
            long.len()
        );
    }

    #[test]
    fn a_remark_begins_with_what_it_says() {
        for (text, said) in [
            (
                "<!-- sonarcloud -->\n\n## Quality Gate failed\n",
                "## Quality Gate failed",
            ),
            ("<!-- a\nb --><!----> x\n", "x"),
            ("> quoted\n> more\n\nThe answer\n", "The answer"),
            ("---\r\n<!-- b -->\r\n> q\r\n\r\n👍", "👍"),
            // There is nothing else.
            ("> quoted", "> quoted"),
            ("<!-- x -->\n> quoted\n> more", "> quoted..."),
            ("!", "!"),
            ("<!-- never ends\n\ntext", ""),
            ("<!-- x -->", ""),
            ("a <!-- b -->", "a"),
            ("a\n\n<!-- b\nc -->\n", "a"),
            ("a<!-- b --> c <!-- d", "a c"),
            ("write `<!-- x -->` there", "write `<!-- x -->` there"),
            ("", ""),
        ] {
            assert_eq!(remark(text, 50), said, "{text}");
        }
    }

    #[test]
    fn summaries() {
        assert_eq!(summary("\n  Fix it.  \n\nBody", 50), "Fix it...");
        assert_eq!(summary("abcdef", 3), "abc...");
    }
}
