//! WEBIRC (<https://ircv3.net/specs/extensions/webirc>): a gateway announces its client's real address.

use irc_codec::Message;

use super::{ClientId, Server};

impl Server {
    pub(super) fn on_webirc(&mut self, id: ClientId, message: &Message) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let first = client.registration.as_ref().is_some_and(|registration| {
            registration.nick.is_none()
                && registration.user.is_none()
                && registration.password.is_none()
                && !registration.negotiating
        });
        if !first {
            return self.disconnect(id, "WEBIRC must be the first command of a connection");
        }
        let from = client.peer.address;
        let wanted = self.config.webirc_password.as_ref();
        let wanted = wanted.map_or("", |password| password.0.as_str());
        let known = self.config.is_proxy(from)
            && !wanted.is_empty()
            && same(wanted.as_bytes(), message.param(0).as_bytes());
        if !known {
            let text = "WEBIRC is for the configured gateways, with their password";
            return self.disconnect(id, text);
        }
        let Ok(address) = message.param(3).parse::<std::net::IpAddr>() else {
            let text = "WEBIRC: the fourth parameter must be the address of the client";
            return self.disconnect(id, text);
        };
        let address = address.to_canonical();
        // A gateway whose own connection is not secure cannot vouch for its client's.
        let secure = message
            .param(4)
            .split(' ')
            .any(|option| option == "secure" || option.starts_with("secure="));
        if let Some(refusal) = self.refuse_address(address) {
            return self.disconnect(id, &refusal);
        }
        self.leave_address(from);
        self.addresses
            .entry(program::network(address))
            .or_default()
            .clients += 1;
        if let Some(client) = self.clients.get_mut(&id) {
            client.peer.address = address;
            client.peer.secure = secure && (client.peer.secure || program::is_loopback(from));
        }
    }
}

/// Compares in constant time.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
