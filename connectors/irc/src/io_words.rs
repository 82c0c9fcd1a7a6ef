//! Errors of the operating system as text.

/// Describes an error without the operating system's error number.
pub(crate) fn words(error: &std::io::Error) -> String {
    if error.raw_os_error().is_some() {
        error.kind().to_string()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn no_number_is_said() {
        // ECONNRESET.
        let of_the_system = Error::from_raw_os_error(104);
        assert!(of_the_system.to_string().contains("104"));
        assert_eq!(
            words(&of_the_system),
            ErrorKind::ConnectionReset.to_string()
        );
        let other = Error::other("the certificate is from tomorrow");
        assert_eq!(words(&other), "the certificate is from tomorrow");
    }
}
