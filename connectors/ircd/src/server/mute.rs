//! Somebody who must not speak in a channel puts no text before it, by whatever command, but names.
//!
//! Messages are refused ([`super::messages`]), and so is a new topic; the reasons of PART, QUIT and REDACT, away messages
//! and new real names are not shown to those who share only such channels; nobody takes another nickname while banned.
//! KICK and the modes are for operators, who may always speak; INVITE carries no text. What remains is who somebody
//! is: the names that JOIN shows, and a new nickname in a moderated channel.

use std::collections::BTreeSet;

use protocol::FoldedName;

use super::client::UserId;
use super::{ClientId, Server};

/// The away message of who may not speak: an empty one would mean being back.
pub(super) const AWAY: &str = "Away";

impl Server {
    /// Returns whether a user may not speak in a channel.
    pub(super) fn is_muted(&self, user_id: UserId, key: &FoldedName) -> bool {
        match (self.channels.get(key), self.users.get(&user_id)) {
            (Some(channel), Some(user)) => !channel.may_speak(user_id, user),
            _ => false,
        }
    }

    /// Divides those who are told of a user's text: those who are shown it, and those who share only channels with the
    /// user in which the user may not speak.
    pub(super) fn divide(
        &self,
        user_id: UserId,
        audience: BTreeSet<ClientId>,
    ) -> (BTreeSet<ClientId>, BTreeSet<ClientId>) {
        let channels = self.users.get(&user_id).map(|user| &user.channels);
        let (muted, open): (Vec<_>, Vec<_>) = channels
            .into_iter()
            .flatten()
            .partition(|key| self.is_muted(user_id, key));
        if muted.is_empty() {
            return (audience, BTreeSet::new());
        }
        let sessions = |keys: Vec<&FoldedName>| -> BTreeSet<ClientId> {
            keys.into_iter()
                .flat_map(|key| self.audience(key))
                .collect()
        };
        let (muted, open) = (sessions(muted), sessions(open));
        audience
            .into_iter()
            .partition(|id| open.contains(id) || !muted.contains(id))
    }

    /// Returns a channel in which a user is banned, and neither an operator nor voiced.
    pub(super) fn banned_in(&self, user_id: UserId) -> Option<&str> {
        let user = self.users.get(&user_id)?;
        let mut channels = user
            .channels
            .iter()
            .filter_map(|key| self.channels.get(key));
        channels
            .find(|channel| channel.is_silenced(user_id, user))
            .map(|channel| channel.record.name.as_str())
    }
}
