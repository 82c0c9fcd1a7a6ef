//! Mail: addresses of channels, and what the connector delivers.

use serde::{Deserialize, Serialize};

use crate::{AccountName, ConnectionId, Timestamp};

/// Random characters of a mail address: 100 bits, from an alphabet of 32.
pub const MAIL_RANDOM_LENGTH: usize = 20;
/// The longest part of a mail address that is derived from the channel's name, in bytes.
pub const MAIL_NAME_LENGTH: usize = 30;

/// The alphabet of the random part, without characters that can be mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// `accounts/<account>/mail/addresses/<id>.json`: an address by which mail reaches a channel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MailAddress {
    /// Version of this record's format: 1.
    pub version: u32,
    /// The address's id within the account.
    pub id: String,
    /// The local part: `<name of the channel>.<random>`, lower case.
    pub local: String,
    /// The connection over which the channel is reached.
    pub connection: ConnectionId,
    /// The channel, or a nickname.
    pub channel: String,
    /// When it was created.
    pub created: Timestamp,
}

/// The owner of an address: `mail-addresses/<local part>.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MailAddressOwner {
    /// The account.
    pub account: AccountName,
    /// The address's id within the account.
    pub id: String,
}

/// Creates the local part from a channel's name and random bytes.
#[must_use]
pub fn mail_local_part(channel: &str, random: &[u8; MAIL_RANDOM_LENGTH]) -> String {
    let mut name = String::new();
    for c in channel.chars().flat_map(char::to_lowercase) {
        if name.len() >= MAIL_NAME_LENGTH {
            break;
        }
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-');
    let name = if name.is_empty() { "channel" } else { name };
    let random: String = random
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect();
    format!("{name}.{random}")
}

/// Returns whether [`mail_local_part`] could have created a text.
#[must_use]
pub fn is_mail_local_part(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(name, random)| {
        (1..=MAIL_NAME_LENGTH).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && random.len() == MAIL_RANDOM_LENGTH
            && random.bytes().all(|b| ALPHABET.contains(&b))
    })
}

/// Body of `POST /connector/mail`: a mail whose documents are stored, to be announced in its channel.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct MailArrival {
    /// The mail's id; the same when it is delivered again. `^[a-z0-9]{16,64}$`.
    pub id: String,
    /// The address it was sent to.
    pub address: String,
    /// When it was received; the same when it is delivered again.
    pub received: Timestamp,
    /// The envelope's sender; empty for notifications.
    pub sender: String,
    /// Its author, `Alice <alice@example.org>`, from its header.
    pub from: String,
    /// Its recipients, from its header.
    #[serde(default)]
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// When it was written, from its header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// Its text; at most [`MAX_MAIL_TEXT`] bytes.
    pub text: String,
    /// What is known about its sender.
    pub checks: MailChecks,
    /// Its attachments, stored next to it.
    #[serde(default)]
    pub attachments: Vec<MailFile>,
    /// Length of the mail in bytes.
    pub size: u64,
}

/// The longest text of a [`MailArrival`], in bytes; the stored mail has all of it.
pub const MAX_MAIL_TEXT: usize = 64 * 1024;
/// The most attachments that are stored separately; the stored mail has all of them.
pub const MAX_MAIL_FILES: usize = 50;
/// Name of the document with the original mail.
pub const MAIL_DOCUMENT: &str = "message.eml";
/// Name of the document with the mail's summary, a [`MailArrival`].
pub const MAIL_SUMMARY: &str = "mail.json";

/// The results of SPF, DKIM and DMARC: `pass`, `fail`, `none` and so on, in the terms of RFC 8601.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MailChecks {
    /// Whether the domain of the author's address is authenticated.
    pub verified: bool,
    /// SPF, RFC 7208.
    pub spf: String,
    /// DKIM, RFC 6376.
    pub dkim: String,
    /// DMARC, RFC 7489.
    pub dmarc: String,
}

/// An attachment.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MailFile {
    /// Its name, from the mail.
    pub name: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub content_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// Name of the document, next to the mail.
    pub document: String,
}

/// Response to `GET /connector/addresses?address=…`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MailAddressAnswer {
    /// Whether there is such an address.
    pub known: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_name_their_channel() {
        let random = [0; MAIL_RANDOM_LENGTH];
        let end = "a".repeat(MAIL_RANDOM_LENGTH);
        for (channel, name) in [
            ("#general", "general"),
            ("##C++ [dev]", "c-dev"),
            ("#Ünïcode", "n-code"),
            ("#", "channel"),
            (
                "#a-very-long-name-for-a-channel-indeed",
                "a-very-long-name-for-a-channel",
            ),
        ] {
            let local = mail_local_part(channel, &random);
            assert_eq!(local, format!("{name}.{end}"), "{channel}");
            assert!(is_mail_local_part(&local));
        }
        for bad in [
            "",
            ".",
            "general",
            "general.short",
            "a b.aaaaaaaaaaaaaaaaaaaa",
            "a/../b.aaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(!is_mail_local_part(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_channel_an_address_is_one(channel in ".{0,60}", random: [u8; MAIL_RANDOM_LENGTH]) {
            let local = mail_local_part(&channel, &random);
            prop_assert!(is_mail_local_part(&local));
            prop_assert!(local.len() <= 64, "RFC 5321 section 4.5.3.1.1");
        }
    }
}
