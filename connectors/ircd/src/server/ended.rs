//! Sessions that end because their credentials did: a revoked IRC password, a changed password, a disabled or deleted
//! account.

use std::collections::BTreeSet;

use protocol::SessionRef;

use super::{ClientId, Now, Server};

impl Server {
    /// Returns the credentials of all signed-in clients.
    #[must_use]
    pub fn signed_in(&self) -> BTreeSet<SessionRef> {
        let clients = self.clients.values();
        clients
            .filter_map(|client| client.session.clone())
            .collect()
    }

    /// These credentials are no longer valid: clients signed in with them are disconnected.
    pub fn handle_ended(&mut self, ended: &BTreeSet<SessionRef>, now: Now) {
        self.now = now;
        let gone: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, client)| {
                let session = client.session.as_ref();
                session.is_some_and(|session| ended.contains(session))
            })
            .map(|(&id, _)| id)
            .collect();
        for id in gone {
            let text = "You are signed out: the password of this connection was changed or revoked, or the account is disabled";
            self.disconnect(id, text);
        }
    }
}
