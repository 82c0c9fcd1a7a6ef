//! Slack's markup, mrkdwn: links, mentions and entities; bold and similar text becomes plain.

use crate::text::unescape_html;
use crate::work::look;

/// Converts `<https://example.org|text>` and other angle brackets, then entities, and removes the markers around bold,
/// italic or struck-through text.
pub(super) fn mrkdwn(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    // Positions of markers in the text; those within a URL or a name do not count.
    let mut signs = Vec::new();
    let mut add = |out: &mut String, text: &str| {
        let start = out.len();
        let found = text.match_indices(['*', '_', '~', '`']);
        signs.extend(found.map(|(at, _)| start + at));
        out.push_str(text);
    };
    let mut rest = source;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else {
            look(rest.len());
            break;
        };
        look(start + length);
        add(&mut out, &rest[..start]);
        out.push_str(&bracket(&rest[start + 1..start + length]));
        rest = &rest[start + length + 1..];
    }
    add(&mut out, rest);
    unescape_html(&unmarked(&out, &signs))
}

/// Removes pairs of markers around words of one line; text between `` ` `` is left unchanged.
fn unmarked(text: &str, signs: &[usize]) -> String {
    look(text.len());
    let mut dropped = Vec::new();
    // Where each marker was last opened.
    let mut open: [Option<usize>; 3] = [None; 3];
    let mut in_code = false;
    let mut last = 0;
    for &at in signs {
        if text[last..at].contains('\n') {
            (open, in_code) = ([None; 3], false);
        }
        last = at;
        let kind = match text.as_bytes()[at] {
            b'`' => {
                in_code = !in_code;
                continue;
            }
            b'*' => 0,
            b'_' => 1,
            _ => 2,
        };
        if in_code {
            continue;
        }
        let before = text[..at].chars().next_back();
        let after = text[at + 1..].chars().next();
        // A marker next to another one, as in `_*both*_`, counts as next to a word.
        let outside = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '/');
        let inside = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
        match open[kind] {
            Some(start) if inside(before) && outside(after) && at > start + 1 => {
                dropped.push(start);
                dropped.push(at);
                open[kind] = None;
            }
            _ if outside(before) && inside(after) => open[kind] = Some(at),
            _ => {}
        }
    }
    protocol::sort(&mut dropped);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for at in dropped {
        out.push_str(&text[from..at]);
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out
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
        _ => link(target, &unmarked_label(label)),
    }
}

/// The text of a link, without the markers around it.
fn unmarked_label(label: &str) -> String {
    let signs: Vec<usize> = label
        .match_indices(['*', '_', '~', '`'])
        .map(|(at, _)| at)
        .collect();
    unmarked(label, &signs)
}

/// Formats a link with its text.
pub(super) fn link(url: &str, label: &str) -> String {
    let bare = url.strip_prefix("mailto:").unwrap_or(url);
    if label.is_empty() || label == bare || label == url {
        bare.to_owned()
    } else {
        format!("{label} ({bare})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_around_words_are_dropped() {
        for (source, plain) in [
            ("*bold* and _italic_, ~struck~.", "bold and italic, struck."),
            (
                "_*both*_ *<https://a.example/x_y_z|a *b*>*",
                "both a b (https://a.example/x_y_z)",
            ),
            (
                "snake_case_name 2*3*4 * not * bold",
                "snake_case_name 2*3*4 * not * bold",
            ),
            ("`*code*` *b*", "`*code*` b"),
            ("*one\ntwo*", "*one\ntwo*"),
            ("* item\n* other", "* item\n* other"),
            ("https://a.example/_x_ a*", "https://a.example/_x_ a*"),
            ("** **", "** **"),
            ("*a* < *b*", "a < b"),
        ] {
            assert_eq!(mrkdwn(source), plain, "{source}");
        }
    }
}
