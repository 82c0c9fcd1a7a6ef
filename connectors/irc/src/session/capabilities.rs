//! Capability negotiation, <https://ircv3.net/specs/extensions/capability-negotiation>.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use irc_codec::{CAP_VERSION, Message};

use super::sasl::Sasl;
use super::{Session, new_account};
use crate::record::Record as _;

/// The capability required for signing in.
const SASL: &str = "sasl";

/// The capabilities we support.
const WANTED: &[&str] = &[
    "account-notify",
    "account-tag",
    "away-notify",
    "batch",
    "cap-notify",
    "chathistory",
    "chghost",
    new_account::CAPABILITY,
    "draft/channel-rename",
    "draft/chathistory",
    "draft/event-playback",
    "draft/message-redaction",
    "draft/relaymsg",
    "echo-message",
    "extended-join",
    "invite-notify",
    "labeled-response",
    "message-tags",
    "multi-prefix",
    "server-time",
    "setname",
    "standard-replies",
    "userhost-in-names",
];

/// Maximum length of the list in one CAP REQ, in bytes.
const MAX_REQUEST: usize = 400;

/// Which capabilities are offered, requested and granted.
#[derive(Debug, Default)]
pub(super) struct Capabilities {
    offered: BTreeMap<String, String>,
    enabled: BTreeSet<String>,
    /// Unanswered requests in order.
    asked: VecDeque<Vec<String>>,
    /// Refused even when requested alone; not requested again until offered again.
    refused: BTreeSet<String>,
    /// Whether more of a list is to come.
    listing: bool,
}

impl Capabilities {
    pub(super) fn enabled(&self, capability: &str) -> bool {
        self.enabled.contains(capability)
    }

