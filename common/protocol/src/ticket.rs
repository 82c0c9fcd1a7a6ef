//! Tickets: what a browser presents to a connector instead of its session.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{AccountName, Timestamp};

/// A short-lived permission to use one connector as one account.
///
/// Encoding: `<base64url of the JSON>.<base64url of HMAC-SHA256 over the first part>`, keyed with the connector's key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ticket {
    /// The account.
    pub account: AccountName,
    /// The connector's id.
    pub connector: String,
    /// When the ticket expires.
    pub expires: Timestamp,
    /// Id of the session's grant for which it was issued: whatever ends that grant ends the ticket and its sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
}

/// Why a ticket is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TicketError {
    /// Not a ticket, or signed with another key.
    #[error("the ticket is not valid; ask /api/tickets for a new one")]
    Invalid,
    /// It has expired.
    #[error("the ticket has expired; ask /api/tickets for a new one")]
    Expired,
    /// It was issued for another connector.
    #[error("the ticket is for another connector; ask /api/tickets for a new one")]
    OtherConnector,
}

impl Ticket {
    /// Signs with the connector's key.
    #[must_use]
    pub fn sign(&self, key: &[u8]) -> String {
        seal(self, PURPOSE, key)
    }

    /// Verifies a ticket presented to `connector` at `now`.
    ///
    /// # Errors
    /// Which of the checks failed.
    pub fn verify(
        text: &str,
        key: &[u8],
        connector: &str,
        now: Timestamp,
    ) -> Result<Self, TicketError> {
        let ticket: Self = open(text, PURPOSE, key)?;
        check(ticket.expires, &ticket.connector, connector, now)?;
        Ok(ticket)
    }
}

/// A permission to take part in one call, as long as the call's link is valid: whoever reconnects with it is the same
/// participant. Signed like a [`Ticket`], for a separate purpose.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CallTicket {
    /// The call.
    pub call: String,
    /// The participant within the call.
    pub peer: String,
    /// The display name for the others.
    pub name: String,
    /// Whether the participant has no account.
    pub guest: bool,
    /// The connector's id.
    pub connector: String,
    /// When the ticket expires.
    pub expires: Timestamp,
    /// The account; absent for guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Id of the session's grant for which it was issued; absent for guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Whether the participant may remove others: the starter of the call, and admins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moderator: bool,
}

impl CallTicket {
    /// Signs with the connector's key.
    #[must_use]
    pub fn sign(&self, key: &[u8]) -> String {
        seal(self, CALL_PURPOSE, key)
    }

    /// Verifies a ticket presented to `connector` at `now`.
    ///
    /// # Errors
    /// Which of the checks failed.
    pub fn verify(
        text: &str,
        key: &[u8],
        connector: &str,
        now: Timestamp,
    ) -> Result<Self, TicketError> {
        let ticket: Self = open(text, CALL_PURPOSE, key)?;
        check(ticket.expires, &ticket.connector, connector, now)?;
        Ok(ticket)
    }
}

/// Signed together with the claims, so that a ticket of one kind is not valid as the other.
const PURPOSE: &[u8] = b"subspace ticket v1\n";
const CALL_PURPOSE: &[u8] = b"subspace call ticket v1\n";

fn seal(claims: &impl Serialize, purpose: &[u8], key: &[u8]) -> String {
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap_or_default());
    let signature = URL_SAFE_NO_PAD.encode(mac(key, purpose, &claims).finalize().into_bytes());
    format!("{claims}.{signature}")
}

fn open<T: DeserializeOwned>(text: &str, purpose: &[u8], key: &[u8]) -> Result<T, TicketError> {
    let (claims, signature) = text.split_once('.').ok_or(TicketError::Invalid)?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| TicketError::Invalid)?;
    mac(key, purpose, claims)
        .verify_slice(&signature)
        .map_err(|_| TicketError::Invalid)?;
    let claims = URL_SAFE_NO_PAD
        .decode(claims)
        .map_err(|_| TicketError::Invalid)?;
    serde_json::from_slice(&claims).map_err(|_| TicketError::Invalid)
}

fn check(
    expires: Timestamp,
    made_for: &str,
    connector: &str,
    now: Timestamp,
) -> Result<(), TicketError> {
    if expires <= now {
        return Err(TicketError::Expired);
    }
    if made_for != connector {
        return Err(TicketError::OtherConnector);
    }
    Ok(())
}

fn mac(key: &[u8], purpose: &[u8], claims: &str) -> Hmac<Sha256> {
    let mut mac = crate::signed::keyed(key);
    mac.update(purpose);
    mac.update(claims.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fresh_ticket_of_this_connector_counts() {
        let now = Timestamp::from_millis(1_000_000);
        let ticket = Ticket {
            account: "alice".parse().unwrap(),
            connector: "irc".into(),
            expires: now.plus_millis(1),
            grant: Some("g1".into()),
        };
        let text = ticket.sign(b"key");
        assert_eq!(Ticket::verify(&text, b"key", "irc", now), Ok(ticket));
        let verify = |text: &str, key, connector, now| {
            Ticket::verify(text, key, connector, now).unwrap_err()
        };
        assert_eq!(
            verify(&text, b"key", "irc", now.plus_millis(1)),
            TicketError::Expired
        );
        assert_eq!(
            verify(&text, b"key", "irc2", now),
            TicketError::OtherConnector
        );
        assert_eq!(verify(&text, b"yek", "irc", now), TicketError::Invalid);
        assert_eq!(
            verify(&format!("A{text}"), b"key", "irc", now),
            TicketError::Invalid
        );
        assert_eq!(verify("", b"key", "irc", now), TicketError::Invalid);
    }

    #[test]
    fn a_ticket_of_one_kind_is_none_of_the_other() {
        let now = Timestamp::from_millis(1_000_000);
        let call = CallTicket {
            call: "c1".into(),
            peer: "p1".into(),
            name: "Zoë".into(),
            guest: true,
            connector: "irc".into(),
            expires: now.plus_millis(1),
            account: None,
            grant: None,
            moderator: false,
        };
        let text = call.sign(b"key");
        assert_eq!(CallTicket::verify(&text, b"key", "irc", now), Ok(call));
        assert_eq!(
            Ticket::verify(&text, b"key", "irc", now),
            Err(TicketError::Invalid)
        );
        let late = now.plus_millis(1);
        assert_eq!(
            CallTicket::verify(&text, b"key", "irc", late),
            Err(TicketError::Expired)
        );
    }
}
