//! Paragraphs that were broken into lines in transit (`format=flowed`, RFC 3676).

use super::work::look;

/// Joins the lines of paragraphs.
pub(crate) fn join(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The quotation depth of a paragraph that continues.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        look(line.len() + 1);
        let content = line.trim_start_matches('>');
        let depth = line.len() - content.len();
        let content = content.strip_prefix(' ').unwrap_or(content);
        if open != Some(depth) {
            if !out.is_empty() {
                out.push('\n');
            }
            for _ in 0..depth.min(MAX_DEPTH) {
                out.push('>');
            }
            if depth > 0 && !content.is_empty() {
                out.push(' ');
            }
        }
        let flows = content.ends_with(' ') && content != "-- ";
        out.push_str(match content.strip_suffix(' ') {
            Some(shorter) if flows && delete_space => shorter,
            _ => content,
        });
        open = flows.then_some(depth);
    }
    out
}

/// Maximum quotation depth that is shown.
const MAX_DEPTH: usize = 20;

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn paragraphs_are_joined_and_quotations_stay() {
        for (text, delete, joined) in [
            ("one \ntwo\nthree\n", false, "one two\nthree"),
            ("one \ntwo", true, "onetwo"),
            ("> a \n> b\nc", false, "> a b\nc"),
            ("> a \n>> b\nc", false, "> a \n>> b\nc"),
            (" From here \n to there", false, "From here to there"),
            ("-- \nAnn", false, "-- \nAnn"),
            ("a\n\nb", false, "a\n\nb"),
        ] {
            assert_eq!(join(text, delete), joined, "{text:?}");
        }
    }
}
