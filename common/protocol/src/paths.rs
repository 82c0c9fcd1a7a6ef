//! The addresses of the functions' API for connectors.

/// A connector announces its address and capabilities.
pub const REGISTER: &str = "/connector/register";
/// Triggers the periodic maintenance.
pub const MAINTAIN: &str = "/connector/maintain";
/// A gateway publishes events.
pub const EVENTS: &str = "/connector/events";
/// The connections that a gateway maintains.
pub const ASSIGNMENTS: &str = "/connector/assignments";
/// Tasks of a connector, and their outcomes.
pub const OUTBOX: &str = "/connector/outbox";
/// Which sessions and calls have ended.
pub const SESSIONS: &str = "/connector/sessions";
/// Verifies a password.
pub const AUTHENTICATE: &str = "/connector/authenticate";
/// Whether a mail address exists.
pub const ADDRESSES: &str = "/connector/addresses";
/// Announces a mail whose documents are stored.
pub const MAIL: &str = "/connector/mail";
/// Stores a document of a mail.
pub const MAIL_DOCUMENT: &str = "/connector/mail/document";
/// The outcome of a mail.
pub const MAIL_OUTCOME: &str = "/connector/mail/outcome";
/// Creates the digests that are due.
pub const NOTIFICATIONS: &str = "/connector/notifications";
