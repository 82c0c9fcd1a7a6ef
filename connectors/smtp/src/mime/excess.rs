//! The limits of a mail's structure, and which of them a mail exceeds.

use super::people::MAX_ADDRESSES;

/// Maximum nesting: parts in parts, mails in mails.
pub(crate) const MAX_NESTING: usize = 20;
/// Maximum number of parts.
pub(crate) const MAX_PARTS: usize = 1_000;
/// Maximum number of header fields in the mail or one of its parts.
pub(crate) const MAX_FIELDS: usize = 1_000;
/// Maximum bytes of headers, all parts together.
pub(crate) const MAX_HEADER: usize = 1 << 20;
/// Maximum number of parameters per field; each piece of a long name counts.
pub(crate) const MAX_PARAMETERS: usize = 100;
/// Maximum length of a field that the sender checks read, in bytes.
pub(crate) const MAX_STRICT_FIELD: usize = 16 * 1024;

/// The limit that a mail exceeds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Excess {
    #[error("its parts are nested deeper than {} levels", MAX_NESTING)]
    Nesting,
    #[error("it has more than {} parts", MAX_PARTS)]
    Parts,
    #[error(
        "the mail or one of its parts has more than {} header fields",
        MAX_FIELDS
    )]
    Fields,
    #[error("its header fields are larger than {} bytes", MAX_HEADER)]
    Header,
    #[error("a header field has more than {} parameters", MAX_PARAMETERS)]
    Parameters,
    #[error("it names more than {} people", MAX_ADDRESSES)]
    Addresses,
    #[error(
        "one of its From or signature fields is larger than {} bytes",
        MAX_STRICT_FIELD
    )]
    Field,
}
