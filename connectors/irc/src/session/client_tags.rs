//! Client-only tags: what the network relays of them.

use gateway::Audience;
use irc_codec::client_tags::{REACT, REPLY, TYPING, UNREACT};
pub(super) use irc_codec::client_tags::{Reaction, answered, chat_state, typing_tags};
use protocol::Feature;

use super::Session;

impl Session {
    /// What of the messages' relations can be said on this connection. Reactions and deletions count as done once the server
    /// echoes them, so they need that, too.
    pub(super) fn carries(&self) -> Vec<Feature> {
        let relays = |name| self.link.isupport.relays_tag(name);
        let (tags, echo) = (self.can("message-tags"), self.can("echo-message"));
        let replies = self.reply_tag().is_some();
        let reacts = relays(REACT) && relays(UNREACT);
        [
            (
                Feature::Deletion,
                echo && self.can("draft/message-redaction"),
            ),
            (Feature::Reactions, echo && replies && reacts),
            (Feature::Replies, replies),
            (Feature::Typing, tags && relays(TYPING)),
        ]
        .into_iter()
        .filter_map(|(feature, is_there)| is_there.then_some(feature))
        .collect()
    }

    /// The tag by which the network is told what a message answers, if it relays one.
    pub(super) fn reply_tag(&self) -> Option<&'static str> {
        if !self.can("message-tags") {
            return None;
        }
        let relayed = |name: &&str| self.link.isupport.relays_tag(name);
        match REPLY.iter().position(relayed)? {
            0 => Some("+reply"),
            _ => Some("+draft/reply"),
        }
    }

    /// Tells sockets what the connection carries if that has changed. Until it is online it is part of the state that follows.
    pub(super) fn tell_what_is_carried(&mut self, before: &[Feature]) {
        if self.is_online() && self.carries() != before {
            let state = self.state();
            self.publish(state, Audience::Full);
        }
    }
}
