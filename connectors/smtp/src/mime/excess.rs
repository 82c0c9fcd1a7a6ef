//! The bounds of a mail's structure, and over which of them a mail is.

use super::people::MAX_ADDRESSES;

/// Deepest nesting: parts in parts, mails in mails.
pub(crate) const MAX_NESTING: usize = 20;
/// Most parts.
pub(crate) const MAX_PARTS: usize = 1_000;
/// Most header fields of the mail or of one of its parts.
pub(crate) const MAX_FIELDS: usize = 1_000;
/// Most bytes of headers, those of all parts together.
pub(crate) const MAX_HEADER: usize = 1 << 20;
/// Most parameters of a field; the pieces of a long name count each.
pub(crate) const MAX_PARAMETERS: usize = 100;
/// Longest field of those that the checks of senders read, bytes.
pub(crate) const MAX_STRICT_FIELD: usize = 16 * 1024;

/// Which bound a mail is over.
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
