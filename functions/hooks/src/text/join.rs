//! Reducing the number of lines: repeated ones are dropped, and short ones are joined.

use super::{MAX_LINES, MAX_RAW};

/// The longest line that is joined from several, in bytes: about as much as one IRC line holds.
const JOINED: usize = 350;
/// The shortest line that is dropped because the next one contains it, in bytes; shorter ones are words that any text
/// may contain.
const LEAST_REPEATED: usize = 8;

/// Reduces lines, none of which is empty, to at most [`MAX_LINES`]. `cut` means that some are missing already.
pub(super) fn fit(mut lines: Vec<String>, cut: bool) -> Vec<String> {
    lines.truncate(MAX_RAW);
    let mut at = 0;
    while at + 1 < lines.len() {
        if repeats(&lines[at], &lines[at + 1]) {
            lines.remove(at);
        } else {
            at += 1;
        }
    }
    // How many lines each one was made of.
    let mut counts = vec![1_usize; lines.len()];
    while lines.len() > MAX_LINES {
        let lengths = lines.windows(2).map(|pair| pair[0].len() + pair[1].len());
        // There are at most MAX_RAW lines, so comparing each with all others is cheap enough.
        let Some((shortest, at)) = lengths.zip(0..).min() else {
            break;
        };
        if shortest > JOINED {
            break;
        }
        let next = lines.remove(at + 1);
        counts[at] += counts.remove(at + 1);
        let line = &mut lines[at];
        line.push_str(if line.ends_with([':', ',', ';', '…']) {
            " "
        } else {
            " · "
        });
        line.push_str(&next);
    }
    if lines.len() > MAX_LINES || cut {
        lines.truncate(MAX_LINES - 1);
        let more: usize = counts.iter().skip(lines.len()).sum();
        lines.push(match (cut, more) {
            (true, _) => "… and many more lines".to_owned(),
            (false, more) => format!("… and {more} more lines"),
        });
    }
    lines
}

/// Returns whether the next line contains all of a line.
fn repeats(line: &str, next: &str) -> bool {
    let signs =
        |c: char| c.is_whitespace() || matches!(c, ':' | '.' | '!' | '…' | '*' | '-' | '–' | '#');
    let core = line.trim_matches(signs);
    if core == next.trim_matches(signs) {
        return true;
    }
    if core.len() < LEAST_REPEATED {
        return false;
    }
    let is_word = |c: char| c.is_alphanumeric();
    next.match_indices(core).any(|(at, found)| {
        let before = next[..at].chars().next_back();
        let after = next[at + found.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(lines: &[&str]) -> Vec<String> {
        fit(lines.iter().map(|&line| line.to_owned()).collect(), false)
    }

    #[test]
    fn short_lines_are_put_together_and_the_last_ones_are_not_lost() {
        assert_eq!(
            fitted(&[
                "Alert:",
                "CPU",
                "host a1",
                "97 %",
                "since 10:00",
                "https://a.example/1"
            ]),
            [
                "Alert: CPU",
                "host a1 · 97 %",
                "since 10:00",
                "https://a.example/1"
            ]
        );
        let [x, y, z] = ["x", "y", "z"].map(|letter| letter.repeat(349));
        assert_eq!(
            fitted(&[&x, &y, &z, "a", "b", &x]),
            [&x, &y, &z, "… and 3 more lines"]
        );
        let all: Vec<String> = (0..200).map(|n| n.to_string()).collect();
        let fitted = fit(all, true);
        assert_eq!(fitted.len(), MAX_LINES);
        assert_eq!(fitted[MAX_LINES - 1], "… and many more lines");
    }

    #[test]
    fn what_the_next_line_says_too_is_left_out() {
        assert_eq!(
            fitted(&["Disk full", "[a1] Disk full: 97 %"]),
            ["[a1] Disk full: 97 %"]
        );
        assert_eq!(fitted(&["Same:", "Same", "other"]), ["Same", "other"]);
        for kept in [
            ["Backup", "Backup of a1"],
            ["Disk full", "Disk fuller"],
            ["ok", "ok then"],
        ] {
            assert_eq!(fitted(&kept), kept);
        }
    }
}
