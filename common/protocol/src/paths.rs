//! The addresses at which connectors speak to the functions.

/// A connector says where it is and what it can do.
pub const REGISTER: &str = "/connector/register";
/// Has done what is due from time to time.
pub const MAINTAIN: &str = "/connector/maintain";
/// A gateway publishes what happened.
pub const EVENTS: &str = "/connector/events";
/// Connections that a gateway keeps.
pub const ASSIGNMENTS: &str = "/connector/assignments";
/// Tasks of a connector, and their outcomes.
pub const OUTBOX: &str = "/connector/outbox";
/// Which sessions and calls are over.
pub const SESSIONS: &str = "/connector/sessions";
/// Whether a password is right.
pub const AUTHENTICATE: &str = "/connector/authenticate";
/// Whether there is a mail address.
pub const ADDRESSES: &str = "/connector/addresses";
/// Announces a mail whose documents are stored.
pub const MAIL: &str = "/connector/mail";
/// Stores a document of a mail.
pub const MAIL_DOCUMENT: &str = "/connector/mail/document";
/// The outcome of a mail.
pub const MAIL_OUTCOME: &str = "/connector/mail/outcome";
/// Has digests made that are due.
pub const NOTIFICATIONS: &str = "/connector/notifications";
