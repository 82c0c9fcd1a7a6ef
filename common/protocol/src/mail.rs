//! Mail: addresses of channels, and what the connector delivers.

use serde::{Deserialize, Serialize};

use crate::{AccountName, ConnectionId, Timestamp};

/// Random characters of a mail address: 100 bits, from an alphabet of 32.
pub const MAIL_RANDOM_LENGTH: usize = 20;
/// Longest part of a mail address that comes from the channel's name, bytes.
pub const MAIL_NAME_LENGTH: usize = 30;

/// The alphabet of the random part; nothing in it is mistaken for something else.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// `accounts/<account>/mail/addresses/<id>.json`: an address by which mail reaches a channel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MailAddress {
    /// Version of this record's format; 1.
    pub version: u32,
    /// Names the address within the account.
    pub id: String,
    /// What stands before the `@`: `<name of the channel>.<random>`, lower case.
    pub local: String,
    /// The connection by which the channel is reached.
    pub connection: ConnectionId,
    /// The channel, or a nickname.
    pub channel: String,
    /// When it was made.
    pub created: Timestamp,
}

/// Whose address it is: `mail-addresses/<local part>.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MailAddressOwner {
    /// The account.
    pub account: AccountName,
    /// Names the address within the account.
    pub id: String,
}

/// Makes the part before the `@` from a channel's name and random bytes.
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

/// Returns whether [`mail_local_part`] could have made a text.
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
pub struct MailArrival {
    /// Names the mail; the same when it is handed over again. `^[a-z0-9]{16,64}$`.
    pub id: String,
    /// The address it came for.
    pub address: String,
    /// When it was taken; the same when it is handed over again.
    pub received: Timestamp,
    /// The envelope's sender; empty for notifications.
    pub sender: String,
    /// Who wrote it, `Alice <alice@example.org>`, as the mail says.
    pub from: String,
    /// To whom it was written, as the mail says.
    #[serde(default)]
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// When it was written, as the mail says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// Its text; at most [`MAX_MAIL_TEXT`] bytes.
    pub text: String,
    /// What is known about its sender.
    pub checks: MailChecks,
    /// Its attachments, stored beside it.
    #[serde(default)]
    pub attachments: Vec<MailFile>,
    /// Length of the mail in bytes.
    pub size: u64,
}

/// Longest text of a [`MailArrival`], bytes; the stored mail has all of it.
pub const MAX_MAIL_TEXT: usize = 64 * 1024;
/// Most attachments that are stored apart; the stored mail has all of them.
pub const MAX_MAIL_FILES: usize = 50;
/// Name of the document with the whole mail.
pub const MAIL_DOCUMENT: &str = "message.eml";
/// Name of the document that says what the mail is, a [`MailArrival`].
pub const MAIL_SUMMARY: &str = "mail.json";

/// What SPF, DKIM and DMARC said: `pass`, `fail`, `none` and so on, in the words of RFC 8601.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct MailChecks {
    /// Whether the domain of the writer's address is proved.
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
pub struct MailFile {
    /// Its name, as the mail says.
    pub name: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub content_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// Name of the document, beside the mail.
    pub document: String,
}

/// Answer to `GET /connector/addresses?address=…`.
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
