//! Ownership of nicknames: members own theirs even before they have ever used IRC; no guest may use one that looks
//! like a member's or a program's.

use irc_codec::{Message, numeric};
use protocol::{AccountName, is_speaker, outline};

use super::client::{Busy, NextStep};
use super::deliver::Response;
use super::lookalike::likely_accounts;
use super::reply::Reply;
use super::{ClientId, Now, Server, names};

/// Why a user may not have a nickname.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Claim {
    /// It is the name of another account.
    Account,
    /// The guest could be mistaken for a member.
    LooksLikeAccount,
    /// It could be mistaken for a program's.
    Program,
}

impl Server {
    /// Returns whether someone else has a claim on a nickname, whether or not they are present.
    pub(super) fn claim(&self, nick: &str, account: Option<&AccountName>) -> Option<Claim> {
        let folded = names::fold(nick);
        if account.is_some_and(|account| account.as_str() == folded.as_str()) {
            return None;
        }
        if self.accounts.contains(folded.as_str()) {
            Some(Claim::Account)
        } else if is_speaker(nick) {
            Some(Claim::Program)
        } else if account.is_none() && self.outlines.contains(&outline(nick)) {
            Some(Claim::LooksLikeAccount)
        } else {
            None
        }
    }

    /// Looks up whether a nickname belongs to a member; returns false if that is known already.
    pub(super) fn must_look_up(&mut self, id: ClientId, nick: &str) -> bool {
        let Some(client) = self.clients.get(&id) else {
            return false;
        };
        let own = client.account.as_ref().map(AccountName::as_str);
        let folded = names::fold(nick);
        if own == Some(folded.as_str()) || client.looked_up.as_ref() == Some(&folded) {
            return false;
        }
        let unknown: Vec<AccountName> = likely_accounts(nick)
            .into_iter()
            .filter(|name| own != Some(name.as_str()) && !self.accounts.contains(name))
            .collect();
        if unknown.is_empty() || self.claim(nick, client.account.as_ref()).is_some() {
            return false;
        }
        self.look_up_names(id, unknown, NextStep::Nick(nick.to_owned()));
        true
    }

    pub(super) fn look_up_names(&mut self, id: ClientId, names: Vec<AccountName>, then: NextStep) {
        let label = self.response.take().map(|response| response.label);
        if let Some(client) = self.clients.get_mut(&id) {
            client.busy = Some(Busy::Names { label, then });
        }
        self.outbox.names(id, names);
    }

    /// Looks up which recipients of a message are members who have never connected; returns false if that is known
    /// already.
    pub(super) fn must_look_up_recipients(
        &mut self,
        id: ClientId,
        targets: &[&str],
        message: &Message,
    ) -> bool {
        let folded = names::fold(message.param(0));
        let asked = self
            .clients
            .get(&id)
            .is_none_or(|client| client.looked_up.as_ref() == Some(&folded));
        let unknown: Vec<AccountName> = targets
            .iter()
            .map(|target| names::fold(target))
            .filter(|name| !self.nicks.contains_key(name))
            .filter_map(|name| name.as_str().parse().ok())
            .filter(|account| !self.accounts.contains(account))
            .collect();
        if asked || unknown.is_empty() {
            return false;
        }
        let then = NextStep::Message(Box::new(message.clone()));
        self.look_up_names(id, unknown, then);
        true
    }

    /// Handles the answer to [`super::Output::Names`]: which of the names are accounts.
    pub fn handle_names(
        &mut self,
        id: ClientId,
        result: Result<Vec<AccountName>, String>,
        now: Now,
    ) {
        self.now = now;
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let (label, then) = match client.busy.take() {
            Some(Busy::Names { label, then }) => (label, then),
            other => {
                client.busy = other;
                return;
            }
        };
        self.response = label.map(|label| Response::new(id, label));
        let user = client.user;
        let name = match &then {
            NextStep::Nick(nick) => nick.clone(),
            NextStep::Message(message) | NextStep::Roles(message) => message.param(0).to_owned(),
        };
        match (result, then) {
            (Ok(found), then) => {
                client.looked_up = Some(names::fold(&name));
                for account in &found {
                    self.remember_account(account);
                }
                match (then, user) {
                    (NextStep::Nick(nick), _) => self.take_nick(id, &nick),
                    (NextStep::Message(message), Some(user)) => self.on_message(id, user, &message),
                    (NextStep::Roles(message), Some(user)) => self.amode(id, user, &message),
                    (NextStep::Message(_) | NextStep::Roles(_), None) => {}
                }
            }
            (Err(reason), NextStep::Nick(nick)) => {
                if let Some(registration) = &mut client.registration {
                    registration.nick = None;
                }
                let text = format!("The nickname is not available right now: {reason}");
                self.reply(
                    id,
                    Reply::new(numeric::ERR_UNAVAILRESOURCE, [nick.as_str(), &text]),
                );
            }
            (Err(reason), NextStep::Roles(_)) => {
                self.fail(id, "AMODE", "TEMPORARILY_UNAVAILABLE", &[&name], &reason);
            }
            (Err(reason), NextStep::Message(message)) => {
                if message.command == "PRIVMSG" {
                    let text = format!("Your message was not sent: {reason}");
                    self.reply(
                        id,
                        Reply::new(numeric::ERR_NOSUCHNICK, [name.as_str(), &text]),
                    );
                }
            }
        }
        self.finish_response();
        self.show_next_missed(id);
    }
}

/// What somebody typed, or a star if it cannot be a middle parameter.
pub(super) fn known_or(typed: &str) -> &str {
    let whole = !typed.is_empty() && !typed.contains(' ') && !typed.starts_with(':');
    if whole { typed } else { "*" }
}
