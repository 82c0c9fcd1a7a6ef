//! Masks and host names.

/// Returns whether a name fits a mask: `*` stands for any text, `?` for one character, all else for itself
/// (RFC 2812, section 2.5). Case counts: fold both first.
#[must_use]
pub fn mask_matches(mask: &str, name: &str) -> bool {
    let next = |text: &str, at: usize| text.get(at..).and_then(|rest| rest.chars().next());
    let (mut m, mut n) = (0, 0);
    // What stands behind the last star, and where the text begins that this is tried with.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = next(name, n) {
        match next(mask, m) {
            Some('*') => {
                m += 1;
                star = Some((m, n));
            }
            Some(wanted) if wanted == '?' || wanted == c => {
                m += wanted.len_utf8();
                n += c.len_utf8();
            }
            _ => match star {
                Some((behind, from)) => {
                    m = behind;
                    n = from + next(name, from).map_or(1, char::len_utf8);
                    star = Some((behind, n));
                }
                None => return false,
            },
        }
    }
    mask.get(m..)
        .is_some_and(|rest| rest.chars().all(|c| c == '*'))
}

/// Returns whether a text can be the name of a host as servers show it: RFC 952 and 1123, with at least one dot.
#[must_use]
pub fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}
