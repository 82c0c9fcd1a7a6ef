//! Errors of the operating system as text.

/// Describes an error without the operating system's error number.
pub(crate) fn words(error: &std::io::Error) -> String {
    if error.raw_os_error().is_some() {
        error.kind().to_string()
    } else {
        error.to_string()
    }
}
