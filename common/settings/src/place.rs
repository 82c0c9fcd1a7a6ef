//! Positions in a file: the line, and the key on it, but never a value, which may be a secret.

/// The most characters of a key that are shown.
const MOST_SHOWN: usize = 60;

/// Describes the position of a byte in the text: ` (line 3, at mail-out)`.
pub(crate) fn of(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let key = text.lines().nth(number - 1).and_then(key_on);
    match key {
        Some(key) => format!(" (line {number}, at {key})"),
        None => format!(" (line {number})"),
    }
}

/// Returns the line of a key, which is written with those of its tables: `mail-out.tls`. For an inline table it is that
/// table's line; for a table, that of its head.
pub(crate) fn line_of(text: &str, key: &str) -> Option<usize> {
    let (mut table, mut whole) = (String::new(), None);
    for (line, number) in text.lines().zip(1..) {
        if let Some(name) = line.trim().strip_prefix('[') {
            let name = name.trim_start_matches('[');
            table = name
                .split(']')
                .next()
                .map(|name| format!("{}.", bare(name)))
                .unwrap_or_default();
            if table.strip_suffix('.') == Some(key) {
                return Some(number);
            }
            continue;
        }
        let Some(found) = key_on(line) else { continue };
        let found = format!("{table}{found}");
        if found == key {
            return Some(number);
        }
        let below = key.strip_prefix(&found);
        if below.is_some_and(|below| below.starts_with('.')) {
            whole = Some(number);
        }
    }
    whole
}

/// Returns the key assigned on a line; `None` if there does not seem to be one.
fn key_on(line: &str) -> Option<String> {
    let (key, _) = line.split_once('=')?;
    let key = bare(key);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!key.is_empty() && key.len() <= MOST_SHOWN && key.chars().all(fits)).then_some(key)
}

/// A key without quotation marks, and without spaces around it and its dots.
fn bare(key: &str) -> String {
    let parts = key.split('.');
    let parts: Vec<&str> = parts
        .map(|part| part.trim().trim_matches(['"', '\'']))
        .collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a = 1\n\n[mail-out]\n\"to\" = 'x'\ntls . mode=3\nmore = { deep = 1 }\n[[c]]\nb = 2\n";

    #[test]
    fn keys_are_found_on_their_lines() {
        for (key, line) in [
            ("a", Some(1)),
            ("mail-out.to", Some(4)),
            ("mail-out.tls.mode", Some(5)),
            ("mail-out.more.deep", Some(6)),
            ("c.b", Some(8)),
            ("to", None),
            ("mail-out", Some(3)),
        ] {
            assert_eq!(line_of(TEXT, key), line, "{key}");
        }
    }

    #[test]
    fn a_place_names_a_key_and_no_value() {
        assert_eq!(of(TEXT, 0), " (line 1, at a)");
        let to = TEXT.find("'x'").unwrap();
        assert_eq!(of(TEXT, to), " (line 4, at to)");
        assert_eq!(of("password hunter2 = 3", 5), " (line 1)");
        assert_eq!(of("a = 1\n", 1000), " (line 2)");
    }
}
