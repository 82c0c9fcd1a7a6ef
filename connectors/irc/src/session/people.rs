//! Whether a source is a person or a server.

use irc_codec::{Message, Source};
use protocol::Entity;

use super::Session;

impl Session {
    /// Returns whether a source is a server. With a user or host it is a person, whatever its name looks like:
    /// bridges put dots into nicknames. Without them it is the server we are connected to or, if the name has a dot,
    /// one behind it.
    pub(super) fn is_server(&self, source: &Source) -> bool {
        if source.user.is_some() || source.host.is_some() {
            return false;
        }
        let name = &source.nick;
        let own = self.link.server_name.as_deref();
        name.is_empty()
            || own.is_some_and(|own| own.eq_ignore_ascii_case(name))
            || name.contains('.') && !self.is_me(name) && !self.shares_channel(name)
    }

    /// The sender as an entity: a server is represented by the network's entity.
    pub(super) fn sender(&self, source: &Source) -> Entity {
        if self.is_server(source) {
            self.service()
        } else {
            self.person(&source.nick)
        }
    }

    /// Takes the server's name from the first line after registration.
    pub(super) fn server_named(&mut self, message: &Message) {
        let source = message.source.as_ref();
        self.link.server_name = source
            .filter(|source| source.user.is_none() && source.host.is_none())
            .map(|source| source.nick.clone());
    }
}

/// The source of a message; an empty one means the server.
pub(super) fn source_of(message: &Message) -> Source {
    message.source.clone().unwrap_or_default()
}
