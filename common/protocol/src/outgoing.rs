//! Outgoing mail: the tasks for the mail connector, and its reports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{AccountName, Timestamp};

/// A mail address for outgoing mail: an ASCII `Mailbox` as in RFC 5321, section 4.1.2, without a quoted local part or
/// an address literal. The domain is in lower case.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// The text is not a supported mail address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is not a supported mail address; expected a form like alice@example.org, in ASCII")]
pub struct InvalidEmail;

impl EmailAddress {
    /// The longest address, in bytes: the limit of a path in RFC 5321, section 4.5.3.1.3.
    pub const MAX: usize = 254;
    /// The longest local part, in bytes (RFC 5321, section 4.5.3.1.1).
    pub const MAX_LOCAL: usize = 64;

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The name of records about this address: the first 32 hexadecimal digits of the SHA-256 of the address in lower
    /// case.
    #[must_use]
    pub fn key(&self) -> String {
        let hash = Sha256::digest(self.0.to_ascii_lowercase().as_bytes());
        crate::hex(&hash[..16])
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        // atext of RFC 5322 section 3.2.3.
        let atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        let local_fits = local.len() <= Self::MAX_LOCAL
            && local
                .split('.')
                .all(|atom| !atom.is_empty() && atom.bytes().all(atext));
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let domain_fits = domain.contains('.')
            && domain.split('.').all(label)
            // An IPv4 address is not a domain.
            && !domain.rsplit('.').next().is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()));
        if text.len() > Self::MAX || !local_fits || !domain_fits {
            return Err(InvalidEmail);
        }
        Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mail to send. The connector builds the message: `From`, `Date`, `Message-ID` and encodings.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct OutgoingMail {
    /// The account on whose behalf it is sent.
    pub account: AccountName,
    /// The recipient.
    pub to: EmailAddress,
    /// The sender's display name, besides the address.
    pub from: String,
    /// Its subject.
    pub subject: String,
    /// Its text, with lines separated by LF.
    pub text: String,
    /// The URL to which a POST unsubscribes (RFC 8058); used in `List-Unsubscribe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<String>,
    /// Its origin, `invites/<id>` or `notifications`, for which its outcome is recorded.
    pub source: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it is no longer worth sending.
    pub expires: Timestamp,
}

impl OutgoingMail {
    /// The longest text, in bytes.
    pub const MAX_TEXT: usize = 64 * 1024;
    /// The longest subject, in bytes.
    pub const MAX_SUBJECT: usize = 400;
}

/// The outcome of a mail.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum MailResult {
    /// The next mail server has accepted it.
    Sent,
    /// A mail server permanently refused the address.
    Undeliverable,
    /// It could not be sent for other reasons, or not in time.
    Failed,
}

/// Body of `POST /connector/mail/outcome`. Repeats change nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MailOutcome {
    /// The task's id.
    pub id: String,
    /// From [`OutgoingMail::account`].
    pub account: AccountName,
    /// From [`OutgoingMail::to`].
    pub to: EmailAddress,
    /// From [`OutgoingMail::source`].
    pub source: String,
    /// The outcome.
    pub result: MailResult,
    /// The mail server's reason; empty if it was sent.
    #[serde(default)]
    pub reason: String,
}

/// Response to `POST /connector/notifications`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct DigestsAnswer {
    /// Mails that were queued.
    pub queued: usize,
}

/// The capabilities of a mail connector, for [`crate::Registration`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MailInfo {
    /// The mail domain of channels' addresses, lower case.
    pub domain: String,
    /// Whether it also sends mail.
    #[serde(default)]
    pub sends: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_addresses_that_mail_can_be_sent_to() {
        for (text, kept) in [
            ("alice@example.org", "alice@example.org"),
            (" Alice.B+x@Example.ORG ", "Alice.B+x@example.org"),
            ("o'neil@a-b.example", "o'neil@a-b.example"),
        ] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().as_str(), kept);
        }
        for bad in [
            "",
            "alice",
            "@example.org",
            "alice@",
            "alice@localhost",
            "alice@192.0.2.1",
            "alice@[192.0.2.1]",
            "a b@example.org",
            "a..b@example.org",
            ".a@example.org",
            "\"a b\"@example.org",
            "a@b@example.org",
            "a@-b.example",
            "a@b..example",
            "ä@example.org",
            "a@exämple.org",
            "a@example.org>\r\nRCPT TO:<b@example.org",
            "a@example.org\u{0}",
        ] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(InvalidEmail), "{bad}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        assert!(long.parse::<EmailAddress>().is_err());
        let key = |text: &str| text.parse::<EmailAddress>().unwrap().key();
        assert_eq!(key("A@b.example"), key("a@B.example"));
        assert_eq!(key("a@b.example").len(), 32);
    }

    proptest! {
        #[test]
        fn what_is_taken_can_stand_in_a_command(text in "\\PC{0,20}@[a-zA-Z0-9.-]{0,20}|.{0,40}") {
            if let Ok(address) = text.parse::<EmailAddress>() {
                let text = address.as_str();
                prop_assert!(text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\,;:()[]".contains(&b)));
                prop_assert_eq!(text.bytes().filter(|b| *b == b'@').count(), 1);
                prop_assert_eq!(text.parse::<EmailAddress>().unwrap(), address);
            }
        }
    }
}
