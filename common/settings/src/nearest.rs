//! Finds the known name that is most similar to an unknown one.

/// The longest name that is compared, in bytes; no key is longer.
const LONGEST: usize = 64;

/// Returns the name with the fewest letters to change; `None` if there are no names, or if this one is very long.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    known.min_by_key(|other| distance(name, other))
}

/// The Levenshtein distance, in bytes.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut before = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.bytes()) {
            let changed = before + usize::from(a != b);
            before = *cell;
            left = changed.min(left + 1).min(before + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_needs_the_fewest_changes() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        let known = ["listen", "relay_ports", "realm"];
        assert_eq!(nearest("lisen", known.into_iter()), Some("listen"));
        assert_eq!(nearest("x", std::iter::empty()), None);
        assert_eq!(nearest(&"x".repeat(65), known.into_iter()), None);
    }
}
