//! `/api/tickets`: the tickets with which a browser connects to connectors.

use crate::kernel::host::Host;
use http::StatusCode;
use protocol::{ConnectorAddress, Ticket, TicketResponse};
use storage_adapter::ObjectStore;

use crate::chat::Chat;
use crate::identity::call::Call;
use crate::kernel::problem::Answer;
use crate::kernel::request::answer;

/// How long a ticket lasts: 5 minutes.
pub(crate) const TICKET_MS: i64 = 5 * 60 * 1000;

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// `POST /api/tickets`.
    pub(crate) async fn post_ticket(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        // A request for a ticket means that a browser opens a socket, so its user sees their messages.
        self.notify.browser_came(&held.account).await?;
        let expires = self.kernel.now().plus_millis(TICKET_MS);
        let address = |connector: &crate::kernel::config::Connector| {
            let ticket = Ticket {
                account: held.account.clone(),
                connector: connector.id.clone(),
                expires,
                grant: Some(held.grant.id.clone()),
            };
            ConnectorAddress {
                id: connector.id.clone(),
                url: connector.url.clone(),
                platforms: connector.platforms.clone(),
                ticket: ticket.sign(&connector.key),
            }
        };
        // A connector without platforms, like the IRC server, has nothing for browsers.
        let serving = self.connectors.all_connectors().await?;
        let serving = serving
            .iter()
            .filter(|connector| !connector.platforms.is_empty());
        let response = TicketResponse {
            connectors: serving.map(address).collect(),
            expires,
        };
        Ok(answer(StatusCode::OK, &response))
    }
}
