//! Masks and host names.

/// Returns whether a name fits a mask: `*` stands for any text, `?` for one character, all else for itself
/// (RFC 2812, section 2.5). Case counts: fold both first.
#[must_use]
pub fn mask_matches(mask: &str, name: &str) -> bool {
    let mask: Vec<char> = mask.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut m, mut n) = (0, 0);
    // Where the last star stood, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match mask.get(m) {
            Some('*') => {
                star = Some((m, n));
                m += 1;
            }
            Some(&c) if c == '?' || Some(&c) == name.get(n) => {
                m += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    m = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    mask.iter().skip(m).all(|&c| c == '*')
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
