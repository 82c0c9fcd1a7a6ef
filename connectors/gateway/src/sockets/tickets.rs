//! Tickets, with which a socket proves its identity.

use protocol::{CallTicket, Ticket};
use serde_json::Value;
use socketioxide::extract::SocketRef;

/// Sent to a socket without a ticket.
const NO_TICKET: &str =
    "a ticket is required: get one from /api/tickets and send it as auth.ticket or ?ticket=";

/// Checks tickets.
pub(crate) struct Tickets {
    key: Vec<u8>,
    /// The connector that tickets must be for.
    connector: String,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    /// `key` is shared with the functions, which issue the tickets.
    pub(crate) fn new(key: &[u8], connector: &str) -> Self {
        Self {
            key: key.to_vec(),
            connector: connector.to_owned(),
        }
    }

    /// Checks a ticket.
    pub(crate) fn check(&self, text: &str) -> Result<Ticket, String> {
        Ticket::verify(text, &self.key, &self.connector, connector_kit::now())
            .map_err(|error| error.to_string())
    }

    /// Checks the ticket of a handshake.
    pub(crate) fn of_socket(&self, socket: &SocketRef, auth: &Value) -> Result<Ticket, String> {
        let query = socket.req_parts().uri.query().unwrap_or_default();
        let text = auth
            .get("ticket")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let text = text.or_else(|| ticket_in(query)).ok_or(NO_TICKET)?;
        self.check(&text)
    }

    /// Returns the call ticket a socket brings, if it is valid.
    pub(crate) fn of_call(&self, auth: &Value) -> Option<CallTicket> {
        let text = auth
            .get("ticket")
            .and_then(Value::as_str)
            .unwrap_or_default();
        CallTicket::verify(text, &self.key, &self.connector, connector_kit::now()).ok()
    }
}

/// The ticket in the query of a request.
pub(crate) fn ticket_in(query: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, ticket) = pairs.find(|(key, _)| key == "ticket")?;
    Some(ticket.into_owned())
}