    fn offer(&mut self, list: &str) {
        for item in list.split_ascii_whitespace() {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            // A list may be endless; capabilities that we would not request are not remembered.
            if WANTED.contains(&name) || name == SASL {
                self.offered.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// A capability that is offered again may be granted this time.
    fn offer_anew(&mut self, list: &str) {
        for item in list.split_ascii_whitespace() {
            self.refused.remove(item.split('=').next().unwrap_or(item));
        }
        self.offer(list);
    }

    /// Forgets that a name was refused, and which requests have no answer: one that never comes would hold all others up.
    fn ask_again(&mut self, name: &str) {
        self.refused.remove(name);
        self.asked.clear();
    }

    fn withdraw(&mut self, name: &str) {
        self.offered.remove(name);
        self.enabled.remove(name);
    }

    fn apply(&mut self, list: &str) {
        for item in list.split_ascii_whitespace() {
            match item.strip_prefix('-') {
                Some(gone) => {
                    self.enabled.remove(gone);
                }
                None if WANTED.contains(&item) || item == SASL => {
                    self.enabled.insert(item.to_owned());
                }
                None => {}
            }
        }
    }

    /// What to request: the capabilities we support, in as few requests as possible, and `sasl` separately, because
    /// one name that the server refuses causes its whole request to fail.
    fn requests(&self, sign_in: bool) -> Vec<Vec<String>> {
        let open = |name: &&str| {
            self.offered.contains_key(*name)
                && !self.enabled.contains(*name)
                && !self.refused.contains(*name)
                && !self.asked.iter().flatten().any(|asked| asked == name)
        };
        let mut requests: Vec<Vec<String>> = Vec::new();
        let mut length = usize::MAX;
        for name in WANTED.iter().filter(|name| open(name)) {
            length = length.saturating_add(name.len() + 1);
            if length > MAX_REQUEST {
                requests.push(Vec::new());
                length = name.len();
            }
            if let Some(request) = requests.last_mut() {
                request.push((*name).to_owned());
            }
        }
        if sign_in && open(&SASL) {
            requests.push(vec![SASL.to_owned()]);
        }
        requests
    }

    /// Finds the request that a response belongs to: servers name the capabilities, and respond in order if they do
    /// not.
    fn answered(&mut self, list: &str) -> Option<Vec<String>> {
        let named = |name: &String| {
            list.split_ascii_whitespace()
                .any(|item| item.trim_start_matches('-') == name)
        };
        let at = if list.trim().is_empty() {
            0
        } else {
            self.asked
                .iter()
                .position(|asked| asked.iter().any(named))?
        };
        self.asked.remove(at)
    }
}

impl Session {
    pub(super) fn capability(&mut self, message: &Message) {
        let before = self.carries();
        self.negotiate(message);
        self.tell_what_is_carried(&before);
    }

    fn negotiate(&mut self, message: &Message) {
        let more = message.param(2) == "*" && message.params.len() > 3;
        let list = message.params.last().cloned().unwrap_or_default();
        match message.param(1).to_ascii_uppercase().as_str() {
            "LS" | "NEW" if self.obeys_sts(&list) => {}
            "LS" => {
                if !std::mem::replace(&mut self.link.capabilities.listing, more) {
                    self.link.capabilities.offered.clear();
                }
                self.link.capabilities.offer(&list);
                if !more {
                    self.ask_capabilities();
                }
            }
            "NEW" => {
                let name = |item: &str| item.split('=').next() == Some(SASL);
                if self.link.sasl == Sasl::Refused && list.split_ascii_whitespace().any(name) {
                    self.sign_in_anew();
                }
                self.link.capabilities.offer_anew(&list);
                self.ask_capabilities();
            }
            "DEL" => {
                for name in list.split_ascii_whitespace() {
                    self.link.capabilities.withdraw(name);
                    if name == SASL {
                        // Who we are to the services that come back is for the next sign-in to say.
                        self.sign_in_anew();
                    }
                }
            }
            "ACK" => {
                self.link.capabilities.apply(&list);
                if !more && self.link.capabilities.answered(&list).is_some() {
                    self.capabilities_answered();
                }
            }
            "NAK" => self.capabilities_refused(&list),
            _ => {}
        }
    }

    pub(super) fn sign_in_due(&self) -> Option<Duration> {
        self.link.check_sign_in_at.filter(|_| self.is_online())
    }

    /// While channels wait for the sign-in: not every server announces that its services are back, but all list the
    /// capability.
    pub(super) fn sign_in_timeout(&mut self) {
        if self
            .sign_in_due()
            .is_some_and(|due| due <= self.now.elapsed)
        {
            self.schedule_sign_in_check();
            self.link.capabilities.ask_again(SASL);
            if self.link.sasl == Sasl::Refused {
                self.sign_in_anew();
            }
            self.send_later(&Message::new("CAP", ["LS", &CAP_VERSION.to_string()]));
        }
    }

    pub(super) fn schedule_sign_in_check(&mut self) {
        let next = self.now.elapsed + self.settings.sign_in_wait;
        self.link.check_sign_in_at = self.link.held.then_some(next);
    }

    /// Returns whether the account wants to sign in with SASL.
    fn wants_sign_in(&self) -> bool {
        let connection = &self.assignment.connection;
        connection.sasl() && connection.password.is_some()
    }

    /// Returns whether a sign-in with SASL is tried: with the password, or with the certificate where that is possible.
    fn tries_sign_in(&self) -> bool {
        self.wants_sign_in() || self.may_show_certificate()
    }

    fn ask_capabilities(&mut self) {
        let requests = self.link.capabilities.requests(self.tries_sign_in());
        for request in requests {
            self.request_capabilities(request);
        }
        if self.link.capabilities.asked.is_empty() {
            self.capabilities_settled();
        }
    }

    fn request_capabilities(&mut self, request: Vec<String>) {
        self.send_now(&Message::new("CAP", ["REQ", &request.join(" ")]));
        self.link.capabilities.asked.push_back(request);
    }

    /// NAK: nothing in the request is granted, although perhaps only one name is the problem. Each is requested
    /// alone.
    fn capabilities_refused(&mut self, list: &str) {
        let Some(request) = self.link.capabilities.answered(list) else {
            return;
        };
        if let [name] = &*request {
            self.link.capabilities.refused.insert(name.clone());
        } else {
            for name in request {
                self.request_capabilities(vec![name]);
            }
        }
        self.capabilities_answered();
    }

    fn capabilities_answered(&mut self) {
        if self.link.capabilities.asked.is_empty() {
            self.capabilities_settled();
        }
    }

    /// No requests are outstanding: sign in or continue.
    fn capabilities_settled(&mut self) {
        if self.can(SASL) && self.link.sasl == Sasl::Not && self.tries_sign_in() {
            self.sign_in();
        } else if !self.link.sasl.is_under_way() {
            self.end_negotiation();
        }
    }

    /// The character that relayed names must contain, if the server supports relaying.
    pub(super) fn relay_separator(&self) -> Option<char> {
        if !self.can("draft/relaymsg") {
            return None;
        }
        let value = self.link.capabilities.offered.get("draft/relaymsg");
        let separators = value.map(String::as_str).unwrap_or_default();
        if separators.contains('/') {
            return Some('/');
        }
        Some(separators.chars().next().unwrap_or('/'))
    }

    /// The SASL mechanisms, if the server lists them.
    pub(super) fn mechanisms(&self) -> Option<&str> {
        self.link
            .capabilities
            .offered
            .get(SASL)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether an account on the network needs an e-mail address.
    pub(super) fn wants_email(&self) -> bool {
        let offered = &self.link.capabilities.offered;
        let value = offered.get(new_account::CAPABILITY);
        value.is_some_and(|value| value.split(',').any(|item| item == "email-required"))
    }

    /// The server lists the mechanisms of SASL elsewhere than among its capabilities.
    pub(super) fn set_mechanisms(&mut self, list: String) {
        self.link.capabilities.offered.insert(SASL.to_owned(), list);
    }

    pub(super) fn end_negotiation(&mut self) {
        if self.registering() && !self.link.welcomed {
            self.send_now(&Message::new("CAP", ["END"]));
        }
    }

    /// Returns whether the server admitted us without the sign-in that the account requires.
    pub(super) fn lacks_sign_in(&self) -> bool {
        self.wants_sign_in() && !self.link.sasl.is_done() && self.link.account.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_offered_only_what_we_may_ask_for_is_kept() {
        let mut capabilities = Capabilities::default();
        for number in 0..2_000 {
            capabilities.offer(&format!("example.org/c{number}=v sasl=PLAIN server-time"));
        }
        let kept: Vec<&str> = capabilities.offered.keys().map(String::as_str).collect();
        assert_eq!(kept, [SASL, "server-time"]);
    }
}
