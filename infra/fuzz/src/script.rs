//! An input as a script: lines, each of which is said by somebody or says what happens.

/// Bytes of an input that are looked at: long inputs find nothing that short ones do not, and take longer.
const MOST_BYTES: usize = 16 * 1024;
/// Lines of an input that are looked at.
const MOST_LINES: usize = 200;

/// Returns the lines of an input.
pub(crate) fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let most = input.len().min(MOST_BYTES);
    input[..most].split(|byte| *byte == b'\n').take(MOST_LINES)
}

/// Checks a line without CR LF that one of our programs sends: one message, of at most 510 bytes besides its tags.
///
/// # Panics
///
/// If it is not.
pub(crate) fn check_sent(line: &str) {
    assert!(
        !line.contains(['\r', '\n', '\0']),
        "it contains the end of a line: {line:?}"
    );
    let body = match line.strip_prefix('@') {
        Some(tagged) => tagged.split_once(' ').map_or("", |(tags, body)| {
            assert!(tags.len() <= 8190, "{} bytes of tags", tags.len());
            body
        }),
        None => line,
    };
    assert!(body.len() <= 510, "{} bytes: {body:?}", body.len());
    assert!(!body.is_empty(), "an empty line");
}
