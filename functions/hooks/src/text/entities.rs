//! HTML entities.

use crate::work::look;

/// The longest entity name that is searched for, in bytes.
const LONGEST: usize = 8;

/// Decodes the five XML entities, and numeric ones like `&#39;`, as in names from HTML pages.
pub(crate) fn unescape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        look(start + 1);
        out.push_str(&rest[..start]);
        let entity = &rest[start + 1..];
        match resolve(entity) {
            Some((c, end)) => {
                out.push(c);
                rest = &entity[end + 1..];
            }
            None => {
                out.push('&');
                rest = entity;
            }
        }
    }
    look(rest.len());
    out.push_str(rest);
    out
}

/// If a text begins with the name of an entity and a semicolon, returns the character and the semicolon's position. The
/// search is limited to the longest name.
fn resolve(text: &str) -> Option<(char, usize)> {
    let mut near = text.bytes().take(LONGEST + 1).inspect(|_| look(1));
    let end = near.position(|byte| byte == b';')?;
    let c = match &text[..end] {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        name => numeric(name)?,
    };
    Some((c, end))
}

fn numeric(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities() {
        assert_eq!(
            unescape_html("a &amp;&lt;b&gt; &#39;&#x41;&foo; &ä; & &"),
            "a &<b> 'A&foo; &ä; & &"
        );
        assert_eq!(unescape_html("&#x1F680;&#9999999;"), "🚀&#9999999;");
    }
}
