//! Errors of the operating system in words.

/// Says what went wrong, without the number that the operating system has for it.
pub(crate) fn words(error: &std::io::Error) -> String {
    if error.raw_os_error().is_some() {
        error.kind().to_string()
    } else {
        error.to_string()
    }
}
